//! Functions of three frameworks one after the other in one VNF: Click, WebAssembly, a program, Click.
use crate::common::{must, wait};
use crate::rig::{ECHO, Rig};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const FILTER: &str = "input -> MarkIPHeader(14) -> f :: IPFilter(deny udp dst port 9, allow all) -> output;\n";
const COUNT: &str = "input -> c :: Counter -> output;\n";

/// From A to B through all of them, back through none.
fn description(fuel: u64) -> String {
    format!(
        "
[[functions]]
name = 'filter'
file = 'filter.click'
[[functions]]
name = 'words'
framework = 'wasm'
file = 'words.txt'
[functions.parameters]
MODULE = 'payload-filter.wasm'
FUEL = '{fuel}'
[[functions]]
name = 'legacy'
framework = 'external'
fail = 'open'
[functions.program]
command = ['/usr/bin/python3', '-c', '''{ECHO}''']
[[functions]]
name = 'count'
file = 'count.click'
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
hops = [{{ function = 'filter' }}, {{ function = 'words' }}, {{ function = 'legacy' }}, {{ function = 'count' }}]
to = {{ port = 'B' }}
[[agent.paths]]
id = 11
hops = []
to = {{ port = 'A' }}
"
    )
}

/// A VNF with the example of a guest in its folder of files; none if that cannot be built here.
fn rig(name: &str, fuel: u64) -> Option<Rig> {
    let files = [("filter.click", FILTER), ("count.click", COUNT), ("words.txt", "secret")];
    let rig = Rig::with(name, &files, &description(fuel))?;
    let guests = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/wasm/guests/build.sh");
    let built = Command::new("sh").arg(script).arg(&guests).env_remove("RUSTFLAGS").status().expect("a shell");
    assert!(built.success());
    let module = guests.join("payload-filter.wasm");
    if !module.exists() {
        println!("skipped: {name} needs wasm32-unknown-unknown");
        return None;
    }
    fs::create_dir_all(rig.folder.file("files")).expect("folder");
    fs::copy(module, rig.folder.file("files").join("payload-filter.wasm")).expect("copy");
    Some(rig)
}

/// A number that a handler of a function's element shows.
fn number(rig: &Rig, path: &str) -> u64 {
    let text = rig.ems.get(&format!("/v1/elements/{path}")).is(200).body;
    text.trim().parse().unwrap_or_else(|_| panic!("{path}: {text}"))
}

/// Packets that came to each hop of the first path.
fn hops(rig: &Rig) -> Vec<u64> {
    let paths = rig.ems.get("/v1/agent/paths").is(200).json();
    paths[0]["packets"].as_array().expect("counts").iter().filter_map(Value::as_u64).collect()
}

/// Sends so many datagrams with a text to a port of host b.
fn send(rig: &Rig, n: u32, port: u16, text: &str) {
    let script = format!(
        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         for n in range({n}): s.sendto(b\"{text}\", (\"10.0.1.3\", {port}))"
    );
    must(&format!("ip netns exec {} python3 -c '{script}'", rig.net.a));
}

#[test]
fn click_webassembly_a_program_and_click_are_one_chain_with_counters_at_each_step() {
    let Some(rig) = rig("mixed", 10_000_000) else { return };
    let sluice = rig.start_and_settle();
    let frameworks = rig.ems.get("/v1/functions").is(200).json();
    let names: Vec<&str> =
        frameworks.as_array().expect("list").iter().filter_map(|f| f["framework"].as_str()).collect();
    assert_eq!(names[1..], ["click", "wasm", "external", "click"]);
    let quiet = || {
        wait(Duration::from_secs(5), "the last packet", || {
            let before = hops(&rig);
            std::thread::sleep(Duration::from_millis(300));
            hops(&rig) == before
        })
    };
    quiet();
    let before = hops(&rig);
    assert!(before.iter().all(|n| *n > 0), "{before:?}");
    // The first function takes some, the second one others.
    send(&rig, 20, 9, "no such port");
    send(&rig, 30, 7, "a secret word");
    send(&rig, 40, 7, "nothing to hide");
    quiet();
    let after: Vec<u64> = hops(&rig).iter().zip(&before).map(|(a, b)| a - b).collect();
    assert_eq!(after, [90, 70, 40, 40, 40]);
    assert_eq!(number(&rig, "c/handlers/count?function=count"), before[3] + 40);
    let statistics = || rig.ems.get("/v1/elements/guest/handlers/statistics?function=words").is(200).body;
    assert!(statistics().contains("word.secret=30"), "{}", statistics());
    assert_eq!(number(&rig, "gate/handlers/returned?function=legacy"), before[2] + 40);
    // Its text is what the module is configured with.
    rig.ems.put("/v1/functions/words", "hide").is(200);
    send(&rig, 5, 7, "a secret word");
    send(&rig, 6, 7, "nothing to hide");
    quiet();
    assert!(statistics().contains("word.hide=6"), "{}", statistics());
    assert_eq!(number(&rig, "c/handlers/count?function=count"), before[3] + 45);
    let dropped = rig.ems.get("/v1/stats").is(200).json()["dropped"].clone();
    assert_eq!(dropped["guest_dropped"], 36, "{dropped}");
    rig.ems.post("/v1/system/shutdown", "").is(202);
    let (ok, _, report) = sluice.wait();
    assert!(ok, "{report}");
}

#[test]
fn a_module_that_runs_for_too_long_raises_an_alarm_and_the_others_lose_nothing() {
    let Some(rig) = rig("mixed-trap", 6000) else { return };
    let _sluice = rig.start();
    wait(Duration::from_secs(10), "readiness", || rig.ready());
    let alarm = || rig.ems.get("/v1/alarms").is(200).body.contains("function/words");
    wait(Duration::from_secs(20), "an alarm", || {
        rig.net.in_a("ping -c 1 -W 1 -s 1400 10.0.1.3");
        alarm()
    });
    assert!(number(&rig, "guest/handlers/traps?function=words") > 0);
    let dropped = rig.ems.get("/v1/stats").is(200).json()["dropped"].clone();
    assert!(dropped.to_string().contains("guest"), "{dropped}");
    // The path goes past it.
    let around = r#"[{"id":10,"hops":[{"function":"filter"},{"function":"legacy"},{"function":"count"}],"to":{"port":"B"}},
                     {"id":11,"hops":[],"to":{"port":"A"}}]"#;
    rig.ems.put_json("/v1/agent/paths", around).is(200);
    rig.net.settle("10.0.1.3");
    let traffic = rig.traffic(2);
    traffic.arrived();
}
