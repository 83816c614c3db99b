//! ARP (RFC 826).
pub mod arp_print;
pub mod arp_querier;
pub mod arp_responder;
pub mod arp_table;
pub mod cache;
pub mod check_arp_header;
pub mod host;

use sluice_dataplane::context::Context;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::wire::ethernet::{LEN, TYPE_ARP};
use sluice_dataplane::wire::{Arp, EtherAddr, Ethernet};
use zerocopy::IntoBytes;

/// A new frame with an ARP message to `to`, its headers marked and no time on it (whoever prints or records it may
/// set one); what cannot be made is counted.
pub(crate) fn frame(cx: &mut Context<'_>, to: EtherAddr, arp: &Arp) -> Option<Packet> {
    let mut bytes = [0; LEN + sluice_dataplane::wire::arp::LEN];
    let (head, body) = bytes.split_at_mut(LEN);
    head.copy_from_slice(Ethernet::new(to, arp.sender_ether(), TYPE_ARP).as_bytes());
    body.copy_from_slice(arp.as_bytes());
    let Some(mut p) = cx.create(&bytes) else {
        cx.no_buffer();
        return None;
    };
    p.set_mac_off(0);
    p.set_net_off(LEN);
    Some(p)
}
