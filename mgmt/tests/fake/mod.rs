//! A VNF that does what tests tell it, and routes without a socket.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // each test file uses its part
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use sluice_mgmt::auth::security::Security;
use sluice_mgmt::ems::Ems;
use sluice_mgmt::journal::Journal;
use sluice_mgmt::routes;
use sluice_mgmt::server::Server;
use sluice_mgmt::settings::Settings;
use sluice_mgmt::store::{Draft, Origin, Store};
use sluice_mgmt::system::{Installed, Setting, System};
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
    /// Elements beside its queues, and the graph that they are in.
    pub elements: Vec<Element>,
    pub graph: Option<Graph>,
    /// What other handlers than its own answer, by their names, of any element.
    pub texts: BTreeMap<String, String>,
    /// Functions besides `main`. One whose text contains `late` compiles, and does not start.
    pub others: BTreeMap<String, Configuration>,
    /// Held while a configuration is applied: a test that locks it has a change that takes its time.
    pub gate: Arc<Mutex<()>>,
    /// Taps that somebody listens to, and the packets that they still want.
    pub taps: Vec<(u64, TapSink)>,
}

/// Its elements: plain, inside a compound, and with all that a path could stumble over.
pub const ELEMENTS: [&str; 4] = ["q", "fw/q", "fw/in/q", "é %2F?#&+;.."];

/// The beginning of a pcapng stream: a section header, and an interface of Ethernet.
#[rustfmt::skip]
pub const PCAPNG: [u8; 48] = [
    0x0A, 0x0D, 0x0D, 0x0A, 28, 0, 0, 0, 0x4D, 0x3C, 0x2B, 0x1A, 1, 0, 0, 0,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 28, 0, 0, 0,
    1, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0,
];

/// An enhanced packet block.
pub fn packet_block(frame: &[u8]) -> Vec<u8> {
    let padded = frame.len().next_multiple_of(4);
    let whole = (32 + padded) as u32;
    let mut block = Vec::new();
    for field in [6, whole, 0, 0, 0, frame.len() as u32, frame.len() as u32] {
        block.extend(field.to_le_bytes());
    }
    block.extend(frame);
    block.resize(28 + padded, 0);
    block.extend(whole.to_le_bytes());
    block
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
    /// A frame passes: each tap gets it. How many go on.
    pub fn pass(&self, frame: &[u8]) -> usize {
        let mut inner = self.0.lock().unwrap();
        inner.taps.retain_mut(|(left, sink)| {
            *left -= 1;
            sink(packet_block(frame)) && *left > 0
        });
        inner.taps.len()
    }
    /// Nothing passes for a while. How many taps go on.
    pub fn ask_taps(&self) -> usize {
        let mut inner = self.0.lock().unwrap();
        inner.taps.retain_mut(|(_, sink)| sink(Vec::new()));
        inner.taps.len()
    }
    fn known_element(&self, function: &str, element: &str) -> Result<(), Refusal> {
        self.known(function)?;
        let none = || Refusal::NotFound(format!("no element named ‘{element}’"));
        let more = self.0.lock().unwrap().elements.iter().any(|e| e.name == element);
        (more || ELEMENTS.contains(&element)).then_some(()).ok_or_else(none)
    }
    fn known(&self, function: &str) -> Result<(), Refusal> {
        let inner = self.0.lock().unwrap();
        if function == MAIN || inner.others.contains_key(function) {
            Ok(())
        } else {
            Err(Refusal::NotFound(format!("there is no function ‘{function}’")))
        }
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
        let inner = self.0.lock().unwrap();
        let state = if inner.stopped { State::Stopped } else { State::Running };
        let names = std::iter::once(MAIN).chain(inner.others.keys().map(String::as_str));
        let info = |name: &str| FunctionInfo { name: name.into(), framework: "click".into(), state, detail: None };
        names.map(info).collect()
    }
    fn set_function_running(&self, function: &str, _: bool) -> Result<(), Refusal> {
        self.known(function)?;
        Err(Refusal::Conflict("it is the only function".into()))
    }
    fn configuration(&self, function: &str) -> Result<Configuration, Refusal> {
        self.known(function)?;
        let inner = self.0.lock().unwrap();
        Ok(inner.others.get(function).unwrap_or(&inner.configuration).clone())
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
        if wanted.text.contains("late") {
            return Err(wrong());
        }
        *(if function == MAIN { &mut inner.configuration } else { inner.others.get_mut(function).unwrap() }) =
            wanted.clone();
        inner.applied.push(wanted.text.clone());
        Ok(Applied { findings, pauses_ns: vec![21_000] })
    }
    fn elements(&self, function: &str) -> Result<Vec<Element>, Refusal> {
        self.known(function)?;
        let handler =
            |name: &str, read, write, doc: &str| HandlerInfo { name: name.into(), read, write, doc: doc.into() };
        let handlers = vec![
            handler("length", true, false, "Packets inside."),
            handler("capacity", true, true, "Packets that fit."),
            handler("reset", false, true, "Forgets all packets."),
        ];
        let element = |name: &&str| Element {
            name: (*name).into(),
            class: "Queue".into(),
            config: "100".into(),
            live: true,
            handlers: handlers.clone(),
            counters: ElementCounters::default(),
        };
        let mut all: Vec<Element> = ELEMENTS.iter().map(element).collect();
        all.extend(self.0.lock().unwrap().elements.clone());
        Ok(all)
    }
    fn read_handler(&self, function: &str, element: &str, handler: &str, with: &str) -> Result<String, Refusal> {
        if let Some(text) = self.0.lock().unwrap().texts.get(handler) {
            return Ok(text.clone());
        }
        self.known_element(function, element)?;
        match handler {
            "length" => Ok("7\n".into()),
            "capacity" => Ok(format!("100{with}")),
            "reset" => Err(Refusal::NotAllowed("‘reset’ is a write handler".into(), "write")),
            _ => Err(Refusal::NotFound(format!("no ‘{handler}’ handler"))),
        }
    }
    fn write_handler(&self, function: &str, element: &str, handler: &str, value: &str) -> Result<String, Refusal> {
        self.known_element(function, element)?;
        match handler {
            "length" => Err(Refusal::NotAllowed("‘length’ is a read handler".into(), "read")),
            "capacity" if value.trim().parse::<u32>().is_err() => Err(Refusal::Invalid("capacity: no number".into())),
            "capacity" | "reset" | "active" => {
                self.0.lock().unwrap().written.push((format!("{element}.{handler}"), value.into()));
                Ok(String::new())
            }
            _ => Err(Refusal::NotFound(format!("no ‘{handler}’ handler"))),
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
        sink(PCAPNG.to_vec());
        self.0.lock().unwrap().taps.push((request.count, sink));
        Ok(())
    }
    fn system(&self) -> System {
        let setting = Setting { name: "function".into(), value: "wire".into(), from: "image".into() };
        System { appliance: true, data: "memory".into(), settings: vec![setting], ..System::default() }
    }
    fn install(&self, bundle: &[u8]) -> Result<Installed, Refusal> {
        if bundle.is_empty() {
            return Err(Refusal::Invalid("the bundle ended too early".into()));
        }
        Ok(Installed { slot: "b".into(), name: "full".into(), version: "0.2.0".into() })
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
        Rig::with(Arc::new(Store::in_memory()))
    }

    /// With a store of its own; one without revisions gets the first one.
    pub fn with(store: Arc<Store>) -> Rig {
        let vnf = Arc::new(Fake::default());
        let configuration = Configuration { text: "first".into(), ..Configuration::default() };
        vnf.0.lock().unwrap().configuration = configuration.clone();
        if store.last(MAIN).is_none() {
            let draft = Draft { author: "file".into(), comment: None, origin: Origin::File, configuration };
            store.append(MAIN, draft).unwrap();
        }
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

/// Serves it on a socket of this machine, without tokens.
pub fn serve(rig: &Rig) -> Server {
    serve_at(rig, ([127, 0, 0, 1], 0).into())
}

/// The same at this address.
pub fn serve_at(rig: &Rig, listen: std::net::SocketAddr) -> Server {
    let settings = Settings { listen, ..Settings::default() };
    let security = Security::set_up(&settings, &rig.ems).unwrap().security;
    Server::start(rig.ems.clone(), &settings, security).unwrap()
}
