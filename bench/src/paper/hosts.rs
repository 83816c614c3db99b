//! Two hosts, each a network namespace with one interface, and the namespace between them that the device is in.
//!
//! The hosts hand over frames of wire size: what is measured is a device that has to take each packet, not one that passes on
//! the 64 KB that a sender's kernel would leave to the network card (`offloads` leaves them on).
use crate::wire::net::Net;
use crate::wire::stop::Stop;
use anyhow::ensure;
use std::process::Command;
use std::time::Duration;

pub(super) const ADDRESS_A: &str = "10.9.0.1";
pub(super) const ADDRESS_B: &str = "10.9.0.2";
/// A host's interface.
const INTERFACE: &str = "eth0";

/// The hosts.
pub(super) struct Hosts {
    pub(super) a: Net,
    pub(super) b: Net,
    /// Where the device is.
    pub(super) between: Net,
}

impl Hosts {
    pub(super) fn new() -> anyhow::Result<Hosts> {
        Ok(Hosts { a: Net::new()?, b: Net::new()?, between: Net::new()? })
    }

    fn both(&self) -> [(&Net, &str); 2] {
        [(&self.a, ADDRESS_A), (&self.b, ADDRESS_B)]
    }

    /// Makes two interfaces in the device's namespace into those of the hosts.
    pub(super) fn give(&self, interfaces: [&str; 2]) -> anyhow::Result<()> {
        for ((host, address), interface) in self.both().into_iter().zip(interfaces) {
            self.between.ip(&format!("link set {interface} netns {}", host.name()))?;
            host.ip(&format!("link set {interface} name {INTERFACE}"))?;
            host.ip(&format!("addr add {address}/24 dev {INTERFACE}"))?;
            host.ip(&format!("link set {INTERFACE} up"))?;
        }
        Ok(())
    }

    /// Joins two new interfaces of the device's namespace with the hosts.
    pub(super) fn cable(&self, interfaces: [&str; 2], stop: &Stop) -> anyhow::Result<()> {
        let far = ["far0", "far1"];
        for (interface, far) in interfaces.into_iter().zip(far) {
            self.between.pair(stop, interface, far)?;
        }
        self.give(far)
    }

    /// Waits until B answers A, at most `limit`. `check` finds out that it never will.
    pub(super) fn meet(
        &self,
        limit: Duration,
        stop: &Stop,
        mut check: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        stop.wait(limit, "an answer of host B to host A", || {
            check()?;
            let ping = self.a.command("ping").args(["-c", "1", "-W", "1", ADDRESS_B]).output()?;
            Ok(ping.status.success())
        })
    }

    /// Has the hosts cut what they send to wire size, and take frames as they come.
    pub(super) fn cut_to_size(&self) -> anyhow::Result<()> {
        for (host, _) in self.both() {
            let mut command: Command = host.command("ethtool");
            let out = command.args(["-K", INTERFACE, "tso", "off", "gso", "off", "gro", "off"]).output()?;
            ensure!(out.status.success(), "ethtool: {}", String::from_utf8_lossy(&out.stderr).trim());
        }
        Ok(())
    }
}
