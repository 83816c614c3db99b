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
    let too_short = p.len() < at + sluice_dataplane::wire::ethernet::LEN;
    match p.data_mut() {
        Some(bytes) => match bytes.get_mut(at..).and_then(|b| Ethernet::parse_mut(b).ok()) {
            Some((header, _)) => {
                change(header);
                None
            }
            None => Some(Reason::Truncated),
        },
        None if too_short => Some(Reason::Truncated),
        None => Some(Reason::NoBuffer),
    }
}
