//! A client as Click-on-OSv's, over a real socket.
#![allow(clippy::unwrap_used)] // helpers of tests, too
#[allow(missing_docs)]
mod fake;
use fake::Rig;
use sluice_mgmt::vnf::State;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const HEADER: &str = "//VNF_HEADER\n//VNF_VERSION: 1.0\n//VNF_ID:b69c308a-9bde-459a-b171-fed5621ce46d\n\
    //VNF_PROVIDER:A/B\n//VNF_NAME: Stateless Firewall\n//VNF_RELEASE_DATE:2017-04-08 21-45-45\n\
    //VNF_RELEASE_VERSION:1.0\n//VNF_RELEASE_LIFESPAN:2017-06-08 21-45\n//VNF_DESCRIPTION: Drops all\n";

struct Client {
    rig: Rig,
    at: SocketAddr,
}

impl Client {
    async fn new() -> Client {
        let rig = Rig::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let app = sluice_mgmt::click_on_osv::app(rig.ems.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Client { rig, at }
    }

    /// Status, content type and body.
    async fn send(&self, method: &str, path: &str, mime: &str, body: &str) -> (u16, String, String) {
        let mut socket = TcpStream::connect(self.at).await.unwrap();
        let head = format!(
            "{method} /click_plugin/{path} HTTP/1.1\r\nHost: vnf\r\nConnection: close\r\nContent-Type: {mime}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        // The answer may come before all is sent.
        let _ = socket.write_all(format!("{head}{body}").as_bytes()).await;
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mime = head.lines().find_map(|l| l.strip_prefix("content-type: ")).unwrap_or_default();
        (status, mime.into(), body.into())
    }
    async fn get(&self, path: &str) -> String {
        let (status, mime, body) = self.send("GET", path, "application/json", "").await;
        assert_eq!((status, mime.as_str()), (200, "application/json"), "{body}");
        body
    }
    async fn post(&self, path: &str) -> (u16, String) {
        let (status, _, body) = self.send("POST", path, "application/json", "").await;
        (status, body)
    }
    async fn write(&self, text: &str) -> (u16, String) {
        let content: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        self.post(&format!("write_file?path=func.click&content={content}")).await
    }
}

fn ok(body: &str) -> (u16, String) {
    (200, body.into())
}

#[tokio::test]
async fn a_function_is_written_started_watched_and_stopped() {
    let client = Client::new().await;
    assert_eq!(client.get("version").await, "\"2.0\"");
    assert_eq!(client.post("stop").await, ok("\"Success\""));
    assert_eq!(client.get("running").await, "false");
    let text = format!("{HEADER}FromDevice(\"a\") -> Print(\"50% + x & y\") -> Discard;");
    assert_eq!(client.write(&text).await, ok("OK!!"));
    assert_eq!(client.post("start").await, ok(&format!("\"Sucess: PID {}\"", std::process::id())));
    assert_eq!(client.get("running/").await, "true");
    assert_eq!(serde_json::from_str::<String>(&client.get("read_file").await).unwrap(), text);
    let id = "{\"provider\": \"A/B\", \"description\": \"Drops all\", \"version\": \"1.0\", \
              \"id\": \"b69c308a-9bde-459a-b171-fed5621ce46d\", \"name\": \"Stateless Firewall\", \"framework\": \"Click\"}";
    assert_eq!(client.get("vnf_identification").await, id);
    assert!(client.get("log").await.contains("click-on-osv: change function main: done\\n"));
}

#[tokio::test]
async fn what_clients_send_beside_what_they_ask_does_not_matter() {
    let client = Client::new().await;
    // The manager of Vines repeats the method in a body that it calls JSON; jQuery calls an empty one a form.
    let json = "application/json";
    assert_eq!(client.send("GET", "version", json, "op=GET").await, (200, json.into(), "\"2.0\"".into()));
    assert_eq!(client.send("POST", "stop", json, "op=POST").await.2, "\"Success\"");
    let form = "application/x-www-form-urlencoded; charset=UTF-8";
    assert_eq!(client.send("POST", "stop", form, "").await.2, "\"Click is not running\"");
    let content: String = form_urlencoded::byte_serialize(HEADER.as_bytes()).collect();
    assert_eq!(client.send("POST", "write_file", form, &format!("path=func.click&content={content}")).await.2, "OK!!");
    assert!(client.send("POST", "start", json, "op=POST").await.2.starts_with("\"Sucess: PID "));
}

#[tokio::test]
async fn five_metrics_come_in_percent() {
    let client = Client::new().await;
    let body = client.get("metrics").await;
    let metrics: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert!(
        body.starts_with("{\"time_ms\": 1")
            && body.contains("\"list\": [{\"id\": 0, \"value\": 0, \"name\": \"CPU Usage\"},")
    );
    let names = ["CPU Usage", "Disk Usage", "Memory Usage", "Net TX", "Net RX"];
    for (n, name) in names.into_iter().enumerate() {
        let one = &metrics["list"][n];
        assert_eq!((one["id"].as_u64(), one["name"].as_str()), (Some(n as u64), Some(name)));
        assert!(one["value"].as_u64().unwrap() <= 100);
    }
}

#[tokio::test]
async fn what_is_started_or_stopped_twice_is_told_so() {
    let client = Client::new().await;
    assert_eq!(client.post("start").await, ok("\"Click is already running\""));
    assert_eq!(client.post("stop").await, ok("\"Success\""));
    assert_eq!(client.post("stop").await, ok("\"Click is not running\""));
    client.write(HEADER).await;
    assert!(client.post("start").await.1.starts_with("\"Sucess: PID "));
    assert_eq!(client.post("start").await, ok("\"Click is already running\""));
}

#[tokio::test]
async fn a_function_without_its_header_does_not_start() {
    let client = Client::new().await;
    client.post("stop").await;
    assert_eq!(client.write("Idle -> Discard;").await, ok("OK!!"));
    assert_eq!(client.post("start").await, ok("\"Invalid VNF Header\""));
    client.write(&HEADER.replace("2017-04-08", "today")).await;
    assert_eq!(client.post("start").await, ok("\"Invalid VNF Header\""));
    assert_eq!(client.get("running").await, "false");
    assert!(client.get("log").await.contains("line 6: VNF_RELEASE_DATE must be YYYY-MM-DD"));
    assert!(client.get("vnf_identification").await.contains("6d5f7c0e-3a51-4b9e-9f0e-0c9d2f6f1a11"));
}

#[tokio::test]
async fn what_fails_is_not_called_a_success() {
    let client = Client::new().await;
    let (status, body) = client.write(&format!("{HEADER}bad")).await;
    assert_eq!(
        (status, body.as_str()),
        (422, "{\"message\": \"main:1:1: unknown element class ‘bad’\", \"code\": 422}")
    );
    assert_eq!(client.get("read_file").await, "\"first\"");
    client.write(HEADER).await;
    client.rig.vnf.set_status(State::Starting, "ports");
    assert_eq!(client.post("start").await, (409, "{\"message\": \"it boots\", \"code\": 409}".into()));
    assert_eq!(client.post("stop").await.0, 409);
    let none: (u16, String, String) =
        (404, "application/json".into(), "{\"message\": \"Not found\", \"code\": 404}".into());
    assert_eq!(client.send("GET", "start", "text/plain", "").await, none);
    assert_eq!(client.send("GET", "../v1/vnf", "text/plain", "").await, none);
}

#[tokio::test]
async fn content_comes_in_the_query_a_form_or_the_body_and_no_path_is_followed() {
    let client = Client::new().await;
    let form = "application/x-www-form-urlencoded";
    let done = (200, "text/plain".to_string(), "OK!!".to_string());
    let path = std::env::temp_dir().join(format!("sluice-write-file-{}", std::process::id()));
    let body = format!("path={}&content=a+%3D%3E+b", path.display());
    assert_eq!(client.send("POST", "write_file", form, &body).await, done);
    assert_eq!(client.get("read_file").await, "\"a => b\"");
    assert_eq!(client.send("POST", "write_file?path=/etc/passwd", "text/plain", "c -> d;").await, done);
    assert_eq!(client.get("read_file").await, "\"c -> d;\"");
    assert!(!path.exists());
    assert_eq!(client.send("POST", "write_file", "multipart/form-data; boundary=x", "--x").await.0, 415);
}

#[tokio::test]
async fn content_that_is_cut_short_by_an_ampersand_is_refused() {
    let client = Client::new().await;
    for query in ["", "?path=func.click", "?content=", "?content=a&content=b", "?content=allow%20tcp&&%20port%2080"] {
        let (status, body) = client.post(&format!("write_file{query}")).await;
        assert_eq!(status, 400, "{query}: {body}");
    }
    assert_eq!(client.get("read_file").await, "\"first\"");
}

#[tokio::test]
async fn huge_content_is_refused_and_changes_nothing() {
    let client = Client::new().await;
    let (status, _) = client.write(&"x".repeat(70_000)).await;
    assert_eq!(status, 414);
    // One byte more than is read, so that the answer does not cross what is not.
    let body = "x".repeat((4 << 20) + 1025);
    assert_eq!(client.send("POST", "write_file", "text/plain", &body).await.0, 413);
    assert_eq!(client.get("read_file").await, "\"first\"");
    let large = format!("{HEADER}{}", "// x\n".repeat(100_000));
    assert_eq!(client.send("POST", "write_file", "text/plain", &large).await.0, 200);
}
