//! The ARP table: which Ethernet address an IP address has, and the packets that wait for one.
//!
//! Invariants: `ages` holds each entry once, under the entry's `age`, oldest first; `packets` is the
//! number of packets in all entries. Times are milliseconds since the epoch, the resolution at which
//! Click orders entries.
use crate::print::time::Seconds;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use core::net::Ipv4Addr;
use hashbrown::HashMap;
use sluice_dataplane::args::{Args, EtherAddr, Interval};
use sluice_dataplane::handler::{HandlerError, value};
use sluice_dataplane::info::Arg;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// Where dropped packets go.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(Packet, Reason);

/// The arguments that limit a table.
pub(crate) const ARGS: [Arg; 5] = [
    Arg::keyword("CAPACITY", "packets", "2048", "packets that may wait, in all; 0 for no limit"),
    Arg::keyword("ENTRY_CAPACITY", "entries", "0", "entries; 0 for no limit"),
    Arg::keyword("ENTRY_PACKET_CAPACITY", "packets", "0", "packets that may wait for one address; 0 for no limit"),
    Arg::keyword("CAPACITY_SLIM_FACTOR", "number", "2", "a full table drops one packet in so many, the oldest first"),
    Arg::keyword("TIMEOUT", "seconds", "300", "how long an entry holds; 0 for ever"),
];

/// How large a table may grow.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Waiting packets; 0: no limit. So in the next two.
    packets: usize,
    entries: usize,
    entry_packets: usize,
    slim_factor: usize,
    /// Milliseconds; 0: entries hold for ever.
    pub(crate) timeout: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { packets: 2048, entries: 0, entry_packets: 0, slim_factor: 2, timeout: 300_000 }
    }
}

impl Limits {
    pub(crate) fn configure(args: &mut Args<'_>) -> Limits {
        let mut size = |name, default: u32| args.keyword(name, default) as usize;
        let (packets, entries) = (size("CAPACITY", 2048), size("ENTRY_CAPACITY", 0));
        let (entry_packets, slim_factor) = (size("ENTRY_PACKET_CAPACITY", 0), size("CAPACITY_SLIM_FACTOR", 2));
        let timeout = args.keyword("TIMEOUT", Interval(300_000_000_000)).0.div_ceil(1_000_000);
        if slim_factor == 0 {
            args.error("CAPACITY_SLIM_FACTOR cannot be zero");
        }
        Limits { packets, entries, entry_packets, slim_factor: slim_factor.max(1), timeout }
    }

    /// Milliseconds between two searches for expired entries: whole seconds, one more than the timeout.
    pub(crate) fn sweep(&self) -> Option<u64> {
        (self.timeout > 0).then(|| (self.timeout / 1000 + 1) * 1000)
    }
}

/// Position in the order of age: time of the last sign of life, then a number.
type Age = (u64, i64);

struct Entry {
    /// Broadcast while unknown.
    ether: EtherAddr,
    age: Age,
    polled: u64,
    /// Queries since the last answer.
    polls: u8,
    waiting: VecDeque<Packet>,
}

impl Entry {
    fn is_expired(&self, now: u64, timeout: u64) -> bool {
        timeout > 0 && self.age.0.saturating_add(timeout) < now
    }

    fn is_known(&self, now: u64, timeout: u64) -> bool {
        !self.ether.is_broadcast() && !self.is_expired(now, timeout)
    }

    /// Whether a query may be sent now, and notes that it is: at most ten a second, and after ten
    /// without an answer one in two seconds.
    fn poll(&mut self, now: u64) -> bool {
        let pause = if self.polls >= 10 { 2000 } else { 100 };
        let may = now >= self.polled.saturating_add(pause);
        if may {
            self.polled = now;
            self.polls = self.polls.saturating_add(1);
        }
        may
    }
}

/// What a table knows of an address.
pub(crate) struct Known {
    pub(crate) ether: EtherAddr,
    /// The entry is old: ask again.
    pub(crate) poll: bool,
    /// Packets that still wait: the address was set by a handler.
    pub(crate) waiting: bool,
}

/// An ARP table.
#[derive(Default)]
pub(crate) struct Cache {
    pub(crate) limits: Limits,
    entries: HashMap<Ipv4Addr, Entry>,
    ages: BTreeMap<Age, Ipv4Addr>,
    packets: usize,
    /// Packets dropped for want of an answer or of room.
    pub(crate) drops: u64,
    /// Numbers used last in ages, upwards and downwards.
    up: i64,
    down: i64,
}

impl Cache {
    pub(crate) fn new(limits: Limits) -> Cache {
        Cache { limits, ..Cache::default() }
    }

    /// Entries.
    pub(crate) fn count(&self) -> usize {
        self.entries.len()
    }

    /// Packets that wait.
    pub(crate) fn packets(&self) -> usize {
        self.packets
    }

    pub(crate) fn contains(&self, ip: Ipv4Addr) -> bool {
        self.entries.contains_key(&ip)
    }

    /// The address of `ip`, if it is known. `poll` is the age in milliseconds from which on it should be
    /// asked for again; 0 for never.
    #[inline]
    pub(crate) fn lookup(&mut self, ip: Ipv4Addr, now: u64, poll: u64) -> Option<Known> {
        let timeout = self.limits.timeout;
        let e = self.entries.get_mut(&ip).filter(|e| e.is_known(now, timeout))?;
        let old = poll > 0 && now >= e.age.0.saturating_add(poll);
        Some(Known { ether: e.ether, poll: old && e.poll(now), waiting: !e.waiting.is_empty() })
    }

    fn youngest(&mut self, now: u64) -> Age {
        self.up += 1;
        (now, self.up)
    }

    /// The entry of `ip`, made if need be; then the oldest make room for it.
    fn ensure(&mut self, ip: Ipv4Addr, now: u64, drop: Sink<'_>) {
        if self.entries.contains_key(&ip) {
            return;
        }
        if self.limits.entries > 0 && self.entries.len() >= self.limits.entries {
            self.slim(now, (1, 0), drop);
        }
        let age = self.youngest(now);
        let ether = EtherAddr::BROADCAST;
        let polled = now.saturating_sub(1000);
        self.entries.insert(ip, Entry { ether, age, polled, polls: 0, waiting: VecDeque::new() });
        self.ages.insert(age, ip);
    }

    /// Notes that `ip` has address `ether` (unknown if that is broadcast).
    pub(crate) fn insert(&mut self, ip: Ipv4Addr, ether: EtherAddr, now: u64, drop: Sink<'_>) {
        self.ensure(ip, now, drop);
        let age = self.youngest(now);
        if let Some(e) = self.entries.get_mut(&ip) {
            self.ages.remove(&e.age);
            self.ages.insert(age, ip);
            (e.ether, e.age, e.polls, e.polled) = (ether, age, 0, now.saturating_sub(1000));
        }
    }

    /// The packets that wait for `ip`, oldest first.
    pub(crate) fn take_waiting(&mut self, ip: Ipv4Addr) -> VecDeque<Packet> {
        let waiting = self.entries.get_mut(&ip).map(|e| core::mem::take(&mut e.waiting)).unwrap_or_default();
        self.packets -= waiting.len();
        waiting
    }

    /// Lets a packet wait for the address of `ip`, which is not known. True: send a query.
    pub(crate) fn append(&mut self, ip: Ipv4Addr, p: Packet, now: u64, drop: Sink<'_>) -> bool {
        self.ensure(ip, now, drop);
        self.keep_alive(ip, now);
        let most = self.limits.entry_packets;
        if most > 0 && self.entries.get(&ip).is_some_and(|e| e.waiting.len() >= most) {
            self.drops += 1;
            drop(p, Reason::QueueFull);
        } else {
            if self.limits.packets > 0 && self.packets >= self.limits.packets {
                self.slim(now, (0, 1), drop);
            }
            match self.entries.get_mut(&ip) {
                Some(e) => {
                    e.waiting.push_back(p);
                    self.packets += 1;
                }
                None => {
                    self.drops += 1;
                    drop(p, Reason::Unresolved);
                }
            }
        }
        self.entries.get_mut(&ip).is_some_and(|e| e.poll(now))
    }

    /// Somebody still wants to reach `ip`: its entry may be the next to expire, but has not yet.
    fn keep_alive(&mut self, ip: Ipv4Addr, now: u64) {
        let least = now.saturating_sub(self.limits.timeout);
        let Some(e) = self.entries.get_mut(&ip).filter(|e| e.age.0 < least) else { return };
        if self.limits.timeout > 0 {
            self.down -= 1; // before all others of that time
            self.ages.remove(&e.age);
            e.age = (least, self.down);
            self.ages.insert(e.age, ip);
        }
    }

    /// Removes expired entries, makes room for `more` entries, then for `more` packets: a table full of
    /// packets loses several at once, so that not each packet costs a search.
    pub(crate) fn slim(&mut self, now: u64, more: (usize, usize), drop: Sink<'_>) {
        let limits = self.limits;
        while let Some((&age, &ip)) = self.ages.first_key_value() {
            let expired = self.entries.get(&ip).is_none_or(|e| e.is_expired(now, limits.timeout));
            if !expired && (limits.entries == 0 || self.entries.len() + more.0 <= limits.entries) {
                break;
            }
            self.ages.remove(&age);
            for p in self.entries.remove(&ip).map(|e| e.waiting).unwrap_or_default() {
                self.packets -= 1;
                self.drops += 1;
                drop(p, Reason::Unresolved);
            }
        }
        if limits.packets == 0 || self.packets + more.1 <= limits.packets {
            return;
        }
        let target = (limits.packets - limits.packets / limits.slim_factor).max(1);
        for ip in self.ages.values() {
            let Some(e) = self.entries.get_mut(ip) else { continue };
            while self.packets + more.1 > target
                && let Some(p) = e.waiting.pop_front()
            {
                self.packets -= 1;
                self.drops += 1;
                drop(p, Reason::QueueFull);
            }
            if self.packets + more.1 <= target {
                break;
            }
        }
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self, drop: Sink<'_>) {
        while let Some(p) = self.release() {
            self.drops += 1;
            drop(p, Reason::QueueReset);
        }
        self.entries.clear();
        self.ages.clear();
    }

    /// Forgets the address of `ip`.
    pub(crate) fn delete(&mut self, ip: Ipv4Addr) {
        if let Some(e) = self.entries.get_mut(&ip) {
            e.ether = EtherAddr::BROADCAST;
        }
    }

    /// Takes a waiting packet out, those of the oldest entry first; entries that are emptied go too.
    pub(crate) fn release(&mut self) -> Option<Packet> {
        loop {
            let (&age, &ip) = self.ages.first_key_value()?;
            if let Some(p) = self.entries.get_mut(&ip).and_then(|e| e.waiting.pop_front()) {
                self.packets -= 1;
                return Some(p);
            }
            self.ages.remove(&age);
            self.entries.remove(&ip);
        }
    }

    /// Takes over what `old` holds; the limits stay.
    pub(crate) fn take(&mut self, old: &mut Cache) {
        let limits = self.limits;
        *self = Cache { limits, ..core::mem::take(old) };
    }

    /// The `table` handler: IP address, whether its address is known, the address, seconds since the
    /// last sign of life; the oldest entry first.
    pub(crate) fn table(&self, now: u64) -> String {
        let timeout = self.limits.timeout;
        self.ages.values().filter_map(|ip| Some((ip, self.entries.get(ip)?))).fold(String::new(), |text, (ip, e)| {
            let age = Seconds(now.saturating_sub(e.age.0).saturating_mul(1_000_000));
            text + &format!("{ip} {} {} {age}\n", u8::from(e.is_known(now, timeout)), e.ether)
        })
    }
}

/// What is written to an `insert` handler: `IP ETH`.
pub(crate) fn mapping(text: &str) -> Result<(Ipv4Addr, EtherAddr), HandlerError> {
    let mut words = text.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(ip), Some(ether), None) => Ok((value(ip, "IP")?, value(ether, "ETH")?)),
        _ => Err("expected ‘IP ETH’".into()),
    }
}

#[cfg(test)]
mod tests;
