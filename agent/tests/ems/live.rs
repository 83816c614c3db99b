//! Changes while packets flow: none is lost, and whoever is wrong changes nothing.
use crate::client::Client;
use crate::common::{Layout, Net, Running, SLUICE, balance, can_make_namespaces, number, udp_overruns, wait};
use std::fmt::Write as _;
use std::time::Duration;

/// A wire between the two interfaces with so many elements on the way from left to right.
fn chain(elements: usize) -> String {
    let mut text = "FromDevice(left, PROMISC true) -> in :: Counter".to_string();
    for i in 0..elements {
        let _ = write!(text, " -> e{i} :: Counter");
    }
    text += " -> q :: Queue(1000) -> ToDevice(right);\nFromDevice(right, PROMISC true) -> back :: Queue(1000) -> ToDevice(left);\n";
    text
}

/// A wire in the middle, and its EMS.
fn wire(name: &str) -> Option<(Net, Running, Client)> {
    if !can_make_namespaces(name) {
        return None;
    }
    let net = Net::new(Layout::OneNetwork, true);
    let file = std::env::temp_dir().join(format!("sluice-test-{}-{name}.click", std::process::id()));
    std::fs::write(&file, chain(1)).expect("write");
    crate::common::must(&format!("ip -n {} link set lo up", net.r));
    let sluice = net.spawn(&net.r, SLUICE, &["run", file.to_str().expect("path")]);
    wait(Duration::from_secs(5), "the EMS", || sluice.told().contains("EMS: http://127.0.0.1:8000/"));
    net.settle("10.0.1.3");
    std::fs::remove_file(file).expect("remove");
    let client = Client::new(&net.r);
    Some((net, sluice, client))
}

#[test]
fn a_hundred_elements_are_replaced_under_traffic_and_no_packet_is_lost() {
    let Some((net, sluice, ems)) = wire("replacing a function") else { return };
    let server = net.spawn(&net.b, "iperf3", &["-s", "-1"]);
    let listening = || crate::common::run(&format!("ip netns exec {} ss -ltn", net.b));
    wait(Duration::from_secs(5), "iperf3", || String::from_utf8_lossy(&listening().stdout).contains(":5201"));
    let client = net.spawn(&net.a, "iperf3", &["-J", "-c", "10.0.1.3", "-u", "-b", "20M", "-t", "6"]);
    std::thread::sleep(Duration::from_millis(500));
    let mut tag = ems.get("/v1/functions/main").is(200).field("etag").expect("a tag").to_string();
    for i in 0..20 {
        let text = chain(99 + i % 2);
        let path = "/v1/functions/main";
        let file = std::env::temp_dir().join(format!("sluice-test-{}-chain.click", std::process::id()));
        std::fs::write(&file, &text).expect("write");
        let put =
            format!("-X PUT -H 'If-Match: {tag}' --data-binary '@{}' -H 'content-type: text/plain'", file.display());
        let done = ems.send(&put, path).is(200);
        let now = done.field("etag").expect("a tag").to_string();
        assert_ne!(now, tag);
        // Who has the tag of before comes too late.
        assert_eq!(ems.send(&put, path).status, 412);
        tag = now;
        // What does not compile is told with its place, and changes nothing.
        let wrong = ems.put(path, &text.replace("Queue(1000) -> ToDevice(right)", "Quee -> ToDevice(right)")).is(422);
        assert!(wrong.json()["detail"].as_str().expect("detail").contains("main:1:"), "{}", wrong.body);
        assert_eq!(ems.get(path).is(200).field("etag"), Some(tag.as_str()));
        std::fs::remove_file(&file).expect("remove");
    }
    let (ok, json, _) = client.wait();
    assert!(ok, "{json}");
    drop(server);
    assert!(number(&json, &["end", "sum", "packets"]) > 5_000.0, "{json}");
    assert_eq!(number(&json, &["end", "sum", "lost_packets"]), udp_overruns(&net.b), "{json}");
    // Counters of elements that were there all the time span all graphs.
    let stats = ems.get("/v1/stats").is(200).json();
    let counter = stats["elements"].as_array().expect("elements").iter().find(|e| e["name"] == "in").expect("in");
    assert!(counter["counters"]["packets_in"].as_f64().expect("a number") > 5_000.0, "{counter}");
    assert!(ems.get("/v1/functions/main/revisions").is(200).json().as_array().expect("a list").len() >= 21);
    assert_eq!(ems.post("/v1/system/shutdown", "").status, 202);
    let (ok, _, report) = sluice.wait();
    assert!(ok, "{report}");
    assert_eq!(balance(&report)[4], 0, "{report}");
}

#[test]
fn stopping_closes_the_ports_and_starting_opens_them_again() {
    let Some((net, sluice, ems)) = wire("stop and start") else { return };
    let state =
        |s: &str| ems.put_json("/v1/vnf/state", &format!("{{\"state\":\"{s}\"}}")).is(200).json()["state"].clone();
    let ping = || net.in_a("ping -c 1 -W 1 10.0.1.3").status.success();
    for _ in 0..2 {
        assert_eq!(state("stopped"), "stopped");
        assert_eq!(state("stopped"), "stopped");
        assert!(!ping());
        assert_eq!(ems.get("/readyz").status, 200);
        // What is wrong is refused, what is right starts next.
        ems.put("/v1/functions/main", "FromDevice(left) -> Nothing;").is(422);
        ems.put("/v1/functions/main", &chain(7)).is(200);
        assert_eq!(state("running"), "running");
        assert_eq!(state("running"), "running");
        net.settle("10.0.1.3");
        ems.put("/v1/functions/main", &chain(8)).is(200);
    }
    sluice.signal("INT");
    assert!(sluice.wait().0);
}

#[test]
fn the_file_and_the_api_change_the_same_function() {
    let Some((_net, sluice, ems)) = wire("SIGHUP and REST") else { return };
    ems.put("/v1/functions/main", &chain(3)).is(200);
    // The file is gone: the signal changes nothing.
    sluice.signal("HUP");
    wait(Duration::from_secs(5), "a refusal", || sluice.told().contains("the running graph goes on"));
    assert_eq!(ems.get("/v1/functions/main").is(200).body, chain(3));
    let log = ems.get("/v1/log").is(200).json();
    assert!(log.as_array().is_some_and(|l| !l.is_empty()), "{log}");
    sluice.signal("INT");
    assert!(sluice.wait().0);
}

#[test]
fn handlers_are_read_and_written_live() {
    let Some((net, _sluice, ems)) = wire("handlers") else { return };
    let handler = |h: &str| format!("/v1/elements/{h}");
    assert!(net.in_a("ping -c 3 -i 0.2 -W 1 10.0.1.3").status.success());
    let count: u64 = ems.get(&handler("in/handlers/count")).is(200).body.trim().parse().expect("a number");
    assert!(count >= 3);
    ems.put(&handler("in/handlers/reset"), "").is(200);
    assert_eq!(ems.get(&handler("q/handlers/capacity")).is(200).body.trim(), "1000");
    ems.put(&handler("q/handlers/capacity"), "50").is(200);
    assert_eq!(ems.get(&handler("q/handlers/capacity")).is(200).body.trim(), "50");
    // Arguments that may change live do so without a swap: the revision stays.
    let tag = ems.get("/v1/functions/main").field("etag").map(str::to_string);
    ems.put(&handler("q/handlers/config"), "70").is(200);
    assert_eq!(ems.get(&handler("q/handlers/capacity")).is(200).body.trim(), "70");
    assert_eq!(ems.get("/v1/functions/main").field("etag").map(str::to_string), tag);
    for (path, value, status) in [
        ("q/handlers/capacity", "many", 422),
        ("q/handlers/length", "1", 405),
        ("q/handlers/nothing", "1", 404),
        ("nobody/handlers/length", "1", 404),
    ] {
        let got = ems.put(&handler(path), value).is(status);
        assert!(!got.json()["detail"].as_str().expect("detail").is_empty());
    }
    assert_eq!(ems.get(&handler("q")).is(200).json()["class"], "Queue");
    assert_eq!(ems.get("/v1/graph").is(200).json()["elements"].as_array().map(Vec::len), Some(8));
    assert!(ems.get("/v1/graph?format=svg").is(200).body.starts_with("<svg"));
}
