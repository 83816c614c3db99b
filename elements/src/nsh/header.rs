//! The marked NSH header of a packet, read, written, put on and taken off.
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::{Malformed, Nsh, ethernet, nsh};

/// The reason for which a malformed header is dropped.
pub(crate) fn reason(why: Malformed) -> Reason {
    match why {
        Malformed::Truncated => Reason::Truncated,
        Malformed::BadVersion => Reason::NshVersion,
        Malformed::BadLength => Reason::NshLength,
        Malformed::BadOption => Reason::NshTlv,
        _ => Reason::BadNsh,
    }
}

/// Header, context and inner packet at the network offset.
///
/// # Errors
/// [`Reason::BadNsh`] when no header was marked; else what is wrong with it.
#[inline]
pub(crate) fn header(p: &Packet) -> Result<(&Nsh, &[u8], &[u8]), Reason> {
    Nsh::parse_full(p.network().ok_or(Reason::BadNsh)?).map_err(reason)
}

/// The same, writable.
///
/// # Errors
/// As [`header`]; [`Reason::NoBuffer`] if a shared buffer could not be copied.
#[inline]
pub(crate) fn header_mut(p: &mut Packet) -> Result<(&mut Nsh, &mut [u8], &mut [u8]), Reason> {
    let at = p.net_off().ok_or(Reason::BadNsh)?;
    let bytes = p.data_mut().ok_or(Reason::NoBuffer)?;
    Nsh::parse_full_mut(bytes.get_mut(at..).ok_or(Reason::BadNsh)?).map_err(reason)
}

/// Takes the service index down by 1.
///
/// # Errors
/// As [`header_mut`]; [`Reason::NshIndex`] if it is 0 already (RFC 8300 section 2.3).
#[inline]
pub(crate) fn decrement_index(p: &mut Packet) -> Result<(), Reason> {
    let (nsh, _, _) = header_mut(p)?;
    let index = nsh.index().checked_sub(1).ok_or(Reason::NshIndex)?;
    nsh.set_index(index);
    Ok(())
}

/// Strips everything through the end of the header, marks the inner packet, and says what it is.
///
/// # Errors
/// As [`header`]; the packet stays as it is.
#[inline]
pub(crate) fn decap(p: &mut Packet) -> Result<u8, Reason> {
    let (next, inner) = {
        let (nsh, _, inner) = header(p)?;
        (nsh.next_protocol(), inner.len())
    };
    p.strip(p.len() - inner);
    mark_inner(p, next);
    Ok(next)
}

/// Sets the annotations of a packet that begins with a header of protocol `next`.
#[inline]
pub(crate) fn mark_inner(p: &mut Packet, next: u8) {
    p.clear_net_off();
    match next {
        nsh::NEXT_ETHERNET => {
            p.set_mac_off(0);
            let tags = tags(p.data());
            p.set_net_off(ethernet::LEN + tags);
        }
        nsh::NEXT_IPV4 | nsh::NEXT_IPV6 | nsh::NEXT_NSH => p.set_net_off(0),
        _ => {}
    }
}

/// Length of a frame's VLAN tags, bytes: two at most are looked at.
#[inline]
fn tags(frame: &[u8]) -> usize {
    let kind = |at: usize| frame.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]]));
    let is_tag = |len: &usize| matches!(kind(12 + len), Some(ethernet::TYPE_VLAN | ethernet::TYPE_QINQ));
    [0, 4].iter().take_while(|len| is_tag(len)).count() * 4
}

/// Puts a whole header before the packet's first byte and marks it.
///
/// # Errors
/// [`Reason::NoHeadroom`] or [`Reason::NoBuffer`]; the packet stays as it is.
#[inline]
pub(crate) fn push(p: &mut Packet, header: &[u8]) -> Result<(), Reason> {
    // A shared buffer must be copied before the bytes in front of it may be written.
    p.data_mut().ok_or(Reason::NoBuffer)?;
    if !p.push(header.len()) {
        return Err(Reason::NoHeadroom);
    }
    let room = p.data_mut().and_then(|data| data.get_mut(..header.len())).ok_or(Reason::NoBuffer)?;
    room.copy_from_slice(header);
    p.set_net_off(0);
    p.set_transport_off(header.len());
    Ok(())
}

/// The next protocol of a packet that begins with an IP header.
///
/// # Errors
/// [`Reason::BadIp`] if it begins with none.
#[inline]
pub(crate) fn ip_next(p: &Packet) -> Result<u8, Reason> {
    match p.data().first().map(|b| b >> 4) {
        Some(4) => Ok(nsh::NEXT_IPV4),
        Some(6) => Ok(nsh::NEXT_IPV6),
        _ => Err(Reason::BadIp),
    }
}

/// Puts `context` in the place of the header's, and moves what lies before it.
///
/// # Errors
/// As [`header_mut`]; [`Reason::Oversize`] beyond 252 bytes of header; [`Reason::NoHeadroom`]. The packet stays as it is.
pub(crate) fn replace_context(p: &mut Packet, context: &[u8]) -> Result<(), Reason> {
    let len = nsh::LEN + context.len();
    if len > nsh::MAX_LEN || !len.is_multiple_of(4) {
        return Err(Reason::Oversize);
    }
    let old = header_mut(p)?.0.header_len();
    let at = p.net_off().ok_or(Reason::BadNsh)?;
    // A link header before the NSH moves along; one inside, of the inner frame, stays where it is.
    let mac = p.mac_off().filter(|mac| *mac <= at);
    let fixed = at + nsh::LEN;
    if len > old {
        if !p.push(len - old) {
            return Err(Reason::NoHeadroom);
        }
        let data = p.data_mut().ok_or(Reason::NoBuffer)?;
        data.copy_within(len - old..len - old + fixed, 0);
    } else if len < old {
        let data = p.data_mut().ok_or(Reason::NoBuffer)?;
        data.copy_within(..fixed, old - len);
        p.strip(old - len);
    }
    p.set_net_off(at);
    p.set_transport_off(at + len);
    if let Some(mac) = mac {
        p.set_mac_off(mac);
    }
    let bytes = p.data_mut().and_then(|data| data.get_mut(at..at + len)).ok_or(Reason::NoBuffer)?;
    let (fixed, room) = bytes.split_at_mut(nsh::LEN);
    room.copy_from_slice(context);
    // RFC 8300 section 2.2: the length counts words, in the low six bits of the second byte.
    if let Some(byte) = fixed.get_mut(1) {
        *byte = *byte & 0xc0 | (len / 4) as u8;
    }
    Ok(())
}
