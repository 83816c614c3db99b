//! What is wanted: a program, what it sees of the graph, what it may use, and what happens when it fails.
mod parse;
#[cfg(test)]
mod tests;
mod units;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How the program is attached to the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Attach {
    /// By pairs of Ethernet devices (veth(4)): for all that works on a network interface.
    Veth,
    /// By TAP devices: the same for a kernel that has no veth. The graph is on one worker there.
    Tap,
    /// By shared memory with another program of DPDK's or VPP's. Sluice is the server.
    Memif,
}

/// What becomes of packets while the program does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fail {
    /// They go on as if it was not there.
    Open,
    /// They are dropped as `function_down`.
    Closed,
}

/// When a program that was started takes packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// It has opened a packet socket on each of its interfaces; with memif, its end of each connection.
    Socket,
    /// So long after its start.
    After(Duration),
}

/// What the program may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Bytes of memory: of all its processes together where the kernel has control groups (version 2) with a memory
    /// controller, else addresses of each process.
    pub memory: Option<u64>,
    /// Cores' worth of processor time; needs the control groups' `cpu`.
    pub cpu: Option<f64>,
    /// Processor time of each process until the kernel ends it.
    pub cpu_time: Option<Duration>,
    /// Processes and threads; needs the control groups' `pids`, or a user of its own.
    pub processes: Option<u64>,
    /// Open files of each process.
    pub files: u64,
}

/// When a program that ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    /// Pause after the second short run in succession. After the first there is none, after each further one twice as long.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// So many short runs in succession, and it is given up; 0: never.
    pub tries: u32,
    /// Stalled for so long, it is ended and started again.
    pub stalled: Duration,
}

/// An external function, as a table of TOML describes it.
///
/// ```
/// use sluice_external::{Attach, Spec};
/// let spec: Spec = toml::from_str(r#"
///     command = ["tcpdump", "-i", "eth0", "-w", "/tmp/all.pcap"]
///     returns = false
///     [limits]
///     memory = "64 MB"
/// "#).unwrap();
/// assert_eq!((spec.attach, spec.interfaces), (Attach::Veth, vec!["eth0".to_string()]));
/// let errors = toml::from_str::<Spec>("comand = 1\ninterfaces = 3").unwrap_err().to_string();
/// assert!(errors.contains("comand: unknown") && errors.contains("interfaces: ") && errors.contains("command: "));
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "toml::Table")]
pub struct Spec {
    /// Program and arguments, without a shell. `{memif0}` and `{memif1}` stand for the sockets of memif.
    pub command: Vec<String>,
    /// Interfaces as the program sees them: one, or two that it bridges between (packets go in by the first, and are
    /// taken from the second).
    pub interfaces: Vec<String>,
    /// Their addresses and prefix lengths, by name. Without any, the kernel's stack answers nobody.
    pub addresses: BTreeMap<String, Vec<(IpAddr, u8)>>,
    /// Largest payload of a frame, bytes.
    pub mtu: u32,
    /// How it is attached.
    pub attach: Attach,
    /// Whether each packet is expected back. Otherwise it is a monitor: a copy goes there, the packet goes on.
    pub returns: bool,
    /// What becomes of packets while it does not run.
    pub fail: Fail,
    /// It has stalled when it was given packets and gave none back for so long; None: never.
    pub stall_after: Option<Duration>,
    /// When it takes packets.
    pub ready: Ready,
    /// What it may use.
    pub limits: Limits,
    /// Its root file system; None: the host's, and then it reads and writes whatever its user may.
    pub root: Option<PathBuf>,
    /// Where it starts.
    pub folder: PathBuf,
    /// Who it is: a name, or numbers as `1000` or `1000:1000`; None: root, with few of its capabilities.
    pub user: Option<String>,
    /// Its environment, besides `PATH`, `HOME` and `LANG`.
    pub env: BTreeMap<String, String>,
    /// When it is started again.
    pub restart: Restart,
    /// Asked to end, it has so long before it is killed.
    pub stop_within: Duration,
}

/// Something wrong in a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, with those of the tables that it is in: `limits.memory`.
    pub key: String,
    /// What is wrong with it, and what is right.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.text)
    }
}

/// Everything that is wrong in a description, at least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&all.join("\n"))
    }
}

impl std::error::Error for Problems {}

impl TryFrom<toml::Table> for Spec {
    type Error = Problems;
    fn try_from(table: toml::Table) -> Result<Spec, Problems> {
        parse::spec(table)
    }
}
