//! Whether every buffer is back when ports of each kind have carried many packets, with peers that come and go at
//! random.
//!
//! `SLUICE_PACKETS` says how many packets each kind carries; the default keeps the test short, and slow kinds carry a
//! part of it. `SOAK_SECONDS` (`make soak`) says how long all kinds together go on, however many packets that is.
use crate::common::{Folder, Layout, Net, can_make_namespaces, must};
use crate::drivers::{af_packet, af_xdp};
use crate::rig::{NO_HUGE, Peer, Report, Sluice, huge_pages, testpmd};
use sluice_dataplane::time::now;
use std::time::Duration;

/// Kinds of ports below, among which the time of a soak is divided.
const KINDS: u64 = 10;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|n| n.parse().unwrap_or_else(|_| panic!("{name}: a number, not {n}")))
}

/// When a kind of port has done enough.
struct Goal {
    packets: u64,
    end: u64,
}

impl Goal {
    /// `part`: of how many kinds this one is as fast as one.
    fn new(part: u64) -> Goal {
        let seconds = setting("SOAK_SECONDS").unwrap_or(0) / KINDS;
        Goal { packets: setting("SLUICE_PACKETS").unwrap_or(1_000_000 / part), end: now() + seconds * 1_000_000_000 }
    }
    fn reached(&self, packets: u64) -> bool {
        packets >= self.packets && now() >= self.end
    }
    /// Waits for a part of it, and a while more: a second in a soak.
    fn some(&self, sluice: &Sluice, handler: &str, random: &mut Random) {
        sluice.until(handler, sluice.number(handler) + self.packets / 3);
        let soaking = now() < self.end;
        std::thread::sleep(Duration::from_millis(random.below(if soaking { 2000 } else { 100 })));
    }
}

/// A source that sends and a sink that takes. The frames are of an experimental protocol, which no host answers.
fn graph(port: &str) -> String {
    format!(
        "InfiniteSource(LENGTH 64, BURST 32) -> EtherEncap(0x88b5, 2:0:0:0:0:1, ff:ff:ff:ff:ff:ff)
           -> to :: ToDPDKDevice({port});
         FromDPDKDevice({port}, PROMISC true) -> in :: Counter -> Discard;"
    )
}

/// Numbers that look random, the same in each run (xorshift; Marsaglia, "Xorshift RNGs", 2003).
struct Random(u64);

impl Random {
    fn new(name: &str) -> Random {
        Random(name.bytes().fold(0x5eed, |seed: u64, b| seed.rotate_left(7) ^ u64::from(b)))
    }
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// What a kind has done; it is content already.
fn tell(name: &str, interruptions: u64, report: &Report) {
    let [received, _, transmitted, _, dropped, _] = report.balance;
    let buffers = report.text.lines().find(|l| l.starts_with("buffers: ")).unwrap_or_default();
    println!(
        "{name}: sent {transmitted}, received {received}, dropped {dropped}, interrupted {interruptions} times; {buffers}"
    );
}

/// A port whose peer is killed now and then.
fn with_peers(name: &str, port: &str, part: u64, ours: impl Fn(&str) -> String, its: impl Fn(&str) -> String) {
    if !testpmd(name) {
        return;
    }
    let mut random = Random::new(name);
    let folder = Folder::new(&format!("buffers-{name}"));
    let socket = folder.file("s").display().to_string();
    let sluice = Sluice::start(&folder, &graph(port), &ours(&socket));
    let (sluice, first) = Peer::first(sluice, port, &its(&socket));
    let (goal, mut first, mut kills) = (Goal::new(part), Some(first), 0);
    while !goal.reached(sluice.number("in.count")) {
        let peer = first.take().unwrap_or_else(|| Peer::start(&its(&socket), "")).ready();
        goal.some(&sluice, "in.count", &mut random);
        peer.kill();
        kills += 1;
    }
    // The last one is there when all ends.
    let _peer = Peer::start(&its(&socket), "").ready();
    sluice.until("in.count", sluice.number("in.count") + 1000);
    tell(name, kills, &sluice.stop());
}

/// A port that gives back what it is given, or as much as is wanted, or nothing.
fn alone(name: &str, port: &str, part: u64, dpdk: &str, net: Option<&Net>) {
    let (mut random, folder) = (Random::new(name), Folder::new(&format!("buffers-{name}")));
    let sluice = Sluice::start_at(&folder, &graph(port), dpdk, net.map(|n| n.r.as_str()), &[]).ready();
    let goal = Goal::new(part);
    while !goal.reached(sluice.number("to.count")) {
        goal.some(&sluice, "to.count", &mut random);
    }
    tell(name, 0, &sluice.stop());
}

/// Two ports on the ends of a veth pair, the other of which sends back and goes down and up.
fn veth(name: &str, part: u64, dpdk: &str, huge: bool) {
    if !can_make_namespaces(name) || huge && !huge_pages(name) {
        return;
    }
    let net = Net::new(Layout::OneNetwork, false);
    must(&format!(
        "ip -n {0} link add x0 type veth peer name x1; ip -n {0} link set x0 up; ip -n {0} link set x1 up",
        net.r
    ));
    let dpdk = dpdk.replace("=left", "=x0").replace("=right", "=x1");
    let (mut random, folder) = (Random::new(name), Folder::new(&format!("buffers-{name}")));
    let text = graph(&format!("{name}0"))
        + &format!("FromDPDKDevice({name}1, PROMISC true) -> Queue -> ToDPDKDevice({name}1);");
    let sluice = Sluice::start_at(&folder, &text, &dpdk, Some(&net.r), &[]).ready();
    let (goal, mut downs) = (Goal::new(part), 0);
    while !goal.reached(sluice.number("to.count")) {
        goal.some(&sluice, "to.count", &mut random);
        for state in ["down", "up"] {
            must(&format!("ip -n {} link set x1 {state}", net.r));
            std::thread::sleep(Duration::from_millis(50));
        }
        downs += 1;
    }
    tell(name, downs, &sluice.stop());
}

#[test]
fn null_gives_all_back() {
    alone("null", "net_null0", 1, &format!("{NO_HUGE} --vdev net_null0"), None);
}

#[test]
fn ring_gives_all_back() {
    alone("ring", "net_ring0", 1, &format!("{NO_HUGE} --vdev net_ring0"), None);
}

#[test]
fn pcap_gives_all_back() {
    let of = |n: u8, i: &str| format!("--vdev net_pcap{n},rx_iface_in={i},tx_iface={i}");
    veth("net_pcap", 10, &format!("{NO_HUGE} {} {}", of(0, "left"), of(1, "right")), false);
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

fn virtio_user(name: &str, more: &str) {
    let ours = |s: &str| format!("--vdev net_virtio_user0,path={s},server=1,queues=1,queue_size=1024{more}");
    let its = |s: &str| format!("--vdev net_vhost0,iface={s},client=1,queues=1");
    with_peers(name, "net_virtio_user0", 4, ours, its);
}

#[test]
fn virtio_user_gives_all_back() {
    virtio_user("virtio-user", "");
}

#[test]
fn virtio_user_packed_gives_all_back() {
    virtio_user("virtio-user-packed", ",packed_vq=1,mrg_rxbuf=0,in_order=1");
}

#[test]
fn af_packet_gives_all_back() {
    veth("net_af_packet", 10, &af_packet(), false);
}

#[test]
fn tap_gives_all_back() {
    if can_make_namespaces("tap") {
        let net = Net::new(Layout::OneNetwork, false);
        alone("tap", "net_tap0", 10, &format!("{NO_HUGE} --vdev net_tap0,iface=slb0"), Some(&net));
    }
}

#[test]
fn af_xdp_keeps_what_is_known_and_no_more() {
    veth("net_af_xdp", 10, &af_xdp(), true);
}
