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
use std::sync::atomic::{AtomicU32, Ordering};

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

fn is_request(f: &Frame) -> bool {
    f.data.get(12..14) == Some(&[8, 6]) && f.data.get(20..22) == Some(&[0, 1])
}

#[test]
fn the_router_answers_and_forwards_the_same_whatever_the_burst() {
    let runs = all_bursts("router.click", &["A_ADDR=10.0.1.1/24", "B_ADDR=10.0.2.1/24"]);
    for (r, burst) in runs.iter().zip(BURSTS) {
        for side in ["left", "right"] {
            let (got, first) = (r.frames(side), runs[0].frames(side));
            assert!(got.len() > 100, "{}", r.said);
            // Whether it must ask for an address depends on what came first: a packet there or the answer here.
            let known = |list: Vec<Frame>| -> Vec<_> { list.into_iter().filter(|f| !is_request(f)).collect() };
            let (got, first) = (known(got), known(first));
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

/// A handful of packets, one for each thing that a person asks a trace about.
fn handful() -> Vec<Frame> {
    let eth = format!("eth {HOST_A} {PORT_A}");
    capture(&[
        format!("eth {HOST_A} broadcast / arp request {HOST_A} 10.0.1.2 00:00:00:00:00:00 10.0.1.1"),
        format!("{eth} / ip 10.0.1.2 10.0.2.2 ttl=64 id=7 / udp 1000 53 / text hello"),
        format!("{eth} / ip 10.0.1.2 10.0.2.2 ttl=1 id=8 / udp 1000 33434 / text traceroute"),
        format!("{eth} / ip 10.0.1.2 10.0.2.2 id=9 / tcp 1000 23 flags=S / zeros 0"),
        format!("{eth} / ip 10.0.1.2 10.0.2.2 id=10 sum=0x1234 / udp 1000 53 / text broken"),
        format!("eth {HOST_A} broadcast / arp reply {HOST_A} 10.0.1.2 {PORT_A} 10.0.1.1"),
        format!("eth {HOST_A} broadcast / arp reply {HOST_A} 10.0.1.3 {PORT_A} 10.0.1.1"),
        format!("{eth} / ip 10.0.1.2 10.0.1.3 ttl=64 id=11 / udp 1000 53 / text to a neighbour"),
    ])
}

/// Traces `handful`, or what `list` says, through a sample function; whether it went well, output, errors.
fn trace(list: &[Frame], name: &str, extra: &[&str]) -> (bool, String, String) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let folder = Folder::new(&format!("trace-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    let pcap = folder.file("in.pcap");
    write(&pcap, list);
    let (file, pcap) = (function(name).display().to_string(), pcap.display().to_string());
    let mut args = vec!["trace", &file, &pcap, "A=left", "B=right"];
    args.extend(extra);
    sluice(&args)
}

const ROUTER: [&str; 3] =
    ["A_ADDR=10.0.1.1/24", "B_ADDR=10.0.2.1/24", "RULES=deny tcp dst port 23, deny udp dst port 7, allow all"];

/// The page must be what the file beside this one says; with `SLUICE_BLESS=1` it becomes that.
fn golden(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/graphs").join(name);
    if std::env::var_os("SLUICE_BLESS").is_some() {
        fs::write(&path, page).expect("golden file");
    }
    let wanted = fs::read_to_string(&path).expect("golden file");
    assert!(page == wanted, "{name}, SLUICE_BLESS=1 rewrites it; now:\n{page}");
}

#[test]
fn a_trace_through_the_router_tells_path_changes_and_fate() {
    let (ok, page, said) = trace(&handful(), "router.click", &ROUTER);
    assert!(ok, "{said}");
    golden("trace-router.txt", &page);
    let about = |n: usize| page.split("\n\n").nth(n - 1).expect("page");
    let has = |n: usize, text: &str| assert!(about(n).contains(text), "{text} is not in\n{}", about(n));
    has(1, "arp: who has 10.0.1.1? tell 10.0.1.2");
    has(1, "transmitted");
    has(2, "ip.ttl 64 -> 63; ip.checksum 0x63c2 -> 0x64c2");
    has(2, "dropped: unresolved");
    has(3, "to_b/ICMPError@9               in [0]  consumed");
    has(3, "a/ToDevice@5                   in [0]  transmitted");
    has(4, "dropped: filtered");
    has(5, "dropped: bad_checksum");
    has(8, "ip.ttl 64 -> 63");
    has(8, "+ eth: dst 0A-00-00-00-00-0A, src 02-00-00-00-00-01, type 0x0800");
    has(8, "transmitted");
}

#[test]
fn a_trace_through_the_firewall_tells_what_it_denies() {
    let (ok, page, said) = trace(&handful(), "firewall.click", &["OUT=deny tcp dst port 23, allow all"]);
    assert!(ok, "{said}");
    golden("trace-firewall.txt", &page);
    assert_eq!(page.matches("dropped: filtered").count(), 1);
    assert_eq!(page.matches("dropped: bad_checksum").count(), 1);
    assert_eq!(page.matches("transmitted").count(), 6);
}

#[test]
fn a_trace_follows_what_it_is_asked_for() {
    let of = |extra: &[&str]| {
        let (ok, page, said) = trace(&handful(), "forward.click", extra);
        assert!(ok, "{said}");
        page.lines().filter(|l| l.starts_with("packet ")).map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(of(&[]).len(), 8);
    assert_eq!(of(&["--count", "3"]).len(), 3);
    let tcp = of(&["--filter", "tcp dst port 23"]);
    assert!(tcp.len() == 1 && tcp[0].contains("tcp 1000 > 23") && tcp[0].contains("from left"), "{tcp:?}");
    // The second one that matches, though others come before it.
    let udp = of(&["--filter", "udp", "--count", "2", "--port", "right"]);
    assert!(udp.len() == 2 && udp.iter().all(|l| l.contains("from right")), "{udp:?}");
    let (ok, page, _) = trace(&handful(), "forward.click", &["--filter", "udp port 4242"]);
    assert!(ok && page == "no packet was followed\n", "{page}");
}

#[test]
fn a_trace_that_cannot_be_made_says_why() {
    let fails = |extra: &[&str], why: &str| {
        let (ok, page, said) = trace(&handful(), "forward.click", extra);
        assert!(!ok && page.is_empty() && said.contains(why), "{extra:?}: {said}");
    };
    fails(&["--port", "middle"], "no element receives from ‘middle’; there is left, right");
    fails(&["--filter", "udp prt 7"], "--filter: ");
    fails(&["--count", "0"], "give a number from 1 to 4096");
    fails(&["another.pcap"], "one capture file at a time");
    let file = function("forward.click").display().to_string();
    let (ok, _, said) = sluice(&["trace", &file, "nowhere.pcap", "A=left", "B=right"]);
    assert!(!ok && said.contains("nowhere.pcap") && said.contains("No such file"), "{said}");
    let (ok, _, said) = sluice(&["trace", "nowhere.click", "nowhere.pcap"]);
    assert!(!ok && said.contains("nowhere.click") && said.contains("No such file"), "{said}");
}

/// Comments of a pcapng file's packets, as tshark reads them; `None` without tshark.
fn tshark(path: &Path, field: &str) -> Option<Vec<String>> {
    let path = path.display().to_string();
    let o = Command::new("tshark").args(["-r", &path, "-T", "fields", "-e", field]).output().ok()?;
    assert!(o.status.success(), "tshark {path}: {}", String::from_utf8_lossy(&o.stderr));
    Some(String::from_utf8_lossy(&o.stdout).lines().map(String::from).collect())
}

#[test]
fn taps_hold_what_passed_an_output_and_what_was_dropped() {
    let left = handful();
    let extra = [
        "A=left",
        "B=right",
        "OUT=deny tcp dst port 23, allow all",
        "--quiet",
        "--burst=1", // or one element would drop its part of the burst before the next one
        "--tap=out=@/out.pcapng",
        "--tap=a_to_b[0]=@/two.pcapng,2,30",
        "--tap=drops=@/drops.pcapng",
    ];
    let extra = extra.map(|e| e.replace('@', "{}"));
    let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
    let r = run_on("taps", &function("firewall.click"), &left, &[], &extra);
    assert!(r.ok, "{}", r.said);
    let tap = |name: &str| read(&r.folder.file(name));
    let some = |which: &[usize]| which.iter().map(|&i| left[i].clone()).collect::<Vec<_>>();
    assert!(tap("out.pcapng") == some(&[1, 2, 7]), "the IPv4 packets that were let through, with their own times");
    assert!(tap("drops.pcapng") == some(&[3, 4]), "the denied one and the broken one");
    let cut: Vec<Frame> =
        r.frames("right").into_iter().take(2).map(|f| Frame { data: f.data[..30].to_vec(), ..f }).collect();
    assert!(tap("two.pcapng") == cut, "two packets of 30 bytes");
    let Some(comments) = tshark(&r.folder.file("drops.pcapng"), "frame.comment") else {
        return println!("skipped: tshark is not there to read the taps");
    };
    assert_eq!(comments, ["out: filtered", "inside/CheckIPHeader@2: bad_checksum"]);
    let places = tshark(&r.folder.file("two.pcapng"), "frame.comment").expect("tshark");
    assert_eq!(places.len(), 2);
    assert!(places.iter().all(|p| p.contains("a_to_b") && p.contains("ToDevice")), "{places:?}");
    assert_eq!(tshark(&r.folder.file("two.pcapng"), "frame.len").expect("tshark"), ["42", "47"]);
}

#[test]
fn a_tap_holds_every_packet_of_a_long_run() {
    let line = format!("eth {HOST_A} {PORT_A} / ip 10.0.1.2 10.0.2.2 / udp 1 2 / zeros 30");
    let left = capture(&vec![line; 20_000]);
    let extra = ["A=left", "B=right", "--quiet", "--tap=a_to_b={}/tap.pcapng"];
    let r = run_on("long-tap", &function("forward.click"), &left, &[], &extra);
    assert!(r.ok && r.said.is_empty(), "{}", r.said);
    assert!(read(&r.folder.file("tap.pcapng")) == left);
}

#[test]
fn wrong_taps_and_maps_are_refused_before_anything_is_written() {
    let refused = |extra: &str, why: &str| {
        let args = ["A=left", "B=right", extra];
        let r = run_on("refused", &function("forward.click"), &handful(), &[], &args);
        assert!(!r.ok && r.said.contains(why), "{extra}: {}", r.said);
        assert!(!r.folder.file("out-left.pcap").exists() && !r.folder.file("tap").exists(), "{extra}");
    };
    refused("--tap=nobody={}/tap", "there is no element ‘nobody’");
    refused("--tap=a_to_b[1]={}/tap", "there is no output a_to_b[1]; a_to_b has 1");
    refused("--tap=a_to_b[x]={}/tap", "‘x’ is no number");
    refused("--tap=a_to_b={}/tap,0", "count must be at least 1");
    refused("--tap=a_to_b={}/tap,1,0", "the snap length 1 to 262144");
    refused("--tap=a_to_b={}/tap,1,2,3", "nothing comes behind the snap length");
    refused("--tap=a_to_b", "give it as ELEMENT[PORT]=FILE");
    refused("--map=middle=nowhere.pcap", "no element uses ‘middle’; there is left, right");
}

#[test]
fn a_tap_or_capture_that_cannot_be_written_ends_with_an_error() {
    if !Path::new("/dev/full").exists() {
        return println!("skipped: there is no /dev/full");
    }
    for extra in ["--tap=a_to_b=/dev/full", "--map=right=,/dev/full"] {
        let r = run_on("full", &function("forward.click"), &handful(), &[], &["A=left", "B=right", extra]);
        assert!(!r.ok && r.said.contains("sluice: /dev/full: No space left on device"), "{extra}: {}", r.said);
    }
}

/// Cuts a file in the middle of its last record.
fn cut(path: &Path) {
    let bytes = fs::read(path).expect("file");
    fs::write(path, &bytes[..bytes.len() - 10]).expect("file");
}

#[test]
fn a_capture_that_is_cut_is_processed_as_far_as_it_goes_and_is_an_error() {
    let all = handful();
    let whole = &all[..all.len() - 1];
    for burst in ["1", "3", "32"] {
        let folder = Folder::new(&format!("cut-{burst}"));
        write(&folder.file("left.pcap"), &all);
        write(&folder.file("right.pcap"), &all);
        cut(&folder.file("left.pcap"));
        let r = run_in(folder, &function("forward.click"), &["A=left", "B=right", "--burst", burst]);
        assert!(!r.ok, "{}", r.said);
        assert!(r.said.contains("left.pcap: the capture file is cut: it ends at byte "), "{}", r.said);
        assert!(r.frames("right") == whole, "everything before the damage came through");
        assert!(r.frames("left") == all, "the other direction is not harmed");
        assert_eq!(balance(&r.said)[0] as usize, 2 * all.len() - 1);
    }
}

#[test]
fn fromdump_and_trace_say_that_a_capture_is_cut() {
    let (all, folder) = (handful(), Folder::new("cut-dump"));
    let (input, config) = (folder.file("in.pcap"), folder.file("dump.click"));
    write(&input, &all);
    cut(&input);
    let output = folder.file("out.pcap");
    let text = format!("FromDump({}, STOP true) -> Queue -> ToDump({});", input.display(), output.display());
    fs::write(&config, text).expect("file");
    write(&folder.file("none.pcap"), &[]);
    let (ok, _, said) = sluice(&["run", &config.display().to_string(), "--for", "5s"]);
    assert!(!ok && said.contains("in.pcap: the capture file is cut"), "{said}");
    let (got, whole) = (read(&output), &all[..all.len() - 1]);
    assert!(got.len() == whole.len() && got.iter().zip(whole).all(|(g, w)| g.data == w.data), "{said}");
    let file = function("forward.click").display().to_string();
    let (ok, page, said) = sluice(&["trace", &file, &input.display().to_string(), "A=left", "B=right"]);
    assert!(!ok && said.contains("in.pcap: the capture file is cut"), "{said}");
    assert_eq!(page.matches("transmitted").count(), whole.len());
}
