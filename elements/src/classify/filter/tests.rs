//! Compiled rules against the plain interpreter, and the language by examples.
use super::*;
use proptest::prelude::*;

fn filter(text: &str) -> Filter {
    parse_filter(text, &NameDb::new()).unwrap_or_else(|e| panic!("{text}: {e}"))
}
fn errors(text: &str) -> String {
    parse_filter(text, &NameDb::new()).expect_err(text)
}

/// An IPv4 packet: addresses end in these bytes.
fn ip(src: u8, dst: u8, proto: u8, payload: &[u8]) -> Vec<u8> {
    let mut b = alloc::vec![0x45, 0, 0, 0, 0, 7, 0, 0, 64, proto, 0, 0, 10, 0, 0, src, 10, 0, 0, dst];
    b.extend(payload);
    let len = (b.len() as u16).to_be_bytes();
    b[2..4].copy_from_slice(&len);
    b
}
fn tcp(sport: u16, dport: u16, flags: u8) -> Vec<u8> {
    let mut b = [sport.to_be_bytes(), dport.to_be_bytes()].concat();
    b.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags, 4, 0, 0, 0, 0, 0]);
    b
}
fn matches(text: &str, packet: &[u8]) -> bool {
    let f = filter(text);
    let view = View::of_bytes(packet, None, Some(0));
    let answer = f.rules.classify(&view) == 0;
    assert_eq!(answer, f.rules.classify_plainly(&view) == 0, "{text}");
    answer
}

#[test]
fn primitives_match_what_they_say() {
    let p = ip(1, 2, 6, &tcp(4000, 80, 0x12));
    for yes in [
        "tcp",
        "ip proto 6",
        "ip proto tcp",
        "src host 10.0.0.1",
        "host 10.0.0.2",
        "src and dst net 10.0.0.0/24",
        "10.0.0.0/8",
        "dst 10.0.0.2",
        "net 10.0.0.0 mask 255.255.255.0",
        "port 80",
        "dst port www",
        "src tcp port > 1023",
        "dst port 79-81",
        "src port 4000 or 81",
        "src port 81 or 4000",
        "tcp opt syn",
        "syn",
        "syn ack",
        "not fin",
        "tcp win 1024",
        "ip ttl 64",
        "ip ttl >= 64",
        "ip ttl <= 64",
        "ip vers 4",
        "ip hl = 5",
        "ip id 7",
        "ip len 40",
        "ip tos 0",
        "ip dscp 0",
        "ip ecn 0",
        "unfrag",
        "ip[9] = 6",
        "ip[12:4] = 0x0a000001",
        "transp[0:2] 4000",
        "tcp[13] & 2 != 0",
        "tcp[13] & 0x12 == 0x12",
        "src & 255.0.0.0 = 10.0.0.0",
        "src 10.0.0.1 & 8.0.0.0 = 8.0.0.0",
        "src port != 80",
        "src or dst host != 10.0.0.9",
        "tcp && !udp",
        "udp ? false : tcp",
        "tcp ? dst port 80 : false",
        "any",
        "-",
        "all",
        "(dst port www or dst port ssh) and tcp opt syn",
        "tcpudp port 80",
        "ip[2,3] 40",
        "true",
        "src or dst port 80",
    ] {
        assert!(matches(yes, &p), "{yes}");
    }
    for no in [
        "udp",
        "src port 80",
        "dst port != 80",
        "port != 80",
        "icmp type echo",
        "icmp type != 4",
        "ip frag",
        "false",
        "src host 10.0.0.2",
        "tcp opt fin",
        "ip ttl < 64",
        "ip ttl > 64",
        "src port < 4000",
        "ip ect",
        "ip ce",
        "dst port 81-90",
        "udp port 80",
        "src net 10.0.0.0/24 and dst host 10.0.0.3",
        "!(tcp)",
        "src and dst port 80",
        "ether src 1:2:3:4:5:6",
        "src or dst host != 10.0.0.1",
    ] {
        assert!(!matches(no, &p), "{no}");
    }
}

#[test]
fn short_packets_fail_tests_but_pass_their_opposite() {
    let p = ip(1, 2, 17, &[0]);
    assert!(!matches("transp[1] & 128 == 0", &p));
    assert!(!matches("transp[1] & 128 != 0", &p));
    assert!(matches("not (transp[1] & 128 == 0)", &p));
    assert!(matches("not (transp[1] & 128 != 0)", &p));
    assert!(!matches("src or dst port != 80", &p));
    assert!(matches("ip id 7", &p[..8]) && !matches("ip ttl 64", &p[..8]));
    let f = filter("not host 1.2.3.4");
    assert_eq!(f.rules.classify(&View::of_bytes(&p, None, None)), 0, "no network header at all");
}

#[test]
fn mistakes_are_told_in_clicks_words() {
    for (text, error) in [
        ("port", "‘port’: value missing"),
        ("src src 1.2.3.4", "‘src’ or ‘dst’ specified twice"),
        ("host", "‘ip host’: address missing"),
        ("src host > 10.0.0.1", "‘src ip host’: operator not supported"),
        ("80", "specify header field or ‘port’"),
        ("src", "partial directive"),
        ("tcp udp", "transport protocol specified twice"),
        ("ip ttl 256", "‘ip ttl’: out of range, bound 255"),
        ("ip ttl & 0x100 = 0", "‘ip ttl’: mask out of range, bound 0xFF"),
        ("icmp port 80", "‘port’: bad protocol 1"),
        ("tcp &&", "missing expression"),
        ("tcp or", "missing expression"),
        ("(tcp", "missing ‘)’"),
        ("tcp )", "garbage after expression at ‘)’"),
        ("tcp ? udp", "missing ‘:’ in ternary expression"),
        ("not", "missing expression after ‘not’"),
        ("ip[3:2] 1", "field [3:2] does not fit in a single word"),
        ("ip[0:5] 1", "LEN in ‘[POS:LEN]’ out of range, should be between 1 and 4"),
        ("ip[x] 1", "syntax error after ‘[’, expected ‘[POS]’ or ‘[POS:LEN]’"),
        ("ip frag 3", "‘ip frag’: value not supported"),
        ("gibberish", "empty term near ‘gibberish’"),
        ("udp port bgp", "‘port udp bgp’ is meaningless; try ‘port udp bgp’"),
        ("tcp opt syn & 3", "partial directive"),
        ("port & 0 80", "zero mask ignored"),
    ] {
        assert!(errors(text).contains(error), "{text}: {}", errors(text));
    }
    let deep = "(".repeat(500);
    assert!(errors(&deep).contains("nested expressions"), "{}", errors(&deep));
    let many: alloc::vec::Vec<Expr> = alloc::vec![Expr::Const(false); MAX_RULES + 1];
    assert!(Rules::new(many).expect_err("too many").contains("limit is 65536"));
}

#[test]
fn memory_is_bounded() {
    // Every rule its own pair of addresses: the rows grow with the square of the rules.
    let mut notes = Notes::default();
    let rule = |i: u32, notes: &mut Notes| {
        let text = alloc::format!("src host 10.{}.{}.1 and dst host 11.{}.{}.2", i >> 8, i & 255, i & 255, i >> 8);
        parse::parse_text(&text, &NameDb::new(), notes)
    };
    let exprs: Vec<Expr> = (0..20_000).map(|i| rule(i, &mut notes)).collect();
    assert!(Rules::new(exprs).expect_err("too big").contains("64 MiB"));
}

#[test]
fn many_values_of_one_field_are_one_alternative() {
    let hosts = |n: u32| (0..n).map(|i| alloc::format!("10.{}.{}.1", i >> 8, i & 255)).collect::<Vec<_>>().join(" or ");
    let f = filter(&alloc::format!("src host {}", hosts(2000)));
    let fields = |f: &Filter| compile::compile(&f.rules.exprs).expect("within the limits").fields();
    assert_eq!(fields(&f), 1);
    assert_eq!(f.rules.classify(&View::of_bytes(&ip(1, 2, 6, &[]), None, Some(0))), 0);
    let ports = (0..500).map(|i| alloc::format!("{}", i * 3)).collect::<Vec<_>>().join(" or ");
    assert!(fields(&filter(&alloc::format!("tcp dst port {ports}"))) <= 3);
}

#[test]
fn compiling_is_bounded() {
    let hosts = (0..12_000u32).map(|i| alloc::format!("10.{}.{}.1", i >> 8, i & 255)).collect::<Vec<_>>().join(" or ");
    assert!(errors(&alloc::format!("src host {hosts}")).contains("50000000 steps, which is the limit"));
}

#[test]
fn unreachable_rules_are_found() {
    let names = NameDb::new();
    let mut report = Report::default();
    let texts = ["0 tcp", "1 tcp and dst port 80", "0 src port 1 and src port 2", "1 -", "0 udp"].map(String::from);
    let (_, exprs) = parse_rules(&texts, 2, &names, &mut report);
    assert!(report.errors.is_empty());
    let rules = Rules::new(exprs).expect("rules");
    assert_eq!((0..5).map(|i| rules.reaches(i)).collect::<Vec<_>>(), [true, false, false, true, false]);
}

#[test]
fn frames_are_searched_for_their_network_header() {
    let pool = sluice_dataplane::pool::Pool::new(4);
    let inner = ip(1, 2, 17, &[0, 53, 0, 53, 0, 8, 0, 0]);
    let with = |head: &[u8]| {
        let mut p = pool.alloc().expect("buffer");
        assert!(p.set_data(&[head, &inner].concat()));
        p
    };
    let eth = |kind: &[u8]| [&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], kind].concat();
    let dns = |start| filter("udp port 53").starting(start);
    let (plain, tagged) = (with(&eth(&[8, 0])), with(&eth(&[0x81, 0, 0, 5, 8, 0])));
    let (raw, other) = (with(&[]), with(&eth(&[0x86, 0xdd])));
    for (start, expected) in [
        (Start::Annotation, [false, false, false, false]),
        (Start::Ethernet, [true, true, false, false]),
        (Start::Ip, [false, false, true, false]),
        (Start::Guess, [true, true, true, false]),
    ] {
        let got = [&plain, &tagged, &raw, &other].map(|p| dns(start).matches(p));
        assert_eq!(got, expected, "{start:?}");
    }
    assert!(filter("ether src 7:8:9:a:b:c and ether dst 1:2:3:4:5:6").starting(Start::Ethernet).matches(&plain));
    assert!(!filter("ether dst != 1:2:3:4:5:6").starting(Start::Ethernet).matches(&plain));
}

#[test]
fn a_thousand_rules_need_few_fields_and_little_memory() {
    let names = NameDb::new();
    let mut report = Report::default();
    let texts: Vec<String> = (0..1000u32)
        .map(|i| alloc::format!("deny src host 10.{}.{}.1 and dst port {}", i / 250, i % 250, 1000 + i))
        .collect();
    let (_, exprs) = parse_rules(&texts, 1, &names, &mut report);
    let program = compile::compile(&exprs).expect("within the limits");
    let (bytes, fields) = (program.bytes(), program.fields());
    assert!(fields <= 4 && bytes < 1 << 21, "{fields} fields, {bytes} bytes");
}

/// Random primitives over few values, so that rules overlap.
fn primitive() -> impl Strategy<Value = String> {
    let op = prop::sample::select(alloc::vec!["", "=", "!=", "<", ">", "<=", ">="]);
    let side = prop::sample::select(alloc::vec!["", "src", "dst", "src or dst", "src and dst"]);
    prop_oneof![
        (side.clone(), prop::sample::select(alloc::vec!["", "tcp", "udp"]), op.clone(), 0u16..6)
            .prop_map(|(s, p, o, n)| alloc::format!("{s} {p} port {o} {n}")),
        (side.clone(), prop::bool::ANY, 0u8..4)
            .prop_map(|(s, n, a)| alloc::format!("{s} host {} 10.0.0.{a}", if n { "!=" } else { "" })),
        (side, 24u8..33, 0u8..4).prop_map(|(s, l, a)| alloc::format!("{s} net 10.0.0.{a}/{l}")),
        (op.clone(), 0u8..4).prop_map(|(o, n)| alloc::format!("ip tos {o} {n}")),
        (op.clone(), 0u8..4).prop_map(|(o, n)| alloc::format!("icmp type {o} {n}")),
        (op.clone(), 0u8..8, 1u8..8)
            .prop_map(|(o, n, m)| alloc::format!("tcp[13] & {m} {} {n}", if o.is_empty() { "=" } else { o })),
        (op, 0u32..4, 1u32..0x1_0000)
            .prop_map(|(o, n, m)| alloc::format!("ip[12:4] & {m} {} {n}", if o.is_empty() { "=" } else { o })),
        prop::sample::select(alloc::vec![
            "tcp", "udp", "icmp", "syn", "ack", "frag", "unfrag", "true", "false", "ip ect", "ip ce"
        ])
        .prop_map(String::from),
    ]
}

fn pattern() -> impl Strategy<Value = String> {
    primitive().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| alloc::format!("({a}) and ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| alloc::format!("({a}) or ({b})")),
            inner.clone().prop_map(|a| alloc::format!("not ({a})")),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| alloc::format!("(({a}) ? ({b}) : ({c}))")),
        ]
    })
}

fn packet() -> impl Strategy<Value = Vec<u8>> {
    let transport = prop_oneof![
        (0u16..6, 0u16..6, 0u8..32).prop_map(|(s, d, f)| (6, tcp(s, d, f))),
        (0u16..6, 0u16..6).prop_map(|(s, d)| (17, [s.to_be_bytes(), d.to_be_bytes(), [0, 8], [0, 0]].concat())),
        (0u8..4).prop_map(|t| (1, alloc::vec![t, 0, 0, 0])),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(|b| (50, b)),
    ];
    let cut = prop_oneof![3 => Just(0usize), 1 => 0usize..44];
    (0u8..4, 0u8..4, transport, 0u8..4, prop_oneof![2 => Just(0u8), 1 => Just(0x20), 1 => Just(1)], 5u8..8, cut)
        .prop_map(|(s, d, (proto, payload), tos, frag, hl, cut)| {
            let mut p = ip(s, d, proto, &payload);
            (p[0], p[1], p[7]) = (0x40 | hl, tos, frag);
            p.splice(20..20, alloc::vec![0; usize::from(hl - 5) * 4]);
            p.truncate(p.len().saturating_sub(cut));
            p
        })
}

/// Rules that rarely match, over bytes of both headers: many rows, and more fields than fit the small tables.
fn rare_rule() -> impl Strategy<Value = String> {
    let byte = (0u8..40, any::<u8>(), any::<u8>()).prop_map(|(at, v, m)| {
        let header = if at < 20 { "ip" } else { "transp" };
        alloc::format!("{header}[{}] & {} = {}", at % 20, m | 1, v & (m | 1))
    });
    prop_oneof![
        (primitive(), byte).prop_map(|(p, b)| alloc::format!("({p}) and {b}")),
        (0u8..4, 0u8..4, 0u16..6)
            .prop_map(|(s, d, p)| alloc::format!("src 10.0.0.{s} and dst 10.0.0.{d} and dst port {p}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn large_rule_sets_do_what_the_plain_interpreter_does(
        patterns in prop::collection::vec(rare_rule(), 300..900),
        packets in prop::collection::vec(packet(), 60),
    ) {
        let mut notes = Notes::default();
        let exprs: Vec<Expr> = patterns.iter().map(|t| parse::parse_text(t, &NameDb::new(), &mut notes)).collect();
        let rules = Rules::new(exprs).expect("within the limits");
        for p in &packets {
            let view = View::of_bytes(p, None, Some(0));
            prop_assert_eq!(rules.classify(&view), rules.classify_plainly(&view), "{:?}", p);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn compiled_rules_do_what_the_plain_interpreter_does(
        patterns in prop::collection::vec(pattern(), 1..12),
        packets in prop::collection::vec(packet(), 1..40),
    ) {
        let mut notes = Notes::default();
        let exprs: Vec<Expr> = patterns.iter().map(|t| parse::parse_text(t, &NameDb::new(), &mut notes)).collect();
        prop_assert!(notes.errors.iter().all(|e| e.contains("zero mask")), "{:?}", notes.errors);
        let forms = [Rules::new(exprs.clone()), Rules::as_tables(exprs)].map(|r| r.expect("within the limits"));
        for (p, rules) in packets.iter().flat_map(|p| forms.iter().map(move |r| (p, r))) {
            for network in [Some(0), None] {
                let view = View::of_bytes(p, None, network);
                prop_assert_eq!(rules.classify(&view), rules.classify_plainly(&view), "{:?} {:?}", &patterns, p);
            }
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[a-z0-9 .:/()!&|<>=?\\[\\],-]{0,60}") {
        let _ = parse_filter(&text, &NameDb::new());
    }

    #[test]
    fn no_words_make_the_parser_panic(words in prop::collection::vec(prop::sample::select(alloc::vec![
        "ip", "tcp", "src", "dst", "port", "80", "[", "]", "0:4", "&", "!", "(", ")", "?", ":", "or", "and", "host",
        "10.0.0.0/8", "net", "<", ">=", "ether", "1:2:3:4:5:6", "type", "echo", "opt", "syn", "4294967295", "5-9",
        "transp", "vers", "ect", "frag", "mask", "255.0.0.0", "proto", "0",
    ]), 0..14)) {
        let text = words.join(" ");
        if let Ok(f) = parse_filter(&text, &NameDb::new()) {
            let p = ip(1, 2, 6, &tcp(1, 2, 3));
            let view = View::of_bytes(&p, None, Some(0));
            prop_assert_eq!(f.rules.classify(&view), f.rules.classify_plainly(&view), "{}", text);
            let _ = f.rules.steps(|_| Some(0));
        }
    }
}

#[test]
fn rules_with_too_many_alternatives_are_interpreted() {
    // Each factor doubles the alternatives: source and destination never merge.
    let factors = (0..12).map(|i| alloc::format!("(ip[{i}] 69 or transp[{i}] {i} or ip id 7)")).collect::<Vec<_>>();
    let text = factors.join(" and ");
    let p = ip(1, 2, 6, &tcp(1, 2, 3));
    assert!(matches(&text, &p));
    assert!(!matches(&text.replace("ip id 7", "ip id 8"), &p));
}
