//! What Xen's toolstack is told of a machine: a configuration for `xl create` (xl.cfg(5)).
//!
//! Nothing of QEMU runs beside such a guest: kernel and initramfs lie on the host, disks and interfaces are Xen's own.
pub mod host;

use anyhow::{Result, ensure};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A machine.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Its name, unique on a host.
    pub name: String,
    /// How it is virtualised.
    pub kind: Kind,
    /// The kernel, as bzImage.
    pub kernel: PathBuf,
    /// The initramfs.
    pub initramfs: PathBuf,
    /// The kernel's command line; its console is `hvc0`.
    pub command_line: String,
    /// Memory, in MiB.
    pub memory: u32,
    /// Processors.
    pub cpus: u32,
    /// The management interface first, then the data ports.
    pub interfaces: Vec<Vif>,
    /// Disks, as files or devices of raw bytes: `/dev/xvda` and on.
    pub disks: Vec<Disk>,
}

/// How a guest is virtualised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By the kernel's cooperation alone: any x86-64 processor.
    Pv,
    /// By the processor's extensions, without emulated devices.
    Pvh,
}

/// A network interface.
#[derive(Clone, Debug, Default)]
pub struct Vif {
    /// Its Ethernet address; Xen makes one up otherwise.
    pub mac: Option<String>,
    /// The bridge of the host's that it is plugged into; that of the host's `xl.conf` otherwise.
    pub bridge: Option<String>,
    /// The script that plugs it in; that of the host's `xl.conf` otherwise.
    pub script: Option<PathBuf>,
}

/// A disk.
#[derive(Clone, Debug)]
pub struct Disk {
    /// Where it is on the host.
    pub path: PathBuf,
    /// A seed drive is only read; a data disk is written too.
    pub writable: bool,
}

/// The text of the configuration.
///
/// # Errors
/// A value has a character for which `xl` has no notation: quotes, or a comma in an interface or disk; or there are more
/// than 26 disks.
pub fn config(guest: &Guest) -> Result<String> {
    let kind = if guest.kind == Kind::Pv { "pv" } else { "pvh" };
    let mut text = format!("type = \"{kind}\"\n");
    let paths =
        [("kernel", &guest.kernel), ("ramdisk", &guest.initramfs)].map(|(key, path)| (key, path.to_string_lossy()));
    // Writing to a string does not fail.
    let _ = writeln!(text, "name = {}", quoted(&guest.name)?);
    for (key, path) in paths {
        let _ = writeln!(text, "{key} = {}", quoted(&path)?);
    }
    let _ = writeln!(text, "extra = {}", quoted(&guest.command_line)?);
    let _ = writeln!(text, "memory = {}\nvcpus = {}", guest.memory, guest.cpus);
    text += "on_poweroff = \"destroy\"\non_reboot = \"restart\"\non_crash = \"restart\"\n";
    let vifs = guest.interfaces.iter().map(vif).collect::<Result<Vec<_>>>()?;
    let _ = writeln!(text, "vif = [{}]", vifs.join(", "));
    ensure!(guest.disks.len() <= 26, "Xen's disks are xvda to xvdz");
    let disks = ('a'..).zip(&guest.disks).map(|(letter, d)| disk(d, letter)).collect::<Result<Vec<_>>>()?;
    if !disks.is_empty() {
        let _ = writeln!(text, "disk = [{}]", disks.join(", "));
    }
    Ok(text)
}

fn vif(vif: &Vif) -> Result<String> {
    let script = vif.script.as_deref().map(Path::to_string_lossy);
    let parts = [("mac", vif.mac.as_deref()), ("bridge", vif.bridge.as_deref()), ("script", script.as_deref())];
    let mut words = Vec::new();
    for (key, value) in parts.into_iter().filter_map(|(key, value)| Some((key, value?))) {
        words.push(format!("{key}={}", in_list(value)?));
    }
    quoted(&words.join(","))
}

/// xl-disk-configuration(5).
fn disk(disk: &Disk, letter: char) -> Result<String> {
    let (path, access) = (disk.path.to_string_lossy(), if disk.writable { "rw" } else { "ro" });
    quoted(&format!("format=raw,vdev=xvd{letter},access={access},target={}", in_list(&path)?))
}

fn in_list(value: &str) -> Result<&str> {
    ensure!(!value.contains(','), "xl has no notation for a comma here: {value:?}");
    Ok(value)
}

fn quoted(value: &str) -> Result<String> {
    ensure!(!value.contains(['"', '\n', '\\']), "xl has no notation for quotes, backslashes and newlines: {value:?}");
    Ok(format!("\"{value}\""))
}
