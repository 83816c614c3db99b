//! Whether every buffer is back when ports of each kind have carried many packets, with peers that come and go at
//! random. `SLUICE_PACKETS` says how many packets each kind carries; the default keeps the test short, and slow
//! kinds carry a part of it.
use crate::common::{Folder, Layout, Net, can_make_namespaces};
use crate::drivers::{af_packet, af_xdp};
use crate::rig::{NO_HUGE, Peer, Sluice, huge_pages, testpmd};
use std::time::Duration;

/// Packets that a kind of port carries; `part` of the default.
fn packets(part: u64) -> u64 {
    let wanted = std::env::var("SLUICE_PACKETS").ok().map(|n| n.parse().expect("SLUICE_PACKETS: a number"));
    wanted.unwrap_or(500_000 / part)
}

/// A source that sends and a sink that takes.
fn graph(port: &str) -> String {
    format!(
        "src :: InfiniteSource(LENGTH 64, BURST 32) -> EtherEncap(0x88b5, 2:0:0:0:0:1, ff:ff:ff:ff:ff:ff)
           -> to :: ToDPDKDevice({port});
         FromDPDKDevice({port}) -> in :: Counter -> Discard;"
    )
}

/// Numbers that look random, the same in each run (xorshift; Marsaglia, "Xorshift RNGs", 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// A port whose peer, now and then, is killed in the middle.
fn with_peers(name: &str, port: &str, part: u64, ours: impl Fn(&str) -> String, its: impl Fn(&str) -> String) {
    if !testpmd(name) {
        return;
    }
    let mut random = Random(0x5eed_0001 + name.len() as u64);
    let folder = Folder::new(&format!("buffers-{name}"));
    let socket = folder.file("s").display().to_string();
    let (goal, turns) = (packets(part), 3);
    let sluice = Sluice::start(&folder, &graph(port), &ours(&socket));
    let mut first = Some(Peer::start(&its(&socket), ""));
    let sluice = sluice.ready();
    for turn in 1..=turns {
        let peer = first.take().unwrap_or_else(|| Peer::start(&its(&socket), "")).ready();
        sluice.until("in.count", goal * turn / turns);
        std::thread::sleep(Duration::from_millis(random.below(100)));
        peer.kill();
    }
    // The last one is there when all ends.
    let _peer = Peer::start(&its(&socket), "").ready();
    let before = sluice.number("in.count");
    sluice.until("in.count", before + 1000);
    sluice.stop();
}

/// A port that gives back what it is given, or as much as is wanted.
fn alone(name: &str, port: &str, part: u64, dpdk: &str) {
    let folder = Folder::new(&format!("buffers-{name}"));
    let sluice = Sluice::start(&folder, &graph(port), dpdk).ready();
    sluice.until("to.count", packets(part));
    sluice.stop();
}

/// Two ports on a veth pair's ends, the one sends and the other receives; the link goes down and up.
fn veth(name: &str, part: u64, port: &str, dpdk: &str) {
    if !can_make_namespaces(name) {
        return;
    }
    let net = Net::new(Layout::OneNetwork, false);
    let folder = Folder::new(&format!("buffers-{name}"));
    let text = graph(&format!("{port}0")) + &format!(
        "FromDPDKDevice({port}1, PROMISC true) -> Queue -> ToDPDKDevice({port}1);"
    );
    let sluice = Sluice::start_at(&folder, &text, dpdk, Some(&net.r), &[]).ready();
    sluice.until("to.count", packets(part) / 2);
    let before = sluice.number("to.count");
    for state in ["down", "up"] {
        crate::common::must(&format!("ip -n {} link set eth0 {state}", net.a));
        std::thread::sleep(Duration::from_millis(50));
    }
    sluice.until("to.count", before + packets(part) / 2);
    sluice.stop();
}

#[test]
fn null_and_ring_and_pcap_give_all_back() {
    alone("null", "net_null0", 1, &format!("{NO_HUGE} --vdev net_null0"));
    alone("ring", "net_ring0", 1, &format!("{NO_HUGE} --vdev net_ring0"));
    let folder = Folder::new("buffers-captures");
    let file = folder.file("out.pcap");
    let pcap = format!("{NO_HUGE} --vdev net_pcap0,rx_iface=lo,tx_pcap={}", file.display());
    if can_make_namespaces("pcap") {
        alone("pcap", "net_pcap0", 5, &pcap);
    }
}

#[test]
fn memif_gives_all_back() {
    let vdev = |role: &str, socket: &str| format!("--vdev net_memif0,role={role},socket={socket},socket-abstract=no");
    with_peers("memif", "net_memif0", 2, |s| vdev("server", s), |s| vdev("client", s));
}

#[test]
fn vhost_gives_all_back() {
    let ours = |s: &str| format!("--vdev net_vhost0,iface={s},queues=1");
    let its = |s: &str| format!("--vdev net_virtio_user0,path={s},queues=1,queue_size=1024");
    with_peers("vhost", "net_vhost0", 2, ours, its);
}

#[test]
fn virtio_user_gives_all_back() {
    for (name, more) in [("virtio", ""), ("virtio-packed", ",packed_vq=1,mrg_rxbuf=0,in_order=1")] {
        let ours = |s: &str| format!("--vdev net_virtio_user0,path={s},server=1,queues=1,queue_size=1024{more}");
        let its = |s: &str| format!("--vdev net_vhost0,iface={s},client=1,queues=1");
        with_peers(name, "net_virtio_user0", 4, ours, its);
    }
}

#[test]
fn af_packet_and_tap_give_all_back() {
    veth("af_packet", 10, "net_af_packet", &af_packet());
    if can_make_namespaces("tap") {
        alone("tap", "net_tap0", 10, &format!("{NO_HUGE} --vdev net_tap0,iface=slb{}", std::process::id()));
    }
}

#[test]
fn af_xdp_keeps_what_is_known_and_no_more() {
    if huge_pages("af_xdp") {
        veth("af_xdp", 10, "net_af_xdp", &af_xdp());
    }
}
