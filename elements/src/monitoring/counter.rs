//! Counts packets and bytes.
use alloc::format;
use alloc::string::String;
use core::any::Any;
use sluice_dataplane::args::{Args, FromArg, Raw};
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
    rate: Rate,
}

/// Packets and bytes a second, measured over the last whole second.
#[derive(Default)]
struct Rate {
    second: u64,
    start: (u64, u64),
    last: (u64, u64),
}

impl Rate {
    /// Brings the rate up to date: (packets, bytes) a second.
    fn at(&mut self, now: u64, packets: u64, bytes: u64) -> (u64, u64) {
        let second = now / 1_000_000_000;
        if second != self.second {
            let fresh = (packets - self.start.0, bytes - self.start.1);
            self.last = if second == self.second + 1 { fresh } else { (0, 0) };
            (self.second, self.start) = (second, (packets, bytes));
        }
        self.last
    }
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
            Handler::read("rate", "packets a second, over the last whole second"),
            Handler::read("bit_rate", "bits a second, over the last whole second"),
            Handler::read("byte_rate", "bytes a second, over the last whole second"),
            Handler::both("count_call", "the call at a number of packets"),
            Handler::both("byte_count_call", "the call at a number of bytes"),
            Handler::write("reset", "sets all counts to 0"),
            Handler::write("reset_counts", "as reset"),
        ],
        doc: "Passes packets on unchanged and counts them and their bytes.",
        example: "InfiniteSource(LIMIT 5) -> c :: Counter(COUNT_CALL 5 stop) -> Discard;",
        see: &["AverageCounter"],
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
        Counter { packets: 0, bytes: 0, at_packets, at_bytes, rate: Rate::default() }
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
        self.packets += batch.len() as u64;
        self.bytes += batch.iter().map(|p| p.len() as u64).sum::<u64>();
        let due = |at: &mut Option<(u64, String)>, n| at.take_if(|c| n >= c.0).map(|c| c.1);
        for call in [due(&mut self.at_packets, self.packets), due(&mut self.at_bytes, self.bytes)].into_iter().flatten()
        {
            cx.call(Call::from_text(&call));
        }
    }
    fn start(&mut self, cx: &mut Context<'_>) {
        self.rate.second = cx.now() / 1_000_000_000;
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<Counter>() {
            (self.packets, self.bytes) = (old.packets, old.bytes);
            self.rate = core::mem::take(&mut old.rate);
        }
    }
    fn read(&mut self, cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        let call = |c: &Option<(u64, String)>| c.as_ref().map_or(String::new(), |(n, c)| format!("{n} {c}"));
        let mut rate = || self.rate.at(cx.now(), self.packets, self.bytes);
        Ok(match handler {
            "count" => format!("{}", self.packets),
            "byte_count" => format!("{}", self.bytes),
            "rate" => format!("{}", rate().0),
            "byte_rate" => format!("{}", rate().1),
            "bit_rate" => format!("{}", rate().1 * 8),
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
                self.rate = Rate { second: self.rate.second, ..Rate::default() };
            }
        }
        Ok(())
    }
}
