//! A way round, which a handler opens.
use alloc::format;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};

/// A way round, which a handler opens.
pub struct Bypass {
    active: bool,
}

impl Bypass {
    /// The port on the other side for packets that pass port `port` of the side that moves them.
    fn other(&self, port: usize, ports: usize) -> usize {
        usize::from(self.active && port == 0 && ports > 1)
    }
    /// Packets on the way round are no reason to pull while it is closed, nor are those on the
    /// straight way while that is of no use.
    fn set_gates(&self, cx: &mut Context<'_>) {
        cx.gate_input(1, self.active);
        cx.gate_input(0, !self.active || cx.inputs() == 1 || cx.outputs() > 1);
    }
}

impl Configure for Bypass {
    const INFO: &'static Info = &Info {
        ports: "1-2/1-2",
        gates: true,
        straight: Some((1, 0)),
        args: &[
            Arg::optional("ACTIVE", "boolean", "false", "whether packets go round"),
            Arg::keyword("INLINE", "boolean", "false", "accepted"),
        ],
        handlers: &[Handler::both("active", "whether packets go round")],
        doc: "Passes packets on, from input 0 to output 0. When ACTIVE is true they go round: those pushed into input 0 leave \
              through output 1, and a pull at output 0 is answered from input 1, if there is such a port.\n\nInput 1 \
              and output 1 may serve as the way back. What is pushed into input 1 leaves through output 0, and a pull \
              at output 1 is answered from input 0. So `b :: Bypass; b [1] -> ... -> [1] b` does the same for \
              pushed and for pulled packets: they take the way through `...` if `b.active` is true.",
        example: "InfiniteSource(LIMIT 5) -> b :: Bypass -> Discard; b [1] -> Print(debug) -> [1] b;",
        see: &["Switch", "PullSwitch", "Null"],
        ..Info::new("Bypass", "switching", "sends packets round through its second ports, if a handler says so")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let active = args.optional("ACTIVE", false);
        args.keyword("INLINE", false);
        Bypass { active }
    }
}

impl Element for Bypass {
    fn start(&mut self, cx: &mut Context<'_>) {
        self.set_gates(cx);
    }
    fn process(&mut self, cx: &mut Context<'_>, port: usize, batch: &mut Batch) {
        if self.other(port, cx.outputs()) == 1 {
            batch.drain().for_each(|p| cx.emit(1, p));
        }
    }
    fn pull(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, port: usize, n: usize, batch: &mut Batch) {
        up.pull(cx, self.other(port, cx.inputs()), n, batch);
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(format!("{}", self.active))
    }
    fn write(&mut self, cx: &mut Context<'_>, _handler: &str, text: &str) -> Result<(), HandlerError> {
        self.active = value(text, "active").map_err(|_| "syntax error")?;
        self.set_gates(cx);
        Ok(())
    }
}
