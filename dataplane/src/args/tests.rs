//! Arguments by type, the discipline of position and keyword, and messages word by word.

use super::*;
use alloc::{format, string::ToString, vec, vec::Vec};
use core::net::{Ipv4Addr, Ipv6Addr};
use proptest::prelude::*;

fn get<T: FromArg>(text: &str) -> Result<T, String> {
    T::from_arg(text, &NameDb::new())
}

fn messages(a: Args<'_>) -> Vec<String> {
    a.finish().unwrap_err().into_iter().map(|e| e.message).collect()
}

#[test]
fn splitting_respects_quotes_comments_and_data_only() {
    assert_eq!(
        split_args(
            r#"a, "b, c", 'd, e', \<2c //,
 2c>, f(g, h) /* , */"#
        ),
        vec!["a", r#""b, c""#, "'d, e'", "\\<2c //,\n 2c>", "f(g", "h)"]
    );
    assert_eq!(split_args(""), Vec::<String>::new());
    assert_eq!(split_args("  /* x */ "), Vec::<String>::new());
    assert_eq!(split_args(","), [""]);
    assert_eq!(split_args("a, 'b"), ["a", "'b"]);
    assert_eq!(split_args("a // x\r\nb"), ["a b"]);
}

#[test]
fn escapes() {
    assert_eq!(unquote(r#""\a\b\f\n\r\t\v\\\'\"\$\,\q""#), b"\x07\x08\x0c\n\r\t\x0b\\'\"$,q");
    assert_eq!(unquote(r#""\0\101\x41G\1234""#), b"\0AAGS4");
    assert_eq!(unquote("\"a\\\nb\\\r\nc\""), b"abc");
    assert_eq!(unquote(r#"\<48 65/* ! */6c6C 6 f>"#), b"Hello");
    assert_eq!(unquote(r#"a'b\n'"c\n"\n"#), b"ab\\nc\n\\n");
    assert_eq!(unquote("'open"), b"open");
    assert_eq!(unquote(r#""x\"#), b"x\\");
    assert_eq!(unquote_text("\"\\377\""), "\u{fffd}");
}

#[test]
fn expansion_follows_quotes() {
    let value = |n: &str| match n {
        "a" => Some("1"),
        "q" => Some("x \"y\""),
        _ => None,
    };
    let e = |t: &'static str| expand(t, &value).into_owned();
    assert_eq!(e("$a${a}$a_ $b ${b} $ $$a"), "11$a_ $b ${b} $ $1");
    assert_eq!(e(r#"$q "$q" '$q'"#), r#"x "y" "x \"y\"" '$q'"#);
    assert_eq!(e(r#""\$a" \$a"#), r#""\$a" \1"#);
    assert_eq!(e("${b-def} ${a-def}"), "def 1");
    assert_eq!(e("$(add $a $b) // $a"), "$(add 1 $b) // $a");
    assert_eq!(e("${a $a $(b"), "${a $a $(b");
    assert_eq!(expand("plain", &value), "plain");
}

#[test]
fn integers() {
    assert_eq!(get::<u32>("10"), Ok(10));
    assert_eq!(get::<u32>("010"), Ok(8));
    assert_eq!(get::<u32>("0x10"), Ok(16));
    assert_eq!(get::<u32>("0b101"), Ok(5));
    assert_eq!(get::<u32>("1_000"), Ok(1000));
    assert_eq!(get::<u32>("0"), Ok(0));
    assert_eq!(get::<i32>("-5"), Ok(-5));
    assert_eq!(get::<i64>("-9223372036854775808"), Ok(i64::MIN));
    assert_eq!(get::<u64>("18446744073709551615"), Ok(u64::MAX));
    for bad in ["", "-", "+", "08", "0x", "1.0", "x", "5 ", "_5", "5_", "é", "0é"] {
        assert_eq!(get::<i32>(bad), Err("invalid number".into()), "{bad}");
    }
    assert_eq!(get::<u32>("-5"), Err("invalid number".into()));
    assert_eq!(get::<u32>("4294967296"), Err("out of range, bound 4294967295".into()));
    assert_eq!(get::<i32>("-2147483649"), Err("out of range, bound -2147483648".into()));
    assert_eq!(get::<u8>(&"9".repeat(500)), Err("out of range, bound 255".into()));
}

#[test]
fn booleans_strings_and_data() {
    for (text, value) in
        [("true", true), ("yes", true), ("y", true), ("1", true), ("no", false), ("f", false), ("0", false)]
    {
        assert_eq!(get::<bool>(text), Ok(value));
    }
    assert_eq!(get::<bool>("TRUE"), Err("parse error".into()));
    assert_eq!(get::<String>(r#"'a b'"c\t""#), Ok("a bc\t".into()));
    assert_eq!(get::<String>("a b"), Err("parse error".into()));
    assert_eq!(get::<String>(""), Err("parse error".into()));
    assert_eq!(get::<String>("''"), Ok(String::new()));
    assert_eq!(get::<Word>("'ab'c"), Ok(Word("abc".into())));
    assert_eq!(get::<Word>("'a b'"), Err("parse error".into()));
    assert_eq!(get::<Bytes>(r"\<ff 00>"), Ok(Bytes(vec![255, 0])));
    assert_eq!(get::<Raw>("a 'b c'"), Ok(Raw("a 'b c'".into())));
}

#[test]
fn times_and_bandwidths() {
    for (text, ns) in [
        ("1.5", 1_500_000_000),
        ("100ms", 100_000_000),
        ("10us", 10_000),
        ("7ns", 7),
        ("2min", 120_000_000_000),
        ("1 h", 3_600_000_000_000),
        ("1d", 86_400_000_000_000),
        (".25s", 250_000_000),
        ("2e-3", 2_000_000),
        ("1 msec", 1_000_000),
        ("0.0000000004", 0),
        ("0.0000000005", 1),
        ("1hr", 3_600_000_000_000),
        ("0", 0),
        ("1e300", u64::MAX),
        ("1e-300", 0),
    ] {
        assert_eq!(get::<Interval>(text), Ok(Interval(ns)), "{text}");
    }
    for (text, bytes) in [
        ("1000", 1000),
        ("8Kbps", 1000),
        ("1Mbps", 125_000),
        ("100kBps", 100_000),
        ("1Gbps", 125_000_000),
        ("8baud", 1),
        ("1.5 MB/s", 1_500_000),
        ("12bps", 2),
    ] {
        assert_eq!(get::<Bandwidth>(text), Ok(Bandwidth(bytes)), "{text}");
    }
    for bad in ["", "s", "-1", "1x", "1.2.3", "1e", "ms", "."] {
        assert_eq!(get::<Interval>(bad), Err("parse error".into()), "{bad}");
        assert!(get::<Bandwidth>(bad).is_err(), "{bad}");
    }
    assert_eq!(get::<Bandwidth>("1e30"), Err("out of range".into()));
}

#[test]
fn reals_and_fractions() {
    assert_eq!(get::<f64>("-1.5e3"), Ok(-1500.0));
    assert_eq!(get::<f64>("1e999"), Err(format!("out of range, bound {}", f64::MAX)));
    for bad in ["", "nan", "inf", "0x1", "1 "] {
        assert_eq!(get::<f64>(bad), Err("invalid number".into()), "{bad}");
    }
    assert_eq!(get::<Fraction>("0.5").map(Fraction::bits), Ok(1 << 27));
    assert_eq!(get::<Fraction>("25%").map(Fraction::to_f64), Ok(0.25));
    assert_eq!(get::<Fraction>("1"), Ok(Fraction::ONE));
    assert_eq!(get::<Fraction>("1.1"), Err("out of range, bound 1".into()));
}

#[test]
fn addresses() {
    let ip = Ipv4Addr::new(10, 0, 0, 1);
    assert_eq!(get::<Ipv4Addr>("10.0.0.1"), Ok(ip));
    assert_eq!(get::<Ipv4Addr>("010.000.0.1"), Ok(ip));
    for bad in ["10.0.0", "10.0.0.256", "10.0.0.1.2", "10..0.1", "a.b.c.d", "", "10.0.0.99999999999", "1.2.3.4/8"] {
        assert_eq!(get::<Ipv4Addr>(bad), Err("parse error".into()), "{bad}");
    }
    let net = get::<Ipv4Prefix>("10.0.0.1/8").unwrap();
    assert_eq!((net.addr, net.length(), net.network()), (ip, Some(8), Ipv4Addr::new(10, 0, 0, 0)));
    assert!(net.contains(Ipv4Addr::new(10, 9, 9, 9)) && !net.contains(Ipv4Addr::new(11, 0, 0, 1)));
    assert_eq!(get::<Ipv4Prefix>("10.0.0.1/255.0.0.0"), Ok(net));
    assert_eq!(get::<Ipv4Prefix>("10/8").map(|p| p.to_string()), Ok("10.0.0.0/8".into()));
    assert_eq!(get::<Ipv4Prefix>("0/0").map(|p| p.length()), Ok(Some(0)));
    assert_eq!(get::<Ipv4Prefix>("10.0.0.1").map(|p| p.length()), Ok(Some(32)));
    assert_eq!(get::<Ipv4Prefix>("1.2.3.4/255.0.255.0").map(|p| p.length()), Ok(None));
    for bad in ["10/16", "10.0.0.1/33", "10.0.0.1/", "/8", "10.0.0.1/-1"] {
        assert_eq!(get::<Ipv4Prefix>(bad), Err("parse error".into()), "{bad}");
    }
    assert_eq!(get::<Ipv6Addr>("::1"), Ok(Ipv6Addr::LOCALHOST));
    assert_eq!(get::<Ipv6Prefix>("2001:db8::/32").map(|p| p.to_string()), Ok("2001:db8::/32".into()));
    assert_eq!(get::<Ipv6Prefix>("2001:db8::/129"), Err("parse error".into()));
    assert_eq!(get::<EtherAddr>("0:1:2:a:B:ff"), Ok(EtherAddr([0, 1, 2, 10, 11, 255])));
    assert_eq!(get::<EtherAddr>("00-01-02-0a-0B-fF").map(|a| a.to_string()), Ok("00-01-02-0A-0B-FF".into()));
    for bad in ["0:1:2:3:4", "0:1:2:3:4:5:6", "0:1:2:3:4-5", "000:1:2:3:4:5", "+0:1:2:3:4:5", "g:0:0:0:0:0"] {
        assert_eq!(get::<EtherAddr>(bad), Err("parse error".into()), "{bad}");
    }
}

#[test]
fn names_have_suffixes_and_scopes() {
    let mut db = NameDb::new();
    let ip = |n| Ipv4Addr::new(18, 26, 4, n);
    db.insert("info", "net0", Named::Ip(ip(9)));
    db.insert("info", "net0", Named::Prefix(Ipv4Prefix::new(ip(9), 24)));
    db.insert("info", "net0", Named::Ether(EtherAddr([1; 6])));
    db.insert("c/info", "net0", Named::Ip(ip(1)));
    db.insert("info", "web", Named::Tcp(8088));
    let at = |element: &str, text: &str| Ipv4Addr::from_arg(text, &db.for_element(element));
    assert_eq!(at("x", "net0"), Ok(ip(9)));
    assert_eq!(at("x", "net0:ip"), Ok(ip(9)));
    assert_eq!(at("x", "net0:bcast"), Ok(ip(255)));
    assert_eq!(at("x", "net0:GW"), Ok(ip(1)));
    assert_eq!(at("c/x", "net0"), Ok(ip(1)));
    assert_eq!(at("c/d/x", "net0"), Ok(ip(1)));
    assert_eq!(at("d/x", "net0"), Ok(ip(9)));
    assert_eq!(at("x", "net0:eth"), Err("parse error".into()));
    assert_eq!(EtherAddr::from_arg("net0:eth", &db), Ok(EtherAddr([1; 6])));
    assert_eq!(Ipv4Prefix::from_arg("net0:ipnet", &db).map(|p| p.length()), Ok(Some(24)));
    assert_eq!(Ipv4Prefix::from_arg("net0/16", &db).map(|p| p.length()), Ok(Some(16)));
    assert_eq!(TcpPort::from_arg("web", &db), Ok(TcpPort(8088)));
    assert_eq!(UdpPort::from_arg("web", &db), Err("parse error".into()));
    db.insert("info", "net0", Named::Ip(ip(7)));
    assert_eq!(db.ip("net0"), Some(ip(7)));
}

#[test]
fn references() {
    assert_eq!(get::<ElementRef>("a/b@1"), Ok(ElementRef("a/b@1".into())));
    assert_eq!(get::<ElementRef>("a//b"), Err("does not name an element".into()));
    let h = get::<HandlerRef>("a/b.count").unwrap();
    assert_eq!((h.element.as_deref(), &*h.handler), (Some("a/b"), "count"));
    assert_eq!(get::<HandlerRef>("stop").map(|h| h.element), Ok(None));
    assert_eq!(get::<HandlerRef>("a b"), Err("bad handler name ‘a b’".into()));
    assert_eq!(get::<HandlerRef>("a."), Err("bad handler name ‘a.’".into()));
    assert_eq!(get::<AnnoRef>("PAINT"), Ok(AnnoRef { offset: 16, size: 1 }));
    assert_eq!(get::<AnnoRef>("4").and_then(|a| a.sized(4)), Ok(4));
    assert_eq!(get::<AnnoRef>("PAINT").and_then(|a| a.sized(4)), Err("parse error".into()));
    assert_eq!(get::<AnnoRef>("47").and_then(|a| a.sized(4)), Err("parse error".into()));
    assert_eq!(get::<AnnoRef>("48"), Err("parse error".into()));
    assert!(ANNOTATIONS.is_sorted_by(|a, b| a.0 < b.0));
}

#[test]
fn position_and_keyword() {
    let db = NameDb::new();
    for config in [
        "hello, 5, STOP true",
        "DATA hello, LIMIT 5, STOP 1",
        "STOP true, LIMIT 5, DATA hello",
        "hello, STOP true, LIMIT 5",
    ] {
        let mut a = Args::new(config, &db);
        let got = (a.required::<String>("DATA"), a.optional("LIMIT", -1i32), a.keyword("STOP", false));
        assert_eq!(got, ("hello".into(), 5, true), "{config}");
        assert_eq!(a.finish(), Ok(()));
    }
    // The last of several wins; a keyword wins over the position before it.
    let mut a = Args::new("1, LIMIT 2, LIMIT 3", &db);
    assert_eq!(a.optional("LIMIT", 0u8), 3);
    assert_eq!(a.finish(), Ok(()));
    // A mandatory argument may look like a keyword.
    let mut a = Args::new("foo bar, 1", &db);
    assert_eq!(a.required::<Raw>("RULE"), Raw("foo bar".into()));
    assert_eq!(a.optional("N", 0u8), 1);
    // No position after a keyword.
    let mut a = Args::new("A 1, 2", &db);
    assert_eq!((a.optional("A", 0u8), a.optional("B", 0u8)), (1, 0));
    assert_eq!(messages(a), ["too many arguments"]);
}

#[test]
fn all_mistakes_at_once() {
    let db = NameDb::new();
    let mut a = Args::new("x, STP true, LIMIT -3, 7, BURST 1", &db);
    assert_eq!(a.required::<u32>("CAPACITY"), 0);
    assert_eq!(a.keyword("LIMIT", 9u32), 9);
    assert!(!a.keyword("STOP", false));
    assert_eq!(a.required_keyword::<u8>("RATE"), 0);
    a.error_in("BURST", "must be > 0");
    let errors = a.finish().unwrap_err();
    let shown: Vec<&str> = errors.iter().map(|e| &*e.message).collect();
    assert_eq!(
        shown,
        [
            "CAPACITY: invalid number",
            "LIMIT: invalid number",
            "RATE: required argument missing",
            "BURST: must be > 0",
            "STP: unknown argument",
            "BURST: unknown argument",
            "too many arguments",
        ]
    );
    assert_eq!(errors[4].hint.as_deref(), Some("did you mean ‘STOP’?"));
    assert_eq!(errors[6].hint.as_deref(), Some("expected ‘CAPACITY, RATE value, [keywords LIMIT, STOP]’"));
    let mut a = Args::new("", &db);
    let _: Bytes = a.required("DATA");
    assert_eq!(messages(a), ["DATA: required argument missing"]);
    let none = Args::new("1", &db).finish().unwrap_err();
    assert_eq!(none[0].hint.as_deref(), Some("expected no arguments"));
}

#[test]
fn variadic_arguments() {
    let db = NameDb::new();
    let mut a = Args::new("allow src 1.2.3.4, deny all, 12/0800, CACHE 5", &db);
    assert!(a.has("CACHE"));
    assert_eq!(a.keyword_some("CACHE"), Some(5u8));
    assert_eq!(a.left(), 3);
    assert_eq!(a.rest_strings(), ["allow src 1.2.3.4", "deny all", "12/0800"]);
    assert_eq!(a.finish(), Ok(()));
    let mut a = Args::new("1, 2, x, V 3, V 4, OLD 1", &db);
    a.ignore("OLD");
    assert_eq!(a.keyword_all::<u8>("V"), [3, 4]);
    assert_eq!(a.all_positional::<u8>("PORT"), [1, 2]);
    assert_eq!(a.optional_some::<u8>("N"), None);
    assert_eq!(messages(a), ["PORT: invalid number"]);
}

proptest! {
    #[test]
    fn quoting_round_trips(data in prop::collection::vec(any::<u8>(), 0..60)) {
        let q = quote(&data);
        prop_assert_eq!(unquote(&q), data);
        prop_assert_eq!(split_args(&q), [q.clone()]);
    }

    #[test]
    fn no_text_panics(text in "[\\PC\n\"'/*\\\\<>$(){},é]*") {
        let db = NameDb::new();
        let _ = split_args(&text);
        let _ = split_words(&text);
        let _ = unquote(&text);
        let _ = expand(&text, &|_| Some("v"));
        let mut a = Args::new(&text, &db);
        let _: String = a.required("A");
        let _: Bytes = a.optional("B", Bytes::default());
        let _ = a.rest_strings();
        let _ = a.finish();
        let all = [
            get::<i64>(&text).is_ok(), get::<Interval>(&text).is_ok(), get::<Bandwidth>(&text).is_ok(),
            get::<f64>(&text).is_ok(), get::<Fraction>(&text).is_ok(), get::<Ipv4Prefix>(&text).is_ok(),
            get::<Ipv6Prefix>(&text).is_ok(), get::<EtherAddr>(&text).is_ok(), get::<HandlerRef>(&text).is_ok(),
            get::<AnnoRef>(&text).is_ok(), get::<TcpPort>(&text).is_ok(),
        ];
        prop_assert!(all.len() == 11);
    }

    #[test]
    fn numbers_read_back(n in any::<i64>(), digits in "[0-9]{1,30}(\\.[0-9]{0,30})?(e-?[0-9]{1,4})?") {
        prop_assert_eq!(get::<i64>(&n.to_string()), Ok(n));
        prop_assert!(get::<Interval>(&digits).is_ok());
    }
}

#[test]
fn positions_may_follow_keywords_that_were_consumed() {
    let names = NameDb::new();
    let mut args = Args::new("TABLE t, 5, LIMIT 3, 6", &names);
    assert_eq!((args.keyword("LIMIT", 0u32), args.keyword("TABLE", Word::default()).0.as_str()), (3, "t"));
    args.consume();
    assert_eq!((args.left(), args.required::<u32>("A"), args.required::<u32>("B")), (2, 5, 6));
    assert_eq!(args.finish(), Ok(()));
}
