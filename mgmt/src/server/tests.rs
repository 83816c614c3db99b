//! How connections end when the EMS does. Time is simulated: it passes when nothing else can happen.
use super::farewell::FAREWELL;
use super::*;
use axum::body::Body;
use axum::routing::{get, post};
use std::convert::Infallible;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::Instant;

const LONG: usize = 100_000;
const GET_LONG: &str = "GET /long HTTP/1.1\r\nHost: vnf\r\n\r\n";

/// A client that is served over a pipe of 1,000 bytes, and what ends the EMS.
struct Rig {
    client: DuplexStream,
    end: watch::Sender<bool>,
    talk: JoinHandle<()>,
}

impl Rig {
    async fn new(said: &str) -> Rig {
        let (mut client, socket) = duplex(1000);
        let endless = || async { Body::from_stream(futures_util::stream::pending::<Result<&str, Infallible>>()) };
        let app = Router::new()
            .route("/long", get(|| async { "x".repeat(LONG) }))
            .route("/endless", get(endless))
            .route("/echo", post(|body: String| async { body }));
        let (end, ended) = watch::channel(false);
        let unsaid = Arc::new(Unsaid::default());
        let socket = Patience::new(socket, Duration::from_secs(60), unsaid.clone());
        let peer = Peer { address: ([127, 0, 0, 1], 1).into(), names: Arc::new([]) };
        let time = Duration::from_secs(60);
        let talk = tokio::spawn(talk(socket, peer, Scheme("http"), app, time, (ended, unsaid)));
        client.write_all(said.as_bytes()).await.unwrap();
        Rig { client, end, talk }
    }

    /// The answer up to its body.
    async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.client.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// What still comes until the connection is closed.
    async fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.client.read_to_string(&mut rest).await.unwrap();
        rest
    }

    /// Ends the EMS, and waits until it took leave of this client; how long that took.
    async fn end(&mut self) -> Duration {
        let began = Instant::now();
        self.end.send(true).unwrap();
        (&mut self.talk).await.unwrap();
        began.elapsed()
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_on_its_way_is_heard_to_its_end_after_the_end() {
    let mut rig = Rig::new(GET_LONG).await;
    assert!(rig.head().await.starts_with("HTTP/1.1 200 OK"));
    rig.end.send(true).unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await; // whatever would cut it short has its turn
    }
    assert_eq!(rig.rest().await.len(), LONG);
    rig.talk.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_take_its_answer_has_a_while_and_no_more() {
    let mut rig = Rig::new(GET_LONG).await;
    rig.head().await;
    assert_eq!(rig.end().await, FAREWELL);
}

#[tokio::test(start_paused = true)]
async fn who_said_nothing_half_or_has_heard_all_is_not_waited_for() {
    for said in ["", "GET /lo", "POST /echo HTTP/1.1\r\nHost: vnf\r\nContent-Length: 9\r\n\r\nhalf"] {
        let mut rig = Rig::new(said).await;
        tokio::task::yield_now().await; // it was heard
        assert_eq!(rig.end().await, Duration::ZERO, "{said}");
        assert!(!rig.rest().await.contains("200 OK"), "{said}");
    }
    let mut idle = Rig::new(GET_LONG).await;
    idle.head().await;
    idle.client.read_exact(&mut [0; LONG]).await.unwrap();
    assert_eq!(idle.end().await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_an_end_gets_one() {
    let mut rig = Rig::new("GET /endless HTTP/1.1\r\nHost: vnf\r\n\r\n").await;
    assert!(rig.head().await.contains("Transfer-Encoding: chunked"));
    assert_eq!(rig.end().await, Duration::ZERO);
    assert_eq!(rig.rest().await, "0\r\n\r\n");
}
