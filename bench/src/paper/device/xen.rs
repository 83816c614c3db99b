//! Guests of Xen 4.17, which runs in QEMU: its dom0 has an interface of each host, and a bridge from it to the guest's, as any
//! host of Xen's has. dom0's part is in all figures, and is the same for all guests.
use super::qemu::{Guest, LONG};
use super::{Device, MEMORY};
use crate::dpdk::Folder;
use crate::image::guest::Image;
use crate::paper::hosts::Hosts;
use crate::paper::record::Function;
use crate::wire::stop::Stop;
use anyhow::Context as _;
use sluice_images::cpio::{Node, Tree};
use sluice_images::qemu::Accelerator;
use sluice_images::xen::host::{Host, NETFRONT};
use sluice_images::xen::{self, Kind, Vif};
use std::fs;

/// A Linux guest that is nothing but a bridge between its second and third interface.
const LINUX: &str = include_str!("xen/linux");
/// What it loads, in this order.
const LINUX_MODULES: [&str; 4] = [NETFRONT, "llc", "stp", "bridge"];

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
    accelerator: Accelerator,
    stop: &Stop,
) -> anyhow::Result<Box<dyn Device>> {
    let host = Host::get(|| eprintln!("downloading Xen 4.17 and Debian's kernel (75 MB)"))?;
    let contents = match function {
        Function::Full => sluice("full")?,
        Function::Socket => sluice("socket")?,
        Function::Bridge => linux(&host)?,
    };
    let what = contents.what.clone();
    let folder = Folder::new()?;
    let initramfs = folder.path().join("dom0");
    fs::write(&initramfs, host.dom0(dom0(contents, kind)?)?)?;
    let machine = host.machine(accelerator, &initramfs, MEMORY)?;
    let mut guest = Guest::start(machine, hosts, stop)?;
    guest.emulated = accelerator == Accelerator::Tcg;
    guest.facts = vec![
        ("guest".into(), what),
        ("machine".into(), format!("{kind:?}, one processor, {MEMORY} MiB, netfront on bridges of dom0")),
        (
            "host".into(),
            format!("Xen 4.17 in QEMU (q35, one processor, {accelerator}), dom0's interfaces virtio-net on tap"),
        ),
    ];
    hosts.meet(LONG, stop, || guest.check()).with_context(|| guest.last_words())?;
    Ok(Box::new(guest))
}

fn sluice(recipe: &str) -> anyhow::Result<Contents> {
    let image = Image::open(recipe)?;
    Ok(Contents {
        kernel: fs::read(image.folder.join("bzImage"))?,
        initramfs: fs::read(image.folder.join("initramfs"))?,
        words: format!("{} sluice.function=bridge", image.manifest.command_line),
        what: image.describe(),
    })
}

fn linux(host: &Host) -> anyhow::Result<Contents> {
    let kernel = host.kernel()?;
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
    let name = kernel.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let what = format!("Debian's kernel ({name}) with busybox and a bridge");
    Ok(Contents { kernel: fs::read(kernel)?, initramfs: tree.archive()?, words: "quiet".into(), what })
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
