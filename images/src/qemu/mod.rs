//! QEMU: the machine that runs an image.
//!
//! [`Machine`] is a value; [`Machine::arguments`] is the command line that it stands for. Nothing is started and no file is
//! touched here, so tests, benchmarks and `sluice-image run` describe their machines in the same words.
//!
//! Reading order: [`Machine`], [`nic`] (network interfaces), [`accelerator`] (KVM or TCG, and why), [`seed`] (a drive with
//! a guest's configuration), [`wire`] (the other end of an interface).
pub mod accelerator;
mod arguments;
pub mod nic;
pub mod seed;
pub mod wire;

pub use accelerator::Accelerator;
pub use nic::Nic;

use anyhow::Result;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

/// The program.
pub const QEMU: &str = "qemu-system-x86_64";
/// Most network interfaces of a machine with PCI: slots 4 to 30.
pub const MOST_NICS: usize = 27;
/// Most devices of a microvm: its transports of virtio.
pub const MOST_MMIO: usize = 8;

/// What kind of machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// PCI, BIOS, IDE: the PC of 1996.
    #[default]
    Pc,
    /// PCI Express, BIOS or UEFI, SATA.
    Q35,
    /// No PCI and no ACPI: the fastest to boot.
    Microvm,
}

/// What is booted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boot {
    /// A kernel and its initramfs, without a boot loader.
    Kernel {
        /// `bzImage`, or `vmlinux` with a PVH entry.
        kernel: PathBuf,
        /// The initramfs.
        initramfs: PathBuf,
        /// The kernel's command line.
        command_line: String,
    },
    /// A disk.
    Disk {
        /// The disk's image.
        disk: Drive,
        /// UEFI's code; without it, BIOS.
        uefi: Option<PathBuf>,
    },
}

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drive {
    /// The image: raw, or qcow2 where its name ends in `.qcow2`.
    pub file: PathBuf,
    /// The guest may not write.
    pub read_only: bool,
    /// How the guest sees it.
    pub bus: Bus,
}

/// How a guest sees a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Bus {
    /// A disk of virtio.
    #[default]
    Virtio,
    /// A CD-ROM: IDE on `pc`, SATA on `q35`; `microvm` has none.
    Cdrom,
}

/// Something told by `fw_cfg`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FwCfg {
    /// A file's contents.
    File(PathBuf),
    /// A text.
    Text(String),
}

/// Where the serial port leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Serial {
    /// The terminal, with QEMU's monitor behind Ctrl-A C.
    Terminal,
    /// Standard output; nothing is read.
    #[default]
    Output,
    /// A file, from its beginning.
    File(PathBuf),
    /// A UNIX socket that QEMU listens on; it does not wait for anybody.
    Unix(PathBuf),
    /// There is none.
    None,
}

/// A machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// What kind.
    pub kind: Kind,
    /// What runs the guest's instructions.
    pub accelerator: Accelerator,
    /// Memory, MiB.
    pub memory: u32,
    /// Processors.
    pub cpus: u32,
    /// Where the memory is shared (vhost-user), it is of huge pages of 2 MB, which have to be free.
    pub huge_pages: bool,
    /// What is booted.
    pub boot: Boot,
    /// Network interfaces, in the order in which the guest finds them.
    pub nics: Vec<Nic>,
    /// Disks beside the one that is booted: seed drive, data disk.
    pub drives: Vec<Drive>,
    /// What is told by `fw_cfg`, by name.
    pub fw_cfg: Vec<(String, FwCfg)>,
    /// Where the serial port leads.
    pub serial: Serial,
    /// A UNIX socket for QMP, to switch the machine off as its button would.
    pub qmp: Option<PathBuf>,
    /// The machine ends when the guest wants to start again.
    pub once: bool,
    /// More arguments, as they are.
    pub more: Vec<OsString>,
}

impl Machine {
    /// A machine with one processor and nothing attached.
    pub fn new(kind: Kind, accelerator: Accelerator, memory: u32, boot: Boot) -> Self {
        Self {
            kind,
            accelerator,
            memory,
            cpus: 1,
            huge_pages: false,
            boot,
            nics: Vec::new(),
            drives: Vec::new(),
            fw_cfg: Vec::new(),
            serial: Serial::default(),
            qmp: None,
            once: false,
            more: Vec::new(),
        }
    }

    /// Whether another process maps the guest's memory: the other end of a vhost-user interface.
    pub fn shares_memory(&self) -> bool {
        self.nics.iter().any(|n| matches!(n.backend, nic::Backend::VhostUser { .. }))
    }

    /// The arguments of QEMU.
    ///
    /// # Errors
    /// There is no such machine: a CD-ROM, a disk to boot or a PCI slot too many where there are none.
    pub fn arguments(&self) -> Result<Vec<OsString>> {
        arguments::of(self)
    }

    /// QEMU with these arguments, ready to be started.
    ///
    /// # Errors
    /// As [`Self::arguments`].
    pub fn command(&self) -> Result<Command> {
        let mut command = Command::new(QEMU);
        command.args(self.arguments()?);
        Ok(command)
    }

    /// The command line as one types it.
    ///
    /// # Errors
    /// As [`Self::arguments`].
    pub fn shown(&self) -> Result<String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c);
        let quote = |word: &str| match !word.is_empty() && word.chars().all(plain) {
            true => word.to_string(),
            false => format!("'{}'", word.replace('\'', r"'\''")),
        };
        let words = self.arguments()?;
        let words = words.iter().map(|w| quote(&w.to_string_lossy()));
        Ok([QEMU.to_string()].into_iter().chain(words).collect::<Vec<_>>().join(" "))
    }
}
