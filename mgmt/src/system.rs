//! The machine around the VNF, as whoever booted it tells: what was set where, interfaces, and what went wrong.
use crate::alarms::Severity;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The machine around the VNF.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct System {
    /// Whether the VNF is all there is on the machine: then to end it is to switch the machine off.
    pub appliance: bool,
    /// Where revisions and credentials lie: `memory`, or a device and its file system.
    pub data: String,
    /// How often the VNF's process was started again since the machine booted.
    pub restarts: u32,
    /// What the process before this one said last, and how it ended.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub last_words: String,
    /// What was set, and where it was said.
    pub settings: Vec<Setting>,
    /// Network interfaces, and who has them.
    pub interfaces: Vec<Interface>,
    /// What was not as it should be when the machine booted. There is an alarm for each.
    pub problems: Vec<Trouble>,
}

/// An image that the machine boots next, on trial: if it does not become ready, the one before is back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Installed {
    /// The slot of the disk that it lies in: `a` or `b`.
    pub slot: String,
    /// Its name.
    pub name: String,
    /// The version of Sluice in it.
    pub version: String,
}

/// A value, and where it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Setting {
    /// What is set: `function`, `management.address`, `tokens`.
    pub name: String,
    /// Its value; empty for a file or a secret.
    pub value: String,
    /// Where it was said: a drive, `fw_cfg`, `kernel command line`, `image`, `default`.
    pub from: String,
}

/// A network interface, and who has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Interface {
    /// What functions call it.
    pub name: String,
    /// Its Ethernet address.
    pub mac: String,
    /// Where it is on its bus.
    pub bus: String,
    /// `management`, `data` or `unused`.
    pub role: String,
    /// Who moves its frames: `kernel`, `socket`, or DPDK and how it has the device.
    pub driver: String,
    /// Why it is not DPDK.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub reason: String,
}

/// Something that was not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trouble {
    /// What it concerns.
    pub object: String,
    /// How bad it is.
    pub severity: Severity,
    /// What was found, and what can be done about it.
    pub detail: String,
}
