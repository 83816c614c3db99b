//! The Internet checksum (RFC 1071), its pseudo-headers (RFC 9293 section 3.1, RFC 768, RFC 8200 section 8.1), and its
//! incremental update (RFC 1624).
//!
//! The sum is taken in native byte order, eight bytes at a time, and turned once at the end: RFC 1071 section 2(B) shows
//! that one's complement addition commutes with a byte swap. Checksums are host-order `u16` at this interface.

use super::{Ipv4, Ipv6, Malformed, ip_proto};
use core::net::{Ipv4Addr, Ipv6Addr};

/// One's complement sum over bytes that are handed in piece by piece, as if they lay side by side.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    /// Folded to 16 bits after each piece, native byte order.
    acc: u16,
    /// Whether an odd number of bytes came before, so that the next piece starts in the middle of a word.
    odd: bool,
}

impl Sum {
    /// The sum over nothing.
    #[inline]
    pub const fn new() -> Self {
        Self { acc: 0, odd: false }
    }

    /// Appends `bytes`; an odd length is allowed anywhere.
    #[inline]
    #[must_use]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        let piece = fold(native(bytes));
        let piece = if self.odd { piece.swap_bytes() } else { piece };
        Self { acc: fold(u64::from(self.acc) + u64::from(piece)), odd: self.odd ^ (bytes.len() & 1 == 1) }
    }

    /// Appends a value in network order.
    #[inline]
    #[must_use]
    pub fn u16(self, value: u16) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    /// Appends a value in network order.
    #[inline]
    #[must_use]
    pub fn u32(self, value: u32) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    /// The sum so far, not complemented, host order.
    #[inline]
    pub fn value(self) -> u16 {
        u16::from_be(self.acc)
    }

    /// The checksum: the complement of the sum, host order.
    #[inline]
    pub fn checksum(self) -> u16 {
        !self.value()
    }
}

/// The sum of native-order words; zero stands for the missing byte of an odd length.
#[inline]
fn native(bytes: &[u8]) -> u64 {
    let (words, tail) = bytes.as_chunks::<8>();
    // The upper half collects the carries: an add and an add-with-carry per eight bytes.
    let mut wide = 0u128;
    for word in words {
        wide += u128::from(u64::from_ne_bytes(*word));
    }
    let mut sum = (wide as u64 & 0xffff_ffff) + (wide as u64 >> 32) + (wide >> 64) as u64;
    let mut tail = tail;
    if let Some((word, rest)) = tail.split_first_chunk::<4>() {
        sum += u64::from(u32::from_ne_bytes(*word));
        tail = rest;
    }
    if let Some((word, rest)) = tail.split_first_chunk::<2>() {
        sum += u64::from(u16::from_ne_bytes(*word));
        tail = rest;
    }
    if let [last] = tail {
        sum += u64::from(u16::from_ne_bytes([*last, 0]));
    }
    sum
}

/// Folds to 16 bits with end-around carry. Only a sum of zeros yields zero.
#[inline]
pub(super) const fn fold(sum: u64) -> u16 {
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    ((sum >> 16) + (sum & 0xffff)) as u16
}

/// The checksum of `bytes`, in which the checksum field must be zero.
#[inline]
pub fn checksum(bytes: &[u8]) -> u16 {
    Sum::new().bytes(bytes).checksum()
}

/// Whether `bytes`, which contain their checksum at an even offset, sum to all ones.
#[inline]
pub fn is_valid(bytes: &[u8]) -> bool {
    fold(native(bytes)) == 0xffff
}

/// Source and destination address, as the pseudo-header of a transport checksum takes them.
///
/// With an IPv6 routing header the destination is the final one (RFC 8200 section 8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// Source and destination, IPv4.
    V4(Ipv4Addr, Ipv4Addr),
    /// Source and destination, IPv6.
    V6(Ipv6Addr, Ipv6Addr),
}

impl Addresses {
    /// The sum of the pseudo-header for `len` bytes of `protocol`. IPv4 keeps the low 16 bits of `len`.
    #[inline]
    pub fn pseudo(self, protocol: u8, len: u32) -> Sum {
        match self {
            Self::V4(src, dst) => pseudo_v4(src, dst, protocol, len as u16),
            Self::V6(src, dst) => pseudo_v6(src, dst, protocol, len),
        }
    }
}

impl From<&Ipv4> for Addresses {
    #[inline]
    fn from(ip: &Ipv4) -> Self {
        Self::V4(ip.src(), ip.dst())
    }
}

impl From<&Ipv6> for Addresses {
    #[inline]
    fn from(ip: &Ipv6) -> Self {
        Self::V6(ip.src(), ip.dst())
    }
}

/// The sum of the IPv4 pseudo-header (RFC 9293 section 3.1); `len` counts transport header and data, bytes.
#[inline]
pub fn pseudo_v4(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, len: u16) -> Sum {
    let wide = u64::from(u32::from_ne_bytes(src.octets()))
        + u64::from(u32::from_ne_bytes(dst.octets()))
        + u64::from(u16::from(protocol).to_be())
        + u64::from(len.to_be());
    Sum { acc: fold(wide), odd: false }
}

/// The sum of the IPv6 pseudo-header (RFC 8200 section 8.1); `len` counts the upper-layer header and data, bytes.
#[inline]
pub fn pseudo_v6(src: Ipv6Addr, dst: Ipv6Addr, next: u8, len: u32) -> Sum {
    Sum::new().bytes(&src.octets()).bytes(&dst.octets()).u32(len).u32(u32::from(next))
}

/// Where a transport keeps its checksum, and the sum that its bytes are added to.
struct Plan {
    /// Offset of the checksum field from the transport header, bytes.
    field: usize,
    /// How many of the bytes the checksum covers.
    covered: usize,
    /// The pseudo-header, or nothing for ICMP over IPv4.
    start: Sum,
}

fn plan(addresses: Addresses, protocol: u8, segment: &[u8]) -> Result<Plan, Malformed> {
    let (field, min) = match protocol {
        ip_proto::TCP => (16, 20),
        ip_proto::UDP => (6, 8),
        ip_proto::ICMP | ip_proto::ICMPV6 => (2, 4),
        _ => return Err(Malformed::Unsupported),
    };
    if segment.len() < min {
        return Err(Malformed::Truncated);
    }
    let covered = match (protocol, segment) {
        // RFC 768: the pseudo-header's length is the UDP length; bytes behind it are not part of the datagram.
        (ip_proto::UDP, [_, _, _, _, high, low, ..]) => usize::from(u16::from_be_bytes([*high, *low])),
        _ => segment.len(),
    };
    if covered < min {
        return Err(Malformed::BadLength);
    }
    if covered > segment.len() {
        return Err(Malformed::Truncated);
    }
    let len = u32::try_from(covered).map_err(|_| Malformed::BadLength)?;
    let start = match protocol {
        ip_proto::ICMP => Sum::new(),
        _ => addresses.pseudo(protocol, len),
    };
    Ok(Plan { field, covered, start })
}

/// Checks the checksum of a whole TCP, UDP, ICMP or ICMPv6 message, `segment`, between `addresses`.
///
/// UDP over IPv4 with checksum 0 was sent without one and passes (RFC 768); over IPv6 it does not (RFC 8200 section 8.1).
///
/// # Errors
/// [`Malformed::BadChecksum`]; [`Malformed::Unsupported`] for another protocol; [`Malformed::Truncated`] and
/// [`Malformed::BadLength`] where the fixed header or the UDP length do not fit.
pub fn verify_transport(addresses: Addresses, protocol: u8, segment: &[u8]) -> Result<(), Malformed> {
    let Plan { field, covered, start } = plan(addresses, protocol, segment)?;
    if protocol == ip_proto::UDP && segment.get(field..field + 2) == Some(&[0, 0]) {
        return match addresses {
            Addresses::V4(..) => Ok(()),
            Addresses::V6(..) => Err(Malformed::BadChecksum),
        };
    }
    let covered = segment.get(..covered).ok_or(Malformed::Truncated)?;
    if start.bytes(covered).value() == 0xffff { Ok(()) } else { Err(Malformed::BadChecksum) }
}

/// Computes and writes the checksum of a whole TCP, UDP, ICMP or ICMPv6 message, `segment`, between `addresses`.
/// A UDP checksum that comes out as 0 is sent as 0xFFFF (RFC 768). Returns what was written.
///
/// # Errors
/// As [`verify_transport`], but for `BadChecksum`; `segment` is unchanged then.
pub fn fill_transport(addresses: Addresses, protocol: u8, segment: &mut [u8]) -> Result<u16, Malformed> {
    let Plan { field, covered, start } = plan(addresses, protocol, segment)?;
    let covered = segment.get_mut(..covered).ok_or(Malformed::Truncated)?;
    covered.get_mut(field..field + 2).ok_or(Malformed::Truncated)?.fill(0);
    let sum = start.bytes(covered).checksum();
    let sum = if protocol == ip_proto::UDP { udp_nonzero(sum) } else { sum };
    covered.get_mut(field..field + 2).ok_or(Malformed::Truncated)?.copy_from_slice(&sum.to_be_bytes());
    Ok(sum)
}

/// The form in which a UDP checksum is sent: 0 means "none", so a computed 0 is sent as 0xFFFF (RFC 768).
#[inline]
pub const fn udp_nonzero(checksum: u16) -> u16 {
    if checksum == 0 { 0xffff } else { checksum }
}

/// The checksum after a 16-bit field at an even offset changed from `old` to `new` (RFC 1624 equation 3).
///
/// Equals a full computation unless *all* the summed bytes are zero afterwards, which a header with a version, or a
/// pseudo-header with a protocol, never is; there 0x0000 comes out instead of 0xFFFF.
#[inline]
#[must_use]
pub const fn update_u16(checksum: u16, old: u16, new: u16) -> u16 {
    // RFC 1624 section 3: HC' = ~(~HC + ~m + m')
    !fold(!checksum as u64 + !old as u64 + new as u64)
}

/// As [`update_u16`] for a 32-bit field at an even offset.
#[inline]
#[must_use]
pub const fn update_u32(checksum: u16, old: u32, new: u32) -> u16 {
    !fold(!checksum as u64 + !old as u64 + new as u64)
}

/// As [`update_u16`] where `old` was replaced by `new`, both starting at an even offset (IPv6 addresses, whole headers).
/// Lengths may differ if both are even.
#[inline]
#[must_use]
pub fn update_bytes(checksum: u16, old: &[u8], new: &[u8]) -> u16 {
    let removed = !u16::from_be(fold(native(old)));
    let added = u16::from_be(fold(native(new)));
    !fold(!checksum as u64 + removed as u64 + added as u64)
}

#[cfg(test)]
mod tests;
