//! A guest that is a Linux bridge and nothing else: Debian's kernel for clouds, and a shell of busybox's that joins all its
//! interfaces.
use super::debian::Debian;
use super::settings::System;
use super::{Guest, Host, Resources, accelerator};
use crate::dpdk::Folder;
use crate::wire::stop::Stop;
use anyhow::Result;
use sluice_images::qemu::{Boot, Kind, Machine, Nic};
use std::fs;

/// What the guest says when the bridge forwards.
const READY: &str = "the bridge forwards";
/// In the order in which they can be loaded.
const MODULES: [&str; 3] = ["llc", "stp", "bridge"];
/// No IPv6: the guest sends nothing by itself. A kernel that panics starts again.
const WORDS: &str = "console=ttyS0 quiet panic=-1 ipv6.disable=1";
/// Snooping would send queries of its own. Without a spanning tree a port forwards at once (state 3).
const SCRIPT: &str = r#"
b=/busybox
$b mkdir -p /proc /sys
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b brctl addbr br0
echo 0 > /sys/class/net/br0/bridge/multicast_snooping
for i in /sys/class/net/eth*; do
  $b brctl addif br0 ${i##*/}
  $b ip link set ${i##*/} up
done
$b ip link set br0 up
until [ "$($b cat /sys/class/net/br0/brif/*/state | $b sort -u)" = 3 ]; do $b usleep 10000; done
echo "the bridge forwards"
while :; do $b sleep 1000; done
"#;

/// Starts it with these network interfaces, and waits until it forwards. Started again (`once` is false) it does so again;
/// else QEMU ends then.
///
/// # Errors
/// Debian's packages cannot be fetched, QEMU is not there, or it does not boot.
pub(crate) fn start(nics: Vec<Nic>, once: bool, resources: Resources, host: Host<'_>, stop: &Stop) -> Result<Guest> {
    let debian = Debian::get()?;
    let folder = Folder::new()?;
    let initramfs = folder.path().join("initramfs");
    fs::write(&initramfs, debian.tree("init", &MODULES, SCRIPT)?.archive()?)?;
    let boot = Boot::Kernel { kernel: debian.kernel, initramfs, command_line: WORDS.into() };
    let (accelerator, why) = accelerator(resources.accelerator);
    let mut machine = Machine::new(Kind::Pc, accelerator, resources.memory, boot);
    (machine.cpus, machine.nics, machine.once) = (resources.cpus, nics, once);
    let system = System {
        name: "Linux bridge, Debian's kernel for clouds and busybox".into(),
        kernel: debian.release,
        digest: None,
        accelerator_because: why.into(),
    };
    let mut guest = Guest::start(machine, system, folder, host, stop)?;
    guest.until(stop, "the bridge in the guest", |said| boots(said) > 0)?;
    Ok(guest)
}

/// How often it has booted and forwards.
pub(crate) fn boots(said: &str) -> usize {
    said.matches(READY).count()
}
