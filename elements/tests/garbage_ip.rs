//! Random IP packets, sound and unsound, through the IP and ICMP elements: nothing panics, and the counters add up.
//!
//! A row of [`CONFIGS`] is a configuration around `in` (random packets) and `out`. Whoever adds an element that
//! reads IP or ICMP headers adds a row.
mod common;

use common::Bench;
use proptest::prelude::*;
use std::net::Ipv4Addr;

const CONFIGS: &[&str] = &[
    "in -> c :: CheckIPHeader(INTERFACES 10.0.0.1/30, DETAILS true) -> out; c[1] -> Discard;",
    "in -> CheckIPHeader(14) -> out;",
    "in -> CheckIPHeader2 -> CheckTCPHeader -> out;",
    "in -> c :: CheckUDPHeader -> out; c[1] -> d :: CheckTCPHeader -> Discard; d[1] -> CheckICMPHeader -> Discard;",
    "in -> MarkIPHeader -> StripIPHeader -> out;",
    "in -> MarkIPHeader(3) -> SetIPChecksum -> out;",
    "in -> MarkIPHeader -> d :: DecIPTTL(MULTICAST false) -> out; d[1] -> ICMPError(9.9.9.9, timeexceeded) -> Discard;",
    "in -> SetTCPChecksum(FIXOFF true) -> out;",
    "in -> s :: SetUDPChecksum -> out; s[1] -> Discard;",
    "in -> IPGWOptions(10.0.0.1, 10.0.0.2) -> CheckIPHeader(CHECKSUM false) -> out;",
    "in -> o :: IPGWOptions(10.0.0.1) -> out; o[1] -> ICMPError(10.0.0.1, parameterproblem) -> CheckICMPHeader -> Discard;",
    "in -> GetIPAddress(16) -> StoreIPAddress(src) -> StoreIPAddress(1.1.1.1, dst) -> StoreIPAddress(2) -> out;",
    "in -> GetIPAddress(IP src) -> SetIPAddress(1.2.3.4, ANNO AGGREGATE) -> SetIPDSCP(9) -> SetIPECN(ce) -> out;",
    "in -> ICMPError(9.9.9.9, redirect, SET_FIX_ANNO true) -> FixIPSrc(8.8.8.8) -> CheckIPHeader -> out;",
    "in -> ICMPError(9.9.9.9, unreachable, needfrag, MTU 20, PMTU 68) -> out;",
    "in -> ICMPPingResponder -> CheckICMPHeader -> out;",
    "in -> MarkIPCE -> StripTCPHeader -> UnstripIPHeader -> out;",
    "in -> ICMPIPEncap(1.1.1.1, 2.2.2.2, unreachable) -> StripIPHeader -> UnstripIPHeader -> MarkIPCE(true) -> out;",
    "in -> IPEncap(4, 1.1.1.1, DST_ANNO) -> UDPIPEncap(1.1.1.1, 1, DST_ANNO, 2) -> ICMPPingEncap(1.1.1.1, 2.2.2.2) -> out;",
    "in -> FixIPSrc(1.1.1.1) -> t :: Tee -> DecIPTTL -> out; t[1] -> SetIPDSCP(1) -> Discard;",
    "in -> f :: IPFragmenter(68) -> out; f[1] -> Discard;",
    "in -> IPFragmenter(41, HONOR_DF false) -> r :: IPReassembler(HIMEM 8000) -> out; r[1] -> IPFragmenter(60) -> Discard;",
    "in -> MarkIPHeader -> r :: IPReassembler -> out; r[1] -> ICMPError(9.9.9.9, timeexceeded, reassembly) -> Discard;",
    "in -> AggregateIPFlows(ICMP true) -> a :: AggregateCounter(IP_BYTES true, BYTES true, AGGREGATE_FREEZE 2) -> out; a[1] -> Discard;",
    "in -> IPFragmenter(68, HONOR_DF false) -> f :: AggregateIPFlows(FRAGMENT_TIMEOUT 0) -> out; f[1] -> Discard;",
    "in -> p :: ICMPPingSource(1.1.1.1, 2.2.2.2, LIMIT 3, IDENTIFIER 0) -> ICMPPingResponder -> out;",
];

/// A header whose fields are mostly possible, options and payload behind it.
#[derive(Clone, Debug)]
struct Packet {
    bytes: Vec<u8>,
    net: Option<usize>,
    pointer: u8,
}

fn checksum(header: &[u8]) -> u16 {
    let sum: u32 = header.chunks_exact(2).map(|w| u32::from(w[0]) << 8 | u32::from(w[1])).sum();
    let sum = (sum >> 16) + (sum & 0xffff);
    !((sum >> 16) + sum) as u16
}

prop_compose! {
    fn options()(
        words in 0..=10usize,
        fill in proptest::collection::vec(any::<u8>(), 40),
        kind in proptest::sample::select(vec![0u8, 1, 7, 68, 130, 131, 137, 148, 200]),
        length in 0..44u8,
        pointer in proptest::sample::select(vec![0u8, 3, 4, 5, 8, 9, 12, 40, 255]),
    ) -> Vec<u8> {
        let mut all = fill;
        all[..3].copy_from_slice(&[kind, length, pointer]);
        all[3] &= 0xf3;
        all.truncate(words * 4);
        all
    }
}

prop_compose! {
    fn packet()(
        before in 0..4usize,
        options in prop_oneof![Just(Vec::new()), options()],
        payload in proptest::collection::vec(any::<u8>(), 0..120),
        kind in proptest::sample::select(vec![0u8, 3, 5, 8, 12, 13, 17]),
        protocol in proptest::sample::select(vec![1u8, 6, 17, 253]),
        wrong_length in proptest::option::weighted(0.2, any::<u16>()),
        first in proptest::option::weighted(0.1, any::<u8>()),
        (id, word) in (0..3u16, prop_oneof![
            Just(0u16), Just(0x4000), any::<u16>(), (0..16u16, any::<bool>()).prop_map(|(o, m)| o | u16::from(m) << 13),
        ]),
        ttl in 0..4u8,
        addresses in proptest::sample::select(vec![[1u8, 2], [10, 3], [224, 10], [0, 255], [127, 224]]),
        bad_sum in proptest::bool::weighted(0.1),
        cut in proptest::option::weighted(0.2, 0..80usize),
        net in prop_oneof![8 => Just(true), 1 => Just(false)],
        pointer in 18..70u8,
    ) -> Packet {
        let [src, dst] = addresses.map(|n| Ipv4Addr::new(n, 0, 0, n).octets());
        let mut payload = payload;
        if let Some(byte) = payload.first_mut() {
            *byte = kind;
        }
        let header = 20 + options.len();
        let length = wrong_length.unwrap_or((header + payload.len()) as u16).to_be_bytes();
        let mut ip = vec![first.unwrap_or(0x40 | (header / 4) as u8), 0, length[0], length[1]];
        ip.extend([id.to_be_bytes(), word.to_be_bytes(), [ttl, protocol], [0, 0]].concat());
        ip.extend([src, dst].concat());
        ip.extend(options);
        let sum = checksum(&ip) ^ u16::from(bad_sum);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        let mut bytes = [vec![0xee; before], ip, payload].concat();
        bytes.truncate(cut.unwrap_or(usize::MAX));
        Packet { bytes, net: net.then_some(before), pointer }
    }
}

fn line(p: &Packet) -> String {
    let hex: String = p.bytes.iter().map(|b| format!("{b:02x}")).collect();
    let net = p.net.map_or(String::new(), |n| format!(" net={n}"));
    format!("hex {hex} | icmp_pointer={} fix_ip_src={}{net}", p.pointer, p.pointer.is_multiple_of(2))
}

/// Runs one row; time-outs of fragments are reached, endless graphs are not.
fn run(config: &str, burst: usize, packets: &[Packet]) -> Result<(), String> {
    let lines: Vec<String> = packets.iter().map(line).collect();
    let mut bench = Bench::new(&format!("in :: TestIn({}); out :: TestOut;\n{config}", lines.join(", ")), burst);
    bench.engine.run_simulated(400);
    bench.engine.check(0).map_err(|e| format!("{config}: {e}"))?;
    bench.engine.shut_down();
    bench.engine.check(0).map(|_| ()).map_err(|e| format!("{config}, shut down: {e}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_element_loses_count_or_panics(
        packets in proptest::collection::vec(packet(), 1..40),
        burst in 1..64usize,
    ) {
        for config in CONFIGS {
            prop_assert_eq!(run(config, burst, &packets), Ok(()));
        }
    }

    /// Whatever IPFragmenter cuts, IPReassembler puts together again, in any order.
    #[test]
    fn fragments_become_the_packet_again(
        payload in proptest::collection::vec(any::<u8>(), 0..1400),
        mtu in 68..600u32,
        options in proptest::sample::select(vec!["", "opts=94040000", "opts=94040000070b04000000000000000000", "opts=01010101"]),
        burst in 1..64usize,
    ) {
        let hex: String = payload.iter().map(|b| format!("{b:02x}")).collect();
        let packet = format!("ip 1.0.0.1 2.0.0.2 id=77 {options} / hex {hex}");
        let config = format!(
            "in :: TestIn({packet} | net=0) -> IPFragmenter({mtu}) -> CheckIPHeader -> IPReassembler -> CheckIPHeader -> out :: TestOut;"
        );
        let mut bench = Bench::new(&config, burst);
        bench.engine.run_simulated(1000);
        let whole: String = common::frames::parse(&packet).bytes.iter().map(|b| format!("{b:02x}")).collect();
        let seen = bench.read("out.seen").unwrap_or_default();
        prop_assert!(seen.starts_with(&format!("{whole} ")), "{seen}");
        prop_assert_eq!(seen.lines().count(), 1);
        prop_assert_eq!(bench.engine.check(0).is_ok(), true);
    }
}

/// Fragments that came before a hot swap count behind it, as far as the new element has room for them.
#[test]
fn fragments_survive_a_hot_swap() {
    let graph = |packets: &str, himem: u32| {
        format!("in :: TestIn({packets}) -> r :: IPReassembler(HIMEM {himem}) -> out :: TestOut;")
    };
    let first = |id: u16| format!("ip 1.0.0.1 2.0.0.2 id={id} mf / text 01234567 | net=0");
    let last = |id: u16| format!("ip 1.0.0.1 2.0.0.2 id={id} off=8 / text end | net=0");
    for (himem, whole) in [(262_144, 2), (1, 1)] {
        let mut bench = Bench::new(&graph(&format!("{}, {}", first(1), first(2)), 262_144), 32);
        bench.engine.run_simulated(1);
        assert_eq!(bench.engine.totals().held, 2);
        bench.load(&graph(&format!("{}, {}", last(1), last(2)), himem));
        bench.engine.run_simulated(1000);
        let seen = bench.read("out.seen").expect("seen");
        assert_eq!(seen.lines().count(), whole, "{seen}");
        bench.engine.check(0).expect("counters add up");
        // What found no room was lost in the swap; its other half timed out.
        let drops = bench.engine.drops();
        assert_eq!(drops.iter().map(|d| d.1).sum::<u64>(), 2 * (2 - whole as u64), "{drops:?}");
    }
}
