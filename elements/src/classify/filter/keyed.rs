//! Rules that look at SNMP messages, too.
//!
//! Such rules are compiled twice: without these tests, for packets that are no such message, and with them, for those that
//! are. So a packet of other traffic pays for one look at its ports, and for nothing else. If nothing but messages is looked at, a
//! table has the rule of each (`answers`).
use super::answers::Answers;
use super::datagram::datagram;
use super::expr::{Base, Expr};
use super::look::{Start, View, Words};
use super::{Form, Rules};
use crate::snmp::keys::{Keys, Values};
use crate::snmp::message::Message;
use alloc::string::String;
use alloc::vec::Vec;
use sluice_dataplane::batch::MAX_BURST;
use sluice_dataplane::packet::Packet;

/// A packet and the keys of the message in it.
#[derive(Clone, Copy)]
pub(super) struct Keyed<'a> {
    view: View<'a>,
    pub(super) values: Values,
}

impl<'a> Keyed<'a> {
    /// Keys without a packet.
    pub(super) fn bare(values: Values) -> Keyed<'static> {
        Keyed { view: View::of_data(&[]), values }
    }

    /// The packet with its keys, if it is a message.
    pub(super) fn look(keys: &Keys, view: &View<'a>) -> Option<Keyed<'a>> {
        if !has_port(keys, view) {
            return None;
        }
        Some(Keyed { view: *view, values: keys.values(&Message::parse(datagram(view)?)?) })
    }
}

/// Whether a message is looked for in the packet.
#[inline]
fn has_port(keys: &Keys, view: &View<'_>) -> bool {
    view.word(Base::Transport, 0, 4).is_some_and(|ports| keys.has_port(ports))
}

impl Words for Keyed<'_> {
    #[inline]
    fn word(&self, base: Base, offset: u16, end: u8) -> Option<u32> {
        if base == Base::Snmp {
            return self.values.get(usize::from(offset / 4)).copied();
        }
        self.view.word(base, offset, end)
    }
}

/// Rules as they are for messages.
#[derive(Debug)]
pub(super) struct KeyedRules {
    keys: Keys,
    form: Form,
    /// The same, of rules that look at nothing but messages.
    answers: Option<Answers>,
}

impl KeyedRules {
    /// The rules, those for other packets, and which of all may be reached.
    ///
    /// # Errors
    /// They exceed a limit; the message names it.
    pub(super) fn compile(exprs: Vec<Expr>, keys: Keys) -> Result<Rules, String> {
        let others = Rules::new(exprs.iter().map(|e| e.without(Base::Snmp)).collect())?;
        let full = Rules::new(exprs)?;
        let mut reached = [&others.reached[..], &full.reached[..]].concat();
        reached.sort_unstable();
        reached.dedup();
        let answers = Answers::new(&full.exprs, &full.form, &others.form, &keys);
        let keyed = Some(KeyedRules { keys, form: full.form, answers }.into());
        Ok(Rules { exprs: full.exprs, form: others.form, keyed, reached })
    }

    /// Memory, bytes.
    pub(super) fn bytes(&self) -> usize {
        self.form.bytes() + self.answers.as_ref().map_or(0, Answers::bytes)
    }

    /// The first rule that matches a message.
    pub(super) fn classify(&self, packet: &Keyed<'_>) -> u32 {
        match &self.answers {
            Some(answers) => answers.find(packet.values),
            None => self.form.find(packet),
        }
    }

    /// The one test that packets of other traffic pay for.
    #[inline]
    fn has_port(&self, view: &View<'_>) -> bool {
        has_port(&self.keys, view)
    }

    /// The packet with its keys, if it is a message.
    pub(super) fn look<'a>(&self, view: &View<'a>) -> Option<Keyed<'a>> {
        Keyed::look(&self.keys, view)
    }

    /// As [`Rules::classify_packets`]; `others`: the rules for packets that are no message.
    #[inline]
    pub(super) fn classify_packets<T>(
        &self,
        others: &Form,
        packets: &[Packet],
        start: Start,
        out: &mut [T],
        mut each: impl FnMut(u32) -> T,
    ) {
        let mut found = [0; MAX_BURST];
        let found = &mut found[..packets.len()];
        match (others, &self.answers) {
            (_, Some(answers)) => answers.find_all(&self.keys, packets, start, found),
            (Form::Few { decisions, .. }, None) => {
                let mut some = 0u64;
                for (i, (p, out)) in packets.iter().zip(&mut *out).enumerate() {
                    let view = View::new(p, start);
                    if self.has_port(&view) {
                        some |= 1 << i;
                    } else {
                        *out = each(decisions.find(&view));
                    }
                }
                if some != 0 {
                    let mut found = self.classify_some(others, packets, start, some, found).iter();
                    let chosen = out.iter_mut().enumerate().filter(|(i, _)| some >> i & 1 != 0);
                    chosen.zip(&mut found).for_each(|((_, out), rule)| *out = each(*rule));
                }
                return;
            }
            (Form::Tables(_), None) => {
                self.classify_some(others, packets, start, u64::MAX, found);
            }
        }
        found.iter().zip(out).for_each(|(rule, out)| *out = each(*rule));
    }

    /// The rules for the packets of a batch whose bits are set, in their order.
    #[inline(never)]
    fn classify_some<'f>(
        &self,
        others: &Form,
        packets: &[Packet],
        start: Start,
        some: u64,
        found: &'f mut [u32],
    ) -> &'f [u32] {
        let mut views = [View::of_data(&[]); MAX_BURST];
        let (mut count, mut any) = (0, false);
        let chosen = packets.iter().enumerate().filter(|(i, _)| some >> i & 1 != 0);
        for (view, (_, p)) in views.iter_mut().zip(chosen) {
            *view = View::new(p, start);
            any |= self.has_port(view);
            count += 1;
        }
        let (views, found) = (&views[..count], &mut found[..count]);
        if any {
            self.classify_mixed(others, views, found)
        } else {
            others.classify(views, found)
        }
        found
    }

    /// A batch in which there may be messages: both kinds of packets go through their rules by themselves.
    #[inline(never)]
    fn classify_mixed(&self, others: &Form, views: &[View<'_>], found: &mut [u32]) {
        let none = View::of_data(&[]);
        let mut messages = [Keyed { view: none, values: Values::default() }; MAX_BURST];
        let mut rest = [none; MAX_BURST];
        let (mut many, mut few) = (0, 0);
        let mut is_message = [false; MAX_BURST];
        for (view, is_message) in views.iter().zip(&mut is_message) {
            match self.look(view) {
                Some(keyed) => {
                    messages[many] = keyed;
                    many += 1;
                    *is_message = true;
                }
                None => {
                    rest[few] = *view;
                    few += 1;
                }
            }
        }
        let (mut of_messages, mut of_rest) = ([0; MAX_BURST], [0; MAX_BURST]);
        self.form.classify(&messages[..many], &mut of_messages[..many]);
        others.classify(&rest[..few], &mut of_rest[..few]);
        let (mut of_messages, mut of_rest) = (of_messages.iter(), of_rest.iter());
        for (found, is_message) in found.iter_mut().zip(is_message) {
            if let Some(rule) = if is_message { of_messages.next() } else { of_rest.next() } {
                *found = *rule;
            }
        }
    }
}
