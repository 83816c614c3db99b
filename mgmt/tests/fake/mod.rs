//! A VNF that does what tests tell it, and routes without a socket.
#![allow(dead_code, unreachable_pub)] // each test file uses its part
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use sluice_mgmt::ems::Ems;
use sluice_mgmt::journal::Journal;
use sluice_mgmt::routes;
use sluice_mgmt::store::{Draft, Origin, Store};
use sluice_mgmt::vnf::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tower::ServiceExt as _;

/// A VNF without packets: a text that contains `bad` does not compile.
#[derive(Default)]
pub struct Fake(pub Mutex<Inner>);

/// What it remembers, and what it is to answer.
#[derive(Default)]
pub struct Inner {
    pub stopped: bool,
    pub status: Option<Status>,
    pub configuration: Configuration,
    /// Texts that were applied, in order.
    pub applied: Vec<String>,
    pub written: Vec<(String, String)>,
    pub ended: Option<End>,
    pub snapshot: Snapshot,
    /// Elements beside its queue `q`, and the graph that they are in.
    pub elements: Vec<Element>,
    pub graph: Option<Graph>,
    /// Held while a configuration is applied: a test that locks it has a change that takes its time.
    pub gate: Arc<Mutex<()>>,
}

fn wrong() -> Refusal {
    Refusal::Wrong(vec![Finding {
        grade: Grade::Error,
        place: Some("main:1:1".into()),
        element: None,
        message: "unknown element class ‘bad’".into(),
        hint: None,
    }])
}

impl Fake {
    pub fn set_status(&self, state: State, phase: &str) {
        self.0.lock().unwrap().status = Some(Status { state, phase: phase.into(), detail: None });
    }
    fn known(&self, function: &str) -> Result<(), Refusal> {
        if function == MAIN { Ok(()) } else { Err(Refusal::NotFound(format!("there is no function ‘{function}’"))) }
    }
}

impl ManagedVnf for Fake {
    fn status(&self) -> Status {
        let inner = self.0.lock().unwrap();
        let state = if inner.stopped { State::Stopped } else { State::Running };
        inner.status.clone().unwrap_or(Status { state, phase: "done".into(), detail: None })
    }
    fn set_running(&self, run: bool) -> Result<(), Refusal> {
        if self.status().state == State::Starting {
            return Err(Refusal::Conflict("it boots".into()));
        }
        self.0.lock().unwrap().stopped = !run;
        Ok(())
    }
    fn end(&self, how: End) -> Result<(), Refusal> {
        self.0.lock().unwrap().ended = Some(how);
        Ok(())
    }
    fn functions(&self) -> Vec<FunctionInfo> {
        vec![FunctionInfo { name: MAIN.into(), framework: "click".into() }]
    }
    fn configuration(&self, function: &str) -> Result<Configuration, Refusal> {
        self.known(function)?;
        Ok(self.0.lock().unwrap().configuration.clone())
    }
    fn check(&self, function: &str, wanted: &Configuration) -> Result<Vec<Finding>, Refusal> {
        self.known(function)?;
        if wanted.text.contains("bad") { Err(wrong()) } else { Ok(Vec::new()) }
    }
    fn apply(&self, function: &str, wanted: &Configuration) -> Result<Applied, Refusal> {
        let findings = self.check(function, wanted)?;
        let gate = self.0.lock().unwrap().gate.clone();
        let _open = gate.lock().unwrap();
        let mut inner = self.0.lock().unwrap();
        inner.configuration = wanted.clone();
        inner.applied.push(wanted.text.clone());
        Ok(Applied { findings, pauses_ns: vec![21_000] })
    }
    fn elements(&self, function: &str) -> Result<Vec<Element>, Refusal> {
        self.known(function)?;
        let handlers =
            vec![HandlerInfo { name: "length".into(), read: true, write: false, doc: "Packets inside.".into() }];
        let (name, class, config) = ("q".into(), "Queue".into(), "100".into());
        let mut all = vec![Element { name, class, config, live: true, handlers, counters: ElementCounters::default() }];
        all.extend(self.0.lock().unwrap().elements.clone());
        Ok(all)
    }
    fn read_handler(&self, function: &str, element: &str, handler: &str, _: &str) -> Result<String, Refusal> {
        self.known(function)?;
        match (element, handler) {
            ("q", "length") => Ok("7\n".into()),
            ("q", _) => Err(Refusal::NotFound(format!("no ‘{handler}’ handler"))),
            _ => Err(Refusal::NotFound(format!("no element named ‘{element}’"))),
        }
    }
    fn write_handler(&self, function: &str, element: &str, handler: &str, value: &str) -> Result<String, Refusal> {
        self.known(function)?;
        match handler {
            "length" => Err(Refusal::NotAllowed("‘length’ is a read handler".into(), "read")),
            "capacity" if value.trim().parse::<u32>().is_err() => Err(Refusal::Invalid("capacity: no number".into())),
            _ => {
                self.0.lock().unwrap().written.push((format!("{element}.{handler}"), value.into()));
                Ok(String::new())
            }
        }
    }
    fn graph(&self, function: &str) -> Result<Graph, Refusal> {
        self.known(function)?;
        let graph = self.0.lock().unwrap().graph.clone();
        Ok(graph.unwrap_or(Graph { elements: Vec::new(), connections: Vec::new() }))
    }
    fn drawing(&self, function: &str, form: Drawing) -> Result<String, Refusal> {
        self.known(function)?;
        Ok(if form == Drawing::Svg { "<svg/>".into() } else { "digraph {}".into() })
    }
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::new(self.0.lock().unwrap().snapshot.clone())
    }
    fn start_trace(&self, request: &TraceRequest) -> Result<u64, Refusal> {
        if request.filter.as_deref() == Some("bad") { Err(Refusal::Invalid("filter: bad".into())) } else { Ok(1) }
    }
    fn trace(&self, id: u64) -> Result<Trace, Refusal> {
        if id == 1 {
            Ok(Trace { id, left: 0, packets: Vec::new() })
        } else {
            Err(Refusal::NotFound("no such trace".into()))
        }
    }
    fn tap(&self, request: &TapRequest, mut sink: TapSink) -> Result<(), Refusal> {
        if request.edge != "drops" && request.edge != "q[0]" {
            return Err(Refusal::NotFound(format!("there is no output {}", request.edge)));
        }
        sink(b"pcapng".to_vec());
        Ok(())
    }
    fn versions(&self) -> BTreeMap<String, String> {
        [("sluice".to_string(), "0.1.0".to_string())].into()
    }
    fn support_files(&self) -> Vec<(String, String)> {
        vec![("versions.txt".into(), "fake\n".into())]
    }
}

/// An EMS of a fake VNF that runs revision 1, `first`.
pub struct Rig {
    pub vnf: Arc<Fake>,
    pub ems: Arc<Ems>,
    pub app: Router,
}

/// An answer.
pub struct Got {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Got {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

pub fn identity() -> Identity {
    Identity { id: "6d5f7c0e-3a51-4b9e-9f0e-0c9d2f6f1a11".into(), name: "fake".into(), ..Identity::default() }
}

impl Rig {
    pub fn new() -> Rig {
        let vnf = Arc::new(Fake::default());
        let configuration = Configuration { text: "first".into(), ..Configuration::default() };
        vnf.0.lock().unwrap().configuration = configuration.clone();
        let store = Arc::new(Store::in_memory());
        let draft = Draft { author: "file".into(), comment: None, origin: Origin::File, configuration };
        store.append(MAIN, draft).unwrap();
        let ems = Ems::new(identity(), vnf.clone(), store, Arc::new(Journal::default()));
        let app = routes::app(ems.clone());
        Rig { vnf, ems, app }
    }

    /// Sends a request; `headers` are `Name: value`.
    pub async fn send(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Got {
        let mut request = Request::builder().method(method).uri(path);
        for h in headers {
            let (name, value) = h.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Got { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str) -> Got {
        self.send("GET", path, &[], "").await
    }
    pub async fn put(&self, path: &str, body: &str) -> Got {
        self.send("PUT", path, &[], body).await
    }
    pub async fn post(&self, path: &str, body: &str) -> Got {
        self.send("POST", path, &["content-type: application/json"], body).await
    }
}
