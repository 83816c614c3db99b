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

use super::wire::tester::Path;
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
    /// Something that runs already.
    External(Path),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Sluice(function) => write!(f, "Sluice, {function}"),
            Kind::TestPmd => write!(f, "testpmd, io"),
            Kind::Bridge => write!(f, "Linux bridge"),
            Kind::External(_) => write!(f, "external device"),
        }
    }
}

impl Kind {
    /// How the tester reaches hosts through it.
    pub(crate) fn path(&self) -> Path {
        match self {
            Kind::Sluice(Function::Router) => Path::Router,
            Kind::External(path) => *path,
            _ => Path::Bridge,
        }
    }
}

/// A device that runs.
pub(crate) trait Device: Send {
    /// Whether it still does; the error says what became of it.
    fn check(&mut self) -> Result<(), String>;
    /// How it was started, for the report: names and values.
    fn facts(&self) -> Vec<(String, String)>;
    /// What resets it, if anything does.
    fn reset<'a>(&self, _by: ResetBy, _stop: &'a Stop) -> Option<Resetter<'a>> {
        None
    }
    /// Ends it, and says what it complained about.
    fn end(self: Box<Self>, stop: &Stop) -> anyhow::Result<()>;
}

/// Starts a device on its ends of the links, on `core`, for frames of up to `size` bytes, frame check sequence included.
///
/// # Errors
/// It cannot be started, or not on such links.
pub(crate) fn start(
    kind: Kind,
    links: &Links,
    size: usize,
    core: usize,
    stop: &Stop,
) -> anyhow::Result<Box<dyn Device>> {
    Ok(match (kind, links.ends()) {
        (Kind::Sluice(function), Some(ends)) => Box::new(sluice::start(function, ends, size, core, stop)?),
        (Kind::TestPmd, Some(Ends::Memif(folder))) => Box::new(testpmd::start(folder, size, core, stop)?),
        (Kind::Bridge, Some(Ends::Veth(net))) => Box::new(bridge::start(net, core)?),
        (Kind::External(_), None) => Box::new(External),
        (Kind::External(_), Some(_)) => bail!("an external device has ports of its own: name them"),
        (kind, None) => bail!("{kind}: it is started on links of its own, not on ports that are there"),
        (kind, Some(_)) => bail!("{kind}: it cannot use such links (testpmd: memif; a bridge: veth)"),
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
