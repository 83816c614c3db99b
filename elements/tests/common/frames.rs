//! Packets as text, for cases. Built by hand, so that the wire code under test is not its own judge.
//!
//! Layers separated by ` / `, outermost first; annotations after ` | `:
//! `eth SRC DST [TYPE]`, `vlan ID [pcp=N]`, `arp request|reply SHA SPA THA TPA`,
//! `ip SRC DST [ttl= tos= id= off= proto= sum= opts=HEX len= df mf]`, `udp SPORT DPORT [sum=]`,
//! `tcp SPORT DPORT [flags=SA seq= ack= win= sum=]`, `icmp TYPE CODE [rest=HEX]`, `zeros N`,
//! `text WORDS`, `hex BYTES`, `nsh SPI SI [ttl= md= next= ver= u= len= ctx=HEX tlvs=HEX oam]` (`len=` in words, `u=` the five
//! unassigned bits), `vxlan VNI`, `vxlan-gpe VNI [next= flags=]`, `gre TYPE [key=]`. `sum=` overrides the checksum that is otherwise right; an EtherType or
//! protocol that is left out comes from the next layer.
use std::net::Ipv4Addr;

/// A packet and the annotations that its line names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub bytes: Vec<u8>,
    pub annotations: Vec<(String, String)>,
}

pub fn parse(line: &str) -> Line {
    let (packet, annotations) = line.split_once(" | ").unwrap_or((line, ""));
    let layers: Vec<&str> = packet.split(" / ").map(str::trim).collect();
    let annotations = annotations
        .split_whitespace()
        .map(|a| a.split_once('=').unwrap_or_else(|| panic!("annotation {a}: NAME=VALUE")))
        .map(|(n, v)| (n.to_string(), v.to_string()))
        .collect();
    Line { bytes: build(&layers), annotations }
}

pub fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != ':').collect();
    assert!(digits.len().is_multiple_of(2), "odd number of digits: {text}");
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).expect("hex digits")).collect()
}

fn sum(parts: &[&[u8]]) -> u16 {
    let mut all: Vec<u8> = parts.concat();
    if all.len() % 2 == 1 {
        all.push(0);
    }
    let mut s: u32 = all.chunks(2).map(|w| u32::from(w[0]) << 8 | u32::from(w[1])).sum();
    while s > 0xffff {
        s = (s >> 16) + (s & 0xffff);
    }
    !(s as u16)
}

fn number(text: &str) -> u32 {
    match text.strip_prefix("0x") {
        Some(h) => u32::from_str_radix(h, 16).expect("hexadecimal number"),
        None => text.parse().unwrap_or_else(|_| panic!("{text} is no number")),
    }
}

fn mac(text: &str) -> Vec<u8> {
    match text {
        "broadcast" => vec![0xff; 6],
        _ => hex(&text.replace('-', "")),
    }
}

struct Words<'a>(Vec<&'a str>);
impl Words<'_> {
    fn at(&self, i: usize) -> &str {
        self.0.get(i).unwrap_or_else(|| panic!("too few words: {:?}", self.0))
    }
    fn option(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|w| w.strip_prefix(name)?.strip_prefix('='))
    }
    fn number(&self, name: &str, default: u32) -> u32 {
        self.option(name).map_or(default, number)
    }
    fn flag(&self, name: &str) -> bool {
        self.0.contains(&name)
    }
}

fn ether_type(layer: Option<&&str>) -> u16 {
    match layer.and_then(|l| l.split_whitespace().next()) {
        Some("ip") => 0x0800,
        Some("arp") => 0x0806,
        Some("vlan") => 0x8100,
        Some("nsh") => 0x894f,
        _ => 0x88b5,
    }
}

fn build(layers: &[&str]) -> Vec<u8> {
    let Some((first, inner)) = layers.split_first() else { return Vec::new() };
    let w = Words(first.split_whitespace().collect());
    match w.at(0) {
        "eth" => {
            let kind = w.0.get(3).map_or(ether_type(inner.first()), |t| number(t) as u16);
            [mac(w.at(2)), mac(w.at(1)), kind.to_be_bytes().to_vec(), build(inner)].concat()
        }
        "vlan" => {
            let tci = (w.number("pcp", 0) << 13 | number(w.at(1))) as u16;
            let kind = w.option("type").map_or(ether_type(inner.first()), |t| number(t) as u16);
            [tci.to_be_bytes().to_vec(), kind.to_be_bytes().to_vec(), build(inner)].concat()
        }
        "arp" => {
            let op = if w.at(1) == "request" { 1u8 } else { 2 };
            let ip = |t: &str| t.parse::<Ipv4Addr>().expect("address").octets().to_vec();
            [vec![0, 1, 8, 0, 6, 4, 0, op], mac(w.at(2)), ip(w.at(3)), mac(w.at(4)), ip(w.at(5)), build(inner)].concat()
        }
        "ip" => ip(&w, inner),
        "icmp" => {
            let rest = w.option("rest").map_or(vec![0; 4], hex);
            let mut b = [vec![number(w.at(1)) as u8, number(w.at(2)) as u8, 0, 0], rest, build(inner)].concat();
            let s = w.option("sum").map_or(sum(&[&b]), |s| number(s) as u16);
            b[2..4].copy_from_slice(&s.to_be_bytes());
            b
        }
        "nsh" => nsh(&w, inner),
        "vxlan" => [vec![8, 0, 0, 0], (number(w.at(1)) << 8).to_be_bytes().to_vec(), build(inner)].concat(),
        "vxlan-gpe" => {
            let head = vec![w.number("flags", 0x0c) as u8, 0, 0, w.number("next", 4) as u8];
            [head, (number(w.at(1)) << 8).to_be_bytes().to_vec(), build(inner)].concat()
        }
        "gre" => {
            let key = w.option("key").map_or(Vec::new(), |k| number(k).to_be_bytes().to_vec());
            let flags = if key.is_empty() { vec![0, 0] } else { vec![0x20, 0] };
            [flags, (number(w.at(1)) as u16).to_be_bytes().to_vec(), key, build(inner)].concat()
        }
        "zeros" => [vec![0; number(w.at(1)) as usize], build(inner)].concat(),
        "text" => [first["text".len()..].trim().as_bytes().to_vec(), build(inner)].concat(),
        "hex" => [hex(&first["hex".len()..]), build(inner)].concat(),
        "udp" | "tcp" => panic!("{first}: needs ip before it"),
        _ => panic!("unknown layer: {first}"),
    }
}

/// MD type 1 if `ctx=` is there or nothing says otherwise, else 2.
fn nsh(w: &Words<'_>, inner: &[&str]) -> Vec<u8> {
    let context = match (w.option("ctx"), w.option("tlvs")) {
        (Some(ctx), _) => hex(ctx),
        (None, Some(tlvs)) => hex(tlvs),
        (None, None) => vec![0; if w.number("md", 1) == 1 { 16 } else { 0 }],
    };
    let md = w.number("md", if w.option("tlvs").is_some() { 2 } else { 1 });
    let layer = inner.first().and_then(|l| l.split_whitespace().next());
    let kinds = [("ip", 1), ("ip6", 2), ("eth", 3), ("nsh", 4)];
    let next = layer.and_then(|l| kinds.iter().find(|k| k.0 == l)).map_or(0, |k| k.1);
    let next = w.option("next").map_or(next, number);
    let len = w.number("len", (8 + context.len() as u32) / 4);
    let u = w.number("u", 0);
    let base =
        w.number("ver", 0) << 14 | u32::from(w.flag("oam")) << 13 | (u >> 4) << 12 | w.number("ttl", 63) << 6 | len;
    let head = vec![(base >> 8) as u8, base as u8, ((u & 15) << 4 | md) as u8, next as u8];
    let path = (number(w.at(1)) << 8 | number(w.at(2))).to_be_bytes().to_vec();
    [head, path, context, build(inner)].concat()
}

fn ip(w: &Words<'_>, inner: &[&str]) -> Vec<u8> {
    let address = |t: &str| t.parse::<Ipv4Addr>().expect("address").octets();
    let (src, dst) = (address(w.at(1)), address(w.at(2)));
    let options = w.option("opts").map_or(Vec::new(), hex);
    assert!(options.len().is_multiple_of(4), "options: a multiple of 4 bytes");
    let (proto, payload) = match inner.first().map(|l| Words(l.split_whitespace().collect())) {
        Some(t) if t.at(0) == "udp" => (17, udp(&t, src, dst, &inner[1..])),
        Some(t) if t.at(0) == "tcp" => (6, tcp(&t, src, dst, &inner[1..])),
        Some(t) if t.at(0) == "icmp" => (1, build(inner)),
        Some(t) if t.at(0) == "ip" => (4, build(inner)),
        Some(t) if t.at(0) == "gre" => (47, build(inner)),
        _ => (253, build(inner)),
    };
    let len = w.number("len", (20 + options.len() + payload.len()) as u32) as u16;
    let fragment = u32::from(w.flag("df")) << 14 | u32::from(w.flag("mf")) << 13 | (w.number("off", 0) / 8);
    let mut b = vec![0x40 | (5 + options.len() / 4) as u8, w.number("tos", 0) as u8];
    b.extend(len.to_be_bytes());
    b.extend((w.number("id", 0) as u16).to_be_bytes());
    b.extend((fragment as u16).to_be_bytes());
    b.extend([w.number("ttl", 64) as u8, w.number("proto", proto) as u8, 0, 0]);
    b.extend(src);
    b.extend(dst);
    b.extend(options);
    let s = w.option("sum").map_or(sum(&[&b]), |s| number(s) as u16);
    b[10..12].copy_from_slice(&s.to_be_bytes());
    b.extend(payload);
    b
}

fn udp(w: &Words<'_>, src: [u8; 4], dst: [u8; 4], inner: &[&str]) -> Vec<u8> {
    let payload = build(inner);
    let len = (w.number("len", 8 + payload.len() as u32) as u16).to_be_bytes();
    let ports = [number(w.at(1)) as u16, number(w.at(2)) as u16].map(u16::to_be_bytes).concat();
    let mut b = [ports, len.to_vec(), vec![0, 0], payload].concat();
    let right = match sum(&[&src, &dst, &[0, 17], &len, &b]) {
        0 => 0xffff,
        s => s,
    };
    let s = w.option("sum").map_or(right, |s| number(s) as u16);
    b[6..8].copy_from_slice(&s.to_be_bytes());
    b
}

fn tcp(w: &Words<'_>, src: [u8; 4], dst: [u8; 4], inner: &[&str]) -> Vec<u8> {
    let flags = w
        .option("flags")
        .unwrap_or("A")
        .chars()
        .fold(0u8, |f, c| f | 1 << "FSRPAUEC".find(c).unwrap_or_else(|| panic!("flag {c}")));
    let mut b = [number(w.at(1)) as u16, number(w.at(2)) as u16].map(u16::to_be_bytes).concat();
    b.extend(w.number("seq", 0).to_be_bytes());
    b.extend(w.number("ack", 0).to_be_bytes());
    b.extend([0x50, flags]);
    b.extend((w.number("win", 1024) as u16).to_be_bytes());
    b.extend([0, 0, 0, 0]);
    b.extend(build(inner));
    let len = (b.len() as u16).to_be_bytes();
    let s = w.option("sum").map_or(sum(&[&src, &dst, &[0, 6], &len, &b]), |s| number(s) as u16);
    b[16..18].copy_from_slice(&s.to_be_bytes());
    b
}
