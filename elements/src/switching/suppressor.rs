//! Passes packets from each input to the output of the same number, unless told not to.
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Access, Handler, Info, Paths};
use sluice_dataplane::reason::Reason;

/// Passes packets from each input to the output of the same number, unless told not to.
pub struct Suppressor {
    /// By port: packets pass.
    active: Vec<bool>,
}

impl Suppressor {
    fn port_of(&self, handler: &str) -> Option<usize> {
        let i: usize = handler.strip_prefix("active")?.parse().ok()?;
        (i < self.active.len()).then_some(i)
    }
    fn set_gates(&self, cx: &mut Context<'_>) {
        self.active.iter().enumerate().for_each(|(i, &open)| cx.gate_input(i, open));
    }
}

impl Configure for Suppressor {
    const INFO: &'static Info = &Info {
        ports: "-/=",
        gates: true,
        paths: Paths::Same,
        handlers: &[Handler::write("reset", "lets packets pass on all ports")],
        doc: "Passes packets unchanged from each input to the output of the same number. Each port has a handler `activeN`, \
              to read and to write: while it is false, packets pushed to that input are dropped as `suppressed`, and \
              pulls get nothing.",
        example: "s :: Suppressor; InfiniteSource(LIMIT 5) -> s -> Discard; InfiniteSource(LIMIT 5) -> [1] s [1] -> Discard;",
        see: &["Switch", "PullSwitch"],
        ..Info::new("Suppressor", "switching", "passes packets port by port, unless told not to")
    };
    fn configure(_args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        Suppressor { active: vec![true; env.inputs()] }
    }
}

impl Element for Suppressor {
    fn start(&mut self, cx: &mut Context<'_>) {
        self.set_gates(cx);
    }
    fn process(&mut self, cx: &mut Context<'_>, port: usize, batch: &mut Batch) {
        if !self.active.get(port).is_some_and(|&a| a) {
            cx.drop_all(batch, Reason::Suppressed);
        } else if port > 0 {
            batch.drain().for_each(|p| cx.emit(port, p));
        }
    }
    fn pull(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, port: usize, n: usize, batch: &mut Batch) {
        if self.active.get(port).is_some_and(|&a| a) {
            up.pull(cx, port, n, batch);
        }
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Suppressor>() {
            self.active.iter_mut().zip(&old.active).for_each(|(new, &old)| *new = old);
        }
    }
    fn more_handlers(&self) -> Vec<(String, Access)> {
        (0..self.active.len()).map(|i| (format!("active{i}"), Access::ReadWrite)).collect()
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        let i = self.port_of(handler).ok_or_else(|| HandlerError::NoHandler(handler.into()))?;
        Ok(format!("{}", self.active[i]))
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match self.port_of(handler) {
            Some(i) => self.active[i] = value(text, handler).map_err(|_| "active value must be boolean")?,
            None => self.active.fill(true),
        }
        self.set_gates(cx);
        Ok(())
    }
}
