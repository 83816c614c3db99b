//! Waiting that ends: after a while, or when the user asks the program to end. While a [`Stop`] lives, SIGINT and
//! SIGTERM only ask, so that namespaces and processes are taken away first.
use anyhow::{bail, ensure};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use sluice_dataplane::time::now;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two looks.
const STEP: Duration = Duration::from_millis(5);

/// Whether the user asked to end.
pub(crate) struct Stop {
    asked: Arc<AtomicBool>,
    /// Signals end the process again.
    over: Arc<AtomicBool>,
}

impl Stop {
    pub(crate) fn new() -> std::io::Result<Stop> {
        let stop = Stop { asked: Arc::default(), over: Arc::default() };
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register_conditional_default(signal, stop.over.clone())?;
            signal_hook::flag::register(signal, stop.asked.clone())?;
        }
        Ok(stop)
    }

    /// Set when the user asked to end.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.asked
    }

    pub(crate) fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Waits until `done`, at most `limit`.
    pub(crate) fn wait(
        &self,
        limit: Duration,
        what: &str,
        mut done: impl FnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let start = now();
        while !done()? {
            ensure!(!self.asked(), "interrupted");
            if u128::from(now() - start) > limit.as_nanos() {
                bail!("waited {limit:?} for {what}");
            }
            std::thread::sleep(STEP);
        }
        Ok(())
    }

    /// Sleeps.
    pub(crate) fn sleep(&self, time: Duration) -> anyhow::Result<()> {
        let start = now();
        self.wait(time * 2, "nothing", || Ok(u128::from(now() - start) >= time.as_nanos()))
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
