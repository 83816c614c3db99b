//! Where the headers of a packet are, and its words.
use super::expr::Base;
use sluice_dataplane::packet::Packet;

/// Where the network header is looked for when no element has set the annotation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Start {
    /// Nowhere: tests of such a packet's headers are false, as in Click's elements.
    #[default]
    Annotation,
    /// The packet starts with an Ethernet header; VLAN tags may follow.
    Ethernet,
    /// The packet starts with its IP header.
    Ip,
    /// Ethernet if its type field says IPv4 or VLAN, else IP if the first byte can begin an IPv4
    /// header.
    Guess,
}

/// Something that has words of 32 bits.
pub trait Words: Copy {
    /// The word at `offset`, padded with zeros behind the packet's end; `None` when the packet does
    /// not have its first `end` bytes.
    fn word(&self, base: Base, offset: u16, end: u8) -> Option<u32>;
}

/// No header: beyond every packet, with room to count from.
const NONE: u32 = u32::MAX / 2;
/// VLAN tags that are skipped, at most.
const MAX_TAGS: usize = 4;

/// A packet's bytes and the places of its headers.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    data: &'a [u8],
    /// Offsets by [`Base`].
    at: [u32; 5],
}

impl<'a> View<'a> {
    /// The headers as the annotations say. Without a transport annotation, the transport header
    /// follows the network header.
    #[inline]
    pub fn new(p: &'a Packet, start: Start) -> View<'a> {
        let data = p.data();
        let offset = |o: Option<usize>| o.map_or(NONE, |o| o as u32); // annotations have 16 bits
        let network = offset(p.net_off());
        let transport = offset(p.transport_off());
        let link = offset(p.mac_off());
        let (link, network) =
            if network == NONE && start != Start::Annotation { search(data, link, start) } else { (link, network) };
        let transport =
            if transport == NONE && network != NONE { network + ip_header_length(data, network) } else { transport };
        View { data, at: [0, link, network, transport, NONE] }
    }

    /// Bytes without headers.
    #[inline]
    pub fn of_data(data: &'a [u8]) -> View<'a> {
        View { data, at: [0, NONE, NONE, NONE, NONE] }
    }

    /// Bytes with headers at the given places.
    #[cfg(test)]
    pub fn of_bytes(data: &'a [u8], link: Option<u32>, network: Option<u32>) -> View<'a> {
        let network = network.unwrap_or(NONE);
        let transport = if network == NONE { NONE } else { network + ip_header_length(data, network) };
        View { data, at: [0, link.unwrap_or(NONE), network, transport, NONE] }
    }

    /// What follows the start of a header; nothing if there is none.
    #[inline]
    pub(super) fn bytes_at(&self, base: Base) -> &'a [u8] {
        self.data.get(self.at[base as usize] as usize..).unwrap_or_default()
    }
}

/// The places of the link header, which is at `link` if that is known, and of the network header.
#[cold]
fn search(data: &[u8], link: u32, start: Start) -> (u32, u32) {
    let ethernet = |data: &[u8]| {
        let mut at = 12;
        for _ in 0..=MAX_TAGS {
            match data.get(at..at + 2)? {
                [0x08, 0x00] => return Some(at + 2),
                // IEEE 802.1Q clause 9: customer, service and the older double tags.
                [0x81, 0x00] | [0x88, 0xa8] | [0x91, 0x00] => at += 4,
                _ => return None,
            }
        }
        None
    };
    let found = if start == Start::Ip { None } else { ethernet(data) };
    if start == Start::Ethernet || found.is_some() {
        (if link == NONE { 0 } else { link }, found.map_or(NONE, |at| at as u32))
    } else if start == Start::Ip || data.first().is_some_and(|b| b >> 4 == 4 && b & 15 >= 5) {
        (link, 0)
    } else {
        (link, NONE)
    }
}

impl Words for View<'_> {
    #[inline]
    fn word(&self, base: Base, offset: u16, end: u8) -> Option<u32> {
        word(self.data, self.at[base as usize] as usize + usize::from(offset), end)
    }
}

/// As [`Words::word`], of bytes.
#[inline]
pub(super) fn word(data: &[u8], at: usize, end: u8) -> Option<u32> {
    match data.get(at..at + 4).and_then(|w| w.first_chunk()) {
        Some(word) => Some(u32::from_be_bytes(*word)),
        None => last_word(data, at, end),
    }
}

#[cold]
fn last_word(data: &[u8], at: usize, end: u8) -> Option<u32> {
    let rest = data.get(at..).filter(|r| r.len() >= end as usize)?;
    let mut word = [0; 4];
    word.iter_mut().zip(rest).for_each(|(w, b)| *w = *b);
    Some(u32::from_be_bytes(word))
}

/// RFC 791 section 3.1: the low four bits of the first byte, in units of four bytes.
#[inline]
fn ip_header_length(data: &[u8], at: u32) -> u32 {
    data.get(at as usize).map_or(20, |b| u32::from(b & 15) * 4).max(20)
}
