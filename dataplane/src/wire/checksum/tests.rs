use super::super::testing::hex;
use super::*;
use alloc::vec;
use alloc::vec::Vec;
use etherparse::PacketBuilder;
use proptest::prelude::*;

/// The definition, word by word (RFC 1071 section 1).
fn slow_sum(bytes: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[test]
fn the_example_of_rfc_1071_section_3() {
    let bytes = hex("0001 f203 f4f5 f6f7");
    assert_eq!(Sum::new().bytes(&bytes).value(), 0xddf2);
    assert_eq!(checksum(&bytes), 0x220d);
}

#[test]
fn the_example_of_rfc_1624_section_4() {
    // 0xDD2F, field 0x5555 becomes 0x3285: equation 2 gave 0xFFFF, equation 3 gives 0x0000.
    assert_eq!(update_u16(0xdd2f, 0x5555, 0x3285), 0x0000);
}

#[test]
fn all_zero_data_is_the_one_difference_of_the_update() {
    assert_eq!(checksum(&[0; 8]), 0xffff);
    assert_eq!(update_u16(checksum(&[0, 7, 0, 0]), 7, 0), 0x0000);
}

/// A message of each kind as etherparse builds it, from the transport header on.
fn built(v6: bool, protocol: u8, data: &[u8]) -> (Addresses, Vec<u8>) {
    let (a4, b4) = ([192, 0, 2, 1], [198, 51, 100, 7]);
    let (a6, b6) = ([0x20; 16], [0xfd; 16]);
    let ip = || if v6 { PacketBuilder::ipv6(a6, b6, 64) } else { PacketBuilder::ipv4(a4, b4, 64) };
    let mut packet = Vec::new();
    match protocol {
        ip_proto::TCP => ip().tcp(80, 4321, 7, 1000).write(&mut packet, data),
        ip_proto::UDP => ip().udp(53, 4321).write(&mut packet, data),
        ip_proto::ICMP => ip().icmpv4_echo_request(1, 2).write(&mut packet, data),
        _ => ip().icmpv6_echo_request(1, 2).write(&mut packet, data),
    }
    .unwrap();
    let addresses = match v6 {
        true => Addresses::V6(a6.into(), b6.into()),
        false => Addresses::V4(a4.into(), b4.into()),
    };
    (addresses, packet.split_off(if v6 { 40 } else { 20 }))
}

const KINDS: [(bool, u8); 6] = [
    (false, ip_proto::TCP),
    (true, ip_proto::TCP),
    (false, ip_proto::UDP),
    (true, ip_proto::UDP),
    (false, ip_proto::ICMP),
    (true, ip_proto::ICMPV6),
];

#[test]
fn refuses_what_is_too_short_or_unknown() {
    for (v6, protocol) in KINDS {
        let (addresses, segment) = built(v6, protocol, b"some data");
        for len in 0..segment.len() {
            assert!(verify_transport(addresses, protocol, &segment[..len]).is_err(), "{protocol} cut to {len}");
        }
        assert_eq!(verify_transport(addresses, ip_proto::ESP, &segment), Err(Malformed::Unsupported));
    }
}

#[test]
fn a_udp_length_below_its_header_is_bad() {
    let (addresses, mut segment) = built(false, ip_proto::UDP, b"data");
    segment[5] = 7;
    assert_eq!(verify_transport(addresses, ip_proto::UDP, &segment), Err(Malformed::BadLength));
    let before = segment.clone();
    assert_eq!(fill_transport(addresses, ip_proto::UDP, &mut segment), Err(Malformed::BadLength));
    assert_eq!(segment, before);
}

#[test]
fn udp_without_a_checksum_passes_over_ipv4_only() {
    for (v6, verdict) in [(false, Ok(())), (true, Err(Malformed::BadChecksum))] {
        let (addresses, mut segment) = built(v6, ip_proto::UDP, b"data");
        segment[6..8].fill(0);
        assert_eq!(verify_transport(addresses, ip_proto::UDP, &segment), verdict);
    }
}

#[test]
fn a_udp_checksum_of_zero_is_sent_as_all_ones() {
    // Find the data word that makes the sum come out as 0.
    let (addresses, mut segment) = built(false, ip_proto::UDP, &[0, 0]);
    let written = fill_transport(addresses, ip_proto::UDP, &mut segment).unwrap();
    segment[8..].copy_from_slice(&written.to_be_bytes());
    assert_eq!(fill_transport(addresses, ip_proto::UDP, &mut segment), Ok(0xffff));
    assert_eq!(segment[6..8], [0xff, 0xff]);
    assert_eq!(verify_transport(addresses, ip_proto::UDP, &segment), Ok(()));
}

#[test]
fn bytes_behind_the_udp_length_do_not_count() {
    let (addresses, mut segment) = built(false, ip_proto::UDP, b"data");
    segment.extend_from_slice(&[9; 5]);
    assert_eq!(verify_transport(addresses, ip_proto::UDP, &segment), Ok(()));
}

proptest! {
    #[test]
    fn the_sum_is_the_definition_at_any_length_and_offset(bytes in proptest::collection::vec(any::<u8>(), 0..200), skip in 0usize..9) {
        let bytes = bytes.get(skip..).unwrap_or(&[]);
        prop_assert_eq!(Sum::new().bytes(bytes).value(), slow_sum(bytes));
    }

    #[test]
    fn extremes_carry_correctly(len in 0usize..3000, fill in prop_oneof![Just(0xffu8), Just(0u8), Just(0x80u8)]) {
        let bytes = vec![fill; len];
        prop_assert_eq!(Sum::new().bytes(&bytes).value(), slow_sum(&bytes));
    }

    #[test]
    fn pieces_add_up_at_odd_cuts_too(bytes in proptest::collection::vec(any::<u8>(), 0..100), cuts in proptest::collection::vec(0usize..100, 0..6)) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let sum = cuts.windows(2).fold(Sum::new(), |sum, w| sum.bytes(&bytes[w[0]..w[1]]));
        prop_assert_eq!(sum.value(), slow_sum(&bytes));
    }

    #[test]
    fn pseudo_headers_are_their_bytes(src: [u8; 4], dst: [u8; 4], s6: [u8; 16], d6: [u8; 16], protocol: u8, len: u16, len6: u32) {
        let bytes: Vec<u8> = [&src[..], &dst, &[0, protocol], &len.to_be_bytes()].concat();
        prop_assert_eq!(pseudo_v4(src.into(), dst.into(), protocol, len).value(), slow_sum(&bytes));
        let bytes: Vec<u8> = [&s6[..], &d6, &len6.to_be_bytes(), &[0, 0, 0, protocol]].concat();
        prop_assert_eq!(pseudo_v6(s6.into(), d6.into(), protocol, len6).value(), slow_sum(&bytes));
    }

    #[test]
    fn transports_agree_with_etherparse(data in proptest::collection::vec(any::<u8>(), 0..80), flip: proptest::sample::Index) {
        for (v6, protocol) in KINDS {
            let (addresses, segment) = built(v6, protocol, &data);
            prop_assert_eq!(verify_transport(addresses, protocol, &segment), Ok(()));
            let mut again = segment.clone();
            let field = plan(addresses, protocol, &segment).unwrap().field;
            again[field..field + 2].fill(0x5a);
            fill_transport(addresses, protocol, &mut again).unwrap();
            prop_assert_eq!(&again, &segment);
            again[flip.index(segment.len())] ^= 0x10;
            // A flip that makes a UDP checksum 0 says "none".
            let none = protocol == ip_proto::UDP && !v6 && again[6..8] == [0, 0];
            prop_assert!(none || verify_transport(addresses, protocol, &again).is_err());
        }
    }

    #[test]
    fn updates_equal_a_full_computation(mut bytes in proptest::collection::vec(any::<u8>(), 8..40), word: proptest::sample::Index,
                                        new in prop_oneof![any::<u32>(), Just(0u32), Just(u32::MAX), Just(0xffff), Just(0xffff_0000)]) {
        // A byte that stays and is not zero, as the version of an IP header.
        bytes[0] = 0x45;
        let before = checksum(&bytes);
        let at = 2 + 2 * word.index((bytes.len() - 6) / 2 + 1);
        let mut one = bytes.clone();
        let old = u16::from_be_bytes([one[at], one[at + 1]]);
        one[at..at + 2].copy_from_slice(&(new as u16).to_be_bytes());
        prop_assert_eq!(update_u16(before, old, new as u16), checksum(&one));
        if at + 4 <= bytes.len() {
            let mut two = bytes.clone();
            let old = u32::from_be_bytes(two[at..at + 4].try_into().unwrap());
            two[at..at + 4].copy_from_slice(&new.to_be_bytes());
            prop_assert_eq!(update_u32(before, old, new), checksum(&two));
            prop_assert_eq!(update_bytes(before, &old.to_be_bytes(), &new.to_be_bytes()), checksum(&two));
        }
    }

    #[test]
    fn updates_reach_both_zeros_like_a_full_computation(a: u16, b in 1u16.., old: u16) {
        // `b` stays. Choose the new word so that the sum is all ones: the checksum must be 0x0000, never 0xffff.
        let sum = |words: [u16; 3]| checksum(&words.map(u16::to_be_bytes).concat());
        let new = sum([a, b, 0]);
        prop_assert_eq!(sum([a, b, new]), 0);
        prop_assert_eq!(update_u16(sum([a, b, old]), old, new), 0);
        // Back again, and a change to itself from there.
        prop_assert_eq!(update_u16(0, new, old), sum([a, b, old]));
        prop_assert_eq!(update_u16(0, new, new), 0);
    }

    #[test]
    fn garbage_never_panics(bytes: Vec<u8>, protocol: u8, v6: bool) {
        let addresses = built(v6, ip_proto::UDP, b"").0;
        for protocol in [protocol, 1, 6, 17, 58] {
            let _ = verify_transport(addresses, protocol, &bytes);
            let _ = fill_transport(addresses, protocol, &mut bytes.clone());
        }
    }
}
