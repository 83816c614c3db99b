//! What ARPQuerier does with packets and answers, apart from its arguments and handlers.
use super::cache::Cache;
use super::frame;
use crate::ethernet::prepend;
use alloc::format;
use core::net::Ipv4Addr;
use sluice_dataplane::args::EtherAddr;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Stream};
use sluice_dataplane::element::Note;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::ethernet::{TYPE_ARP, TYPE_IPV4};
use sluice_dataplane::wire::{Arp, Ethernet, Malformed, arp};

/// The host that asks, and its counters.
pub(crate) struct Host {
    pub(crate) ip: Ipv4Addr,
    pub(crate) ether: EtherAddr,
    /// The local network's broadcast address.
    pub(crate) broadcast: Ipv4Addr,
    /// Age from which on entries are asked for again, milliseconds; 0: never.
    pub(crate) poll: u64,
    /// Such queries go to everybody.
    pub(crate) broadcast_poll: bool,
    pub(crate) queries: u64,
    pub(crate) responses: u64,
    pub(crate) drops: u64,
    warned: bool,
}

/// The Ethernet address of an IPv4 multicast group (RFC 1112 section 6.4).
fn group(ip: Ipv4Addr) -> EtherAddr {
    let [_, b, c, d] = ip.octets();
    EtherAddr([0x01, 0x00, 0x5e, b & 0x7f, c, d])
}

/// What the other workers are told of a reply: the two addresses, and whether it was for this host.
fn note(ip: Ipv4Addr, ether: EtherAddr, ours: bool) -> Note {
    let mut note = Note::default();
    note[..4].copy_from_slice(&ip.octets());
    note[4..10].copy_from_slice(&ether.0);
    note[10] = ours.into();
    note
}

impl Host {
    pub(crate) fn new(ip: Ipv4Addr, ether: EtherAddr, broadcast: Ipv4Addr) -> Host {
        Host { ip, ether, broadcast, poll: 0, broadcast_poll: false, queries: 0, responses: 0, drops: 0, warned: false }
    }

    /// IP packets: those whose next hop is known stay in `batch`, with a header; so do queries if they
    /// have no output of their own.
    pub(crate) fn packets(&mut self, cx: &mut Context<'_>, cache: &mut Cache, batch: &mut Batch) {
        if self.ip.is_unspecified() {
            self.drops += batch.len() as u64;
            return cx.drop_all(batch, Reason::Unresolved);
        }
        let now = cx.now() / 1_000_000;
        let mut out = cx.spare();
        for p in batch.drain() {
            let to = p.dst();
            if let Some(known) = cache.lookup(to, now, self.poll) {
                if known.waiting {
                    cache.take_waiting(to).into_iter().for_each(|p| self.send(cx, p, known.ether, &mut out));
                }
                if known.poll {
                    let whom = if self.broadcast_poll { EtherAddr::BROADCAST } else { known.ether };
                    self.query(cx, whom, &p, &mut out);
                }
                self.send(cx, p, known.ether, &mut out);
            } else if to.is_broadcast() || to == self.broadcast {
                self.send(cx, p, EtherAddr::BROADCAST, &mut out);
            } else if to.is_multicast() {
                self.send(cx, p, group(to), &mut out);
            } else if to.is_unspecified() {
                self.no_destination(cx, p);
            } else {
                self.wait(cx, cache, p, now, &mut out);
            }
        }
        out.append_to(batch);
        cx.give_spare(out);
    }

    #[cold]
    fn no_destination(&mut self, cx: &mut Context<'_>, p: Packet) {
        if !self.warned {
            self.warned = true;
            let text = "would query for 0.0.0.0; missing dest IP addr annotation?";
            let text = format!("{} :: ARPQuerier: {text}\n", cx.name());
            cx.print(Stream::Err, &text);
        }
        self.drops += 1;
        cx.drop(p, Reason::Unresolved);
    }

    #[cold]
    fn wait(&mut self, cx: &mut Context<'_>, cache: &mut Cache, p: Packet, now: u64, out: &mut Batch) {
        let (to, timestamp, vlan) = (p.dst(), p.timestamp(), p.vlan_tci());
        if cache.append(to, p, now, &mut |p, why| cx.drop(p, why)) {
            self.ask(cx, EtherAddr::BROADCAST, to, (timestamp, vlan), out);
        }
    }

    /// A packet with the header that takes it to `ether`. The source address is set at the last moment:
    /// it may have changed while the packet waited.
    pub(crate) fn send(&mut self, cx: &mut Context<'_>, mut p: Packet, ether: EtherAddr, out: &mut Batch) {
        match prepend(&mut p, &Ethernet::new(ether, self.ether, TYPE_IPV4)) {
            None => out.push(p),
            Some(why) => {
                self.drops += 1;
                cx.drop(p, why);
            }
        }
    }

    fn query(&mut self, cx: &mut Context<'_>, whom: EtherAddr, p: &Packet, out: &mut Batch) {
        self.ask(cx, whom, p.dst(), (p.timestamp(), p.vlan_tci()), out);
    }

    /// Asks `whom` who has `ip`; the query takes over the annotations of the packet that needs to know.
    fn ask(&mut self, cx: &mut Context<'_>, whom: EtherAddr, ip: Ipv4Addr, annos: (u64, u16), out: &mut Batch) {
        let message = Arp::new(arp::OP_REQUEST, (self.ether, self.ip), (EtherAddr::ZERO, ip));
        let Some(mut q) = frame(cx, whom, &message) else { return };
        q.set_timestamp(annos.0);
        q.set_vlan_tci(annos.1);
        self.queries += 1;
        match cx.outputs() {
            0 | 1 => out.push(q),
            n => cx.emit(n - 1, q),
        }
    }

    /// ARP replies: notes the addresses; the packets that waited for them are in `batch` afterwards.
    pub(crate) fn replies(&mut self, cx: &mut Context<'_>, cache: &mut Cache, batch: &mut Batch) {
        let now = cx.now() / 1_000_000;
        let mut out = cx.spare();
        for p in batch.drain() {
            match self.reply(&p) {
                Ok((ip, ether, to)) => {
                    // RFC 826 "Packet Reception": an entry that exists is updated, a new one is made only
                    // if the message was for this host.
                    if to == self.ip || cache.contains(ip) {
                        cache.insert(ip, ether, now, &mut |p, why| cx.drop(p, why));
                        let waiting = cache.take_waiting(ip);
                        waiting.into_iter().for_each(|p| self.send(cx, p, ether, &mut out));
                        if cx.has_others() {
                            cx.tell_others(&note(ip, ether, to == self.ip));
                        }
                    }
                    cx.consume(p);
                }
                Err(why) => cx.drop(p, why),
            }
        }
        out.append_to(batch);
        cx.give_spare(out);
    }

    /// A reply that another worker got; the packets that waited for it here are appended to `out`.
    pub(crate) fn hear(&mut self, cx: &mut Context<'_>, cache: &mut Cache, note: &Note, out: &mut Batch) {
        let [a, b, c, d, e0, e1, e2, e3, e4, e5, ours, ..] = *note;
        let (ip, ether) = (Ipv4Addr::from([a, b, c, d]), EtherAddr([e0, e1, e2, e3, e4, e5]));
        if ours != 0 || cache.contains(ip) {
            let now = cx.now() / 1_000_000;
            cache.insert(ip, ether, now, &mut |p, why| cx.drop(p, why));
            cache.take_waiting(ip).into_iter().for_each(|p| self.send(cx, p, ether, out));
        }
    }

    /// Sender and target of a reply.
    fn reply(&mut self, p: &Packet) -> Result<(Ipv4Addr, EtherAddr, Ipv4Addr), Reason> {
        let (header, rest) = Ethernet::parse(p.data()).map_err(|_| Reason::Truncated)?;
        let message = match Arp::parse(rest) {
            Err(Malformed::Truncated) => return Err(Reason::Truncated),
            other => other,
        };
        self.responses += 1;
        if header.ether_type() != TYPE_ARP {
            return Err(Reason::Unmatched);
        }
        let (message, _) = message.map_err(|_| Reason::BadArp)?;
        match message.operation() {
            arp::OP_REPLY if message.sender_ether().is_group() => Err(Reason::BadArp),
            arp::OP_REPLY => Ok((message.sender_ip(), message.sender_ether(), message.target_ip())),
            _ => Err(Reason::Unmatched),
        }
    }
}
