//! The words of the filter language, and what they may mean.
use super::primitive::{Field, Kind};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use sluice_dataplane::args::{FromArg, IpProto, NameDb, TcpPort, UdpPort};
use sluice_dataplane::wire::ip_proto::{ICMP, TCP, UDP};

/// Protocols that are none: TCP or UDP; any transport protocol. Click's numbers.
pub(super) const TCP_OR_UDP: u32 = 257;
pub(super) const TRANSP: u32 = 258;
const PAYLOAD: u32 = 259;

/// Takes a pattern apart: operators, brackets, and runs of letters, digits and `-./@_:`.
pub(super) fn split(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(&c) = bytes.get(at) {
        if c.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let next = bytes.get(at + 1).copied();
        let length = match c {
            b'&' | b'|' if next == Some(c) => 2,
            b'<' | b'>' | b'!' | b'=' if next == Some(b'=') => 2,
            b'&' | b'|' | b'<' | b'>' | b'!' | b'=' | b'(' | b')' | b'[' | b']' | b',' | b';' | b'?' => 1,
            _ => {
                let run = bytes[at..].iter().take_while(|c| c.is_ascii_alphanumeric() || b"-./@_:".contains(c)).count();
                // A character of no word stands alone, whole.
                if run > 0 { run } else { text[at..].chars().next().map_or(1, char::len_utf8) }
            }
        };
        words.push(&text[at..at + length]);
        at += length;
    }
    words
}

/// The directives by name, sorted.
const KINDS: [(&str, Kind); 19] = [
    ("ce", Kind::Ce),
    ("dscp", Kind::Field(Field::ip(8, 6))),
    ("ecn", Kind::Field(Field::ip(14, 2))),
    ("ect", Kind::Ect),
    ("frag", Kind::Frag),
    ("hl", Kind::Field(Field::ip(4, 4))),
    ("host", Kind::Host),
    ("id", Kind::Field(Field::ip(32, 16))),
    ("len", Kind::Field(Field::ip(16, 16))),
    ("net", Kind::Net),
    ("opt", Kind::TcpOpt),
    ("port", Kind::Port),
    ("proto", Kind::Proto),
    ("tos", Kind::Field(Field::TOS)),
    ("ttl", Kind::Field(Field::ip(64, 8))),
    ("type", Kind::Field(Field::ICMP_TYPE)),
    ("unfrag", Kind::Unfrag),
    ("vers", Kind::Field(Field::ip(0, 4))),
    ("win", Kind::Field(Field::of(TCP as u32, 112, 16))),
];
/// Flags of the TCP header (RFC 9293 section 3.1).
const TCP_FLAGS: [(&str, u32); 6] = [("ack", 16), ("fin", 1), ("psh", 8), ("rst", 4), ("syn", 2), ("urg", 32)];
/// ICMP types (RFC 792, RFC 950, RFC 1256).
const ICMP_TYPES: [(&str, u32); 15] = [
    ("echo", 8),
    ("echo-reply", 0),
    ("inforeq", 15),
    ("inforeq-reply", 16),
    ("maskreq", 17),
    ("maskreq-reply", 18),
    ("parameterproblem", 12),
    ("redirect", 5),
    ("routeradvert", 9),
    ("routersolicit", 10),
    ("sourcequench", 4),
    ("timeexceeded", 11),
    ("timestamp", 13),
    ("timestamp-reply", 14),
    ("unreachable", 3),
];

/// What a word was taken for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Meaning {
    /// Nothing that is known.
    Unknown,
    /// A directive.
    Directive(Kind),
    /// A value of this kind of directive.
    Value(Kind, u32),
    /// A known name, but not one that can stand here; says why.
    Wrong(String),
}

fn row<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    table.binary_search_by(|r| r.0.cmp(word)).ok().map(|i| table[i].1)
}

/// Looks up a word, where a value of `kind` for `proto` is expected.
pub(super) fn lookup(word: &str, kind: Option<Kind>, proto: Option<u32>, names: &NameDb) -> Meaning {
    if kind.is_none()
        && let Some(k) = row(&KINDS, word)
    {
        return Meaning::Directive(k);
    }
    // Numbers are not names, whatever the readers of ports and protocols make of them.
    let named = !word.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+');
    let protocol = || match word {
        "tcpudp" => Some(TCP_OR_UDP),
        "transp" => Some(TRANSP),
        "payload" => Some(PAYLOAD),
        _ => IpProto::from_arg(word, names).ok().map(|p| p.0.into()),
    };
    let found = [
        (Kind::Proto, protocol().filter(|_| named)),
        (Kind::Port, TcpPort::from_arg(word, names).ok().filter(|_| named).map(|p| p.0.into())),
        (Kind::Port, UdpPort::from_arg(word, names).ok().filter(|_| named).map(|p| p.0.into())),
        (Kind::TcpOpt, row(&TCP_FLAGS, word)),
        (Kind::Field(Field::ICMP_TYPE), row(&ICMP_TYPES, word)),
    ];
    if found.iter().all(|f| f.1.is_none()) {
        return Meaning::Unknown;
    }
    let of = |p: u8| proto.is_none_or(|q| q == u32::from(p) || (q == TCP_OR_UDP && p != ICMP));
    let proto_fits = [true, of(TCP), of(UDP), of(TCP), of(ICMP)];
    let mut fits: Vec<(Kind, u32)> = Vec::new();
    for ((k, value), proto_fits) in found.iter().zip(proto_fits) {
        if let Some(value) = value
            && proto_fits
            && kind.is_none_or(|wanted| wanted == *k)
            && !fits.contains(&(*k, *value))
        {
            fits.push((*k, *value));
        }
    }
    if let [(kind, value)] = fits[..] {
        return Meaning::Value(kind, value);
    }
    let tries: Vec<String> =
        found.iter().filter(|f| f.1.is_some()).map(|f| format!("‘{}’", phrase(Some(f.0), proto, word))).collect();
    let how = if fits.is_empty() { "meaningless" } else { "ambiguous" };
    Meaning::Wrong(format!("‘{}’ is {how}; try {}", phrase(kind, proto, word), tries.join(", ")))
}

/// Directive, protocol and word as one would write them.
fn phrase(kind: Option<Kind>, proto: Option<u32>, word: &str) -> String {
    let kind = kind.map_or("<none>".into(), |k| k.name());
    match proto {
        Some(p) => format!("{kind} {} {word}", proto_name(p)),
        None => format!("{kind}  {word}"),
    }
}

/// A protocol as messages name it.
pub(super) fn proto_name(proto: u32) -> String {
    match proto {
        1 => "icmp".into(),
        2 => "igmp".into(),
        4 => "ipip".into(),
        6 => "tcp".into(),
        17 => "udp".into(),
        TCP_OR_UDP => "tcpudp".into(),
        TRANSP => "transp".into(),
        p => format!("ip proto {p}"),
    }
}
