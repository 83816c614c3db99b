//! Rules that look at SNMP messages, too.
//!
//! Such rules are compiled twice: without these tests, for packets that are no such message, and with them, for those that
//! are. So a packet of other traffic pays for one look at its ports, and for nothing else.
use super::expr::{Base, Expr};
use super::look::{Start, View, Words};
use super::{Form, Rules};
use crate::snmp::keys::{Keys, Values};
use alloc::string::String;
use alloc::vec::Vec;
use sluice_dataplane::batch::MAX_BURST;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::wire::{Ipv4, Udp, ip_proto};

/// A packet and the keys of the message in it.
#[derive(Clone, Copy)]
pub(super) struct Keyed<'a> {
    view: View<'a>,
    values: Values,
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
        let keyed = Some(KeyedRules { keys, form: full.form }.into());
        Ok(Rules { exprs: full.exprs, form: others.form, keyed, reached })
    }

    /// Memory, bytes.
    pub(super) fn bytes(&self) -> usize {
        self.form.bytes()
    }

    /// The first rule that matches a message.
    pub(super) fn classify(&self, packet: &Keyed<'_>) -> u32 {
        self.form.find(packet)
    }

    /// The one test that packets of other traffic pay for.
    #[inline]
    fn has_port(&self, view: &View<'_>) -> bool {
        view.word(Base::Transport, 0, 4).is_some_and(|ports| self.keys.has_port(ports))
    }

    /// The packet with its keys, if it is a message.
    #[inline]
    pub(super) fn look<'a>(&self, view: &View<'a>) -> Option<Keyed<'a>> {
        if !self.has_port(view) {
            return None;
        }
        Some(Keyed { view: *view, values: self.keys.values(datagram(view)?)? })
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
        if let (Form::Few { decisions: others, .. }, Form::Few { decisions, .. }) = (others, &self.form) {
            for (p, out) in packets.iter().zip(out) {
                let view = View::new(p, start);
                *out = each(match self.look(&view) {
                    Some(keyed) => decisions.find(&keyed),
                    None => others.find(&view),
                });
            }
            return;
        }
        let mut views = [View::of_data(&[]); MAX_BURST];
        let views = &mut views[..packets.len()];
        let mut any = false;
        for (view, p) in views.iter_mut().zip(packets) {
            *view = View::new(p, start);
            any |= self.has_port(view);
        }
        let mut found = [0; MAX_BURST];
        let found = &mut found[..packets.len()];
        if any {
            self.classify_mixed(others, views, found)
        } else {
            others.classify(views, found)
        }
        found.iter().zip(out).for_each(|(rule, out)| *out = each(*rule));
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

/// What is in the UDP datagram of a packet, if that is whole.
#[inline]
fn datagram<'a>(view: &View<'a>) -> Option<&'a [u8]> {
    let ip = Ipv4::parse_header(view.bytes_at(Base::Network)).ok()?;
    if ip.protocol() != ip_proto::UDP || ip.is_fragment() {
        return None;
    }
    let (udp, payload) = Udp::parse(view.bytes_at(Base::Transport)).ok()?;
    // RFC 768: what the datagram says of its length includes its header. Nothing of it lies behind the end of the packet.
    (ip.header_len() + usize::from(udp.len()) <= usize::from(ip.total_len())).then_some(payload)
}
