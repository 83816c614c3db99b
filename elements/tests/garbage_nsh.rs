//! Random and mutated NSH frames through the NSH and tunnel elements: nothing panics, and the counters add up.
//!
//! A row of [`CONFIGS`] is a configuration around `in` (random packets) and `out`. Whoever adds an element that reads
//! NSH or tunnel headers adds a row. `SLUICE_NSH_FRAMES` says how many frames go through the whole chain.
mod common;

use common::Bench;
use common::frames::parse;
use proptest::prelude::*;

const CONFIGS: &[&str] = &[
    "in -> c :: CheckNSHHeader -> out; c[1] -> Discard;",
    "in -> CheckNSHHeader(14, EXPERIMENTAL true, UNSUPPORTED true, FORWARD_OAM true) -> NSHPrint(CONTENTS HEX) -> out;",
    "in -> MarkIPHeader -> NSHFunction -> NSHReclassify(9, 9) -> NSHPrint -> out;",
    "in -> MarkIPHeader -> f :: NSHForwarder(1/255 0, 1/255 1, 1/254 last 1, 2/255 last 0) -> out; f[1] -> Discard;",
    "in -> MarkIPHeader(14) -> d :: NSHDecap(nsh, ipv4 ipv6, none, -) -> out; d[1] -> Discard; d[2] -> Discard; d[3] -> Discard;",
    "in -> MarkIPHeader -> c :: NSHClassifier(tlv tenant=00, not context 00 ttl 1-9, oam, -) -> out; c[1] -> Discard; \
     c[2] -> Discard; c[3] -> Discard;",
    "in -> MarkIPHeader -> NSHMetadata(set tenant 00112233, remove flow-id) -> CheckNSHHeader -> NSHMetadata(context 00) -> out;",
    "in -> MarkIPHeader -> p :: NSHProxy(CAPACITY 3) -> f :: Tee -> [1] p; f[1] -> Discard; p[1] -> out;",
    "in -> MarkIPHeader -> p :: NSHProxy(1/255, FRAMES true) -> [1] p; p[1] -> out;",
    "in -> MarkIPHeader -> s :: NSHIntegritySign(01 000102030405060708090a0b0c0d0e0f) \
     -> NSHIntegrityCheck(KEY 01 000102030405060708090a0b0c0d0e0f, STRIP true) -> out; s[1] -> Discard;",
    "in -> MarkIPHeader -> NSHIntegrityCheck(KEY 01 000102030405060708090a0b0c0d0e0f, LEVEL 2) -> out;",
    "in -> NSHFilter(1) -> out;",
    "in -> NSHEncap(1, MTU 90) -> NSHEncap(1, NEXT nsh, TLV tenant 00) -> CheckNSHHeader -> out;",
    "in -> VXLANGPEEncap(1, 10.0.0.1, 10.0.0.2) -> VXLANGPEDecap -> VXLANGPEDecap -> out;",
    "in -> VXLANEncap(1, 2001:db8::1, 2001:db8::2) -> VXLANDecap -> MarkIPHeader(14) -> VXLANDecap -> out;",
    "in -> d :: GREDecap -> GREEncap(10.0.0.1, DST_ANNO, CHECKSUM true) -> out; d[1] -> GREDecap(0x6558, KEY 1) -> Discard;",
];

/// Sound frames that mutations begin from: every element finds something in some of them.
const SEEDS: &[&str] = &[
    "nsh 1 255 next=1 / ip 10.0.0.1 10.0.0.2 / udp 5 7 / text inner",
    "nsh 1 254 next=1 tlvs=10000a0412345678000005020a0b0000 / ip 10.0.0.1 10.0.0.2 / tcp 5 7",
    "nsh 2 255 next=3 / eth 02:00:00:00:00:01 02:00:00:00:00:02 / vlan 5 / ip 10.0.0.1 10.0.0.2 / udp 5 7",
    "nsh 1 255 next=4 / nsh 2 255 next=2 / hex 6000000000081140 20010db8000000000000000000000001 \
     20010db8000000000000000000000002 0005000700080000",
    "nsh 1 255 oam next=0",
    "nsh 1 255 ttl=1 next=1 / ip 10.0.0.1 10.0.0.2",
    "nsh 1 0 ttl=0 next=1 / ip 10.0.0.1 10.0.0.2",
    "eth 02:00:00:00:00:01 02:00:00:00:00:02 / nsh 1 255 next=1 / ip 10.0.0.1 10.0.0.2",
    "ip 10.0.0.1 10.0.0.2 / udp 5 4790 / vxlan-gpe 1 / nsh 1 255 next=1 / ip 10.0.0.1 10.0.0.2",
    "eth 02:00:00:00:00:01 02:00:00:00:00:02 / ip 10.0.0.1 10.0.0.2 / udp 5 4789 / vxlan 1 / eth 02:00:00:00:00:01 \
     02:00:00:00:00:02 / nsh 1 255",
    "ip 10.0.0.1 10.0.0.2 / gre 0x894f key=1 / nsh 1 255 next=1 / ip 10.0.0.1 10.0.0.2",
    "nsh 1 255 next=1 tlvs=0000021c010100000001000000000000000000000000000000000000000000000000 / ip 10.0.0.1 10.0.0.2",
];

/// Bytes changed, and perhaps an end cut off.
type Mutation = (usize, Vec<(usize, u8)>, Option<usize>);

fn mutated((seed, changes, cut): &Mutation) -> Vec<u8> {
    let mut bytes = parse(SEEDS[seed % SEEDS.len()]).bytes;
    for (at, value) in changes {
        // Mostly in the header: what comes early matters.
        let at = at % if at % 3 == 0 { bytes.len() } else { bytes.len().min(16) };
        bytes[at] = *value;
    }
    bytes.truncate(cut.unwrap_or(usize::MAX));
    bytes
}

fn line(bytes: &[u8]) -> String {
    format!("hex {}", bytes.iter().map(|b| format!("{b:02x}")).collect::<String>())
}

fn run(config: &str, burst: usize, frames: &[Vec<u8>]) -> Result<(), String> {
    let lines: Vec<String> = frames.iter().map(|f| line(f)).collect();
    let mut bench = Bench::new(&format!("in :: TestIn({}); out :: TestOut;\n{config}", lines.join(", ")), burst);
    bench.engine.run_simulated(400);
    bench.engine.check(0).map(|_| ()).map_err(|e| format!("{config}: {e}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_element_loses_count_or_panics(
        frames in proptest::collection::vec(
            (any::<usize>(), proptest::collection::vec(any::<(usize, u8)>(), 0..4), proptest::option::weighted(0.2, 0..90usize)),
            1..40,
        ),
        burst in 1..64usize,
    ) {
        let frames: Vec<_> = frames.iter().map(mutated).collect();
        for config in CONFIGS {
            prop_assert_eq!(run(config, burst, &frames), Ok(()));
        }
    }
}

/// A small generator of random numbers (xorshift, Marsaglia 2003).
struct Random(u64);
impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n
    }
}

/// Check, forward, decapsulate: every frame ends at an output or by a named drop, and each drop has its rule's reason.
#[test]
fn every_mutated_frame_ends_somewhere_and_is_counted_once() {
    let wanted: usize = std::env::var("SLUICE_NSH_FRAMES").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let config = "FromDevice(in) -> c :: CheckNSHHeader -> f :: NSHForwarder(1/255 10.0.0.1 0, 1/255 0, 1/254 last 1, 2/255 0) \
                  -> NSHFunction -> NSHDecap -> good :: Counter -> Discard; f[1] -> last :: Counter -> Discard;";
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut done, mut passed) = (0, 0);
    let mut reasons = std::collections::BTreeMap::<&str, u64>::new();
    while done < wanted {
        let some = (wanted - done).min(5000);
        let frames: Vec<Vec<u8>> = (0..some)
            .map(|_| {
                let changes = (0..random.below(4)).map(|_| (random.below(1 << 20), random.below(256) as u8)).collect();
                let cut = (random.below(8) == 0).then(|| random.below(90));
                mutated(&(random.below(SEEDS.len()), changes, cut))
            })
            .collect();
        let mut bench = Bench::empty(32, 4096);
        bench.arriving.insert("in".into(), frames);
        bench.load(config);
        bench.engine.run_simulated(100_000);
        let totals = bench.engine.check(0).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(totals.received, some as u64);
        let count = |b: &mut Bench, name: &str| -> u64 {
            b.read(&format!("{name}.count")).expect("count").trim().parse().expect("a number")
        };
        let good = count(&mut bench, "good") + count(&mut bench, "last");
        let drops = bench.engine.drops();
        let dropped: u64 = drops.iter().map(|d| d.1).sum();
        assert_eq!(totals.consumed + dropped, some as u64);
        assert!(totals.consumed >= good);
        drops.iter().for_each(|(reason, n)| *reasons.entry(reason.name()).or_default() += n);
        passed += good;
        done += some;
    }
    assert!(passed > wanted as u64 / 20, "{passed} of {wanted} passed");
    let rules = [
        "nsh_version",
        "nsh_length",
        "nsh_tlv",
        "nsh_md_type",
        "nsh_next",
        "nsh_oam",
        "nsh_ttl",
        "nsh_index",
        "nsh_path",
        "truncated",
    ];
    for rule in rules {
        assert!(reasons.get(rule).is_some_and(|n| *n > 0), "no frame ended by {rule}: {reasons:?}");
    }
    assert!(reasons.keys().all(|r| rules.contains(r)), "{reasons:?}");
}
