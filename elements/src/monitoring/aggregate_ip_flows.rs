//! Numbers the flows of TCP and UDP.
mod flows;

use crate::ip::header;
use alloc::collections::{BTreeMap, VecDeque};
use core::any::Any;
use flows::{Found, Key, Table, Timeouts};
use hashbrown::HashMap;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::HandlerError;
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::ip_proto::{ICMP, TCP, UDP};
use sluice_dataplane::wire::{Icmp, Ipv4, Tcp, icmp};

const SECOND: u64 = 1_000_000_000;
/// Packets that may wait for the first fragment of theirs; more go on without a number.
const MAX_HELD: usize = 1024;

/// Numbers the flows of TCP and UDP.
pub struct AggregateIPFlows {
    table: Table,
    /// `None`: yes where packets are pushed.
    fragments: Option<bool>,
    /// Nanoseconds.
    fragment_timeout: u64,
    icmp: bool,
    /// Ports of datagrams whose first fragment came, and when.
    datagrams: HashMap<Datagram, (Ports, u64)>,
    /// Packets that wait, by their two hosts and protocol, in order.
    waiting: BTreeMap<(u32, u32, u8), VecDeque<Packet>>,
    held: usize,
}

/// Source and destination port.
type Ports = (u16, u16);
/// What the fragments of one datagram have in common (RFC 791): source, destination, identification, protocol.
type Datagram = (u32, u32, u16, u8);

/// What there is to know about a packet.
struct Facts {
    datagram: Datagram,
    /// `None` in a fragment other than the first.
    ports: Option<Ports>,
    /// Is part of a datagram in several.
    fragment: bool,
    /// TCP flags.
    flags: u8,
}

impl Facts {
    /// Of a TCP or UDP packet.
    fn of(p: &Packet) -> Result<Facts, Reason> {
        let ip = header(p).ok_or(Reason::BadIp)?;
        let protocol = ip.protocol();
        if !matches!(protocol, TCP | UDP) {
            return Err(Reason::Unmatched);
        }
        let datagram = (ip.src().into(), ip.dst().into(), ip.ident(), protocol);
        let (mut ports, mut flags) = (None, 0);
        if ip.has_transport() {
            let bytes = p.network().and_then(|n| n.get(ip.header_len()..)).unwrap_or(&[]);
            ports = Some(first_ports(bytes).ok_or(Reason::Truncated)?);
            if protocol == TCP {
                flags = Tcp::parse(bytes).map_or(0, |(t, _)| t.flags());
            }
        }
        Ok(Facts { datagram, ports, fragment: ip.is_fragment(), flags })
    }
    /// The two hosts, smaller address first, and the protocol.
    fn pair(&self) -> (u32, u32, u8) {
        let (a, b, _, protocol) = self.datagram;
        (a.min(b), a.max(b), protocol)
    }
}

/// The ports at the beginning of a TCP or UDP header.
fn first_ports(bytes: &[u8]) -> Option<Ports> {
    let word = |i: usize| Some(u16::from_be_bytes([*bytes.get(i)?, *bytes.get(i + 1)?]));
    Some((word(0)?, word(2)?))
}

impl AggregateIPFlows {
    fn holds(&self, cx: &Context<'_>) -> bool {
        self.fragments.unwrap_or(true) && !cx.input_pulls(0)
    }

    /// Marks a packet whose ports are known.
    fn mark(&mut self, p: &mut Packet, facts: &Facts, (from, to): Ports) {
        let (src, dst, _, protocol) = facts.datagram;
        let Found { aggregate, reverse } =
            self.table.find(Key::new((src, from), (dst, to), protocol), p.timestamp(), facts.flags);
        p.set_aggregate(aggregate);
        p.set_paint(reverse.into());
    }

    /// A packet goes on, waits, or is none of ours.
    fn take(&mut self, cx: &mut Context<'_>, p: Packet, out: &mut Batch) {
        let facts = match Facts::of(&p) {
            Ok(facts) => facts,
            Err(why) => return self.other(cx, p, why, out),
        };
        if !self.holds(cx) {
            let mut p = p;
            return match facts.ports {
                Some(ports) => {
                    self.mark(&mut p, &facts, ports);
                    out.push(p);
                }
                None => cx.emit_or_drop(1, p, Reason::Unmatched),
            };
        }
        if let (true, Some(ports)) = (facts.fragment, facts.ports) {
            self.datagrams.insert(facts.datagram, (ports, p.timestamp()));
        }
        let (pair, now) = (facts.pair(), p.timestamp());
        if self.held >= MAX_HELD {
            self.drain(cx, pair, now, true, out);
        }
        if self.held >= MAX_HELD && facts.ports.is_none() && !self.datagrams.contains_key(&facts.datagram) {
            return cx.emit_or_drop(1, p, Reason::Reassembly);
        }
        self.waiting.entry(pair).or_default().push_back(p);
        self.held += 1;
        self.drain(cx, pair, now, false, out);
    }

    /// Sends on what needs not wait any longer between two hosts, in order; all of it if `all`.
    fn drain(&mut self, cx: &mut Context<'_>, pair: (u32, u32, u8), now: u64, all: bool, out: &mut Batch) {
        let Some(mut queue) = self.waiting.remove(&pair) else { return };
        while let Some(mut p) = queue.pop_front() {
            // It was one when it came.
            let Ok(facts) = Facts::of(&p) else {
                self.held -= 1;
                cx.emit_or_drop(1, p, Reason::Unmatched);
                continue;
            };
            let ports = facts.ports.or_else(|| {
                let seen = self.datagrams.get_mut(&facts.datagram)?;
                let fresh = p.timestamp().saturating_sub(seen.1) <= self.fragment_timeout;
                seen.1 = seen.1.max(p.timestamp());
                fresh.then_some(seen.0)
            });
            match ports {
                Some(ports) => {
                    self.mark(&mut p, &facts, ports);
                    self.held -= 1;
                    out.push(p);
                }
                None if all || now.saturating_sub(p.timestamp()) > self.fragment_timeout => {
                    self.held -= 1;
                    cx.emit_or_drop(1, p, Reason::Reassembly);
                }
                None => {
                    queue.push_front(p);
                    break;
                }
            }
        }
        if !queue.is_empty() {
            self.waiting.insert(pair, queue);
        }
    }

    /// A packet that is not of TCP or UDP: an ICMP error may be about one.
    fn other(&mut self, cx: &mut Context<'_>, mut p: Packet, why: Reason, out: &mut Batch) {
        let found = if self.icmp { self.about(&p) } else { None };
        match found {
            Some(Found { aggregate, reverse }) => {
                p.set_aggregate(aggregate);
                p.set_paint(2 + u8::from(reverse));
                out.push(p);
            }
            None => cx.emit_or_drop(1, p, why),
        }
    }

    /// The flow that an ICMP error is about.
    fn about(&self, p: &Packet) -> Option<Found> {
        let ip = header(p).filter(|ip| ip.protocol() == ICMP && ip.has_transport())?;
        let message = p.network()?.get(ip.header_len()..)?;
        let (error, _) = Icmp::parse(message).ok()?;
        if !icmp::is_error(error.kind()) {
            return None;
        }
        let inner = message.get(icmp::LEN..)?;
        let ip = Ipv4::parse_header(inner).ok()?;
        if !matches!(ip.protocol(), TCP | UDP) || !ip.has_transport() {
            return None;
        }
        let (from, to) = first_ports(inner.get(ip.header_len()..)?)?;
        let key = Key::new((ip.src().into(), from), (ip.dst().into(), to), ip.protocol());
        self.table.known(key, p.timestamp())
    }

    /// Forgets what is old, now and then.
    fn reap(&mut self, cx: &mut Context<'_>, now: u64, out: &mut Batch) {
        if self.table.reap(now) {
            let limit = self.fragment_timeout;
            self.datagrams.retain(|_, d| now.saturating_sub(d.1) <= limit);
            let pairs: alloc::vec::Vec<_> = self.waiting.keys().copied().collect();
            pairs.into_iter().for_each(|pair| self.drain(cx, pair, now, false, out));
        }
    }
}

impl Configure for AggregateIPFlows {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        state: State::Single,
        args: &[
            Arg::keyword("TCP_TIMEOUT", "time", "24h", "a TCP flow ends when nothing came for so long"),
            Arg::keyword("TCP_DONE_TIMEOUT", "time", "30s", "the same after FIN in both directions or RST"),
            Arg::keyword("UDP_TIMEOUT", "time", "1min", "the same for UDP"),
            Arg::keyword("FRAGMENT_TIMEOUT", "time", "30s", "how long fragments wait for the first of their datagram"),
            Arg::keyword("REAP", "time", "20min", "how often flows that ended are removed from memory"),
            Arg::keyword("ICMP", "boolean", "false", "ICMP errors get the number of the flow that they are about"),
            Arg::keyword(
                "FRAGMENTS",
                "boolean",
                "true if packets are pushed",
                "fragments get the number of their flow",
            ),
        ],
        handlers: &[Handler::write("clear", "ends all flows; fragments that wait go on without a number")],
        doc: "Sets the aggregate annotation to the number of the packet's flow, counted from 1: packets of TCP or UDP between \
              the same two addresses and ports, in both directions. The paint annotation becomes 0 in the direction of the \
              flow's first packet, 1 in the other, and with ICMP 2 and 3 for errors about packets of these directions. A flow \
              ends when it was silent for too long; what comes then is a new one. All times are those of the timestamp \
              annotations.\n\n\
              Only the first fragment of a datagram has ports. With FRAGMENTS, others wait until it has come, and all \
              packets between the same two hosts behind them, so that these keep their order; at most 1024 packets wait. Where \
              packets are pulled nothing waits. What does not get a number (other protocols, short packets, such fragments) goes \
              to output 1 if that is connected, else it is dropped.",
        example: "FromDump(trace.pcap, STOP true, FORCE_IP true) -> f :: AggregateIPFlows -> AggregateCounter -> Discard; \
                  DriverManager(pause, write f.clear);",
        see: &["AggregateCounter", "FromDump", "ToIPSummaryDump"],
        ..Info::new("AggregateIPFlows", "monitoring", "numbers the flows of TCP and UDP")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        use sluice_dataplane::args::Interval;
        let mut time = |name, seconds| args.keyword(name, Interval(seconds * SECOND)).0;
        let timeouts = Timeouts {
            tcp: time("TCP_TIMEOUT", 24 * 3600),
            tcp_done: time("TCP_DONE_TIMEOUT", 30),
            udp: time("UDP_TIMEOUT", 60),
            reap: time("REAP", 20 * 60),
        };
        let fragment_timeout = time("FRAGMENT_TIMEOUT", 30);
        AggregateIPFlows {
            table: Table::new(timeouts),
            fragments: args.keyword_some("FRAGMENTS"),
            fragment_timeout,
            icmp: args.keyword("ICMP", false),
            datagrams: HashMap::new(),
            waiting: BTreeMap::new(),
            held: 0,
        }
    }
}

impl Element for AggregateIPFlows {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let mut out = cx.spare();
        for p in batch.drain() {
            let now = p.timestamp();
            self.take(cx, p, &mut out);
            self.reap(cx, now, &mut out);
        }
        out.append_to(batch);
        cx.give_spare(out);
    }
    fn held(&self) -> usize {
        self.held
    }
    fn release(&mut self) -> Option<Packet> {
        let mut first = self.waiting.first_entry()?;
        let p = first.get_mut().pop_front();
        if first.get().is_empty() {
            first.remove();
        }
        self.held -= usize::from(p.is_some());
        p
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<AggregateIPFlows>() {
            self.table.inherit(&mut old.table);
            self.datagrams = core::mem::take(&mut old.datagrams);
            self.waiting = core::mem::take(&mut old.waiting);
            self.held = core::mem::take(&mut old.held);
        }
    }
    fn write(&mut self, cx: &mut Context<'_>, _handler: &str, _text: &str) -> Result<(), HandlerError> {
        let mut out = cx.spare();
        while let Some(&pair) = self.waiting.keys().next() {
            self.drain(cx, pair, 0, true, &mut out);
        }
        out.drain().for_each(|p| cx.emit(0, p));
        cx.give_spare(out);
        self.datagrams.clear();
        self.table.clear();
        Ok(())
    }
}
