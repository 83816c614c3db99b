//! What is managed: the trait that a VNF implements, and what it tells of itself.
//!
//! Reading order: this file (who it is, its functions, the trait), `graph`, `counters`, `follow`.
//!
//! Invariant: no method here waits for packets; the longest waits for a worker to come to the end of its round.
mod counters;
mod follow;
mod graph;

pub use counters::*;
pub use follow::*;
pub use graph::*;

use crate::system::{Installed, System};
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
    /// What runs it: `click`, `wasm`, `external`; `agent` for the structural agent.
    pub framework: String,
    /// Whether it moves packets.
    pub state: State,
    /// Why it does not, or what it waits for, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
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
    /// It cannot be saved, and was not done.
    #[error("{0}")]
    NotKept(String),
}

fn first_error(findings: &[Finding]) -> String {
    let errors = findings.iter().filter(|f| f.grade == Grade::Error).count();
    let Some(first) = findings.iter().find(|f| f.grade == Grade::Error) else { return "refused".into() };
    let place = first.place.as_ref().map(|p| format!("{p}: ")).unwrap_or_default();
    let element = first.element.as_ref().map(|e| format!("{e}: ")).unwrap_or_default();
    let more = if errors > 1 { format!(" (and {} more)", errors - 1) } else { String::new() };
    format!("{place}{element}{}{more}", first.message)
}

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

    /// The machine around it.
    fn system(&self) -> System;

    /// Installs another image of the machine beside the one that runs, to be booted on trial next. The bundle is a tar of
    /// `manifest.json`, `vmlinuz` and `initrd`.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] if the machine has no place for one, [`Refusal::Invalid`] if the bundle is damaged: what runs
    /// stays what boots.
    fn install(&self, bundle: &[u8]) -> Result<Installed, Refusal>;

    /// Its functions.
    fn functions(&self) -> Vec<FunctionInfo>;

    /// Lets one of several functions run, or stops it, also for the time after the next start of the process; what is meant for
    /// it passes by or is dropped while it is stopped. Does nothing in the state that is wanted, but for one that has failed:
    /// that is tried again.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`Refusal::Conflict`] if it is the only one, the agent, or the VNF does not run;
    /// [`Refusal::Wrong`] when it does not start; [`Refusal::NotKept`] when that cannot be saved.
    fn set_function_running(&self, function: &str, run: bool) -> Result<(), Refusal>;

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
