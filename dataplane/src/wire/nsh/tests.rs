use super::super::testing::{hex, refuses_every_truncation};
use super::*;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

/// MD type 1, TTL 63, IPv4 inside, path 0x010203, index 255, context 1 to 16, one byte of payload.
const MD1: &str = "0fc6 01 01 010203 ff 0102030405060708090a0b0c0d0e0f10 45";

/// Class, type, offset and value of a TLV.
type Read = (u16, u8, usize, Vec<u8>);

fn read(text: &str) -> Result<Vec<Result<Read, Malformed>>, Malformed> {
    let bytes = hex(text);
    let (_, context, _) = Nsh::parse_full(&bytes)?;
    Ok(tlvs(context).map(|t| t.map(|t| (t.class, t.kind, t.offset, t.value.to_vec()))).collect())
}

#[test]
fn reads_md_type_1() {
    let bytes = hex(MD1);
    let (nsh, context, inner) = Nsh::parse_full(&bytes).unwrap();
    assert_eq!((nsh.version(), nsh.is_oam(), nsh.unassigned(), nsh.ttl()), (0, false, 0, 63));
    assert_eq!((nsh.header_len(), nsh.md_type(), nsh.next_protocol()), (MD1_LEN, MD_FIXED, NEXT_IPV4));
    assert_eq!((nsh.spi(), nsh.index()), (0x01_0203, 255));
    assert_eq!((context.len(), context[15], inner), (16, 16, &[0x45][..]));
    assert_eq!(Nsh::new(24, MD_FIXED, NEXT_IPV4, 0x01_0203, 255).as_bytes(), &bytes[..LEN]);
}

#[test]
fn refuses_truncation() {
    refuses_every_truncation(&hex(MD1)[..MD1_LEN], |b| Nsh::parse(b).is_ok());
    refuses_every_truncation(&hex(MD1)[..MD1_LEN], |b| Nsh::parse_mut(&mut b.to_vec()).is_ok());
    refuses_every_truncation(&hex("0fc2 02 00 000001 ff"), |b| Nsh::parse_full_mut(&mut b.to_vec()).is_ok());
}

#[test]
fn version_1_is_refused() {
    assert_eq!(read("4fc2 02 01 000001 ff"), Err(Malformed::BadVersion));
}

#[test]
fn md_type_1_has_exactly_six_words() {
    for length in [0u8, 1, 2, 5, 7, 63] {
        let mut bytes = hex(MD1);
        bytes.resize(300, 0);
        bytes[1] = 0xc0 | length;
        assert_eq!(Nsh::parse(&bytes).unwrap_err(), Malformed::BadLength, "length {length}");
    }
}

#[test]
fn other_md_types_have_at_least_two_words() {
    for md in ["00", "02", "0f", "03"] {
        let base = |length| alloc::format!("0fc{length} {md} 01 000001 ff");
        assert_eq!(Nsh::parse(&hex(&base(1))).unwrap_err(), Malformed::BadLength);
        assert!(Nsh::parse(&hex(&base(2))).is_ok());
        assert_eq!(Nsh::parse(&hex(&base(3))).unwrap_err(), Malformed::Truncated);
    }
}

#[test]
fn a_length_beyond_the_packet_is_truncated() {
    let mut bytes = hex("0fff 02 01 000001 ff");
    bytes.resize(251, 0);
    assert_eq!(Nsh::parse(&bytes).unwrap_err(), Malformed::Truncated);
}

#[test]
fn a_header_only_is_legal() {
    let bytes = hex("0fc2 02 00 000001 ff");
    assert_eq!(Nsh::parse(&bytes).unwrap().1, b"");
    assert_eq!(read("0fc2 02 00 000001 ff"), Ok(vec![]));
}

#[test]
fn the_length_finds_the_inner_packet_of_unknown_md_types() {
    let bytes = hex("0fc3 0f 03 000001 ff 00000000 aabb");
    assert_eq!(Nsh::parse(&bytes).unwrap().1, [0xaa, 0xbb]);
}

#[test]
fn two_tlvs_of_which_one_is_padded() {
    let want =
        vec![Ok((0x1000, 10, 0, vec![1, 2, 3])), Ok((0xfff6, 0x7f, 8, vec![])), Ok((0, 5, 12, vec![9, 9, 9, 9]))];
    assert_eq!(read("0fc7 02 03 000001 ff 1000 0a 03 010203ee fff6 7f 80 0000 05 04 09090909"), Ok(want));
}

#[test]
fn a_tlv_that_runs_past_the_length_ends_the_walk() {
    // Value of 40 bytes in a space of 4; lengths 249 to 252, of which 7 bits count; no room for a TLV header.
    let bad = || Ok(vec![Err(Malformed::BadOption)]);
    assert_eq!(read("0fc4 02 03 000001 ff 1000 0a 28 01020304"), bad());
    for length in 249..=252 {
        assert_eq!(read(&alloc::format!("0fc4 02 03 000001 ff 1000 0a {length:02x} 01020304")), bad());
    }
    assert_eq!(tlvs(&[0, 0, 1]).collect::<Vec<_>>(), vec![Err(Malformed::BadOption)]);
    // The value fits, its padding does not: a context is always whole words, so this one is not.
    assert_eq!(tlvs(&[0, 0, 1, 1, 9]).collect::<Vec<_>>(), vec![Err(Malformed::BadOption)]);
}

#[test]
fn writing_refuses_what_does_not_fit() {
    assert_eq!(write_tlv(&mut [0; 200], 0, 0, &[0; 128]), Err(Malformed::BadLength));
    assert_eq!(write_tlv(&mut [0; 7], 0, 0, &[1]), Err(Malformed::Truncated));
    assert_eq!(write_tlv(&mut [0; 8], 0, 0, &[1]), Ok(8));
}

proptest! {
    #[test]
    fn what_is_set_is_read_and_unassigned_bits_stay(before: [u8; LEN], oam: bool, ttl in 0u8..64, next: u8, spi in 0..=SPI_MAX, index: u8) {
        let mut bytes = before;
        bytes[0] &= 0x3f; // version 0
        bytes[1] = bytes[1] & 0xc0 | 2;
        bytes[2] = bytes[2] & 0xf0 | MD_TLV;
        let kept = Nsh::parse(&bytes).unwrap().0.unassigned();
        let (nsh, _) = Nsh::parse_mut(&mut bytes).unwrap();
        nsh.set_oam(oam);
        nsh.set_ttl(ttl);
        nsh.set_md_type(MD_EXPERIMENT);
        nsh.set_next_protocol(next);
        nsh.set_spi(spi);
        nsh.set_index(index);
        let (nsh, _) = Nsh::parse(&bytes).unwrap();
        prop_assert_eq!((nsh.is_oam(), nsh.ttl(), nsh.md_type(), nsh.header_len()), (oam, ttl, MD_EXPERIMENT, 8));
        prop_assert_eq!((nsh.next_protocol(), nsh.spi(), nsh.index()), (next, spi, index));
        prop_assert_eq!(nsh.unassigned(), kept);
        prop_assert_eq!(bytes[0] & 0x10, before[0] & 0x10);
        prop_assert_eq!(bytes[2] & 0xf0, before[2] & 0xf0);
    }

    #[test]
    fn written_tlvs_are_read(items in proptest::collection::vec((any::<u16>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..128)), 0..6)) {
        let mut context = vec![0xee; 1000];
        let mut at = 0;
        for (class, kind, value) in &items {
            at += write_tlv(&mut context[at..], *class, *kind, value).unwrap();
        }
        let read: Vec<_> = tlvs(&context[..at]).map(|t| t.unwrap()).map(|t| (t.class, t.kind, t.value.to_vec())).collect();
        prop_assert_eq!(read, items);
    }

    #[test]
    fn garbage_never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = tlvs(&bytes).count();
        if let Some(first) = bytes.first_mut() {
            *first &= 0x3f;
        }
        if let Ok((nsh, context, inner)) = Nsh::parse_full(&bytes) {
            prop_assert_eq!(LEN + context.len(), nsh.header_len());
            prop_assert_eq!(nsh.header_len() + inner.len(), bytes.len());
        }
    }
}
