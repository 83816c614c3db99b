use super::super::options::RawOption;
use super::super::testing::{hex, refuses_every_truncation};
use super::super::{ip_proto, options};
use super::*;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

/// 10.0.0.1 to 10.0.0.2, UDP, 4 bytes of payload, no options.
fn plain() -> Vec<u8> {
    let ip = Ipv4::new(Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2), ip_proto::UDP, 4);
    [ip.as_bytes(), b"data"].concat()
}

/// The same with 8 bytes of options: NOP, record route of one empty slot.
fn with_options() -> Vec<u8> {
    let mut bytes = plain();
    bytes.splice(20..20, [1, 7, 7, 4, 0, 0, 0, 0]);
    bytes[0] = 0x47;
    bytes[3] = 32;
    fill_checksum(&mut bytes).unwrap();
    bytes
}

#[test]
fn agrees_with_etherparse() {
    let mut theirs = etherparse::Ipv4Header::new(4, 9, etherparse::IpNumber::TCP, [1, 2, 3, 4], [5, 6, 7, 8]).unwrap();
    theirs.dscp = etherparse::IpDscp::try_new(46).unwrap();
    theirs.ecn = etherparse::IpEcn::try_new(1).unwrap();
    theirs.identification = 0xbeef;
    theirs.dont_fragment = false;
    theirs.more_fragments = true;
    theirs.fragment_offset = etherparse::IpFragOffset::try_new(185).unwrap();
    theirs.options = [148u8, 4, 0, 0].into();
    theirs.set_payload_len(4).unwrap();
    theirs.header_checksum = theirs.calc_header_checksum();
    let mut bytes = theirs.to_bytes().to_vec();
    bytes.extend_from_slice(b"datapadding");
    let (ip, variable, payload) = Ipv4::parse_full(&bytes).unwrap();
    assert_eq!((ip.version(), ip.header_len(), ip.dscp(), ip.ecn(), ip.tos()), (4, 24, 46, 1, 46 << 2 | 1));
    assert_eq!((ip.total_len(), ip.ident(), ip.ttl(), ip.protocol()), (28, 0xbeef, 9, ip_proto::TCP));
    assert_eq!((ip.dont_fragment(), ip.more_fragments(), ip.fragment_offset()), (false, true, 1480));
    assert!(ip.is_fragment() && !ip.has_transport());
    assert_eq!((ip.src(), ip.dst()), (Ipv4Addr::new(1, 2, 3, 4), Ipv4Addr::new(5, 6, 7, 8)));
    assert_eq!(ip.checksum(), theirs.header_checksum);
    assert_eq!(payload, b"data");
    let alert = RawOption { kind: OPTION_ROUTER_ALERT, offset: 0, data: &[0, 0] };
    assert_eq!(options(variable).collect::<Vec<_>>(), vec![Ok(alert)]);
    assert_eq!(verify_checksum(&bytes), Ok(()));
}

#[test]
fn refuses_truncation() {
    for bytes in [plain(), with_options()] {
        refuses_every_truncation(&bytes, |b| Ipv4::parse(b).is_ok());
        refuses_every_truncation(&bytes, |b| Ipv4::parse_mut(&mut b.to_vec()).is_ok());
        refuses_every_truncation(&bytes, |b| Ipv4::parse_full_mut(&mut b.to_vec()).is_ok());
    }
    refuses_every_truncation(&with_options()[..28], |b| Ipv4::parse_header(b).is_ok());
    refuses_every_truncation(&with_options()[..28], |b| Ipv4::parse_header_mut(&mut b.to_vec()).is_ok());
    refuses_every_truncation(&with_options()[..28], |b| verify_checksum(b).is_ok());
    refuses_every_truncation(&with_options()[..28], |b| fill_checksum(&mut b.to_vec()).is_ok());
}

#[test]
fn refuses_bad_versions_and_lengths() {
    for (at, value, error) in [
        (0, 0x65, Malformed::BadVersion),
        (0, 0x05, Malformed::BadVersion),
        (0, 0x44, Malformed::BadLength),
        (0, 0x40, Malformed::BadLength),
        (0, 0x4f, Malformed::BadLength),
        (3, 19, Malformed::BadLength),
        (3, 25, Malformed::Truncated),
        (2, 0xff, Malformed::Truncated),
    ] {
        let mut bytes = plain();
        bytes[at] = value;
        assert_eq!(Ipv4::parse(&bytes).unwrap_err(), error, "byte {at} = {value:#x}");
    }
}

#[test]
fn padding_is_cut_off_and_quoted_packets_have_a_header() {
    let mut bytes = plain();
    bytes.extend_from_slice(&[0; 20]);
    assert_eq!(Ipv4::parse(&bytes).unwrap().1, b"data");
    bytes.truncate(21);
    assert!(Ipv4::parse(&bytes).is_err());
    assert_eq!(Ipv4::parse_header(&bytes).unwrap().total_len(), 24);
}

#[test]
fn options_are_walked_and_malformed_ones_end_the_walk() {
    let bytes = with_options();
    let (_, variable, _) = Ipv4::parse_full(&bytes).unwrap();
    let kinds: Vec<_> = options(variable).map(|o| o.unwrap().kind).collect();
    assert_eq!(kinds, [options::NOP, OPTION_RECORD_ROUTE]);
    let broken = [options::NOP, OPTION_RECORD_ROUTE, 9, 4, 0, 0, 0, 0];
    assert_eq!(options(&broken).last(), Some(Err(Malformed::BadOption)));
}

#[test]
fn the_checksum_of_a_known_header() {
    // 192.168.0.1 to 192.168.0.199, UDP: a header whose checksum is known to be 0xB861.
    let mut bytes = hex("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7");
    assert_eq!(verify_checksum(&bytes), Ok(()));
    bytes[10..12].fill(0);
    assert_eq!(verify_checksum(&bytes), Err(Malformed::BadChecksum));
    fill_checksum(&mut bytes).unwrap();
    assert_eq!(Ipv4::parse_header(&bytes).unwrap().checksum(), 0xb861);
}

#[test]
fn the_ttl_goes_down_to_zero_and_stays() {
    let mut bytes = plain();
    let (ip, _) = Ipv4::parse_mut(&mut bytes).unwrap();
    for want in (0..64).rev().chain([0]) {
        assert_eq!(ip.decrement_ttl(), want);
        assert!(ip.checksum_ok_20());
    }
}

proptest! {
    #[test]
    fn what_is_set_is_read(tos: u8, total in 20u16..24, ident: u16, fragment: u16, ttl: u8, protocol: u8, src: [u8; 4], dst: [u8; 4]) {
        let mut bytes = plain();
        let (ip, _) = Ipv4::parse_mut(&mut bytes).unwrap();
        ip.set_dscp(tos >> 2);
        ip.set_ecn(tos);
        ip.set_total_len(total);
        ip.set_ident(ident);
        ip.set_fragment_word(fragment);
        ip.set_ttl(ttl);
        ip.set_protocol(protocol);
        ip.set_src(src.into());
        ip.set_dst(dst.into());
        ip.fill_checksum_20();
        prop_assert!(ip.checksum_ok_20());
        let (ip, payload) = Ipv4::parse(&bytes).unwrap();
        prop_assert_eq!((ip.tos(), ip.total_len(), ip.ident(), ip.fragment_word()), (tos, total, ident, fragment));
        prop_assert_eq!((ip.ttl(), ip.protocol(), ip.src().octets(), ip.dst().octets()), (ttl, protocol, src, dst));
        prop_assert_eq!(payload.len() + 20, usize::from(total));
        // The same bytes to an independent reader.
        let theirs = etherparse::Ipv4HeaderSlice::from_slice(&bytes).unwrap().to_header();
        if fragment & FLAG_RESERVED == 0 {
            prop_assert_eq!(theirs.header_checksum, theirs.calc_header_checksum());
        }
        prop_assert_eq!(theirs.fragment_offset.value(), fragment & OFFSET_MASK);
    }

    #[test]
    fn the_fast_checksum_is_the_general_one(mut header: [u8; LEN], break_it: bool) {
        header[0] = 0x45;
        fill_checksum(&mut header).unwrap();
        header[7] ^= u8::from(break_it);
        prop_assert_eq!(checksum_ok_20(&header), !break_it);
        prop_assert_eq!(checksum::is_valid(&header), !break_it);
    }

    #[test]
    fn one_hop_is_a_full_computation(mut header: [u8; LEN]) {
        header[0] = 0x45;
        fill_checksum(&mut header).unwrap();
        Ipv4::parse_header_mut(&mut header).unwrap().decrement_ttl();
        let mut whole = header;
        fill_checksum(&mut whole).unwrap();
        prop_assert_eq!(header, whole);
    }

    #[test]
    fn garbage_never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 0..80), ihl in 0u8..16) {
        if let Some(first) = bytes.first_mut() {
            *first = 0x40 | ihl;
        }
        if let Ok((_, variable, payload)) = Ipv4::parse_full(&bytes) {
            prop_assert!(20 + variable.len() + payload.len() <= bytes.len());
            let _ = options(variable).count();
        }
        let _ = verify_checksum(&bytes);
        let _ = fill_checksum(&mut bytes);
    }
}
