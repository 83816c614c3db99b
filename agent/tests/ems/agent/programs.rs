//! Programs as functions: what becomes of packets when they cannot start, are stopped, die or hang.
use super::{CHAIN, FILES, answers};
use crate::client::Got;
use crate::common::{Running, balance, must, wait};
use crate::rig::Rig;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// Longest wait for anything here: machines are shared.
const LONG: Duration = Duration::from_secs(20);

/// Sends back whatever comes; with a buffer for what comes while others have the processor.
const ECHO: &str = "import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)
s.bind(('eth0', 3))
while True:
  frame, at = s.recvfrom(2048)
  if at[2] != 4: s.send(frame)
";

/// A program that does so, as a line of a description; `mark` is one of its arguments.
pub(super) fn echo(mark: &str) -> String {
    format!("command = ['/usr/bin/python3', '-c', '''{ECHO}''', '{mark}']\n")
}

/// The chain with a function `legacy` between its two, and what is said of it and of its program.
pub(super) fn chain(function: &str, program: &str) -> String {
    let legacy = format!(
        "[[functions]]\nname = 'legacy'\nframework = 'external'\n{function}[functions.program]\n{program}[agent]"
    );
    CHAIN.replace("[agent]", &legacy).replace(
        "hops = [{ function = 'filter' }, { function = 'count' }]",
        "hops = [{ function = 'filter' }, { function = 'legacy' }, { function = 'count' }]",
    )
}

/// What the EMS says of `legacy`.
fn legacy(rig: &Rig) -> Value {
    let all = rig.ems.get("/v1/functions").is(200).json();
    all.as_array().and_then(|all| all.iter().find(|f| f["name"] == "legacy").cloned()).expect("legacy")
}

fn is(rig: &Rig, state: &str) -> bool {
    legacy(rig)["state"] == state
}

fn becomes(rig: &Rig, state: &str) {
    wait(LONG, state, || is(rig, state));
}

fn set(rig: &Rig, state: &str) -> Got {
    rig.ems.put_json("/v1/functions/legacy/state", &json!({ "state": state }).to_string())
}

/// The texts of the alarms of `legacy`, of those that are active or those that are over.
fn alarms(rig: &Rig, which: &str) -> Vec<String> {
    let all = rig.ems.get(which).is(200).json();
    let mine = all.as_array().expect("list").iter().filter(|a| a["object"] == "function/legacy");
    mine.map(|a| a["text"].as_str().expect("text").to_string()).collect()
}

fn alarmed(rig: &Rig, with: &str) {
    wait(LONG, with, || alarms(rig, "/v1/alarms").iter().any(|text| text.contains(with)));
}

fn at_ease(rig: &Rig) {
    wait(LONG, "the end of the alarm", || alarms(rig, "/v1/alarms").is_empty());
}

/// What the gate before the program says.
fn gate(rig: &Rig, handler: &str) -> String {
    rig.ems.get(&format!("/v1/elements/gate/handlers/{handler}?function=legacy")).is(200).body.trim().to_string()
}

fn count(rig: &Rig, handler: &str) -> u64 {
    gate(rig, handler).parse().expect("a number")
}

fn grows(rig: &Rig, handler: &str) {
    let before = count(rig, handler);
    wait(LONG, handler, || count(rig, handler) > before);
}

/// Packets that the agent gave to no function because `legacy` was down, and let pass.
fn bypassed(rig: &Rig) -> u64 {
    let all = rig.ems.get("/v1/elements/agent/handlers/bypassed?function=agent").is(200).body;
    all.lines().find_map(|l| l.strip_suffix("\tlegacy")?.parse().ok()).expect("a number")
}

/// The process that has this argument.
fn process(mark: &str) -> Option<u32> {
    let all = std::fs::read_dir("/proc").expect("/proc").flatten();
    let mut numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.find(|n| {
        let words = std::fs::read(format!("/proc/{n}/cmdline")).unwrap_or_default();
        words.split(|b| *b == 0).any(|w| w == mark.as_bytes())
    })
}

/// An argument that no other process has.
fn mark(test: &str) -> String {
    format!("{test}-{}", std::process::id())
}

/// Ends the VNF. What was dropped was meant for a function that was down.
fn end(rig: &Rig, sluice: Running) {
    rig.ems.post("/v1/system/shutdown", "").is(202);
    let (ok, _, report) = sluice.wait();
    assert!(ok, "{report}");
    let dropped = balance(&report)[4];
    let reasons: Vec<&str> = report.lines().skip_while(|l| *l != "dropped").collect();
    let down =
        reasons.iter().find_map(|l| l.trim().strip_prefix("function_down")?.trim().replace(',', "").parse().ok());
    assert_eq!(down.unwrap_or(0), dropped, "{report}");
}

#[test]
fn a_program_that_cannot_start_is_the_trouble_of_its_function_alone_until_it_can() {
    for fail in ["open", "closed"] {
        let (name, mark) = (format!("agent-missing-{fail}"), mark(&format!("missing-{fail}")));
        let program = std::env::temp_dir().join(format!("sluice-test-{mark}"));
        let chain = chain(&format!("fail = '{fail}'\n"), &format!("command = ['{}', '{mark}']\n", program.display()));
        let Some(rig) = Rig::with(&name, FILES, &chain) else { return };
        let sluice = rig.start();
        wait(LONG, "readiness", || rig.ready());
        let said = legacy(&rig);
        assert!(said["state"] == "failed" && said["detail"].to_string().contains("there is no program"), "{said}");
        alarmed(&rig, "there is no program");
        if fail == "open" {
            rig.net.settle("10.0.1.3");
            assert!(bypassed(&rig) > 0);
        } else {
            assert!(!answers(&rig));
            let stats = rig.ems.get("/v1/stats").is(200).json();
            assert!(stats.to_string().contains("function_down"), "{stats}");
        }
        // The others are changed as ever.
        rig.ems.put("/v1/functions/count", "input -> c :: Counter -> Null -> output;\n").is(200);
        let refused = set(&rig, "running").is(422);
        assert!(refused.body.contains("there is no program"), "{refused:?}");
        set(&rig, "stopped").is(200);
        assert!(is(&rig, "stopped"));
        at_ease(&rig);
        assert!(set(&rig, "running").status == 422 && is(&rig, "stopped"), "nothing was changed");
        // Now it can.
        std::fs::write(&program, format!("#!/usr/bin/python3\n{ECHO}")).expect("write");
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("mode");
        set(&rig, "running").is(200);
        becomes(&rig, "running");
        rig.net.settle("10.0.1.3");
        assert!(count(&rig, "returned") > 0 && process(&mark).is_some());
        end(&rig, sluice);
        assert_eq!(process(&mark), None);
        let _ = std::fs::remove_file(&program);
    }
}

#[test]
fn a_program_by_memif_is_refused_where_there_is_no_dpdk() {
    let program = "command = ['dpdk-testpmd']\nattach = 'memif'\n";
    let Some(rig) = Rig::with("agent-memif", FILES, &chain("fail = 'open'\n", program)) else { return };
    let sluice = rig.start_and_settle();
    let said = legacy(&rig);
    let why = said["detail"].as_str().unwrap_or_default();
    let how = why.contains("built without DPDK: build it with `make`") || why.contains("start with --dpdk");
    assert!(said["state"] == "failed" && why.contains("memif") && how, "{said}");
    alarmed(&rig, "DPDK");
    assert!(bypassed(&rig) > 0);
    end(&rig, sluice);
}

#[test]
fn a_program_is_stopped_and_started_with_its_function_and_no_packet_is_lost() {
    let mark = mark("with-its-function");
    // It may take its time on a machine that has much to do.
    let program = echo(&mark) + "stall_after = '0'\n";
    let Some(rig) = Rig::with("agent-stops", FILES, &chain("fail = 'open'\n", &program)) else { return };
    let sluice = rig.start_and_settle();
    becomes(&rig, "running");
    let mut traffic = rig.traffic(8);
    let mut processes = Vec::new();
    for _ in 0..3 {
        grows(&rig, "returned");
        processes.push(process(&mark).expect("a process"));
        set(&rig, "stopped").is(200);
        wait(LONG, "its end", || process(&mark).is_none());
        assert!(is(&rig, "stopped") && gate(&rig, "outstanding") == "0");
        let before = bypassed(&rig);
        wait(LONG, "packets that pass by", || bypassed(&rig) > before);
        set(&rig, "running").is(200);
        becomes(&rig, "running");
    }
    grows(&rig, "returned");
    assert!(traffic.flows());
    traffic.arrived();
    processes.sort_unstable();
    processes.dedup();
    assert_eq!(processes.len(), 3, "another one each time");
    assert_eq!(alarms(&rig, "/v1/alarms/history"), Vec::<String>::new(), "all of it was wanted");
    // Asked twice, nothing happens.
    let now = process(&mark);
    set(&rig, "running").is(200);
    // The VNF as a whole takes it along.
    let vnf = |state: &str| rig.ems.put_json("/v1/vnf/state", &json!({ "state": state }).to_string()).is(200);
    assert_eq!(process(&mark), now);
    vnf("stopped");
    wait(LONG, "its end", || process(&mark).is_none());
    vnf("running");
    becomes(&rig, "running");
    rig.net.settle("10.0.1.3");
    end(&rig, sluice);
}

#[test]
fn a_program_on_a_tap_is_stopped_and_started_too() {
    let mark = mark("tap");
    let program = echo(&mark) + "attach = 'tap'\n";
    let Some(rig) = Rig::with("agent-tap", FILES, &chain("", &program)) else { return };
    let sluice = rig.start_and_settle();
    for what in ["functions/legacy", "vnf"] {
        let set = |state: &str| rig.ems.put_json(&format!("/v1/{what}/state"), &json!({ "state": state }).to_string());
        set("stopped").is(200);
        wait(LONG, "its end", || process(&mark).is_none());
        assert!(!answers(&rig), "it fails closed");
        set("running").is(200);
        becomes(&rig, "running");
        rig.net.settle("10.0.1.3");
        assert!(process(&mark).is_some());
    }
    end(&rig, sluice);
}

#[test]
fn a_function_that_was_stopped_stays_so_after_a_restart() {
    let mark = mark("stays");
    let Some(rig) = Rig::with("agent-stays", FILES, &chain("fail = 'open'\n", &echo(&mark))) else { return };
    let sluice = rig.start_and_settle();
    becomes(&rig, "running");
    set(&rig, "stopped").is(200);
    let filter = |state: &str| {
        rig.ems.put_json("/v1/functions/filter/state", &json!({ "state": state }).to_string()).is(200);
    };
    filter("stopped");
    // However it ends.
    sluice.signal("KILL");
    assert!(!sluice.wait().0);
    wait(LONG, "the end of its program", || process(&mark).is_none());
    let sluice = rig.start();
    wait(LONG, "readiness", || rig.ready());
    let functions = rig.ems.get("/v1/functions").is(200).json();
    assert!(functions[1]["state"] == "stopped" && is(&rig, "stopped"), "{functions}");
    assert!(!answers(&rig), "the filter fails closed");
    filter("running");
    rig.net.settle("10.0.1.3");
    assert!(bypassed(&rig) > 0 && process(&mark).is_none());
    set(&rig, "running").is(200);
    becomes(&rig, "running");
    end(&rig, sluice);
    let sluice = rig.start_and_settle();
    becomes(&rig, "running");
    end(&rig, sluice);
}

#[test]
fn packets_pass_by_a_program_that_dies_if_it_fails_open() {
    let mark = mark("dies-open");
    let program = echo(&mark) + "stall_after = '0'\n[functions.program.restart]\ntries = 1\n";
    let Some(rig) = Rig::with("agent-dies-open", FILES, &chain("fail = 'open'\n", &program)) else { return };
    let sluice = rig.start_and_settle();
    becomes(&rig, "running");
    let traffic = rig.traffic(4);
    grows(&rig, "returned");
    assert_eq!(gate(&rig, "bypassed"), "0");
    must(&format!("kill -KILL {}", process(&mark).expect("a process")));
    grows(&rig, "bypassed");
    becomes(&rig, "failed");
    let said = legacy(&rig);
    assert!(said["detail"].to_string().contains("signal 9 ended it"), "{said}");
    alarmed(&rig, "signal 9 ended it");
    let given = count(&rig, "given");
    grows(&rig, "bypassed");
    assert_eq!(count(&rig, "given"), given, "it gets no more");
    let (lost, between) = traffic.lost();
    // All that is missing was in the program, or on the way to it before its death was known.
    let (given, returned) = (count(&rig, "given"), count(&rig, "returned"));
    assert!(lost <= (given - returned) as f64, "{lost} lost; {given} given, {returned} returned");
    println!("killed: {lost} packets lost, one each {between:.2} ms: passed by after {:.1} ms", lost * between);
    // It is tried again when somebody wants that, as if it had never failed.
    set(&rig, "running").is(200);
    becomes(&rig, "running");
    at_ease(&rig);
    rig.net.settle("10.0.1.3");
    end(&rig, sluice);
}

#[test]
fn packets_of_a_program_that_dies_are_dropped_if_it_fails_closed() {
    let mark = mark("dies-closed");
    let program = echo(&mark) + "[functions.program.restart]\ntries = 1\n";
    let Some(rig) = Rig::with("agent-dies-closed", FILES, &chain("", &program)) else { return };
    let sluice = rig.start_and_settle();
    becomes(&rig, "running");
    must(&format!("kill -KILL {}", process(&mark).expect("a process")));
    becomes(&rig, "failed");
    let before = count(&rig, "dropped");
    assert!(!answers(&rig) && count(&rig, "dropped") > before);
    assert_eq!(gate(&rig, "bypassed"), "0");
    set(&rig, "running").is(200);
    becomes(&rig, "running");
    rig.net.settle("10.0.1.3");
    end(&rig, sluice);
}

#[test]
fn a_program_that_is_started_again_at_once_leaves_an_alarm_in_the_history() {
    let mark = mark("at-once");
    let Some(rig) = Rig::with("agent-at-once", FILES, &chain("", &echo(&mark))) else { return };
    let sluice = rig.start_and_settle();
    becomes(&rig, "running");
    let first = process(&mark).expect("a process");
    must(&format!("kill -KILL {first}"));
    wait(LONG, "another one", || process(&mark).is_some_and(|next| next != first));
    becomes(&rig, "running");
    wait(LONG, "the alarm", || !alarms(&rig, "/v1/alarms/history").is_empty());
    let said = alarms(&rig, "/v1/alarms/history");
    assert!(said[0].contains("signal 9 ended it"), "{said:?}");
    at_ease(&rig);
    rig.net.settle("10.0.1.3");
    end(&rig, sluice);
}

#[test]
fn a_program_that_keeps_its_packets_has_stalled_until_it_gives_some_back() {
    let mark = mark("stalls");
    let program = echo(&mark) + "[functions.program.restart]\nstalled = '1 h'\n";
    let Some(rig) = Rig::with("agent-stalls", FILES, &chain("fail = 'closed'\n", &program)) else { return };
    let sluice = rig.start_and_settle();
    becomes(&rig, "running");
    let all = process(&mark).expect("a process");
    must(&format!("kill -STOP {all}"));
    let before = count(&rig, "given");
    let pings = rig.net.spawn(&rig.net.a, "ping", &["-q", "-i", "0.01", "10.0.1.3"]);
    wait(LONG, "the stall", || gate(&rig, "state") == "stalled");
    let given = count(&rig, "given");
    println!("hung: {} packets given, about one each 10 ms, before it was found stalled", given - before);
    grows(&rig, "dropped");
    assert_eq!(count(&rig, "given"), given, "it gets no more");
    let said = legacy(&rig);
    assert!(said["state"] == "failed" && said["detail"].to_string().contains("gives none back"), "{said}");
    alarmed(&rig, "gives none back");
    must(&format!("kill -CONT {all}"));
    becomes(&rig, "running");
    at_ease(&rig);
    grows(&rig, "returned");
    assert_eq!(process(&mark), Some(all), "it is the same");
    pings.signal("INT");
    let (_, said, _) = pings.wait();
    assert!(said.contains("packets transmitted"), "{said}");
    rig.net.settle("10.0.1.3");
    end(&rig, sluice);
}
