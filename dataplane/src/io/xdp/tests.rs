//! The ports as the engine uses them, over veth in network namespaces. Needs root.
#[path = "../../../tests/namespace/mod.rs"]
mod namespace;

use super::*;
use crate::batch::Batch;
use crate::count::Counts;
use crate::io::sys::tx::TxSocket;
use crate::packet::Packet;
use crate::pool::{Cache, Pool};
use crate::port::{PortCounters, XdpCopy, XdpMode};
use crate::port::{Sent, Transmit};
use namespace::{Namespace, frame};

fn device(name: &str) -> XdpDevice {
    XdpDevice { name: name.into(), queues: 1, ring: Some(256), ..XdpDevice::default() }
}

fn open_rx(device: &XdpDevice) -> io::Result<XdpRx> {
    XdpRx::open(Arc::new(Interface::new(&device.name)), device, false)
}

/// Frames that a port has now, as packets.
fn take(port: &mut XdpRx, cache: &mut Cache, counters: &PortCounters, batch: &mut Batch) {
    let counts = Counts::default();
    port.receive(&mut Rx { cache, batch, counters, counts: &counts, room: 32, lost: 0, asks_kind: false });
}

fn error<T>(result: io::Result<T>) -> String {
    result.err().map(|e| e.to_string()).unwrap_or_default()
}

#[test]
fn both_directions_share_a_socket_and_leave_nothing_behind() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.add_veth();
    namespace.enter();
    let (shared, vb) = (Arc::new(Interface::new("vb")), device("vb"));
    let tx = XdpTx::open(shared.clone(), &vb).unwrap();
    assert_eq!(tx.ask("mode").unwrap(), "copy");
    assert!(!namespace.show("vb").contains(" xdp"), "the host goes on receiving");
    let rx = XdpRx::open(shared.clone(), &vb, true).unwrap();
    assert_eq!(rx.ask("mode").unwrap(), "native, copy");
    assert!(namespace.show("vb").contains("promiscuity 1"));
    let text = error(XdpRx::open(shared.clone(), &vb, false));
    assert!(text.starts_with("vb: queue 0 is received from by another FromXDP"), "{text}");
    let text = error(XdpTx::open(shared.clone(), &XdpDevice { ring: Some(512), ..vb.clone() }));
    assert!(text.starts_with("vb: queue 0 is open with NDESC 256"), "{text}");
    drop(rx);
    let shown = namespace.show("vb");
    assert!(!shown.contains(" xdp") && shown.contains("promiscuity 0"), "{shown}");
    // A new graph may receive again while the old one's sending half lives.
    drop(XdpRx::open(shared.clone(), &XdpDevice { mode: XdpMode::Generic, ..vb.clone() }, false).unwrap());
    drop(tx);
    drop(open_rx(&vb).unwrap());
    assert!(!namespace.show("vb").contains(" xdp"));
}

#[test]
fn what_cannot_be_opened_says_why() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.add_veth();
    namespace.enter();
    let vb = device("vb");
    let other = open_rx(&vb).unwrap();
    let text = error(open_rx(&XdpDevice { queue: 1, ..vb.clone() }));
    assert_eq!(text, "vb: no queue 1 (ethtool -l vb shows how many there are)");
    let text = error(open_rx(&vb));
    assert_eq!(text, "vb: queue 0 is in use by another AF_XDP socket: choose another QUEUE");
    let text = error(open_rx(&XdpDevice { copy: XdpCopy::ZeroCopy, queue: 0, ..device("va") }));
    assert_eq!(text, "va: its driver has no zero-copy AF_XDP: ZEROCOPY auto or copy");
    drop(other);
    let index = interface::read("vb").unwrap().index;
    for mode in [XdpMode::Native, XdpMode::Generic] {
        let hook = crate::io::sys::xdp::hook::Hook::attach(index, mode).unwrap();
        for mode in [XdpMode::Auto, XdpMode::Native, XdpMode::Generic] {
            let text = error(open_rx(&XdpDevice { mode, ..vb.clone() }));
            assert!(text.starts_with("vb: it already carries an XDP program: end"), "{mode:?}: {text}");
        }
        drop(hook);
    }
    namespace.ip("link set vb down");
    assert_eq!(error(open_rx(&vb)), "vb: the interface is down (ip link set vb up)");
    assert!(error(open_rx(&device("vc"))).starts_with("no interface \"vc\", did you mean"));
    namespace.ip("link set lo up");
    let text = error(open_rx(&XdpDevice { mode: XdpMode::Native, ..device("lo") }));
    assert!(text.starts_with("lo: its driver cannot run an XDP program as things are"), "{text}");
    assert_eq!(open_rx(&device("lo")).unwrap().ask("mode").unwrap(), "generic, copy");
}

#[test]
fn several_queues_are_one_port() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.ip("link add va type veth peer name vb numrxqueues 2 numtxqueues 2");
    namespace.ip("link set va up");
    namespace.ip("link set vb up");
    namespace.settle("vb");
    namespace.enter();
    namespace.shell("ethtool -L vb rx 2 tx 2 || true");
    let (pool, counters) = (Pool::new(64), PortCounters::default());
    let (mut cache, mut batch) = (pool.cache(), Batch::default());
    let mut rx = open_rx(&XdpDevice { queues: 2, ..device("vb") }).unwrap();
    let mut sender = TxSocket::open("va", false).unwrap();
    let waiter = crate::io::poll::Waiter::new().unwrap();
    assert_eq!(waiter.wait(&[rx.fd().unwrap()], &[], Some(Duration::ZERO)).unwrap().ready, 0);
    assert_eq!(sender.send([frame(60, 1).as_slice()]).accepted, 1);
    assert_eq!(waiter.wait(&[rx.fd().unwrap()], &[], Some(Duration::from_secs(5))).unwrap().ready, 1);
    take(&mut rx, &mut cache, &counters, &mut batch);
    assert_eq!(batch.len(), 1);
    assert_eq!(batch.as_slice()[0].kind(), PacketKind::OtherHost);
    batch.drain().for_each(|p| cache.free(p));
}

/// What two hosts' kernels leave to hardware is done before a packet leaves the port.
#[test]
fn checksums_left_to_hardware_are_filled_in() {
    let (Some(near), Some(far)) = (Namespace::new(), Namespace::new()) else { return };
    near.add_veth();
    near.ip(&format!("link set vb netns {}", far.name));
    far.ip("link set vb up");
    near.ip("addr add 10.9.0.1/24 dev va");
    near.ip("neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev va");
    near.enter();
    let socket = std::net::UdpSocket::bind("10.9.0.1:0").unwrap();
    far.enter();
    let (pool, counters) = (Pool::new(64), PortCounters::default());
    let (mut cache, mut batch) = (pool.cache(), Batch::default());
    for mode in [XdpMode::Native, XdpMode::Generic] {
        let mut rx = open_rx(&XdpDevice { mode, ..device("vb") }).unwrap();
        near.settle("va");
        let (mut raw, mut whole) = (0, 0);
        // As they come, and then as the port delivers them.
        for completes in [false, true] {
            if let Some(open) = &mut rx.open {
                assert!(open.completes, "veth is no hardware");
                open.completes = completes;
            }
            assert_eq!(socket.send_to(&[7; 333], "10.9.0.2:9").unwrap(), 333);
            for _ in 0..500 {
                take(&mut rx, &mut cache, &counters, &mut batch);
                if !batch.is_empty() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            if let Some(open) = &mut rx.open {
                open.completes = true;
            }
            assert_eq!(batch.len(), 1);
            for p in batch.drain() {
                let ip = etherparse::Ipv4HeaderSlice::from_slice(&p.data()[14..]).unwrap().to_header();
                let (udp, payload) = etherparse::UdpHeader::from_slice(&p.data()[34..]).unwrap();
                let right = udp.checksum == udp.calc_checksum_ipv4(&ip, payload).unwrap();
                raw += u32::from(!completes && !right);
                whole += u32::from(completes && right);
                cache.free(p);
            }
        }
        assert_eq!((raw, whole), (1, 1), "{mode:?}: the sender left it, the port filled it in");
    }
}

#[test]
fn no_buffer_is_lost_while_links_go_down_and_interfaces_away() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.add_veth();
    namespace.enter();
    let (pool, counters) = (Pool::new(512), PortCounters::default());
    let (mut cache, mut batch) = (pool.cache(), Batch::default());
    let (va, vb) = (device("va"), device("vb"));
    let mut tx = XdpTx::open(Arc::new(Interface::new("va")), &va).unwrap();
    let shared = Arc::new(Interface::new("vb"));
    let mut rx = XdpRx::open(shared.clone(), &vb, false).unwrap();
    let mut back = XdpTx::open(shared, &vb).unwrap();
    let (mut sent, mut refused, mut received, mut news) = (0_u64, 0_u64, 0_u64, Vec::new());
    let mut cycles = 0;
    let mut number = 0_u64;
    while sent < 200_000 {
        // At places that look random, and never the same number of frames apart.
        number += 1;
        if number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56 == 0 && cycles < 20 {
            cycles += 1;
            match cycles % 4 {
                0 => namespace.ip("link del va"),
                1 => namespace.ip("link set va down"),
                2 => namespace.ip("link set vb down"),
                _ => {
                    namespace.ip("link set va down");
                    namespace.ip("link set vb down");
                }
            }
            for _ in 0..3 {
                push(&mut tx, &mut cache, &mut sent, &mut refused);
            }
            news.extend([tx.maintain().1, rx.maintain().1, back.maintain().1].into_iter().flatten());
            if cycles % 4 == 0 {
                namespace.add_veth();
            } else {
                namespace.ip("link set va up");
                namespace.ip("link set vb up");
            }
            let back_again = (0..500).any(|_| {
                std::thread::sleep(Duration::from_millis(5));
                let all = [tx.maintain(), rx.maintain(), back.maintain()];
                let up = all.iter().all(|(up, _)| *up);
                news.extend(all.into_iter().filter_map(|(_, news)| news));
                up
            });
            assert!(back_again, "cycle {cycles}: {news:?}");
        }
        push(&mut tx, &mut cache, &mut sent, &mut refused);
        take(&mut rx, &mut cache, &counters, &mut batch);
        received += batch.len() as u64;
        batch.drain().for_each(|p| cache.free(p));
    }
    assert_eq!(cycles, 20, "{number} rounds");
    assert_eq!(cache.live(), 0);
    assert!(received > 150_000, "{received} of {sent} arrived, {refused} refused");
    assert!(refused > 0);
    for text in ["the interface is down", "up again", "trying to open it again", "receiving again", "sending again"] {
        assert!(news.iter().any(|n| n.contains(text)), "{text}: {news:?}");
    }
    drop((rx, tx, back));
    assert!(!namespace.show("vb").contains(" xdp"));
}

/// Sends 32 frames, and frees the packets.
fn push(port: &mut XdpTx, cache: &mut Cache, sent: &mut u64, refused: &mut u64) {
    let bytes = frame(60, 7);
    let packets: Vec<Packet> = (0..32)
        .map(|_| {
            let mut p = cache.alloc().unwrap();
            assert!(p.set_data(&bytes));
            p
        })
        .collect();
    let mut done = 0;
    while done < packets.len() {
        match port.transmit(&packets[done..]) {
            Sent::Some(n) => (done, *sent) = (done + n, *sent + n as u64),
            Sent::Refused(_) => (done, *refused) = (done + 1, *refused + 1),
            Sent::Full => break,
        }
    }
    packets.into_iter().for_each(|p| cache.free(p));
}
