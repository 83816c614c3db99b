//! curl, in a network namespace.
use crate::common::{must, run};
use serde_json::Value;

/// An EMS, seen from a namespace.
pub(crate) struct Client {
    pub(crate) namespace: String,
    pub(crate) url: String,
    /// Further arguments of curl: credentials, certificates.
    pub(crate) more: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Got {
    /// 0: there was none.
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.body))
    }
    /// A header field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|l| l.split_once(": "));
        lines.find(|l| l.0.eq_ignore_ascii_case(name)).map(|l| l.1.trim())
    }
    /// The same, of which the status is as it should be.
    pub(crate) fn is(self, status: u16) -> Got {
        assert_eq!(self.status, status, "{}{}", self.head, self.body);
        self
    }
}

impl Client {
    pub(crate) fn new(namespace: &str) -> Client {
        Client { namespace: namespace.into(), url: "http://127.0.0.1:8000".into(), more: String::new() }
    }

    /// What curl is called with, as a shell writes it.
    pub(crate) fn curl(&self, arguments: &str, path: &str) -> String {
        let Client { namespace, url, more } = self;
        format!("ip netns exec {namespace} curl -sS --max-time 10 {more} {arguments} '{url}{path}'")
    }

    /// A request; `arguments` are curl's.
    pub(crate) fn send(&self, arguments: &str, path: &str) -> Got {
        let o = run(&self.curl(&format!("-i -H 'Expect:' {arguments}"), path));
        let text = String::from_utf8_lossy(&o.stdout).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        Got { status, head: head.into(), body: body.into() }
    }

    pub(crate) fn get(&self, path: &str) -> Got {
        self.send("", path)
    }

    /// PUTs a text. It goes through a file, so that no shell reads it.
    pub(crate) fn put(&self, path: &str, text: &str) -> Got {
        let file =
            std::env::temp_dir().join(format!("sluice-test-{}-{:?}", std::process::id(), std::thread::current().id()));
        std::fs::write(&file, text).expect("write");
        let got = self.send(&format!("-X PUT -H 'content-type: text/plain' --data-binary '@{}'", file.display()), path);
        std::fs::remove_file(&file).expect("remove");
        got
    }

    pub(crate) fn put_json(&self, path: &str, json: &str) -> Got {
        self.send(&format!("-X PUT -H 'content-type: application/json' -d '{json}'"), path)
    }

    pub(crate) fn post(&self, path: &str, json: &str) -> Got {
        self.send(&format!("-X POST -H 'content-type: application/json' -d '{json}'"), path)
    }

    /// What a pipe of curl's output into another command prints.
    pub(crate) fn pipe(&self, path: &str, into: &str) -> String {
        must(&format!("{} | {into}", self.curl("-N", path)))
    }
}
