//! Passes pulls at a rate.
use super::gap::GapRate;
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::{Args, Bandwidth};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State};

/// Passes pulls at a rate: of packets, or of their bytes.
pub struct Shaper<const BYTES: bool = false> {
    gaps: GapRate,
}

impl<const BYTES: bool> Shaper<BYTES> {
    pub(super) const HANDLERS: &'static [Handler] = &[
        Handler::both("rate", "the RATE argument"),
        Handler::write("reset", "forgets what has passed: the next packet may pass at once"),
    ];

    pub(super) fn with_rate(rate: u64) -> Self {
        Shaper { gaps: GapRate::new(rate) }
    }

    /// Opens the output that packets may leave through now, and shuts the other.
    fn set_gates(&mut self, cx: &mut Context<'_>, now: u64) {
        let open = self.gaps.allowed(now) > 0;
        cx.gate_output(0, open);
        cx.gate_output(1, !open);
        match self.gaps.next().filter(|_| !open) {
            Some(t) => cx.timer_at(t),
            None => cx.clear_timer(),
        }
    }
}

impl Configure for Shaper {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "l/l",
        gates: true,
        live: true,
        state: State::Single,
        args: &[Arg::required("RATE", "packets/s", "packets a second")],
        handlers: Self::HANDLERS,
        doc: "Lets at most RATE packets a second be pulled through output 0, evenly spaced: a pull that comes too early \
              gets nothing. Through output 1, if it is connected, packets can be pulled whenever output 0 gives none.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> Shaper(1000) -> Unqueue -> Discard;",
        see: &["BandwidthShaper", "RatedUnqueue", "RatedSplitter"],
        ..Info::new("Shaper", "shaping", "lets packets be pulled at a rate")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Self::with_rate(args.required::<u32>("RATE").into())
    }
}

impl<const BYTES: bool> Element for Shaper<BYTES> {
    fn start(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        self.set_gates(cx, now);
    }
    fn pull(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, port: usize, n: usize, batch: &mut Batch) {
        let now = cx.now();
        let had = batch.len();
        match (port, self.gaps.allowed(now)) {
            (0, 0) => {}
            (0, _) if BYTES => {
                while batch.len() - had < n && self.gaps.allowed(now) > 0 {
                    let Some(p) = up.pull_one(cx, 0) else { break };
                    self.gaps.used(p.len() as u64);
                    batch.push(p);
                }
            }
            (0, allowed) => {
                up.pull(cx, 0, n.min(usize::try_from(allowed).unwrap_or(n)), batch);
                self.gaps.used((batch.len() - had) as u64);
            }
            (_, 0) => up.pull(cx, 0, n, batch),
            _ => {}
        }
        self.set_gates(cx, now);
    }
    fn timer(&mut self, cx: &mut Context<'_>, _batch: &mut Batch) {
        let now = cx.now();
        self.set_gates(cx, now);
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>().filter(|o| o.gaps.rate() == self.gaps.rate()) {
            self.gaps = old.gaps;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(if BYTES { format!("{}", Bandwidth(self.gaps.rate())) } else { format!("{}", self.gaps.rate()) })
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "rate" if BYTES => self.gaps = GapRate::new(value::<Bandwidth>(text, "RATE")?.0),
            "rate" => self.gaps = GapRate::new(value::<u32>(text, "RATE")?.into()),
            _ => self.gaps.reset(),
        }
        let now = cx.now();
        self.set_gates(cx, now);
        Ok(())
    }
}
