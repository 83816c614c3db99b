//! `sluice ctl` against an EMS in this process, and against prepared answers.
#![allow(clippy::unwrap_used, missing_docs)] // a test that cannot go on panics
#[allow(dead_code)]
mod answerer;
#[path = "../../mgmt/tests/fake/mod.rs"]
mod fake;
#[allow(dead_code)]
mod program;
use fake::Rig;
use program::{Folder, Ran, sluice, sluice_with};
use serde_json::Value;
use sluice_mgmt::server::Server;
use sluice_mgmt::vnf::*;
use std::os::unix::fs::PermissionsExt as _;

/// An EMS of a fake VNF, on a socket.
struct Real {
    rig: Rig,
    server: Server,
}

impl Real {
    fn new() -> Real {
        let rig = Rig::new();
        let server = fake::serve(&rig);
        Real { rig, server }
    }
    fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }
    fn ctl(&self, args: &[&str]) -> Ran {
        sluice(&[&["ctl", "--url", &self.url()], args].concat())
    }
    /// What a command prints that must succeed without a complaint.
    fn must(&self, args: &[&str]) -> String {
        good(self.ctl(args))
    }
}

fn good(ran: Ran) -> String {
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    ran.out
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn a_file_is_applied_and_read_back() {
    let (ems, dir) = (Real::new(), Folder::new("ctl-apply"));
    assert_eq!(ems.must(&["get"]), "first\n");
    let file = dir.file("new.click", "second");
    let out = ems.must(&["apply", &file, "--comment", "because", "--param", "A=1", "--param", "B=x=y"]);
    assert!(
        out.starts_with("main is at revision 2 now (\"2-") && out.ends_with("packets waited 21.0 us at most\n"),
        "{out}"
    );
    let again = ems.must(&["apply", &file]);
    assert!(again.starts_with("main is that already, at revision 2"), "{again}");
    let all = json(&ems.must(&["get", "main", "--json"]));
    assert_eq!(
        (&all["configuration"]["text"], &all["configuration"]["parameters"]["B"]),
        (&"second".into(), &"x=y".into())
    );
    assert_eq!(ems.rig.ems.store.last("main").unwrap().comment.as_deref(), Some("because"));
    let third = good(sluice_with(&["ctl", "--url", &ems.url(), "--json", "apply", "-"], "third"));
    assert_eq!((&json(&third)["changed"], &json(&third)["revision"]), (&true.into(), &3.into()));
}

#[test]
fn findings_carry_the_name_of_the_file_and_nothing_changes() {
    let (ems, dir) = (Real::new(), Folder::new("ctl-bad"));
    let file = dir.file("new.click", "bad");
    for args in [&["apply", &file][..], &["apply", &file, "--dry-run"]] {
        let ran = ems.ctl(args);
        let line = format!("{file}:1:1: error: unknown element class ‘bad’\n");
        assert_eq!((ran.status, ran.out.as_str()), (1, ""));
        assert_eq!(ran.err, line + "sluice: 422 Unprocessable Entity: 1 error, nothing was changed\n");
    }
    let ran = ems.ctl(&["apply", &file, "--json"]);
    let problem = json(&ran.err);
    assert_eq!(
        (ran.status, &problem["status"], &problem["findings"][0]["place"]),
        (1, &422.into(), &"main:1:1".into())
    );
    let good = dir.file("good.click", "fine");
    let dry = ems.must(&["apply", &good, "--dry-run"]);
    assert_eq!(dry, format!("{good}: no error; main stays at revision 1\n"));
    assert_eq!(ems.must(&["get"]), "first\n");
}

#[test]
fn an_entity_tag_that_is_over_is_refused_with_what_to_do() {
    let (ems, dir) = (Real::new(), Folder::new("ctl-etag"));
    let tag = json(&ems.must(&["get", "--json"]))["etag"].as_str().unwrap().to_string();
    let file = dir.file("new.click", "second");
    ems.must(&["apply", &file, "--if-match", tag.trim_matches('"')]);
    let late = ems.ctl(&["apply", &dir.file("late.click", "late"), "--if-match", &tag]);
    assert_eq!(late.status, 1);
    assert!(late.err.starts_with("sluice: 412 Precondition Failed: ‘main’ is at"), "{}", late.err);
    assert!(late.err.contains("sluice ctl get"), "{}", late.err);
    let other = ems.ctl(&["get", "--function", "other"]);
    assert_eq!(other.status, 1);
    assert!(other.err.starts_with("sluice: 404 Not Found: there is no function ‘other’ (request "), "{}", other.err);
    assert!(other.err.ends_with(")\n") && other.err.lines().count() == 1, "{}", other.err);
}

#[test]
fn a_change_is_confirmed_or_taken_back() {
    let (ems, dir) = (Real::new(), Folder::new("ctl-confirm"));
    let out = ems.must(&["apply", &dir.file("a.click", "second"), "--confirm-within", "90s"]);
    assert!(out.contains("it is taken back at 2") && out.contains("sluice ctl confirm"), "{out}");
    let other = dir.file("b.click", "third");
    assert_eq!(ems.ctl(&["apply", &other]).status, 1);
    assert!(ems.must(&["confirm"]).starts_with("main is at revision 2 now"));
    let nothing = ems.ctl(&["confirm"]);
    assert!(nothing.status == 1 && nothing.err.contains("409 Conflict: no change of ‘main’ waits"), "{}", nothing.err);
    ems.must(&["apply", &other, "--confirm-within", "90s"]);
    assert!(ems.must(&["revert"]).starts_with("main is at revision 2 now"));
    assert_eq!(ems.must(&["get"]), "second\n");
}

#[test]
fn the_life_of_the_vnf_is_in_its_hands() {
    let ems = Real::new();
    assert_eq!(ems.must(&["stop"]), "fake is stopped\n");
    assert!(ems.must(&["stop", "--json"]).contains("\"state\": \"stopped\""));
    assert_eq!(ems.must(&["start"]), "fake is running\n");
    ems.rig.vnf.set_status(State::Starting, "ports");
    let early = ems.ctl(&["start"]);
    assert_eq!((early.status, early.err.contains("409 Conflict: it boots")), (1, true), "{}", early.err);
    ems.must(&["shutdown"]);
    assert_eq!(ems.rig.vnf.0.lock().unwrap().ended, Some(End::Shutdown));
    ems.must(&["reboot"]);
    assert_eq!(ems.rig.vnf.0.lock().unwrap().ended, Some(End::Reboot));
}

/// Counters that tables show.
fn snapshot() -> Snapshot {
    let dropped: std::collections::BTreeMap<String, u64> = [("no_route".to_string(), 3)].into();
    let side = PortSide { packets: 1_234_567, bytes: 89, lost_before: 2, dropped: dropped.clone() };
    let port = Port { name: "eth0".into(), driver: "kernel".into(), up: true, received: Some(side), ..Port::default() };
    let counters = ElementCounters { packets_in: 10, packets_out: 7, held: 0, dropped: dropped.clone() };
    let element = GraphElement { name: "r".into(), class: "Router".into(), config: String::new(), counters };
    let worker = Worker { core: Some(1), rounds: 9, busy_rounds: 4, cpu_ns: 5, packets: 128 };
    Snapshot {
        totals: Totals { received: 10, transmitted: 7, dropped: 3, ..Totals::default() },
        dropped,
        ports: vec![port],
        elements: vec![element],
        workers: vec![worker],
        buffers: [5, 4096],
        ..Snapshot::default()
    }
}

#[test]
fn counters_are_shown_as_tables_or_as_the_api_has_them() {
    let ems = Real::new();
    ems.rig.vnf.0.lock().unwrap().snapshot = snapshot();
    let ports = ems.must(&["ports"]);
    assert!(ports.lines().nth(1).unwrap().starts_with("eth0  kernel  up    in  1,234,567     89"), "{ports}");
    assert_eq!(ports.lines().count(), 2);
    let stats = ems.must(&["stats"]);
    for part in ["no_route        3  r 3", "32.0", "buffers 5 of 4,096", "received 10 + created 0 = transmitted 7"] {
        assert!(stats.contains(part), "{part}: {stats}");
    }
    let raw = json(&ems.must(&["stats", "--json"]));
    assert_eq!(raw["ports"][0]["received"]["lost_before"], 2);
    let top = ems.must(&["top", "--count", "1"]);
    assert!(top.contains("eth0") && !top.contains('\x1b'), "{top}");
}

#[test]
fn top_shows_what_changed_between_two_looks() {
    let ems = Real::new();
    ems.rig.vnf.0.lock().unwrap().snapshot = Snapshot { monotonic: 1_000_000_000, ..snapshot() };
    let mut run = program::start(&["ctl", "--url", &ems.url(), "top", "--count", "2"]);
    let mut out = std::io::BufReader::new(run.0.as_mut().unwrap().stdout.take().unwrap());
    let mut first = String::new();
    std::io::BufRead::read_line(&mut out, &mut first).unwrap();
    let mut later = Snapshot { monotonic: 3_000_000_000, ..snapshot() };
    later.dropped.insert("no_route".into(), 2003);
    later.elements[0].counters.packets_in = 20_010;
    ems.rig.vnf.0.lock().unwrap().snapshot = later;
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut out, &mut rest).unwrap();
    assert!(first.starts_with(&ems.url()), "{first}");
    let line =
        |start: &str| rest.lines().find(|l| l.starts_with(start)).map(|l| l.split_whitespace().collect::<Vec<_>>());
    assert_eq!(line("no_route").unwrap(), ["no_route", "1.00", "k"], "{rest}");
    assert_eq!(line("r ").unwrap()[..4], ["r", "Router", "10.00", "k"], "{rest}");
}

#[test]
fn an_ems_that_is_not_there_ends_with_3_and_says_what_to_do() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let url = format!("http://{address}");
    let ran = sluice(&["ctl", "--url", &url, "status"]);
    assert_eq!(ran.status, 3);
    assert!(ran.err.starts_with(&format!("sluice: no EMS answers at {url}: ")), "{}", ran.err);
    assert!(ran.err.contains("is it running? (`sluice run ...` prints its address"), "{}", ran.err);
    let nowhere = sluice(&["ctl", "--url", "http://no-such-host.invalid:9", "get"]);
    assert_eq!((nowhere.status, nowhere.err.contains("no EMS answers at")), (3, true), "{}", nowhere.err);
    // It comes while it is waited for.
    let rig = Rig::new();
    let mut waiting = program::start(&["ctl", "--url", &url, "--retry-for", "20s", "get"]);
    let _server = fake::serve_at(&rig, address);
    let done = waiting.0.take().unwrap().wait_with_output().unwrap();
    assert_eq!((done.status.code(), done.stdout.as_slice()), (Some(0), &b"first\n"[..]));
}

#[test]
fn wrong_usage_ends_with_2() {
    let ems = Real::new();
    for (args, words) in [
        (&["frobnicate"][..], "unrecognized subcommand"),
        (&["apply", "/nowhere/x.click"], "/nowhere/x.click"),
        (&["apply", "x", "--confirm-within", "0.2s"], "from 1s to 24h"),
        (&["read", "nodot"], "give it as ELEMENT.HANDLER"),
        (&["get", "--token-file", "/nowhere/token"], "--token-file /nowhere/token"),
        (&["get", "--cert", "x"], "--cert and --key go together"),
        (&["get", "--url", "ftp://x"], "give the address as http://"),
        (&["get", "--url", "https://127.0.0.1:1"], "give --ca FILE"),
        (&["get", "--token", "secret"], "unexpected argument"),
    ] {
        let ran = ems.ctl(args);
        assert_eq!((ran.status, ran.err.contains(words)), (2, true), "{args:?}: {}", ran.err);
    }
}

#[test]
fn a_token_comes_from_a_file_and_others_that_can_read_it_are_told_about() {
    let (ems, dir) = (
        answerer::Answerer::start(vec![("GET /v1/vnf", 403, "application/problem+json", br#"{"detail":"no"}"#)]),
        Folder::new("ctl-token"),
    );
    let file = dir.file("token", "s3cret\n");
    let set = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    set(0o644);
    let ran = sluice(&["ctl", "--url", &ems.url, "--token-file", &file, "status"]);
    assert!(ran.err.contains("others can use this token; run chmod 600"), "{}", ran.err);
    assert!(ran.err.ends_with("sluice: 403 Forbidden: no; use a token with that role\n"), "{}", ran.err);
    assert_eq!(ran.status, 1);
    set(0o600);
    let ran = sluice(&["ctl", "--url", &ems.url, "--token-file", &file, "status"]);
    assert!(!ran.err.contains("chmod") && !ran.err.contains("s3cret"), "{}", ran.err);
    assert!(ems.seen().iter().all(|r| r.contains("authorization: Bearer s3cret\r\n")), "{:?}", ems.seen());
    std::fs::write(&file, "two tokens\n").unwrap();
    assert_eq!(sluice(&["ctl", "--url", &ems.url, "--token-file", &file, "status"]).status, 2);
}
