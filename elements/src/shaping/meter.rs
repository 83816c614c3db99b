//! Sends packets where their rate says.
use super::ewma::{EPOCHS, RateEwma, SCALE};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use sluice_dataplane::args::{Args, FromArg, unparse_real2};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::Reply;
use sluice_dataplane::info::{Arg, Handler, Info, State};

/// Sends packets to the output of their current rate: of packets, or of their bytes.
pub struct Meter<const BYTES: bool = false> {
    rate: RateEwma,
    /// Events per epoch, scaled, from which each further output is used.
    bounds: Vec<u64>,
}

impl<const BYTES: bool> Meter<BYTES> {
    pub(super) const HANDLERS: &'static [Handler] =
        &[Handler::read("rate", "the current rate"), Handler::read("meters", "the RATE arguments, a line each")];

    /// Reads the rates; `number` makes a number of each.
    pub(super) fn from_args<T: FromArg>(args: &mut Args<'_>, env: &Env<'_>, number: impl Fn(T) -> u64) -> Self {
        let texts = args.rest_strings();
        let mut rates: Vec<u64> = Vec::new();
        for (i, text) in texts.iter().enumerate() {
            match T::from_arg(text, args.names()).map(&number) {
                Err(_) => args.error(format!("argument {} syntax error", i + 1)),
                Ok(r) if rates.last().is_some_and(|&last| r <= last) => {
                    args.error(format!("rate {} must be > rate {i}", i + 1));
                }
                Ok(r) => rates.push(r),
            }
        }
        if texts.is_empty() {
            args.error("too few arguments: at least one rate");
        } else if texts.len() + 1 != env.outputs() {
            args.error(format!("need {} arguments, one less than the number of output ports", env.outputs() - 1));
        }
        let bounds = rates.iter().map(|r| r.saturating_mul(1 << SCALE) / EPOCHS).collect();
        Meter { rate: RateEwma::default(), bounds }
    }
}

impl Configure for Meter {
    const INFO: &'static Info = &Info {
        ports: "1/2-",
        flow: "h/h",
        state: State::Single,
        args: &[Arg::rest("RATE", "packets/s", "rates, each above the one before")],
        handlers: Self::HANDLERS,
        doc: "Measures the rate in packets a second, as a moving average (a millisecond counts for a sixteenth), and sends \
              all packets to the output of that rate: output 0 below the first RATE, output 1 from there to below the \
              second, and so on. To split a stream so that one output gets at most a rate, use RatedSplitter.",
        example: "InfiniteSource(LIMIT 5) -> m :: Meter(1000, 2000) -> Discard; m[1] -> Discard; m[2] -> Discard;",
        see: &["BandwidthMeter", "RatedSplitter", "Shaper"],
        ..Info::new("Meter", "shaping", "sends packets where their rate in packets says")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        Self::from_args::<u32>(args, env, u64::from)
    }
}

impl<const BYTES: bool> Element for Meter<BYTES> {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let events = if BYTES { batch.iter().map(|p| p.len() as u64).sum() } else { batch.len() as u64 };
        let average = self.rate.update(cx.now(), events);
        let out = self.bounds.iter().take_while(|&&b| average >= b).count();
        if out > 0 {
            batch.drain().for_each(|p| cx.emit(out, p));
        }
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            self.rate = old.rate;
        }
    }
    fn read(&mut self, cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        let text = |scaled: u64| unparse_real2(scaled.saturating_mul(EPOCHS), SCALE);
        Ok(match handler {
            "rate" => text(self.rate.update(cx.now(), 0)),
            _ => self.bounds.iter().map(|&b| text(b) + "\n").collect::<String>(),
        })
    }
}
