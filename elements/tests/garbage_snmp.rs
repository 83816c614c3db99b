//! Mutated SNMP messages: nothing panics, and none is taken for what it is not. What each says is read by an independent
//! reader (`common/snmp.rs`), byte for byte from the real messages of `data/snmp`.
//!
//! `SLUICE_SNMP_MESSAGES` says how many messages are made.
mod common;

use common::Bench;
use common::frames::parse;
use common::nsh_frames::Random;
use common::snmp::{Facts, messages, mutated, read};
use sluice_dataplane::args::NameDb;
use sluice_dataplane::batch::MAX_BURST;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::pool::Pool;
use sluice_elements::classify::filter::{Expr, Rules, Start, View, parse_expr};
use sluice_elements::snmp::keys::Keys;
use sluice_elements::snmp::message::Message;
use sluice_elements::snmp::pattern;

fn wanted() -> usize {
    std::env::var("SLUICE_SNMP_MESSAGES").ok().and_then(|n| n.parse().ok()).unwrap_or(200_000)
}

/// What the reader under test says, in the words of the other.
fn facts(m: &Message<'_>) -> Facts {
    let octets = |name: Option<&[u8]>| name.map(<[u8]>::to_vec);
    Facts {
        version: [0, 0, 1, 3][m.version as usize],
        community: octets(m.community),
        user: octets(m.user),
        engine: octets(m.engine),
        context: octets(m.context),
        pdu: m.pdu.map(|p| p as u8),
    }
}

#[test]
fn every_mutated_message_is_read_as_an_independent_reader_reads_it() {
    let (seeds, all) = (messages(), wanted());
    let mut r = Random(0x9e37_79b9_7f4a_7c15);
    let mut by_version = [0; 4];
    for n in 0..all {
        let m = mutated(&seeds, &mut r);
        let found = Message::parse(&m).map(|m| facts(&m));
        assert_eq!(found, read(&m), "message {n}: {m:02x?}");
        by_version[found.map_or(2, |f| f.version as usize)] += 1;
    }
    // Many are messages still, and many are none.
    assert!(by_version.iter().all(|n| *n > all / 50), "{by_version:?}");
}

/// Patterns, and whether the facts of a message match.
type Pattern = (&'static str, fn(&Facts) -> bool);

fn is(name: &Option<Vec<u8>>, expected: &str) -> bool {
    name.as_deref() == Some(expected.as_bytes())
}

const PATTERNS: [Pattern; 10] = [
    ("version 1 pdu trap", |f| f.version == 0 && f.pdu == Some(0xa4)),
    ("version 2c community public pdu get|getnext|getbulk", |f| {
        f.version == 1 && is(&f.community, "public") && matches!(f.pdu, Some(0xa0 | 0xa1 | 0xa5))
    }),
    ("community read-only not pdu set", |f| is(&f.community, "read-only") && f.pdu != Some(0xa3)),
    ("community \"with a space, and more than that\"", |f| is(&f.community, "with a space, and more than that")),
    ("user admin pdu encrypted", |f| is(&f.user, "admin") && f.pdu.is_none()),
    ("user signer version 3", |f| is(&f.user, "signer")),
    ("context billing", |f| is(&f.context, "billing")),
    ("context \"\" not user \"\" pdu get|report", |f| {
        is(&f.context, "") && !is(&f.user, "") && matches!(f.pdu, Some(0xa0 | 0xa8))
    }),
    ("not version 3 not community public", |f| f.version != 3 && !is(&f.community, "public")),
    ("version 1|3", |f| f.version != 1),
];

/// What a packet with a message is like, and what of the message is in it as a datagram on SNMP's ports.
fn frame(m: Vec<u8>, r: &mut Random) -> (Vec<u8>, Option<Vec<u8>>) {
    let kind = r.below(16);
    let ports =
        [(1161, 161), (161, 1161), (1162, 162), (162, 162), (1161, 163)][if kind == 0 { 4 } else { r.below(4) }];
    let options = if r.once_in(4) { "opts=01010101" } else { "" };
    let flags = ["mf", "off=8", "proto=6"].get(kind.wrapping_sub(1)).unwrap_or(&"");
    let head = format!(
        "eth 02:00:00:00:00:01 02:00:00:00:00:02 / ip 10.0.0.1 10.0.0.2 {options} {flags} / udp {} {}",
        ports.0, ports.1
    );
    let head = parse(&head).bytes;
    let udp = head.len() - 8;
    let mut bytes = [head, m.clone()].concat();
    let (mut datagram, mut packet) = (8 + m.len(), udp - 14 + 8 + m.len());
    match kind {
        4 => datagram += 1,
        5 => datagram = datagram.saturating_sub(1),
        6 => datagram = r.below(8),
        7 => packet -= 1,
        // An Ethernet frame of the least length has octets behind its packet.
        8 => bytes.extend([0; 18]),
        _ => {}
    }
    bytes[16..18].copy_from_slice(&(packet as u16).to_be_bytes());
    bytes[udp + 4..udp + 6].copy_from_slice(&(datagram as u16).to_be_bytes());
    let inside = match kind {
        0..=4 | 6 | 7 => None,
        5 if m.is_empty() => None,
        5 => Some(m[..m.len() - 1].to_vec()),
        _ => Some(m),
    };
    (bytes, inside)
}

/// So many names that never come, which makes rules become tables.
fn strangers(n: usize) -> impl Iterator<Item = String> {
    (0..n).map(|i| format!("community stranger-{i}"))
}

#[test]
fn no_mutated_message_matches_a_rule_that_it_should_not() {
    let (seeds, all) = (messages(), wanted() / 10);
    let mut r = Random(0x2545_f491_4f6c_dd1d);
    let pool = Pool::new(MAX_BURST + 1);
    let mut packets: Vec<Packet> = (0..MAX_BURST).filter_map(|_| pool.alloc()).collect();
    // Few rules and many, more than have a table of answers; with none for other traffic between them, with few and with many.
    let configurations =
        [(0, Some(0)), (200, Some(0)), (0, Some(200)), (200, Some(200)), (0, None), (200, None), (2000, None)];
    for (names, addresses) in configurations {
        let mut keys = Keys::default();
        let ports = (0..addresses.unwrap_or(0)).map(|i| format!("dst port {}", 2000 + i));
        let last = ["ip proto 6".into(), "dst port 163".into()];
        let others = ports.chain(last.into_iter().filter(|_| addresses.is_some()));
        let mut exprs: Vec<Expr> = others.map(|p| parse_expr(&p, &NameDb::new()).expect("a pattern")).collect();
        exprs.extend(strangers(names).map(|p| pattern::parse(&p, &mut keys).expect("a pattern")));
        let first = exprs.len();
        exprs.extend(PATTERNS.map(|p| pattern::parse(p.0, &mut keys).expect("a pattern")));
        let rules = Rules::with_keys(exprs, keys).expect("within the limits");
        let mut matched = [0; PATTERNS.len()];
        for _ in 0..all.div_ceil(4 * MAX_BURST) {
            let mut expected = Vec::new();
            for p in &mut packets {
                let (bytes, inside) = frame(mutated(&seeds, &mut r), &mut r);
                assert!(p.set_data(&bytes));
                p.set_net_off(14);
                let to = 14 + usize::from(bytes[14] & 15) * 4 + 2;
                let is_first = bytes[20] & 0x1f == 0 && bytes[21] == 0;
                let other = match (bytes[23], &bytes[to..to + 2]) {
                    _ if addresses.is_none() => None,
                    (6, _) => Some(first - names - 2),
                    (17, [0, 163]) if is_first => Some(first - names - 1),
                    _ => None,
                };
                let facts = inside.and_then(|m| read(&m));
                let found = facts.and_then(|f| PATTERNS.iter().position(|p| p.1(&f)));
                found.iter().for_each(|n| matched[*n] += 1);
                expected.push(other.or(found.map(|n| first + n)).unwrap_or(rules.len()));
            }
            let mut found = [usize::MAX; MAX_BURST];
            rules.classify_packets(&packets, Start::Annotation, &mut found, |n| n as usize);
            for ((p, expected), found) in packets.iter().zip(&expected).zip(found) {
                assert_eq!(found, *expected, "{:02x?}", p.data());
                assert_eq!(rules.classify_plainly(&View::new(p, Start::Annotation)), *expected, "{:02x?}", p.data());
            }
        }
        assert!(matched.iter().all(|n| *n > 0), "{matched:?}");
    }
}

/// SNMPClassifier, and an agent with the same rules: each packet where the first pattern that matches says, and all counted.
#[test]
fn elements_send_each_mutated_message_where_its_pattern_says() {
    let (seeds, all) = (messages(), (wanted() / 20).min(500_000));
    let mut r = Random(0x1234_5678_9abc_def1);
    let mut done = 0;
    while done < all {
        let some = (all - done).min(4000);
        let mut bench = Bench::empty(32, 8192);
        let mut expected = vec![0u64; PATTERNS.len() + 1];
        let mut frames = Vec::new();
        for _ in 0..some {
            let (bytes, inside) = frame(mutated(&seeds, &mut r), &mut r);
            let facts = inside.and_then(|m| read(&m));
            let found = facts.and_then(|f| PATTERNS.iter().position(|p| p.1(&f)));
            expected[found.unwrap_or(PATTERNS.len())] += 1;
            frames.push(bytes);
        }
        bench.arriving.insert("a".into(), frames.clone());
        bench.arriving.insert("b".into(), frames);
        let patterns = PATTERNS.map(|p| p.0).join(", ");
        let mut config = format!("FromDevice(a) -> MarkIPHeader(14) -> c :: SNMPClassifier({patterns}, -);");
        (0..=PATTERNS.len()).for_each(|i| config += &format!("c [{i}] -> n{i} :: Counter -> Discard;"));
        let lines: Vec<String> = (0..PATTERNS.len())
            .flat_map(|i| {
                [
                    format!("PATH {}/255 END B", i + 1),
                    format!("RULE r{i} FROM B TO {}/255 SNMP {}", i + 1, PATTERNS[i].0),
                ]
            })
            .map(|line| sluice_dataplane::args::quote(line.as_bytes()))
            .collect();
        config += &format!("FromDevice(b) -> s :: StructuralAgent(PORT B, {}) -> Discard;", lines.join(", "));
        bench.load(&config);
        bench.engine.run_simulated(100_000);
        bench.engine.check(0).unwrap_or_else(|e| panic!("{e}"));
        for (i, expected) in expected.iter().enumerate() {
            let count = bench.read(&format!("n{i}.count")).expect("a count");
            assert_eq!(count.trim().parse(), Ok(*expected), "pattern {i}");
        }
        let by_rule = bench.read("s.rules").expect("the rules");
        let counts: Vec<u64> = by_rule.lines().filter_map(|l| l.split('\t').next()?.parse().ok()).collect();
        assert_eq!(counts, expected[..PATTERNS.len()]);
        assert_eq!(bench.read("s.foreign").as_deref().map(str::trim), Ok(&*expected[PATTERNS.len()].to_string()));
        done += some;
    }
}
