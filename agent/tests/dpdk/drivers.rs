//! Each virtual driver of DPDK with real traffic: what one side sends the other receives, to the packet.
use crate::common::{Folder, Layout, Net, can_make_namespaces, must, run, wait};
use crate::rig::{LONG, NO_HUGE, Peer, Sluice, huge_pages, testpmd, unique};
use std::path::Path;

/// Packets of a transfer.
const PACKETS: u64 = 50_000;

/// A source that waits for its start, sent to `port`; what comes from there is counted.
fn loops(port: &str, packets: u64) -> String {
    format!(
        "src :: InfiniteSource(LENGTH 64, LIMIT {packets}, BURST 32, ACTIVE false) -> to :: ToDPDKDevice({port});
         FromDPDKDevice({port}) -> in :: Counter -> Discard;"
    )
}

/// Sends through `port` once it has a link, and waits until all is back.
fn echo(sluice: Sluice, port: &str, peer: Peer) {
    let (sluice, peer) = (sluice.ready(), peer.ready());
    sluice.linked("to");
    sluice.write("src.active", "true");
    sluice.until("in.count", PACKETS);
    let echoed = peer.stop();
    let report = sluice.stop();
    assert_eq!((echoed.received, echoed.sent), (PACKETS, PACKETS), "{}", report.text);
    assert_eq!((report.sent(port), report.received(port)), (PACKETS, PACKETS), "{}", report.text);
    assert_eq!(report.balance, [PACKETS, PACKETS, PACKETS, PACKETS, 0, 0], "{}", report.text);
}

#[test]
fn null_gives_as_much_as_is_wanted_and_takes_all() {
    let folder = Folder::new("dpdk-null");
    let text = "FromDPDKDevice(net_null0) -> Counter(COUNT_CALL 1000000 stop) -> ToDPDKDevice(net_null1);";
    let sluice = Sluice::start(&folder, text, &format!("{NO_HUGE} --vdev net_null0 --vdev net_null1"));
    let (ok, _, report) = sluice.running.wait();
    let [received, _, transmitted, _, dropped, held] = crate::common::balance(&report);
    assert!(ok && received >= 1_000_000 && report.contains("buffers: 0 of "), "{report}");
    assert_eq!((received, dropped, held), (transmitted, 0, 0), "{report}");
}

#[test]
fn ring_gives_back_what_it_was_given() {
    let folder = Folder::new("dpdk-ring");
    let dpdk = format!("{NO_HUGE} --vdev net_ring0");
    let sluice = Sluice::start(&folder, &loops("net_ring0", PACKETS), &dpdk).ready();
    sluice.write("src.active", "true");
    sluice.until("in.count", PACKETS);
    assert_eq!(sluice.stop().balance, [PACKETS, PACKETS, PACKETS, PACKETS, 0, 0]);
}

#[test]
fn what_waits_in_a_ring_at_the_end_is_given_back() {
    let folder = Folder::new("dpdk-ring-full");
    let text = "InfiniteSource -> to :: ToDPDKDevice(net_ring0);
                FromDPDKDevice(net_ring0, ACTIVE false) -> Discard;";
    let sluice = Sluice::start(&folder, text, &format!("{NO_HUGE} --vdev net_ring0")).ready();
    sluice.until("to.count", 1000);
    let report = sluice.stop();
    assert!(report.balance[2] >= 1000, "{}", report.text);
}

/// Frames of a capture file in the classic format, little-endian.
fn frames(path: &Path) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path).expect("capture");
    let (mut rest, mut all) = (&bytes[24..], Vec::new());
    while let Some((head, more)) = rest.split_at_checked(16) {
        let length = u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize;
        all.push(more[..length].to_vec());
        rest = &more[length..];
    }
    all
}

#[test]
fn pcap_frames_come_out_as_they_went_in() {
    let folder = Folder::new("dpdk-pcap");
    let (from, to) = (folder.file("in.pcap"), folder.file("out.pcap"));
    // 500 frames of all lengths, each other than the last.
    let mut bytes = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65535, 1].map(u32::to_le_bytes).concat();
    for i in 0..500_u32 {
        let length = 60 + i * 1454 / 499;
        bytes.extend([i / 100, i, length, length].map(u32::to_le_bytes).concat());
        bytes.extend((0..length).map(|k| (i.wrapping_mul(31) ^ k) as u8));
    }
    std::fs::write(&from, bytes).expect("write");
    let text = "FromDPDKDevice(net_pcap0) -> Counter(COUNT_CALL 500 stop) -> ToDPDKDevice(net_pcap0);";
    let vdev = format!("net_pcap0,rx_pcap={},tx_pcap={}", from.display(), to.display());
    let sluice = Sluice::start(&folder, text, &format!("{NO_HUGE} --vdev {vdev}"));
    let (ok, _, report) = sluice.running.wait();
    assert!(ok && report.contains("buffers: 0 of "), "{report}");
    assert_eq!(crate::common::balance(&report), [500, 0, 500, 0, 0, 0], "{report}");
    assert!(frames(&from) == frames(&to), "frames differ");
    assert_eq!(frames(&to).len(), 500);
}

fn memif(name: &str, ours: &str, its: &str) {
    if !testpmd(name) {
        return;
    }
    let folder = Folder::new(name);
    let vdev = |role| format!("--vdev net_memif0,role={role},socket={},socket-abstract=no", folder.file("m").display());
    let start = || Sluice::start(&folder, &loops("net_memif0", PACKETS), &vdev(ours));
    // The client needs its server.
    let (sluice, peer) = if ours == "server" {
        let sluice = start().ready();
        (sluice, Peer::start(&vdev(its), ""))
    } else {
        let peer = Peer::start(&vdev(its), "").ready();
        (start(), peer)
    };
    echo(sluice, "net_memif0", peer);
}

#[test]
fn memif_as_server() {
    memif("memif-server", "server", "client");
}

#[test]
fn memif_as_client() {
    memif("memif-client", "client", "server");
}

/// Two queues in each direction: what goes to each comes from each.
fn two_queues(sluice_dpdk: &str, port: &str, folder: &Folder, peer: impl FnOnce() -> Peer, peer_first: bool) {
    let half = PACKETS / 2;
    let text = format!(
        "a :: InfiniteSource(LENGTH 64, LIMIT {half}, BURST 32, ACTIVE false) -> to :: ToDPDKDevice({port});
         b :: InfiniteSource(LENGTH 99, LIMIT {half}, BURST 32, ACTIVE false) -> ToDPDKDevice({port}, 1, 1);
         FromDPDKDevice({port}, 0, 1) -> one :: Counter -> Discard;
         FromDPDKDevice({port}, 1, 1) -> two :: Counter -> Discard;"
    );
    let start = || Sluice::start(folder, &text, sluice_dpdk);
    let (sluice, peer) = if peer_first {
        let peer = peer().ready();
        (start().ready(), peer)
    } else {
        let sluice = start().ready();
        (sluice, peer().ready())
    };
    sluice.linked("to");
    sluice.write("a.active", "true");
    sluice.write("b.active", "true");
    sluice.until("one.count", half);
    sluice.until("two.count", half);
    assert_eq!((sluice.number("one.byte_count"), sluice.number("two.byte_count")), (64 * half, 99 * half));
    let echoed = peer.stop();
    let report = sluice.stop();
    assert_eq!((echoed.received, echoed.sent), (PACKETS, PACKETS), "{}", report.text);
    assert_eq!(report.balance, [PACKETS, PACKETS, PACKETS, PACKETS, 0, 0], "{}", report.text);
}

#[test]
fn memif_with_two_queues() {
    if !testpmd("memif with two queues") {
        return;
    }
    let folder = Folder::new("memif-two");
    let vdev = |role| format!("--vdev net_memif0,role={role},socket={},socket-abstract=no", folder.file("m").display());
    two_queues(&vdev("server"), "net_memif0", &folder, || Peer::start(&vdev("client"), "--rxq=2 --txq=2"), false);
}

#[test]
fn vhost_to_virtio_user() {
    if !testpmd("vhost") {
        return;
    }
    let folder = Folder::new("dpdk-vhost");
    let socket = folder.file("v").display().to_string();
    let vdev = format!("--vdev net_vhost0,iface={socket},queues=1");
    let sluice = Sluice::start(&folder, &loops("net_vhost0", PACKETS), &vdev).ready();
    let peer = Peer::start(&format!("--vdev net_virtio_user0,path={socket},queues=1,queue_size=1024"), "");
    echo(sluice, "net_vhost0", peer);
}

#[test]
fn vhost_with_two_queues() {
    if !testpmd("vhost with two queues") {
        return;
    }
    let folder = Folder::new("dpdk-vhost-two");
    let socket = folder.file("v").display().to_string();
    let peer = format!("--vdev net_virtio_user0,path={socket},queues=2,queue_size=1024");
    let vdev = format!("--vdev net_vhost0,iface={socket},queues=2");
    two_queues(&vdev, "net_vhost0", &folder, || Peer::start(&peer, "--rxq=2 --txq=2"), false);
}

fn virtio_user(name: &str, more: &str) {
    if !testpmd(name) {
        return;
    }
    let folder = Folder::new(name);
    let socket = folder.file("v").display().to_string();
    let peer = Peer::start(&format!("--vdev net_vhost0,iface={socket},queues=1"), "").ready();
    let vdev = format!("--vdev net_virtio_user0,path={socket},queues=1,queue_size=1024{more}");
    let sluice = Sluice::start(&folder, &loops("net_virtio_user0", PACKETS), &vdev);
    echo(sluice, "net_virtio_user0", peer);
}

#[test]
fn virtio_user_split() {
    virtio_user("virtio-split", "");
}

#[test]
fn virtio_user_packed_in_order() {
    virtio_user("virtio-packed", ",packed_vq=1,mrg_rxbuf=0,in_order=1");
}

#[test]
fn virtio_user_split_without_merging() {
    virtio_user("virtio-plain", ",mrg_rxbuf=0");
}

#[test]
fn virtio_user_with_two_queues() {
    if !testpmd("virtio_user with two queues") {
        return;
    }
    let folder = Folder::new("virtio-two");
    let socket = folder.file("v").display().to_string();
    let peer = || Peer::start(&format!("--vdev net_vhost0,iface={socket},queues=2"), "--rxq=2 --txq=2");
    let vdev = format!("--vdev net_virtio_user0,path={socket},queues=2,queue_size=1024");
    two_queues(&vdev, "net_virtio_user0", &folder, peer, true);
}

#[test]
fn virtio_user_to_the_kernel() {
    if !Path::new("/dev/vhost-net").exists() {
        return println!("skipped: virtio_user to the kernel needs /dev/vhost-net");
    }
    if !can_make_namespaces("virtio_user to the kernel") || !huge_pages("virtio_user to the kernel") {
        return;
    }
    let net = Net::new(Layout::OneNetwork, true);
    let dpdk = "--vdev net_virtio_user0,path=/dev/vhost-net,iface=sluice0,queue_size=1024";
    answer_pings(&net, "net_virtio_user0", dpdk, "sluice0");
}

#[test]
fn tap_answers_pings() {
    if !can_make_namespaces("tap") {
        return;
    }
    let net = Net::new(Layout::OneNetwork, true);
    answer_pings(&net, "net_tap0", &format!("{NO_HUGE} --vdev net_tap0,iface=sluice0"), "sluice0");
}

/// The kernel's side of the port pings the graph behind it.
fn answer_pings(net: &Net, port: &str, dpdk: &str, interface: &str) {
    let folder = Folder::new(port);
    let text = format!(
        "FromDPDKDevice({port}, PROMISC true) -> c :: Classifier(12/0806 20/0001, 12/0800, -);
         to :: ToDPDKDevice({port});
         c[0] -> ARPResponder(10.9.0.2 02:00:00:00:09:02) -> to;
         c[1] -> MarkIPHeader(14) -> p :: IPClassifier(icmp type echo, -);
         p[0] -> ICMPPingResponder -> EtherMirror -> answered :: Counter -> to;
         c[2] -> Discard; p[1] -> Discard;"
    );
    let sluice = Sluice::start_at(&folder, &text, dpdk, Some(&net.r), &[]).ready();
    must(&format!("ip -n {} addr add 10.9.0.1/24 dev {interface}; ip -n {0} link set {interface} up", net.r));
    let ping = |extra: &str| run(&format!("ip netns exec {} ping -W 2 {extra} 10.9.0.2", net.r));
    wait(LONG, "a ping", || ping("-c 1").status.success());
    let before = sluice.number("answered.count");
    let o = ping("-c 20 -i 0.02 -s 1000");
    assert!(String::from_utf8_lossy(&o.stdout).contains("20 received"), "{o:?}");
    assert_eq!(sluice.number("answered.count") - before, 20);
    sluice.stop();
}

/// Frames that an interface received.
fn arrived(namespace: &str, interface: &str) -> u64 {
    let path = format!("/sys/class/net/{interface}/statistics/rx_packets");
    must(&format!("ip netns exec {namespace} cat {path}")).trim().parse().expect("a number")
}

/// Sends from one port to a host's interface, and through the other's to this one.
fn veth(name: &str, dpdk: &str, ports: [&str; 2]) {
    if !can_make_namespaces(name) {
        return;
    }
    let packets = 20_000;
    let net = Net::new(Layout::OneNetwork, false);
    let folder = Folder::new(&format!("dpdk-{name}-{}", unique()));
    // Frames of an experimental protocol, which hosts drop and never answer (IEEE 802, EtherType 0x88b5).
    let text = format!(
        "src :: InfiniteSource(LENGTH 64, LIMIT {packets}, BURST 32, ACTIVE false)
           -> EtherEncap(0x88b5, 02:00:00:00:00:01, ff:ff:ff:ff:ff:ff) -> to :: ToDPDKDevice({a});
         FromDPDKDevice({a}, PROMISC true) -> a :: Counter -> Discard;
         FromDPDKDevice({b}, PROMISC true) -> b :: Counter -> Discard;
         kernel :: InfiniteSource(LENGTH 200, LIMIT 2000, BURST 1, ACTIVE false)
           -> EtherEncap(0x88b5, 02:00:00:00:00:02, ff:ff:ff:ff:ff:ff) -> back :: ToDPDKDevice({b});",
        a = ports[0],
        b = ports[1],
    );
    let sluice = Sluice::start_at(&folder, &text, dpdk, Some(&net.r), &[]).ready();
    let before = [arrived(&net.a, "eth0"), arrived(&net.b, "eth0")];
    sluice.write("src.active", "true");
    sluice.write("kernel.active", "true");
    sluice.until("to.count", packets);
    sluice.until("back.count", 2000);
    // A driver may send later than it says.
    let gone = || [arrived(&net.a, "eth0") - before[0], arrived(&net.b, "eth0") - before[1]];
    wait(LONG, "the frames", || {
        let there = gone();
        there[0] >= packets && there[1] >= 2000
    });
    let report = sluice.stop();
    assert!(report.sent(ports[0]) == packets && report.sent(ports[1]) == 2000, "{}", report.text);
    // The hosts sent little by themselves, and that is all that there may be beside.
    let there = gone();
    assert!(there[0] == packets && there[1] == 2000, "{there:?} {}", report.text);
}

/// `net_af_packet` on both interfaces of a network's middle.
pub(crate) fn af_packet() -> String {
    let of = |n: u8, i: &str| format!("--vdev net_af_packet{n},iface={i},blocksz=4096,framesz=2048,framecnt=512");
    format!("{NO_HUGE} {} {}", of(0, "left"), of(1, "right"))
}

/// `net_af_xdp` on both.
pub(crate) fn af_xdp() -> String {
    "--vdev net_af_xdp0,iface=left --vdev net_af_xdp1,iface=right".into()
}

#[test]
fn af_packet_over_veth() {
    veth("af_packet", &af_packet(), ["net_af_packet0", "net_af_packet1"]);
}

#[test]
fn af_xdp_over_veth() {
    if can_make_namespaces("af_xdp") && huge_pages("af_xdp") {
        veth("af_xdp", &af_xdp(), ["net_af_xdp0", "net_af_xdp1"]);
    }
}
