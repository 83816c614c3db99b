//! Turns a super-frame into frames as they would be on a wire.
//!
//! Inside one host, frames travel with their checksum not filled in and, for TCP and UDP, as super-frames of up to 64 KiB;
//! the metadata beside the frame (`virtio_net_hdr`, OASIS virtio 1.2 section 5.1.6) says what is left to do. This file does it:
//! it completes checksums, and cuts TCP (RFC 9293) and UDP into segments over IPv4 and IPv6, behind any VLAN tags.
//!
//! Headers are patched in a buffer on the stack, payloads are slices of the super-frame: nothing is allocated.
//! `hdr_len` is not relied upon, for Linux puts the length of the frame's linear part there; the frame's own headers count.
mod headers;
#[cfg(test)]
mod tests;
mod unfilled;

use headers::{Headers, Network, Transport};
pub use unfilled::unfilled;

/// The checksum from `csum_start` on is left to be completed.
pub const NEEDS_CSUM: u8 = 1;
/// The checksum was verified.
pub const DATA_VALID: u8 = 2;
/// Not a super-frame.
pub const GSO_NONE: u8 = 0;
/// TCP over IPv4.
pub const GSO_TCPV4: u8 = 1;
/// TCP over IPv6.
pub const GSO_TCPV6: u8 = 4;
/// UDP datagrams of one size, over IPv4 or IPv6.
pub const GSO_UDP_L4: u8 = 5;
/// Added to a type: the first segment may have CWR set.
pub const GSO_ECN: u8 = 0x80;

/// Headers longer than this are refused. Ethernet, two tags, IPv4 and TCP with all options have 142 bytes.
pub const MAX_HEAD: usize = 256;

/// Offload metadata of a frame, numbers in host byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VnetHeader {
    /// [`NEEDS_CSUM`], [`DATA_VALID`].
    pub flags: u8,
    /// One of `GSO_*`, perhaps with [`GSO_ECN`].
    pub gso_type: u8,
    /// Bytes of headers, as a hint.
    pub hdr_len: u16,
    /// Payload bytes of each segment but the last.
    pub gso_size: u16,
    /// Where the checksum begins, bytes from the start of the frame.
    pub csum_start: u16,
    /// Where it goes, bytes from `csum_start`.
    pub csum_offset: u16,
}

impl VnetHeader {
    /// Reads the 10 bytes that a Linux packet socket or TAP device writes, in the host's byte order.
    pub fn from_bytes(bytes: &[u8; 10]) -> Self {
        let [flags, gso_type, a, b, c, d, e, f, g, h] = *bytes;
        Self {
            flags,
            gso_type,
            hdr_len: u16::from_ne_bytes([a, b]),
            gso_size: u16::from_ne_bytes([c, d]),
            csum_start: u16::from_ne_bytes([e, f]),
            csum_offset: u16::from_ne_bytes([g, h]),
        }
    }

    /// Whether the frame is complete as it is.
    pub fn is_plain(&self) -> bool {
        self.gso_type == GSO_NONE && self.flags & NEEDS_CSUM == 0
    }
}

/// Why metadata and frame do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GsoError {
    /// The frame ends before the headers or lengths that it or the metadata speak of.
    Truncated,
    /// A GSO type that is unknown, or tunnelled.
    UnknownType(u8),
    /// A super-frame with segments of size 0.
    NoSegmentSize,
    /// The headers are not those of the GSO type, or not where the checksum begins.
    Mismatch,
    /// Headers of more than [`MAX_HEAD`] bytes, or with options that cannot be repeated in each segment.
    UnsupportedHeaders,
}

impl core::fmt::Display for GsoError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Truncated => write!(f, "the frame is shorter than its headers and offload metadata say"),
            Self::UnknownType(kind) => write!(f, "segmentation type {kind:#04x} is not supported"),
            Self::NoSegmentSize => write!(f, "a super-frame without a segment size"),
            Self::Mismatch => write!(f, "the frame's headers are not those that its offload metadata speak of"),
            Self::UnsupportedHeaders => write!(f, "headers that cannot be repeated in every segment"),
        }
    }
}

impl core::error::Error for GsoError {}

/// Hands each frame of the super-frame to `out`, in order, as `(head, payload)`: the frame is the one followed by the other.
/// An Ethernet frame without metadata's wishes comes out as it is, all of it head. `out` returns `false` to stop.
///
/// Returns how many frames `out` accepted.
///
/// # Errors
/// [`GsoError`]; nothing was handed out then.
pub fn segment(frame: &[u8], vnet: &VnetHeader, out: &mut impl FnMut(&[u8], &[u8]) -> bool) -> Result<usize, GsoError> {
    if vnet.gso_type == GSO_NONE {
        return if vnet.flags & NEEDS_CSUM == 0 {
            Ok(usize::from(out(frame, &[])))
        } else {
            complete_checksum(frame, vnet, out)
        };
    }
    let transport = match vnet.gso_type & !GSO_ECN {
        GSO_TCPV4 | GSO_TCPV6 => Transport::Tcp,
        GSO_UDP_L4 => Transport::Udp,
        _ => return Err(GsoError::UnknownType(vnet.gso_type)),
    };
    if vnet.gso_size == 0 {
        return Err(GsoError::NoSegmentSize);
    }
    if usize::from(vnet.hdr_len) > frame.len() {
        return Err(GsoError::Truncated);
    }
    let headers = Headers::parse(frame, transport)?;
    match (vnet.gso_type & !GSO_ECN, headers.network) {
        (GSO_TCPV4, Network::V6) | (GSO_TCPV6, Network::V4) => return Err(GsoError::Mismatch),
        _ => {}
    }
    if vnet.flags & NEEDS_CSUM != 0 {
        let field = usize::from(vnet.csum_offset);
        if usize::from(vnet.csum_start) != headers.transport_at || field != transport.checksum_offset() {
            return Err(GsoError::Mismatch);
        }
    }
    let checksum_wanted = vnet.flags & NEEDS_CSUM != 0 || headers.has_checksum(frame);
    let (head, payload) = headers.split(frame)?;
    if headers.largest_packet(payload.len().min(usize::from(vnet.gso_size))) > usize::from(u16::MAX) {
        return Err(GsoError::Mismatch);
    }
    let count = payload.len().div_ceil(usize::from(vnet.gso_size)).max(1);
    let mut accepted = 0;
    for number in 0..count {
        let from = number * usize::from(vnet.gso_size);
        let to = (from + usize::from(vnet.gso_size)).min(payload.len());
        let part = payload.get(from..to).unwrap_or(&[]);
        let mut buffer = [0; MAX_HEAD];
        let Some(copy) = buffer.get_mut(..head.len()) else { return Err(GsoError::UnsupportedHeaders) };
        copy.copy_from_slice(head);
        let place = Place { number, offset: from, last: number + 1 == count };
        headers.patch(copy, part, place, checksum_wanted);
        if !out(copy, part) {
            break;
        }
        accepted += 1;
    }
    Ok(accepted)
}

/// Where a segment stands in its super-frame.
#[derive(Clone, Copy)]
struct Place {
    number: usize,
    /// Payload bytes before it.
    offset: usize,
    last: bool,
}

/// Fills in the one checksum that is missing: the sum of everything from `csum_start` on, of which the sender has put the
/// pseudo-header's part into the field.
fn complete_checksum(
    frame: &[u8],
    vnet: &VnetHeader,
    out: &mut impl FnMut(&[u8], &[u8]) -> bool,
) -> Result<usize, GsoError> {
    let start = usize::from(vnet.csum_start);
    let field = start + usize::from(vnet.csum_offset);
    let end = field + 2;
    let covered = frame.get(start..).ok_or(GsoError::Truncated)?;
    let (head, payload) = frame.split_at_checked(end).ok_or(GsoError::Truncated)?;
    let mut buffer = [0; MAX_HEAD];
    let copy = buffer.get_mut(..end).ok_or(GsoError::UnsupportedHeaders)?;
    copy.copy_from_slice(head);
    put_u16(copy, field, nonzero(!fold(sum(covered))));
    Ok(usize::from(out(copy, payload)))
}

/// One's complement sum of big-endian 16-bit words, an odd last byte padded with zero (RFC 1071). Not folded.
fn sum(bytes: &[u8]) -> u64 {
    let mut total = 0_u64;
    let mut chunks = bytes.chunks_exact(4);
    for chunk in &mut chunks {
        // RFC 1071 section 2 (B): the sum may be made in the machine's byte order and turned at the end.
        total += u64::from(u32::from_ne_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]));
    }
    let mut last = [0; 4];
    for (to, from) in last.iter_mut().zip(chunks.remainder()) {
        *to = *from;
    }
    total += u64::from(u32::from_ne_bytes(last));
    u64::from(u16::from_be(fold(total)))
}

/// Adds the carries back in until 16 bits are left.
fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// RFC 768: a computed checksum of zero is sent as all ones, which means the same to TCP.
fn nonzero(checksum: u16) -> u16 {
    if checksum == 0 { 0xffff } else { checksum }
}

/// Writes a big-endian number; nothing where there is no room.
fn put_u16(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(field) = bytes.get_mut(at..at + 2) {
        field.copy_from_slice(&value.to_be_bytes());
    }
}
