//! What is measured: the devices, what is at their other end, and what Sluice does with the frames.
use crate::{filter, router};

/// A pair of devices, or one with a peer.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// Arguments of DPDK that make the devices; `{folder}` is where sockets go.
    pub(super) devices: &'static str,
    /// The same for the testpmd at the other end, which sends flows of 1,024 destinations.
    pub(super) peer: Option<&'static str>,
    /// Whether that starts first: who connects has to find a socket.
    pub(super) peer_listens: bool,
    pub(super) works: &'static [Work],
}

/// What Sluice does.
pub(super) struct Work {
    pub(super) name: &'static str,
    pub(super) config: fn() -> String,
    /// Times the rate of testpmd, at least.
    pub(super) goal: Option<f64>,
}

const fn work(name: &'static str, config: fn() -> String, goal: f64) -> Work {
    Work { name, config, goal: Some(goal) }
}

pub(super) const SCENARIOS: [Scenario; 4] = [
    Scenario {
        name: "two net_null",
        devices: "--vdev=net_null0,size=64 --vdev=net_null1,size=64",
        peer: None,
        peer_listens: false,
        works: &[
            work("forward", || both("net_null0", "net_null1", ""), 0.95),
            work("swap MACs", || both("net_null0", "net_null1", "-> EtherMirror"), 0.85),
        ],
    },
    Scenario {
        name: "memif",
        devices: "--vdev=net_memif0,role=client,id=0,socket={folder}/memif.sock,socket-abstract=no,rsize=11",
        peer: Some("--vdev=net_memif0,role=server,id=0,socket={folder}/memif.sock,socket-abstract=no,rsize=11"),
        peer_listens: true,
        works: &[
            work("forward", || one("net_memif0", ""), 0.95),
            work("router, 100k routes", || one("net_memif0", &router()), 0.75),
            work("firewall, 100 rules", || one("net_memif0", &firewall()), 0.7),
        ],
    },
    Scenario {
        name: "virtio-user, packed, in order",
        devices: "--vdev=net_virtio_user0,path={folder}/vhost.sock,queues=1,queue_size=1024,packed_vq=1,mrg_rxbuf=0,in_order=1",
        peer: Some("--vdev=net_vhost0,iface={folder}/vhost.sock,queues=1"),
        peer_listens: true,
        works: &[work("forward", || one("net_virtio_user0", ""), 0.95)],
    },
    Scenario {
        name: "vhost",
        devices: "--vdev=net_vhost0,iface={folder}/vhost.sock,queues=1",
        peer: Some("--vdev=net_virtio_user0,path={folder}/vhost.sock,queues=1,queue_size=1024"),
        peer_listens: false,
        works: &[work("forward", || one("net_vhost0", ""), 0.95)],
    },
];

/// Two ports, each to the other, as testpmd forwards them. The first element's count is what came in.
fn both(a: &str, b: &str, through: &str) -> String {
    format!(
        "in0 :: FromDPDKDevice({a}, PROMISC true) {through} -> ToDPDKDevice({b}, BLOCKING false, IQUEUE 0); \
         in1 :: FromDPDKDevice({b}, PROMISC true) {through} -> ToDPDKDevice({a}, BLOCKING false, IQUEUE 0);"
    )
}

/// One port, to itself.
fn one(port: &str, through: &str) -> String {
    format!(
        "in0 :: FromDPDKDevice({port}, PROMISC true) {through} -> out :: ToDPDKDevice({port}, BLOCKING false, IQUEUE 0); \
         in1 :: Idle -> out; bad :: Discard; Idle -> bad;"
    )
}

/// The six elements of the router benchmark. testpmd sends to 10.253.0.0/16, which two of the routes are for.
fn router() -> String {
    let routes = router::route_list(100_000 - 2, 1);
    format!(
        "-> class :: Classifier(12/0800, -) -> Strip(14) -> CheckIPHeader -> routes :: RadixIPLookup({routes},\
         10.253.0.0/23 192.168.0.1 0,10.253.2.0/23 192.168.0.2 0) -> DecIPTTL -> EtherEncap(0x0800, 2:0:0:0:0:1, 2:0:0:0:0:2)"
    )
}

/// 99 rules that match nothing of what testpmd sends, and one that matches everything.
fn firewall() -> String {
    format!("-> Strip(14) -> CheckIPHeader -> IPFilter({}) -> Unstrip(14)", filter::last_rule_list(100))
}
