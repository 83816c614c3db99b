use super::super::testing::hex;
use super::super::{EtherAddr, Ethernet, Ipv4, Ipv6, Udp, ethernet};
use super::*;
use alloc::vec;
use etherparse::{PacketBuilder, TcpOptionElement};
use proptest::prelude::*;
use zerocopy::IntoBytes;

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

fn ether(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [Ethernet::new(EtherAddr([2, 0, 0, 0, 0, 2]), EtherAddr(MAC), ether_type).as_bytes(), payload].concat()
}

fn tcp_frame() -> Vec<u8> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(MAC, [2, 0, 0, 0, 0, 2])
        .single_vlan(etherparse::VlanId::try_new(7).unwrap())
        .ipv4([10, 0, 0, 1], [10, 0, 1, 2], 64)
        .tcp(80, 40000, 1234, 500)
        .syn()
        .options(&[TcpOptionElement::MaximumSegmentSize(1460), TcpOptionElement::Noop])
        .unwrap()
        .write(&mut frame, b"hello")
        .unwrap();
    frame
}

fn udp6_packet() -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv6([0x20; 16], [0xfd; 16], 64).udp(53, 4321).write(&mut packet, b"data").unwrap();
    packet
}

/// One frame for each way through the walk.
fn samples() -> Vec<Vec<u8>> {
    let udp = udp6_packet();
    let nsh = |md: &str, inner: &[u8]| ether(ethernet::TYPE_NSH, &[&hex(md)[..], inner].concat());
    let v4 = |protocol, payload: &[u8]| {
        let ip = Ipv4::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), protocol, payload.len());
        ether(ethernet::TYPE_IPV4, &[ip.as_bytes(), payload].concat())
    };
    let v6 = |next, payload: &[u8]| {
        let ip = Ipv6::new([1; 16].into(), [2; 16].into(), next, payload.len());
        ether(ethernet::TYPE_IPV6, &[ip.as_bytes(), payload].concat())
    };
    let over_udp = |port, header: &str, inner: &[u8]| {
        let inner = [&hex(header), inner].concat();
        [Udp::new(0x1234, port, inner.len()).as_bytes(), &inner].concat()
    };
    vec![
        tcp_frame(),
        ether(ethernet::TYPE_IPV6, &udp),
        ether(ethernet::TYPE_ARP, &hex("0001 0800 06 04 0001 020304050607 0a000001 000000000000 0a000002 0000")),
        nsh("0fc6 01 02 010203 ff 0102030405060708090a0b0c0d0e0f10", &udp),
        nsh("0fc5 02 03 010203 ff 1000 0a 03 010203ee fff6 7f 00", &tcp_frame()),
        v4(1, &hex("0800 1234 0001 0002 aabb")),
        v4(1, &[&hex("0304 1234 0000 0500")[..], &v4(17, &hex("0035 1234 0100 0000"))[14..]].concat()),
        v4(17, &over_udp(4789, "08 000000 000007 00", &tcp_frame())),
        v4(17, &over_udp(4790, "0c 0000 02 000007 00", &udp)),
        v4(47, &[&hex("b000 86dd 1234 0000 00000007 00000009")[..], &udp].concat()),
        v6(0, &hex("3c 00 0502 0000 0100 2c 00 010400000000 11 00 0001 deadbeef 0035 1234 0010 0000")),
        v6(58, &hex("8800 0000 60000000 20010db8000000000000000000000002 0201 020304050607")),
        ether(0x0020, &[7; 46]),
        ether(0x1234, &[7; 46]),
    ]
}

fn value<'a>(fields: &'a [Field], name: &str) -> &'a str {
    &fields.iter().find(|f| f.name == name).unwrap_or_else(|| panic!("no {name} in {fields:#?}")).value
}

fn names(fields: &[Field]) -> Vec<&'static str> {
    fields.iter().map(|f| f.name).collect()
}

#[test]
fn names_the_fields_of_tcp_in_a_vlan() {
    let fields = fields(&tcp_frame());
    for (name, want) in [
        ("eth.dst", "02-00-00-00-00-02"),
        ("eth.src", "02-00-00-00-00-01"),
        ("eth.type", "0x8100"),
        ("vlan.id", "7"),
        ("vlan.etype", "0x0800"),
        ("ip.hdr_len", "20"),
        ("ip.len", "53"),
        ("ip.ttl", "64"),
        ("ip.src", "10.0.0.1"),
        ("ip.dst", "10.0.1.2"),
        ("tcp.srcport", "80"),
        ("tcp.dstport", "40000"),
        ("tcp.seq", "1234"),
        ("tcp.flags", "0x02 [SYN]"),
        ("tcp.options.mss_val", "1460"),
    ] {
        assert_eq!(value(&fields, name), want, "{name}");
    }
    let ttl = fields.iter().find(|f| f.name == "ip.ttl").unwrap();
    assert_eq!((ttl.offset, ttl.len), (14 + 4 + 8, 1));
    assert!(value(&fields, "data").starts_with("5 bytes #"));
}

#[test]
fn a_router_changes_ttl_and_checksum_only() {
    let before = tcp_frame();
    let mut after = before.clone();
    Ipv4::parse_mut(&mut after[18..]).unwrap().0.decrement_ttl();
    let (before, after) = (fields(&before), fields(&after));
    let changed: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).map(|(a, _)| a.name).collect();
    assert_eq!(changed, ["ip.ttl", "ip.checksum"]);
}

#[test]
fn finds_what_each_sample_holds() {
    let expected = [
        "tcp.urgent_pointer",
        "udp.checksum",
        "arp.dst.proto_ipv4",
        "nsh.contextheader",
        "nsh.metadata.padding",
        "icmp.seq",
        "icmp.mtu",
        "vxlan.vni",
        "vxlan.next_proto",
        "gre.sequence_number",
        "ipv6.fraghdr.ident",
        "icmpv6.opt.linkaddr",
        "eth.len",
        "eth.type",
    ];
    for (sample, want) in samples().iter().zip(expected) {
        let found = names(&fields(sample));
        assert!(found.contains(&want), "{want} not in {found:?}");
    }
    // Tunnels are walked into, and errors into the packet they quote.
    for (index, inner) in [
        (3, "udp.srcport"),
        (4, "tcp.srcport"),
        (6, "udp.srcport"),
        (7, "tcp.srcport"),
        (8, "udp.dstport"),
        (9, "udp.srcport"),
    ] {
        assert!(names(&fields(&samples()[index])).contains(&inner), "sample {index}");
    }
}

#[test]
fn padding_and_malformed_ends_are_named() {
    let mut frame = tcp_frame();
    frame.extend_from_slice(&[0; 3]);
    assert!(value(&fields(&frame), "eth.padding").starts_with("3 bytes"));
    frame[18] = 0x42;
    assert_eq!(value(&fields(&frame), "_ws.malformed"), Malformed::BadLength.to_string());
    assert_eq!(names(&fields(&frame[..5])), ["_ws.malformed", "data"]);
    assert_eq!(names(&fields(&[])), ["_ws.malformed"]);
}

#[test]
fn a_packet_may_begin_with_ip() {
    assert_eq!(value(&ip_fields(&udp6_packet()), "ipv6.hlim"), "64");
    assert_eq!(value(&ip_fields(&tcp_frame()[18..]), "tcp.srcport"), "80");
    assert_eq!(value(&ip_fields(&[0x15]), "_ws.malformed"), Malformed::BadVersion.to_string());
}

#[test]
fn every_bit_of_every_sample_belongs_to_a_field() {
    for sample in samples() {
        let before = fields(&sample);
        for bit in 0..sample.len() * 8 {
            let mut changed = sample.clone();
            changed[bit / 8] ^= 0x80 >> (bit % 8);
            assert_ne!(fields(&changed), before, "bit {bit} of {sample:02x?}");
        }
    }
}

fn inside(frame: &[u8], fields: &[Field]) -> bool {
    fields.iter().all(|f| f.offset <= frame.len() && f.len <= frame.len() - f.offset)
}

#[test]
fn every_truncation_is_described() {
    for sample in samples() {
        for len in 0..sample.len() {
            assert!(inside(&sample[..len], &fields(&sample[..len])));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn garbage_is_described(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(inside(&bytes, &fields(&bytes)));
        prop_assert!(inside(&bytes, &ip_fields(&bytes)));
        for ether_type in [ethernet::TYPE_IPV4, ethernet::TYPE_IPV6, ethernet::TYPE_ARP, ethernet::TYPE_NSH, ethernet::TYPE_VLAN] {
            let frame = ether(ether_type, &bytes);
            prop_assert!(inside(&frame, &fields(&frame)));
        }
    }

    #[test]
    fn damaged_samples_are_described(which: proptest::sample::Index, hits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6)) {
        let mut frame = which.get(&samples()).clone();
        for (at, value) in hits {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        prop_assert!(inside(&frame, &fields(&frame)));
    }
}
