//! Wire formats: checked header views over byte slices, and the Internet checksum.
//!
//! Bytes from the network are reached only through a view whose constructor checked them (`parse`, `parse_mut`), so no
//! code behind a view can read out of range. Views borrow the frame: nothing is copied or allocated. Every header file has
//! the same parts in the same order: layout, constants, struct, constructors, getters, setters, tests. Getters return
//! host-order values; setters take them.
//!
//! `parse` returns the fixed part of the header and what follows the *whole* header (options skipped, padding behind the
//! header's own length field cut off). Headers with a variable part also have `parse_full`, which returns that part too.

pub mod addr;
pub mod arp;
pub mod checksum;
pub mod describe;
pub mod ethernet;
pub mod gre;
pub mod icmp;
pub mod icmpv6;
pub mod ip_proto;
pub mod ipv4;
pub mod ipv6;
pub mod ipv6_ext;
pub mod nsh;
pub mod options;
pub mod tcp;
pub mod udp;
pub mod vlan;
pub mod vxlan;
pub mod vxlan_gpe;

pub use addr::EtherAddr;
pub use arp::Arp;
pub use ethernet::Ethernet;
pub use gre::Gre;
pub use icmp::Icmp;
pub use icmpv6::Icmpv6;
pub use ipv4::Ipv4;
pub use ipv6::Ipv6;
pub use nsh::Nsh;
pub use tcp::Tcp;
pub use udp::Udp;
pub use vlan::Vlan;
pub use vxlan::Vxlan;
pub use vxlan_gpe::VxlanGpe;

use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Why bytes are not the header they were taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// Fewer bytes than the header needs, or than its length field promises.
    Truncated,
    /// A version field with another value than the format's.
    BadVersion,
    /// A length field that contradicts the format (smaller than the fixed header, not the required value).
    BadLength,
    /// The checksum does not match the bytes.
    BadChecksum,
    /// A required flag is clear, or a flag that must be zero is set.
    BadFlags,
    /// An option or TLV whose length is impossible or runs past its space.
    BadOption,
    /// A header that the standard allows only in another place of the chain.
    BadOrder,
    /// More chained headers than the walker follows.
    TooDeep,
    /// Well formed, but of a kind that the view does not cover (for one: ARP that is not IPv4 over Ethernet).
    Unsupported,
}

impl Malformed {
    /// A short name in `snake_case`, fit for a counter or a drop reason.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::BadVersion => "bad_version",
            Self::BadLength => "bad_length",
            Self::BadChecksum => "bad_checksum",
            Self::BadFlags => "bad_flags",
            Self::BadOption => "bad_option",
            Self::BadOrder => "bad_order",
            Self::TooDeep => "too_deep",
            Self::Unsupported => "unsupported",
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the packet ends before the header does",
            Self::BadVersion => "wrong version",
            Self::BadLength => "impossible length field",
            Self::BadChecksum => "wrong checksum",
            Self::BadFlags => "impossible flags",
            Self::BadOption => "malformed option",
            Self::BadOrder => "header in a forbidden place",
            Self::TooDeep => "too many chained headers",
            Self::Unsupported => "unsupported kind",
        })
    }
}

impl core::error::Error for Malformed {}

/// The header at the start of `bytes` and all that follows its fixed part.
#[inline]
fn view<T>(bytes: &[u8]) -> Result<(&T, &[u8]), Malformed>
where
    T: FromBytes + KnownLayout + Immutable + Unaligned,
{
    T::ref_from_prefix(bytes).map_err(|_| Malformed::Truncated)
}

/// As [`view`], writable.
#[inline]
fn view_mut<T>(bytes: &mut [u8]) -> Result<(&mut T, &mut [u8]), Malformed>
where
    T: FromBytes + IntoBytes + KnownLayout + Unaligned,
{
    T::mut_from_prefix(bytes).map_err(|_| Malformed::Truncated)
}

/// Splits `bytes` into the fixed header, its variable part up to `header`, and the payload up to `end` (bytes from the start).
#[inline]
fn view_full<T>(bytes: &[u8], header: usize, end: usize) -> Result<(&T, &[u8], &[u8]), Malformed>
where
    T: FromBytes + KnownLayout + Immutable + Unaligned,
{
    let whole = bytes.get(..end).ok_or(Malformed::Truncated)?;
    let (head, payload) = whole.split_at_checked(header).ok_or(Malformed::Truncated)?;
    let (fixed, variable) = view(head)?;
    Ok((fixed, variable, payload))
}

/// A fixed header, its variable part and its payload, all writable.
type FullMut<'a, T> = (&'a mut T, &'a mut [u8], &'a mut [u8]);

/// As [`view_full`], writable.
#[inline]
fn view_full_mut<T>(bytes: &mut [u8], header: usize, end: usize) -> Result<FullMut<'_, T>, Malformed>
where
    T: FromBytes + IntoBytes + KnownLayout + Unaligned,
{
    let whole = bytes.get_mut(..end).ok_or(Malformed::Truncated)?;
    let (head, payload) = whole.split_at_mut_checked(header).ok_or(Malformed::Truncated)?;
    let (fixed, variable) = view_mut(head)?;
    Ok((fixed, variable, payload))
}

#[cfg(test)]
mod testing;
