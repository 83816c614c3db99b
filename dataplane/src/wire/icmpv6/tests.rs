use super::super::checksum::{Addresses, verify_transport};
use super::super::ip_proto;
use super::super::testing::{hex, refuses_every_truncation};
use super::*;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

/// A neighbour solicitation for 2001:db8::2 with the source's link-layer address.
const SOLICIT: &str = "87 00 0000 00000000 20010db8000000000000000000000002 0101 020304050607";

#[test]
fn agrees_with_etherparse() {
    let mut bytes = Vec::new();
    etherparse::PacketBuilder::ipv6([1; 16], [2; 16], 64)
        .icmpv6_echo_request(0x1234, 7)
        .write(&mut bytes, b"odd")
        .unwrap();
    let (icmp, data) = Icmpv6::parse(&bytes[40..]).unwrap();
    assert_eq!((icmp.kind(), icmp.code(), icmp.ident(), icmp.sequence()), (ECHO, 0, Some(0x1234), Some(7)));
    assert_eq!(data, b"odd");
    let addresses = Addresses::V6([1; 16].into(), [2; 16].into());
    assert_eq!(verify_transport(addresses, ip_proto::ICMPV6, &bytes[40..]), Ok(()));
}

#[test]
fn the_rest_is_read_by_type() {
    let big = hex("0200 0000 00000500");
    let (icmp, _) = Icmpv6::parse(&big).unwrap();
    assert_eq!((icmp.mtu(), icmp.ident(), icmp.sequence()), (Some(1280), None, None));
}

#[test]
fn reads_a_solicitation() {
    let bytes = hex(SOLICIT);
    let (message, options) = Neighbor::parse(&bytes).unwrap();
    assert_eq!(message.target(), "2001:db8::2".parse::<Ipv6Addr>().unwrap());
    assert_eq!((message.icmp().kind(), message.flags()), (NEIGHBOR_SOLICIT, 0));
    let options: Vec<_> = NdOptions::new(options).map(Result::unwrap).collect();
    assert_eq!(options.len(), 1);
    assert_eq!(options[0].link(), Some(EtherAddr([2, 3, 4, 5, 6, 7])));
}

#[test]
fn refuses_truncation() {
    refuses_every_truncation(&[0; LEN], |b| Icmpv6::parse(b).is_ok());
    refuses_every_truncation(&[0; LEN], |b| Icmpv6::parse_mut(&mut b.to_vec()).is_ok());
    refuses_every_truncation(&hex(SOLICIT)[..NEIGHBOR_LEN], |b| Neighbor::parse(b).is_ok());
    refuses_every_truncation(&hex(SOLICIT)[..NEIGHBOR_LEN], |b| Neighbor::parse_mut(&mut b.to_vec()).is_ok());
    refuses_every_truncation(&[1, 1, 0, 0, 0, 0, 0, 0], |b| matches!(NdOptions::new(b).next(), Some(Ok(_))));
}

#[test]
fn refuses_other_types_and_codes() {
    let mut bytes = hex(SOLICIT);
    bytes[1] = 1;
    assert_eq!(Neighbor::parse(&bytes).unwrap_err(), Malformed::BadFlags);
    bytes[0] = ECHO;
    assert_eq!(Neighbor::parse(&bytes).unwrap_err(), Malformed::Unsupported);
}

#[test]
fn an_option_of_length_zero_ends_the_walk() {
    let options: Vec<_> = NdOptions::new(&[1, 0, 0, 0, 0, 0, 0, 0]).collect();
    assert_eq!(options, vec![Err(Malformed::BadOption)]);
}

#[test]
fn types_have_names_and_a_class() {
    assert!(TYPE_NAMES.is_sorted_by(|a, b| a.0 < b.0));
    assert_eq!((type_name(ECHO), type_name(99)), (Some("echo"), None));
    assert!(is_error(PARAMETER_PROBLEM) && !is_error(ECHO));
}

proptest! {
    #[test]
    fn what_is_set_is_read(kind: u8, code: u8, sum: u16, ident: u16, sequence: u16) {
        let mut bytes = [0; LEN];
        let (icmp, _) = Icmpv6::parse_mut(&mut bytes).unwrap();
        icmp.set_kind(kind);
        icmp.set_code(code);
        icmp.set_checksum(sum);
        icmp.set_echo(ident, sequence);
        prop_assert_eq!((icmp.kind(), icmp.code(), icmp.checksum()), (kind, code, sum));
        prop_assert_eq!(icmp.rest(), u32::from(ident) << 16 | u32::from(sequence));
    }

    #[test]
    fn an_advertisement_is_read_as_set(target: [u8; 16], flags: u32) {
        let mut message = Neighbor::new(NEIGHBOR_ADVERT, [0; 16].into());
        message.set_target(target.into());
        message.set_flags(flags);
        message.icmp_mut().set_checksum(7);
        let (read, options) = Neighbor::parse(message.as_bytes()).unwrap();
        prop_assert_eq!((read.target().octets(), read.flags()), (target, flags & 0xe000_0000));
        prop_assert_eq!((read.icmp().checksum(), options.len()), (7, 0));
    }

    #[test]
    fn garbage_never_panics(mut bytes: Vec<u8>) {
        NdOptions::new(&bytes).flatten().for_each(|option| _ = option.link());
        if let Some(first) = bytes.first_mut() {
            *first = NEIGHBOR_SOLICIT;
        }
        let _ = Neighbor::parse(&bytes);
    }
}
