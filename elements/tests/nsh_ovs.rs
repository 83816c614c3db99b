//! The same packets through the NSH elements and through Open vSwitch in user space: encapsulation is the same to the byte, and so is
//! what both forward; what one forwards and the other does not is listed with the clause that decides it.
//!
//! `SLUICE_NSH_FRAMES` says how many frames are made.
mod common;

use common::Bench;
use common::nsh_frames::{ETHER, Random, clause, frame, number};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Frames for one call: its dummy devices hold 100.
const BURST: usize = 50;

/// A switch of its own, with dummy devices p1 and p2, beside any that runs.
struct Ovs {
    folder: PathBuf,
    processes: Vec<Child>,
}

impl Drop for Ovs {
    fn drop(&mut self) {
        for p in self.processes.iter_mut().rev() {
            let _ = p.kill();
            let _ = p.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Ovs {
    /// `None` where it is not installed.
    fn start(name: &str) -> Option<Ovs> {
        let schema = "/usr/share/openvswitch/vswitch.ovsschema";
        if !std::path::Path::new(schema).exists() || Command::new("ovs-vswitchd").arg("--version").output().is_err() {
            return None;
        }
        let folder = std::env::temp_dir().join(format!("sluice-ovs-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut ovs = Ovs { folder, processes: Vec::new() };
        let (db, socket) = (ovs.at("conf.db"), ovs.at("db.sock"));
        ovs.run("ovsdb-tool", &["create", &db, schema]);
        ovs.spawn(
            "ovsdb-server",
            &[&db, &format!("--remote=punix:{socket}"), &format!("--unixctl={}", ovs.at("db.ctl"))],
        );
        ovs.wait_for("db.sock");
        ovs.vsctl(&["--no-wait", "init"]);
        let control = format!("--unixctl={}", ovs.at("vs.ctl"));
        ovs.spawn(
            "ovs-vswitchd",
            &[&format!("unix:{socket}"), "--enable-dummy=override", "--disable-system", &control],
        );
        ovs.wait_for("vs.ctl");
        let capture = format!("options:tx_pcap={}", ovs.at("p2.pcap"));
        let bridge = "add-br br0 -- set br br0 datapath_type=dummy fail-mode=secure protocols=OpenFlow13 -- add-port br0 p1 -- set \
                      int p1 type=dummy ofport_request=1 -- add-port br0 p2 -- set int p2 type=dummy ofport_request=2";
        ovs.vsctl(&bridge.split_whitespace().chain([capture.as_str()]).collect::<Vec<_>>());
        Some(ovs)
    }
    fn at(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut c = Command::new(program);
        c.args(args).stdin(Stdio::null());
        ["OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"].iter().for_each(|v| _ = c.env(v, &self.folder));
        c
    }
    fn run(&self, program: &str, args: &[&str]) {
        let o = self.command(program, args).output().unwrap_or_else(|e| panic!("{program}: {e}"));
        assert!(o.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&o.stderr));
    }
    fn vsctl(&self, args: &[&str]) {
        let db = format!("--db=unix:{}", self.at("db.sock"));
        self.run("ovs-vsctl", &[&[db.as_str(), "--timeout=10"], args].concat());
    }
    fn spawn(&mut self, program: &str, args: &[&str]) {
        let mut c = self.command(program, args);
        self.processes.push(c.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a process"));
    }
    fn wait_for(&self, file: &str) {
        patiently(file, || self.folder.join(file).exists().then_some(()));
    }
    fn flows(&self, flows: &str) {
        std::fs::write(self.folder.join("flows"), flows).expect("flows");
        self.run("ovs-ofctl", &["-O", "OpenFlow13", "add-flows", "br0", &self.at("flows")]);
    }
    /// Sends frames as [`send`](Self::send) does. Its way for the first frame of a flow loses some under load: those that are `due`
    /// to come out and did not are sent again.
    fn send_surely(
        &self,
        frames: &[Vec<u8>],
        last: &[u8],
        number: fn(&[u8]) -> u32,
        due: impl Fn(u32, &[u8]) -> bool,
    ) -> HashMap<u32, Vec<u8>> {
        let mut out = self.send(frames, last, number);
        for _ in 0..AGAIN {
            let lost = |(i, f): &(u32, &Vec<u8>)| !out.contains_key(i) && due(*i, f);
            let lost: Vec<Vec<u8>> = (0..).zip(frames).filter(lost).map(|(_, f)| f.clone()).collect();
            if lost.is_empty() {
                break;
            }
            self.send(&lost, last, number);
            std::thread::sleep(Duration::from_millis(500));
            out = self.send(&[], last, number);
        }
        out
    }
    /// Sends frames into p1, and last one that surely comes out; gives all NSH frames that came out of p2, by their number, once
    /// that of the last one is among them. `number` reads it.
    fn send(&self, frames: &[Vec<u8>], last: &[u8], number: fn(&[u8]) -> u32) -> HashMap<u32, Vec<u8>> {
        let control = self.at("vs.ctl");
        for some in frames.chunks(BURST).chain([&[last.to_vec()][..]]) {
            let hex = |f: &Vec<u8>| f.iter().map(|b| format!("{b:02x}")).collect::<String>();
            let texts: Vec<String> = some.iter().map(hex).collect();
            let mut args = vec!["-t", &control, "netdev-dummy/receive", "p1"];
            args.extend(texts.iter().map(String::as_str));
            self.run("ovs-appctl", &args);
        }
        patiently("the last frame", || {
            let out = pcap(&std::fs::read(self.folder.join("p2.pcap")).unwrap_or_default());
            let mut out: HashMap<u32, Vec<u8>> = out.into_iter().map(|f| (number(&f), f)).collect();
            out.remove(&LAST).map(|_| out)
        })
    }
}

/// How often frames that did not come out are sent again.
const AGAIN: usize = 3;

/// The number of the last frame.
const LAST: u32 = u32::MAX;

/// Asks again until there is an answer, for some 20 seconds.
fn patiently<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1000 {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{what} does not come");
}

/// The number of the frame inside an NSH frame.
fn inner_number(f: &[u8]) -> u32 {
    number(&f[ETHER + usize::from(f[ETHER + 1] & 63) * 4..])
}

/// The frames of a capture in this machine's byte order; what is not yet written whole is left out.
fn pcap(file: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut rest = file.get(24..).unwrap_or_default();
    while let Some(len) = rest.get(8..12) {
        let len = u32::from_ne_bytes(len.try_into().expect("four bytes")) as usize;
        let Some(frame) = rest.get(16..16 + len) else { break };
        frames.push(frame.to_vec());
        rest = &rest[16 + len..];
    }
    frames
}

/// What comes out of `out` of a configuration behind a device with these frames, by their numbers.
fn ours(config: &str, frames: &[Vec<u8>], number: fn(&[u8]) -> u32) -> HashMap<u32, Vec<u8>> {
    let mut out = HashMap::new();
    for some in frames.chunks(5000) {
        let mut bench = Bench::empty(32, 8192);
        bench.arriving.insert("in".into(), some.to_vec());
        bench.load(&format!("out :: TestOut; FromDevice(in) -> {config}"));
        bench.engine.run_simulated(100_000);
        bench.engine.check(0).unwrap_or_else(|e| panic!("{e}"));
        for line in bench.read("out.seen").expect("seen").lines() {
            let bytes = common::frames::hex(line.split(' ').next().unwrap_or(""));
            out.insert(number(&bytes), bytes);
        }
    }
    out
}

fn wanted() -> u32 {
    std::env::var("SLUICE_NSH_FRAMES").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000)
}

#[test]
fn encapsulation_is_that_of_open_vswitch_to_the_byte() {
    let Some(ovs) = Ovs::start("encap") else { return println!("skipped: openvswitch-switch is not there") };
    // By UDP port: what Open vSwitch does, and what NSHEncap is told.
    let kinds = [
        (1, "encap(nsh(md_type=1)),set_field:0x1->nsh_spi,set_field:255->nsh_si", "1"),
        (
            2,
            "encap(nsh(md_type=1)),set_field:0xabcdef->nsh_spi,set_field:7->nsh_si,set_field:0x01020304->nsh_c1,\
             set_field:0xfffefdfc->nsh_c4",
            "0xabcdef, 7, CONTEXT 0102030400000000 00000000fffefdfc",
        ),
        (3, "encap(nsh(md_type=2)),set_field:0xffffff->nsh_spi,set_field:1->nsh_si", "0xffffff, 1, MD 2"),
        (
            4,
            "encap(nsh(md_type=2,tlv(0x1000,10,0x12345678))),set_field:0x1234->nsh_spi,set_field:250->nsh_si",
            "0x1234, 250, TLV 0x1000/10 0x12345678",
        ),
        (
            5,
            "encap(nsh(md_type=2,tlv(0x1000,10,0x12345678),tlv(0xfff6,1,0x010203))),set_field:2->nsh_spi,set_field:9->nsh_si",
            "2, 9, TLV 0x1000/10 0x12345678, TLV 0xfff6/1 010203",
        ),
    ];
    let mut flows = String::new();
    let mut config = String::from("MarkIPHeader(14) -> c :: IPClassifier(");
    config += &kinds.map(|k| format!("dst udp port {}", k.0)).join(", ");
    config += ");\n";
    let before = "EtherEncap(0x894f, 0:0:0:0:0:0, 0:0:0:0:0:0)";
    for (i, (port, theirs, own)) in kinds.iter().enumerate() {
        flows += &format!("in_port=1,udp,tp_dst={port},actions={theirs},encap(ethernet),output:2\n");
        config += &format!("c[{i}] -> NSHEncap({own}, NEXT ethernet) -> {before} -> out;\n");
    }
    ovs.flows(&flows);
    let mut random = Random(0x1234_5678_9abc_def1);
    let made = |port: usize, number: u32, len: usize| {
        let line = format!("ip 10.0.0.1 10.0.0.2 / udp 9 {port} / zeros {len}");
        let head = [&[2, 0, 0, 0, 0, 1, 2, 0][..], &number.to_be_bytes(), &[8, 0]].concat();
        [head, common::frames::parse(&line).bytes].concat()
    };
    let frames: Vec<Vec<u8>> =
        (0..wanted() / 20).map(|i| made(1 + random.below(kinds.len()), i, random.below(60))).collect();
    let theirs = ovs.send_surely(&frames, &made(1, LAST, 0), inner_number, |_, _| true);
    let own = ours(&config, &frames, inner_number);
    assert_eq!((own.len(), theirs.len()), (frames.len(), frames.len()));
    for (number, f) in &own {
        let theirs = theirs.get(number).and_then(|f| f.get(ETHER..));
        assert_eq!(f.get(ETHER..), theirs, "{number}: {:02x?}", frames.get(*number as usize));
    }
    println!("{} frames encapsulated alike", own.len());
}

/// What Open vSwitch does not forward although it must.
const ALONE: &str = "2.2: a time to live of 0 becomes 63";
/// What comes out otherwise: with MD type 1, and one of the four unassigned bits before the type. Open vSwitch takes all eight
/// bits for the type. So what it keeps for later packets of such a flow sets no context, but doing that it looks at four
/// bits, and writes what happens to be in memory as the context.
const CONTEXT: &str = "2.2: unassigned bits change nothing of what is done";
/// What Open vSwitch forwards although it must not.
const FORWARDS: [&str; 8] = [
    "RFC 9451: OAM is not supported",
    "2.2: MD type reserved or unassigned",
    "2.2: MD type of experiments, not switched on",
    "2.2: next protocol not supported",
    "2.5.1: a TLV runs past the header",
    WRONG_LENGTH,
    "2.5: the length is 2 at least",
    // It was told to forward whatever the index.
    "2.3: the service index is 0",
];
/// It forwards these with unassigned bits only, for it takes their MD type for another.
const WRONG_LENGTH: &str = "2.4: the length is 6 with MD type 1";

#[test]
fn what_open_vswitch_forwards_comes_out_of_the_forwarder_the_same() {
    let Some(ovs) = Ovs::start("forward") else { return println!("skipped: openvswitch-switch is not there") };
    let mut flows = String::new();
    let mut paths = Vec::new();
    for spi in 0..40 {
        // MD type 1 has flows of its own. Where the type does not matter, what Open vSwitch did with the first packet it does with
        // later ones of another type: an action without a context, made for MD type 2, writes what happens to be in memory
        // as the context of MD type 1.
        for of_type in ["priority=2,nsh_mdtype=1", "priority=1"] {
            flows += &format!("{of_type},in_port=1,dl_type=0x894f,nsh_spi={spi},actions=dec_nsh_ttl,");
            flows += &format!("set_field:{}->nsh_spi,set_field:250->nsh_si,output:2\n", 0x1000);
        }
        paths.extend((1..=255).map(|si| format!("{spi}/{si} 0")));
    }
    ovs.flows(&flows);
    let mut random = Random(0x0f0f_1234_5678_9abd);
    let frames: Vec<Vec<u8>> = (0..wanted()).map(|i| frame(&mut random, i)).collect();
    let last =
        [&[2, 0, 0, 0, 0, 1, 2, 0, 255, 255, 255, 255, 0x89, 0x4f, 0x0f, 0xc2, 2, 3, 0, 0, 1, 255][..], &[0; 14]]
            .concat();
    let config =
        format!("CheckNSHHeader(14) -> NSHForwarder({}) -> NSHReclassify(0x1000, 250) -> out;", paths.join(", "));
    let own = ours(&config, &frames, number);
    let ttl = |f: &[u8]| u16::from_be_bytes([f[ETHER], f[ETHER + 1]]) >> 6 & 63;
    let theirs = ovs.send_surely(&frames, &last, number, |i, f| own.contains_key(&i) && ttl(f) != 0);
    // One of the four bits before the MD type is set.
    let unassigned = |f: &[u8]| f[ETHER + 2] >> 4 != 0;
    let (mut same, mut only) = (0, BTreeMap::<&str, u64>::new());
    for f in &frames {
        let n = number(f);
        let why = match (own.get(&n), theirs.get(&n)) {
            (Some(a), Some(b)) => {
                if a == b {
                    same += 1;
                    continue;
                }
                let outside = |f: &[u8]| [&f[..ETHER + 8], &f[ETHER + 24..]].concat();
                let context = ETHER + 8..ETHER + 24;
                assert_eq!((f[ETHER + 2] & 15, unassigned(f)), (1, true), "from {f:02x?}");
                assert_eq!(outside(a), outside(b), "from {f:02x?}");
                assert_eq!(a[context.clone()], f[context], "the context stays as it came");
                CONTEXT
            }
            (None, None) => continue,
            (Some(_), None) => {
                assert_eq!(ttl(f), 0, "not forwarded by Open vSwitch: {f:02x?}");
                ALONE
            }
            (None, Some(_)) => {
                let why = clause(f).unwrap_or_else(|| panic!("must be forwarded: {f:02x?}"));
                assert!(why != WRONG_LENGTH || unassigned(f), "forwarded by Open vSwitch: {f:02x?}");
                why
            }
        };
        *only.entry(why).or_default() += 1;
    }
    println!("{} frames, {same} forwarded alike; otherwise: {only:#?}", frames.len());
    assert!(only.keys().all(|why| [ALONE, CONTEXT].contains(why) || FORWARDS.contains(why)), "{only:#?}");
    assert!(same > frames.len() / 4, "{same}");
}
