//! What the first process tells the VNF: the table `[boot]` of the description that it writes.
use serde::{Deserialize, Serialize};

/// With this status the VNF's process asks for the machine to start again; with 0 for it to be switched off.
pub const EXIT_REBOOT: u8 = 75;
/// In the environment of a VNF that the first process started.
pub const SUPERVISED: &str = "SLUICE_SUPERVISED";

/// The table `[boot]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Boot {
    /// Where the VNF's data lie: `memory`, or the device and its file system: `/dev/vdb (ext4)`.
    pub data: String,
    /// How often the VNF's process was started again since the machine booted.
    pub restarts: u32,
    /// What the process before this one said last, and how it ended; empty at the first.
    pub last_words: String,
    /// What was set, and where it was said.
    #[serde(rename = "setting")]
    pub settings: Vec<Setting>,
    /// The network interfaces of the machine.
    #[serde(rename = "interface")]
    pub interfaces: Vec<Interface>,
    /// What is not as it should be.
    #[serde(rename = "problem")]
    pub problems: Vec<Problem>,
}

/// A value, and where it came from. Secrets are named, their values are not shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// What is set: `function`, `management.address`, `tokens`.
    pub name: String,
    /// Its value; empty for a file or a secret.
    #[serde(default)]
    pub value: String,
    /// Where it was said: `seed drive /dev/vda (cidata)`, `fw_cfg`, `kernel command line`, `image`, `default`.
    pub from: String,
}

/// A network interface, and who has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// What functions call it: `eth1`.
    pub name: String,
    /// Its Ethernet address.
    pub mac: String,
    /// Where it is on its bus: `0000:00:04.0`, `virtio2`, `vif-1`.
    pub bus: String,
    /// `management`, `data` or `unused`.
    pub role: String,
    /// Who moves its frames: `kernel`, `socket`, `dpdk (vfio-pci, no IOMMU)`.
    pub driver: String,
    /// Why not DPDK, where that was to be had; empty if there is nothing to explain.
    #[serde(default)]
    pub reason: String,
}

/// What is not as it should be; the VNF raises an alarm of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// What it concerns: `function`, `tokens`, `data-disk`, `hugepages`, `eth1`, `vnf`.
    pub object: String,
    /// How bad it is.
    pub severity: Severity,
    /// What was found, and what can be done about it.
    pub detail: String,
}

/// ITU-T X.733 section 8.1.2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Service is gone.
    Critical,
    /// Service is degraded badly.
    Major,
    /// Something does not work that service does not need now.
    Minor,
    /// Something may go wrong.
    Warning,
}
