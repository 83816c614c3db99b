//! An HTTP server (RFC 9112) that gives prepared answers and remembers what it was asked.
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Start of the request line, status, type, body.
pub(crate) type Prepared = (&'static str, u16, &'static str, &'static [u8]);

pub(crate) struct Answerer {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Answerer {
    /// Answers what begins as one of these, the longest that fits; 404 to the rest. Lives as long as the test program.
    pub(crate) fn start(mut prepared: Vec<Prepared>) -> Answerer {
        prepared.sort_by_key(|p| std::cmp::Reverse(p.0.len()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let remember = seen.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                answer(socket, &prepared, &remember);
            }
        });
        Answerer { url, seen }
    }

    /// The requests: head and body.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// The last request line, without the version, and its body.
    pub(crate) fn last(&self) -> (String, String) {
        let all = self.seen();
        let (head, body) = all.last().unwrap().split_once("\r\n\r\n").unwrap();
        let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1");
        (line.into(), body.into())
    }
}

/// One request of a connection.
fn answer(socket: TcpStream, prepared: &[Prepared], seen: &Mutex<Vec<String>>) {
    let mut from = BufReader::new(socket);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head).unwrap_or(0) == 0 {
            return; // the client has gone
        }
    }
    let length = head.to_lowercase().lines().find_map(|l| l.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    from.read_exact(&mut body).unwrap();
    let (_, status, mime, answer) =
        prepared.iter().find(|p| head.starts_with(p.0)).unwrap_or(&("", 404, "text/plain", b"not prepared"));
    seen.lock().unwrap().push(head.clone() + &String::from_utf8_lossy(&body));
    let length = answer.len();
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-type: {mime}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let _ = from.get_mut().write_all(&[head.as_bytes(), answer].concat()); // the client has gone
}
