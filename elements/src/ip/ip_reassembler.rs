//! Puts fragments together (RFC 791 section 3.2, by the hole lists of RFC 815).
use super::header;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::any::Any;
use core::ops::Range;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::pool::{MAX_FRAME, STRIDE};
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::{Ipv4, ipv4};

/// Fragments of a packet are given up when none came for so long, nanoseconds.
const TIMEOUT: u64 = 30_000_000_000;

/// Puts fragments together.
pub struct IPReassembler {
    /// Sorted, so that a run depends on nothing but its input.
    parts: BTreeMap<Key, Parts>,
    /// Packets that may be incomplete at a time.
    capacity: usize,
}

/// What the fragments of one packet have in common (RFC 791): source, destination, identification, protocol.
type Key = (u32, u32, u16, u8);

/// The fragments of one packet that came so far.
struct Parts {
    /// Their payloads at their places, zeros between them.
    payload: Packet,
    header: [u8; ipv4::MAX_LEN],
    header_len: usize,
    /// What is missing: sorted, disjoint; the last one is open until the last fragment came.
    holes: Vec<Range<usize>>,
    /// The last fragment came: the payload does not grow any more.
    ended: bool,
    /// When a fragment came last, nanoseconds since the epoch.
    seen: u64,
}

/// The hole of a packet of which nothing came (RFC 815 section 3).
const OPEN: Range<usize> = 0..usize::MAX;

/// Where a fragment belongs.
struct Place {
    start: usize,
    end: usize,
    more: bool,
}

impl Configure for IPReassembler {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        state: State::Single,
        live: true,
        args: &[Arg::keyword("HIMEM", "bytes", "262144", "memory for incomplete packets")],
        doc: "Holds fragments until their packet is complete, which then goes to output 0 with the header and the \
              annotations of its first fragment; what lay before the IP header is gone. Packets that are no fragments \
              pass. Where fragments overlap, the one that came last counts. When no fragment of a packet came for 30 \
              seconds, all that came goes to output 1 as one packet, each fragment at its place, if that output is \
              connected, else it is dropped. Each incomplete packet takes a buffer of 2368 bytes; when HIMEM is used \
              up, the oldest are given up until a quarter of it is free. A packet whose payload is longer than a \
              buffer cannot be put together: its fragments are dropped as `oversize`.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader -> r :: IPReassembler(HIMEM 1048576) -> Discard; \
                  r[1] -> ICMPError(10.0.0.1, timeexceeded, reassembly) -> Discard;",
        see: &["IPFragmenter", "ICMPError", "CheckIPHeader"],
        ..Info::new("IPReassembler", "ip", "puts fragments together")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let himem = args.keyword("HIMEM", 256 * 1024u32) as usize;
        IPReassembler { parts: BTreeMap::new(), capacity: (himem / STRIDE).max(1) }
    }
}

impl Parts {
    /// Everything is missing.
    fn new(payload: Packet) -> Parts {
        let holes = Vec::from([OPEN]);
        Parts { payload, header: [0; ipv4::MAX_LEN], header_len: 0, holes, ended: false, seen: 0 }
    }

    /// Puts a fragment with this header and payload at its place.
    fn add(&mut self, p: &Packet, head: &[u8], data: &[u8], place: &Place) -> Result<(), Reason> {
        let had = self.payload.len();
        if place.end > had {
            if self.ended {
                return Err(Reason::Reassembly);
            }
            if !self.payload.grow(place.end - had) {
                return Err(Reason::Oversize);
            }
        }
        let to = self.payload.data_mut().and_then(|d| d.get_mut(place.start..place.end)).ok_or(Reason::NoBuffer)?;
        to.copy_from_slice(data);
        if place.start == 0 || self.header_len == 0 {
            self.payload.copy_annotations(p);
            self.header_len = head.len().min(ipv4::MAX_LEN);
            self.header.iter_mut().zip(head).for_each(|(to, from)| *to = *from);
        }
        self.ended |= !place.more;
        fill(&mut self.holes, place, self.ended.then(|| self.payload.len()));
        Ok(())
    }

    /// All that came as one packet. Whole, it is no fragment any more; else it keeps the fragment word of the header
    /// that it has, so that ICMPError answers only if the first fragment is there (RFC 1122 section 3.3.2).
    fn finish(self) -> Result<Packet, (Packet, Reason)> {
        let mut p = self.payload;
        if !p.push(self.header_len) {
            return Err((p, Reason::NoHeadroom));
        }
        let total = p.len() as u16;
        let Some(bytes) = p.data_mut() else { return Err((p, Reason::NoBuffer)) };
        bytes.iter_mut().zip(&self.header[..self.header_len]).for_each(|(to, from)| *to = *from);
        if let Ok(ip) = Ipv4::parse_header_mut(bytes) {
            ip.set_total_len(total);
            if self.holes.is_empty() {
                ip.set_fragment_word(ip.fragment_word() & !(ipv4::FLAG_MF | ipv4::OFFSET_MASK));
            } else {
                ip.set_fragment_word(ip.fragment_word() | ipv4::FLAG_MF);
            }
        }
        if ipv4::fill_checksum(bytes).is_err() {
            return Err((p, Reason::BadIp));
        }
        p.set_net_off(0);
        p.set_transport_off(self.header_len);
        Ok(p)
    }
}

/// RFC 815 section 3: takes a fragment out of the holes. `end`: where the packet ends, once that is known.
fn fill(holes: &mut Vec<Range<usize>>, place: &Place, end: Option<usize>) {
    let mut i = 0;
    while let Some(hole) = holes.get(i).cloned() {
        if hole.end <= place.start || hole.start >= place.end {
            i += 1;
            continue;
        }
        let (before, behind) = (hole.start..place.start, place.end..hole.end);
        let left = [before, behind].into_iter().filter(|h| !h.is_empty());
        let n = left.clone().count();
        holes.splice(i..=i, left);
        i += n;
    }
    if let Some(end) = end {
        holes.iter_mut().for_each(|h| h.end = h.end.min(end));
        holes.retain(|h| !h.is_empty());
    }
}

/// The fragment's place, its header and its payload.
fn dissect(p: &Packet) -> Result<(Place, &[u8], &[u8]), Reason> {
    let network = p.network().ok_or(Reason::BadIp)?;
    let (ip, _, data) = Ipv4::parse_full(network).map_err(|_| Reason::BadIp)?;
    let start = ip.fragment_offset();
    let place = Place { start, end: start + data.len(), more: ip.more_fragments() };
    // RFC 791: all fragments but the last are whole units of 8 bytes, and the whole is at most 65,535 bytes long.
    let whole = place.end + ip.header_len() <= usize::from(u16::MAX);
    if data.is_empty() || (place.more && !data.len().is_multiple_of(8)) || !whole {
        return Err(Reason::BadIp);
    }
    if place.end > MAX_FRAME {
        return Err(Reason::Oversize);
    }
    Ok((place, network.get(..ip.header_len()).unwrap_or(&[]), data))
}

impl IPReassembler {
    /// A packet that is whole now, if `p` is one or completes one.
    fn take(&mut self, cx: &mut Context<'_>, p: Packet, now: u64) -> Option<Packet> {
        let Some(ip) = header(&p) else {
            cx.drop(p, Reason::BadIp);
            return None;
        };
        if !ip.is_fragment() {
            return Some(p);
        }
        let key = (ip.src().into(), ip.dst().into(), ip.ident(), ip.protocol());
        let why = match self.add(cx, &p, key, now) {
            Ok(complete) => {
                let stamp = p.timestamp();
                cx.consume(p);
                let parts = if complete { self.parts.remove(&key) } else { None };
                return match parts?.finish() {
                    Ok(mut whole) => {
                        if stamp != 0 {
                            whole.set_timestamp(stamp);
                        }
                        Some(whole)
                    }
                    Err((whole, why)) => {
                        cx.drop(whole, why);
                        None
                    }
                };
            }
            Err(why) => why,
        };
        cx.drop(p, why);
        None
    }

    /// Puts `p` to the others of its packet; tells whether that is complete now.
    fn add(&mut self, cx: &mut Context<'_>, p: &Packet, key: Key, now: u64) -> Result<bool, Reason> {
        let (place, head, data) = dissect(p)?;
        if !self.parts.contains_key(&key) {
            if self.parts.len() >= self.capacity {
                self.give_up_oldest(cx);
            }
            if self.parts.is_empty() {
                cx.timer_at(now.saturating_add(TIMEOUT));
            }
            let payload = cx.alloc().ok_or(Reason::NoBuffer)?;
            self.parts.insert(key, Parts::new(payload));
        }
        let Some(parts) = self.parts.get_mut(&key) else { return Err(Reason::Reassembly) };
        parts.seen = now;
        parts.add(p, head, data, &place)?;
        Ok(parts.holes.is_empty())
    }

    /// Makes a quarter of the memory free.
    fn give_up_oldest(&mut self, cx: &mut Context<'_>) {
        let mut by_age: Vec<(u64, Key)> = self.parts.iter().map(|(key, parts)| (parts.seen, *key)).collect();
        by_age.sort_unstable();
        let surplus = self.parts.len().saturating_sub(self.capacity * 3 / 4);
        by_age.iter().take(surplus).for_each(|(_, key)| self.give_up(cx, key));
    }

    fn give_up(&mut self, cx: &mut Context<'_>, key: &Key) {
        match self.parts.remove(key).map(Parts::finish) {
            Some(Ok(p)) => cx.emit_or_drop(1, p, Reason::Reassembly),
            Some(Err((p, why))) => cx.drop(p, why),
            None => {}
        }
    }

    /// Sets the timer for the packet that times out first.
    fn set_timer(&self, cx: &mut Context<'_>) {
        if let Some(seen) = self.parts.values().map(|parts| parts.seen).min() {
            cx.timer_at(seen.saturating_add(TIMEOUT));
        }
    }
}

impl Element for IPReassembler {
    fn start(&mut self, cx: &mut Context<'_>) {
        self.set_timer(cx);
    }
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        if batch.iter().all(|p| header(p).is_some_and(|ip| !ip.is_fragment())) {
            return;
        }
        let now = cx.now();
        let mut old = cx.spare();
        core::mem::swap(batch, &mut old);
        batch.extend(old.drain().filter_map(|p| self.take(cx, p, now)));
        cx.give_spare(old);
    }
    fn timer(&mut self, cx: &mut Context<'_>, _batch: &mut Batch) {
        let now = cx.now();
        let mut late: Vec<(u64, Key)> = self.parts.iter().map(|(key, parts)| (parts.seen, *key)).collect();
        late.retain(|(seen, _)| seen.saturating_add(TIMEOUT) <= now);
        late.sort_unstable();
        late.iter().for_each(|(_, key)| self.give_up(cx, key));
        self.set_timer(cx);
    }
    fn held(&self) -> usize {
        self.parts.len()
    }
    fn release(&mut self) -> Option<Packet> {
        self.parts.pop_first().map(|(_, parts)| parts.payload)
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<Self>() {
            core::mem::swap(&mut self.parts, &mut old.parts);
            while self.parts.len() > self.capacity
                && let Some((key, parts)) = self.parts.pop_last()
            {
                old.parts.insert(key, parts);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The hole list agrees with a map of bytes, whatever comes in whatever order.
        #[test]
        fn holes_are_what_no_fragment_covered(frags in proptest::collection::vec((0usize..32, 1usize..8), 1..24)) {
            let (mut holes, mut came) = (Vec::from([OPEN]), [false; 64]);
            for (start, length) in frags {
                let place = Place { start, end: start + length, more: true };
                fill(&mut holes, &place, None);
                came[start..start + length].fill(true);
                for (i, came) in came.iter().enumerate() {
                    prop_assert_eq!(holes.iter().any(|h| h.contains(&i)), !came);
                }
                prop_assert!(holes.is_sorted_by(|a, b| a.end < b.start));
            }
            fill(&mut holes, &Place { start: 0, end: 40, more: false }, Some(40));
            prop_assert!(holes.is_empty());
        }
    }
}
