//! Random and mutated NSH frames through the NSH and tunnel elements: nothing panics, and the counters add up.
//!
//! A row of [`CONFIGS`] is a configuration around `in` (random packets) and `out`. Whoever adds an element that reads
//! NSH or tunnel headers adds a row. `SLUICE_NSH_FRAMES` says how many frames go through the whole chain.
mod common;

use common::Bench;
use common::frames::parse;
use proptest::prelude::*;
use sluice_dataplane::io::capture::Reader;
use std::collections::BTreeMap;

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

fn mutated(seed: &[u8], changes: &[(usize, u8)], cut: Option<usize>) -> Vec<u8> {
    let mut bytes = seed.to_vec();
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
        let frame = |(seed, changes, cut): &Mutation| mutated(&parse(SEEDS[seed % SEEDS.len()]).bytes, changes, *cut);
        let frames: Vec<_> = frames.iter().map(frame).collect();
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

/// Frames that mutations begin from: those of [`SEEDS`], with `before` in front of each if that is not a frame, and those
/// of captures in the folder SLUICE_NSH_CAPTURES.
fn seeds(before: &[u8]) -> Vec<Vec<u8>> {
    let frame = |text: &&str| {
        let bytes = parse(text).bytes;
        if text.starts_with("eth") { bytes } else { [before, &bytes].concat() }
    };
    let mut all: Vec<Vec<u8>> = SEEDS.iter().map(frame).collect();
    let folder = std::env::var("SLUICE_NSH_CAPTURES").ok();
    let files = folder.iter().flat_map(|f| std::fs::read_dir(f).expect("the folder of captures"));
    for file in files.map(|f| f.expect("a file").path()).filter(|f| f.extension().is_some_and(|e| e == "pcap")) {
        let mut capture = Reader::new(std::fs::File::open(&file).expect("a file")).expect("a capture");
        while let Some(record) = capture.next().expect("a record") {
            all.push(record.data.to_vec());
        }
    }
    all
}

/// What became of frames.
#[derive(Default)]
struct Ended {
    /// At which of the counters.
    counted: Vec<u64>,
    /// Why, of those that were dropped.
    reasons: BTreeMap<&'static str, u64>,
}

/// Sends mutated frames to devices of a graph; each must be consumed or dropped, and counters must add up.
fn campaign(config: &str, devices: &[&str], counters: &[&str], seeds: &[Vec<u8>], wanted: usize) -> Ended {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut ended = Ended { counted: vec![0; counters.len()], ..Ended::default() };
    let mut done = 0;
    while done < wanted {
        let some = (wanted - done).min(5000);
        let mut bench = Bench::empty(32, 8192);
        for _ in 0..some {
            let changes: Vec<_> =
                (0..random.below(4)).map(|_| (random.below(1 << 20), random.below(256) as u8)).collect();
            let cut = (random.below(8) == 0).then(|| random.below(90));
            let frame = mutated(&seeds[random.below(seeds.len())], &changes, cut);
            let device = devices[random.below(devices.len())];
            bench.arriving.entry(device.into()).or_default().push(frame);
        }
        bench.load(config);
        bench.engine.run_simulated(100_000);
        let totals = bench.engine.check(0).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(totals.received, some as u64);
        for (sum, counter) in ended.counted.iter_mut().zip(counters) {
            *sum += bench.read(counter).expect("a count").trim().parse::<u64>().expect("a number");
        }
        let drops = bench.engine.drops();
        assert_eq!(totals.consumed + drops.iter().map(|d| d.1).sum::<u64>(), some as u64 + totals.created);
        drops.iter().for_each(|(reason, n)| *ended.reasons.entry(reason.name()).or_default() += n);
        done += some;
    }
    ended
}

fn wanted() -> usize {
    std::env::var("SLUICE_NSH_FRAMES").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000)
}

/// Check, forward, decapsulate: every frame ends at an output or by a named drop, and each drop has its rule's reason.
#[test]
fn every_mutated_frame_ends_somewhere_and_is_counted_once() {
    let config = "FromDevice(in) -> c :: CheckNSHHeader -> f :: NSHForwarder(1/255 10.0.0.1 0, 1/255 0, 1/254 last 1, 2/255 0) \
                  -> NSHFunction -> NSHDecap -> good :: Counter -> Discard; f[1] -> last :: Counter -> Discard;";
    let all = wanted();
    let ended = campaign(config, &["in"], &["good.count", "last.count"], &seeds(&[]), all);
    let passed: u64 = ended.counted.iter().sum();
    assert!(passed > all as u64 / 20, "{passed} of {all} passed");
    ended.by([
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
    ]);
}

impl Ended {
    /// These are the reasons for drops, and no others.
    fn by<const N: usize>(&self, reasons: [&str; N]) {
        let mut wanted = reasons;
        wanted.sort_unstable();
        assert_eq!(self.reasons.keys().copied().collect::<Vec<_>>(), wanted, "{:?}", self.reasons);
    }
}

/// A structural agent with functions of all kinds between two ports.
const AGENT: &str = "
    agent :: StructuralAgent(PORT A 02:00:00:00:00:0a, PORT B 02:00:00:00:00:0b,
        FUNCTION filter, FUNCTION aware aware, FUNCTION off open down, FUNCTION gone down, FUNCTION far detached,
        PATH 1/255 FUNCTION filter, PATH 1/254 FUNCTION aware, PATH 1/253 FUNCTION off, PATH 1/252 END B,
        PATH 2/255 FUNCTION far, PATH 2/254 REMOTE B 02:00:00:00:00:22, PATH 3/255 FUNCTION gone, PATH 3/254 END A,
        RULE web FROM A TO 1/255 MATCH \"udp dst port 7 or tcp\", RULE tagged VLAN 5 TO 2/255, RULE syn FROM B TO 3/255 MATCH tcp,
        RECLASSIFY 2/253 TO 1/255);
    FromDevice(a) -> agent -> at_a :: Counter -> Discard; FromDevice(b) -> [1] agent [1] -> at_b :: Counter -> Discard;
    agent [2] -> MarkIPHeader(14) -> IPFilter(deny tcp, allow all) -> [2] agent;
    agent [3] -> CheckNSHHeader(14) -> NSHFunction -> [3] agent;
    agent [4] -> Discard; Idle -> [4] agent; agent [5] -> Discard; Idle -> [5] agent;
    agent [6] -> far :: Counter -> [6] agent;";

/// The agent: each frame leaves by a port, ends in a function, or by a named drop.
#[test]
fn every_mutated_frame_that_comes_to_the_agent_leaves_it_or_is_dropped_by_name() {
    let all = wanted();
    let before = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x89, 0x4f];
    let plain =
        ["vlan 5 / ip 10.0.0.1 10.0.0.2 / udp 5 7", "ip 10.0.0.1 10.0.0.2 / udp 5 7", "ip 10.0.0.1 10.0.0.2 / tcp 5 7"];
    let mut seeds = seeds(&before);
    seeds.extend(plain.map(|p| parse(&format!("eth 02:00:00:00:00:01 02:00:00:00:00:02 / {p}")).bytes));
    let ended = campaign(AGENT, &["a", "b"], &["at_a.count", "at_b.count", "far.count"], &seeds, all);
    assert!(ended.counted[1] > all as u64 / 20 && ended.counted[2] > 0, "{:?}", ended.counted);
    ended.by([
        "bad_ip",
        "filtered",
        "function_down",
        "nsh_index",
        "nsh_length",
        "nsh_md_type",
        "nsh_next",
        "nsh_oam",
        "nsh_path",
        "nsh_tlv",
        "nsh_ttl",
        "nsh_version",
        "truncated",
        "unmatched",
    ]);
}
