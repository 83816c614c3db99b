//! ARP for IPv4 over Ethernet (RFC 826).
//!
//! ```text
//! | hardware 2 | protocol 2 | hardware length 1 | protocol length 1 | operation 2 |
//! | sender hardware 6 | sender protocol 4 | target hardware 6 | target protocol 4 |
//! ```

use super::{EtherAddr, Malformed, ethernet, view, view_mut};
use core::net::Ipv4Addr;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of the packet, bytes.
pub const LEN: usize = 28;
/// Hardware space of Ethernet.
pub const HARDWARE_ETHERNET: u16 = 1;
/// Request: who has the target protocol address?
pub const OP_REQUEST: u16 = 1;
/// Reply: the sender has it.
pub const OP_REPLY: u16 = 2;
/// Reverse request (RFC 903).
pub const OP_REVERSE_REQUEST: u16 = 3;
/// Reverse reply (RFC 903).
pub const OP_REVERSE_REPLY: u16 = 4;

/// An ARP packet in place.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub struct Arp {
    hardware: U16,
    protocol: U16,
    hardware_len: u8,
    protocol_len: u8,
    operation: U16,
    sender_ether: EtherAddr,
    sender_ip: [u8; 4],
    target_ether: EtherAddr,
    target_ip: [u8; 4],
}

impl Arp {
    /// A packet of this operation between these addresses.
    pub fn new(operation: u16, sender: (EtherAddr, Ipv4Addr), target: (EtherAddr, Ipv4Addr)) -> Self {
        Self {
            hardware: HARDWARE_ETHERNET.into(),
            protocol: ethernet::TYPE_IPV4.into(),
            hardware_len: 6,
            protocol_len: 4,
            operation: operation.into(),
            sender_ether: sender.0,
            sender_ip: sender.1.octets(),
            target_ether: target.0,
            target_ip: target.1.octets(),
        }
    }

    /// The packet at the start of `bytes`, and what follows it (padding).
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below 28 bytes; [`Malformed::Unsupported`] if the spaces are not Ethernet and IPv4;
    /// [`Malformed::BadLength`] if they are, but the address lengths are not 6 and 4.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        let (arp, rest) = view::<Self>(bytes)?;
        arp.check()?;
        Ok((arp, rest))
    }

    /// As [`Arp::parse`], writable.
    ///
    /// # Errors
    /// As [`Arp::parse`].
    #[inline]
    pub fn parse_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        let (arp, rest) = view_mut::<Self>(bytes)?;
        arp.check()?;
        Ok((arp, rest))
    }

    #[inline]
    fn check(&self) -> Result<(), Malformed> {
        // RFC 826 "Packet Reception": do I have the hardware type, do I speak the protocol?
        if self.hardware.get() != HARDWARE_ETHERNET || self.protocol.get() != ethernet::TYPE_IPV4 {
            return Err(Malformed::Unsupported);
        }
        if self.hardware_len != 6 || self.protocol_len != 4 {
            return Err(Malformed::BadLength);
        }
        Ok(())
    }

    /// Operation: [`OP_REQUEST`], [`OP_REPLY`] or another.
    #[inline]
    pub fn operation(&self) -> u16 {
        self.operation.get()
    }

    /// Ethernet address of the sender.
    #[inline]
    pub fn sender_ether(&self) -> EtherAddr {
        self.sender_ether
    }

    /// IPv4 address of the sender; 0.0.0.0 in a probe (RFC 5227).
    #[inline]
    pub fn sender_ip(&self) -> Ipv4Addr {
        self.sender_ip.into()
    }

    /// Ethernet address of the target; meaningless in a request.
    #[inline]
    pub fn target_ether(&self) -> EtherAddr {
        self.target_ether
    }

    /// IPv4 address of the target.
    #[inline]
    pub fn target_ip(&self) -> Ipv4Addr {
        self.target_ip.into()
    }

    /// Sets the operation.
    #[inline]
    pub fn set_operation(&mut self, operation: u16) {
        self.operation.set(operation);
    }

    /// Sets the sender's addresses.
    #[inline]
    pub fn set_sender(&mut self, ether: EtherAddr, ip: Ipv4Addr) {
        self.sender_ether = ether;
        self.sender_ip = ip.octets();
    }

    /// Sets the target's addresses.
    #[inline]
    pub fn set_target(&mut self, ether: EtherAddr, ip: Ipv4Addr) {
        self.target_ether = ether;
        self.target_ip = ip.octets();
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{hex, refuses_every_truncation};
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const REQUEST: &str = "0001 0800 06 04 0001 020304050607 0a000001 000000000000 0a000002";

    #[test]
    fn reads_a_request() {
        let bytes = hex(REQUEST);
        let (arp, rest) = Arp::parse(&bytes).unwrap();
        assert_eq!(arp.operation(), OP_REQUEST);
        assert_eq!(arp.sender_ether(), EtherAddr([2, 3, 4, 5, 6, 7]));
        assert_eq!(arp.sender_ip(), Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(arp.target_ether(), EtherAddr::ZERO);
        assert_eq!(arp.target_ip(), Ipv4Addr::new(10, 0, 0, 2));
        assert!(rest.is_empty());
    }

    #[test]
    fn refuses_truncation() {
        refuses_every_truncation(&hex(REQUEST), |b| Arp::parse(b).is_ok());
        refuses_every_truncation(&hex(REQUEST), |b| Arp::parse_mut(&mut b.to_vec()).is_ok());
    }

    #[test]
    fn refuses_other_spaces_and_lengths() {
        for (at, value, error) in [
            (1, 6, Malformed::Unsupported),
            (2, 0x86, Malformed::Unsupported),
            (4, 8, Malformed::BadLength),
            (5, 16, Malformed::BadLength),
        ] {
            let mut bytes = hex(REQUEST);
            bytes[at] = value;
            assert_eq!(Arp::parse(&bytes).unwrap_err(), error);
        }
    }

    proptest! {
        #[test]
        fn what_is_set_is_read(op: u16, se: [u8; 6], si: [u8; 4], te: [u8; 6], ti: [u8; 4]) {
            let sender = (EtherAddr(se), Ipv4Addr::from(si));
            let target = (EtherAddr(te), Ipv4Addr::from(ti));
            let mut bytes = hex(REQUEST);
            let (arp, _) = Arp::parse_mut(&mut bytes).unwrap();
            arp.set_operation(op);
            arp.set_sender(sender.0, sender.1);
            arp.set_target(target.0, target.1);
            prop_assert_eq!(*arp, Arp::new(op, sender, target));
            prop_assert_eq!((arp.operation(), arp.sender_ether(), arp.sender_ip()), (op, sender.0, sender.1));
            prop_assert_eq!((arp.target_ether(), arp.target_ip()), target);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = Arp::parse(&bytes);
        }
    }
}
