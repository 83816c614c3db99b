//! Sends all packets to one output, which a handler chooses.
use alloc::format;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};
use sluice_dataplane::reason::Reason;

/// Sends all packets to one output; a static one never changes it.
pub struct Switch<const STATIC: bool = false> {
    /// `None`: nowhere.
    output: Option<usize>,
}

/// The number of a port, if there are that many.
pub(super) fn port(wanted: i32, ports: usize) -> Option<usize> {
    usize::try_from(wanted).ok().filter(|&p| p < ports)
}

impl<const STATIC: bool> Switch<STATIC> {
    pub(super) fn to(output: i32, env: &Env<'_>) -> Self {
        Switch { output: port(output, env.outputs()) }
    }
}

impl Configure for Switch {
    const INFO: &'static Info = &Info {
        ports: "1/-",
        flow: "h/h",
        live: true,
        args: &[Arg::optional("OUTPUT", "output", "0", "where packets go; a number without output for nowhere")],
        handlers: &[Handler::both("switch", "where packets go; -1 for nowhere")],
        doc: "Sends every packet to the output OUTPUT. If there is no such output, packets are dropped as `suppressed`.",
        example: "InfiniteSource(LIMIT 5) -> s :: Switch(1) -> Discard; s[1] -> Discard;",
        see: &["StaticSwitch", "PullSwitch", "RoundRobinSwitch", "HashSwitch", "PaintSwitch"],
        ..Info::new("Switch", "switching", "sends packets to one output, which a handler chooses")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        Self::to(args.optional("OUTPUT", 0), env)
    }
}

impl<const STATIC: bool> Element for Switch<STATIC> {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        match self.output {
            Some(0) => {}
            Some(out) => batch.drain().for_each(|p| cx.emit(out, p)),
            None => cx.drop_all(batch, Reason::Suppressed),
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(self.output.map_or("-1".into(), |o| format!("{o}")))
    }
    fn write(&mut self, cx: &mut Context<'_>, _handler: &str, text: &str) -> Result<(), HandlerError> {
        let wanted = value(text, "switch").map_err(|_| "Switch output must be integer")?;
        self.output = port(wanted, cx.outputs());
        Ok(())
    }
}
