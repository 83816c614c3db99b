//! Devices that the bench starts by itself, and the links to them; each goes away with its value.
//!
//! Reading order: [`links`] (how tester and device are joined), [`function`] (what Sluice is to be), then a file a device.
mod bridge;
pub(crate) mod function;
pub(crate) mod links;
mod process;
pub(crate) mod profile;
pub(crate) mod reset;
mod sluice;
mod testpmd;
#[cfg(test)]
mod tests;
pub(crate) mod vm;

use super::wire::tester::Path;
use crate::guest::settings::Settings;
use crate::wire::stop::Stop;
use anyhow::bail;
use function::Function;
use links::{Ends, Links};
use reset::{ResetBy, Resetter};
use std::fmt;

/// What is tested.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// The program `sluice` beside this one, as this function.
    Sluice(Function),
    /// DPDK's testpmd, which hands frames from port to port.
    TestPmd,
    /// A bridge of the kernel.
    Bridge,
    /// An image of Sluice in a virtual machine, as this function.
    Vm(Function),
    /// A Linux bridge in a virtual machine.
    BridgeVm,
    /// Something that runs already.
    External(Path),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Sluice(function) => write!(f, "Sluice, {function}"),
            Kind::TestPmd => write!(f, "testpmd, io"),
            Kind::Bridge => write!(f, "Linux bridge"),
            Kind::Vm(function) => write!(f, "Sluice in a virtual machine, {function}"),
            Kind::BridgeVm => write!(f, "Linux bridge in a virtual machine"),
            Kind::External(_) => write!(f, "external device"),
        }
    }
}

impl Kind {
    /// How the tester reaches hosts through it.
    pub(crate) fn path(&self) -> Path {
        match self {
            Kind::Sluice(Function::Router) | Kind::Vm(Function::Router) => Path::Router,
            Kind::External(path) => *path,
            _ => Path::Bridge,
        }
    }

    /// Whether it is a virtual machine.
    pub(crate) fn is_machine(&self) -> bool {
        matches!(self, Kind::Vm(_) | Kind::BridgeVm)
    }
}

/// A device that runs.
pub(crate) trait Device: Send {
    /// Whether it still does; the error says what became of it.
    fn check(&mut self) -> Result<(), String>;
    /// How it was started, for the report: names and values.
    fn facts(&self) -> Vec<(String, String)>;
    /// How its virtual machine is set up, if it is one.
    fn machine(&self) -> Option<Settings> {
        None
    }
    /// What resets it, if anything does.
    fn reset<'a>(&self, _by: ResetBy, _stop: &'a Stop) -> Option<Resetter<'a>> {
        None
    }
    /// Ends it, and says what it complained about.
    fn end(self: Box<Self>, stop: &Stop) -> anyhow::Result<()>;
}

/// Starts a device on its ends of the links, on `core`; one in a virtual machine as `machine` says, with `reset` in mind.
///
/// # Errors
/// It cannot be started, or not on such links.
pub(crate) fn start(
    kind: Kind,
    links: &Links,
    core: usize,
    machine: &vm::Setup,
    reset: ResetBy,
    stop: &Stop,
) -> anyhow::Result<Box<dyn Device>> {
    // A guest that starts again by itself has failed, unless that is what is measured.
    let once = reset != ResetBy::Machine;
    Ok(match (kind, links.ends()) {
        (Kind::Sluice(function), Some(ends @ (Ends::Memif(_) | Ends::Veth(_)))) => {
            Box::new(sluice::start(function, ends, core, stop)?)
        }
        (Kind::TestPmd, Some(Ends::Memif(folder))) => Box::new(testpmd::start(folder, core, stop)?),
        (Kind::Bridge, Some(Ends::Veth(net))) => Box::new(bridge::start(net, core)?),
        (Kind::Vm(function), Some(ends @ (Ends::Vhost(_) | Ends::Tap(_)))) => {
            Box::new(vm::sluice(function, &ends, core, machine, once, stop)?)
        }
        (Kind::BridgeVm, Some(ends @ (Ends::Vhost(_) | Ends::Tap(_)))) => {
            Box::new(vm::bridge(&ends, core, machine, once, stop)?)
        }
        (Kind::External(_), None) => Box::new(External),
        (Kind::External(_), Some(_)) => bail!("an external device has ports of its own: name them"),
        (kind, None) => bail!("{kind}: it is started on links of its own, not on ports that are there"),
        (kind, Some(_)) => {
            bail!("{kind}: it cannot use such links (testpmd: memif; a bridge: veth; a virtual machine: vhost or tap)")
        }
    })
}

/// A device that somebody else looks after.
struct External;

impl Device for External {
    fn check(&mut self) -> Result<(), String> {
        Ok(())
    }
    fn facts(&self) -> Vec<(String, String)> {
        Vec::new()
    }
    fn end(self: Box<Self>, _: &Stop) -> anyhow::Result<()> {
        Ok(())
    }
}

/// The cores for sender, receiver and device, of those that may be used.
///
/// # Errors
/// There is none.
pub(crate) fn share(cores: &[usize]) -> anyhow::Result<([usize; 2], usize)> {
    Ok(match cores {
        // Sender and receiver share one, for the device must have its own.
        [one] => ([*one; 2], *one),
        [tester, device] => ([*tester; 2], *device),
        [send, receive, device, ..] => ([*send, *receive], *device),
        [] => bail!("which cores may be used cannot be found out"),
    })
}
