use super::*;
use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use proptest::prelude::*;

const TCP_FLAGS_AT: usize = 13;

/// Every frame that comes out, whole.
fn frames(frame: &[u8], vnet: &VnetHeader) -> Result<Vec<Vec<u8>>, GsoError> {
    let mut all = Vec::new();
    let count = segment(frame, vnet, &mut |head, payload| {
        all.push([head, payload].concat());
        true
    })?;
    assert_eq!(count, all.len());
    Ok(all)
}

/// Checks lengths and every checksum with etherparse, and returns the transport payload.
fn verify(frame: &[u8]) -> Vec<u8> {
    let packet = SlicedPacket::from_ethernet(frame).unwrap();
    match packet.net.as_ref().unwrap() {
        NetSlice::Ipv4(ip) => {
            let header = ip.header().to_header();
            assert_eq!(header.header_checksum, header.calc_header_checksum());
            match packet.transport.unwrap() {
                TransportSlice::Tcp(tcp) => {
                    let sum = tcp.to_header().calc_checksum_ipv4(&header, tcp.payload()).unwrap();
                    assert_eq!(tcp.checksum(), sum);
                    tcp.payload().to_vec()
                }
                TransportSlice::Udp(udp) => {
                    let sum = udp.to_header().calc_checksum_ipv4(&header, udp.payload()).unwrap();
                    assert_eq!(udp.checksum(), sum);
                    assert_eq!(usize::from(udp.length()), udp.payload().len() + 8);
                    udp.payload().to_vec()
                }
                other => panic!("{other:?}"),
            }
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header().to_header();
            match packet.transport.unwrap() {
                TransportSlice::Tcp(tcp) => {
                    let sum = tcp.to_header().calc_checksum_ipv6(&header, tcp.payload()).unwrap();
                    assert_eq!(tcp.checksum(), sum);
                    tcp.payload().to_vec()
                }
                TransportSlice::Udp(udp) => {
                    let sum = udp.to_header().calc_checksum_ipv6(&header, udp.payload()).unwrap();
                    assert_eq!(udp.checksum(), sum);
                    udp.payload().to_vec()
                }
                other => panic!("{other:?}"),
            }
        }
        other => panic!("{other:?}"),
    }
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    v6: bool,
    udp: bool,
    tags: u8,
}

/// A super-frame as a Linux host makes it: the pseudo-header's sum in the checksum field.
fn super_frame(shape: Shape, payload: &[u8]) -> (Vec<u8>, VnetHeader) {
    let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    macro_rules! rest {
        ($link:expr) => {{
            let link = $link;
            let ip = if shape.v6 {
                link.ipv6([0x20; 16], [0x21; 16], 64)
            } else {
                link.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            };
            let mut bytes = Vec::new();
            if shape.udp {
                ip.udp(1000, 2000).write(&mut bytes, payload).unwrap();
            } else {
                ip.tcp(1000, 2000, 0xffff_ff00, 512).psh().fin().ack(77).write(&mut bytes, payload).unwrap();
            }
            bytes
        }};
    }
    let vlan = |id: u16| etherparse::VlanId::try_new(id).unwrap();
    let mut bytes = match shape.tags {
        0 => rest!(ethernet),
        1 => rest!(ethernet.single_vlan(vlan(5))),
        _ => rest!(ethernet.double_vlan(vlan(5), vlan(6))),
    };
    let network_at = 14 + 4 * usize::from(shape.tags);
    let start = network_at + if shape.v6 { 40 } else { 20 };
    let offset = if shape.udp { 6 } else { 16 };
    let addresses = if shape.v6 { network_at + 8..network_at + 40 } else { network_at + 12..network_at + 20 };
    let pseudo = sum(&bytes[addresses]) + if shape.udp { 17 } else { 6 } + (bytes.len() - start) as u64;
    put_u16(&mut bytes, start + offset, fold(pseudo));
    let vnet = VnetHeader {
        flags: NEEDS_CSUM,
        gso_type: match (shape.udp, shape.v6) {
            (true, _) => GSO_UDP_L4,
            (false, true) => GSO_TCPV6,
            (false, false) => GSO_TCPV4,
        },
        hdr_len: start as u16 + if shape.udp { 8 } else { 20 },
        gso_size: 1448,
        csum_start: start as u16,
        csum_offset: offset as u16,
    };
    (bytes, vnet)
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
}

#[test]
fn a_plain_frame_passes_as_it_is() {
    let frame = pattern(60);
    assert_eq!(frames(&frame, &VnetHeader::default()), Ok(vec![frame.clone()]));
    assert_eq!(frames(&[], &VnetHeader::default()), Ok(vec![vec![]]));
    let verified = VnetHeader { flags: DATA_VALID, ..VnetHeader::default() };
    assert!(verified.is_plain());
    assert_eq!(frames(&frame, &verified), Ok(vec![frame]));
}

#[test]
fn a_missing_checksum_is_completed() {
    for (v6, udp, tags) in [(false, false, 0), (false, true, 1), (true, false, 2), (true, true, 0)] {
        for len in [0, 1, 2, 99, 1400] {
            let (frame, vnet) = super_frame(Shape { v6, udp, tags }, &pattern(len));
            let vnet = VnetHeader { gso_type: GSO_NONE, gso_size: 0, ..vnet };
            let out = frames(&frame, &vnet).unwrap();
            assert_eq!(out.len(), 1);
            assert_eq!(verify(&out[0]), pattern(len));
        }
    }
}

#[test]
fn tcp_segments_are_those_of_a_wire() {
    let payload = pattern(4000);
    let (frame, vnet) = super_frame(Shape { v6: false, udp: false, tags: 1 }, &payload);
    let mut frame = frame;
    let transport_at = usize::from(vnet.csum_start);
    frame[transport_at + TCP_FLAGS_AT] |= 0x80; // CWR
    frame[18 + 4..18 + 6].copy_from_slice(&0xffff_u16.to_be_bytes()); // identification, about to wrap
    let out = frames(&frame, &VnetHeader { gso_type: GSO_TCPV4 | GSO_ECN, ..vnet }).unwrap();
    assert_eq!(out.iter().map(|frame| verify(frame).len()).collect::<Vec<_>>(), [1448, 1448, 1104]);
    let flags: Vec<u8> = out.iter().map(|frame| frame[transport_at + TCP_FLAGS_AT]).collect();
    assert_eq!(flags, [0x90, 0x10, 0x19]);
    let ids: Vec<&[u8]> = out.iter().map(|frame| &frame[22..24]).collect();
    assert_eq!(ids, [&[0xff, 0xff], &[0, 0], &[0, 1]]);
    let sequence: Vec<u32> = out
        .iter()
        .map(|frame| u32::from_be_bytes(frame[transport_at + 4..transport_at + 8].try_into().unwrap()))
        .collect();
    assert_eq!(sequence, [0xffff_ff00, 0xffff_ff00_u32.wrapping_add(1448), 0xffff_ff00_u32.wrapping_add(2896)]);
}

#[test]
fn udp_without_checksum_stays_without() {
    let (mut frame, vnet) = super_frame(Shape { v6: false, udp: true, tags: 0 }, &pattern(3000));
    frame[40..42].fill(0);
    let out = frames(&frame, &VnetHeader { flags: 0, ..vnet }).unwrap();
    assert_eq!(out.len(), 3);
    assert!(out.iter().all(|frame| frame[40..42] == [0, 0]));
}

#[test]
fn padding_is_no_payload() {
    let (mut frame, vnet) = super_frame(Shape { v6: false, udp: false, tags: 0 }, &pattern(3));
    frame.resize(60, 0xee);
    let out = frames(&frame, &VnetHeader { flags: 0, ..vnet }).unwrap();
    assert_eq!(verify(&out[0]), pattern(3));
    assert_eq!(out.iter().map(Vec::len).collect::<Vec<_>>(), [57]);
}

#[test]
fn out_can_stop() {
    let (frame, vnet) = super_frame(Shape { v6: true, udp: false, tags: 0 }, &pattern(9000));
    let mut seen = 0;
    let accepted = segment(&frame, &vnet, &mut |_, _| {
        seen += 1;
        seen < 3
    });
    assert_eq!((accepted, seen), (Ok(2), 3));
}

#[test]
fn contradictions_are_errors() {
    let (frame, good) = super_frame(Shape { v6: false, udp: false, tags: 0 }, &pattern(3000));
    let case = |vnet: VnetHeader| frames(&frame, &vnet).unwrap_err();
    assert_eq!(case(VnetHeader { gso_size: 0, ..good }), GsoError::NoSegmentSize);
    assert_eq!(case(VnetHeader { hdr_len: 5000, ..good }), GsoError::Truncated);
    assert_eq!(case(VnetHeader { gso_type: 3, ..good }), GsoError::UnknownType(3));
    assert_eq!(case(VnetHeader { gso_type: GSO_TCPV6, ..good }), GsoError::Mismatch);
    assert_eq!(case(VnetHeader { gso_type: GSO_UDP_L4, ..good }), GsoError::Mismatch);
    assert_eq!(case(VnetHeader { csum_start: 33, ..good }), GsoError::Mismatch);
    assert_eq!(case(VnetHeader { csum_offset: 6, ..good }), GsoError::Mismatch);
    let bare = VnetHeader { gso_type: GSO_NONE, ..good };
    assert_eq!(case(VnetHeader { csum_start: 60000, ..bare }), GsoError::Truncated);
    assert_eq!(case(VnetHeader { csum_offset: u16::MAX, ..bare }), GsoError::Truncated);
    assert_eq!(case(VnetHeader { csum_start: 300, ..bare }), GsoError::UnsupportedHeaders);
    // A frame cut anywhere: an error, or (without the last bytes of headers) never more than there is.
    for len in 0..frame.len() {
        assert!(frames(&frame[..len], &good).is_err(), "cut at {len}");
    }
}

#[test]
fn the_sum_is_that_of_rfc_1071() {
    // RFC 1071 section 3: the example's bytes and sum.
    assert_eq!(fold(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])), 0xddf2);
    assert_eq!(fold(sum(&[0x12])), 0x1200);
    assert_eq!(fold(sum(&[0, 0, 0, 0, 0x12, 0x34, 0x56])), 0x1234 + 0x5600);
}

proptest! {
    #[test]
    fn segments_add_up(v6: bool, udp: bool, tags in 0_u8..3, len in 0_usize..65000, size in 1_u16..9000) {
        let size = size.max(len as u16 / 500);
        let payload = pattern(len);
        let (frame, vnet) = super_frame(Shape { v6, udp, tags }, &payload);
        let out = frames(&frame, &VnetHeader { gso_size: size.max(1), ..vnet }).unwrap();
        let mut whole = Vec::new();
        for frame in &out {
            let part = verify(frame);
            prop_assert!(part.len() <= usize::from(size.max(1)));
            whole.extend(part);
        }
        prop_assert_eq!(whole, payload);
    }

    #[test]
    fn any_bytes_and_metadata_are_survived(
        frame in proptest::collection::vec(any::<u8>(), 0..300),
        header: [u8; 10],
        known in 0_usize..8,
    ) {
        let mut vnet = VnetHeader::from_bytes(&header);
        if known < 4 {
            vnet.gso_type = [GSO_NONE, GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4][known];
        }
        let _ = frames(&frame, &vnet);
    }

    #[test]
    fn one_wrong_byte_is_survived(
        v6: bool, udp: bool, at in 0_usize..90, value: u8, header_at in 0_usize..20, header_value: u8,
    ) {
        let (mut frame, vnet) = super_frame(Shape { v6, udp, tags: 0 }, &pattern(200));
        if let Some(byte) = frame.get_mut(at) {
            *byte = value;
        }
        let mut bytes = [0; 10];
        bytes[0] = vnet.flags;
        bytes[1] = vnet.gso_type;
        bytes[2..4].copy_from_slice(&vnet.hdr_len.to_ne_bytes());
        bytes[4..6].copy_from_slice(&vnet.gso_size.to_ne_bytes());
        bytes[6..8].copy_from_slice(&vnet.csum_start.to_ne_bytes());
        bytes[8..10].copy_from_slice(&vnet.csum_offset.to_ne_bytes());
        prop_assert_eq!(VnetHeader::from_bytes(&bytes), vnet);
        if let Some(byte) = bytes.get_mut(header_at) {
            *byte = header_value;
        }
        let _ = frames(&frame, &VnetHeader::from_bytes(&bytes));
    }
}
