//! Random bytes through every element: nothing panics, and the counters add up.
//!
//! A row of [`CONFIGS`] is a configuration around `in` (random packets) and `out`; `in` and, if
//! it names it, `in2` are sources that the test declares. Whoever adds an element that looks at packets
//! adds a row.
mod common;

use common::Bench;
use proptest::prelude::*;

const CONFIGS: &[&str] = &[
    // bytes
    "in -> Strip(14) -> Unstrip(14) -> StripToNetworkHeader -> out;",
    "in -> Truncate(20) -> Pad -> Pad(60) -> Align(4, 2) -> out;",
    "in -> c :: CheckLength(50) -> out; c[1] -> Discard;",
    "in -> SetCRC32 -> t :: Tee -> CheckCRC32 -> out; t[1] -> Strip(1) -> CheckCRC32 -> Discard;",
    "in -> CheckCRC32 -> SetPacketType(BROADCAST) -> SetAnnoByte(PAINT, 3) -> out;",
    "in -> SetTimestamp -> SetTimestampDelta -> TimeRange -> out;",
    "in -> c :: CheckAverageLength(90) -> TimeFilter(START_AFTER 0) -> out; c[1] -> AggregateCounter(BYTES true) -> Discard;",
    // impairments
    "in -> RandomBitErrors(0.01) -> RandomDrop(0.1) -> RandomDuplicate(0.2) -> out;",
    "in -> RandomReorder(0.3) -> RandomDelay(1ms, 1ms, 0.5, CAPACITY 4) -> out;",
    "in -> RandomDuplicate(1) -> Queue(7) -> Burster(1ms, 3) -> TimeFilter(END 0, END_CALL stop) -> out;",
    // ethernet
    "in -> EtherEncap(0x0800, 1:1:1:1:1:1, 2:2:2:2:2:2) -> EtherMirror -> out;",
    "in -> EtherMirror -> EtherRewrite(1:1:1:1:1:1, 2:2:2:2:2:2) -> EnsureEther -> out;",
    "in -> f :: HostEtherFilter(1:1:1:1:1:1, OFFSET 3) -> DropBroadcasts -> out; f[1] -> Discard;",
    "in -> s :: EtherSwitch(CAPACITY 3) -> out; in2 -> [1]s; s[1] -> Discard;",
    "in -> s :: ListenEtherSwitch -> out; in2 -> [1]s; s[1] -> Discard; s[2] -> Discard;",
    "in -> MarkMACHeader -> StoreData(3, \"abc\") -> AdjustTimestamp(1.5) -> Resize(-4, 4) -> out;",
    "in -> c :: Clipboard(0/6, 12/2) -> h :: Hub -> out; in2 -> [1]c[1] -> [1]h; h[1] -> Discard;",
    // queues
    "in -> FrontDropQueue(3) -> DelayShaper(1ms) -> LinkUnqueue(1ms, 1Mbps) -> out;",
    "in -> q :: MixedQueue(3) -> Unqueue -> b :: Bypass(false) -> out; in2 -> [1]q; b[1] -> Null -> [1]b;",
    // vlan
    "in -> EtherVLANEncap(0x0800, 1:1:1:1:1:1, 2:2:2:2:2:2, 7) -> t :: Tee -> StripEtherVLANHeader -> out; \
     t[1] -> StripEtherVLANHeader(NATIVE_VLAN 7) -> Discard;",
    "in -> VLANDecap -> VLANEncap(ANNO) -> VLANDecap(ETHERTYPE 0x0800) -> out;",
    "in -> SetVLANAnno(5) -> VLANEncap(ANNO) -> t :: Tee -> VLANDecap -> out; t[1] -> VLANDecap -> Discard;",
    // arp
    "in -> ARPPrint(x, ETHER true) -> c :: CheckARPHeader(14, VERBOSE true) -> ARPPrint -> out; c[1] -> Discard;",
    "in -> CheckARPHeader(DETAILS true) -> ARPPrint(ETHER true) -> out;",
    "in -> r :: ARPResponder(0/0 1:1:1:1:1:2) -> out; r[1] -> Discard;",
    "in -> q :: ARPQuerier(10.0.0.1, 2:2:2:2:2:2, CAPACITY 5, ENTRY_CAPACITY 2) -> out; in2 -> [1]q;",
    "in -> q :: ARPQuerier(10.0.0.1/24, 2:2:2:2:2:2, TIMEOUT 0.01, TABLE t) -> out; t :: ARPTable(CAPACITY 3); \
     q[1] -> ARPResponder(10.0.0.2 2:2:2:2:2:3) -> [1]q; in2 -> r :: ARPQuerier(10.0.0.2, 2:2:2:2:2:4, TABLE t) -> \
     Discard; r[1] -> [1]r;",
];

/// Packets as lines of `TestIn`.
fn lines(packets: &[Packet]) -> String {
    let line = |p: &Packet| {
        let hex: String = p.bytes.iter().map(|b| format!("{b:02x}")).collect();
        let anno = |name: &str, v: Option<u8>| v.map_or(String::new(), |v| format!(" {name}={v}"));
        format!("hex {hex} | dst={}{}{}", std::net::Ipv4Addr::from(p.dst), anno("net", p.net), anno("mac", p.mac))
    };
    packets.iter().map(line).collect::<Vec<_>>().join(", ")
}

#[derive(Clone, Debug)]
struct Packet {
    bytes: Vec<u8>,
    dst: u32,
    net: Option<u8>,
    mac: Option<u8>,
}

/// Headers that get past the first checks of an element, to reach what is behind them.
const STARTS: &[&[u8]] = &[
    &[],
    // Ethernet, with IPv4, ARP and VLAN types
    &[2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 8, 0, 0x45, 0],
    &[2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 8, 6, 0, 1, 8, 0, 6, 4, 0],
    &[2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 0x81, 0],
    // IPv4, ARP, IPv6
    &[0x45, 0],
    &[0x4f, 0],
    &[0, 1, 8, 0, 6, 4, 0],
    &[0x60],
];

prop_compose! {
    fn packet()(
        start in proptest::sample::select(STARTS),
        rest in proptest::collection::vec(any::<u8>(), 0..200),
        len in 0..200usize,
        dst in prop_oneof![Just(0), Just(u32::MAX), 0x0a00_0000..0x0a00_0004u32, Just(0xe000_0001)],
        net in proptest::option::of(0..64u8),
        mac in proptest::option::of(0..32u8),
    ) -> Packet {
        let mut bytes = [start, &rest].concat();
        bytes.truncate(len);
        Packet { bytes, dst, net, mac }
    }
}

fn packets() -> impl Strategy<Value = Vec<Packet>> {
    proptest::collection::vec(packet(), 1..40)
}

/// Runs one row; a graph with timers may go on for ever, so the rounds are limited.
fn run(config: &str, burst: usize, first: &[Packet], second: &[Packet]) -> Result<(), String> {
    let mut text = format!("in :: TestIn({}); out :: TestOut;\n", lines(first));
    if config.contains("in2") {
        text += &format!("in2 :: TestIn({});\n", lines(second));
    }
    let mut bench = Bench::new(&(text + config), burst);
    bench.engine.run_simulated(200);
    bench.engine.check(0).map_err(|e| format!("{config}: {e}"))?;
    bench.engine.shut_down();
    bench.engine.check(0).map(|_| ()).map_err(|e| format!("{config}, shut down: {e}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_element_loses_count_or_panics(first in packets(), second in packets(), burst in 1..64usize) {
        for config in CONFIGS {
            prop_assert_eq!(run(config, burst, &first, &second), Ok(()));
        }
    }
}
