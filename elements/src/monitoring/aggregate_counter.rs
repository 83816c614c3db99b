//! Counts the packets or bytes of each aggregate.
mod text;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use hashbrown::HashMap;
use sluice_dataplane::args::{Args, FromArg, HandlerRef, Raw, shift_word};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Stream, Upstream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::files::Files;
use sluice_dataplane::handler::{Call, HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::packet::Packet;
use text::{Format, save, write};

/// Counts the packets or bytes of each aggregate.
pub struct AggregateCounter {
    /// What is counted.
    bytes: bool,
    ip_bytes: bool,
    extra_packets: bool,
    extra_length: bool,
    /// What happens once so many aggregates, or so much in all, was counted.
    at_aggregates: Option<Limit>,
    at_count: Option<Limit>,
    banner: String,
    /// Where it writes them.
    files: Files,
    frozen: bool,
    active: bool,
    counts: HashMap<u32, u64>,
    /// Sum of all counts.
    total: u64,
}

/// Something that happens once.
struct Limit {
    at: u64,
    then: Then,
}

enum Then {
    Freeze,
    Stop,
    /// Writes a handler.
    Call(String),
}

impl Limit {
    /// `number handler [value]`; nothing when empty.
    fn parse(text: &str) -> Result<Option<Limit>, String> {
        let (number, call) = shift_word(text.trim());
        match number.parse() {
            _ if number.is_empty() => Ok(None),
            Ok(at) if !call.trim().is_empty() => Ok(Some(Limit { at, then: Then::Call(call.trim().into()) })),
            _ => Err("expected ‘N HANDLER [VALUE]’".into()),
        }
    }

    /// Reads the three arguments that say what happens at a limit.
    fn configure(args: &mut Args<'_>, names: [&'static str; 3]) -> Option<Limit> {
        let [freeze, stop, call] = names;
        let frozen = args.keyword_some::<u64>(freeze).map(|at| Limit { at, then: Then::Freeze });
        let stopped = args.keyword_some::<u64>(stop).map(|at| Limit { at, then: Then::Stop });
        let called = Limit::parse(&args.keyword(call, Raw::blank()).0).unwrap_or_else(|why| {
            args.error_in(call, &why);
            None
        });
        if let Some(Limit { then: Then::Call(text), .. }) = &called
            && let Err(why) = HandlerRef::from_arg(shift_word(text).0, args.names())
        {
            args.error_in(call, &why);
        }
        let mut given = [frozen, stopped, called].into_iter().flatten();
        let limit = given.next();
        if given.next().is_some() {
            args.error(format!("‘{freeze}’, ‘{stop}’, and ‘{call}’ are mutually exclusive"));
        }
        limit
    }

    fn text(limit: Option<&Limit>, name: &str) -> String {
        limit.map_or(String::new(), |l| match &l.then {
            Then::Freeze => format!("{} {name}.freeze true", l.at),
            Then::Stop => format!("{} {name}.stop", l.at),
            Then::Call(call) => format!("{} {call}", l.at),
        })
    }
}

impl AggregateCounter {
    fn reached(&mut self, cx: &mut Context<'_>, limit: Limit) {
        match limit.then {
            Then::Freeze => self.frozen = true,
            Then::Stop => {
                self.active = false;
                cx.stop_driver();
            }
            Then::Call(call) => cx.call(Call::from_text(&call)),
        }
    }

    /// How much a packet counts.
    fn amount(&self, p: &Packet) -> u64 {
        if !self.bytes {
            return 1 + if self.extra_packets { u64::from(p.extra_packets()) } else { 0 };
        }
        let before = if self.ip_bytes { p.net_off().unwrap_or(0) } else { 0 };
        let more = if self.extra_length { u64::from(p.extra_length()) } else { 0 };
        p.len().saturating_sub(before) as u64 + more
    }

    /// Counts a packet; says whether it was.
    fn count(&mut self, cx: &mut Context<'_>, p: &Packet, port: usize) -> bool {
        let (aggregate, amount) = (p.aggregate(), self.amount(p));
        if !self.active {
            return false;
        }
        if !self.counts.contains_key(&aggregate) {
            if self.frozen || port == 1 {
                return false;
            }
            let known = self.counts.len() as u64;
            if amount > 0
                && let Some(limit) = self.at_aggregates.take_if(|l| known >= l.at)
            {
                self.reached(cx, limit);
                if self.frozen || !self.active {
                    return false;
                }
            }
        }
        if amount > 0 {
            *self.counts.entry(aggregate).or_default() += amount;
            self.total += amount;
            let total = self.total;
            if let Some(limit) = self.at_count.take_if(|l| total >= l.at) {
                self.reached(cx, limit);
            }
        }
        true
    }

    /// All counts, sorted by aggregate.
    fn sorted(&self) -> Vec<(u32, u64)> {
        let mut all: Vec<_> = self.counts.iter().map(|(&a, &n)| (a, n)).collect();
        all.sort_unstable();
        all
    }

    /// Each count becomes an aggregate, and how often it occurred its count.
    fn reaggregate(&mut self) {
        let old = core::mem::take(&mut self.counts);
        self.total = old.len() as u64;
        for (_, n) in old {
            *self.counts.entry(u32::try_from(n).unwrap_or(u32::MAX)).or_default() += 1;
        }
    }

    fn write_file(&self, cx: &mut Context<'_>, name: &str, format: Format) -> Result<(), HandlerError> {
        let bytes = write(&self.sorted(), self.total, &self.banner, format);
        match core::str::from_utf8(&bytes) {
            Ok(text) if name == "-" => cx.print(Stream::Out, text),
            _ if name.is_empty() => return Err("argument should be filename".into()),
            _ => save(&self.files, name, &bytes)?,
        }
        Ok(())
    }
}

impl Configure for AggregateCounter {
    const INFO: &'static Info = &Info {
        ports: "1-2/1-2",
        flow: "a/a",
        state: State::Single,
        args: &[
            Arg::keyword("BYTES", "boolean", "false", "counts bytes, not packets"),
            Arg::keyword("IP_BYTES", "boolean", "false", "counts no bytes before the network header"),
            Arg::keyword(
                "MULTIPACKET",
                "boolean",
                "true",
                "counts as many packets as the extra packets annotation says, too",
            ),
            Arg::keyword(
                "EXTRA_LENGTH",
                "boolean",
                "true",
                "counts as many bytes as the extra length annotation says, too",
            ),
            Arg::keyword("AGGREGATE_FREEZE", "number", "", "freezes when one more than so many aggregates come"),
            Arg::keyword("COUNT_FREEZE", "number", "", "freezes at this sum of all counts"),
            Arg::keyword("AGGREGATE_STOP", "number", "", "stops counting and the driver, instead of freezing"),
            Arg::keyword("COUNT_STOP", "number", "", "stops counting and the driver, instead of freezing"),
            Arg::keyword("AGGREGATE_CALL", "number, handler, value", "", "writes that handler, instead of freezing"),
            Arg::keyword("COUNT_CALL", "number, handler, value", "", "writes that handler, instead of freezing"),
            Arg::keyword("BANNER", "text", "", "stands at the head of the files"),
        ],
        handlers: &[
            Handler::write(
                "write_text_file",
                "writes each aggregate and its count to this file, `-` for standard output",
            ),
            Handler::write("write_ascii_file", "the same"),
            Handler::write("write_ip_file", "the same, aggregates written as IP addresses"),
            Handler::write("write_pdf_file", "the same, with the share of all counts instead of the count"),
            Handler::write("write_file", "the same, in binary: aggregate and count in 32 bits each, least byte first"),
            Handler::both("freeze", "aggregates that were never seen before are not counted"),
            Handler::both("active", "whether it counts"),
            Handler::write("stop", "stops counting, and asks the driver to stop"),
            Handler::write("reaggregate_counts", "makes counts the aggregates, and counts how often each occurred"),
            Handler::write("counts_pdf", "the same"),
            Handler::both("banner", "stands at the head of the files"),
            Handler::write("clear", "forgets all counts"),
            Handler::both("aggregate_call", "the AGGREGATE_CALL argument"),
            Handler::both("count_call", "the COUNT_CALL argument"),
            Handler::read("count", "the sum of all counts"),
            Handler::read("nagg", "aggregates with a count"),
        ],
        doc: "Counts packets or bytes by their aggregate annotation. What comes in on input 1, or while it is frozen, counts \
              only where its aggregate has a count already. With two outputs, where packets are pushed, those that were not \
              counted leave through output 1.\n\n\
              Files are sorted by aggregate; lines that begin with ! describe them. In a binary file a count above \
              4,294,967,295 stands as that.",
        example: "FromIPSummaryDump(flows.dump, STOP true, CHECKSUM true) -> AggregateIPFlows -> a :: AggregateCounter -> \
                  Discard; DriverManager(pause, write a.write_text_file -);",
        see: &["AggregateIPFlows", "Counter", "FromIPSummaryDump"],
        ..Info::new("AggregateCounter", "monitoring", "counts the packets or bytes of each aggregate")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        AggregateCounter {
            bytes: args.keyword("BYTES", false),
            ip_bytes: args.keyword("IP_BYTES", false),
            extra_packets: args.keyword("MULTIPACKET", true),
            extra_length: args.keyword("EXTRA_LENGTH", true),
            at_aggregates: Limit::configure(args, ["AGGREGATE_FREEZE", "AGGREGATE_STOP", "AGGREGATE_CALL"]),
            at_count: Limit::configure(args, ["COUNT_FREEZE", "COUNT_STOP", "COUNT_CALL"]),
            banner: args.keyword("BANNER", String::new()),
            files: env.files(),
            frozen: false,
            active: true,
            counts: HashMap::new(),
            total: 0,
        }
    }
}

impl Element for AggregateCounter {
    fn process(&mut self, cx: &mut Context<'_>, port: usize, batch: &mut Batch) {
        let sorted = cx.outputs() > 1;
        let mut out = cx.spare();
        for p in batch.drain() {
            match self.count(cx, &p, port) {
                false if sorted => cx.emit(1, p),
                _ => out.push(p),
            }
        }
        out.append_to(batch);
        cx.give_spare(out);
    }
    fn pull(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, port: usize, n: usize, batch: &mut Batch) {
        let from = if cx.inputs() == 1 { 0 } else { port };
        let mut got = cx.spare();
        up.pull(cx, from, n, &mut got);
        for p in got.iter() {
            self.count(cx, p, from);
        }
        got.append_to(batch);
        cx.give_spare(got);
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<AggregateCounter>()
            && self.bytes == old.bytes
        {
            self.counts = core::mem::take(&mut old.counts);
            (self.total, self.frozen, self.active) = (old.total, old.frozen, old.active);
        }
    }
    fn read(&mut self, cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "freeze" => format!("{}", self.frozen),
            "active" => format!("{}", self.active),
            "banner" => self.banner.clone(),
            "aggregate_call" => Limit::text(self.at_aggregates.as_ref(), cx.name()),
            "count_call" => Limit::text(self.at_count.as_ref(), cx.name()),
            "count" => format!("{}", self.total),
            _ => format!("{}", self.counts.len()),
        })
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "write_text_file" | "write_ascii_file" => self.write_file(cx, text.trim(), Format::Text)?,
            "write_ip_file" => self.write_file(cx, text.trim(), Format::Addresses)?,
            "write_pdf_file" => self.write_file(cx, text.trim(), Format::Shares)?,
            "write_file" => self.write_file(cx, text.trim(), Format::Binary)?,
            "freeze" => self.frozen = value(text, handler)?,
            "active" => self.active = value(text, handler)?,
            "stop" => {
                self.active = false;
                cx.stop_driver();
            }
            "banner" => self.banner = text.trim_end_matches('\n').into(),
            "clear" => {
                self.counts.clear();
                self.total = 0;
            }
            "aggregate_call" => self.at_aggregates = Limit::parse(text)?,
            "count_call" => self.at_count = Limit::parse(text)?,
            _ => self.reaggregate(),
        }
        Ok(())
    }
}
