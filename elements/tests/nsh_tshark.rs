//! The same frames through CheckNSHHeader and NSHForwarder, and through tshark: what one accepts and the other does not is listed
//! with the clause that decides it; what both read, they read alike.
//!
//! `SLUICE_NSH_FRAMES` says how many frames are made; `SLUICE_NSH_CAPTURES` names a folder with real captures.
mod common;

use common::Bench;
use common::nsh_frames::{ETHER, Random, clause, frame, number};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The frames of a capture file, which must be in little-endian byte order.
fn read_pcap(path: &Path) -> Vec<Vec<u8>> {
    let file = std::fs::read(path).expect("a capture file");
    assert_eq!(file[..4], [0xd4, 0xc3, 0xb2, 0xa1], "{}", path.display());
    let (mut frames, mut rest) = (Vec::new(), &file[24..]);
    while let Some(len) = rest.get(8..12) {
        let len = u32::from_le_bytes(len.try_into().expect("four bytes")) as usize;
        frames.push(rest[16..16 + len].to_vec());
        rest = &rest[16 + len..];
    }
    frames
}

fn write_pcap(path: &Path, frames: &[Vec<u8>]) {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0];
    for f in frames {
        let len = (f.len() as u32).to_le_bytes();
        file.extend([[0; 4], [0; 4], len, len].concat());
        file.extend(f);
    }
    std::fs::write(path, file).expect("a capture file");
}

/// Protocols of inner packets that shall not be looked at.
const INNER: [&str; 3] = ["ip", "ipv6", "mpls"];
/// Before this one are the fields of the base and service path headers.
const CONTEXT: usize = 8;
const FIELDS: [&str; 12] = [
    "nsh.version",
    "nsh.Obit",
    "nsh.ttl",
    "nsh.length",
    "nsh.mdtype",
    "nsh.nextproto",
    "nsh.spi",
    "nsh.si",
    "nsh.contextheader",
    "nsh.metadataclass",
    "nsh.metadatatype",
    "nsh.metadata",
];

/// The fields of each frame, and whether something is wrong with it, as tshark says; `None` without tshark.
fn tshark(path: &Path, without: &[&str]) -> Option<Vec<(Vec<String>, bool)>> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-r"]).arg(path).args(["-T", "fields", "-E", "separator=;"]);
    command.args(without.iter().flat_map(|p| ["--disable-protocol", p]));
    command.args(FIELDS.iter().chain(&["_ws.malformed", "nsh.length.invalid"]).flat_map(|f| ["-e", f]));
    let o = command.output().ok()?;
    assert!(o.status.success(), "{}", String::from_utf8_lossy(&o.stderr));
    let text = String::from_utf8_lossy(&o.stdout).into_owned();
    let line = |l: &str| {
        let fields: Vec<String> = l.split(';').map(String::from).collect();
        let bad = fields[FIELDS.len()..].iter().any(|f| !f.is_empty());
        (fields[..FIELDS.len()].to_vec(), bad)
    };
    Some(text.lines().map(line).collect())
}

/// What tshark should show of a frame that went through the forwarder, read here byte by byte from the one that came in.
fn expected(frame: &[u8]) -> Vec<String> {
    let b = &frame[ETHER..];
    let base = u16::from_be_bytes([b[0], b[1]]);
    // RFC 8300 section 2.2: from 0 to 63, else down by 1.
    let ttl = if base >> 6 & 63 == 0 { 63 } else { (base >> 6 & 63) - 1 };
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let mut lists: [Vec<String>; 4] = Default::default();
    let context = &b[8..usize::from(base & 63) * 4];
    if b[2] & 15 == 1 {
        lists[0] = context.chunks(4).map(hex).collect();
    } else {
        let mut rest = context;
        while !rest.is_empty() {
            let len = usize::from(rest[3] & 127);
            lists[1].push(u16::from_be_bytes([rest[0], rest[1]]).to_string());
            lists[2].push(rest[2].to_string());
            if len > 0 {
                lists[3].push(hex(&rest[4..4 + len]));
            }
            rest = &rest[4 + len.next_multiple_of(4)..];
        }
    }
    let spi = u32::from_be_bytes([0, b[4], b[5], b[6]]);
    let numbers = [
        u32::from(base >> 14),
        u32::from(base >> 13 & 1),
        ttl.into(),
        (base & 63).into(),
        (b[2] & 15).into(),
        b[3].into(),
        spi,
        b[7].into(),
    ];
    numbers.iter().map(u32::to_string).chain(lists.iter().map(|l| l.join(","))).collect()
}

/// tshark's form of the same fields: numbers in decimal, the MD type without the unassigned bits beside it.
fn plain(fields: &[String]) -> Vec<String> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).expect("a number"),
        None => text.parse().expect("a number"),
    };
    let list = |text: &str| {
        text.split(',').filter(|t| !t.is_empty()).map(|t| number(t).to_string()).collect::<Vec<_>>().join(",")
    };
    let mut all = Vec::new();
    for (name, text) in FIELDS.iter().zip(fields) {
        all.push(match *name {
            "nsh.mdtype" => (number(text) & 15).to_string(),
            "nsh.metadataclass" | "nsh.metadatatype" => list(text),
            "nsh.contextheader" | "nsh.metadata" => text.replace(':', ""),
            _ => number(text).to_string(),
        });
    }
    all
}

/// Frames through check and forwarder: those that came out, by number, and drops by reason.
fn forward(frames: &[Vec<u8>]) -> (HashMap<u32, Vec<u8>>, BTreeMap<&'static str, u64>) {
    let paths: Vec<String> = (0..40).flat_map(|spi| (1..=255).map(move |si| format!("{spi}/{si} 0"))).collect();
    let mut out = HashMap::new();
    let mut reasons = BTreeMap::new();
    for some in frames.chunks(5000) {
        let mut bench = Bench::empty(32, 8192);
        bench.arriving.insert("in".into(), some.to_vec());
        let forwarder = format!("NSHForwarder({})", paths.join(", "));
        bench.load(&format!("FromDevice(in) -> CheckNSHHeader(14) -> {forwarder} -> out :: TestOut;"));
        bench.engine.run_simulated(100_000);
        let totals = bench.engine.check(0).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(totals.received, some.len() as u64);
        for line in bench.read("out.seen").expect("seen").lines() {
            let bytes = common::frames::hex(line.split(' ').next().unwrap_or(""));
            out.insert(number(&bytes), bytes);
        }
        bench.engine.drops().iter().for_each(|(why, n)| *reasons.entry(why.name()).or_default() += n);
    }
    (out, reasons)
}

/// Clauses that tshark leaves to whoever forwards: it shows such frames without complaint.
const POLICY: [&str; 8] = [
    "2.2: unknown version",
    "2.2: MD type reserved or unassigned",
    "2.2: MD type of experiments, not switched on",
    "RFC 9451: OAM is not supported",
    "2.2: next protocol not supported",
    "2.2: the time to live comes to 0",
    "2.3: the service index is 0",
    // tshark shows the bytes behind the header as the value's, as long as the frame has some.
    "2.5.1: a TLV runs past the header",
];

/// With MD type 2 tshark shows some headers that are longer than the frame, as far as it goes.
const SHOWN: (&str, u8) = ("2.2: the packet ends before its header", 2);

/// Whether the inner packet is the frame that was put there, or something that nobody takes for a frame.
fn is_inner_frame(f: &[u8]) -> bool {
    let b = &f[ETHER..];
    b[3] != 3 || b.get(usize::from(b[1] & 63) * 4 + 12..).is_some_and(|kind| kind.starts_with(&[0x88, 0xb5]))
}

fn folder() -> PathBuf {
    let id = std::thread::current().id();
    let folder = std::env::temp_dir().join(format!("sluice-nsh-{}-{id:?}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

#[test]
fn tshark_reads_what_is_forwarded_as_it_should_be_and_refuses_nothing_of_it() {
    if Command::new("tshark").arg("--version").output().is_err() {
        return println!("skipped: tshark is not there");
    }
    let wanted: u32 = std::env::var("SLUICE_NSH_FRAMES").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let frames: Vec<Vec<u8>> = (0..wanted).map(|i| frame(&mut random, i)).collect();
    let (out, reasons) = forward(&frames);
    let folder = folder();
    let (before, after) = (folder.join("in.pcap"), folder.join("out.pcap"));
    write_pcap(&before, &frames);
    let mut sent: Vec<&Vec<u8>> = out.values().collect();
    sent.sort_by_key(|f| number(f));
    let sent: Vec<Vec<u8>> = sent.into_iter().cloned().collect();
    write_pcap(&after, &sent);
    let (came, went) = (tshark(&before, &INNER).expect("tshark"), tshark(&after, &INNER).expect("tshark"));
    std::fs::remove_dir_all(&folder).expect("the folder goes");
    assert_eq!((came.len(), went.len()), (frames.len(), sent.len()));
    assert!(sent.len() > frames.len() / 3, "{} of {} were forwarded", sent.len(), frames.len());

    // Accept or reject.
    let mut silent = BTreeMap::<(&str, u8), u64>::new();
    for (f, (_, bad)) in frames.iter().zip(&came) {
        let (why, passed) = (clause(f), out.contains_key(&number(f)));
        assert_eq!(why.is_none(), passed, "{why:?}: {f:02x?}");
        match why {
            // A length that is not the one it was made with may show something as an Ethernet frame that is none.
            None if !is_inner_frame(f) => {}
            None => assert!(!bad, "forwarded, and tshark finds it malformed: {f:02x?}"),
            Some(why) if !bad => {
                let md = f.get(ETHER + 2).copied().unwrap_or(0);
                *silent.entry((why, if matches!(md, 1 | 2) { md } else { 0 })).or_default() += 1;
            }
            Some(_) => {}
        }
    }
    println!("{} frames, {} forwarded; drops {reasons:?}", frames.len(), sent.len());
    println!("dropped here, shown by tshark without complaint (clause, MD type or 0 for others): {silent:#?}");
    // tshark takes the unassigned bits for the upper half of the MD type (RFC 8300 section 2.2: they are ignored), and does not look
    // at lengths with MD types that it does not know.
    let decided = |(why, md): &(&str, u8)| *md == 0 || POLICY.contains(why) || (*why, *md) == SHOWN;
    assert!(silent.keys().all(decided), "{silent:#?}");

    // All fields.
    for (f, (fields, _)) in sent.iter().zip(&went) {
        let original = &frames[number(f) as usize];
        // With an unassigned bit beside the MD type tshark knows no such type and shows no context.
        let shown = if original[ETHER + 2] & 0xf0 == 0 { FIELDS.len() } else { CONTEXT };
        assert_eq!(plain(fields)[..shown], expected(original)[..shown], "{f:02x?}");
        let mut same = f.clone();
        same[ETHER..ETHER + 2].copy_from_slice(&original[ETHER..ETHER + 2]);
        assert_eq!(same, *original, "only the time to live changes");
        assert_eq!(f[ETHER] & 0xf0, original[ETHER] & 0xf0);
    }
}

/// Captures of other implementations carry a time to live of 0: the forwarder makes it 63, and leaves all else as it was.
#[test]
fn real_captures_come_out_with_a_time_to_live_of_63() {
    let Some(captures) = std::env::var_os("SLUICE_NSH_CAPTURES") else {
        return println!("skipped: SLUICE_NSH_CAPTURES names no folder");
    };
    let folder = folder();
    let mut seen = 0;
    for entry in std::fs::read_dir(captures).expect("the folder") {
        let path = entry.expect("a file").path();
        for f in read_pcap(&path) {
            let at = sluice_elements::nsh::carried::find(&f).unwrap_or_else(|| panic!("no NSH in {}", path.display()));
            let spi = u32::from_be_bytes([0, f[at + 4], f[at + 5], f[at + 6]]);
            let sff = format!("CheckNSHHeader(FORWARD_OAM true) -> NSHForwarder({spi}/{} 0)", f[at + 7]);
            let tunnel = f[12..14] == [8, 0];
            let way = if tunnel {
                let vni = u32::from_be_bytes([0, f[at - 4], f[at - 3], f[at - 2]]);
                format!(
                    "CheckIPHeader(14) -> VXLANGPEDecap -> {sff} -> VXLANGPEEncap({vni}, 127.0.0.1, 127.0.0.1, SPORT 4790) -> \
                     EtherEncap(0x0800, 0:0:0:0:0:0, 0:0:0:0:0:0)"
                )
            } else {
                let mac = |b: &[u8]| b.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":");
                format!("Strip(14) -> {sff} -> EtherEncap(0x894f, {}, {})", mac(&f[6..12]), mac(&f[..6]))
            };
            let mut bench = Bench::empty(32, 64);
            bench.arriving.insert("in".into(), vec![f.clone()]);
            bench.load(&format!("FromDevice(in) -> {way} -> out :: TestOut;"));
            bench.engine.run_simulated(1000);
            let out = bench.read("out.seen").expect("seen");
            let out = common::frames::hex(out.split(' ').next().unwrap_or(""));
            let mut nsh = f[at..].to_vec();
            nsh[0] |= 63 >> 2;
            nsh[1] |= (63 & 3) << 6;
            assert_eq!(out.get(at..), Some(&nsh[..]), "{}", path.display());
            let capture = folder.join("one.pcap");
            write_pcap(&capture, std::slice::from_ref(&out));
            if let Some(said) = tshark(&capture, &[]) {
                assert!(!said[0].1, "{}: malformed, says tshark", path.display());
                assert_eq!(plain(&said[0].0)[2], "63", "{}", path.display());
            }
            seen += 1;
        }
    }
    std::fs::remove_dir_all(&folder).expect("the folder goes");
    assert!(seen > 0, "there are no captures");
}
