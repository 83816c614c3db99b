//! Counts packets, and their rate between the first and the last.
use alloc::format;
use alloc::string::String;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State};

const SECOND: u64 = 1_000_000_000;
/// Rates are over at least this time, nanoseconds.
const SHORTEST: u64 = 1_000_000;

/// Counts packets, and their rate between the first and the last.
pub struct AverageCounter {
    /// After the first packet, nanoseconds.
    ignore: u64,
    seen: Seen,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    packets: u64,
    bytes: u64,
    /// Of the first and the last packet, nanoseconds since the epoch.
    span: Option<(u64, u64)>,
}

/// `n` events in `ns` nanoseconds, a second, with twelve significant digits and no zeros behind.
fn rate(n: u64, ns: u64) -> String {
    let (n, ns) = (u128::from(n) * u128::from(SECOND), u128::from(ns));
    let mut digits = 12;
    let mut whole = n / ns;
    while whole > 0 && digits > 0 {
        (whole, digits) = (whole / 10, digits - 1);
    }
    let unit = 10u128.pow(digits);
    let scaled = (n.saturating_mul(unit) + ns / 2) / ns;
    let text = format!("{}.{:0width$}", scaled / unit, scaled % unit, width = digits as usize);
    text.trim_end_matches('0').trim_end_matches('.').into()
}

impl Configure for AverageCounter {
    const INFO: &'static Info = &Info {
        state: State::Single,
        args: &[Arg::optional("IGNORE", "seconds", "0", "packets so soon after the first are not counted")],
        handlers: &[
            Handler::read("count", "packets so far"),
            Handler::read("byte_count", "bytes so far"),
            Handler::read("rate", "packets a second between the first and the last"),
            Handler::read("byte_rate", "bytes a second between the first and the last"),
            Handler::write("reset", "forgets everything"),
        ],
        doc: "Passes packets on unchanged, counts them and their bytes, and knows the rate over the time between the first \
              and the last of them.",
        example: "InfiniteSource(LIMIT 5) -> AverageCounter -> Discard;",
        see: &["Counter"],
        ..Info::new("AverageCounter", "monitoring", "counts packets, and their rate from first to last")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let ignore = u64::from(args.optional("IGNORE", 0u32)) * SECOND;
        AverageCounter { ignore, seen: Seen::default() }
    }
}

impl Element for AverageCounter {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let now = cx.now();
        let first = self.seen.span.map_or(now, |s| s.0);
        if now.saturating_sub(first) >= self.ignore {
            self.seen.packets += batch.len() as u64;
            self.seen.bytes += batch.iter().map(|p| p.len() as u64).sum::<u64>();
        }
        self.seen.span = Some((first, now));
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<AverageCounter>() {
            self.seen = old.seen;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        let Seen { packets, bytes, span } = self.seen;
        let passed = span.map_or(0, |(first, last)| last.saturating_sub(first));
        let over = passed.saturating_sub(self.ignore).max(SHORTEST);
        Ok(match handler {
            "count" => format!("{packets}"),
            "byte_count" => format!("{bytes}"),
            "rate" => rate(packets, over),
            _ => rate(bytes, over),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, _handler: &str, _text: &str) -> Result<(), HandlerError> {
        self.seen = Seen::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn rates_have_twelve_digits() {
        assert_eq!(rate(0, 1_000_000), "0");
        assert_eq!(rate(1, 3_000_000_000), "0.333333333333");
        assert_eq!(rate(2, 3), "666666666.667");
        assert_eq!(rate(10, 2_000_000_000), "5");
        assert_eq!(rate(u64::MAX, 1_000_000), "18446744073709551615000");
    }
}
