//! Captured SNMP messages, mutations of them, and a reader that has nothing in common with the one under test: it takes a
//! message apart into all its values before it looks at any.
use super::nsh_frames::Random;
use sluice_dataplane::io::capture::Reader;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The captures of the repository, a file for each version of SNMP.
pub const FILES: [&str; 3] = ["v1.pcap", "v2c.pcap", "v3.pcap"];
/// Bytes before a message in a frame: Ethernet, IPv4 and UDP headers.
pub const BEFORE: usize = 14 + 20 + 8;

/// The folder of the captures, and of the script that makes them.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/snmp")
}

/// The frames of a capture.
pub fn frames(file: &Path) -> Vec<Vec<u8>> {
    let mut capture = Reader::new(std::fs::File::open(file).expect("a file")).expect("a capture");
    let mut all = Vec::new();
    while let Some(record) = capture.next().expect("a record") {
        all.push(record.data.to_vec());
    }
    all
}

/// All captured messages.
pub fn messages() -> Vec<Vec<u8>> {
    let frames = FILES.iter().flat_map(|f| frames(&folder().join(f)));
    frames.map(|f| f[BEFORE..].to_vec()).collect()
}

/// What is in the clear of a message: the version as it is encoded, the PDU as its identifier octet.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Facts {
    pub version: i128,
    pub community: Option<Vec<u8>>,
    pub user: Option<Vec<u8>>,
    pub engine: Option<Vec<u8>>,
    pub context: Option<Vec<u8>>,
    pub pdu: Option<u8>,
}

/// An encoded value: its identifier octet and where its contents are.
type Value = (u8, Range<usize>);

/// The values that fill a range.
fn values(b: &[u8], range: &Range<usize>) -> Option<Vec<Value>> {
    let mut found = Vec::new();
    let mut at = range.start;
    while at < range.end {
        if at + 2 > range.end {
            return None;
        }
        let mut start = at + 2;
        let mut length = u128::from(b[at + 1]);
        if length >= 128 {
            let octets = length as usize - 128;
            if octets == 0 || octets == 127 || start + octets > range.end {
                return None;
            }
            let digits: Vec<u8> = b[start..start + octets].iter().copied().skip_while(|d| *d == 0).collect();
            if digits.len() > 8 {
                return None;
            }
            length = digits.iter().fold(0, |n, d| n * 256 + u128::from(*d));
            start += octets;
        }
        if length > (range.end - start) as u128 {
            return None;
        }
        found.push((b[at], start..start + length as usize));
        at = start + length as usize;
    }
    Some(found)
}

/// The number in an INTEGER of the fewest octets that can hold it.
fn integer(b: &[u8], (tag, range): &Value) -> Option<i128> {
    let octets = b[range.clone()].to_vec();
    if *tag != 2 || octets.is_empty() || octets.len() > 8 {
        return None;
    }
    let sign = if octets[0] > 127 { -1 } else { 0 };
    let n = octets.iter().fold(sign, |n: i128, o| n * 256 + i128::from(*o));
    let fewest = (1..=8).find(|size| (-(1 << (8 * size - 1))..1 << (8 * size - 1)).contains(&n));
    (fewest == Some(octets.len())).then_some(n)
}

/// What a datagram says, if it is an SNMP message.
pub fn read(b: &[u8]) -> Option<Facts> {
    let [(0x30, inside)] = &values(b, &(0..b.len()))?[..] else { return None };
    let parts = values(b, inside)?;
    let version = integer(b, parts.first()?)?;
    let octets = |v: &Value| (v.0 == 4).then(|| b[v.1.clone()].to_vec());
    let facts = Facts { version, ..Facts::default() };
    match (version, &parts[1..]) {
        (0, [community, (pdu @ 0xa0..=0xa4, _)]) | (1, [community, (pdu @ (0xa0..=0xa3 | 0xa5..=0xa8), _)]) => {
            Some(Facts { community: Some(octets(community)?), pdu: Some(*pdu), ..facts })
        }
        (3, [(0x30, head), (4, parameters), data]) => {
            let [id, size, flags, model] = &values(b, head)?[..] else { return None };
            let (id, size, model) = (integer(b, id)?, integer(b, size)?, integer(b, model)?);
            let most = i128::from(i32::MAX);
            if !(0..=most).contains(&id) || !(484..=most).contains(&size) || !(1..=most).contains(&model) {
                return None;
            }
            let [flags] = octets(flags)?[..] else { return None };
            let user = if model == 3 { Some(user(b, parameters)?) } else { None };
            match (flags % 4, data.0) {
                (0 | 1, 0x30) => {
                    let [engine, context, (pdu @ (0xa0..=0xa3 | 0xa5..=0xa8), _)] = &values(b, &data.1)?[..] else {
                        return None;
                    };
                    let (engine, context) = (Some(octets(engine)?), Some(octets(context)?));
                    Some(Facts { user, engine, context, pdu: Some(*pdu), ..facts })
                }
                (3, 4) => Some(Facts { user, ..facts }),
                _ => None,
            }
        }
        _ => None,
    }
}

fn user(b: &[u8], parameters: &Range<usize>) -> Option<Vec<u8>> {
    let [(0x30, inside)] = &values(b, parameters)?[..] else { return None };
    let [(4, _), boots, time, (4, name), (4, _), (4, _)] = &values(b, inside)?[..] else { return None };
    let in_range = |v: &Value| integer(b, v).is_some_and(|n| (0..=i128::from(i32::MAX)).contains(&n));
    (in_range(boots) && in_range(time) && name.len() <= 32).then(|| b[name.clone()].to_vec())
}

/// A message with a few changes: octets, mostly of what comes early, that are others, there twice or gone; an end cut off,
/// or another message's.
pub fn mutated(seeds: &[Vec<u8>], r: &mut Random) -> Vec<u8> {
    let mut m = seeds[r.below(seeds.len())].clone();
    for _ in 0..r.below(4) {
        let early = if r.once_in(3) { m.len() } else { m.len().min(60) };
        let at = r.below(early.max(1)).min(m.len().saturating_sub(1));
        if m.is_empty() {
            break;
        }
        match r.below(10) {
            0..=3 => m[at] = r.below(256) as u8,
            4 => m[at] ^= 1 << r.below(8),
            5 => m[at] = m[at].wrapping_add(r.one(&[1, 255])),
            // What lengths, versions and PDUs are made of.
            6 => {
                m[at] = r
                    .one(&[0, 1, 2, 3, 4, 0x30, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xa0, 0xa1, 0xa3, 0xa4, 0xa5, 0xa8, 0xff])
            }
            7 => m.insert(at, r.below(256) as u8),
            8 => drop(m.remove(at)),
            _ if r.once_in(2) => m.truncate(at),
            _ => {
                let other = &seeds[r.below(seeds.len())];
                m.truncate(at);
                m.extend(other.iter().skip(at));
            }
        }
    }
    if r.once_in(8) { longer_lengths(&m, r) } else { m }
}

/// The same message with more octets in its first length than necessary, which RFC 3417 section 8 permits.
fn longer_lengths(m: &[u8], r: &mut Random) -> Vec<u8> {
    let Some(inside) = values(m, &(0..m.len())).and_then(|v| Some(v.first()?.1.clone())) else { return m.to_vec() };
    let octets = 2 + r.below(5);
    let length = (inside.len() as u64).to_be_bytes();
    [&[m[0], 0x80 | octets as u8], &length[8 - octets..], &m[inside]].concat()
}
