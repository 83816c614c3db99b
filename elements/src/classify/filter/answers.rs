//! What rules say about each message that there can be, if they look at the keys of messages alone: one table instead of tests.
//!
//! A batch goes through in three steps, each short and the same for all packets, so that the processor works at several of
//! them at once: where the datagram is, what is in the head of the message, which number its name has.
use super::datagram::{Place, plain_datagram};
use super::keyed::Keyed;
use super::look::{Start, View};
use super::{Base, Expr, Form};
use crate::snmp::keys::{Keys, Kind, Values};
use crate::snmp::message::Message;
use crate::snmp::usual::{Usual, V3};
use alloc::boxed::Box;
use core::ops::Range;
use sluice_dataplane::batch::MAX_BURST;
use sluice_dataplane::packet::Packet;

/// Entries at most; with more, tests are faster (256 KB).
const MAX_ENTRIES: usize = 1 << 16;
/// Versions and PDU types: see [`kind`].
const KINDS: Range<u32> = 0x10..0x40;

/// The first rule that matches, by version and PDU type, then by names.
#[derive(Debug)]
pub(super) struct Answers {
    rules: Box<[u32]>,
    rows: u32,
    /// Numbers of contexts and of engines, the one for all others included.
    contexts: u32,
    engines: u32,
    /// The rule for what is no message.
    other: u32,
}

/// A packet on its way.
#[derive(Clone, Copy)]
struct Found<'a> {
    /// What is in its datagram, then the community or user.
    octets: &'a [u8],
    /// Of a message of the usual form; 0 of all others.
    kind: u32,
    /// What its context adds to the row; of all others the rule.
    rest: u32,
}

/// From the first word of a message's keys. The four bits of a PDU type that are left out do not tell any apart: what is encrypted has
/// those of the trap of version 1, and is version 3.
#[inline]
fn kind(word: u32) -> u32 {
    word >> 4 & 0x30 | word & 15
}

impl Answers {
    /// `None` if the rules look at more than messages, or there are too many names. `form` is what they are compiled to, `others` what
    /// they are for other packets.
    pub(super) fn new(rules: &[Expr], form: &Form, others: &Form, keys: &Keys) -> Option<Answers> {
        let mut alone = true;
        rules.iter().for_each(|e| e.tests(&mut |t| alone &= t.base == Base::Snmp));
        let [communities, users, contexts, engines] = keys.counts().map(|n| n as usize + 1);
        let rows = users.checked_mul(contexts)?.checked_mul(engines)?.max(communities);
        if !alone || rows > MAX_ENTRIES / KINDS.len() {
            return None;
        }
        let [communities, contexts, engines, rows] = [communities, contexts, engines, rows].map(|n| n as u32);
        let other = others.find(&View::of_data(&[])); // they have no test that would look at it
        let mut answers = Answers { rules: Box::default(), rows, contexts, engines, other };
        let messages = KINDS.flat_map(|kind| (0..rows).map(move |row| (kind, row)));
        let messages = messages.map(|(kind, row)| Keyed::bare(answers.message(kind, row, communities)));
        answers.rules = messages.map(|message| form.find(&message)).collect();
        Some(answers)
    }

    /// The keys of the message that an entry is for. Entries of PDU types that are none, or of names that there are not, are for nobody.
    fn message(&self, kind: u32, row: u32, communities: u32) -> Values {
        let version = kind >> 4;
        let pdu = if kind == (V3 << 4 | 4) { 4 } else { 0xa0 | kind & 15 };
        let word = version << 8 | pdu;
        if version == V3 {
            let (user, rest) = (row / (self.contexts * self.engines), row % (self.contexts * self.engines));
            [word, 0, user, rest / self.engines, rest % self.engines]
        } else {
            [word, if row < communities { row } else { 0 }, 0, 0, 0]
        }
    }

    /// The first rule that matches a message.
    pub(super) fn find(&self, [word, community, user, context, engine]: Values) -> u32 {
        self.entry(kind(word), community + (user * self.contexts + context) * self.engines + engine)
    }

    #[inline(always)]
    fn entry(&self, kind: u32, row: u32) -> u32 {
        let at = (kind - KINDS.start) * self.rows + row;
        self.rules.get(at as usize).copied().unwrap_or(0)
    }

    /// The first rule that matches, of each packet of a batch.
    #[inline(never)]
    pub(super) fn find_all(&self, keys: &Keys, packets: &[Packet], start: Start, rules: &mut [u32]) {
        let mut found = [Found { octets: &[], kind: 0, rest: self.other }; MAX_BURST];
        let mut any = false;
        for (p, found) in packets.iter().zip(&mut found) {
            match plain_datagram(p, start, |ports| keys.has_port(ports)) {
                Place::Here(datagram) => {
                    found.octets = datagram;
                    any = true;
                }
                Place::Nowhere => {}
                Place::Unknown => found.rest = self.search(keys, p, start),
            }
        }
        let found = &mut found[..packets.len()];
        if any {
            found.iter_mut().filter(|f| !f.octets.is_empty()).for_each(|f| self.read(keys, f));
        }
        for (rule, found) in rules.iter_mut().zip(found) {
            *rule = found.rest;
            if found.kind != 0 {
                let is_v3 = found.kind >> 4 == V3;
                let name = keys.number(if is_v3 { Kind::User } else { Kind::Community }, found.octets);
                let each = if is_v3 { self.contexts * self.engines } else { 1 };
                *rule = self.entry(found.kind, name * each + found.rest);
            }
        }
    }

    /// What is in the head of a message.
    #[inline(always)]
    fn read(&self, keys: &Keys, found: &mut Found<'_>) {
        let Some(m) = Usual::read(found.octets) else {
            found.rest = self.unusual(keys, found.octets);
            return;
        };
        (found.octets, found.kind, found.rest) = (m.name, m.kind, 0);
        if self.contexts + self.engines > 2 {
            found.rest = self.context(keys, &m);
        }
    }

    #[inline(never)]
    fn context(&self, keys: &Keys, m: &Usual<'_>) -> u32 {
        let [_, _, _, context, engine] = keys.values(&m.message());
        context * self.engines + engine
    }

    /// The rule for a datagram that is not of the usual form.
    #[cold]
    #[inline(never)]
    fn unusual(&self, keys: &Keys, datagram: &[u8]) -> u32 {
        Message::any(datagram).map_or(self.other, |m| self.find(keys.values(&m)))
    }

    /// The rule for a packet that is not of the usual form.
    #[inline(never)]
    fn search(&self, keys: &Keys, p: &Packet, start: Start) -> u32 {
        Keyed::look(keys, &View::new(p, start)).map_or(self.other, |keyed| self.find(keyed.values))
    }

    /// Memory, bytes.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.rules[..])
    }
}
