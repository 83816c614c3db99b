//! AF_XDP ports over real interfaces, in network namespaces made for each test. Needs root.
#![cfg(feature = "xdp")]
#![allow(clippy::unwrap_used, reason = "a failed call is a failed test")]
mod namespace;

use namespace::{Namespace, frame};
use sluice_dataplane::io::poll::Waiter;
use sluice_dataplane::io::sys::interface;
use sluice_dataplane::io::sys::ring::{RingConfig, RxRing};
use sluice_dataplane::io::sys::tx::TxSocket;
use sluice_dataplane::io::sys::xdp::hook::Hook;
use sluice_dataplane::io::sys::xdp::rx::RxHalf;
use sluice_dataplane::io::sys::xdp::socket::{self, SocketConfig};
use sluice_dataplane::io::sys::xdp::tx::{Stop, TxHalf};
use sluice_dataplane::port::{XdpCopy, XdpMode};
use std::sync::Arc;
use std::time::Duration;

const CONFIG: SocketConfig = SocketConfig { queue: 0, ring: 256, copy: XdpCopy::Auto };

/// A socket on `name` that frames are sent to.
fn open(name: &str, mode: XdpMode) -> (RxHalf, TxHalf) {
    // The kernel gives a queue free a moment after its socket was closed.
    let opened = (0..200).find_map(|_| {
        std::thread::sleep(Duration::from_millis(5));
        socket::open(name, CONFIG).ok()
    });
    let (mut rx, tx) = opened.unwrap();
    rx.join(Arc::new(Hook::attach(interface::read(name).unwrap().index, mode).unwrap())).unwrap();
    (rx, tx)
}

/// Waits for `count` frames, at most 5 s.
fn receive(rx: &mut RxHalf, count: usize) -> Vec<Vec<u8>> {
    let waiter = Waiter::new().unwrap();
    let (mut all, mut rounds) = (Vec::new(), 0);
    while all.len() < count && rounds < 500 {
        if rx.receive(7, |frame| all.push(frame.to_vec())).unwrap() == 0 {
            waiter.wait(&[rx.fd()], &[], Some(Duration::from_millis(10))).unwrap();
            rounds += 1;
        }
    }
    all
}

#[test]
fn frames_arrive_byte_for_byte_in_both_modes() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.add_veth();
    namespace.enter();
    let mut sender = TxSocket::open("va", false).unwrap();
    for (mode, native) in [(XdpMode::Auto, true), (XdpMode::Generic, false), (XdpMode::Native, true)] {
        let (mut rx, _tx) = open("vb", mode);
        assert_eq!((rx.is_native(), rx.is_zero_copy()), (Some(native), false), "{mode:?}");
        let shown = namespace.show("vb");
        assert!(shown.contains(if native { " xdp " } else { " xdpgeneric " }), "{shown}");
        // Ten times the rings' size in all: each chunk goes round.
        for round in 0..40 {
            let frames: Vec<Vec<u8>> = (0..60).map(|n| frame(14 + usize::from(n) * 25, n ^ round)).collect();
            let sent = sender.send(frames.iter().map(Vec::as_slice));
            assert_eq!(sent.accepted, 60, "{:?}", sent.stop);
            assert_eq!(receive(&mut rx, 60), frames);
        }
        assert_eq!(rx.kernel_drops(), 0);
        drop(rx);
        assert!(!namespace.show("vb").contains(" xdp"), "nothing is left on the interface");
    }
}

#[test]
fn frames_are_sent_byte_for_byte() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.add_veth();
    namespace.enter();
    let mut ring = RxRing::open("vb", RingConfig::default()).unwrap();
    let (_rx, mut tx) = socket::open("va", CONFIG).unwrap();
    assert!(!namespace.show("va").contains(" xdp"), "who only sends needs no program");
    for round in 0..40 {
        let frames: Vec<Vec<u8>> = (0..60).map(|n| frame(60 + usize::from(n) * 24, n ^ round)).collect();
        let (sent, stop) = tx.send(frames.iter().map(Vec::as_slice));
        assert_eq!(sent, 60, "{stop:?}");
        let (mut got, mut rounds) = (Vec::new(), 0);
        while got.len() < 60 && rounds < 500 {
            if ring.receive(60, |f| got.push(f.data.to_vec())).unwrap() == 0 {
                std::thread::sleep(Duration::from_millis(1));
                rounds += 1;
            }
        }
        assert_eq!(got, frames);
    }
    let (good, large, short) = (frame(1514, 1), frame(1515, 2), vec![1; 5]);
    let send = |tx: &mut TxHalf, frames: &[&[u8]]| tx.send(frames.iter().copied());
    assert!(matches!(send(&mut tx, &[&good, &large, &good]), (1, Some(Stop::BadFrame))));
    assert!(matches!(send(&mut tx, &[&short]), (0, Some(Stop::BadFrame))));
}

#[test]
fn a_receiver_that_sleeps_is_woken() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.add_veth();
    namespace.enter();
    for mode in [XdpMode::Native, XdpMode::Generic] {
        let (mut rx, _tx) = open("vb", mode);
        let waiter = Waiter::new().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                namespace.enter();
                let mut sender = TxSocket::open("va", false).unwrap();
                std::thread::sleep(Duration::from_millis(100));
                assert_eq!(sender.send([frame(100, 1).as_slice()]).accepted, 1);
            });
            let start = sluice_dataplane::time::now();
            assert_eq!(waiter.wait(&[rx.fd()], &[], Some(Duration::from_secs(5))).unwrap().ready, 1);
            let waited = Duration::from_nanos(sluice_dataplane::time::now() - start);
            assert!(waited < Duration::from_secs(3), "{waited:?}");
        });
        assert_eq!(receive(&mut rx, 1), [frame(100, 1)]);
    }
}

#[test]
fn frames_that_find_no_room_are_counted() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.add_veth();
    namespace.enter();
    let mut sender = TxSocket::open("va", false).unwrap();
    for mode in [XdpMode::Native, XdpMode::Generic] {
        let (mut rx, _tx) = open("vb", mode);
        let frames: Vec<Vec<u8>> = (0..50).map(|n| frame(60, n)).collect();
        for _ in 0..8 {
            assert_eq!(sender.send(frames.iter().map(Vec::as_slice)).accepted, 50);
            std::thread::sleep(Duration::from_millis(20));
        }
        let got = receive(&mut rx, 256).len();
        assert_eq!((got, rx.kernel_drops()), (256, 400 - 256), "{mode:?}");
        assert_eq!(sender.send([frames[0].as_slice()]).accepted, 1);
        assert_eq!(receive(&mut rx, 1).len(), 1, "and goes on afterwards");
        assert_eq!(rx.kernel_drops(), 0, "each is told once");
    }
}
