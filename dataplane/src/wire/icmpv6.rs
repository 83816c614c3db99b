//! ICMPv6 (RFC 4443) and neighbour discovery (RFC 4861 section 4).
//!
//! ```text
//! | type 1 | code 1 | checksum 2 | rest, by type 4 |
//! neighbour solicitation, advertisement: | target 16 | options |
//! option: | type 1 | length 1 (8-byte words, these two bytes included) | ... |
//! ```
//! The checksum covers the IPv6 pseudo-header: see [`super::checksum::verify_transport`].

use super::{EtherAddr, Malformed, view, view_full, view_full_mut, view_mut};
use core::iter::FusedIterator;
use core::net::Ipv6Addr;
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of the header, bytes.
pub const LEN: usize = 8;
/// Length of a neighbour solicitation or advertisement without options, bytes.
pub const NEIGHBOR_LEN: usize = 24;
/// Destination unreachable.
pub const UNREACHABLE: u8 = 1;
/// Packet too big.
pub const PACKET_TOO_BIG: u8 = 2;
/// Time exceeded.
pub const TIME_EXCEEDED: u8 = 3;
/// Parameter problem.
pub const PARAMETER_PROBLEM: u8 = 4;
/// Echo request.
pub const ECHO: u8 = 128;
/// Echo reply.
pub const ECHO_REPLY: u8 = 129;
/// Multicast listener query (RFC 2710).
pub const LISTENER_QUERY: u8 = 130;
/// Multicast listener report (RFC 2710).
pub const LISTENER_REPORT: u8 = 131;
/// Multicast listener done (RFC 2710).
pub const LISTENER_DONE: u8 = 132;
/// Router solicitation.
pub const ROUTER_SOLICIT: u8 = 133;
/// Router advertisement.
pub const ROUTER_ADVERT: u8 = 134;
/// Neighbour solicitation.
pub const NEIGHBOR_SOLICIT: u8 = 135;
/// Neighbour advertisement.
pub const NEIGHBOR_ADVERT: u8 = 136;
/// Redirect.
pub const REDIRECT: u8 = 137;
/// Multicast listener report, version 2 (RFC 9777).
pub const LISTENER_REPORT_V2: u8 = 143;

/// Unreachable: no route.
pub const CODE_NO_ROUTE: u8 = 0;
/// Unreachable: administratively prohibited.
pub const CODE_PROHIBITED: u8 = 1;
/// Unreachable: beyond the scope of the source address.
pub const CODE_BEYOND_SCOPE: u8 = 2;
/// Unreachable: address.
pub const CODE_ADDRESS: u8 = 3;
/// Unreachable: port.
pub const CODE_PORT: u8 = 4;
/// Time exceeded: hop limit ran out in transit.
pub const CODE_TRANSIT: u8 = 0;
/// Time exceeded: fragment reassembly.
pub const CODE_REASSEMBLY: u8 = 1;
/// Parameter problem: erroneous header field.
pub const CODE_HEADER_FIELD: u8 = 0;
/// Parameter problem: unrecognized next header.
pub const CODE_NEXT_HEADER: u8 = 1;
/// Parameter problem: unrecognized IPv6 option.
pub const CODE_OPTION: u8 = 2;

/// Advertisement flag: the sender is a router.
pub const FLAG_ROUTER: u32 = 1 << 31;
/// Advertisement flag: answers a solicitation.
pub const FLAG_SOLICITED: u32 = 1 << 30;
/// Advertisement flag: overrides a cached address.
pub const FLAG_OVERRIDE: u32 = 1 << 29;
/// Neighbour discovery option: link-layer address of the source.
pub const OPTION_SOURCE_LINK: u8 = 1;
/// Neighbour discovery option: link-layer address of the target.
pub const OPTION_TARGET_LINK: u8 = 2;
/// Neighbour discovery option: prefix information.
pub const OPTION_PREFIX: u8 = 3;
/// Neighbour discovery option: redirected header.
pub const OPTION_REDIRECTED: u8 = 4;
/// Neighbour discovery option: MTU.
pub const OPTION_MTU: u8 = 5;

/// Names of types, sorted by number.
pub const TYPE_NAMES: &[(u8, &str)] = &[
    (UNREACHABLE, "unreachable"),
    (PACKET_TOO_BIG, "packet-too-big"),
    (TIME_EXCEEDED, "timeexceeded"),
    (PARAMETER_PROBLEM, "parameterproblem"),
    (ECHO, "echo"),
    (ECHO_REPLY, "echo-reply"),
    (LISTENER_QUERY, "listener-query"),
    (LISTENER_REPORT, "listener-report"),
    (LISTENER_DONE, "listener-done"),
    (ROUTER_SOLICIT, "routersolicit"),
    (ROUTER_ADVERT, "routeradvert"),
    (NEIGHBOR_SOLICIT, "neighborsolicit"),
    (NEIGHBOR_ADVERT, "neighboradvert"),
    (REDIRECT, "redirect"),
    (LISTENER_REPORT_V2, "listener-report-v2"),
];

/// The name of a type, if it has one.
pub fn type_name(kind: u8) -> Option<&'static str> {
    TYPE_NAMES.binary_search_by_key(&kind, |row| row.0).ok().map(|i| TYPE_NAMES[i].1)
}

/// Whether a type reports an error (RFC 4443 section 2.1: those below 128).
#[inline]
pub const fn is_error(kind: u8) -> bool {
    kind < 128
}

/// An ICMPv6 header in place.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub struct Icmpv6 {
    kind: u8,
    code: u8,
    checksum: U16,
    rest: U32,
}

impl Icmpv6 {
    /// A header of this type and code, the rest and the checksum 0.
    #[inline]
    pub fn new(kind: u8, code: u8) -> Self {
        Self { kind, code, ..Self::default() }
    }

    /// The header at the start of `bytes`, and what follows it. The checksum is not looked at.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below 8 bytes.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        view(bytes)
    }

    /// As [`Icmpv6::parse`], writable.
    ///
    /// # Errors
    /// As [`Icmpv6::parse`].
    #[inline]
    pub fn parse_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        view_mut(bytes)
    }

    /// Type.
    #[inline]
    pub fn kind(&self) -> u8 {
        self.kind
    }

    /// Code, whose meaning depends on the type.
    #[inline]
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Checksum as received.
    #[inline]
    pub fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// The four bytes whose meaning depends on the type: an MTU, a pointer, flags.
    #[inline]
    pub fn rest(&self) -> u32 {
        self.rest.get()
    }

    /// Identifier of an echo message; `None` for other types.
    #[inline]
    pub fn ident(&self) -> Option<u16> {
        matches!(self.kind, ECHO | ECHO_REPLY).then_some((self.rest() >> 16) as u16)
    }

    /// Sequence number of an echo message; `None` for other types.
    #[inline]
    pub fn sequence(&self) -> Option<u16> {
        matches!(self.kind, ECHO | ECHO_REPLY).then_some(self.rest() as u16)
    }

    /// The MTU, bytes, of "packet too big"; `None` for other types.
    #[inline]
    pub fn mtu(&self) -> Option<u32> {
        (self.kind == PACKET_TOO_BIG).then_some(self.rest())
    }

    /// Sets the type.
    #[inline]
    pub fn set_kind(&mut self, kind: u8) {
        self.kind = kind;
    }

    /// Sets the code.
    #[inline]
    pub fn set_code(&mut self, code: u8) {
        self.code = code;
    }

    /// Sets the checksum.
    #[inline]
    pub fn set_checksum(&mut self, checksum: u16) {
        self.checksum.set(checksum);
    }

    /// Sets the four bytes whose meaning depends on the type.
    #[inline]
    pub fn set_rest(&mut self, rest: u32) {
        self.rest.set(rest);
    }

    /// Sets identifier and sequence number.
    #[inline]
    pub fn set_echo(&mut self, ident: u16, sequence: u16) {
        self.set_rest(u32::from(ident) << 16 | u32::from(sequence));
    }
}

/// A neighbour solicitation or advertisement in place (RFC 4861 sections 4.3, 4.4).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub struct Neighbor {
    icmp: Icmpv6,
    target: [u8; 16],
}

impl Neighbor {
    /// A message of type [`NEIGHBOR_SOLICIT`] or [`NEIGHBOR_ADVERT`] about `target`; flags and checksum 0.
    #[inline]
    pub fn new(kind: u8, target: Ipv6Addr) -> Self {
        Self { icmp: Icmpv6::new(kind, 0), target: target.octets() }
    }

    /// The message at the start of `bytes`, and its options ([`NdOptions`]).
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below 24 bytes; [`Malformed::Unsupported`] for another type; [`Malformed::BadFlags`] for a
    /// code other than 0.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        Self::check(bytes)?;
        view_full(bytes, NEIGHBOR_LEN, bytes.len()).map(|(message, _, options)| (message, options))
    }

    /// As [`Neighbor::parse`], writable.
    ///
    /// # Errors
    /// As [`Neighbor::parse`].
    #[inline]
    pub fn parse_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        Self::check(bytes)?;
        let len = bytes.len();
        view_full_mut(bytes, NEIGHBOR_LEN, len).map(|(message, _, options)| (message, options))
    }

    fn check(bytes: &[u8]) -> Result<(), Malformed> {
        let (message, _) = view::<Self>(bytes)?;
        match (message.icmp.kind, message.icmp.code) {
            (NEIGHBOR_SOLICIT | NEIGHBOR_ADVERT, 0) => Ok(()),
            // RFC 4861 sections 7.1.1, 7.1.2: the code must be 0.
            (NEIGHBOR_SOLICIT | NEIGHBOR_ADVERT, _) => Err(Malformed::BadFlags),
            _ => Err(Malformed::Unsupported),
        }
    }

    /// The ICMPv6 header.
    #[inline]
    pub fn icmp(&self) -> &Icmpv6 {
        &self.icmp
    }

    /// The address asked for or answered for.
    #[inline]
    pub fn target(&self) -> Ipv6Addr {
        self.target.into()
    }

    /// [`FLAG_ROUTER`], [`FLAG_SOLICITED`], [`FLAG_OVERRIDE`] of an advertisement.
    #[inline]
    pub fn flags(&self) -> u32 {
        self.icmp.rest() & (FLAG_ROUTER | FLAG_SOLICITED | FLAG_OVERRIDE)
    }

    /// The ICMPv6 header, writable.
    #[inline]
    pub fn icmp_mut(&mut self) -> &mut Icmpv6 {
        &mut self.icmp
    }

    /// Sets the address asked for or answered for.
    #[inline]
    pub fn set_target(&mut self, target: Ipv6Addr) {
        self.target = target.octets();
    }

    /// Sets the flags of an advertisement; other bits become 0.
    #[inline]
    pub fn set_flags(&mut self, flags: u32) {
        self.icmp.set_rest(flags & (FLAG_ROUTER | FLAG_SOLICITED | FLAG_OVERRIDE));
    }
}

/// A neighbour discovery option, in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NdOption<'a> {
    /// Type.
    pub kind: u8,
    /// What follows type and length: 6 bytes, or 8 more for each further word.
    pub data: &'a [u8],
}

impl NdOption<'_> {
    /// The Ethernet address of a source or target link-layer address option.
    pub fn link(&self) -> Option<EtherAddr> {
        match self.kind {
            OPTION_SOURCE_LINK | OPTION_TARGET_LINK => self.data.first_chunk().map(|bytes| EtherAddr(*bytes)),
            _ => None,
        }
    }
}

/// The neighbour discovery options in a slice, in order (RFC 4861 section 4.6).
#[derive(Clone, Debug)]
pub struct NdOptions<'a> {
    rest: &'a [u8],
}

impl<'a> NdOptions<'a> {
    /// The options in `bytes`.
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for NdOptions<'a> {
    /// An option, or [`Malformed::BadOption`] as the last item.
    type Item = Result<NdOption<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let &kind = self.rest.first()?;
        let len = self.rest.get(1).map_or(0, |&words| usize::from(words) * 8);
        // RFC 4861 section 4.6: the value 0 is invalid. The range 2..0 has no bytes either.
        match (self.rest.get(2..len), self.rest.get(len..)) {
            (Some(data), Some(rest)) => {
                self.rest = rest;
                Some(Ok(NdOption { kind, data }))
            }
            _ => {
                self.rest = &[];
                Some(Err(Malformed::BadOption))
            }
        }
    }
}

impl FusedIterator for NdOptions<'_> {}

#[cfg(test)]
mod tests;
