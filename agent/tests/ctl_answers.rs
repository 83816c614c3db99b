//! `sluice ctl` against prepared answers: what it asks for, and how it shows what comes.
#![allow(clippy::unwrap_used, missing_docs)] // a test that cannot go on panics
mod answerer;
#[allow(dead_code)]
mod program;
use answerer::{Answerer, Prepared};
use program::{Folder, Ran, sluice};
use serde_json::Value;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

fn ctl(ems: &Answerer, args: &[&str]) -> Ran {
    sluice(&[&["ctl", "--url", &ems.url], args].concat())
}

/// What a command prints that must succeed, and the last request.
fn asked(prepared: Vec<Prepared>, args: &[&str]) -> (String, String, String) {
    let ems = Answerer::start(prepared);
    let ran = ctl(&ems, args);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    let (line, body) = ems.last();
    (ran.out, line, body)
}

const VNF: &[u8] = br#"{"id":"6d5f","name":"fw","description":"","provider":"P","product":"Firewall","version":"2","state":"failed",
"phase":"ports","detail":"eth0 is gone","started":"2026-11-26T21:00:00Z","uptime_seconds":93784,"revisions":{"main":7},"durable":true,
"versions":{"sluice":"0.1.0"}}"#;
const STATS: &[u8] = br#"{"wall":0,"monotonic":0,"totals":{"received":0,"created":0,"transmitted":0,"consumed":0,"dropped":0,"held":0},
"dropped":{},"ports":[{"name":"eth0","driver":"xdp","up":false,"received":{"packets":5,"bytes":300,"lost_before":0,"dropped":{}}}],
"elements":[],"workers":[],"buffers":[0,1],"resident_bytes":0,"process_cpu_ns":0,"rates":{"seconds":1.0,"received":{"eth0":
{"packets_per_second":1500.0,"bits_per_second":2e6,"lost_per_second":0.0}},"sent":{},"drops_per_second":0.0,"worker_load":[],
"worker_busy":[],"process_load":0.0}}"#;
const ALARMS: &[u8] = br#"[{"id":1,"object":"store","kind":"equipmentAlarm","cause":"storageCapacityProblem","severity":"MINOR","text":"t",
"raised":"2026-11-26T21:00:00Z"},{"id":2,"object":"port/eth0","kind":"communicationsAlarm","cause":"lossOfSignal","severity":"MAJOR",
"text":"eth0 is down\u001b[2J","raised":"2026-11-26T21:01:00Z"}]"#;

#[test]
fn status_shows_identity_ports_with_rates_and_the_worst_alarm_first() {
    let all = || {
        vec![
            ("GET /v1/vnf", 200, JSON, VNF),
            ("GET /v1/stats", 200, JSON, STATS),
            ("GET /v1/alarms", 200, JSON, ALARMS),
        ]
    };
    let (out, ..) = asked(all(), &["status"]);
    assert!(out.starts_with("fw: FAILED, ports: eth0 is gone, up 1d 02:03:04 (since 2026"), "{out}");
    for part in
        ["product      P Firewall 2", "revision     main 7\n", "eth0  xdp     DOWN  in        5    300  1.50 k  2.00 M"]
    {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (major, minor) = (out.find("MAJOR").unwrap(), out.find("MINOR").unwrap());
    assert!(major < minor && out.contains("eth0 is down?[2J"), "{out}");
    let (out, ..) = asked(all(), &["status", "--json"]);
    let v: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&v["vnf"]["name"], &v["alarms"][1]["id"]), (&"fw".into(), &2.into()));
}

#[test]
fn alarms_ports_and_the_graph_come_from_their_paths() {
    let over = br#"[{"id":2,"object":"o","kind":"equipmentAlarm","cause":"lossOfSignal","severity":"MAJOR","text":"t","raised":"A","cleared":"B"}]"#;
    let (out, line, _) = asked(vec![("GET ", 200, JSON, over)], &["alarms", "--history"]);
    assert_eq!(line, "GET /v1/alarms/history");
    assert!(out.contains("lossOfSignal  A       B        t"), "{out}");
    assert_eq!(asked(vec![("GET /v1/alarms", 200, JSON, b"[]")], &["alarms"]).0, "no alarm is active\n");
    let (out, line, _) = asked(vec![("GET ", 200, JSON, b"[{\"new\":1}]")], &["--json", "ports"]);
    assert_eq!((out.as_str(), line.as_str()), ("[\n  {\n    \"new\": 1\n  }\n]\n", "GET /v1/ports"));
    let (out, line, _) = asked(vec![("GET ", 200, "image/svg+xml", b"<svg/>")], &["graph", "--format", "svg"]);
    assert_eq!((out.as_str(), line.as_str()), ("<svg/>\n", "GET /v1/graph?format=svg"));
    let (_, line, _) = asked(vec![("GET ", 200, JSON, b"{}")], &["graph", "--format", "json", "--function", "other"]);
    assert_eq!(line, "GET /v1/graph?format=json&function=other");
}

#[test]
fn handlers_are_read_and_written_by_the_whole_name_of_their_element() {
    let (out, line, _) = asked(vec![("GET ", 200, TEXT, b"7\n")], &["read", "a/q.length"]);
    assert_eq!((out.as_str(), line.as_str()), ("7\n", "GET /v1/elements/a%2Fq/handlers/length"));
    assert_eq!(asked(vec![("GET ", 200, TEXT, b"7\n")], &["read", "q.length", "--json"]).0, "\"7\\n\"\n");
    let (out, line, body) = asked(vec![("PUT ", 200, TEXT, b"")], &["set", "q.capacity", "-5"]);
    assert_eq!((out.as_str(), line.as_str(), body.as_str()), ("", "PUT /v1/elements/q/handlers/capacity", "-5"));
    assert_eq!(asked(vec![("PUT ", 200, TEXT, b"old")], &["set", "c.reset"]).0, "old\n");
    let ems = Answerer::start(vec![(
        "PUT ",
        405,
        "application/problem+json",
        br#"{"status":405,"detail":"read only","instance":"r7"}"#,
    )]);
    let ran = ctl(&ems, &["set", "q.length", "1"]);
    assert_eq!((ran.status, ran.err.as_str()), (1, "sluice: 405 Method Not Allowed: read only (request r7)\n"));
    let element = br#"[{"name":"a/q","class":"Queue","config":"9","live":true,"handlers":[{"name":"length","read":true,"write":false,
        "doc":"Packets inside."}],"counters":{"packets_in":1000,"packets_out":1,"held":2,"dropped":{"full":3}}}]"#;
    let (out, ..) = asked(vec![("GET /v1/elements", 200, JSON, element)], &["elements"]);
    assert!(out.contains("a/q      Queue  1,000    1        3     2"), "{out}");
    let one = &element[1..element.len() - 1];
    let (out, line, _) = asked(vec![("GET ", 200, JSON, Vec::leak(one.to_vec()))], &["elements", "a/q"]);
    assert_eq!(line, "GET /v1/elements/a%2Fq");
    assert!(
        out.contains("a/q :: Queue(9)") && out.contains("  full 3\n") && out.contains("length   r-  Packets inside."),
        "{out}"
    );
}

#[test]
fn the_history_is_listed_and_the_way_back_goes_to_the_one_before() {
    let list = br#"[{"number":3,"time":"T3","author":"file","origin":"file","etag":"\"3-a\"","added":5,"removed":0,"current":false},
        {"number":4,"time":"T4","author":"ann","comment":"why","origin":"api","etag":"\"4-b\"","added":1,"removed":2,"current":true}]"#;
    let changed = br#"{"function":"main","revision":5,"etag":"\"5-a\"","changed":true,"findings":[],"pauses_ns":[]}"#;
    let revisions = "GET /v1/functions/main/revisions";
    let (out, ..) = asked(vec![(revisions, 200, JSON, list)], &["revisions"]);
    assert!(out.contains("*       4  T4    ann     api   +1 -2  why"), "{out}");
    let all = || vec![(revisions, 200, JSON, &list[..]), ("POST ", 200, JSON, &changed[..])];
    let (out, line, _) = asked(all(), &["rollback"]);
    assert_eq!(out, "main is at revision 5 now (\"5-a\")\n");
    assert_eq!(line, "POST /v1/functions/main/revisions/3/restore");
    let (_, line, _) = asked(all(), &["rollback", "2", "--confirm-within", "1min"]);
    assert_eq!(line, "POST /v1/functions/main/revisions/2/restore?confirm-within=60");
    let none = Answerer::start(vec![(revisions, 200, JSON, b"[]")]);
    let ran = ctl(&none, &["rollback"]);
    assert_eq!((ran.status, ran.err.as_str()), (1, "sluice: there is no revision of main before this one\n"));
    let (out, line, _) = asked(vec![("GET ", 200, JSON, br#"{"number":4,"diff":"-a\n+b\n"}"#)], &["diff", "4"]);
    assert_eq!((out.as_str(), line.as_str()), ("-a\n+b\n", "GET /v1/functions/main/revisions/4"));
    let (out, line, _) = asked(vec![("GET ", 200, TEXT, b"old text")], &["get", "--revision", "3"]);
    assert_eq!((out.as_str(), line.as_str()), ("old text\n", "GET /v1/functions/main/revisions/3"));
}

#[test]
fn logs_are_lines() {
    let log = br#"[{"number":8,"time":"T","source":"vnf","text":"hello"},{"number":9,"time":"T","source":"ems","text":"you"}]"#;
    let (out, line, _) = asked(vec![("GET ", 200, JSON, log)], &["log", "-n", "5"]);
    assert_eq!((out.as_str(), line.as_str()), ("T  vnf      hello\nT  ems      you\n", "GET /v1/log?limit=5"));
    let audit = br#"[{"number":2,"time":"T","actor":"ann","role":"admin","client":"10.0.0.1","what":"reboot","outcome":"done"}]"#;
    let (out, line, _) = asked(vec![("GET ", 200, JSON, audit)], &["audit", "--after", "1"]);
    assert_eq!(out, "     2  T  ann (admin) from 10.0.0.1: reboot: done\n");
    assert_eq!(line, "GET /v1/audit?after=1&limit=100");
    let follows = Answerer::start(vec![("GET ", 200, JSON, log), ("GET /v1/log?after=9&", 500, TEXT, b"enough")]);
    let ran = ctl(&follows, &["log", "--follow"]);
    assert_eq!((ran.status, ran.out.lines().count()), (1, 2), "{}", ran.err);
    assert!(ran.err.contains("500 Internal Server Error: enough; `sluice ctl log` may say more"), "{}", ran.err);
}

#[test]
fn a_trace_is_waited_for_and_shown_packet_by_packet() {
    let begun = br#"{"id":4,"left":1,"packets":[]}"#;
    let done = br#"{"id":4,"left":0,"packets":[{"source":"eth0","time":"T","frame":"ffffffffffff0200000000010806","steps":[
        {"element":"ttl","class":"DecIPTTL","input":0,"changes":[{"field":"ip.ttl","from":"64","to":"63"}],"end":"dropped ttl"}]}]}"#;
    let all = vec![("POST /v1/trace", 200, JSON, &begun[..]), ("GET /v1/trace/4", 200, JSON, &done[..])];
    let ems = Answerer::start(all);
    let ran = ctl(&ems, &["trace", "--count", "1", "--filter", "arp"]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(ran.out.starts_with("packet 1  from eth0  14 bytes  at T  02-00-00-00-00-01 > FF-FF"), "{}", ran.out);
    assert!(ran.out.contains("ttl :: DecIPTTL  in [0]  dropped ttl   ip.ttl 64 -> 63\n"), "{}", ran.out);
    assert!(ems.seen()[0].ends_with(r#"{"count":1,"port":null,"filter":"arp"}"#), "{}", ems.seen()[0]);
    let waits = vec![("POST /v1/trace", 200, JSON, &begun[..])];
    assert_eq!(asked(waits, &["trace", "--for", "0s"]).0, "1 more did not come\n");
}

#[test]
fn streams_go_to_standard_output_as_they_come() {
    let (out, line, _) =
        asked(vec![("GET ", 200, "application/octet-stream", b"pcapng")], &["tap", "q[0]", "--count", "5"]);
    assert_eq!((out.as_str(), line.as_str()), ("pcapng", "GET /v1/tap?edge=q%5B0%5D&count=5"));
    let events = b": hello\n\nid: 1\nevent: link\ndata: {\"id\":1,\"time\":\"T\",\"type\":\"link\",\"port\":\"eth0\",\"up\":false}\n\n";
    let all = || vec![("GET /v1/events", 200, "text/event-stream", &events[..])];
    assert_eq!(asked(all(), &["watch", "--count", "1"]).0, "T  link           port eth0, up false\n");
    let json = asked(all(), &["watch", "--count", "1", "--json"]).0;
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["port"], "eth0");
    let ran = ctl(&Answerer::start(all()), &["watch"]);
    assert!(ran.status == 3 && ran.err.contains("the stream of events ended"), "{}", ran.err);
}

#[test]
fn archives_are_whole_or_not_there() {
    let dir = Folder::new("ctl-archive");
    let (file, gzip) = (dir.path("b.tgz"), "application/gzip");
    let (out, line, _) = asked(vec![("GET ", 200, gzip, b"archive")], &["backup", &file]);
    assert_eq!((out, line.as_str()), (format!("{file}: 7 bytes\n"), "GET /v1/backup"));
    assert_eq!(std::fs::read(&file).unwrap(), b"archive");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let (out, line, body) = asked(vec![("PUT ", 202, TEXT, b"")], &["restore", &file]);
    assert_eq!((out, line.as_str(), body.as_str()), (format!("{file} is restored\n"), "PUT /v1/backup", "archive"));
    let other = dir.path("s.tgz");
    let ran = ctl(&Answerer::start(vec![]), &["support-bundle", &other]);
    assert_eq!((ran.status, ran.err.as_str()), (1, "sluice: 404 Not Found: not prepared\n"));
    assert_eq!(std::fs::read_dir(&dir.0).unwrap().count(), 1);
}

#[test]
fn what_is_no_ems_is_told_from_one() {
    let ems = Answerer::start(vec![
        ("GET /v1/stats", 200, "text/html", b"<html>welcome</html>"),
        ("GET /v1/vnf", 302, TEXT, b""),
    ]);
    let ran = ctl(&ems, &["stats"]);
    assert!(ran.status == 1 && ran.err.contains("does not answer as an EMS of this version: no JSON"), "{}", ran.err);
    assert_eq!(ctl(&ems, &["status"]).status, 1);
}
