//! Packet sockets and TAP devices over real interfaces, in network namespaces made for each test. Needs root.
#![allow(clippy::unwrap_used, reason = "a failed call is a failed test")]
mod namespace;

use namespace::{Namespace, frame};
use sluice_dataplane::io::gso;
use sluice_dataplane::io::poll::Waiter;
use sluice_dataplane::io::sys::fanout::Fanout;
use sluice_dataplane::io::sys::interface;
use sluice_dataplane::io::sys::offload::{self, OffloadGuard};
use sluice_dataplane::io::sys::ring::{PacketType, RingConfig, RxRing, VlanTag};
use sluice_dataplane::io::sys::tap::{Tap, TapKind};
use sluice_dataplane::io::sys::tx::{SendStop, TxSocket};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What a ring hands out, kept.
#[derive(Debug)]
struct Kept {
    data: Vec<u8>,
    wire_len: usize,
    timestamp_ns: u64,
    vlan: Option<VlanTag>,
    packet_type: PacketType,
}

/// Waits for `count` frames, at most 5 s.
fn receive(ring: &mut RxRing, count: usize) -> Vec<Kept> {
    let waiter = Waiter::new().unwrap();
    let mut all = Vec::new();
    let mut rounds = 0;
    while all.len() < count && rounds < 500 {
        let got = ring.receive(7, |frame| {
            assert!(!frame.is_truncated());
            all.push(Kept {
                data: frame.data.to_vec(),
                wire_len: frame.wire_len,
                timestamp_ns: frame.timestamp_ns,
                vlan: frame.vlan,
                packet_type: frame.packet_type,
            });
        });
        if got.unwrap() == 0 {
            waiter.wait(&[ring.fd()], &[], Some(Duration::from_millis(10))).unwrap();
            rounds += 1;
        }
    }
    all
}

#[test]
fn frames_arrive_byte_for_byte() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.add_veth();
    namespace.enter();
    let mut ring = RxRing::open("vb", RingConfig::default()).unwrap();
    let mut own = RxRing::open("va", RingConfig::default()).unwrap();
    assert!(ring.has_vnet(), "Linux accepts the vnet header with this ring since 4.6");
    let mut tx = TxSocket::open("va", false).unwrap();
    let mut frames: Vec<Vec<u8>> = (0..60).map(|n| frame(14 + usize::from(n) * 25, n)).collect();
    frames[1][..6].fill(0xff);
    frames[2][0] = 3;
    let sent = tx.send(frames.iter().map(Vec::as_slice));
    assert_eq!(sent.accepted, 60, "{:?}", sent.stop);
    let got = receive(&mut ring, 60);
    assert_eq!(got.iter().map(|kept| &kept.data).collect::<Vec<_>>(), frames.iter().collect::<Vec<_>>());
    assert!(got.iter().all(|kept| kept.wire_len == kept.data.len() && kept.vlan.is_none()));
    assert!(got.windows(2).all(|pair| pair[0].timestamp_ns <= pair[1].timestamp_ns));
    let kinds: Vec<PacketType> = got.iter().take(4).map(|kept| kept.packet_type).collect();
    assert_eq!(kinds, [PacketType::OtherHost, PacketType::Broadcast, PacketType::Multicast, PacketType::OtherHost]);
    assert_eq!(ring.kernel_drops().unwrap(), 0);
    assert_eq!(receive_now(&mut own), 0, "a ring does not see what its own host sends");
}

fn receive_now(ring: &mut RxRing) -> usize {
    ring.receive(100, |_| ()).unwrap()
}

/// A UDP datagram of flow `flow`, one way or back, with a number at its end.
fn datagram(flow: u8, back: bool, number: u8) -> Vec<u8> {
    let mut f = frame(60, number);
    f[12..14].copy_from_slice(&[8, 0]);
    f[14..34].copy_from_slice(&[0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    f[34..42].copy_from_slice(&[10, flow, 20, flow, 0, 26, 0, 0]);
    if back {
        f[26..34].copy_from_slice(&[10, 0, 0, 2, 10, 0, 0, 1]);
        f[34..38].copy_from_slice(&[20, flow, 10, flow]);
    }
    f
}

#[test]
fn rings_of_one_group_share_flows() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.add_veth();
    namespace.enter();
    let group = Arc::new(Fanout::default());
    let open = || RxRing::open_shared("vb", RingConfig::default(), Some(&group)).unwrap();
    let (first, mut second) = (open(), open());
    let mut rings = [first, open()];
    let mut own = RxRing::open_shared("va", RingConfig::default(), Some(&Arc::default())).unwrap();
    let mut tx = TxSocket::open("va", false).unwrap();
    let flows = |number| (0..32).flat_map(move |flow| [false, true].map(|back| datagram(flow, back, number)));
    let mut send = |number| {
        let all: Vec<Vec<u8>> = flows(number).collect();
        assert_eq!(tx.send(all.iter().map(Vec::as_slice)).accepted, 64);
        std::thread::sleep(Duration::from_millis(50));
    };
    // Which ring a flow goes to, by the lower port.
    let take = |ring: &mut RxRing| {
        let mut all = Vec::new();
        while ring.receive(64, |f| all.push(f.data[35].min(f.data[37]))).unwrap() > 0 {}
        all.sort_unstable();
        all
    };
    send(1);
    let [a, b, c] = [take(&mut rings[0]), take(&mut rings[1]), take(&mut second)];
    assert_eq!(a.len() + b.len() + c.len(), 64, "each frame once");
    for (x, y) in [(&a, &b), (&a, &c), (&b, &c)] {
        assert!(x.iter().all(|flow| !y.contains(flow)), "both directions of a flow come to one ring");
    }
    assert!([&a, &b, &c].iter().all(|r| !r.is_empty()), "{a:?} {b:?} {c:?}");
    // One that leaves gives its share to the others, and one that comes takes its own again.
    drop(second);
    send(2);
    assert_eq!(take(&mut rings[0]).len() + take(&mut rings[1]).len(), 64);
    let [one, _] = &mut rings;
    *one = open();
    send(3);
    let [a, b] = [take(&mut rings[0]), take(&mut rings[1])];
    assert_eq!(a.len() + b.len(), 64);
    assert!(!a.is_empty() && !b.is_empty());
    assert_eq!(receive_now(&mut own), 0, "a ring does not see what its own host sends");
}

#[test]
fn tags_arrive_beside_the_frame_or_in_it() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.add_veth();
    namespace.enter();
    let mut ring = RxRing::open("vb", RingConfig::default()).unwrap();
    let mut tx = TxSocket::open("va", false).unwrap();
    let mut sent = Vec::new();
    for (tpid, tci) in [(0x8100_u16, 0x6005_u16), (0x88a8, 0x0fff), (0x8100, 0)] {
        // As large as a tagged frame may be: 4 bytes over the untagged one.
        for len in [60, 1514] {
            let mut tagged = frame(len, 5);
            tagged.splice(12..12, [tpid.to_be_bytes(), tci.to_be_bytes()].concat());
            let result = tx.send([tagged.as_slice()]);
            // Linux grants the 4 bytes to 802.1Q tags only.
            if tpid == 0x8100 || len == 60 {
                assert_eq!(result.accepted, 1, "{:?}", result.stop);
                sent.push(tagged);
            } else {
                assert!(matches!(result.stop, Some(SendStop::BadFrame)), "{:?}", result.stop);
            }
        }
    }
    let mut double = frame(100, 6);
    double.splice(12..12, [0x88, 0xa8, 0, 7, 0x81, 0, 0, 8]);
    assert_eq!(tx.send([double.as_slice()]).accepted, 1);
    sent.push(double);
    let got = receive(&mut ring, sent.len());
    let whole: Vec<Vec<u8>> = got
        .into_iter()
        .map(|kept| {
            let mut data = kept.data;
            if let Some(tag) = kept.vlan {
                data.splice(12..12, [tag.tpid.to_be_bytes(), tag.tci.to_be_bytes()].concat());
            }
            data
        })
        .collect();
    assert_eq!(whole, sent);
}

#[test]
fn a_ring_around_many_times_and_full() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.add_veth();
    namespace.enter();
    let mut ring = RxRing::open("vb", RingConfig { slots: 32, ..RingConfig::default() }).unwrap();
    let mut tx = TxSocket::open("va", false).unwrap();
    for round in 0..200_u8 {
        let frames: Vec<Vec<u8>> = (0..30).map(|n| frame(60 + usize::from(n), round ^ n)).collect();
        assert_eq!(tx.send(frames.iter().map(Vec::as_slice)).accepted, 30);
        let got: Vec<Vec<u8>> = receive(&mut ring, 30).into_iter().map(|kept| kept.data).collect();
        assert_eq!(got, frames, "round {round}");
    }
    assert_eq!(ring.kernel_drops().unwrap(), 0);
    // Without a reader: what fits stays in order, the rest is counted.
    let frames: Vec<Vec<u8>> = (0..64).map(|n| frame(60, n)).collect();
    assert_eq!(tx.send(frames.iter().map(Vec::as_slice)).accepted, 64);
    let got: Vec<Vec<u8>> = receive(&mut ring, 37).into_iter().map(|kept| kept.data).collect();
    assert_eq!(got, frames[..37], "32 slots are rounded up to a block of 37");
    assert_eq!(ring.kernel_drops().unwrap(), 64 - 37);
    assert_eq!(tx.send([frames[0].as_slice()]).accepted, 1);
    assert_eq!(receive(&mut ring, 1).len(), 1, "and goes on afterwards");
}

#[test]
fn an_oversize_frame_is_left_out_alone() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.add_veth();
    namespace.enter();
    let mut ring = RxRing::open("vb", RingConfig::default()).unwrap();
    let mut tx = TxSocket::open("va", false).unwrap();
    let (good, large, short) = (frame(1514, 1), frame(1515, 2), vec![1; 5]);
    let sent = tx.send([good.as_slice(), &large, &good]);
    assert!(matches!((sent.accepted, sent.stop), (1, Some(SendStop::BadFrame))));
    let sent = tx.send([short.as_slice()]);
    assert!(matches!((sent.accepted, sent.stop), (0, Some(SendStop::BadFrame))));
    assert_eq!(tx.send([good.as_slice()]).accepted, 1);
    assert_eq!(tx.send(std::iter::repeat_n(good.as_slice(), 100)).accepted, 64, "no more than a burst");
    assert_eq!(receive(&mut ring, 66).len(), 66);
}

#[test]
fn a_deleted_interface_is_an_error_not_a_panic() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.add_veth();
    namespace.enter();
    let mut ring = RxRing::open("vb", RingConfig::default()).unwrap();
    let mut tx = TxSocket::open("va", false).unwrap();
    let waiter = Waiter::new().unwrap();
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let frame = frame(200, 1);
            loop {
                match tx.send(std::iter::repeat_n(frame.as_slice(), 32)).stop {
                    None | Some(SendStop::Full) => {}
                    Some(SendStop::Gone(error)) => return error,
                    Some(SendStop::BadFrame) => panic!("the frame is good"),
                }
            }
        });
        let deleter = scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(100));
            namespace.ip("link del va");
        });
        let mut frames = 0;
        let error = loop {
            match ring.receive(32, |_| ()) {
                Ok(0) => drop(waiter.wait(&[ring.fd()], &[], Some(Duration::from_millis(100))).unwrap()),
                Ok(count) => frames += count,
                Err(error) => break error,
            }
        };
        assert!(frames > 0);
        assert!(interface::is_gone(&error), "{error}");
        let error = sender.join().unwrap();
        assert!(interface::is_gone(&error), "{error}");
        deleter.join().unwrap();
    });
    let error = RxRing::open("vb", RingConfig::default()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(interface::is_gone(&error));
    assert!(error.to_string().starts_with(r#"no interface "vb""#), "{error}");
    assert_eq!(TxSocket::open("vb", false).err().unwrap().kind(), ErrorKind::NotFound);
    // Made anew, it can be opened again.
    namespace.add_veth();
    let mut ring = RxRing::open("vb", RingConfig::default()).unwrap();
    let mut tx = TxSocket::open("va", false).unwrap();
    assert_eq!(tx.send([frame(60, 1).as_slice()]).accepted, 1);
    assert_eq!(receive(&mut ring, 1).len(), 1);
}

#[test]
fn an_interface_that_is_down_says_so_and_can_be_brought_up() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.add_veth();
    namespace.enter();
    namespace.ip("link set vb down");
    assert!(!interface::read("vb").unwrap().up);
    let error = RxRing::open("vb", RingConfig::default()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NetworkDown);
    assert_eq!(error.to_string(), "vb: the interface is down (ip link set vb up)");
    interface::bring_up("vb").unwrap();
    let mut ring = RxRing::open("vb", RingConfig::default()).unwrap();
    let mut tx = TxSocket::open("va", false).unwrap();
    namespace.ip("link set vb down");
    assert!(interface::is_gone(&ring.check().unwrap_err()));
    assert!(ring.check().is_ok(), "each error is told once");
    interface::bring_up("vb").unwrap();
    namespace.settle("va");
    assert_eq!(tx.send([frame(60, 1).as_slice()]).accepted, 1);
    assert_eq!(receive(&mut ring, 1).len(), 1, "the same ring goes on");
}

#[test]
fn interfaces_are_described_and_offloads_put_back() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.add_veth();
    namespace.enter();
    namespace.ip("link set va address 02:00:00:00:00:aa");
    namespace.shell("echo 0 > /proc/sys/net/ipv6/conf/va/disable_ipv6");
    namespace.ip("addr add fd00::1/64 dev va nodad");
    interface::set_ipv4("va", Ipv4Addr::new(10, 1, 2, 3), 29).unwrap();
    interface::set_mtu("va", 1400).unwrap();
    let a = interface::read("va").unwrap();
    assert_eq!((a.mac, a.mtu, a.up, a.carrier), ([2, 0, 0, 0, 0, 0xaa], 1400, true, true));
    let mut addresses: Vec<String> = a.addresses.iter().map(|a| format!("{}/{}", a.address, a.prefix_len)).collect();
    addresses.retain(|address| !address.starts_with("fe80"));
    assert_eq!(addresses, ["10.1.2.3/29", "fd00::1/64"]);
    assert_eq!(interface::names().unwrap(), ["lo", "vb", "va"]);

    let state = || -> BTreeMap<String, (bool, bool)> {
        offload::features("va").unwrap().into_iter().map(|f| (f.name, (f.requested, f.active))).collect()
    };
    let before = state();
    assert_eq!(before["tx-tcp-segmentation"], (true, true));
    let guard = OffloadGuard::switch_off("va").unwrap();
    let off = state();
    for name in ["tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-generic-segmentation", "tx-checksum-ip-generic"] {
        assert_eq!(off[name], (false, false), "{name}");
    }
    assert!(!off["rx-gro"].1 && !off["tx-udp-segmentation"].1);
    assert_eq!(off["rx-vlan-hw-parse"], before["rx-vlan-hw-parse"], "what is not concerned stays");
    guard.restore().unwrap();
    assert_eq!(state(), before);
    drop(OffloadGuard::switch_off("va").unwrap());
    assert_eq!(state(), before);
    let gone = OffloadGuard::switch_off("va").unwrap();
    namespace.ip("link del va");
    assert!(gone.restore().is_err());
}

/// TCP from one namespace to the other, through the wire that `frames` are read from, with the hosts' offloads on: each frame
/// as it would be on a wire.
#[test]
fn super_frames_are_cut_to_what_a_wire_carries() {
    let (Some(near), Some(far)) = (Namespace::new(), Namespace::new()) else { return };
    near.add_veth();
    near.ip(&format!("link set vb netns {}", far.name));
    near.ip("addr add 10.9.0.1/24 dev va");
    far.ip("addr add 10.9.0.2/24 dev vb");
    far.ip("link set vb up");
    const BYTES: usize = 3_000_000;
    let pattern: Vec<u8> = (0..BYTES).map(|i| (i * 31 + i / 1009) as u8).collect();
    let done = AtomicBool::new(false);
    let (mut sequences, mut frames, mut large) = (BTreeMap::new(), 0, 0);
    far.enter();
    // 8 MB of super-frames fit the socket's queue, and the stream is 3 MB: nothing is lost even with a slow reader.
    let mut ring = RxRing::open("vb", RingConfig::default()).unwrap();
    let listener = TcpListener::bind("10.9.0.2:5000").unwrap();
    let udp = UdpSocket::bind("10.9.0.2:5001").unwrap();
    udp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            let mut received = Vec::new();
            listener.accept().unwrap().0.read_to_end(&mut received).unwrap();
            assert!(received == pattern);
            let mut datagram = [0; 2000];
            assert_eq!(udp.recv(&mut datagram).unwrap(), 1000);
            done.store(true, Ordering::Release);
        });
        let client = scope.spawn(|| {
            near.enter();
            let mut stream = TcpStream::connect("10.9.0.2:5000").unwrap();
            stream.write_all(&pattern).unwrap();
            drop(stream);
            let udp = UdpSocket::bind("10.9.0.1:0").unwrap();
            udp.send_to(&[7; 1000], "10.9.0.2:5001").unwrap();
        });
        let mut idle = 0;
        while !done.load(Ordering::Acquire) || idle < 20 {
            let got = ring
                .receive(32, |rx| {
                    assert!(!rx.is_truncated());
                    assert_eq!(rx.checksum_not_ready, rx.vnet.is_some_and(|vnet| vnet.flags & gso::NEEDS_CSUM != 0));
                    let vnet = rx.vnet.unwrap_or_default();
                    large += usize::from(rx.data.len() > 1514);
                    let count = gso::segment(rx.data, &vnet, &mut |head, payload| {
                        let frame = [head, payload].concat();
                        assert!(frame.len() <= 1514);
                        if let Some((sequence, payload)) = verify(&frame) {
                            sequences.insert(sequence, payload);
                        }
                        true
                    });
                    frames += count.unwrap();
                })
                .unwrap();
            idle = if got == 0 { idle + 1 } else { 0 };
            if got == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        assert_eq!(ring.kernel_drops().unwrap(), 0);
        client.join().unwrap();
        server.join().unwrap();
    });
    assert!(large > 10, "the hosts' offloads are on: {large} super-frames");
    assert!(frames > BYTES / 1460);
    let stream: Vec<u8> = sequences.into_values().flatten().collect();
    assert!(stream == pattern, "{} of {BYTES} bytes", stream.len());
}

/// Checks every checksum of an IPv4 frame; the sequence number (relative to where it cannot wrap) and payload of TCP to port
/// 5000.
fn verify(frame: &[u8]) -> Option<(u64, Vec<u8>)> {
    use etherparse::{NetSlice, SlicedPacket, TransportSlice};
    static FIRST: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    let packet = SlicedPacket::from_ethernet(frame).unwrap();
    let Some(NetSlice::Ipv4(ip)) = packet.net else { return None };
    let header = ip.header().to_header();
    assert_eq!(header.header_checksum, header.calc_header_checksum());
    match packet.transport? {
        TransportSlice::Tcp(tcp) => {
            assert_eq!(tcp.checksum(), tcp.to_header().calc_checksum_ipv4(&header, tcp.payload()).unwrap());
            let first = *FIRST.get_or_init(|| tcp.sequence_number());
            let wanted = tcp.destination_port() == 5000 && !tcp.payload().is_empty();
            wanted.then(|| (u64::from(tcp.sequence_number().wrapping_sub(first)), tcp.payload().to_vec()))
        }
        TransportSlice::Udp(udp) => {
            assert_eq!(udp.checksum(), udp.to_header().calc_checksum_ipv4(&header, udp.payload()).unwrap());
            None
        }
        _ => None,
    }
}

#[test]
fn a_tun_device_speaks_with_the_kernel() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.enter();
    let tun = Tap::open(None, TapKind::Tun).unwrap();
    assert_eq!((tun.name(), tun.kind()), ("tun0", TapKind::Tun));
    assert_eq!(tun.write(&[0x45; 20]).unwrap_err().kind(), ErrorKind::NetworkDown);
    interface::set_ipv4(tun.name(), Ipv4Addr::new(1, 0, 0, 1), 8).unwrap();
    interface::set_mtu(tun.name(), 1300).unwrap();
    interface::bring_up(tun.name()).unwrap();
    let state = interface::read("tun0").unwrap();
    assert!(state.up && state.mtu == 1300 && state.addresses[0].prefix_len == 8);

    let socket = UdpSocket::bind("1.0.0.1:7000").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.send_to(&[9; 500], "1.2.3.4:7001").unwrap();
    let waiter = Waiter::new().unwrap();
    let mut packet = [0; 2000];
    let len = loop {
        match tun.read(&mut packet).unwrap() {
            Some(len) => break len,
            None => assert_eq!(waiter.wait(&[tun.fd()], &[], Some(Duration::from_secs(5))).unwrap().ready, 1),
        }
    };
    assert_eq!(len, 528);
    assert_eq!(&packet[28..len], [9; 500]);
    let header = etherparse::Ipv4HeaderSlice::from_slice(&packet[..len]).unwrap().to_header();
    let (udp, payload) = etherparse::UdpHeader::from_slice(&packet[20..len]).unwrap();
    assert_eq!(udp.checksum, udp.calc_checksum_ipv4(&header, payload).unwrap(), "no offload: the checksum is there");

    let mut reply = Vec::new();
    let builder = etherparse::PacketBuilder::ipv4([1, 2, 3, 4], [1, 0, 0, 1], 64).udp(7001, 7000);
    builder.write(&mut reply, b"hello").unwrap();
    assert!(tun.write(&reply).unwrap());
    let mut text = [0; 10];
    let (len, from) = socket.recv_from(&mut text).unwrap();
    assert_eq!((&text[..len], from.to_string().as_str()), (&b"hello"[..], "1.2.3.4:7001"));

    assert!(Tap::open(Some("tun0"), TapKind::Tap).is_err());
    namespace.ip("link del tun0");
    assert!(interface::is_gone(&tun.read(&mut packet).unwrap_err()));
}

#[test]
fn a_tap_device_carries_ethernet() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.enter();
    let tap = Tap::open(Some("port%d"), TapKind::Tap).unwrap();
    assert_eq!(tap.name(), "port0");
    namespace.ip("link set port0 up");
    let mut ring = RxRing::open("port0", RingConfig::default()).unwrap();
    let mut tx = TxSocket::open("port0", true).unwrap();
    assert!(tap.write(&frame(100, 3)).unwrap());
    assert_eq!(receive(&mut ring, 1)[0].data, frame(100, 3));
    assert_eq!(tx.send([frame(77, 4).as_slice()]).accepted, 1);
    let mut buffer = [0; 1600];
    assert_eq!(tap.read(&mut buffer).unwrap(), Some(77));
    assert_eq!(buffer[..77], frame(77, 4));
    assert_eq!(tap.read(&mut buffer).unwrap(), None);
    drop(tap);
    // A child process that another test starts right now may hold the device open until it executes its program.
    let gone = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        interface::read("port0").is_err_and(|error| error.kind() == ErrorKind::NotFound)
    });
    assert!(gone, "the interface goes away with the device");
}
