//! A router of six elements, against the same work written by hand without an engine.
use crate::harness::{Bench, Goal, Line, Subject, Table};
use crate::ring::{self, Random, SETS, Traffic};
use sluice_dataplane::batch::{Batch, Fate};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::wire::ipv4::checksum_ok_20;
use sluice_elements::lookup::fib::{Fib, Route};
use std::fmt::Write;
use std::net::Ipv4Addr;

/// Prefixes of the large table.
const ROUTES: usize = 100_000;
const HEADER: [u8; 14] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];

/// A table with the lengths of a backbone's (60 % of /24, few longer ones), and an address in each
/// route; next hops and `ways` outputs by turns.
pub(crate) fn routes(n: usize, ways: u16) -> (Vec<Route>, Vec<u32>) {
    let mut r = Random::new();
    let mut routes = Vec::with_capacity(n);
    let mut inside = Vec::with_capacity(n);
    for i in 0..n {
        let length = match r.below(100) {
            0..60 => 24,
            60..98 => 16 + r.below(8) as u32,
            _ => 25 + r.below(6) as u32,
        };
        let mask = !0u32 << (32 - length);
        let addr = (r.next() >> 16) as u32 & mask;
        let gateway = Ipv4Addr::new(192, 168, 0, 1 + (i % 250) as u8);
        routes.push(Route { addr, length, gateway, output: (i % usize::from(ways)) as u16 });
        inside.push(addr | (r.next() >> 16) as u32 & !mask);
    }
    r.shuffle(&mut inside);
    (routes, inside)
}

/// The routes as arguments of a look-up element.
fn list(routes: &[Route]) -> String {
    let text = |r: &Route| format!("{}/{} {} {}", Ipv4Addr::from(r.addr), r.length, r.gateway, r.output);
    routes.iter().map(text).collect::<Vec<_>>().join(",")
}

/// So many routes, as arguments of a look-up element.
pub(crate) fn route_list(n: usize, ways: u16) -> String {
    list(&routes(n, ways).0)
}

/// Packets to addresses of the table.
pub(crate) fn traffic(set: &'static str, to: &[u32]) -> Traffic {
    Traffic::new(set, |i| ring::udp_frame([10, 0, 0, 1], to[i % to.len()].to_be_bytes(), 1000, 2000))
}

fn fib(routes: &[Route]) -> Fib {
    Fib::build(routes).unwrap_or_default().0
}

/// The six elements between the ends, the last two for each output.
pub(crate) fn config(routes: &[Route], ways: u16) -> String {
    let mut c = String::from(
        "sink :: RingSink; RingSource -> class :: Classifier(12/0800, -) -> Strip(14) -> CheckIPHeader \
         -> routes :: RadixIPLookup(",
    );
    let _ = writeln!(c, "{}); class [1] -> Discard;", list(routes)); // a string takes everything
    for out in 0..ways {
        let _ = writeln!(c, "routes [{out}] -> DecIPTTL -> EtherEncap(0x0800, 2:0:0:0:0:1, 2:0:0:0:0:2) -> sink;");
    }
    c
}

// The same work by hand.

fn classify(p: &mut Packet) -> Fate {
    match p.view::<2>(12) {
        Some([8, 0]) => Fate::Keep,
        _ => Fate::Move(1),
    }
}
fn strip(p: &mut Packet) -> Fate {
    if p.strip(14) { Fate::Keep } else { Fate::Move(1) }
}
fn check(p: &mut Packet) -> Fate {
    let Some(ip) = p.view::<20>(0) else { return Fate::Move(1) };
    let total = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
    if (ip[0] != 0x45) | (total < 20) | (total > p.len()) | !checksum_ok_20(ip) {
        return Fate::Move(1);
    }
    let dst = [ip[16], ip[17], ip[18], ip[19]];
    p.set_net_off(0);
    p.set_transport_off(20);
    p.set_dst(dst.into());
    p.truncate(total);
    Fate::Keep
}
fn route(p: &mut Packet, fib: &Fib) -> Fate {
    match fib.lookup(p.dst()) {
        Some(hop) => {
            p.set_dst(hop.gateway);
            if hop.output == 0 { Fate::Keep } else { Fate::Move(hop.output) }
        }
        None => Fate::Move(u16::MAX),
    }
}
fn age(p: &mut Packet) -> Fate {
    let Some(ip) = p.view_mut::<20>(0) else { return Fate::Move(1) };
    if ip[8] <= 1 {
        return Fate::Move(1);
    }
    ip[8] -= 1;
    let sum = u32::from(!u16::from_be_bytes([ip[10], ip[11]])) + 0xfeff; // RFC 1624 section 3
    [ip[10], ip[11]] = (!((sum + (sum >> 16)) as u16)).to_be_bytes();
    Fate::Keep
}
fn encapsulate(p: &mut Packet) -> Fate {
    if !p.push(HEADER.len()) {
        return Fate::Move(1);
    }
    match p.view_mut(0) {
        Some(header) => {
            *header = HEADER;
            Fate::Keep
        }
        None => Fate::Move(1),
    }
}

/// A loop over the batch for each step, as the engine has them.
fn passes(fib: Fib) -> impl FnMut() {
    let (mut batch, mut side) = (Batch::default(), Batch::default());
    move || {
        ring::take(&mut batch, 32);
        batch.retain_or_move(classify, |p, _| side.push(p));
        batch.retain_or_move(strip, |p, _| side.push(p));
        batch.retain_or_move(check, |p, _| side.push(p));
        batch.retain_or_move(|p| route(p, &fib), |p, _| side.push(p));
        batch.retain_or_move(age, |p, _| side.push(p));
        batch.retain_or_move(encapsulate, |p, _| side.push(p));
        ring::give(&mut batch);
        ring::give(&mut side);
    }
}

/// All of a packet's work in one loop.
fn fused(fib: Fib) -> impl FnMut() {
    let (mut batch, mut side) = (Batch::default(), Batch::default());
    move || {
        ring::take(&mut batch, 32);
        let all = |p: &mut Packet| {
            let steps = [classify, strip, check];
            let done = steps.into_iter().all(|step| step(p) == Fate::Keep)
                && route(p, &fib) == Fate::Keep
                && age(p) == Fate::Keep
                && encapsulate(p) == Fate::Keep;
            if done { Fate::Keep } else { Fate::Move(1) }
        };
        batch.retain_or_move(all, |p, _| side.push(p));
        ring::give(&mut batch);
        ring::give(&mut side);
    }
}

pub(crate) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let (one_way, to) = routes(ROUTES, 1);
    let engine = |config: String, burst: usize| {
        move || {
            let mut e = ring::engine(&config, burst);
            move || {
                e.round();
            }
        }
    };
    for (set, packets, flows) in SETS {
        let traffic = traffic(set, &to);
        let mut subjects = vec![
            Subject::new("passes", 32, || passes(fib(&one_way))),
            Subject::new("fused", 32, || fused(fib(&one_way))),
            Subject::new("engine", 32, engine(config(&one_way, 1), 32)),
        ];
        let cold = set == "cold";
        let ways = [2, 4];
        let bursts = [1, 2, 4, 8, 16, 64];
        if cold {
            subjects.extend(ways.map(|w| {
                let (routes, _) = routes(ROUTES, w);
                Subject::new(format!("{w} outputs"), 32, engine(config(&routes, w), 32))
            }));
            subjects.extend(bursts.map(|b| Subject::new(format!("burst {b}"), b, engine(config(&one_way, 1), b))));
        }
        let costs = bench.compare(&traffic, subjects);
        if !bench.measures() {
            continue;
        }
        let (passes, fused, engine) = (costs[0], costs[1], costs[2]);
        // Instructions are the same in every set.
        let mut count = |s| if cold { bench.instructions(&traffic, s) } else { None };
        let counts = ["passes", "fused", "engine"].map(&mut count);
        let (best, name) = if passes.median < fused.median { (passes, "a pass a step") } else { (fused, "fused") };
        let mut lines = vec![
            Line::new("by hand, a pass a step", passes, name, best).instructions(counts[0]),
            Line::new("by hand, fused", fused, name, best).instructions(counts[1]),
            Line::new("engine, 1 output", engine, name, best).goal(Goal::Ratio(1.05)).instructions(counts[2]),
        ];
        if cold {
            lines[2].goals.push(Goal::AtMost(20.0));
            let more = ways.map(|w| format!("engine, {w} outputs")).into_iter();
            let more = more.chain(bursts.map(|b| format!("engine, 1 output, burst {b}")));
            lines.extend(more.zip(&costs[3..]).map(|(name, c)| Line::new(name, *c, "1 output, burst 32", engine)));
        }
        bench.tables.push(Table {
            title: format!("Router of six elements, 100k routes, {set}: {packets} packets, {flows} flows"),
            unit: "ns/packet".into(),
            lines,
        });
    }
    Ok(())
}
