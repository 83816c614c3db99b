//! What rules say about each message that there can be, if they look at the keys of messages alone: one table instead of tests.
use super::keyed::Keyed;
use super::{Base, Expr, Form};
use crate::snmp::keys::{Keys, Values};
use alloc::boxed::Box;
use core::ops::Range;

/// Entries at most; with more, tests are faster (256 KB).
const MAX_ENTRIES: usize = 1 << 16;
/// Versions and PDU types: see [`kind`].
const KINDS: Range<u32> = 0x10..0x40;
/// Version 3, the one with users, contexts and engines.
const V3: u32 = 3;

/// The first rule that matches, by version and PDU type, then by names.
#[derive(Debug)]
pub(super) struct Answers {
    rules: Box<[u32]>,
    rows: u32,
    /// Numbers of contexts and of engines, the one for all others included.
    contexts: u32,
    engines: u32,
}

/// From the first word of a message's keys. The four bits of a PDU type that are left out do not tell any apart: what is encrypted has
/// those of the trap of version 1, and is version 3.
#[inline]
fn kind(word: u32) -> u32 {
    word >> 4 & 0x30 | word & 15
}

impl Answers {
    /// `None` if the rules look at more than messages, or there are too many names. `form` is what they are compiled to.
    pub(super) fn new(rules: &[Expr], form: &Form, keys: &Keys) -> Option<Answers> {
        let mut alone = true;
        rules.iter().for_each(|e| e.tests(&mut |t| alone &= t.base == Base::Snmp));
        let [communities, users, contexts, engines] = keys.counts().map(|n| n as usize + 1);
        let rows = users.checked_mul(contexts)?.checked_mul(engines)?.max(communities);
        if !alone || rows > MAX_ENTRIES / KINDS.len() {
            return None;
        }
        let [communities, contexts, engines, rows] = [communities, contexts, engines, rows].map(|n| n as u32);
        let mut answers = Answers { rules: Box::default(), rows, contexts, engines };
        let messages = KINDS.flat_map(|kind| (0..rows).map(move |row| (kind, row)));
        answers.rules =
            messages.map(|(kind, row)| form.find(&Keyed::bare(answers.message(kind, row, communities)))).collect();
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
    #[inline(always)] // into the loop over a batch
    pub(super) fn find(&self, [word, community, user, context, engine]: Values) -> u32 {
        let row = community + (user * self.contexts + context) * self.engines + engine;
        let at = (kind(word) - KINDS.start) * self.rows + row;
        self.rules.get(at as usize).copied().unwrap_or(0)
    }

    /// Memory, bytes.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.rules[..])
    }
}
