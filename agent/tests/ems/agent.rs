//! Several functions in one VNF, and the structural agent before them.
use crate::common::wait;
use crate::rig::Rig;
use serde_json::{Value, json};
use std::time::Duration;

mod many;
mod programs;
mod shares;
mod snmp;

const FILTER: &str = "define($RULES allow all);\ninput -> MarkIPHeader(14) -> f :: IPFilter($RULES) -> output;\n";
const COUNT: &str = "input -> c :: Counter -> output;\n";
const CHAIN: &str = "
[[functions]]
name = 'filter'
file = 'filter.click'
[functions.parameters]
RULES = 'deny udp dst port 9, allow all'
[[functions]]
name = 'count'
file = 'count.click'
fail = 'open'
[agent]
[[agent.rules]]
name = 'there'
from = 'A'
path = 10
[[agent.rules]]
name = 'back'
from = 'B'
path = 11
[[agent.paths]]
id = 10
hops = [{ function = 'filter' }, { function = 'count' }]
to = { port = 'B' }
[[agent.paths]]
id = 11
hops = []
to = { port = 'A' }
";

const FILES: &[(&str, &str)] = &[("filter.click", FILTER), ("count.click", COUNT)];

/// Packets that a path's hops have seen.
fn packets(rig: &Rig, path: usize) -> Vec<u64> {
    let paths = rig.ems.get("/v1/agent/paths").is(200).json();
    paths[path]["packets"].as_array().expect("counts").iter().filter_map(Value::as_u64).collect()
}

/// Whether a ping comes back.
fn answers(rig: &Rig) -> bool {
    rig.net.in_a("ping -c 1 -W 1 10.0.1.3").status.success()
}

#[test]
fn packets_go_from_function_to_function_and_paths_change_while_they_flow() {
    let Some(rig) = Rig::with("agent-chain", FILES, CHAIN) else { return };
    let sluice = rig.start_and_settle();
    let functions = rig.ems.get("/v1/functions").is(200).json();
    let names: Vec<&str> = functions.as_array().expect("list").iter().filter_map(|f| f["name"].as_str()).collect();
    assert_eq!(names, ["agent", "filter", "count"]);
    let mut traffic = rig.traffic(4);
    // From two functions to one, and back; each is a revision of the agent.
    let back = json!({ "id": 11, "hops": [], "to": { "port": "A" } });
    let path = |hops: Value| json!([{ "id": 10, "hops": hops, "to": { "port": "B" } }, back]).to_string();
    let one = path(json!([{ "function": "filter" }]));
    let two = path(json!([{ "function": "filter" }, { "function": "count" }]));
    for n in 0..6 {
        rig.ems.put_json("/v1/agent/paths", if n % 2 == 0 { &one } else { &two }).is(200);
    }
    // A function is replaced, too; the other one's counts go on.
    let count = || rig.ems.get("/v1/elements/c/handlers/count?function=count").is(200).body;
    let number = |text: &str| text.trim().parse::<u64>().expect("a number");
    let before = number(&count());
    rig.ems.put("/v1/functions/filter", &FILTER.replace("-> output", "-> Counter -> output")).is(200);
    assert!(number(&count()) >= before && before > 0, "{before}");
    assert!(traffic.flows());
    traffic.arrived();
    let seen = packets(&rig, 0);
    // The second place was sometimes that of a function, sometimes the end.
    assert!(seen[0] == seen[1] && seen[2] < seen[1] && seen[2] > 0, "{seen:?}");
    let history = rig.ems.get("/v1/functions/agent/revisions").is(200).json();
    assert_eq!(history.as_array().map(Vec::len), Some(7), "{history}");
    let interfaces = rig.ems.get("/v1/agent/interfaces").is(200).json();
    let ids: Vec<&str> = interfaces.as_array().expect("list").iter().filter_map(|i| i["id"].as_str()).collect();
    assert_eq!(ids, ["CE01", "CE02", "CE03", "CI01", "CI02", "CI03"]);
    assert!(interfaces[2]["active"] == true && interfaces[1]["active"] == false, "{interfaces}");
    assert!(interfaces[5]["counters"]["given"].as_u64() > Some(1000), "{interfaces}");
    rig.shut_down(sluice);
}

#[test]
fn what_is_wrong_with_rules_and_paths_is_said_and_changes_nothing() {
    let Some(rig) = Rig::with("agent-wrong", FILES, CHAIN) else { return };
    let sluice = rig.start_and_settle();
    let (to, back) = (json!({ "port": "B" }), json!({ "id": 11, "hops": [], "to": { "port": "A" } }));
    let filter = json!([{ "function": "filter" }]);
    let wrong = [
        ("rules", json!([{ "name": "x", "path": 99 }]), "no path 99"),
        ("rules", json!([{ "name": "x", "from": "C", "path": 10 }]), "no port or function C"),
        ("rules", json!([{ "name": "x", "packets": "tcp dst prot 80", "path": 10 }]), "prot"),
        ("rules", json!([{ "name": "x", "snmp": "version 4", "path": 10 }]), "1, 2c, 3"),
        ("rules", json!([{ "name": "a b", "path": 10 }]), "cannot be called"),
        ("paths", json!([{ "id": 10, "hops": [{ "function": "nobody" }], "to": to }, back]), "nobody"),
        ("paths", json!([{ "id": 10, "hops": filter }]), "ends in a function"),
        ("paths", json!([{ "id": 0, "hops": [], "to": to }]), "1 to 16777215"),
        ("paths", json!([{ "id": 10, "index": 1, "hops": filter, "to": to }]), "come to 0"),
        (
            "paths",
            json!([{ "id": 10, "hops": [{ "port": "B" }] }]),
            "path 10: hop 1: it is a function, or a port and the Ethernet address",
        ),
    ];
    let shared =
        |share: Value| json!([{ "id": 10, "hops": [{ "function": "filter" }, { "share": share }], "to": to }, back]);
    let count = json!({ "function": "count" });
    let many = vec![count.clone(); 17];
    let beside = json!([{ "id": 10, "hops": [{ "function": "filter", "share": [count, count] }], "to": to }, back]);
    let shares = [
        ("paths", shared(json!([count])), "path 10: hop 2: 2 to 16 next hops share it, not 1"),
        ("paths", shared(json!(many)), "path 10: hop 2: 2 to 16 next hops share it, not 17"),
        (
            "paths",
            shared(json!([count, { "function": "filter", "weight": 0 }])),
            "hop 2: next hop 2: a weight is 1 to 65535",
        ),
        ("paths", shared(json!([count, count])), "path 10: hop 2: next hop 2: it is there twice"),
        ("paths", shared(json!([count, { "port": "B" }])), "hop 2: next hop 2: it is a function, or a port and"),
        ("paths", shared(json!([count, { "function": "nobody" }])), "no function nobody"),
        ("paths", beside, "path 10: hop 1: what is shared names no function"),
        (
            "paths",
            json!([{ "id": 10, "hops": [{ "share": [count, { "function": "filter" }] }] }, back]),
            "ends in a function",
        ),
    ];
    for (what, body, why) in wrong.into_iter().chain(shares) {
        let said = rig.ems.put_json(&format!("/v1/agent/{what}"), &body.to_string()).is(422);
        assert!(said.body.contains(why), "{body}: {said:?}");
    }
    rig.ems.put_json("/v1/agent/rules", "[{\"nmae\": 1}]").is(422);
    rig.ems
        .put_json("/v1/agent/paths", &shared(json!([count, { "function": "filter", "weight": 65536 }])).to_string())
        .is(422);
    // A function cannot reach beyond its braces.
    let out = rig.ems.put("/v1/functions/count", "input -> output; }; x :: { Idle -> Discard;").is(422);
    assert!(out.body.contains("outside of the function"), "{out:?}");
    let now = rig.ems.get("/v1/functions").is(200).json();
    assert!(now.as_array().expect("list").iter().all(|f| f["revision"] == 1), "{now}");
    rig.net.settle("10.0.1.3");
    rig.shut_down(sluice);
}

#[test]
fn a_stopped_function_is_passed_by_or_its_packets_are_dropped_as_its_description_says() {
    let Some(rig) = Rig::with("agent-stopped", FILES, CHAIN) else { return };
    let _sluice = rig.start_and_settle();
    let set = |function: &str, state: &str| {
        rig.ems.put_json(&format!("/v1/functions/{function}/state"), &json!({ "state": state }).to_string())
    };
    set("count", "stopped").is(200);
    let functions = rig.ems.get("/v1/functions").is(200).json();
    assert_eq!(functions[2]["state"], "stopped", "{functions}");
    rig.net.settle("10.0.1.3");
    let bypassed = rig.ems.get("/v1/elements/agent/handlers/bypassed?function=agent").is(200).body;
    assert!(bypassed.lines().any(|l| l.ends_with("\tcount") && !l.starts_with("0\t")), "{bypassed}");
    set("count", "running").is(200);
    set("filter", "stopped").is(200);
    assert!(!answers(&rig), "it fails closed");
    let stats = rig.ems.get("/v1/stats").is(200).json();
    assert!(stats.to_string().contains("function_down"), "{stats}");
    set("agent", "stopped").is(409);
    set("nobody", "stopped").is(404);
    set("filter", "running").is(200);
    rig.net.settle("10.0.1.3");
}

#[test]
fn a_program_is_a_function_among_others() {
    let Some(rig) = Rig::with("agent-program", FILES, &programs::chain("", &programs::echo("among"))) else { return };
    let sluice = rig.start_and_settle();
    let seen = packets(&rig, 0);
    assert!(seen.len() == 4 && seen.iter().all(|n| *n > 0), "{seen:?}");
    let functions = rig.ems.get("/v1/functions").is(200).json();
    assert!(functions.to_string().contains("\"external\""), "{functions}");
    rig.ems.post("/v1/system/shutdown", "").is(202);
    let (ok, _, report) = sluice.wait();
    assert!(ok, "{report}");
}

#[test]
fn a_hangup_takes_texts_and_parameters_from_their_files() {
    let Some(rig) = Rig::with("agent-hangup", FILES, CHAIN) else { return };
    let sluice = rig.start_and_settle();
    let file = rig.folder.file("vnf.toml");
    let before = std::fs::read_to_string(&file).expect("description");
    let rules = || rig.ems.get("/v1/functions/filter/revisions").is(200).json().as_array().map_or(0, Vec::len);
    let read = |text: &str, count: &str| {
        std::fs::write(rig.folder.file("count.click"), count).expect("write");
        std::fs::write(&file, text).expect("write");
        let last = rules();
        sluice.signal("HUP");
        wait(Duration::from_secs(10), "another revision", || rules() > last);
    };
    read(&before.replace("deny udp dst port 9", "deny icmp"), COUNT);
    assert!(!answers(&rig), "its parameter is the new one");
    let more = COUNT.replace("-> output", "-> more :: Counter -> output");
    read(&before.replace("fail = 'open'", "fail = 'closed'"), &more);
    rig.net.settle("10.0.1.3");
    wait(Duration::from_secs(10), "the other text", || {
        rig.ems.get("/v1/elements/more/handlers/count?function=count").status == 200
    });
    let told = sluice.told();
    assert!(
        told.contains("what is new beside functions' texts and parameters counts from the next start on"),
        "{told}"
    );
    rig.ems.post("/v1/system/shutdown", "").is(202);
    assert!(sluice.wait().0);
}
