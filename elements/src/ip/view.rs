//! The marked IP header of a packet, read and written.
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::Ipv4;

/// The header at the network offset, options included in the bytes behind it. `None` when no header
/// was marked, or when what lies there is none. The total length may run past the packet.
#[inline]
pub(crate) fn header(p: &Packet) -> Option<&Ipv4> {
    Ipv4::parse_header(p.network()?).ok()
}

/// From the IP header to the end of the packet, writable, the header checked as by [`header`].
#[inline]
pub(crate) fn header_mut(p: &mut Packet) -> Result<&mut [u8], Reason> {
    let at = p.net_off().ok_or(Reason::BadIp)?;
    let bytes = p.data_mut().ok_or(Reason::NoBuffer)?.get_mut(at..).ok_or(Reason::BadIp)?;
    Ipv4::parse_header(bytes).map_err(|_| Reason::BadIp)?;
    Ok(bytes)
}
