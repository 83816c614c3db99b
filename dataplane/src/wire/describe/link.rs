//! Ethernet, VLAN tags and ARP.

use super::super::{Arp, Ethernet, Malformed, Vlan, arp, ethernet, vlan};
use super::{Next, Walk};

pub(super) fn ethernet(walk: &mut Walk<'_>) -> Result<Next, Malformed> {
    let (eth, _) = Ethernet::parse(walk.rest())?;
    walk.put("eth.dst", 0, 6, eth.dst());
    walk.put("eth.src", 6, 6, eth.src());
    Ok(typed(walk, "eth.type", ethernet::LEN, eth.ether_type()))
}

/// Reports the type at the end of a header of `len` bytes and moves behind it. An 802.3 length bounds what follows.
fn typed(walk: &mut Walk<'_>, name: &'static str, len: usize, ether_type: u16) -> Next {
    if ether_type < ethernet::MIN_TYPE {
        walk.put("eth.len", len - 2, 2, ether_type);
        walk.skip(len);
        walk.cut(usize::from(ether_type));
        return Next::Data;
    }
    walk.hex(name, len - 2, 2, ether_type);
    walk.skip(len);
    Next::Type(ether_type)
}

pub(super) fn by_type(walk: &mut Walk<'_>, ether_type: u16) -> Result<Next, Malformed> {
    match ether_type {
        ethernet::TYPE_IPV4 | ethernet::TYPE_IPV6 => Ok(Next::Ip),
        ethernet::TYPE_NSH => Ok(Next::Nsh),
        ethernet::TYPE_TRANS_ETHER => Ok(Next::Ethernet),
        ethernet::TYPE_ARP => arp(walk),
        tag if vlan::is_tag(tag) => vlan_tag(walk),
        _ => Ok(Next::Data),
    }
}

fn vlan_tag(walk: &mut Walk<'_>) -> Result<Next, Malformed> {
    let (tag, _) = Vlan::parse(walk.rest())?;
    walk.put("vlan.priority", 0, 2, tag.pcp());
    walk.bit("vlan.dei", 0, 2, tag.dei());
    walk.put("vlan.id", 0, 2, tag.vid());
    Ok(typed(walk, "vlan.etype", vlan::LEN, tag.ether_type()))
}

fn arp(walk: &mut Walk<'_>) -> Result<Next, Malformed> {
    let (arp, _) = Arp::parse(walk.rest())?;
    // `parse` accepts these four values only.
    walk.put("arp.hw.type", 0, 2, arp::HARDWARE_ETHERNET);
    walk.hex("arp.proto.type", 2, 2, ethernet::TYPE_IPV4);
    walk.put("arp.hw.size", 4, 1, 6);
    walk.put("arp.proto.size", 5, 1, 4);
    walk.put("arp.opcode", 6, 2, arp.operation());
    walk.put("arp.src.hw_mac", 8, 6, arp.sender_ether());
    walk.put("arp.src.proto_ipv4", 14, 4, arp.sender_ip());
    walk.put("arp.dst.hw_mac", 18, 6, arp.target_ether());
    walk.put("arp.dst.proto_ipv4", 24, 4, arp.target_ip());
    walk.cut(arp::LEN);
    walk.skip(arp::LEN);
    Ok(Next::Data)
}
