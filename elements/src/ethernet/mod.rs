//! Ethernet headers and switching (IEEE 802.1D).
pub mod bridge;
pub mod drop_broadcasts;
pub mod ensure_ether;
pub mod ether_encap;
pub mod ether_mirror;
pub mod ether_rewrite;
pub mod ether_switch;
pub mod host_ether_filter;
pub mod listen_ether_switch;
pub mod mark_mac_header;

use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::Ethernet;
use zerocopy::IntoBytes;

/// Puts an Ethernet header before the data and marks it as the link header; the reason why that
/// cannot be done otherwise.
pub(crate) fn prepend(p: &mut Packet, header: &Ethernet) -> Option<Reason> {
    let header = header.as_bytes();
    if !p.push(header.len()) {
        return Some(Reason::NoHeadroom);
    }
    let Some(room) = p.data_mut().and_then(|d| d.get_mut(..header.len())) else { return Some(Reason::NoBuffer) };
    room.copy_from_slice(header);
    p.set_mac_off(0);
    None
}

/// Reads the header of a frame, changes it in a copy, and writes it back: so a frame that is too short
/// and a buffer that cannot be had are told apart.
pub(crate) fn rewrite(p: &mut Packet, at: usize, change: impl FnOnce(&mut Ethernet)) -> Option<Reason> {
    let Some(bytes) = p.data().get(at..).filter(|b| b.len() >= sluice_dataplane::wire::ethernet::LEN) else {
        return Some(Reason::Truncated);
    };
    debug_assert!(Ethernet::parse(bytes).is_ok());
    match p.data_mut().and_then(|d| Ethernet::parse_mut(d.get_mut(at..)?).ok()) {
        Some((header, _)) => {
            change(header);
            None
        }
        None => Some(Reason::NoBuffer),
    }
}
