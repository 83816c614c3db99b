//! What a report keeps of a virtual machine: how it was set up (RFC 8172 section 3), so that the result can be had again.
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use sluice_images::qemu::nic::Backend;
use sluice_images::qemu::{Accelerator, Kind, Machine, QEMU};
use std::process::Command;

/// What runs in the machine.
pub(crate) struct System {
    /// In a few words.
    pub(crate) name: String,
    /// The release of its kernel.
    pub(crate) kernel: String,
    /// SHA-256 of the manifest of its image, if it has one.
    pub(crate) digest: Option<String>,
    /// Why its instructions are run by what runs them.
    pub(crate) accelerator_because: String,
}

/// How it was set up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// QEMU's version.
    pub(crate) qemu: String,
    /// What ran the guest's instructions, "KVM" or "TCG", and why.
    pub(crate) accelerator: String,
    pub(crate) accelerator_because: String,
    /// QEMU's kind of machine.
    pub(crate) machine: String,
    /// Virtual processors, and the core that all of QEMU ran on.
    pub(crate) processors: u32,
    pub(crate) core: Option<usize>,
    /// MiB, and the pages that it is of.
    pub(crate) memory_mib: u32,
    pub(crate) pages: String,
    /// Network interfaces: the device, and what is behind it.
    pub(crate) interfaces: Vec<String>,
    /// What ran in it, and the release of its kernel.
    pub(crate) system: String,
    pub(crate) kernel: String,
    /// SHA-256 of the manifest of its image, if it has one.
    pub(crate) manifest_sha256: Option<String>,
    /// The command line of QEMU.
    pub(crate) command: String,
}

impl Settings {
    /// Of a machine that is about to start.
    pub(super) fn of(machine: &Machine, system: System, core: Option<usize>) -> Result<Settings> {
        let device = if machine.kind == Kind::Microvm { "virtio-net-device" } else { "virtio-net-pci" };
        let pages = match (machine.shares_memory(), machine.huge_pages) {
            (true, true) => "shared, huge pages of 2 MB (memfd)",
            (true, false) => "shared, small pages (memfd)",
            (false, _) => "not shared",
        };
        let kind = match machine.kind {
            Kind::Pc => "pc",
            Kind::Q35 => "q35",
            Kind::Microvm => "microvm",
        };
        Ok(Settings {
            qemu: version()?,
            accelerator: machine.accelerator.to_string(),
            accelerator_because: system.accelerator_because,
            machine: kind.into(),
            processors: machine.cpus,
            core,
            memory_mib: machine.memory,
            pages: pages.into(),
            interfaces: machine.nics.iter().map(|n| format!("{device} over {}", behind(&n.backend))).collect(),
            system: system.name,
            kernel: system.kernel,
            manifest_sha256: system.digest,
            command: machine.shown()?,
        })
    }

    /// Whether QEMU translated the guest's instructions: rates say nothing of hardware then.
    pub(crate) fn emulated(&self) -> bool {
        self.accelerator == Accelerator::Tcg.to_string()
    }

    /// Names and values, for tables.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        let core = self.core.map_or(String::new(), |c| format!(", all of QEMU on core {c}"));
        let mut rows = vec![
            ("virtual machine", self.system.clone()),
            ("its hypervisor", self.qemu.clone()),
            ("its accelerator", format!("{}: {}", self.accelerator, self.accelerator_because)),
            ("its machine", self.machine.clone()),
            ("its processors", format!("{}{core}", self.processors)),
            ("its memory", format!("{} MiB, {}", self.memory_mib, self.pages)),
            ("its network interfaces", self.interfaces.join(", ")),
            ("its kernel", self.kernel.clone()),
        ];
        rows.extend(self.manifest_sha256.clone().map(|digest| ("SHA-256 of its image's manifest", digest)));
        rows.push(("started as", self.command.clone()));
        rows
    }
}

fn behind(backend: &Backend) -> &'static str {
    match backend {
        Backend::User { .. } => "QEMU's own network (management)",
        Backend::Stream { .. } => "a UNIX stream socket",
        Backend::Dgram { .. } => "UNIX datagram sockets",
        Backend::Socket { .. } => "TCP",
        Backend::Tap { .. } => "tap",
        Backend::VhostUser { .. } => "vhost-user",
    }
}

fn version() -> Result<String> {
    let out = Command::new(QEMU).arg("--version").output();
    let out = out.with_context(|| format!("cannot run {QEMU} (Debian: apt install qemu-system-x86)"))?;
    Ok(String::from_utf8_lossy(&out.stdout).lines().next().unwrap_or("unknown").into())
}
