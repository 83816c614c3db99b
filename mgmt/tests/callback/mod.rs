//! A subscriber on the loopback interface that answers, fails, hangs, or wants to know who calls.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)] // each test file uses its part
use std::io::{BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request that came.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub path: String,
    /// Header fields, in lower case.
    pub head: String,
    pub body: String,
}

/// The subscriber. What it answers depends on the path: `/ok...`, `/fail`, `/hang`, `/deaf` (hangs for POST), `/flaky` (503
/// for the first POST), `/gone` (400 for POST), `/basic`, `/bearer`, and `/token`, which gives tokens.
pub struct Subscriber {
    pub root: String,
    calls: Receiver<Call>,
}

impl Subscriber {
    pub fn new() -> Subscriber {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let (to, calls) = channel();
        let posts = Arc::new(Mutex::new(0u32));
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (to, posts) = (to.clone(), posts.clone());
                std::thread::spawn(move || serve(socket, &to, &posts));
            }
        });
        Subscriber { root, calls }
    }

    pub fn uri(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// The next call of this method.
    pub fn next(&self, method: &str) -> Call {
        loop {
            let call = self.calls.recv_timeout(Duration::from_secs(20)).expect("a call");
            if call.method == method {
                return call;
            }
        }
    }

    /// Calls of this method that have come so far.
    pub fn so_far(&self, method: &str) -> Vec<Call> {
        self.calls.try_iter().filter(|c| c.method == method).collect()
    }
}

pub fn read(reader: &mut impl std::io::BufRead) -> Option<Call> {
    let mut first = String::new();
    if reader.read_line(&mut first).ok()? == 0 {
        return None;
    }
    let mut words = first.split_whitespace();
    let (method, path) = (words.next()?.to_string(), words.next()?.to_string());
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        let name = name.to_ascii_lowercase();
        if name == "content-length" {
            length = value.trim().parse().ok()?;
        }
        head.push_str(&format!("{name}: {}\n", value.trim()));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Call { method, path, head, body: String::from_utf8(body).ok()? })
}

fn serve(mut socket: TcpStream, to: &Sender<Call>, posts: &Mutex<u32>) {
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    while let Some(call) = read(&mut reader) {
        let post = call.method == "POST";
        let has = |field: &str| call.head.contains(field);
        let mut count = posts.lock().unwrap();
        let (status, body) = match call.path.as_str() {
            "/fail" => (500, String::new()),
            "/hang" => (0, String::new()),
            "/deaf" if post => (0, String::new()),
            "/gone" if post => (400, String::new()),
            "/flaky" if post => {
                *count += 1;
                (if *count == 1 { 503 } else { 204 }, String::new())
            }
            "/token"
                if has("authorization: Basic Y2xpZW50OnBhc3M=\n") && call.body == "grant_type=client_credentials" =>
            {
                *count += 1;
                (200, format!("{{\"access_token\":\"t{count}\",\"token_type\":\"bearer\",\"expires_in\":3600}}"))
            }
            "/token" => (401, String::new()),
            // The first token is revoked as soon as it was used for the test.
            "/bearer" if has("authorization: Bearer t1\n") && !post => (204, String::new()),
            "/bearer" if has("authorization: Bearer t2\n") => (204, String::new()),
            "/bearer" => (401, String::new()),
            "/basic" if has("authorization: Basic dXNlcjpwYXNz\n") => (204, String::new()),
            "/basic" => (401, String::new()),
            _ => (204, String::new()),
        };
        drop(count);
        let _ = to.send(call);
        if status == 0 {
            let _ = reader.read(&mut [0]); // until the other side gives up
            return;
        }
        let length = if status == 204 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        if socket.write_all(format!("HTTP/1.1 {status} X\r\n{length}\r\n{body}").as_bytes()).is_err() {
            return;
        }
    }
}
