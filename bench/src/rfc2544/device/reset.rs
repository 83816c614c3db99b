//! Resets of devices that are programs (RFC 6201 section 4.3: software resets).
use super::Kind;
use super::process::Program;
use crate::rfc2544::trial;
use crate::wire::stop::Stop;
use anyhow::{bail, ensure};

/// What a reset is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum ResetBy {
    /// The process is killed and started again.
    #[default]
    Kill,
    /// Sluice's graph is replaced by a new one of the same configuration, as frames pass.
    Swap,
}

impl ResetBy {
    /// As a profile names it.
    ///
    /// # Errors
    /// There is no such reset, or not of this device.
    pub(crate) fn of(kind: Kind, word: Option<&str>) -> anyhow::Result<ResetBy> {
        let by = match word {
            None => return Ok(ResetBy::default()),
            Some("kill") => ResetBy::Kill,
            Some("swap") => ResetBy::Swap,
            Some(other) => bail!("device: reset: {other}: kill or swap"),
        };
        let program = matches!(kind, Kind::Sluice(_) | Kind::TestPmd);
        ensure!(program, "device: reset: only for a device that is a program started here");
        ensure!(by != ResetBy::Swap || kind != Kind::TestPmd, "device: reset: swap: only for a function of Sluice");
        Ok(by)
    }
}

/// Resets a program.
pub(crate) struct Resetter<'a> {
    pub(super) by: ResetBy,
    pub(super) program: Program,
    /// Ends the wait for it.
    pub(super) stop: &'a Stop,
}

impl trial::Reset for Resetter<'_> {
    fn name(&self) -> String {
        match self.by {
            ResetBy::Kill => "kill of the process (SIGKILL), which is started again at once".into(),
            ResetBy::Swap => "hot swap of the graph (SIGHUP)".into(),
        }
    }

    fn reset(&mut self) -> Result<(), String> {
        let done = match self.by {
            ResetBy::Kill => self.program.start(self.stop),
            // What Sluice says when the new graph runs.
            ResetBy::Swap => self.program.reload(self.stop, |said| said.matches(" is running now (paused ").count()),
        };
        done.map_err(|why| format!("{why:#}"))
    }
}
