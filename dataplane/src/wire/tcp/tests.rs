use super::super::checksum::{Addresses, fill_transport, verify_transport};
use super::super::ip_proto;
use super::super::testing::{hex, refuses_every_truncation};
use super::*;
use alloc::vec;
use alloc::vec::Vec;
use etherparse::TcpOptionElement;
use proptest::prelude::*;

/// A SYN with the options that Linux sends.
fn syn() -> Vec<u8> {
    let mut bytes = Vec::new();
    etherparse::PacketBuilder::ipv4([1; 4], [2; 4], 64)
        .tcp(40000, 443, 0x0102_0304, 64240)
        .syn()
        .options(&[
            TcpOptionElement::MaximumSegmentSize(1460),
            TcpOptionElement::SelectiveAcknowledgementPermitted,
            TcpOptionElement::Timestamp(7, 9),
            TcpOptionElement::Noop,
            TcpOptionElement::WindowScale(7),
        ])
        .unwrap()
        .write(&mut bytes, b"")
        .unwrap();
    bytes.split_off(20)
}

fn understood(variable: &[u8]) -> Vec<TcpOption<'_>> {
    options(variable).map(|o| o.unwrap().into()).collect()
}

#[test]
fn agrees_with_etherparse() {
    let bytes = [syn(), b"data".to_vec()].concat();
    let (tcp, variable, payload) = Tcp::parse_full(&bytes).unwrap();
    assert_eq!((tcp.src_port(), tcp.dst_port(), tcp.seq(), tcp.ack()), (40000, 443, 0x0102_0304, 0));
    assert_eq!((tcp.header_len(), tcp.flags(), tcp.window(), tcp.urgent()), (40, SYN, 64240, 0));
    let want = [
        TcpOption::Mss(1460),
        TcpOption::SackPermitted,
        TcpOption::Timestamps(7, 9),
        TcpOption::Nop,
        TcpOption::WindowScale(7),
    ];
    assert_eq!(understood(variable), want);
    assert_eq!(payload, b"data");
}

#[test]
fn refuses_truncation_and_short_offsets() {
    refuses_every_truncation(&syn(), |b| Tcp::parse(b).is_ok());
    refuses_every_truncation(&syn(), |b| Tcp::parse_mut(&mut b.to_vec()).is_ok());
    for offset in 0..5 {
        let mut bytes = syn();
        bytes[12] = offset << 4;
        assert_eq!(Tcp::parse(&bytes).unwrap_err(), Malformed::BadLength);
    }
}

#[test]
fn selective_acknowledgements_are_blocks() {
    let bytes = hex("0101 050a 00000001 00000002");
    assert_eq!(understood(&bytes).last(), Some(&TcpOption::Sack(&[[0, 0, 0, 1, 0, 0, 0, 2]])));
}

#[test]
fn a_known_option_of_a_wrong_length_is_other() {
    let bytes = hex("0203 aa 0302 0403 bb 0502 0803 cc");
    assert!(understood(&bytes).iter().all(|o| matches!(o, TcpOption::Other(_))));
    assert_eq!(understood(&bytes).len(), 5);
    assert_eq!(options(&hex("0200")).collect::<Vec<_>>(), vec![Err(Malformed::BadOption)]);
}

proptest! {
    #[test]
    fn what_is_set_is_read(sp: u16, dp: u16, seq: u32, ack: u32, words in 5usize..11, flags: u8, window: u16, sum: u16, urgent: u16) {
        let mut bytes = syn();
        let (tcp, _) = Tcp::parse_mut(&mut bytes).unwrap();
        tcp.set_src_port(sp);
        tcp.set_dst_port(dp);
        tcp.set_seq(seq);
        tcp.set_ack(ack);
        tcp.set_header_len(words * 4);
        tcp.set_flags(flags);
        tcp.set_window(window);
        tcp.set_checksum(sum);
        tcp.set_urgent(urgent);
        let (tcp, _) = Tcp::parse(&bytes).unwrap();
        prop_assert_eq!((tcp.src_port(), tcp.dst_port(), tcp.seq(), tcp.ack()), (sp, dp, seq, ack));
        prop_assert_eq!((tcp.header_len(), tcp.flags(), tcp.window(), tcp.checksum(), tcp.urgent()), (words * 4, flags, window, sum, urgent));
        let theirs = etherparse::TcpHeaderSlice::from_slice(&bytes).unwrap();
        prop_assert_eq!((theirs.fin(), theirs.cwr(), theirs.syn()), (flags & FIN != 0, flags & CWR != 0, flags & SYN != 0));
        prop_assert_eq!((theirs.acknowledgment_number(), theirs.urgent_pointer()), (ack, urgent));
    }

    #[test]
    fn an_update_equals_a_full_computation(a: [u8; 4], b: [u8; 4], c: [u8; 4]) {
        let mut bytes = syn();
        fill_transport(Addresses::V4(a.into(), b.into()), ip_proto::TCP, &mut bytes).unwrap();
        Tcp::parse_mut(&mut bytes).unwrap().0.update_checksum(u32::from_be_bytes(a), u32::from_be_bytes(c));
        let now = Addresses::V4(c.into(), b.into());
        prop_assert_eq!(verify_transport(now, ip_proto::TCP, &bytes), Ok(()));
        let updated = bytes.clone();
        fill_transport(now, ip_proto::TCP, &mut bytes).unwrap();
        prop_assert_eq!(updated, bytes);
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Ok((_, variable, _)) = Tcp::parse_full(&bytes) {
            options(variable).flatten().for_each(|option| _ = TcpOption::from(option));
        }
    }
}
