//! Ports, workers, log, traces and taps over HTTP.
#![allow(clippy::unwrap_used)] // helpers of tests, too
#[allow(missing_docs)]
mod fake;
use axum::body::Body;
use axum::http::{Request, Response};
use fake::{PCAPNG, Rig, packet_block};
use http_body_util::BodyExt as _;
use sluice_mgmt::vnf::{Port, PortSide, Worker};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::ServiceExt as _;

/// Two seconds of traffic: 1000 frames of 64 bytes a second into the port `eth0`.
fn traffic(rig: &Rig) {
    for second in 1..=2u64 {
        let mut inner = rig.vnf.0.lock().unwrap();
        let side = PortSide { packets: second * 1000, bytes: second * 64_000, ..PortSide::default() };
        let port = |name: &str| Port { name: name.into(), up: true, received: Some(side.clone()), ..Port::default() };
        inner.snapshot.ports = vec![port("eth0"), port("0000:00:1f.2/1")];
        inner.snapshot.workers = vec![Worker {
            rounds: second * 100,
            busy_rounds: second * 25,
            packets: second * 1000,
            ..Worker::default()
        }];
        inner.snapshot.monotonic = second * 1_000_000_000;
        drop(inner);
        rig.ems.tick();
    }
}

#[tokio::test]
async fn ports_have_counters_and_rates() {
    let rig = Rig::new();
    assert_eq!(rig.get("/v1/ports").await.text(), "[]");
    traffic(&rig);
    let ports = rig.get("/v1/ports").await.json();
    assert_eq!((ports[0]["name"].as_str(), ports[0]["received"]["packets"].as_u64()), (Some("eth0"), Some(2000)));
    assert_eq!(ports[0]["rates"]["received"]["packets_per_second"], 1000.0);
    assert_eq!(ports[0]["rates"]["received"]["bits_per_second"], 512_000.0);
    assert!(ports[0]["rates"].get("sent").is_none(), "nothing sends to it");
    assert_eq!(rig.get("/v1/ports/eth0").await.json(), ports[0]);
    assert_eq!(rig.get("/v1/ports/0000:00:1f.2%2F1").await.json(), ports[1]);
    assert_eq!(rig.get("/v1/ports/eth1").await.status, 404);
}

#[tokio::test]
async fn workers_tell_how_busy_they_are() {
    let rig = Rig::new();
    traffic(&rig);
    let workers = rig.get("/v1/workers").await.json();
    assert_eq!((workers[0]["number"].as_u64(), workers[0]["busy"].as_f64()), (Some(0), Some(0.25)));
    assert_eq!(workers[0]["burst"], 40.0);
}

#[tokio::test]
async fn the_log_is_followed_by_number_as_json_or_text() {
    let rig = Rig::new();
    ["one", "two\u{1b}[2J\nthree", "four"].iter().for_each(|t| rig.ems.journal.say("vnf", t));
    let lines = rig.get("/v1/log").await.json();
    assert_eq!((lines.as_array().unwrap().len(), lines[0]["text"].as_str()), (3, Some("one")));
    let last = rig.get(&format!("/v1/log?after={}&limit=1", lines[0]["number"])).await.json();
    assert_eq!((last.as_array().unwrap().len(), &last[0]), (1, &lines[2]));
    let text = rig.get("/v1/log?format=text").await;
    assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(text.text().lines().count(), 3);
    assert!(text.text().contains("Z vnf: two\\u{1b}[2J\\nthree\n"), "{}", text.text());
    assert_eq!(rig.send("GET", "/v1/log", &["accept: text/plain"], "").await.text(), text.text());
    assert_eq!(rig.get("/v1/log?limit=0").await.text(), "[]");
    for wrong in ["after=-1", "limit=many", "format=xml", "from=1"] {
        assert_eq!(rig.get(&format!("/v1/log?{wrong}")).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_trace_is_found_where_location_says() {
    let rig = Rig::new();
    let started = rig.post("/v1/trace", r#"{"count": 2, "port": "eth0", "filter": "udp"}"#).await;
    assert_eq!((started.status.as_u16(), started.header("location")), (201, "/v1/trace/1"), "{}", started.text());
    assert_eq!(rig.get(started.header("location")).await.json(), started.json());
    assert_eq!(rig.get("/v1/trace/2").await.status, 404);
    assert_eq!(rig.get("/v1/trace/first").await.status, 400);
}

#[tokio::test]
async fn a_trace_that_asks_for_the_wrong_is_refused() {
    let rig = Rig::new();
    for (body, status) in [
        (r#"{"count": 0}"#, 422),
        (r#"{"count": 257}"#, 422),
        (r#"{"count": 1, "filter": "bad"}"#, 422),
        (r#"{"count": 1, "ports": "eth0"}"#, 422),
        ("{}", 422),
        ("{", 400),
    ] {
        assert_eq!(rig.post("/v1/trace", body).await.status, status, "{body}");
    }
    assert_eq!(rig.send("POST", "/v1/trace", &["content-type: text/plain"], r#"{"count": 1}"#).await.status, 415);
}

async fn tap(rig: &Rig, query: &str) -> Response<Body> {
    let request = Request::get(format!("/v1/tap?{query}")).body(Body::empty()).unwrap();
    rig.app.clone().oneshot(request).await.unwrap()
}

async fn piece(body: &mut Body) -> Option<Vec<u8>> {
    Some(body.frame().await?.unwrap().into_data().unwrap().to_vec())
}

#[tokio::test]
async fn a_tap_starts_at_once_and_ends_after_its_packets() {
    let rig = Rig::new();
    let got = tap(&rig, "edge=q[0]&count=2").await;
    assert_eq!((got.status().as_u16(), got.headers()["content-type"].to_str().unwrap()), (200, "application/x-pcapng"));
    let mut body = got.into_body();
    assert_eq!(piece(&mut body).await.unwrap(), PCAPNG, "before any packet passes");
    for frame in [&[1u8; 60][..], &[2; 61]] {
        rig.vnf.pass(frame);
        assert_eq!(piece(&mut body).await.unwrap(), packet_block(frame));
    }
    assert_eq!(piece(&mut body).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_tap_ends_after_its_time() {
    let rig = Rig::new();
    let mut body = tap(&rig, "edge=drops&seconds=3600").await.into_body();
    assert_eq!(piece(&mut body).await.unwrap(), PCAPNG);
    assert_eq!(piece(&mut body).await, None);
    drop(body);
    assert_eq!(rig.vnf.ask_taps(), 0);
}

#[tokio::test]
async fn of_five_taps_the_fifth_waits_until_a_client_goes_away() {
    let rig = Rig::new();
    let mut taps = Vec::new();
    for _ in 0..4 {
        taps.push(tap(&rig, "edge=drops").await);
    }
    let fifth = tap(&rig, "edge=drops").await;
    assert_eq!((fifth.status().as_u16(), fifth.headers().contains_key("retry-after")), (503, true));
    taps.pop();
    assert_eq!(rig.vnf.pass(&[0; 60]), 3, "the VNF learns that nobody listens");
    taps.push(tap(&rig, "edge=drops").await);
    assert_eq!((taps[3].status().as_u16(), rig.vnf.ask_taps()), (200, 4));
}

#[tokio::test]
async fn a_tap_that_is_refused_takes_no_seat() {
    let rig = Rig::new();
    for _ in 0..5 {
        assert_eq!(tap(&rig, "edge=nothing[0]").await.status(), 404);
    }
    for wrong in ["", "edge=drops&count=0", "edge=drops&seconds=3601", "edge=drops&snap=65536", "edge=drops&count=x"] {
        assert_eq!(tap(&rig, wrong).await.status(), 400, "{wrong}");
    }
    assert_eq!(tap(&rig, "edge=drops").await.status(), 200);
}

#[tokio::test]
async fn over_a_socket_the_first_bytes_come_at_once_and_a_client_that_leaves_is_noticed() {
    let rig = Rig::new();
    let server = fake::serve(&rig);
    let mut client = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    client.write_all(b"GET /v1/tap?edge=drops HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut got = Vec::new();
    while !got.windows(PCAPNG.len()).any(|w| w == PCAPNG) {
        assert_ne!(client.read_buf(&mut got).await.unwrap(), 0);
    }
    let head = String::from_utf8_lossy(&got).to_lowercase();
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    assert_eq!(rig.vnf.ask_taps(), 1);
    drop(client);
    while rig.vnf.ask_taps() > 0 {
        tokio::task::yield_now().await;
    }
}
