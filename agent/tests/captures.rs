//! Capture files in place of devices: what comes out does not depend on the burst, traces say what
//! happened, taps hold what passed, damaged files end with an error. Needs no root.
mod common;
#[path = "../../elements/tests/common/frames.rs"]
#[allow(dead_code, unreachable_pub)] // one half of it is for cases
mod frames;

use common::{Folder, SLUICE, balance, function};
use sluice_dataplane::io::capture::{LINK_ETHERNET, Reader};
use sluice_dataplane::io::pcap::{Resolution, Writer};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Hosts beside A and B, and the Ethernet addresses that the router gets where its devices are missing.
const HOST_A: &str = "0a:00:00:00:00:0a";
const HOST_B: &str = "0a:00:00:00:00:0b";
const PORT_A: &str = "02:00:00:00:00:01";
const PORT_B: &str = "02:00:00:00:00:02";
/// Time of the first frame of every capture, nanoseconds since the epoch; the others follow every 1,001 ns.
const START: u64 = 1_600_000_000_123_456_789;

#[derive(Clone, PartialEq, Eq, Debug)]
struct Frame {
    time: u64,
    data: Vec<u8>,
}

/// Frames as lines of `frames`, in the order of a capture.
fn capture(lines: &[String]) -> Vec<Frame> {
    let frame = |(i, l): (usize, &String)| Frame { time: START + 1001 * i as u64, data: frames::parse(l).bytes };
    lines.iter().enumerate().map(frame).collect()
}

fn write(path: &Path, list: &[Frame]) {
    let mut w = Writer::new(Vec::new(), LINK_ETHERNET, 0, Resolution::Nano).expect("header");
    list.iter().for_each(|f| w.write(f.time, f.data.len() as u32, &f.data).expect("memory"));
    fs::write(path, w.into_inner()).expect("file");
}

fn read(path: &Path) -> Vec<Frame> {
    let file = fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut reader = Reader::new(file).expect("header");
    let mut all = Vec::new();
    while let Some(r) = reader.next().expect("record") {
        all.push(Frame { time: r.timestamp_ns, data: r.data.to_vec() });
    }
    all
}

/// What one side sends: several flows of everything that a network carries, and some things that it should not.
/// `me` and `peer` are the addresses' third bytes.
fn mix(host: &str, port: &str, me: u8, peer: u8) -> Vec<String> {
    let gateway = format!("10.0.{me}.1");
    let mut all = vec![
        format!("eth {host} broadcast / arp request {host} 10.0.{me}.2 00:00:00:00:00:00 {gateway}"),
        format!("eth {host} {port} / arp reply {host} 10.0.{me}.2 {port} {gateway}"),
        format!("eth {host} {port} / arp reply {host} 10.0.{me}.3 {port} {gateway}"),
    ];
    for i in 0..40 {
        let (eth, last) = (format!("eth {host} {port}"), 2 + i % 2);
        let (src, dst) = (format!("10.0.{me}.{last}"), format!("10.0.{peer}.{last}"));
        let ip = format!("{eth} / ip {src} {dst} id={i}");
        all.extend([
            format!("{ip} / udp {} 53 / zeros {}", 1000 + i, 18 + i),
            format!("{ip} df / tcp {} 80 flags=A seq={i} / text carried over {i}", 2000 + i),
            format!("{ip} / icmp 8 0 rest=0001{i:04x} / zeros 56"),
            format!("{eth} / ip {src} {gateway} id={i} / icmp 8 0 rest=0002{i:04x} / zeros 56"),
            format!("{ip} ttl={} / udp 5 33434 / zeros 30", 1 + i % 3),
        ]);
        match i % 10 {
            0 => all.push(format!("{ip} / udp 7 9 / zeros 1472")), // 1514 bytes
            1 => {
                all.push(format!("{ip} mf / udp 6 4000 len=1008 / zeros 992"));
                all.push(format!("{ip} off=1000 proto=17 / zeros 8"));
            }
            2 => all.push(format!("{ip} opts=94040000 / udp 8 10 / zeros 20")), // router alert
            3 => all.push(format!("{ip} opts=8a040000 / udp 8 10 / zeros 20")), // broken
            4 => all.push(format!("{ip} sum=0x1234 / udp 1 2 / zeros 20")),
            5 => all.push(format!("{ip} / udp 1 2 sum=0x1234 / zeros 20")),
            6 => all.push(format!("{eth} / vlan 5 pcp=3 / ip {src} {dst} / udp 1 2 / zeros 20")),
            7 => all.push(format!("{eth} 0x0800 / hex 45000034")), // cut in the header
            8 => all.push("hex 0102030405".into()),
            _ => all.push(format!("eth {host} broadcast 0x88b5 / text nobody knows this")),
        }
    }
    all
}

/// A run's outputs, its report, and what the taps wrote.
struct Ran {
    left: Vec<u8>,
    right: Vec<u8>,
    folder: Folder,
    ok: bool,
    said: String,
}

impl Ran {
    fn frames(&self, side: &str) -> Vec<Frame> {
        read(&self.folder.file(&format!("out-{side}.pcap")))
    }
}

fn sluice(args: &[&str]) -> (bool, String, String) {
    let o = Command::new(SLUICE).args(args).output().expect("sluice");
    let text = |b| String::from_utf8_lossy(b).into_owned();
    (o.status.success(), text(&o.stdout), text(&o.stderr))
}

/// Runs a configuration on two captures. `{}` in arguments is the run's own folder.
fn run_on(name: &str, config: &Path, left: &[Frame], right: &[Frame], extra: &[&str]) -> Ran {
    let folder = Folder::new(name);
    write(&folder.file("left.pcap"), left);
    write(&folder.file("right.pcap"), right);
    run_in(folder, config, extra)
}

fn run_in(folder: Folder, config: &Path, extra: &[&str]) -> Ran {
    let at = folder.0.display().to_string();
    let map = |side| format!("--map={side}={at}/{side}.pcap,{at}/out-{side}.pcap");
    let mut args = vec!["run".into(), config.display().to_string(), map("left"), map("right")];
    args.extend(extra.iter().map(|e| e.replace("{}", &at)));
    let (ok, _, said) = sluice(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let bytes = |side: &str| fs::read(folder.file(&format!("out-{side}.pcap"))).unwrap_or_default();
    Ran { left: bytes("left"), right: bytes("right"), folder, ok, said }
}

const BURSTS: [&str; 4] = ["1", "7", "32", "64"];

/// Runs a sample function with every burst on the mix of both sides.
fn all_bursts(name: &str, parameters: &[&str]) -> Vec<Ran> {
    let (left, right) = (capture(&mix(HOST_A, PORT_A, 1, 2)), capture(&mix(HOST_B, PORT_B, 2, 1)));
    assert!(left.len() > 200 && left.iter().any(|f| f.data.len() == 1514));
    let run = |burst: &&str| {
        let mut extra = vec!["A=left", "B=right", "CAPACITY=5000", "--burst", *burst];
        extra.extend(parameters);
        let ran = run_on(&format!("{name}-{burst}"), &function(name), &left, &right, &extra);
        assert!(ran.ok, "{}", ran.said);
        assert_eq!(balance(&ran.said)[0] as usize, left.len() + right.len());
        ran
    };
    BURSTS.iter().map(run).collect()
}

fn same_for_all_bursts(name: &str, parameters: &[&str]) -> Ran {
    let mut runs = all_bursts(name, parameters);
    for (r, burst) in runs.iter().zip(BURSTS) {
        assert!(r.left == runs[0].left && r.right == runs[0].right, "{name}: burst {burst} writes something else");
    }
    runs.remove(0)
}

#[test]
fn a_wire_carries_everything_with_its_times_whatever_the_burst() {
    let (left, right) = (capture(&mix(HOST_A, PORT_A, 1, 2)), capture(&mix(HOST_B, PORT_B, 2, 1)));
    for name in ["forward.click", "rate-limiter.click"] {
        let r = same_for_all_bursts(name, &[]);
        assert!(r.frames("right") == left, "{name}: what A sent reaches B");
        assert!(r.frames("left") == right, "{name}: what B sent reaches A");
    }
}

/// Frames by what they belong to: Ethernet type, addresses and protocol, and the type of an ICMP message (a
/// router's own messages come from different elements).
fn flows(frames: &[Frame]) -> BTreeMap<Vec<u8>, Vec<&Frame>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for f in frames {
        let part = |range| f.data.get::<std::ops::Range<usize>>(range).unwrap_or(&[]);
        all.entry(
            [part(12..14), part(23..24), part(26..34), if part(23..24) == [1] { part(34..36) } else { &[] }].concat(),
        )
        .or_default()
        .push(f);
    }
    all
}

#[test]
fn functions_with_several_paths_keep_every_flow_as_it_is() {
    let deny = "OUT=deny udp dst port 53, deny ip frag, allow all";
    for (name, parameters) in [("print.click", &[][..]), ("bridge.click", &[]), ("firewall.click", &[deny])] {
        let runs = all_bursts(name, parameters);
        for (r, burst) in runs.iter().zip(BURSTS) {
            for side in ["left", "right"] {
                let (got, first) = (r.frames(side), runs[0].frames(side));
                assert!(!got.is_empty(), "{name}: nothing on the {side}");
                assert!(flows(&got) == flows(&first), "{name}: burst {burst} changes a flow on the {side}");
            }
        }
    }
}

#[test]
fn the_router_answers_and_forwards_the_same_whatever_the_burst() {
    let runs = all_bursts("router.click", &["A_ADDR=10.0.1.1/24", "B_ADDR=10.0.2.1/24"]);
    for (r, burst) in runs.iter().zip(BURSTS) {
        for side in ["left", "right"] {
            let (got, first) = (r.frames(side), runs[0].frames(side));
            assert!(got.len() > 100, "{}", r.said);
            let (got, first) = (flows(&got), flows(&first));
            assert!(got.keys().eq(first.keys()), "burst {burst}: other flows on the {side}");
            for (flow, frames) in got {
                let bytes = |list: &[&Frame]| list.iter().map(|f| f.data.clone()).collect::<Vec<_>>();
                assert!(
                    bytes(&frames) == bytes(&first[&flow]),
                    "burst {burst}: flow {flow:02x?} on the {side} differs"
                );
            }
        }
    }
}
