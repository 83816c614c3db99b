//! The devices that are measured: each bridges between the hosts.
mod host;
mod qemu;
mod xen;

use super::hosts::Hosts;
use super::record::{Platform, Subject};
use crate::wire::stop::Stop;
use sluice_images::qemu::accelerator::Wanted;
use sluice_images::xen::Kind;

/// Memory of a guest, MiB, and its processors: those of Click-on-OSv's guests.
const MEMORY: u32 = 192;

/// A device that bridges. It ends with its value.
pub(super) trait Device {
    /// Why it bridges no more, if it does not.
    fn check(&mut self) -> anyhow::Result<()>;
    /// What it is, by names and values.
    fn facts(&self) -> Vec<(String, String)>;
    /// Whether its instructions are translated by a program.
    fn emulated(&self) -> bool;
}

/// Starts a device between the hosts, and waits until it bridges.
pub(super) fn start(
    subject: Subject,
    hosts: &Hosts,
    accelerator: Wanted,
    stop: &Stop,
) -> anyhow::Result<Box<dyn Device>> {
    match subject.platform {
        Platform::Host => host::start(subject.function, hosts, stop),
        Platform::Qemu => qemu::start(subject.function, hosts, accelerator, stop),
        Platform::XenPv => xen::start(subject.function, Kind::Pv, hosts, accelerator, stop),
        Platform::XenPvh => xen::start(subject.function, Kind::Pvh, hosts, accelerator, stop),
    }
}
