//! Guests of QEMU. Their data ports are tap interfaces of the hosts.
use super::{Device, MEMORY};
use crate::dpdk::Folder;
use crate::image::guest::Image;
use crate::paper::hosts::Hosts;
use crate::paper::record::Function;
use crate::paper::tool::command;
use crate::wire::process::{Running, last_line};
use crate::wire::stop::Stop;
use anyhow::{Context as _, ensure};
use sluice_images::qemu::nic::Backend;
use sluice_images::qemu::{Accelerator, Boot, Kind, Machine, Nic, Serial};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// What is behind the data ports.
const TAPS: [&str; 2] = ["tap0", "tap1"];
/// How long a boot may take.
pub(super) const LONG: Duration = Duration::from_secs(120);
/// What the guest says when DPDK cannot have the ports.
const NO_DPDK: &str = "packet sockets are used instead";

pub(super) fn start(
    function: Function,
    hosts: &Hosts,
    accelerator: Accelerator,
    stop: &Stop,
) -> anyhow::Result<Box<dyn Device>> {
    let (boot, mut facts) = match function {
        Function::Full => sluice("full", "sluice.driver=dpdk")?,
        Function::Socket => sluice("socket", "")?,
        Function::Bridge => anyhow::bail!("not yet"),
    };
    let mut machine = Machine::new(Kind::Pc, accelerator, MEMORY, boot);
    machine.nics.push(Nic { backend: Backend::User { forward: Vec::new() }, mac: None });
    facts.push(("machine".into(), format!("pc, one processor, {MEMORY} MiB, virtio-net on tap, {accelerator}")));
    let mut guest = Guest::start(machine, hosts, stop)?;
    guest.facts = facts;
    guest.emulated = accelerator == Accelerator::Tcg;
    hosts.meet(LONG, stop, || guest.check()).with_context(|| guest.last_words())?;
    ensure!(function != Function::Full || !guest.said().contains(NO_DPDK), "DPDK cannot have the guest's ports");
    Ok(Box::new(guest))
}

/// An image of Sluice's as a bridge.
fn sluice(recipe: &str, words: &str) -> anyhow::Result<(Boot, Vec<(String, String)>)> {
    let image = Image::open(recipe)?;
    let boot = Boot::Kernel {
        kernel: image.folder.join("bzImage"),
        initramfs: image.folder.join("initramfs"),
        command_line: format!("{} {words} sluice.function=bridge", image.manifest.command_line),
    };
    Ok((boot, vec![("guest".into(), image.describe())]))
}

/// A machine whose last two interfaces are the hosts'.
pub(super) struct Guest {
    running: Running,
    console: PathBuf,
    pub(super) facts: Vec<(String, String)>,
    pub(super) emulated: bool,
    _folder: Folder,
}

impl Guest {
    /// Starts it, and gives the hosts their interfaces.
    pub(super) fn start(mut machine: Machine, hosts: &Hosts, stop: &Stop) -> anyhow::Result<Guest> {
        let (folder, net) = (Folder::new()?, &hosts.between);
        for tap in TAPS {
            net.ip(&format!("tuntap add {tap} mode tap"))?;
            net.ip(&format!("link set {tap} up"))?;
            machine.nics.push(Nic { backend: Backend::Tap { name: tap.into() }, mac: None });
        }
        let console = folder.path().join("console");
        machine.serial = Serial::File(console.clone());
        machine.once = true;
        let qemu = machine.command()?;
        let mut running = Running::start(command(net, qemu.get_program()).args(qemu.get_args()), "")?;
        running.no_more_input();
        let mut guest = Guest { running, console, facts: Vec::new(), emulated: false, _folder: folder };
        stop.wait(LONG, "QEMU", || {
            guest.check()?;
            let held = |tap: &str| Ok::<_, anyhow::Error>(net.ip(&format!("-o link show {tap}"))?.contains("LOWER_UP"));
            Ok(held(TAPS[0])? && held(TAPS[1])?)
        })?;
        hosts.give(TAPS)?;
        Ok(guest)
    }

    /// What it said on its console.
    pub(super) fn said(&self) -> String {
        fs::read(&self.console).map(|said| String::from_utf8_lossy(&said).into_owned()).unwrap_or_default()
    }
}

impl Guest {
    /// The end of what it or QEMU said, for messages.
    pub(super) fn last_words(&self) -> String {
        let (qemu, guest) = (self.running.said(), self.said());
        last_line(if qemu.is_empty() { &guest } else { &qemu }).trim().to_owned()
    }
}

impl Device for Guest {
    fn check(&mut self) -> anyhow::Result<()> {
        ensure!(self.running.runs()?, "QEMU has ended: {}", self.last_words());
        ensure!(!self.said().contains("Kernel panic"), "the guest's kernel panicked");
        Ok(())
    }

    fn facts(&self) -> Vec<(String, String)> {
        self.facts.clone()
    }

    fn emulated(&self) -> bool {
        self.emulated
    }
}
