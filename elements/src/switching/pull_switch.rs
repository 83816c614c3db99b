//! Pulls from one input, which a handler chooses.
use super::switch::port;
use alloc::format;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};

/// Pulls from one input; a static one never changes it, a simple one does not let tasks sleep.
pub struct PullSwitch<const STATIC: bool = false, const SIMPLE: bool = false> {
    /// `None`: no input.
    input: Option<usize>,
}

impl<const STATIC: bool, const SIMPLE: bool> PullSwitch<STATIC, SIMPLE> {
    pub(super) const HANDLERS: &'static [Handler] =
        &[Handler::both("switch", "where packets come from; -1 for nowhere")];

    pub(super) fn from(input: i32, env: &Env<'_>) -> Self {
        PullSwitch { input: port(input, env.inputs()) }
    }
    /// Packets of the other inputs are no reason to pull.
    fn set_gates(&self, cx: &mut Context<'_>) {
        if !SIMPLE {
            (0..cx.inputs()).for_each(|i| cx.gate_input(i, Some(i) == self.input));
        }
    }
}

impl Configure for PullSwitch {
    const INFO: &'static Info = &Info {
        ports: "-/1",
        flow: "l/l",
        gates: true,
        live: true,
        args: &[Arg::optional("INPUT", "input", "0", "where packets come from; a number without input for nowhere")],
        handlers: Self::HANDLERS,
        doc: "Answers each pull with a packet from the input INPUT. Tasks downstream sleep while that one is empty.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> s :: PullSwitch(1) -> Unqueue -> Discard;
                  InfiniteSource(LIMIT 5) -> Queue -> [1] s;",
        see: &["StaticPullSwitch", "SimplePullSwitch", "Switch", "PrioSched", "RoundRobinSched"],
        ..Info::new("PullSwitch", "switching", "pulls from one input, which a handler chooses")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        Self::from(args.optional("INPUT", 0), env)
    }
}

impl<const STATIC: bool, const SIMPLE: bool> Element for PullSwitch<STATIC, SIMPLE> {
    fn start(&mut self, cx: &mut Context<'_>) {
        self.set_gates(cx);
    }
    fn pull(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, _port: usize, n: usize, batch: &mut Batch) {
        if let Some(input) = self.input {
            up.pull(cx, input, n, batch);
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(self.input.map_or("-1".into(), |i| format!("{i}")))
    }
    fn write(&mut self, cx: &mut Context<'_>, _handler: &str, text: &str) -> Result<(), HandlerError> {
        let wanted = value(text, "switch").map_err(|_| "PullSwitch input must be integer")?;
        self.input = port(wanted, cx.inputs());
        self.set_gates(cx);
        Ok(())
    }
}
