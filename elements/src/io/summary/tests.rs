//! Options as text and back; names; binary forms.
use super::*;
use sluice_dataplane::args::NameDb;

fn ip_opt(text: &str) -> (Vec<u8>, String) {
    let mut out = String::new();
    let bytes = ip_options::parse(text).unwrap_or_else(|| panic!("{text}")).bytes().to_vec();
    ip_options::print(&bytes, &mut out);
    (bytes, out)
}

#[test]
fn ip_options_survive_the_way_through_text() {
    for text in [
        "rr{10.0.0.1,20.0.0.2}+5",
        "ssrr{1.0.0.1,1.0.0.2^1.0.0.3}",
        "lsrr{1.0.0.1^}",
        "ts{1,10000,!45}+2++3",
        "ts.ip{1.0.0.1=1,1.0.0.2=2}+2",
        "ts.ip{1.0.0.1=1,1.0.0.2=!2^}++5",
        "ts.preip{1.0.0.1=1^1.0.0.2,1.0.0.3}",
        "98=1;99=0:5:10",
    ] {
        assert_eq!(ip_opt(text).1, text);
    }
    assert_eq!(ip_opt("rr{1.2.3.4}+1").0, [7, 11, 8, 1, 2, 3, 4, 0, 0, 0, 0]);
    assert_eq!(ip_opt("nop;nop,148=0:0").1, "148=0:0");
    assert_eq!(ip_opt(".").0, []);
    for bad in ["rr{", "rr{1.2.3}", "ts{1", "300", "x", "98,", "rr{1.2.3.4}+20"] {
        let end = bad == "98,";
        assert_eq!(ip_options::parse(bad).is_none(), !end, "{bad}");
    }
}

#[test]
fn impossible_options_are_a_question_mark() {
    let mut out = String::new();
    for bad in [&[7u8] as &[u8], &[7, 3, 1], &[7, 0, 4, 4], &[68, 4, 2, 0], &[99, 1], &[99, 9, 0], &[68, 3, 5]] {
        out.clear();
        ip_options::print(bad, &mut out);
        assert_eq!(out, "?", "{bad:?}");
    }
    for bad in [&[2u8, 3, 0] as &[u8], &[8], &[5, 3, 1], &[77, 0], &[3, 3]] {
        out.clear();
        tcp_options::print(bad, tcp_options::Kinds::All, &mut out);
        assert_eq!(out, "?", "{bad:?}");
    }
}

#[test]
fn tcp_options_survive_the_way_through_text() {
    use tcp_options::Kinds;
    for text in ["mss1400;wscale10;sackok", "sack95-98;sack100-110", "ts669063908:38382731", "98=7;99=0:5:10", "."] {
        let mut out = String::new();
        let bytes = tcp_options::parse(text, Kinds::All).unwrap_or_else(|| panic!("{text}")).bytes().to_vec();
        tcp_options::print(&bytes, Kinds::All, &mut out);
        assert_eq!(out, text);
    }
    let mut out = String::new();
    let bytes = tcp_options::parse("mss1,sackok,ts1:2,sack3-4", Kinds::All).unwrap().bytes().to_vec();
    tcp_options::print(&bytes, Kinds::Sack, &mut out);
    assert_eq!(out, "sackok;sack3-4");
    assert!(tcp_options::parse("mss1", Kinds::Sack).is_none());
    assert!(tcp_options::parse("mss70000", Kinds::All).is_none());
}

#[test]
fn fields_are_found_by_all_their_names() {
    for (name, field) in [
        ("src", "ip_src"),
        ("ip src", "ip_src"),
        ("length", "ip_len"),
        ("ts", "timestamp"),
        ("proto", "ip_proto"),
        ("sport", "sport"),
        ("tcp seqno", "tcp_seq"),
        ("payload_length", "payload_len"),
        ("icmp_type_name", "icmp_type_name"),
    ] {
        assert_eq!(find(name).map(|f| f.name), Some(field), "{name}");
    }
    assert!(find("nothing").is_none() && find("ip_nothing").is_none() && find("").is_none());
    for (i, field) in TABLES.iter().flat_map(|t| t.iter()).enumerate() {
        let same = TABLES.iter().flat_map(|t| t.iter()).position(|f| f.name == field.name);
        assert_eq!(same, Some(i), "{}", field.name);
        assert!(SYNONYMS.iter().all(|s| s.0 != field.name && find(s.1).is_some()));
    }
}

fn built(fields: &[(&str, &str)]) -> Build {
    let mut b = Build::new(6, NameDb::new());
    let mut all: Vec<_> = fields.iter().map(|(name, text)| (find(name).expect("field"), text)).collect();
    all.sort_by_key(|f| f.0.order);
    for (field, text) in all {
        assert!(field.parse(&mut b, text), "{} {text}", field.name);
    }
    b.finish(true);
    b
}

#[test]
fn headers_appear_as_fields_need_them() {
    assert_eq!(built(&[("src", "1.0.0.1"), ("sport", "5")]).data.len(), 40);
    assert_eq!(built(&[("proto", "U"), ("sport", "5"), ("payload", "\"abc\"")]).data.len(), 31);
    assert_eq!(built(&[("ip_len", "24"), ("sport", "5")]).data.len(), 24);
    assert_eq!(built(&[("eth_src", "1:2:3:4:5:6"), ("src", "1.0.0.1")]).data.len(), 54);
    let b = built(&[("ip_opt", "rr{}+2"), ("tcp_opt", "mss1400"), ("payload", "\"x\"")]);
    assert_eq!((b.data.len(), b.data[0], b.data[32 + 12]), (32 + 24 + 1, 0x48, 0x60));
    let b = built(&[("ip_len", "60"), ("payload", "\"abcd\"")]);
    assert_eq!((b.data.len(), b.data[32], &b.data[56..]), (60, 0x90, &b"abcd"[..]));
    let b = built(&[("ip_hl", "40"), ("tcp_off", "20"), ("tcp_flags", "SN")]);
    assert_eq!((b.data[0], b.data[52], b.data[53]), (0x4a, 0x51, 2));
    let b = built(&[("icmp_type", "echo"), ("proto", "I"), ("icmp_seq", "7")]);
    assert_eq!((b.data[20], b.data[27]), (8, 7));
}

#[test]
fn no_text_makes_a_field_panic() {
    let words = [
        "",
        "-",
        ".",
        "0",
        "1",
        "255",
        "256",
        "65535",
        "65536",
        "4294967295",
        "4294967296",
        "99999999999999999999",
        "T",
        "1.2.3.4",
        "rr{1.2.3.4}+2",
        "\"a\\",
        "\"\"",
        "SA",
        "!",
        "f",
        "7+",
        "1.5",
        "1-2-3-4-5-6",
        "é",
        "0x10",
    ];
    for (name, word) in TABLES.iter().flat_map(|t| t.iter()).flat_map(|f| words.map(|w| (f, w))) {
        for first in ["ip_len", "ip_hl", "tcp_off", "ip_frag", "eth_type", "ip_proto", "icmp_type"] {
            for other in ["0", "1", "21", "60", "f", "1"] {
                let mut b = Build::new(17, NameDb::new());
                find(first).expect("field").parse(&mut b, other);
                name.parse(&mut b, word);
                b.finish(true);
            }
        }
    }
}
