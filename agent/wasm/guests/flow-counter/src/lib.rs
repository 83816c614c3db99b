//! Counts packets per flow of IPv4: addresses, ports and protocol. Packets pass unchanged.
//!
//! Statistics: `flows`, `packets` (of flows), `other` (no IPv4, or no room for another flow), and a line for each flow, as
//! `10.0.0.1:1000>10.0.0.2:53/17=7`, as many as there is room for. The flows move to a later version of the module.
#![no_std]
#![forbid(unsafe_code)]

use core::fmt::Write as _;
use sluice_guest::{Batch, Function, Packet, Stateful, Text};

/// Flows at most; a power of two.
const FLOWS: usize = 4096;
/// Places that a flow may be in, from the one that its hash says.
const TRIES: usize = 16;
/// Bytes of a flow: protocol 1, source 4, destination 4, ports 2 and 2 as in the packet; count 8, little-endian.
const FLOW: usize = KEY + 8;
const KEY: usize = 13;

/// A free place has protocol and addresses zero, which no packet has.
struct Counter {
    flows: [[u8; FLOW]; FLOWS],
    other: u64,
}

fn key(p: &Packet<'_>) -> Option<[u8; KEY]> {
    let data = p.data();
    let at = match p.network() {
        Some(at) => at,
        None if data.get(12..14)? == [8, 0] => 14,
        None => return None,
    };
    let ip = data.get(at..)?;
    let (first, addresses) = (*ip.first()?, ip.get(12..20)?);
    if first >> 4 != 4 || addresses.iter().all(|&b| b == 0) {
        return None;
    }
    let mut key = [0; KEY];
    key[0] = *ip.get(9)?;
    key[1..9].copy_from_slice(addresses);
    // Only first fragments have ports.
    let fragment = u16::from_be_bytes([*ip.get(6)?, *ip.get(7)?]) & 0x1fff;
    if matches!(key[0], 6 | 17) && fragment == 0 {
        key[9..13].copy_from_slice(ip.get(usize::from(first & 15) * 4..)?.get(..4)?);
    }
    Some(key)
}

/// FNV-1a, folded. Who sends packets can make flows collide; they are counted as `other` then.
fn hash(key: &[u8; KEY]) -> usize {
    let h = key.iter().fold(0x811c_9dc5u32, |h, &b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    (h ^ (h >> 15)) as usize
}

impl Counter {
    fn count(&mut self, key: &[u8; KEY]) -> bool {
        let first = hash(key);
        for i in 0..TRIES {
            let Some(flow) = self.flows.get_mut((first + i) % FLOWS) else { return false };
            let Some((k, n)) = flow.split_first_chunk_mut::<KEY>() else { return false };
            if k[..9] == [0; 9] {
                *k = *key;
            }
            if k == key {
                let count = number(n).wrapping_add(1);
                n.copy_from_slice(&count.to_le_bytes());
                return true;
            }
        }
        false
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |b| u64::from_le_bytes(*b))
}

impl Function for Counter {
    fn process(&mut self, batch: &mut Batch<'_>) {
        for p in batch.packets() {
            if !key(&p).is_some_and(|k| self.count(&k)) {
                self.other += 1;
            }
        }
    }
    fn statistics(&mut self, out: &mut Text) {
        let used = || self.flows.iter().filter(|f| f[..9] != [0; 9]);
        let packets: u64 = used().map(|f| number(&f[KEY..])).sum();
        let _ = writeln!(out, "flows={}\npackets={packets}\nother={}", used().count(), self.other);
        for f in used() {
            let port = |at: usize| u16::from_be_bytes([f[at], f[at + 1]]);
            let (s, d) = (&f[1..5], &f[5..9]);
            let line = writeln!(
                out,
                "{}.{}.{}.{}:{}>{}.{}.{}.{}:{}/{}={}",
                s[0],
                s[1],
                s[2],
                s[3],
                port(9),
                d[0],
                d[1],
                d[2],
                d[3],
                port(11),
                f[0],
                number(&f[KEY..])
            );
            if line.is_err() {
                break; // the text is full
            }
        }
    }
}

impl Stateful for Counter {
    fn snapshot(&mut self) -> &[u8] {
        self.flows.as_flattened()
    }
    fn restore(&mut self, state: &[u8]) -> bool {
        let mine = self.flows.as_flattened_mut();
        let fits = mine.len() == state.len();
        if fits {
            mine.copy_from_slice(state);
        }
        fits
    }
}

sluice_guest::function!(Counter = Counter { flows: [[0; FLOW]; FLOWS], other: 0 }, stateful);
