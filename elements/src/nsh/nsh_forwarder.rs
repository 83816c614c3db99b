//! The service function forwarder: time to live, path look-up, next hop (RFC 8300 sections 2.2, 2.3 and 7.1).
use super::flow::Flow;
use super::header::{decap, header};
use super::log::Log;
use super::next_hops::{Entry, Hop, NextHops, Refused, read};
use super::paths::{Begun, MAX_PATHS, Path};
use alloc::format;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use sluice_dataplane::args::{Args, FromArg, NameDb, shift_word};
use sluice_dataplane::batch::{Batch, MAX_BURST};
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::nsh;

const FORM: &str = "SPI/SI [GATEWAY|last] OUTPUT [WEIGHT]";
/// Numbers beyond all outputs: why a packet goes nowhere.
const FIRST_END: u16 = u16::MAX - 7;
/// Behind those: the path ends, and nothing is inside (RFC 8393).
const CONSUMED: u16 = u16::MAX;
const ENDS: [Reason; 7] = [
    Reason::NshTtl,
    Reason::NshIndex,
    Reason::NshPath,
    Reason::BadNsh,
    Reason::Truncated,
    Reason::NoBuffer,
    Reason::NshLength,
];

/// The number of a reason.
#[inline]
fn end(why: Reason) -> u16 {
    ENDS.iter().position(|e| *e == why).map_or(FIRST_END + 3, |i| FIRST_END + i as u16)
}

/// Forwards packets along service paths.
pub struct NSHForwarder {
    /// The replicas of all workers have one, until an entry changes: then each changes one of its own.
    table: Arc<NextHops>,
    /// The entries as configured, to see whether they are the same after a swap.
    texts: Arc<Vec<String>>,
    names: NameDb,
    log: Log,
}

/// A table that a replica on another worker has built, with the entries as configured.
#[derive(Default)]
struct Built {
    table: Weak<NextHops>,
    texts: Weak<Vec<String>>,
}

impl Configure for NSHForwarder {
    const INFO: &'static Info = &Info {
        ports: "1/-",
        flow: "h/h",
        state: State::Shared,
        live: true,
        args: &[Arg::rest("PATH", FORM, "a next hop of packets on a service path")],
        handlers: &[
            Handler::read("table", "the next hops, one a line: SPI/SI, gateway or `-` or `last`, output, weight"),
            Handler::read("lookup", "gateway, output and weight of each next hop of SPI/SI; -1 if there is none"),
            Handler::read("paths", "number of paths (SPI/SI)"),
            Handler::write("add", "adds a next hop `SPI/SI [GATEWAY|last] OUTPUT [WEIGHT]` to those of the path"),
            Handler::write("set", "makes a next hop the only one of its path"),
            Handler::write("remove", "removes a next hop, or with `SPI/SI` alone all of the path"),
            Handler::write("ctrl", "lines of `add`, `set` and `remove`: all of them, or none if one fails"),
            Handler::write("flush", "removes all paths"),
        ],
        doc: "A service function forwarder (SFF). Takes the time to live of packets with a marked NSH header down by 1 (from 0 to \
              63), looks up service path identifier and service index, and sends the packet to the OUTPUT of its next hop: a \
              service function, or another SFF. If the next hop has a GATEWAY, the destination annotation is set to that. With \
              `last` the path ends here: everything through the end of the NSH header is stripped, and the inner packet \
              leaves; one with next protocol `none` (RFC 8393) has nothing inside: it ends here, as consumed.\n\nOf several next hops for one path each gets flows by its WEIGHT (1 unless given, up to 65535), chosen \
              by a hash of the inner packet's addresses, protocol and ports that is the same in both directions and on every \
              node: if the way back has the same next hops in the same order, a flow meets the same ones.\n\nDropped are \
              packets whose time to live comes to 0 (`nsh_ttl`), whose index is 0 (`nsh_index`), and whose path has no next hop \
              (`nsh_path`); the latter two are logged, a line a second at most. A path takes up to 64 next hops, the table a \
              million paths. An outer UDP checksum is not corrected: take tunnels off before, and put them on behind. After a hot swap the table stays as it is if the arguments are the same.",
        example: "InfiniteSource(LIMIT 5) -> NSHEncap(10, NEXT ethernet) -> CheckNSHHeader -> f :: NSHForwarder(10/255 10.0.0.1 0 2, \
                  10/255 10.0.0.2 0 1, 10/254 last 1) -> Discard; f[1] -> Discard;",
        see: &["CheckNSHHeader", "NSHFunction", "NSHDecap", "NSHProxy", "RadixIPLookup"],
        ..Info::new("NSHForwarder", "nsh", "forwards packets along NSH service paths")
    };
    /// Reads the entries, or takes the table that another worker's replica has read.
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let texts = args.rest_strings();
        let names = args.names().clone();
        let shared = env.share_with_replicas::<Built>();
        let built = shared.with(|built| built.table.upgrade().zip(built.texts.upgrade()));
        let (table, texts) = built.filter(|b| *b.1 == texts).unwrap_or_else(|| {
            let made = (Arc::new(build(args, env, &texts)), Arc::new(texts));
            shared.with(|built| *built = Built { table: Arc::downgrade(&made.0), texts: Arc::downgrade(&made.1) });
            made
        });
        NSHForwarder { table, texts, names, log: Log::default() }
    }
}

fn build(args: &mut Args<'_>, env: &Env<'_>, texts: &[String]) -> NextHops {
    let mut table = NextHops::default();
    for (i, text) in texts.iter().enumerate() {
        let number = i + 1;
        let Some((path, to)) = read(text, false, args.names()).and_then(|r| r.to.map(|to| (r.path, to))) else {
            args.error(format!("argument {number} should be '{FORM}'"));
            continue;
        };
        if usize::from(to.hop.output) >= env.outputs() || to.hop.output >= FIRST_END {
            args.error(format!("argument {number} bad OUTPUT"));
        } else if let Err(why) = table.add(path, to) {
            args.error(format!("argument {number}: {}", refusal(why, path)));
        }
    }
    table
}

fn refusal(why: Refused, path: Path) -> String {
    match why {
        Refused::Exists => format!("path {path} has this next hop already"),
        Refused::Missing => format!("path {path} has no such next hop"),
        Refused::Full => format!("no room for path {path}: {MAX_PATHS} paths of 64 next hops fit"),
    }
}

/// The first step: takes the time to live down, and begins to look up. Gives why the packet ends here, or 0.
#[inline]
fn begin(table: &NextHops, p: &mut Packet, path: &mut Path, begun: &mut Begun<Entry>) -> u16 {
    let Some(at) = p.net_off() else { return end(Reason::BadNsh) };
    let Some([a, b, _, _, rest @ ..]) = p.view_mut::<{ nsh::LEN }>(at) else {
        let short = p.len() < at + nsh::LEN;
        return end(if short { Reason::Truncated } else { Reason::NoBuffer });
    };
    // RFC 8300 section 2.2: the TTL goes down before the look-up, from 0 to 63; at 0 the packet is not forwarded.
    let word = u16::from_be_bytes([*a, *b]);
    let ttl = (word >> 6).wrapping_sub(1) & 0x3f;
    [*a, *b] = (word & !(0x3f << 6) | ttl << 6).to_be_bytes();
    *path = Path::from_wire(*rest);
    if ttl == 0 {
        return end(Reason::NshTtl);
    }
    // RFC 8300 section 2.3: an index of 0 is the end of a path that should have ended before.
    if path.index() == 0 {
        return end(Reason::NshIndex);
    }
    *begun = table.entries().begin(*path);
    0
}

/// The second step: the next hop's output, or why there is none.
#[inline]
fn finish(table: &NextHops, p: &mut Packet, path: Path, begun: Begun<Entry>) -> u16 {
    let hop = match table.entries().finish(begun, path) {
        Some(Entry::Hop(hop)) => hop,
        Some(Entry::Group(group)) => match share(table, group, p) {
            Ok(hop) => hop,
            Err(why) => return end(why),
        },
        None => return end(Reason::NshPath),
    };
    if hop.last {
        return match header(p) {
            Ok((nsh, _, _)) if nsh.next_protocol() == nsh::NEXT_NONE => CONSUMED,
            _ => decap(p).map_or_else(end, |_| hop.output),
        };
    }
    if let Some(gateway) = hop.gateway() {
        p.set_dst(gateway);
    }
    hop.output
}

/// The next hop of a group for the packet's flow.
fn share(table: &NextHops, group: u32, p: &Packet) -> Result<Hop, Reason> {
    let (nsh, _, inner) = header(p)?;
    let hash = Flow::of(nsh.next_protocol(), inner).symmetric_hash();
    table.choose(group, hash).ok_or(Reason::NshPath)
}

impl NSHForwarder {
    fn command(&mut self, command: &str, text: &str, outputs: usize) -> Result<(), HandlerError> {
        let removes = command == "remove";
        let wanted = || HandlerError::Failed(format!("expected '{FORM}'"));
        let entry = read(text, removes, &self.names).ok_or_else(wanted)?;
        if entry.to.is_some_and(|to| usize::from(to.hop.output) >= outputs || to.hop.output >= FIRST_END) {
            return Err("bad OUTPUT".into());
        }
        let table = Arc::make_mut(&mut self.table);
        let result = match (command, entry.to) {
            ("add", Some(to)) => table.add(entry.path, to),
            ("set", Some(to)) => table.set(entry.path, to),
            ("remove", to) => table.remove(entry.path, to.map(|to| to.hop)),
            _ => return Err(format!("bad command '{command}'").into()),
        };
        result.map_err(|why| refusal(why, entry.path).into())
    }

    /// Carries out all lines, or none.
    fn transaction(&mut self, text: &str, outputs: usize) -> Result<(), HandlerError> {
        let before = self.table.clone();
        let mut lines = text.lines().map(shift_word).filter(|line| !line.0.is_empty());
        let result = lines.try_for_each(|(command, rest)| self.command(command, rest, outputs));
        if result.is_err() {
            self.table = before;
        }
        result
    }
}

impl Element for NSHForwarder {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let (table, log) = (&*self.table, &mut self.log);
        cx.scatter_many(
            batch,
            |some, outs| {
                let mut paths = [Path::default(); MAX_BURST];
                let mut begun = [Begun::default(); MAX_BURST];
                for (((p, path), begun), out) in some.iter_mut().zip(&mut paths).zip(&mut begun).zip(&mut *outs) {
                    *out = begin(table, p, path, begun);
                }
                for (((p, path), begun), out) in some.iter_mut().zip(&paths).zip(&begun).zip(outs) {
                    if *out == 0 {
                        *out = finish(table, p, *path, *begun);
                    }
                }
            },
            |cx, p, end| {
                if end == CONSUMED {
                    return cx.consume(p);
                }
                let why = ENDS.get(usize::from(end.wrapping_sub(FIRST_END))).copied().unwrap_or(Reason::BadNsh);
                let path = p.net_off().and_then(|at| p.view::<{ nsh::LEN }>(at)).map(|&[.., a, b, c, d]| [a, b, c, d]);
                match (why, path.map(Path::from_wire)) {
                    (Reason::NshPath, Some(path)) => log.say(cx, format_args!("no next hop for NSH path {path}")),
                    (Reason::NshIndex, Some(path)) => log.say(cx, format_args!("NSH service index is 0, path {path}")),
                    _ => {}
                }
                cx.drop(p, why);
            },
        );
    }
    fn take_state(&mut self, cx: &mut Context<'_>, old: &mut dyn Any) {
        let Some(old) = old.downcast_mut::<Self>() else { return };
        self.log = old.log;
        if self.texts == old.texts {
            core::mem::swap(&mut self.table, &mut old.table);
            let outputs = cx.outputs();
            let lost = |t: &NextHops| {
                t.entries().iter().any(|(path, _)| t.hops(path).iter().any(|h| usize::from(h.hop.output) >= outputs))
            };
            if lost(&self.table) {
                Arc::make_mut(&mut self.table).limit(outputs);
            }
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, parameter: &str) -> Reply {
        match handler {
            "table" => Ok(self.table.table()),
            "paths" => Ok(format!("{}", self.table.entries().len())),
            "lookup" => {
                let path = Path::from_arg(parameter, &self.names).map_err(|_| HandlerError::from("expected SPI/SI"))?;
                let hops = self.table.hops(path);
                let lines: Vec<String> = hops.iter().map(|h| format!("{h}")).collect();
                Ok(if lines.is_empty() { "-1".into() } else { lines.join("\n") })
            }
            _ => Err(HandlerError::NoHandler(handler.into())),
        }
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "flush" => self.table = Arc::default(),
            "ctrl" => return self.transaction(text, cx.outputs()),
            command => return self.command(command, text, cx.outputs()),
        }
        Ok(())
    }
}
