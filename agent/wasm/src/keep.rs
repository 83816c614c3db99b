//! How an element keeps its guest alive: what happens after a failure, at a restart and when a graph is replaced.
use crate::element::{Fail, WasmFunction};
use crate::fault::Fault;
use crate::instance::Instance;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Stream};
use sluice_dataplane::handler::HandlerError;
use sluice_dataplane::reason::Reason;
use std::sync::Arc;

impl WasmFunction {
    /// There is no instance.
    #[cold]
    pub(crate) fn pass_by(&mut self, cx: &mut Context<'_>, batch: &mut Batch) {
        match self.fail {
            Fail::Open => self.counts.passed += batch.len() as u64,
            Fail::Closed => cx.drop_all(batch, Reason::GuestDown),
        }
    }

    /// After a call in which the guest failed, or said something.
    #[cold]
    pub(crate) fn after(&mut self, cx: &mut Context<'_>, fault: Option<Fault>) {
        let now = cx.recent();
        if let Some(instance) = &mut self.instance {
            let lines = self.log.take(instance.said(), now);
            lines.iter().for_each(|line| print(cx, line));
        }
        if let Some(fault) = fault {
            self.suspend(cx, fault);
        }
    }

    /// The guest failed: its instance is gone, and a new one begins after a while.
    fn suspend(&mut self, cx: &mut Context<'_>, fault: Fault) {
        print(cx, &format!("failed: {fault}"));
        self.forget();
        let again = self.life.failed(fault, cx.recent());
        cx.timer_at(again);
    }

    /// Starts an instance.
    pub(crate) fn begin(&mut self, cx: &mut Context<'_>) {
        let Some(module) = &self.module else { return };
        let now = cx.recent();
        match Instance::start(module, self.limits, &self.config, now) {
            Ok(instance) => {
                self.instance = Some(instance);
                self.life.started(now);
                self.after(cx, None);
            }
            Err(fault) => self.suspend(cx, fault),
        }
    }

    /// Calls the guest for a handler.
    pub(crate) fn ask<R>(
        &mut self,
        cx: &mut Context<'_>,
        call: impl FnOnce(&mut Instance) -> Result<R, Fault>,
    ) -> Result<R, HandlerError> {
        let Some(instance) = &mut self.instance else { return Err("there is no instance just now".into()) };
        instance.set_time(cx.recent());
        let result = call(instance);
        let failed = result.as_ref().err().filter(|e| !matches!(e, Fault::Refused(_)));
        self.after(cx, failed.cloned());
        result.map_err(|e| e.to_string().into())
    }

    /// Takes the instance of an earlier graph, or what can be had of it.
    ///
    /// # Errors
    /// The guest failed or refused. Who failed is gone.
    pub(crate) fn take_instance(&mut self, old: &mut WasmFunction) -> Result<(), Fault> {
        let (Some(theirs), Some(ours)) = (&mut old.instance, &mut self.instance) else { return Ok(()) };
        if Arc::ptr_eq(theirs.module(), ours.module()) {
            theirs.set_limits(self.limits);
            let taken = if self.config == old.config { Ok(()) } else { theirs.reconfigure(&self.config) };
            if taken.is_ok() {
                core::mem::swap(theirs, ours); // the new one is freed with the old graph
                return taken;
            }
            self.counts.fuel = self.counts.fuel.wrapping_add(theirs.fuel());
            return taken.inspect_err(|fault| drop_if_failed(&mut old.instance, fault));
        }
        self.counts.fuel = self.counts.fuel.wrapping_add(theirs.fuel());
        if !ours.restores() {
            return Ok(());
        }
        let state = theirs.snapshot().inspect_err(|fault| drop_if_failed(&mut old.instance, fault))?;
        let Some(state) = state else { return Ok(()) };
        ours.restore(&state).inspect_err(|fault| drop_if_failed(&mut self.instance, fault))
    }

    /// Ends the instance in good order.
    pub(crate) fn end(&mut self) {
        if let Some(instance) = self.instance.take() {
            self.counts.fuel = self.counts.fuel.wrapping_add(instance.fuel());
            let _ = instance.stop(); // it has ended all the same
        }
    }

    /// The instance has failed.
    fn forget(&mut self) {
        if let Some(instance) = self.instance.take() {
            self.counts.fuel = self.counts.fuel.wrapping_add(instance.fuel());
        }
    }
}

impl Drop for WasmFunction {
    fn drop(&mut self) {
        self.end();
    }
}

/// What a guest remembers that has failed is not known: it is not even asked to stop.
fn drop_if_failed(instance: &mut Option<Instance>, fault: &Fault) {
    if !matches!(fault, Fault::Refused(_)) {
        *instance = None;
    }
}

/// Tells the user something, after the element's name.
fn print(cx: &mut Context<'_>, text: &str) {
    let line = format!("{}: {text}\n", cx.name());
    cx.print(Stream::Err, &line);
}
