//! What is managed: the trait that a VNF implements, and what it tells of itself.
//!
//! Invariant: no method here waits for packets; the longest waits for a worker to come to the end of its round.
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// The function of a VNF that has only one.
pub const MAIN: &str = "main";

/// Who the VNF is. From its description; it does not change while it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// Identifier of the instance (`vnfInstanceId` of SOL 002); a UUID by custom.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// One line that says what it does.
    pub description: String,
    /// Who made it.
    pub provider: String,
    /// What it is sold as.
    pub product: String,
    /// Version of the product.
    pub version: String,
}

/// Whether it moves packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It boots.
    Starting,
    /// Packets are moved.
    Running,
    /// Its ports are closed, on purpose.
    Stopped,
    /// It could not start, or a worker died. The EMS goes on, so that the cause can be removed.
    Failed,
}

/// How far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Whether it moves packets.
    pub state: State,
    /// While it starts or after it failed: what it was doing (`devices`, `check`, `ports`, `workers`); else `done`.
    pub phase: String,
    /// What went wrong, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What a function is: its text, and what is filled in for its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Configuration {
    /// The function in the language of its framework.
    pub text: String,
    /// Values of its parameters by name, without the `$`.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// It came through the EMS: it opens files only beneath the VNF's folder, and no listeners.
    #[serde(default = "yes")]
    pub confined: bool,
}

/// What is not known to be trusted is not.
fn yes() -> bool {
    true
}

/// A function of the VNF.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FunctionInfo {
    /// Its name; a plain VNF has one, `main`.
    pub name: String,
    /// What runs it: `click`.
    pub framework: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// It cannot run.
    Error,
    /// It can, but something is suspicious.
    Warning,
    /// The text itself says something.
    Message,
}

/// Something that was found in a function's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// How bad it is.
    pub grade: Grade,
    /// Where: `file:line:column`, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The element, as `name :: Class`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub element: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A configuration that runs now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    /// What is suspicious in it.
    pub findings: Vec<Finding>,
    /// How long packets waited for it on each worker, nanoseconds.
    pub pauses_ns: Vec<u64>,
}

/// Why the VNF did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// It has not come so far, or cannot do it in this state.
    #[error("{0}")]
    Conflict(String),
    /// The handler, or whatever it is, cannot be used so; what can be done with it: `read` or `write`.
    #[error("{0}")]
    NotAllowed(String, &'static str),
    /// The configuration is wrong. Nothing was changed.
    #[error("{}", first_error(.0))]
    Wrong(Vec<Finding>),
    /// A value is wrong. Nothing was changed.
    #[error("{0}")]
    Invalid(String),
    /// The VNF cannot answer now.
    #[error("{0}")]
    Unavailable(String),
}

fn first_error(findings: &[Finding]) -> String {
    let errors = findings.iter().filter(|f| f.grade == Grade::Error).count();
    let Some(first) = findings.iter().find(|f| f.grade == Grade::Error) else { return "refused".into() };
    let place = first.place.as_ref().map(|p| format!("{p}: ")).unwrap_or_default();
    let element = first.element.as_ref().map(|e| format!("{e}: ")).unwrap_or_default();
    let more = if errors > 1 { format!(" (and {} more)", errors - 1) } else { String::new() };
    format!("{place}{element}{}{more}", first.message)
}

/// A handler of an element.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandlerInfo {
    /// Its name.
    pub name: String,
    /// It can be read.
    pub read: bool,
    /// It can be written.
    pub write: bool,
    /// What it is, one line.
    pub doc: String,
}

/// An element of a running function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Element {
    /// Its name; those inside a compound have the compound's before a slash.
    pub name: String,
    /// Its class.
    pub class: String,
    /// Its arguments.
    pub config: String,
    /// Its arguments can be changed without a swap, by writing its handler `config`.
    pub live: bool,
    /// Its handlers.
    pub handlers: Vec<HandlerInfo>,
    /// What it did with packets.
    pub counters: ElementCounters,
}

/// What an element did with packets, over all workers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ElementCounters {
    /// Packets that came in through connections.
    pub packets_in: u64,
    /// Packets that left through connections.
    pub packets_out: u64,
    /// Packets inside right now.
    pub held: u64,
    /// Dropped packets by reason; only reasons that happened.
    pub dropped: BTreeMap<String, u64>,
}

/// A connection of the running graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Connection {
    /// Element and output that packets leave.
    pub from: String,
    /// Number of the output.
    pub output: u16,
    /// Element that they enter.
    pub to: String,
    /// Number of the input.
    pub input: u16,
    /// `push` or `pull`.
    pub flow: String,
    /// Packets that passed.
    pub packets: u64,
}

/// The running graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Graph {
    /// Its elements.
    pub elements: Vec<GraphElement>,
    /// Its connections.
    pub connections: Vec<Connection>,
}

/// An element of the running graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphElement {
    /// Its name.
    pub name: String,
    /// Its class.
    pub class: String,
    /// Its arguments.
    pub config: String,
    /// What it did with packets.
    pub counters: ElementCounters,
}

/// A form of the graph for other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Drawing {
    /// A picture.
    Svg,
    /// The language of Graphviz.
    Dot,
}

/// One direction of a port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PortSide {
    /// Frames that crossed the port.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames that the kernel or the NIC lost before the port saw them.
    pub lost_before: u64,
    /// Frames that the port dropped, by reason; only reasons that happened.
    pub dropped: BTreeMap<String, u64>,
}

/// A port: where packets enter and leave the VNF.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Port {
    /// Name of the interface, or what DPDK knows it as.
    pub name: String,
    /// What moves its frames: `kernel`, `xdp`, `dpdk`, `tun`, `multicast`.
    pub driver: String,
    /// It is there and has a carrier.
    pub up: bool,
    /// Its Ethernet address, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Into the VNF; absent when nothing receives from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<PortSide>,
    /// Out of the VNF; absent when nothing sends to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<PortSide>,
}

/// What happened to all packets: received + created = transmitted + consumed + dropped + held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Came in from outside.
    pub received: u64,
    /// Came into being inside.
    pub created: u64,
    /// Left through a port.
    pub transmitted: u64,
    /// Did their job inside.
    pub consumed: u64,
    /// Dropped, all reasons.
    pub dropped: u64,
    /// Inside right now.
    pub held: u64,
}

/// How busy a worker is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Worker {
    /// The core that it stays on, if it was given one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core: Option<u32>,
    /// Rounds in all.
    pub rounds: u64,
    /// Rounds in which there was work.
    pub busy_rounds: u64,
    /// Processor time that it used, nanoseconds. A worker that does not sleep uses all there is.
    pub cpu_ns: u64,
    /// Packets that it received and created; divided by `busy_rounds`, the mean size of a burst.
    pub packets: u64,
}

/// Everything that is counted, at one moment: counters of one snapshot belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    /// When, nanoseconds since the Unix epoch.
    pub wall: u64,
    /// When, on the monotonic clock, nanoseconds.
    pub monotonic: u64,
    /// All packets.
    pub totals: Totals,
    /// Drops by reason, over all graphs; only reasons that happened.
    pub dropped: BTreeMap<String, u64>,
    /// The ports.
    pub ports: Vec<Port>,
    /// Name, class and counters of each element of the running graph.
    pub elements: Vec<GraphElement>,
    /// The workers.
    pub workers: Vec<Worker>,
    /// Packet buffers in use, and all there are.
    pub buffers: [u64; 2],
    /// Memory of the process that lies in RAM, bytes.
    pub resident_bytes: u64,
    /// Processor time of the whole process, nanoseconds.
    pub process_cpu_ns: u64,
}

/// What a trace follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TraceRequest {
    /// How many packets, 1 to 256.
    #[schema(minimum = 1, maximum = 256)]
    pub count: u16,
    /// The port or element whose packets are followed; all if absent.
    #[serde(default)]
    pub port: Option<String>,
    /// Follows only packets that match this expression, in the language of IPFilter.
    #[serde(default)]
    pub filter: Option<String>,
}

impl TraceRequest {
    /// The most packets that a trace follows.
    pub const MOST: u16 = 256;
}

/// A header field that an element changed. An empty text: the field was added or taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    /// The field, as tshark names it.
    pub field: String,
    /// Before.
    pub from: String,
    /// After.
    pub to: String,
}

/// One element on a packet's way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TraceStep {
    /// The element.
    pub element: String,
    /// Its class.
    pub class: String,
    /// The input that the packet entered; absent when it came out of the element (a port, a queue).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<usize>,
    /// What it changed.
    pub changes: Vec<FieldChange>,
    /// How it ended there: `output 0`, `copied 1`, `held`, `consumed`, `transmitted`, `dropped no_route`.
    pub end: String,
}

/// A packet that was followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TracedPacket {
    /// Where it came from.
    pub source: String,
    /// When, RFC 3339.
    pub time: String,
    /// Its bytes then, hexadecimal.
    pub frame: String,
    /// Its way.
    pub steps: Vec<TraceStep>,
}

/// A trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trace {
    /// Its number.
    pub id: u64,
    /// Packets that are still waited for.
    pub left: u16,
    /// The packets that were followed so far.
    pub packets: Vec<TracedPacket>,
}

/// Where a tap looks, and how much it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapRequest {
    /// `element[output]`, or `drops`.
    pub edge: String,
    /// Ends after so many packets.
    pub count: u64,
    /// Bytes of each packet.
    pub snap: u32,
}

/// Takes the stream of a tap, on a thread of the VNF's. A piece is one block of pcapng or several, never a part of one,
/// so that a piece can be left out. False: nobody listens any more; the VNF lets the sink go at once. It is called once a
/// second at least, with an empty piece if there is nothing to say.
pub type TapSink = Box<dyn FnMut(Vec<u8>) -> bool + Send>;

/// How the system is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// For good.
    Shutdown,
    /// And begin again.
    Reboot,
}

/// Something that the VNF tells by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It has come to another state or phase.
    Status(Status),
    /// A port has come up or gone down.
    Link {
        /// Its name.
        port: String,
        /// Whether it is up.
        up: bool,
    },
}

/// A VNF, as its EMS sees it. All methods may be called from any thread, and at the same time.
pub trait ManagedVnf: Send + Sync + 'static {
    /// How far it has come.
    fn status(&self) -> Status;

    /// Opens the ports and starts the functions, or stops them and closes the ports. Packets inside are dropped as
    /// `swap_overflow`, and counted. Does nothing in the state that is wanted.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] while it boots; [`Refusal::Wrong`] when a function does not start: it is stopped then.
    fn set_running(&self, run: bool) -> Result<(), Refusal>;

    /// Ends the process, or the system if it is all there is in it, after the answer is on its way.
    fn end(&self, how: End) -> Result<(), Refusal>;

    /// Its functions.
    fn functions(&self) -> Vec<FunctionInfo>;

    /// What would run now: the configuration that it has.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]
    fn configuration(&self, function: &str) -> Result<Configuration, Refusal>;

    /// Checks a configuration; nothing is opened or changed. What is suspicious in it.
    ///
    /// # Errors
    /// [`Refusal::Wrong`] with all errors.
    fn check(&self, function: &str, wanted: &Configuration) -> Result<Vec<Finding>, Refusal>;

    /// Checks a configuration, builds it aside and changes over to it between two bursts. In a VNF that is stopped, it is
    /// what starts next.
    ///
    /// # Errors
    /// [`Refusal::Wrong`] with all errors; then everything is as before.
    fn apply(&self, function: &str, wanted: &Configuration) -> Result<Applied, Refusal>;

    /// The elements of a running function.
    fn elements(&self, function: &str) -> Result<Vec<Element>, Refusal>;

    /// Reads a handler. Names are meant literally: no wildcards, no lists.
    fn read_handler(&self, function: &str, element: &str, handler: &str, parameter: &str) -> Result<String, Refusal>;

    /// Writes a handler. Most answer nothing. Names are meant literally: no wildcards, no lists.
    fn write_handler(&self, function: &str, element: &str, handler: &str, value: &str) -> Result<String, Refusal>;

    /// The running graph with its counters.
    fn graph(&self, function: &str) -> Result<Graph, Refusal>;

    /// The same as a picture, or for Graphviz.
    fn drawing(&self, function: &str, form: Drawing) -> Result<String, Refusal>;

    /// Everything that is counted. May be some 50 ms old, so that asking often costs the workers nothing.
    fn snapshot(&self) -> Arc<Snapshot>;

    /// Starts to follow packets. There is one trace at a time: another one that is not complete ends.
    fn start_trace(&self, request: &TraceRequest) -> Result<u64, Refusal>;

    /// What a trace has recorded so far.
    fn trace(&self, id: u64) -> Result<Trace, Refusal>;

    /// Streams what passes an edge, or is dropped, as pcapng. The section header is in the sink before this returns. The
    /// sink is let go after the last packet.
    fn tap(&self, request: &TapRequest, sink: TapSink) -> Result<(), Refusal>;

    /// Versions of what it is made of: `sluice`, `dpdk`, `kernel`.
    fn versions(&self) -> BTreeMap<String, String>;

    /// Text files for an engineer: name and content. No secrets.
    fn support_files(&self) -> Vec<(String, String)>;
}
