//! Guests of QEMU. Their data ports are tap interfaces, which become those of the hosts.
use super::{Device, MEMORY};
use crate::guest::vnf::{Image, Plan};
use crate::guest::{self, Guest, LONG, Resources};
use crate::paper::hosts::Hosts;
use crate::paper::record::Function;
use crate::wire::stop::Stop;
use anyhow::ensure;
use sluice_images::qemu::Nic;
use sluice_images::qemu::accelerator::Wanted;
use sluice_images::qemu::nic::Backend;

const BRIDGE: &str = include_str!("../../../../elements/functions/bridge.click");
/// What is behind the data ports.
const TAPS: [&str; 2] = ["tap0", "tap1"];
/// What the guest says when DPDK cannot have the ports.
const NO_DPDK: &str = "packet sockets are used instead";

pub(super) fn start(
    function: Function,
    hosts: &Hosts,
    accelerator: Wanted,
    stop: &Stop,
) -> anyhow::Result<Box<dyn Device>> {
    let ports = taps(hosts)?;
    let host = guest::Host { net: Some(&hosts.between), core: None };
    let resources = Resources { memory: MEMORY, cpus: 1, accelerator };
    let guest = match function {
        Function::Bridge => guest::bridge::start(ports, true, resources, host, stop)?,
        Function::Full | Function::Socket => {
            let image = Image::open(if function == Function::Full { "full" } else { "socket" })?;
            let plan = Plan { image: &image, function: BRIDGE, parameters: &[], ports, once: true, resources };
            plan.start(host, stop)?.guest
        }
    };
    ensure!(function != Function::Full || !guest.said().contains(NO_DPDK), "DPDK cannot have the guest's ports");
    join(guest, Vec::new(), hosts, stop)
}

/// Makes the interfaces in the device's namespace: what a machine is told of them. The hosts get them when QEMU has them.
pub(super) fn taps(hosts: &Hosts) -> anyhow::Result<Vec<Nic>> {
    for tap in TAPS {
        hosts.between.ip(&format!("tuntap add {tap} mode tap"))?;
        hosts.between.ip(&format!("link set {tap} up"))?;
    }
    Ok(TAPS.map(|tap| Nic { backend: Backend::Tap { name: tap.into() }, mac: None }).to_vec())
}

/// Gives a machine's taps to the hosts, and waits until it bridges.
pub(super) fn join(
    mut guest: Guest,
    more: Vec<(String, String)>,
    hosts: &Hosts,
    stop: &Stop,
) -> anyhow::Result<Box<dyn Device>> {
    hosts.give(TAPS)?;
    hosts.meet(LONG, stop, || guest.check())?;
    Ok(Box::new(Machine { guest, more }))
}

/// A machine of QEMU's, and what there is to say of it beyond its settings.
struct Machine {
    guest: Guest,
    more: Vec<(String, String)>,
}

impl Device for Machine {
    fn check(&mut self) -> anyhow::Result<()> {
        self.guest.check()
    }

    fn facts(&self) -> Vec<(String, String)> {
        let settings = self.guest.settings().rows().into_iter().map(|(name, value)| (name.to_owned(), value));
        self.more.iter().cloned().chain(settings).collect()
    }

    fn emulated(&self) -> bool {
        self.guest.settings().emulated()
    }
}
