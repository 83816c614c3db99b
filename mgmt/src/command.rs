//! All that can be asked of the EMS: one enum, whoever asks and however (REST, SOL 002, Click-on-OSv's paths, SNMP).
use crate::agent;
use crate::alarms::Alarm;
use crate::audit::Entry;
use crate::auth::Role;
use crate::backup::Restored;
use crate::events::Follower;
use crate::functions::{Change, Changed, Function, FunctionSummary, Terms};
use crate::journal::Line;
use crate::metrics::Format;
use crate::ports::PortStats;
use crate::rates::Rates;
use crate::snmp::directory::{KeyedUser, Rotation, SnmpUser, WantedUser};
use crate::sol002::{coordination, indicators, subscription};
use crate::store::history::{Shown, Summary};
use crate::system::{Installed, System};
use crate::tap::TapStream;
use crate::vnf::{Drawing, Element, Graph, Identity, Snapshot, State, Status, TapRequest, Trace, TraceRequest};
use crate::workers::WorkerStats;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Who the VNF is.
    Identity,
    /// Who it is, and how it does.
    Vnf,
    /// The machine around it.
    System,
    /// To install another image of it.
    Install(Bytes),
    /// To run, or to stop.
    SetState(Wanted),
    /// To end for good.
    Shutdown,
    /// To end and begin again.
    Reboot,
    /// All functions.
    Functions,
    /// One of them.
    Function(String),
    /// To replace it.
    ChangeFunction(String, Change, Terms),
    /// To keep a change that waits.
    Confirm(String),
    /// To take it back.
    Revert(String),
    /// The history of a function.
    Revisions(String),
    /// A revision of it.
    Revision(String, u64),
    /// To let that one run again.
    Restore(String, u64, Terms),
    /// To let one of several functions run, or to stop it.
    SetFunctionState(String, Wanted),
    /// The connection points of the structural agent.
    Interfaces,
    /// Its rules.
    Rules,
    /// Its service paths.
    Paths,
    /// To replace its rules.
    ChangeRules(Vec<agent::Rule>, Terms),
    /// To replace its service paths.
    ChangePaths(Vec<agent::ServicePath>, Terms),
    /// To replace its whole configuration.
    ChangeAgent(Box<agent::Agent>, Terms),
    /// The elements of a function.
    Elements(String),
    /// One of them.
    Element(String, String),
    /// To read a handler: function, element, handler, parameter.
    ReadHandler(String, String, String, String),
    /// To write one: function, element, handler, value.
    WriteHandler(String, String, String, String),
    /// The running graph.
    Graph(String),
    /// The same as a drawing.
    Drawing(String, Drawing),
    /// Everything that is counted, and rates.
    Stats,
    /// The same for Prometheus.
    Metrics(Format),
    /// All ports.
    Ports,
    /// One of them.
    Port(String),
    /// All workers.
    Workers,
    /// The log: lines behind this number, and at most how many.
    Log(u64, usize),
    /// To follow packets.
    StartTrace(TraceRequest),
    /// What was recorded.
    Trace(u64),
    /// To stream packets, and for how long at most.
    Tap(TapRequest, Duration),
    /// What is wrong now.
    Alarms,
    /// What was.
    AlarmHistory,
    /// To be told what happens; first, what is kept behind this number.
    Events(Option<u64>),
    /// Everything that an engineer asks for.
    SupportBundle,
    /// The whole configuration.
    Backup,
    /// To have it back: the archive, and whether only to look whether it would do.
    RestoreBackup(Bytes, bool),
    /// Who changed what: entries behind this number, and at most how many.
    Audit(u64, usize),
    /// The users of SNMP.
    SnmpUsers,
    /// To add one.
    CreateSnmpUser(Box<WantedUser>),
    /// To give it other keys.
    RotateSnmpUser(String, Rotation),
    /// To take it out: its name, and the engine of its keys if that is another one.
    RemoveSnmpUser(String, Option<String>),
    /// The indicators of SOL 002.
    Indicators,
    /// Who is told of them.
    Subscriptions,
    /// To tell somebody; links begin with this.
    Subscribe(Box<subscription::Wanted>, String),
    /// To tell that one no more.
    Unsubscribe(String),
    /// To do something for an operation of the VNF manager.
    Coordinate(Box<coordination::Request>),
    /// What became of it.
    Coordination(String),
    /// To end that before it is done.
    CancelCoordination(String),
}

/// The state that somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// Packets move.
    Running,
    /// The ports are closed.
    Stopped,
}

/// Who the VNF is, and how it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Vnf {
    /// Who it is.
    #[serde(flatten)]
    pub identity: Identity,
    /// Whether it moves packets.
    pub state: State,
    /// What it is doing, while it starts.
    pub phase: String,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When the process started, RFC 3339.
    pub started: String,
    /// Seconds since then.
    pub uptime_seconds: u64,
    /// Number of the revision of each function.
    pub revisions: BTreeMap<String, u64>,
    /// Whether revisions outlive the machine: they lie on a disk.
    pub durable: bool,
    /// Versions of what it is made of.
    pub versions: BTreeMap<String, String>,
}

/// The answer to a command.
#[derive(Debug)]
pub enum Answer {
    /// It is done, or will be at once.
    Done,
    /// To `Identity`.
    Identity(Identity),
    /// To `Vnf` and `SetState`.
    Vnf(Box<Vnf>),
    /// To `System`.
    System(Box<System>),
    /// See the command.
    Interfaces(Vec<agent::ConnectionPoint>),
    /// See the command.
    Rules(Vec<agent::CountedRule>, String),
    /// See the command.
    Paths(Vec<agent::CountedPath>, String),
    /// To `Install`.
    Installed(Installed),
    /// To `Functions`.
    Functions(Vec<FunctionSummary>),
    /// To `Function`.
    Function(Box<Function>),
    /// To what changes a function.
    Changed(Changed),
    /// To `Revisions`.
    Revisions(Vec<Summary>),
    /// To `Revision`.
    Revision(Box<Shown>),
    /// To `Elements`.
    Elements(Vec<Element>),
    /// To `Element`.
    Element(Box<Element>),
    /// To a handler.
    Text(String),
    /// To `Graph`.
    Graph(Graph),
    /// To `Drawing`.
    Drawing(Drawing, String),
    /// To `Stats`.
    Stats(Arc<Snapshot>, Arc<Rates>),
    /// To `Metrics`.
    Metrics(Format, String),
    /// To `Ports`.
    Ports(Vec<PortStats>),
    /// To `Port`.
    Port(Box<PortStats>),
    /// To `Workers`.
    Workers(Vec<WorkerStats>),
    /// To `Log`.
    Log(Vec<Line>),
    /// To `StartTrace` and `Trace`.
    Trace(Trace),
    /// To `Tap`: pieces of a pcapng stream.
    Stream(TapStream),
    /// To `Alarms`, the oldest first, and `AlarmHistory`, the newest first.
    Alarms(Vec<Alarm>),
    /// To `Events`.
    Events(Follower),
    /// To `SupportBundle` and `Backup`: a gzip tar, and what its file is called.
    Archive(String, Vec<u8>),
    /// To `RestoreBackup`.
    Restored(Restored),
    /// To `Audit`.
    Audit(Vec<Entry>),
    /// To `SnmpUsers`.
    SnmpUsers(Vec<SnmpUser>),
    /// To what makes keys.
    KeyedUser(Box<KeyedUser>),
    /// To `Indicators`: the VNF instance, and them.
    Indicators(String, Vec<indicators::Indicator>),
    /// To `Subscriptions`.
    Subscriptions(Vec<subscription::Subscription>),
    /// To `Subscribe`: it, and whether it was there already.
    Subscribed(Box<subscription::Subscription>, bool),
    /// To what coordinates.
    Coordination(Box<coordination::Coordination>),
}

impl Command {
    /// The least that somebody must be allowed who gives it.
    pub fn role(&self) -> Role {
        use Command::*;
        match self {
            Interfaces | Rules | Paths => Role::ReadOnly,
            SetFunctionState(..) | ChangeRules(..) | ChangePaths(..) | ChangeAgent(..) => Role::Operator,
            Identity | Vnf | System | Functions | Function(_) | Revisions(_) | Revision(..) | Elements(_)
            | Element(..) => Role::ReadOnly,
            ReadHandler(..) | Graph(_) | Drawing(..) | Stats | Metrics(_) | Ports | Port(_) | Workers | Log(..)
            | Alarms | AlarmHistory | Events(_) => Role::ReadOnly,
            // So that whoever checks on others needs no right to change anything.
            Audit(..) => Role::ReadOnly,
            SetState(_) | ChangeFunction(..) | Confirm(_) | Revert(_) | Restore(..) | WriteHandler(..) => {
                Role::Operator
            }
            StartTrace(_) | Trace(_) | Tap(..) | SupportBundle | Backup => Role::Operator,
            Indicators | Subscriptions | Coordination(_) => Role::ReadOnly,
            Subscribe(..) | Unsubscribe(_) | Coordinate(_) | CancelCoordination(_) => Role::Operator,
            Shutdown | Reboot | Install(_) | RestoreBackup(..) => Role::Admin,
            SnmpUsers | CreateSnmpUser(_) | RotateSnmpUser(..) | RemoveSnmpUser(..) => Role::Admin,
        }
    }

    /// What the audit log says of it; nothing for what only looks.
    pub fn audited(&self) -> Option<String> {
        use Command::*;
        Some(match self {
            SetState(w) => format!("set state {}", if *w == Wanted::Running { "running" } else { "stopped" }),
            Shutdown => "shut down".into(),
            Reboot => "reboot".into(),
            Install(_) => "install an image".into(),
            ChangeFunction(_, _, terms) if terms.dry_run => return None,
            ChangeFunction(name, ..) => format!("change function {name}"),
            SetFunctionState(name, w) => {
                format!("set function {name} {}", if *w == Wanted::Running { "running" } else { "stopped" })
            }
            ChangeRules(_, terms) | ChangePaths(_, terms) | ChangeAgent(_, terms) if terms.dry_run => return None,
            ChangeRules(..) => "change rules of the agent".into(),
            ChangePaths(..) => "change paths of the agent".into(),
            ChangeAgent(..) => "change the agent".into(),
            Confirm(name) => format!("confirm function {name}"),
            Revert(name) => format!("revert function {name}"),
            Restore(_, _, terms) if terms.dry_run => return None,
            Restore(name, number, _) => format!("restore function {name} to revision {number}"),
            WriteHandler(function, element, handler, _) => format!("write handler {element}.{handler} of {function}"),
            StartTrace(_) => "start trace".into(),
            SupportBundle => "take a support bundle".into(),
            Backup => "take a backup".into(),
            RestoreBackup(_, true) => return None,
            RestoreBackup(..) => "restore a backup".into(),
            Tap(tap, _) => format!("tap {}", tap.edge),
            CreateSnmpUser(wanted) => format!("create SNMP user {} in {}", wanted.name, wanted.group),
            RotateSnmpUser(name, _) => format!("rotate keys of SNMP user {name}"),
            RemoveSnmpUser(name, _) => format!("remove SNMP user {name}"),
            Subscribe(wanted, _) => format!("subscribe {}", wanted.callback_uri),
            Unsubscribe(id) => format!("unsubscribe {id}"),
            Coordinate(r) => format!("coordinate {} for {}", r.coordination_action_name, r.vnf_lcm_op_occ_id),
            CancelCoordination(id) => format!("cancel coordination {id}"),
            _ => return None,
        })
    }
}

impl Vnf {
    pub(crate) fn of(identity: Identity, status: Status) -> Vnf {
        let Status { state, phase, detail } = status;
        Vnf {
            identity,
            state,
            phase,
            detail,
            started: String::new(),
            uptime_seconds: 0,
            revisions: BTreeMap::new(),
            durable: false,
            versions: BTreeMap::new(),
        }
    }
}
