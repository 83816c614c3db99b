//! What a VNF counts.
use super::GraphElement;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

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
