//! Resets of devices that were started here (RFC 6201 section 4.1: hardware resets, of a machine; section 4.3: software resets).
use super::Kind;
use crate::rfc2544::trial;
use anyhow::{Result, bail, ensure};

/// What a reset is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ResetBy {
    /// The process is killed and started again.
    Kill,
    /// Sluice's graph is replaced by a new one of the same configuration, as frames pass.
    Swap,
    /// The virtual machine is started again.
    Machine,
}

impl ResetBy {
    /// As a profile names it.
    ///
    /// # Errors
    /// There is no such reset, or not of this device.
    pub(crate) fn of(kind: Kind, word: Option<&str>) -> Result<ResetBy> {
        let by = match word {
            None if kind == Kind::BridgeVm => return Ok(ResetBy::Machine),
            None => return Ok(ResetBy::Kill),
            Some("kill") => ResetBy::Kill,
            Some("swap") => ResetBy::Swap,
            Some("machine") => ResetBy::Machine,
            Some(other) => bail!("device: reset: {other}: kill, swap or machine"),
        };
        let (sluice, machine) = (matches!(kind, Kind::Sluice(_) | Kind::Vm(_)), kind.is_machine());
        let program = sluice || kind == Kind::TestPmd;
        ensure!(program || machine, "device: reset: only for a device that is a program or a machine started here");
        match by {
            ResetBy::Kill => ensure!(program, "device: reset: kill: only for a device that is a program"),
            ResetBy::Swap => ensure!(sluice, "device: reset: swap: only for a function of Sluice"),
            ResetBy::Machine => ensure!(machine, "device: reset: machine: only for a virtual machine"),
        }
        Ok(by)
    }
}

/// Resets a device.
pub(crate) struct Resetter<'a> {
    /// How, for the report.
    pub(super) name: &'static str,
    /// Resets it, and waits until it works again.
    pub(super) act: Box<dyn FnMut() -> Result<()> + Send + 'a>,
}

impl trial::Reset for Resetter<'_> {
    fn name(&self) -> String {
        self.name.into()
    }

    fn reset(&mut self) -> Result<(), String> {
        (self.act)().map_err(|why| format!("{why:#}"))
    }
}
