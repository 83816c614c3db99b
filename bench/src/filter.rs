//! Packet filters of 1 to 1,000 rules, against a walk over the same rules by hand.
//!
//! Two kinds of rules and traffic. *Last rule*: each rule but the last denies one /24 and one TCP port
//! that never come; all packets match the last. *Mixed*: rules as ClassBench (Taylor, Turner, INFOCOM 2005) makes
//! them: pairs of prefixes of lengths 0 to 32, ports that are exact, ranges or any, protocols; packets match a
//! rule that is drawn with a preference for few (a Pareto-like tail), one in ten matches none. Besides: Classifier with
//! its usual patterns, and what compiling costs.
use crate::harness::{Bench, Cost, Goal, Line, Subject, Table};
use crate::ring::{self, FRAME, Random, Traffic};
use sluice_dataplane::args::NameDb;
use sluice_dataplane::batch::{Batch, Fate, MAX_BURST};
use sluice_dataplane::io::affinity::thread_cpu_time;
use sluice_dataplane::packet::Packet;
use sluice_elements::classify::filter::{Expr, Report, Rules, Start, parse_rules};
use std::hint::black_box;
use std::net::Ipv4Addr;

/// Numbers of rules.
const SIZES: [usize; 4] = [1, 10, 100, 1000];
/// Makes so many rules, and the packets that come.
type Make = fn(usize) -> (Vec<Rule>, Vec<Flow>);
const KINDS: [(&str, Make); 2] = [("last rule", last), ("mixed", mixed)];
const TCP: u8 = 6;
const UDP: u8 = 17;

/// A rule over the five fields of a flow; ranges include their ends.
#[derive(Clone, Copy)]
struct Rule {
    allow: bool,
    src: (u32, u32),
    dst: (u32, u32),
    protocol: Option<u8>,
    sport: (u16, u16),
    dport: (u16, u16),
}

const ANY: Rule =
    Rule { allow: true, src: (0, 0), dst: (0, 0), protocol: None, sport: (0, u16::MAX), dport: (0, u16::MAX) };

fn mask(length: u32) -> u32 {
    u32::MAX.checked_shl(32 - length).unwrap_or(0)
}

impl Rule {
    /// In the words of IPFilter.
    fn text(&self) -> String {
        let mut parts = Vec::new();
        for (name, (addr, mask)) in [("src", self.src), ("dst", self.dst)] {
            if mask != 0 {
                parts.push(format!("{name} net {}/{}", Ipv4Addr::from(addr), mask.leading_ones()));
            }
        }
        parts.extend(self.protocol.map(|p| format!("ip proto {p}")));
        for (name, (low, high)) in [("src", self.sport), ("dst", self.dport)] {
            match (low, high) {
                (0, u16::MAX) => (),
                _ if low == high => parts.push(format!("{name} port {low}")),
                _ => parts.push(format!("{name} port >= {low} and {name} port <= {high}")),
            }
        }
        let action = if self.allow { "allow" } else { "deny" };
        format!("{action} {}", if parts.is_empty() { "all".into() } else { parts.join(" and ") })
    }
    #[inline]
    fn matches(&self, f: &Flow) -> bool {
        f.src & self.src.1 == self.src.0
            && f.dst & self.dst.1 == self.dst.0
            && self.protocol.is_none_or(|p| p == f.protocol)
            && (self.sport.0..=self.sport.1).contains(&f.sport)
            && (self.dport.0..=self.dport.1).contains(&f.dport)
    }
}

/// The five fields of a packet.
#[derive(Clone, Copy)]
struct Flow {
    src: u32,
    dst: u32,
    protocol: u8,
    sport: u16,
    dport: u16,
}

impl Flow {
    fn frame(&self) -> [u8; FRAME] {
        let mut f = ring::udp_frame(self.src.to_be_bytes(), self.dst.to_be_bytes(), self.sport, self.dport);
        f[23] = self.protocol; // CheckIPHeader is not in the graph: the sum may be wrong
        f
    }
    #[inline]
    fn of(p: &Packet) -> Option<Flow> {
        let b = p.view::<38>(0)?;
        let word = |at: usize| u32::from_be_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]]);
        let (src, dst, ports) = (word(26), word(30), word(34));
        Some(Flow { src, dst, protocol: b[23], sport: (ports >> 16) as u16, dport: ports as u16 })
    }
}

/// All packets match the last of `n` rules.
fn last(n: usize) -> (Vec<Rule>, Vec<Flow>) {
    let mut rules: Vec<Rule> = (1..n)
        .map(|i| Rule {
            allow: false,
            src: (0xac10_0000 + ((i as u32) << 8), mask(24)),
            protocol: Some(TCP),
            dport: (1000 + i as u16, 1000 + i as u16),
            ..ANY
        })
        .collect();
    rules.push(Rule { src: (0x0a00_0000, mask(8)), protocol: Some(UDP), ..ANY });
    let flow = |i: u32| Flow { src: 0x0a00_0001 + i, dst: 0xc0a8_0001, protocol: UDP, sport: 5000, dport: 53 };
    (rules, (0..8192).map(flow).collect())
}

/// So many rules, the last for UDP from 10.0.0.0/8, as arguments of IPFilter.
pub(crate) fn last_rule_list(n: usize) -> String {
    last(n).0.iter().map(Rule::text).collect::<Vec<_>>().join(", ")
}

/// Rules and traffic after ClassBench.
fn mixed(n: usize) -> (Vec<Rule>, Vec<Flow>) {
    let mut r = Random::new();
    let prefix = |r: &mut Random| {
        let length = [0, 8, 16, 21, 24, 24, 27, 32, 32, 32][r.below(10)];
        // Half of the networks lie in a few large ones.
        let base = [0x0a00_0000, 0x8c10_0000, (r.next() >> 16) as u32, (r.next() >> 16) as u32][r.below(4)];
        ((base | (r.next() >> 16) as u32 & 0x000f_ffff) & mask(length), mask(length))
    };
    let ports = |r: &mut Random| match r.below(10) {
        0..5 => (0, u16::MAX),
        5..8 => {
            let p = [22, 25, 53, 80, 123, 443, 1521, 3306, 8080, 5060][r.below(10)];
            (p, p)
        }
        8 => (1024, u16::MAX),
        _ => {
            let low = r.below(60_000) as u16;
            (low, low + r.below(5000) as u16)
        }
    };
    let mut rules: Vec<Rule> = (0..n)
        .map(|_| {
            let protocol = [Some(TCP), Some(TCP), Some(UDP), None][r.below(4)];
            // Ports have a meaning with a protocol only.
            let (sport, dport) =
                if protocol.is_some() { ((0, u16::MAX), ports(&mut r)) } else { (ANY.sport, ANY.dport) };
            Rule { allow: r.below(3) > 0, src: prefix(&mut r), dst: prefix(&mut r), protocol, sport, dport }
        })
        .collect();
    if n > 1 {
        rules[n - 1] = ANY;
    }
    let flow = |_| {
        let at = (n as f64 * (r.below(1 << 20) as f64 / f64::from(1 << 20)).powi(3)) as usize;
        let rule = if r.below(10) == 0 { ANY } else { rules[at.min(n - 1)] };
        let inside = |(addr, mask): (u32, u32), r: &mut Random| addr | (r.next() >> 16) as u32 & !mask;
        let within = |(low, high): (u16, u16), r: &mut Random| low + r.below(usize::from(high - low) + 1) as u16;
        Flow {
            src: inside(rule.src, &mut r),
            dst: inside(rule.dst, &mut r),
            protocol: rule.protocol.unwrap_or(UDP),
            sport: within(rule.sport, &mut r),
            dport: within(rule.dport, &mut r),
        }
    };
    let flows = (0..8192).map(flow).collect();
    (rules, flows)
}

/// A walk over the rules for each packet. Denied packets go round too, so that the ring stays full.
fn walk(rules: Vec<Rule>) -> impl FnMut() {
    let (mut batch, mut denied) = (Batch::default(), Batch::default());
    move || {
        ring::take(&mut batch, 32);
        let judge = |p: &mut Packet| {
            let rule = Flow::of(p).and_then(|f| rules.iter().find(|r| r.matches(&f)));
            if rule.is_some_and(|r| r.allow) { Fate::Keep } else { Fate::Move(1) }
        };
        batch.retain_or_move(judge, |p, _| denied.push(p));
        ring::give(&mut batch);
        ring::give(&mut denied);
    }
}

fn engine(config: String) -> impl FnMut() {
    let mut e = ring::engine(&config, 32);
    move || {
        e.round();
    }
}

/// Classifier as it stands before most routers; all packets are IP.
fn patterns(bench: &mut Bench) {
    let flows = last(1).1;
    let traffic = Traffic::new("cold", |i| flows[i].frame());
    let to_sink = |patterns: &str, ip: usize| {
        let others = (0..3).filter(|o| *o != ip).map(|o| format!("c [{o}] -> sink;")).collect::<String>();
        format!("sink :: RingSink; RingSource -> c :: Classifier({patterns}); {others} c [{ip}] -> sink;")
    };
    let (arp, ip) = (to_sink("12/0806 20/0001, 12/0800, -", 1), to_sink("12/0800, 12/0806 20/0001, -", 0));
    let subjects = vec![
        Subject::new("null", 32, || engine("RingSource -> Null -> RingSink;".into())),
        Subject::new("arp first", 32, || engine(arp)),
        Subject::new("ip first", 32, || engine(ip)),
    ];
    let costs = bench.compare(&traffic, subjects);
    let [null, arp, ip] = costs[..] else { return };
    let mut line = |name: &str, key: &str, cost: Cost| {
        let line = Line::new(name, cost.beyond(null), "Null", null).goal(Goal::AtMost(3.0));
        line.instructions(bench.instructions(&traffic, key))
    };
    let lines = vec![
        line("ARP, IP, others: all to output 1", "arp first", arp),
        line("IP, ARP, others: all to output 0", "ip first", ip),
    ];
    bench.tables.push(Table { title: "Classifier beyond Null, 3 patterns".into(), unit: "ns/packet".into(), lines });
}

/// The rules as the elements read them: output 0 for those that allow, else 1.
fn exprs(rules: &[Rule]) -> Vec<Expr> {
    let texts: Vec<String> = rules.iter().map(|r| r.text().replace("allow", "0").replace("deny", "1")).collect();
    parse_rules(&texts, 2, &NameDb::new(), &mut Report::default()).1
}

/// Rules alone, without the element around them.
fn bare(rules: Rules) -> impl FnMut() {
    let mut batch = Batch::default();
    move || {
        ring::take(&mut batch, 32);
        batch.iter_mut().for_each(|p| p.set_net_off(14));
        let mut found = [0; MAX_BURST];
        rules.classify_packets(batch.as_slice(), Start::Annotation, &mut found, |rule| rule);
        black_box(found);
        ring::give(&mut batch);
    }
}

/// The two forms of few rules.
fn forms(bench: &mut Bench) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    for (kind, make) in KINDS {
        for n in [1, 10] {
            let (rules, flows) = make(n);
            let traffic = Traffic::new("cold", |i| flows[i].frame());
            let [chosen, tables] = [Rules::new(exprs(&rules)), Rules::as_tables(exprs(&rules))];
            let (chosen, tables) = (chosen.map_err(anyhow::Error::msg)?, tables.map_err(anyhow::Error::msg)?);
            let subjects =
                vec![Subject::new("decisions", 32, || bare(chosen)), Subject::new("tables", 32, || bare(tables))];
            if let [chosen, tables] = bench.compare(&traffic, subjects)[..] {
                lines.push(Line::new(format!("{n} rules, {kind}"), chosen, "as tables", tables));
            }
        }
    }
    if bench.measures() {
        bench.tables.push(Table {
            title: "Few rules as decisions, ring to ring".into(),
            unit: "ns/packet".into(),
            lines,
        });
    }
    Ok(())
}

/// Builds of one measurement.
const BUILDS: usize = 5;

/// What compiling rules costs, without reading their text.
fn builds(bench: &mut Bench) -> anyhow::Result<()> {
    let mut lines: Vec<Line> = Vec::new();
    for n in SIZES.into_iter().chain([10_000]) {
        let exprs = exprs(&mixed(n).0);
        let (mut costs, mut size) = (Vec::new(), 0);
        for _ in 0..BUILDS {
            let exprs = exprs.clone();
            let start = thread_cpu_time();
            let rules = Rules::new(exprs).map_err(anyhow::Error::msg)?;
            costs.push((thread_cpu_time() - start).as_nanos() as f64 / 1e6);
            size = black_box(rules).bytes();
        }
        let cost = Cost::of(costs);
        let one = lines.first().map_or(cost, |l| l.cost);
        lines.push(Line::new(format!("{n} rules, mixed: {} KiB", size >> 10), cost, "1 rule", one));
    }
    bench.tables.push(Table { title: "Compiling rules".into(), unit: "ms/build".into(), lines });
    Ok(())
}

pub(crate) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    patterns(bench);
    forms(bench)?;
    for (kind, make) in KINDS {
        let mut lines: Vec<Line> = Vec::new();
        for n in SIZES {
            let (rules, flows): (Vec<Rule>, Vec<Flow>) = make(n);
            let mut traffic = Traffic::new("cold", |i| flows[i].frame());
            traffic.name = kind;
            // Both outputs lead to the ring: a denied packet costs what an allowed one does.
            let list: Vec<String> = rules.iter().map(|r| r.text().replace("allow", "0").replace("deny", "1")).collect();
            let config = format!(
                "sink :: RingSink; RingSource -> MarkIPHeader(14) -> f :: IPFilter({}, 1 all) -> sink; f [1] -> sink;",
                list.join(", ")
            );
            let subjects = vec![
                Subject::new("without", 32, || engine("RingSource -> MarkIPHeader(14) -> RingSink;".into())),
                Subject::new(format!("walk {n}"), 32, || walk(rules.clone())),
                Subject::new(format!("filter {n}"), 32, || engine(config)),
            ];
            let costs = bench.compare(&traffic, subjects);
            let [without, walk, filter] = costs[..] else { continue };
            let own = filter.beyond(without);
            let mut line = Line::new(format!("{n} rules"), own, "a walk by hand", walk);
            line.instructions = bench.instructions(&traffic, &format!("filter {n}"));
            match n {
                100 => line.goals.push(Goal::AtMost(25.0)),
                1000 => lines.push(Line::new("1,000 rules", own, "10 rules", lines[1].cost).goal(Goal::Ratio(2.0))),
                _ => (),
            }
            lines.push(line);
        }
        if bench.measures() {
            let title = format!("IPFilter alone, {kind}, 8,192 flows");
            bench.tables.push(Table { title, unit: "ns/packet".into(), lines });
        }
    }
    if bench.measures() { builds(bench) } else { Ok(()) }
}
