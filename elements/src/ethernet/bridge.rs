//! The learning bridge behind EtherSwitch and ListenEtherSwitch (IEEE 802.1D-2004 clause 7).
//!
//! Invariant: the table holds individual addresses only, each with the port that it was last seen on;
//! it never holds more than `capacity` of them.
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use hashbrown::HashMap;
use sluice_dataplane::args::{Args, EtherAddr, Interval};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::Note;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::Ethernet;

const SECOND: u64 = 1_000_000_000;

/// The arguments of both classes.
pub(crate) const ARGS: &[Arg] = &[
    Arg::keyword("TIMEOUT", "seconds", "300", "how long a silent address is remembered; 0 learns nothing"),
    Arg::keyword("CAPACITY", "addresses", "65536", "addresses remembered at most"),
];

/// The handlers of both classes.
pub(crate) const HANDLERS: &[Handler] = &[
    Handler::read("table", "one line for each address: the address and its port"),
    Handler::read("count", "addresses in the table"),
    Handler::both("timeout", "how long a silent address is remembered, seconds"),
];

/// Where a frame goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    /// To one port.
    To(usize),
    /// To every port but its own.
    Flood,
    /// To no port.
    Nowhere,
}

struct Seen {
    port: usize,
    /// Nanoseconds.
    at: u64,
    /// When the other workers were told last, nanoseconds.
    told: u64,
}

/// A learning bridge.
pub(crate) struct Bridge {
    /// Nanoseconds; 0 learns nothing.
    timeout: u64,
    capacity: usize,
    table: HashMap<EtherAddr, Seen>,
    /// Time of the newest frame. Frames carry their time, so captures age as they did when recorded.
    newest: u64,
    /// No search for expired entries of a full table before this.
    next_purge: u64,
}

impl Bridge {
    pub(crate) fn configure(args: &mut Args<'_>) -> Bridge {
        let timeout = args.keyword("TIMEOUT", Interval(300 * SECOND)).0;
        let capacity = args.keyword("CAPACITY", 65536u32) as usize;
        Bridge { timeout, capacity, table: HashMap::new(), newest: 0, next_purge: 0 }
    }

    fn is_live(&self, seen: &Seen, now: u64) -> bool {
        now < seen.at.saturating_add(self.timeout)
    }

    /// IEEE 802.1D-2004 clause 7.8: notes on which port an individual address was seen. Whether other
    /// workers should hear of it: if it is new, or their entry may be getting old.
    fn learn(&mut self, src: EtherAddr, port: usize, now: u64) -> bool {
        if self.timeout == 0 || src.is_group() {
            return false;
        }
        if let Some(seen) = self.table.get_mut(&src) {
            let news = seen.port != port || now >= seen.told.saturating_add(self.timeout / 4);
            *seen = Seen { port, at: now, told: if news { now } else { seen.told } };
            return news;
        }
        if self.table.len() >= self.capacity && now >= self.next_purge {
            // Searched at most once a second: a flood of made-up sources must not cost a search each.
            self.next_purge = now.saturating_add(SECOND);
            let timeout = self.timeout;
            self.table.retain(|_, seen| now < seen.at.saturating_add(timeout));
        }
        let room = self.table.len() < self.capacity;
        if room {
            self.table.insert(src, Seen { port, at: now, told: now });
        }
        room
    }

    /// What another worker has learned, unless this one knows something newer.
    pub(crate) fn hear(&mut self, note: &Note, lans: usize) {
        let [m0, m1, m2, m3, m4, m5, p0, p1, t0, t1, t2, t3, t4, t5, t6, t7, ..] = *note;
        let (src, port) = (EtherAddr([m0, m1, m2, m3, m4, m5]), usize::from(u16::from_be_bytes([p0, p1])));
        let at = u64::from_be_bytes([t0, t1, t2, t3, t4, t5, t6, t7]);
        let older = self.table.get(&src).is_none_or(|seen| seen.at <= at);
        if older && port < lans {
            self.learn(src, port, at);
        }
    }

    fn forward(&mut self, dst: EtherAddr, port: usize, now: u64) -> Verdict {
        if self.timeout == 0 {
            return Verdict::Flood; // a hub
        }
        if dst.is_bridge_reserved() {
            return Verdict::Nowhere; // clause 7.12.6
        }
        if dst.is_group() {
            return Verdict::Flood;
        }
        match self.table.get(&dst) {
            None => Verdict::Flood,
            Some(seen) if self.is_live(seen, now) => {
                if seen.port == port {
                    Verdict::Nowhere
                } else {
                    Verdict::To(seen.port)
                }
            }
            Some(_) => {
                self.table.remove(&dst); // clause 7.9.2
                Verdict::Flood
            }
        }
    }

    /// Switches the frames that came from LAN `port` between `lans` LANs; a copy of each goes to output
    /// `listen`, if there is one.
    pub(crate) fn switch(
        &mut self,
        cx: &mut Context<'_>,
        port: usize,
        lans: usize,
        listen: Option<usize>,
        batch: &mut Batch,
    ) {
        let mut now = 0;
        for p in batch.drain() {
            let Ok((header, _)) = Ethernet::parse(p.data()) else {
                cx.drop(p, Reason::Truncated);
                continue;
            };
            let (src, dst) = (header.src(), header.dst());
            let mut t = p.timestamp();
            if t == 0 {
                if now == 0 {
                    now = cx.now();
                }
                t = now;
            }
            self.newest = self.newest.max(t);
            if self.learn(src, port, t) && cx.has_others() {
                cx.tell_others(&note(src, port, t));
            }
            let verdict = self.forward(dst, port, t);
            let to = (0..lans).filter(|&out| match verdict {
                Verdict::To(o) => out == o,
                Verdict::Flood => out != port,
                Verdict::Nowhere => false,
            });
            send(cx, p, to.chain(listen));
        }
    }

    pub(crate) fn take(&mut self, old: &mut Bridge, lans: usize) {
        self.table = core::mem::take(&mut old.table);
        self.table.retain(|_, seen| seen.port < lans);
        if self.table.len() > self.capacity {
            let mut times: Vec<(u64, EtherAddr)> = self.table.iter().map(|(a, s)| (s.at, *a)).collect();
            times.sort_unstable();
            let surplus = times.len() - self.capacity;
            for (_, oldest) in times.iter().take(surplus) {
                self.table.remove(oldest);
            }
        }
        self.newest = old.newest;
    }

    pub(crate) fn read(&self, handler: &str) -> Reply {
        Ok(match handler {
            "table" => {
                let live = self.table.iter().filter(|(_, seen)| self.is_live(seen, self.newest));
                let mut rows: Vec<(EtherAddr, usize)> = live.map(|(a, seen)| (*a, seen.port)).collect();
                rows.sort_unstable();
                rows.iter().fold(String::new(), |text, (a, port)| text + &format!("{a} {port}\n"))
            }
            "count" => format!("{}", self.table.len()),
            _ => format!("{}", self.timeout / SECOND),
        })
    }

    pub(crate) fn write(&mut self, handler: &str, text: &str) -> Result<(), HandlerError> {
        self.timeout = value::<Interval>(text, handler)?.0;
        Ok(())
    }
}

/// What the other workers are told: an address, where it was seen, and when.
fn note(src: EtherAddr, port: usize, at: u64) -> Note {
    let mut note = Note::default();
    note[..6].copy_from_slice(&src.0);
    note[6..8].copy_from_slice(&(port as u16).to_be_bytes());
    note[8..16].copy_from_slice(&at.to_be_bytes());
    note
}

/// A copy to each output but the last, which gets the frame itself.
fn send(cx: &mut Context<'_>, p: Packet, outputs: impl Iterator<Item = usize>) {
    let mut outputs = outputs.peekable();
    while let Some(out) = outputs.next() {
        if outputs.peek().is_none() {
            return cx.emit(out, p);
        }
        match cx.copy(&p) {
            Some(copy) => cx.emit(out, copy),
            None => cx.no_buffer(),
        }
    }
    cx.drop(p, Reason::Filtered);
}
