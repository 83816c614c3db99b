//! Server-sent events: what a listener hears, and what it hears when it comes back.
#![allow(clippy::unwrap_used)] // helpers of tests, too
#[allow(missing_docs)]
mod fake;
use axum::body::Body;
use axum::http::{Request, Response};
use fake::Rig;
use http_body_util::BodyExt as _;
use sluice_mgmt::events::{KEPT, LISTENERS, What};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::ServiceExt as _;

async fn listen(rig: &Rig, last: Option<&str>) -> Response<Body> {
    let mut request = Request::get("/v1/events");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    rig.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

/// The next message, as its lines.
async fn message(body: &mut Body) -> Vec<String> {
    let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
    String::from_utf8(piece.to_vec()).unwrap().trim_end().lines().map(String::from).collect()
}

/// A listener that has been greeted.
async fn greeted(rig: &Rig, last: Option<&str>) -> Body {
    let got = listen(rig, last).await;
    assert_eq!((got.status().as_u16(), got.headers()["content-type"].to_str().unwrap()), (200, "text/event-stream"));
    let mut body = got.into_body();
    assert_eq!(message(&mut body).await, ["retry: 1000"]);
    body
}

fn links(rig: &Rig, n: usize) {
    (0..n).for_each(|i| rig.ems.events.tell(What::Link { port: "eth0\ndata: x".into(), up: i % 2 == 0 }));
}

#[tokio::test]
async fn a_listener_hears_number_type_and_data_of_what_happens() {
    let rig = Rig::new();
    let mut body = greeted(&rig, None).await;
    rig.put("/v1/functions/main", "second").await;
    let got = message(&mut body).await;
    assert_eq!(got.len(), 3, "{got:?}");
    // The order of the fields of a message means nothing.
    assert!(got.contains(&"id: 1".into()) && got.contains(&"event: swap".into()), "{got:?}");
    let data = got.iter().find_map(|l| l.strip_prefix("data: ")).unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(
        (data["id"].as_u64(), data["type"].as_str(), data["revision"].as_u64()),
        (Some(1), Some("swap"), Some(2))
    );
    links(&rig, 1);
    assert_eq!(message(&mut body).await.len(), 3, "a line break in a name makes no field");
}

#[tokio::test]
async fn a_listener_that_comes_back_hears_what_happened_meanwhile() {
    let rig = Rig::new();
    links(&rig, 3);
    let mut body = greeted(&rig, Some("1")).await;
    links(&rig, 1);
    for id in ["id: 2", "id: 3", "id: 4"] {
        let got = message(&mut body).await;
        assert!(got.iter().any(|l| l == id), "{got:?}");
    }
    assert_eq!(listen(&rig, Some("yesterday")).await.status(), 400);
}

#[tokio::test]
async fn a_listener_that_fell_behind_learns_how_many_it_missed() {
    let rig = Rig::new();
    links(&rig, KEPT + 5);
    let mut body = greeted(&rig, Some("2")).await;
    let got = message(&mut body).await;
    assert_eq!(got, ["event: missed", r#"data: {"missed":3}"#]);
    assert!(message(&mut body).await.contains(&"id: 6".into()));
}

#[tokio::test]
async fn listeners_are_bounded_and_one_that_goes_makes_room() {
    let rig = Rig::new();
    let mut all = Vec::new();
    for _ in 0..LISTENERS {
        all.push(greeted(&rig, None).await);
    }
    let late = listen(&rig, None).await;
    assert_eq!((late.status().as_u16(), late.headers().contains_key("retry-after")), (503, true));
    all.pop();
    drop(greeted(&rig, None).await);
}

#[tokio::test(start_paused = true)]
async fn a_comment_comes_when_nothing_happens() {
    let rig = Rig::new();
    let mut body = greeted(&rig, None).await;
    let before = tokio::time::Instant::now();
    assert_eq!(message(&mut body).await, [":"]);
    assert_eq!(before.elapsed().as_secs(), 15);
}

#[tokio::test]
async fn over_a_socket_events_come_as_they_happen() {
    let rig = Rig::new();
    let server = fake::serve(&rig);
    let mut client = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    client.write_all(b"GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut got = Vec::new();
    for wanted in ["retry: 1000", "event: link"] {
        while !String::from_utf8_lossy(&got).contains(wanted) {
            assert_ne!(client.read_buf(&mut got).await.unwrap(), 0);
        }
        links(&rig, 1);
    }
}
