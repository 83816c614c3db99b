//! ICMP for IPv4 (RFC 792; router discovery RFC 1256, address mask RFC 950, path MTU RFC 1191, codes RFC 1122 and 1812).
//!
//! ```text
//! | type 1 | code 1 | checksum 2 | rest, by type 4 |
//! ```
//! The rest is identifier and sequence number (echo, time stamp), a gateway (redirect), a pointer (parameter problem) or
//! the next hop's MTU (fragmentation needed). The checksum covers header and data, without a pseudo-header.

use super::{Malformed, checksum, view, view_mut};
use core::net::Ipv4Addr;
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of the header, bytes.
pub const LEN: usize = 8;
/// Echo reply.
pub const ECHO_REPLY: u8 = 0;
/// Destination unreachable.
pub const UNREACHABLE: u8 = 3;
/// Source quench (deprecated, RFC 6633).
pub const SOURCE_QUENCH: u8 = 4;
/// Redirect.
pub const REDIRECT: u8 = 5;
/// Echo request.
pub const ECHO: u8 = 8;
/// Router advertisement.
pub const ROUTER_ADVERT: u8 = 9;
/// Router solicitation.
pub const ROUTER_SOLICIT: u8 = 10;
/// Time exceeded.
pub const TIME_EXCEEDED: u8 = 11;
/// Parameter problem.
pub const PARAMETER_PROBLEM: u8 = 12;
/// Time stamp request.
pub const TIMESTAMP: u8 = 13;
/// Time stamp reply.
pub const TIMESTAMP_REPLY: u8 = 14;
/// Information request (obsolete).
pub const INFO: u8 = 15;
/// Information reply (obsolete).
pub const INFO_REPLY: u8 = 16;
/// Address mask request.
pub const MASK: u8 = 17;
/// Address mask reply.
pub const MASK_REPLY: u8 = 18;

/// Unreachable: network.
pub const CODE_NET: u8 = 0;
/// Unreachable: host.
pub const CODE_HOST: u8 = 1;
/// Unreachable: protocol.
pub const CODE_PROTOCOL: u8 = 2;
/// Unreachable: port.
pub const CODE_PORT: u8 = 3;
/// Unreachable: fragmentation needed and DF set.
pub const CODE_NEED_FRAG: u8 = 4;
/// Unreachable: source route failed.
pub const CODE_SOURCE_ROUTE: u8 = 5;
/// Unreachable: communication administratively prohibited (RFC 1812).
pub const CODE_FILTER_PROHIBITED: u8 = 13;
/// Redirect: datagrams for the network.
pub const CODE_REDIRECT_NET: u8 = 0;
/// Redirect: datagrams for the host.
pub const CODE_REDIRECT_HOST: u8 = 1;
/// Time exceeded: TTL ran out in transit.
pub const CODE_TRANSIT: u8 = 0;
/// Time exceeded: fragment reassembly.
pub const CODE_REASSEMBLY: u8 = 1;
/// Parameter problem: the pointer indicates the error.
pub const CODE_POINTER: u8 = 0;
/// Parameter problem: a required option is missing.
pub const CODE_MISSING_OPTION: u8 = 1;
/// Parameter problem: bad length.
pub const CODE_LENGTH: u8 = 2;

/// Names of types as users write them in configurations, sorted by name.
pub const TYPE_NAMES: &[(&str, u8)] = &[
    ("echo", ECHO),
    ("echo-reply", ECHO_REPLY),
    ("inforeq", INFO),
    ("inforeq-reply", INFO_REPLY),
    ("maskreq", MASK),
    ("maskreq-reply", MASK_REPLY),
    ("parameterproblem", PARAMETER_PROBLEM),
    ("redirect", REDIRECT),
    ("routeradvert", ROUTER_ADVERT),
    ("routersolicit", ROUTER_SOLICIT),
    ("sourcequench", SOURCE_QUENCH),
    ("timeexceeded", TIME_EXCEEDED),
    ("timestamp", TIMESTAMP),
    ("timestamp-reply", TIMESTAMP_REPLY),
    ("unreachable", UNREACHABLE),
];

/// Names of codes as users write them, with the type they belong to, sorted by type, then name.
pub const CODE_NAMES: &[(u8, &str, u8)] = &[
    (UNREACHABLE, "filterprohibited", CODE_FILTER_PROHIBITED),
    (UNREACHABLE, "host", CODE_HOST),
    (UNREACHABLE, "hostprecedence", 14),
    (UNREACHABLE, "hostprohibited", 10),
    (UNREACHABLE, "hostunknown", 7),
    (UNREACHABLE, "isolated", 8),
    (UNREACHABLE, "needfrag", CODE_NEED_FRAG),
    (UNREACHABLE, "net", CODE_NET),
    (UNREACHABLE, "netprohibited", 9),
    (UNREACHABLE, "netunknown", 6),
    (UNREACHABLE, "port", CODE_PORT),
    (UNREACHABLE, "precedencecutoff", 15),
    (UNREACHABLE, "protocol", CODE_PROTOCOL),
    (UNREACHABLE, "srcroutefail", CODE_SOURCE_ROUTE),
    (UNREACHABLE, "toshost", 12),
    (UNREACHABLE, "tosnet", 11),
    (REDIRECT, "host", CODE_REDIRECT_HOST),
    (REDIRECT, "net", CODE_REDIRECT_NET),
    (REDIRECT, "toshost", 3),
    (REDIRECT, "tosnet", 2),
    (TIME_EXCEEDED, "reassembly", CODE_REASSEMBLY),
    (TIME_EXCEEDED, "transit", CODE_TRANSIT),
    (PARAMETER_PROBLEM, "erroratptr", CODE_POINTER),
    (PARAMETER_PROBLEM, "length", CODE_LENGTH),
    (PARAMETER_PROBLEM, "missingopt", CODE_MISSING_OPTION),
];

/// The name of a type, if it has one.
pub fn type_name(kind: u8) -> Option<&'static str> {
    TYPE_NAMES.iter().find(|row| row.1 == kind).map(|row| row.0)
}

/// The type of this name, if there is one.
pub fn type_number(name: &str) -> Option<u8> {
    TYPE_NAMES.iter().find(|row| row.0 == name).map(|row| row.1)
}

/// The name of a code of type `kind`, if it has one.
pub fn code_name(kind: u8, code: u8) -> Option<&'static str> {
    CODE_NAMES.iter().find(|row| row.0 == kind && row.2 == code).map(|row| row.1)
}

/// The code of this name for type `kind`, if there is one.
pub fn code_number(kind: u8, name: &str) -> Option<u8> {
    CODE_NAMES.iter().find(|row| row.0 == kind && row.1 == name).map(|row| row.2)
}

/// Whether a type reports an error and quotes the packet that caused it: never to be answered with another error
/// (RFC 1122 section 3.2.2).
#[inline]
pub const fn is_error(kind: u8) -> bool {
    matches!(kind, UNREACHABLE | SOURCE_QUENCH | REDIRECT | TIME_EXCEEDED | PARAMETER_PROBLEM)
}

/// Whether a message of this type carries an identifier and a sequence number.
#[inline]
pub const fn has_ident(kind: u8) -> bool {
    matches!(kind, ECHO | ECHO_REPLY | TIMESTAMP | TIMESTAMP_REPLY | INFO | INFO_REPLY | MASK | MASK_REPLY)
}

/// An ICMP header in place.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub struct Icmp {
    kind: u8,
    code: u8,
    checksum: U16,
    rest: U32,
}

impl Icmp {
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

    /// As [`Icmp::parse`], writable.
    ///
    /// # Errors
    /// As [`Icmp::parse`].
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

    /// The four bytes whose meaning depends on the type.
    #[inline]
    pub fn rest(&self) -> u32 {
        self.rest.get()
    }

    /// Identifier of an echo, time stamp, information or mask message; `None` for other types.
    #[inline]
    pub fn ident(&self) -> Option<u16> {
        has_ident(self.kind).then_some((self.rest() >> 16) as u16)
    }

    /// Sequence number of an echo, time stamp, information or mask message; `None` for other types.
    #[inline]
    pub fn sequence(&self) -> Option<u16> {
        has_ident(self.kind).then_some(self.rest() as u16)
    }

    /// The gateway that a redirect recommends; `None` for other types.
    #[inline]
    pub fn gateway(&self) -> Option<Ipv4Addr> {
        (self.kind == REDIRECT).then(|| self.rest().into())
    }

    /// The next hop's MTU, bytes, of "fragmentation needed" (RFC 1191; 0 from older routers); `None` for others.
    #[inline]
    pub fn next_mtu(&self) -> Option<u16> {
        (self.kind == UNREACHABLE && self.code == CODE_NEED_FRAG).then_some(self.rest() as u16)
    }

    /// Where a parameter problem lies, bytes from the quoted IP header; `None` for other types.
    #[inline]
    pub fn pointer(&self) -> Option<u8> {
        (self.kind == PARAMETER_PROBLEM).then_some((self.rest() >> 24) as u8)
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

/// Checks the checksum of a whole message.
///
/// # Errors
/// [`Malformed::Truncated`] below 8 bytes; [`Malformed::BadChecksum`].
pub fn verify_checksum(message: &[u8]) -> Result<(), Malformed> {
    Icmp::parse(message)?;
    if checksum::is_valid(message) { Ok(()) } else { Err(Malformed::BadChecksum) }
}

/// Computes and writes the checksum of a whole message.
///
/// # Errors
/// [`Malformed::Truncated`] below 8 bytes.
pub fn fill_checksum(message: &mut [u8]) -> Result<(), Malformed> {
    Icmp::parse_mut(message)?.0.set_checksum(0);
    let sum = checksum::checksum(message);
    Icmp::parse_mut(message)?.0.set_checksum(sum);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{hex, refuses_every_truncation};
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn agrees_with_etherparse() {
        let mut bytes = Vec::new();
        etherparse::PacketBuilder::ipv4([1; 4], [2; 4], 64)
            .icmpv4_echo_reply(0x1234, 7)
            .write(&mut bytes, b"odd")
            .unwrap();
        let (icmp, data) = Icmp::parse(&bytes[20..]).unwrap();
        assert_eq!((icmp.kind(), icmp.code(), icmp.ident(), icmp.sequence()), (ECHO_REPLY, 0, Some(0x1234), Some(7)));
        assert_eq!(data, b"odd");
        assert_eq!(verify_checksum(&bytes[20..]), Ok(()));
    }

    #[test]
    fn the_rest_is_read_by_type() {
        let read = |text: &str| *Icmp::parse(&hex(text)).unwrap().0;
        assert_eq!(read("0501 0000 0a000001").gateway(), Some(Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!(read("0304 0000 000005dc").next_mtu(), Some(1500));
        assert_eq!(read("0c00 0000 14000000").pointer(), Some(20));
        let port = read("0303 0000 000005dc");
        assert_eq!(
            (port.ident(), port.sequence(), port.gateway(), port.next_mtu(), port.pointer()),
            (None, None, None, None, None)
        );
    }

    #[test]
    fn refuses_truncation() {
        let mut message = *b"\x08\0\0\0\x12\x34\0\x07";
        fill_checksum(&mut message).unwrap();
        refuses_every_truncation(&message, |b| Icmp::parse(b).is_ok());
        refuses_every_truncation(&message, |b| verify_checksum(b).is_ok());
        refuses_every_truncation(&message, |b| fill_checksum(&mut b.to_vec()).is_ok());
    }

    #[test]
    fn names_read_both_ways() {
        assert!(TYPE_NAMES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(CODE_NAMES.is_sorted_by(|a, b| (a.0, a.1) < (b.0, b.1)));
        for &(name, kind) in TYPE_NAMES {
            assert_eq!((type_number(name), type_name(kind)), (Some(kind), Some(name)));
        }
        for &(kind, name, code) in CODE_NAMES {
            assert_eq!((code_number(kind, name), code_name(kind, code)), (Some(code), Some(name)));
        }
        assert_eq!((type_name(200), code_name(ECHO, 0), type_number("ping")), (None, None, None));
    }

    #[test]
    fn errors_and_queries_exclude_each_other() {
        for kind in 0..=255 {
            assert!(!(is_error(kind) && has_ident(kind)));
        }
        assert!(is_error(TIME_EXCEEDED) && !is_error(ECHO));
    }

    proptest! {
        #[test]
        fn what_is_set_is_read(kind: u8, code: u8, ident: u16, sequence: u16, data: Vec<u8>) {
            let mut bytes = [&[0; LEN], &data[..]].concat();
            let (icmp, _) = Icmp::parse_mut(&mut bytes).unwrap();
            icmp.set_kind(kind);
            icmp.set_code(code);
            icmp.set_echo(ident, sequence);
            fill_checksum(&mut bytes).unwrap();
            // A message of nothing but zeros has the checksum 0xFFFF and sums to it, too.
            prop_assert_eq!(verify_checksum(&bytes), Ok(()));
            let (icmp, rest) = Icmp::parse(&bytes).unwrap();
            prop_assert_eq!((icmp.kind(), icmp.code(), rest), (kind, code, &data[..]));
            prop_assert_eq!(icmp.rest(), u32::from(ident) << 16 | u32::from(sequence));
        }

        #[test]
        fn garbage_never_panics(bytes: Vec<u8>) {
            let _ = verify_checksum(&bytes);
            let _ = Icmp::parse(&bytes).map(|(i, _)| (i.ident(), i.gateway(), i.next_mtu(), i.pointer()));
        }
    }
}
