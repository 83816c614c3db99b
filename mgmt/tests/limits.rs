//! What clients may not: ask too much, too often, too slowly, or in a way that nobody understands.
#![allow(clippy::unwrap_used)] // also in what tests share
#[allow(missing_docs)]
mod fake;
#[allow(missing_docs)]
mod wire;
use axum::Router;
use axum::routing::get;
use fake::Rig;
use sluice_mgmt::archive::LARGEST;
use sluice_mgmt::auth::security::Security;
use sluice_mgmt::functions::LONGEST_TEXT;
use sluice_mgmt::server::Server;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;
use wire::{Served, ask, hear};

#[test]
fn a_body_that_is_too_long_is_413_whether_it_says_so_or_not() {
    let served = Served::start("limits.body_bytes = 1000");
    assert_eq!(served.ask("PUT", "/v1/functions/main", &[], &"x".repeat(1000)).status, 200);
    let said = served.ask("PUT", "/v1/functions/main", &["X-Request-Id: mine"], &"y".repeat(1001));
    assert_eq!((said.status, said.detail().as_str()), (413, "body: longer than 1000 bytes"));
    assert_eq!(said.json()["instance"], "mine");
    let mut stream = served.connect();
    let head = "PUT /v1/functions/main HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    write!(stream, "{head}3e9\r\n{}\r\n", "z".repeat(1001)).unwrap(); // and no end
    assert_eq!(hear(stream).unwrap().status, 413);
    assert_eq!(served.rig.vnf.0.lock().unwrap().applied, ["x".repeat(1000)]);
}

#[test]
fn the_longest_text_of_a_function_and_a_long_backup_are_not_too_long() {
    let served = Served::start("");
    // Who says that it is too long is not heard to the end.
    let begin = |path: &str, length: usize| {
        let mut stream = served.connect();
        write!(stream, "PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n").unwrap();
        hear(stream).unwrap()
    };
    assert_eq!(served.ask("PUT", "/v1/functions/main", &[], &"x".repeat(LONGEST_TEXT)).status, 200);
    assert_eq!(begin("/v1/functions/main", LONGEST_TEXT + 1).status, 413);
    assert!(served.ask("PUT", "/v1/backup", &[], &"x".repeat(2 * LONGEST_TEXT)).detail().contains("damaged"));
    assert_eq!(begin("/v1/backup", LARGEST + 1).detail(), format!("body: longer than {LARGEST} bytes"));
}

#[test]
fn so_many_backups_are_restored_at_a_time_and_no_more() {
    let served = Served::start("");
    let begin = || {
        let mut stream = served.connect();
        let head = "PUT /v1/backup HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nConnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let mut held = [begin(), begin()];
    let busy = || served.ask("PUT", "/v1/backup", &[], "no archive").status;
    while busy() != 503 {
        std::thread::yield_now(); // until both have begun
    }
    for stream in &mut held {
        stream.write_all(b"no backup").unwrap();
        assert_eq!(hear(stream).unwrap().status, 400);
    }
    assert_eq!(busy(), 400);
}

#[test]
fn a_slow_client_is_sent_away_and_others_are_served_meanwhile() {
    let served = Served::start("limits.request_seconds = 1");
    let mut header = served.connect();
    header.write_all(b"GET /livez HTTP/1.1\r\nHost: localho").unwrap();
    let mut body = served.connect();
    body.write_all(b"PUT /v1/functions/main HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nsec").unwrap();
    assert_eq!(served.ask("GET", "/livez", &[], "").status, 200);
    let said = hear(body).unwrap();
    assert_eq!((said.status, said.detail().as_str()), (408, "body: not complete within 1 s"));
    let mut rest = Vec::new();
    let _ = header.read_to_end(&mut rest); // ends: the connection was closed
    assert!(!String::from_utf8_lossy(&rest).contains("200"));
    assert!(served.rig.vnf.0.lock().unwrap().applied.is_empty());
}

#[test]
fn the_end_waits_for_who_hears_slowly_and_for_nobody_who_is_silent() {
    let served = Served::start("");
    let text = "\u{1}".repeat(LONGEST_TEXT); // six characters each in JSON: more than sockets hold
    assert_eq!(served.ask("PUT", "/v1/functions/main", &[], &text).status, 200);
    let mut silent = served.connect();
    silent.write_all(b"GET /livez HTTP/1.1\r\nHost: loc").unwrap();
    let mut slow = served.connect();
    let head = "GET /v1/functions/main HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n";
    slow.write_all(head.as_bytes()).unwrap();
    let mut all = vec![0; 100_000];
    slow.read_exact(&mut all).unwrap();
    let end = std::thread::spawn(move || drop(served.server));
    std::thread::sleep(Duration::from_millis(300)); // slowly
    slow.read_to_end(&mut all).unwrap();
    let said = hear(all.as_slice()).unwrap();
    assert_eq!(said.field("content-length"), said.body.len().to_string());
    assert!(said.body.len() > 6 * text.len() && said.body.ends_with('}'));
    end.join().unwrap();
    assert_eq!(silent.read_to_end(&mut Vec::new()).unwrap(), 0);
}

#[test]
fn a_vnf_that_hangs_is_503_and_the_ems_goes_on() {
    let served = Served::start("limits.request_seconds = 1");
    let gate = served.rig.vnf.0.lock().unwrap().gate.clone();
    let held = gate.lock().unwrap();
    let said = served.ask("PUT", "/v1/functions/main", &[], "second");
    assert_eq!((said.status, said.field("retry-after")), (503, "1"), "{said:?}");
    assert_eq!(served.ask("GET", "/livez", &[], "").status, 200);
    drop(held);
}

#[test]
fn too_many_connections_are_turned_away_until_one_is_given_back() {
    let served = Served::start("limits.connections = 4");
    let keep = |mut stream: TcpStream| {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        stream
    };
    let held = [keep(served.connect()), keep(served.connect())]; // half of four is what one client has
    let said = hear(served.connect()).unwrap();
    assert_eq!((said.status, said.field("retry-after")), (503, "1"));
    assert_eq!(said.detail(), "too many connections; try later");
    assert_eq!(said.field("content-length"), said.body.len().to_string());
    drop(held);
    while !ask(served.connect(), "GET", "/livez", &[], "").is_ok_and(|s| s.status == 200) {
        std::thread::yield_now(); // until it noticed
    }
}

#[test]
fn a_header_that_is_too_long_or_has_too_many_fields_is_431() {
    let served = Served::start("");
    assert_eq!(served.ask("GET", "/livez", &["X-Many: 1"; 100], "").status, 431);
    let long = format!("X-Long: {}", "x".repeat(500_000));
    let said = ask(served.connect(), "GET", "/livez", &[&long], "");
    assert!(said.is_err() || said.is_ok_and(|s| s.status == 431)); // the connection may be gone before we hear it
}

#[test]
fn who_asks_too_often_is_429_and_learns_when_to_come_again() {
    let served = Served::start("limits.requests_per_second = 5");
    let said: Vec<_> = (0..50).map(|_| served.ask("GET", "/livez", &[], "")).collect();
    assert!(said[..5].iter().all(|s| s.status == 200));
    let late = said.iter().find(|s| s.status == 429).expect("50 requests at 5 a second");
    assert_eq!(late.field("retry-after"), "1");
    assert_eq!(late.detail(), "too many requests from this address");
}

#[test]
fn a_panic_is_500_without_its_text_and_the_process_lives() {
    let served = Served::start("");
    let vnf = served.rig.vnf.clone();
    let poison = std::thread::spawn(move || {
        let _held = vnf.0.lock().unwrap();
        panic!("on purpose");
    });
    assert!(poison.join().is_err());
    let said = served.ask("GET", "/readyz", &["X-Request-Id: r1"], "");
    assert_eq!((said.status, said.json()["instance"].as_str()), (500, Some("r1")));
    assert!(!said.body.contains("Poison"), "{said:?}");
    assert_eq!(served.ask("GET", "/v1/vnf", &[], "").status, 500);
    assert_eq!(served.ask("GET", "/livez", &[], "").status, 200);
    let lines = served.rig.ems.journal.lines(0, 100);
    assert!(lines.iter().any(|l| l.text.contains("GET /readyz, request r1")), "{lines:?}");
}

#[tokio::test]
async fn what_cannot_be_understood_is_a_problem_that_names_the_place() {
    let rig = Rig::new();
    let json = "content-type: application/json";
    let long = format!("/v1/audit?limit={}", "9".repeat(40));
    for (method, path, field, body, status, place) in [
        ("PUT", "/v1/vnf/state", json, "{\"state\":", 400, "line 1 column 9"),
        ("PUT", "/v1/vnf/state", json, "{\"state\": 7}", 400, "state"),
        ("PUT", "/v1/vnf/state", json, "{\"state\": \"on\"}", 422, "running"),
        ("PUT", "/v1/vnf/state", json, "{\"state\": \"running\", \"speed\": 1}", 422, "speed"),
        ("PUT", "/v1/vnf/state", "content-type: text/plain", "running", 415, "application/json"),
        ("PUT", "/v1/functions/main?dry-run=perhaps", json, "{}", 400, "dry-run"),
        ("PUT", "/v1/functions/main?color=red", json, "{}", 400, "color"),
        ("PUT", "/v1/functions/main", json, "{\"text\": []}", 422, "text"),
        ("GET", "/v1/functions/%ff", json, "", 400, "UTF-8"),
        ("GET", "/v1/audit?limit=0", json, "", 422, "limit"),
        ("GET", &long, json, "", 400, "limit"),
        ("GET", "/v1/nothing", json, "", 404, "/openapi.json"),
        ("DELETE", "/v1/vnf", json, "", 405, "/openapi.json"),
    ] {
        let got = rig.send(method, path, &[field], body).await;
        assert_eq!(got.status, status, "{method} {path} {body}: {}", got.text());
        assert_eq!(got.header("content-type"), "application/problem+json", "{method} {path}");
        assert_eq!(got.json()["status"], status);
        assert!(got.json()["detail"].as_str().unwrap().contains(place), "{path} {body}: {}", got.text());
    }
    assert!(rig.vnf.0.lock().unwrap().applied.is_empty());
}

#[test]
fn every_answer_has_a_number_and_says_how_it_may_be_used() {
    let served = Served::start("");
    let said = served.ask("GET", "/v1/vnf", &["X-Request-Id: 6d5f7c0e-3a51"], "");
    assert_eq!(said.field("x-request-id"), "6d5f7c0e-3a51");
    assert_eq!((said.field("x-content-type-options"), said.field("cache-control")), ("nosniff", "no-store"));
    assert!(said.field("content-security-policy").contains("frame-ancestors 'none'"));
    let said = served.ask("GET", "/v1/nothing", &["X-Request-Id: {a b}"], "");
    let made = said.field("x-request-id");
    assert!(!made.is_empty() && made != "{a b}");
    assert_eq!(said.json()["instance"], made);
    assert_eq!(said.field("cache-control"), "no-store");
}

#[test]
fn names_of_fields_are_spelt_as_in_the_standards() {
    let served = Served::start("");
    let said = served.ask("GET", "/v1/functions/main", &[], "");
    for name in ["ETag", "Content-Type", "Content-Length", "X-Request-Id", "Date"] {
        assert!(said.head.contains(&format!("\r\n{name}: ")), "{name}: {}", said.head);
    }
}

#[test]
fn answers_are_counted_by_path_method_and_status() {
    let served = Served::start("");
    for path in ["/v1/functions/main", "/v1/functions/other", "/v1/functions/other", "/nowhere"] {
        served.ask("GET", path, &[], "");
    }
    let all = served.rig.ems.requests.all();
    let of = |path: &str, status| all.iter().find(|s| (s.path.as_str(), s.status) == (path, status));
    let count = |path: &str, status| of(path, status).map_or(0, |s| s.count);
    assert_eq!((count("/v1/functions/{name}", 200), count("/v1/functions/{name}", 404)), (1, 2));
    assert_eq!((count("none", 404), all.len()), (1, 3));
}

#[test]
fn a_service_that_asks_for_no_token_has_an_address_of_its_own_and_the_same_limits() {
    let folder = wire::Folder::new();
    let settings = wire::settings(&format!("tokens = '{}'\nlimits.body_bytes = 9", folder.file("t.toml").display()));
    let rig = Rig::new();
    let security = Security::set_up(&settings, &rig.ems).unwrap().security;
    let old = Router::new().route("/running", get(|| async { "true" }).post(|body: String| async { body }));
    let also = vec![(([127, 0, 0, 1], 0).into(), old)];
    let server = Server::start_also(rig.ems.clone(), &settings, security, also).unwrap();
    let at = |n: usize| TcpStream::connect(server.addresses()[n]).unwrap();
    let said = ask(at(1), "GET", "/running", &[], "").unwrap();
    assert_eq!((said.status, said.body.as_str()), (200, "true"));
    assert_eq!(ask(at(1), "POST", "/running", &[], "0123456789").unwrap().status, 413);
    assert_eq!(ask(at(1), "GET", "/v1/vnf", &[], "").unwrap().status, 404);
    assert_eq!(ask(at(0), "GET", "/v1/vnf", &[], "").unwrap().status, 401);
    assert_eq!(ask(at(0), "GET", "/running", &[], "").unwrap().status, 401);
}
