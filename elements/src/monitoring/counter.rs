//! Counts packets and bytes.
use crate::shaping::ewma::{EPOCHS, RateEwma, SCALE};
use alloc::format;
use alloc::string::String;
use core::any::Any;
use sluice_dataplane::args::{Args, FromArg, Raw, unparse_real2};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{Call, HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State};

/// Counts packets and bytes.
pub struct Counter {
    packets: u64,
    bytes: u64,
    /// Handler calls still to be made: at so many packets, at so many bytes.
    at_packets: Option<(u64, String)>,
    at_bytes: Option<(u64, String)>,
    /// Of packets and of bytes.
    rates: [RateEwma; 2],
}

impl Configure for Counter {
    const INFO: &'static Info = &Info {
        state: State::Replicated,
        args: &[
            Arg::keyword(
                "COUNT_CALL",
                "number, handler, value",
                "",
                "write that handler when that many packets have passed",
            ),
            Arg::keyword(
                "BYTE_COUNT_CALL",
                "number, handler, value",
                "",
                "write that handler when that many bytes have passed",
            ),
        ],
        handlers: &[
            Handler::read("count", "packets so far"),
            Handler::read("byte_count", "bytes so far"),
            Handler::read("rate", "packets a second, as a moving average"),
            Handler::read("bit_rate", "bits a second, as a moving average"),
            Handler::read("byte_rate", "bytes a second, as a moving average"),
            Handler::both("count_call", "the call at a number of packets"),
            Handler::both("byte_count_call", "the call at a number of bytes"),
            Handler::write("reset", "sets all counts to 0"),
            Handler::write("reset_counts", "as reset"),
        ],
        doc: "Passes packets on unchanged and counts them and their bytes.\n\nWith several workers each counts its own packets: \
              readings are the sums, and a call is made when one worker's count reaches its number.",
        example: "InfiniteSource(LIMIT 5) -> c :: Counter(COUNT_CALL 5 stop) -> Discard;",
        see: &["AverageCounter", "Meter"],
        ..Info::new("Counter", "monitoring", "counts packets and bytes")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let at_packets = args.keyword("COUNT_CALL", Raw::blank()).0;
        let at_bytes = args.keyword("BYTE_COUNT_CALL", Raw::blank()).0;
        let mut read = |text: &str| match parse_call(text) {
            Ok(call) => call,
            Err(why) => {
                args.error(why);
                None
            }
        };
        let (at_packets, at_bytes) = (read(&at_packets), read(&at_bytes));
        Counter { packets: 0, bytes: 0, at_packets, at_bytes, rates: Default::default() }
    }
}

/// `number handler [value]`; nothing when empty.
fn parse_call(text: &str) -> Result<Option<(u64, String)>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let (n, call) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    match n.parse() {
        Ok(n) if !call.is_empty() => Ok(Some((n, call.trim().into()))),
        _ => Err(format!("‘{text}’ should be a number and a handler")),
    }
}

impl Element for Counter {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let (packets, bytes) = (batch.len() as u64, batch.iter().map(|p| p.len() as u64).sum::<u64>());
        self.packets += packets;
        self.bytes += bytes;
        let now = cx.recent();
        self.rates[0].update(now, packets);
        self.rates[1].update(now, bytes);
        let due = |at: &mut Option<(u64, String)>, n| at.take_if(|c| n >= c.0).map(|c| c.1);
        for call in [due(&mut self.at_packets, self.packets), due(&mut self.at_bytes, self.bytes)].into_iter().flatten()
        {
            cx.call(Call::from_text(&call));
        }
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Counter>() {
            (self.packets, self.bytes) = (old.packets, old.bytes);
            self.rates = old.rates;
        }
    }
    fn read(&mut self, cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        let call = |c: &Option<(u64, String)>| c.as_ref().map_or(String::new(), |(n, c)| format!("{n} {c}"));
        let now = cx.recent();
        let mut rate = |which: usize, times| unparse_real2(self.rates[which].update(now, 0) * EPOCHS * times, SCALE);
        Ok(match handler {
            "count" => format!("{}", self.packets),
            "byte_count" => format!("{}", self.bytes),
            "rate" => rate(0, 1),
            "byte_rate" => rate(1, 1),
            "bit_rate" => rate(1, 8),
            "count_call" => call(&self.at_packets),
            "byte_count_call" => call(&self.at_bytes),
            _ => return Err(HandlerError::NoHandler(handler.into())),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "count_call" => self.at_packets = parse_call(text)?,
            "byte_count_call" => self.at_bytes = parse_call(text)?,
            _ => {
                (self.packets, self.bytes) = (0, 0);
                self.rates = Default::default();
            }
        }
        Ok(())
    }
}
