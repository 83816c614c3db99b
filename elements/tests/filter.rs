//! Compiled rules against the plain interpreter of the same rules: a million packets through random rule sets.
use sluice_dataplane::args::NameDb;
use sluice_dataplane::batch::MAX_BURST;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::pool::Pool;
use sluice_elements::classify::filter::{Base, Expr, MAX_MEMORY, Report, Rules, Start, Test, View, parse_rules};

const PACKETS: usize = 1_000_000;
/// Packets that go through a rule set.
const EACH: usize = 16 * MAX_BURST;

/// xorshift64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as u32
    }
    fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }
    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// A primitive over few values, so that rules overlap and contradict each other.
fn primitive(r: &mut Random) -> String {
    let op = r.one(&["", "=", "!=", "<", ">", "<=", ">="]);
    let side = r.one(&["", "src", "dst", "src or dst", "src and dst"]);
    let n = r.below(6);
    match r.below(12) {
        0 | 1 => format!("{side} {} port {op} {n}", r.one(&["", "tcp", "udp"])),
        2 => format!("{side} host {} 10.0.0.{n}", r.one(&["", "!="])),
        3 => format!("{side} net 10.0.{}.{n}/{}", r.below(2), 20 + r.below(13)),
        4 => format!("ip tos {op} {n}"),
        5 => format!("icmp type {op} {n}"),
        6 => r.one(&["tcp", "udp", "icmp", "ip frag", "ip unfrag", "tcp opt syn", "tcp opt ack", "ip vers 4"]).into(),
        7 => format!("tcp[13] & {} = {n}", 1 + r.below(7)),
        8 => {
            format!("ip[{}:2] & {} {} {n}", 2 * r.below(10), 1 + r.below(0xffff), if op.is_empty() { "=" } else { op })
        }
        9 => format!("ip ttl {op} {n}"),
        10 => format!("ip hl {op} {n}"),
        _ => format!("transp[{}] = {n}", r.below(12)),
    }
}

fn pattern(r: &mut Random, depth: usize) -> String {
    match r.below(if depth == 0 { 1 } else { 6 }) {
        0 | 1 => primitive(r),
        2 => format!("not ({})", pattern(r, depth - 1)),
        3 => format!("({}) or ({})", pattern(r, depth - 1), pattern(r, depth - 1)),
        4 => format!("({}) and ({})", pattern(r, depth - 1), pattern(r, depth - 1)),
        _ => format!("({}) ? ({}) : ({})", pattern(r, depth - 1), pattern(r, depth - 1), pattern(r, depth - 1)),
    }
}

/// What a Classifier says: words of the packet, of which some bits count.
fn words(r: &mut Random) -> Expr {
    let tests = (0..1 + r.below(3)).map(|_| {
        let mask = [0xff, 0xff00, 0xffff_0000, 0xffff_ffff, r.next() | 1][r.below(5)];
        let end = 4 - (mask.trailing_zeros() / 8) as u8;
        let value = (r.below(4) as u32 * 0x0101_0101) & mask;
        let offset = 4 * r.below(10) as u16;
        let test = Expr::Test(Test { base: Base::Data, offset, end, mask, value, greater: false, negated: false });
        if r.below(4) == 0 { test.not() } else { test }
    });
    Expr::all(tests.collect())
}

/// A packet of small values, with IP options, fragments, and often cut short.
fn packet(r: &mut Random, p: &mut Packet) {
    let mut b = [0u8; 64];
    b.iter_mut().for_each(|b| *b = r.below(6) as u8);
    let words = if r.below(8) == 0 { 6 } else { 5 };
    b[0] = if r.below(16) == 0 { r.next() as u8 } else { 0x40 | words };
    b[6] = if r.below(8) == 0 { 0x20 } else { 0 };
    b[7] = if r.below(8) == 0 { 1 } else { 0 };
    b[9] = [1, 6, 6, 17, 17, 47][r.below(6)];
    for at in [12, 16] {
        b[at..at + 3].copy_from_slice(&[10, 0, r.below(2) as u8]);
    }
    let transport = usize::from(words) * 4;
    b[transport] = 0;
    b[transport + 2] = 0;
    let len = if r.below(5) == 0 { r.below(64) } else { 64 };
    assert!(p.set_data(&b[..len]));
    p.clear_net_off();
    if r.below(16) > 0 {
        p.set_net_off(0);
    }
}

#[test]
fn a_million_packets_go_where_the_plain_interpreter_says() {
    let mut r = Random(88_172_645_463_325_252);
    let pool = Pool::new(MAX_BURST + 1);
    let mut packets: Vec<Packet> = (0..MAX_BURST).filter_map(|_| pool.alloc()).collect();
    let (mut done, mut matched, mut sets) = (0, 0, 0);
    while done < PACKETS {
        let n = [1, 1, 2, 3, 5, 10, 40][r.below(7)];
        let exprs = if r.below(4) == 0 {
            (0..n).map(|_| words(&mut r)).collect()
        } else {
            let texts: Vec<String> = (0..n).map(|_| format!("0 {}", pattern(&mut r, 2))).collect();
            let mut report = Report::default();
            let (_, exprs) = parse_rules(&texts, 1, &NameDb::new(), &mut report);
            assert!(report.errors.iter().all(|e| e.contains("zero mask")), "{:?}", report.errors);
            exprs
        };
        // Sets of a few rules have two forms.
        let form = if r.below(3) == 0 { Rules::as_tables } else { Rules::new };
        let rules = form(exprs).expect("within the limits");
        sets += 1;
        for _ in 0..EACH / MAX_BURST {
            packets.iter_mut().for_each(|p| packet(&mut r, p));
            let mut found = [u32::MAX; MAX_BURST];
            rules.classify_packets(&packets, Start::Annotation, &mut found, |rule| rule);
            for (p, found) in packets.iter().zip(found) {
                let expected = rules.classify_plainly(&View::new(p, Start::Annotation));
                assert_eq!(found as usize, expected, "set {sets}: {:?}", p.data());
                matched += usize::from(expected < rules.len());
            }
            done += MAX_BURST;
        }
    }
    assert!(matched > PACKETS / 4 && matched < PACKETS, "{matched} packets matched a rule");
}

#[test]
fn ten_thousand_nested_rules_are_taken_or_refused() {
    let mut r = Random(88_172_645_463_325_252);
    let pool = Pool::new(MAX_BURST + 1);
    // Each rule is tied to one identification, so that none takes all packets of those behind it.
    let texts: Vec<String> = (0..10_000).map(|i| format!("0 ip id {} and ({})", i % 900, pattern(&mut r, 3))).collect();
    let mut report = Report::default();
    let (_, exprs) = parse_rules(&texts, 1, &NameDb::new(), &mut report);
    match Rules::new(exprs) {
        Ok(rules) => {
            assert!(rules.bytes() <= MAX_MEMORY, "{} bytes", rules.bytes());
            let mut p = pool.alloc().expect("buffer");
            for _ in 0..20 {
                packet(&mut r, &mut p);
                let view = View::new(&p, Start::Annotation);
                assert_eq!(rules.classify(&view), rules.classify_plainly(&view), "{:?}", p.data());
            }
        }
        Err(why) => assert!(why.contains("limit"), "{why}"),
    }
}
