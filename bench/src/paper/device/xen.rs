//! Guests of Xen 4.17, which runs in QEMU: its dom0 has an interface of each host, and a bridge from it to the guest's, as any
//! host of Xen's has. dom0's part is in all figures, and is the same for all guests.
use super::qemu::{join, taps};
use super::{Device, MEMORY};
use crate::dpdk::Folder;
use crate::guest::settings::System;
use crate::guest::vnf::Image;
use crate::guest::{self, Guest};
use crate::paper::hosts::Hosts;
use crate::paper::record::Function;
use crate::wire::process::last_line;
use crate::wire::stop::Stop;
use anyhow::{Context as _, ensure};
use sluice_images::cpio::{Node, Tree};
use sluice_images::qemu::accelerator::{Wanted, chosen};
use sluice_images::xen::host::{Host, NETFRONT};
use sluice_images::xen::{self, Kind, Vif};
use std::fs;

/// A Linux guest that is nothing but a bridge between its second and third interface.
const LINUX: &str = include_str!("xen/linux");
/// What it loads, in this order.
const LINUX_MODULES: [&str; 4] = [NETFRONT, "llc", "stp", "bridge"];

/// What dom0 says of the guest.
const CREATED: &str = "XEN created the guest";
const NOT_CREATED: &str = "XEN cannot create the guest";

/// What a guest boots.
struct Contents {
    kernel: Vec<u8>,
    initramfs: Vec<u8>,
    words: String,
    what: String,
}

pub(super) fn start(
    function: Function,
    kind: Kind,
    hosts: &Hosts,
    wanted: Wanted,
    stop: &Stop,
) -> anyhow::Result<Box<dyn Device>> {
    let xen = Host::get(|| eprintln!("downloading Xen 4.17 and Debian's kernel (75 MB)"))?;
    let contents = match function {
        Function::Full => sluice("full")?,
        Function::Socket => sluice("socket")?,
        Function::Bridge => linux(&xen)?,
    };
    let more = vec![
        ("guest".into(), contents.what.clone()),
        ("the guest's machine".into(), format!("{kind:?}, one processor, {MEMORY} MiB, netfront on bridges of dom0")),
    ];
    let folder = Folder::new()?;
    let initramfs = folder.path().join("dom0");
    fs::write(&initramfs, xen.dom0(dom0(contents, kind)?)?)?;
    let (accelerator, why) = chosen(wanted);
    let mut machine = xen.machine(accelerator, &initramfs, MEMORY)?;
    machine.nics = taps(hosts)?;
    let system =
        System { name: "Xen 4.17".into(), kernel: xen.release()?, digest: None, accelerator_because: why.into() };
    let host = guest::Host { net: Some(&hosts.between), core: None };
    let mut guest = Guest::start(machine, system, folder, host, stop)?;
    guest.until(stop, "Xen to create the guest", |said| said.contains(CREATED) || said.contains(NOT_CREATED))?;
    ensure!(!guest.said().contains(NOT_CREATED), "Xen cannot create the guest: {}", last_line(&guest.said()));
    join(guest, more, hosts, stop)
}

fn sluice(recipe: &str) -> anyhow::Result<Contents> {
    let image = Image::open(recipe)?;
    Ok(Contents {
        kernel: fs::read(image.folder.join("bzImage"))?,
        initramfs: fs::read(image.folder.join("initramfs"))?,
        words: format!("{} sluice.function=bridge", image.manifest.command_line),
        what: format!("{}, Linux {}", image.system("")?.name, image.manifest.kernel),
    })
}

fn linux(host: &Host) -> anyhow::Result<Contents> {
    let mut tree = Tree::default();
    tree.add("bin/busybox", Node::File(0o755, fs::read("/bin/busybox").context("busybox (Debian: busybox-static)")?))?;
    tree.add("dev/console", Node::Device(0o600, 5, 1))?;
    tree.add("init", Node::File(0o755, LINUX.replace("{modules}", &LINUX_MODULES.join(" ")).into()))?;
    for module in LINUX_MODULES {
        tree.add(&format!("modules/{module}.ko"), Node::File(0o644, host.module(module)?))?;
    }
    for folder in ["proc", "sys"] {
        tree.add(folder, Node::Folder(0o755))?;
    }
    let what = format!("Linux bridge, Debian's kernel {} and busybox", host.release()?);
    Ok(Contents { kernel: fs::read(host.kernel()?)?, initramfs: tree.archive()?, words: "quiet".into(), what })
}

/// The files of a dom0 that runs this guest.
fn dom0(contents: Contents, kind: Kind) -> anyhow::Result<Tree> {
    let vif = |n| Vif { mac: Some(format!("00:16:3e:00:00:0{n}")), bridge: None, script: Some("/etc/xen/vif".into()) };
    let guest = xen::Guest {
        name: "guest".into(),
        kind,
        kernel: "/guest/kernel".into(),
        initramfs: "/guest/initramfs".into(),
        command_line: format!("console=hvc0 panic=-1 {}", contents.words),
        memory: MEMORY,
        cpus: 1,
        // The first one is for management.
        interfaces: (0..3).map(vif).collect(),
        disks: vec![],
    };
    // An emulated processor cannot scale its time stamp counter.
    let config = xen::config(&guest)? + "tsc_mode = \"native\"\n";
    let mut tree = Tree::default();
    let files = [
        ("init", include_bytes!("xen/init").to_vec()),
        ("etc/xen/vif", include_bytes!("xen/vif").to_vec()),
        ("guest/config", config.into_bytes()),
        ("guest/kernel", contents.kernel),
        ("guest/initramfs", contents.initramfs),
    ];
    for (name, bytes) in files {
        tree.add(name, Node::File(0o755, bytes))?;
    }
    Ok(tree)
}
