//! The example guests, built from their sources: in Rust with the kit, and in C with the header file.
mod common;

use common::Rig;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The module of a guest, or a line that says why a test is skipped.
fn guest(test: &str, name: &str) -> Option<String> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("guests");
        let _ = std::fs::remove_dir_all(&folder);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/guests/build.sh");
        let run = Command::new("sh").arg(script).arg(&folder).env_remove("RUSTFLAGS").output().expect("a shell");
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{said}");
        folder
    });
    let file = folder.join(format!("{name}.wasm"));
    if !file.exists() {
        println!(
            "skipped: {test} needs {}",
            if name == "swap-mac" { "clang and lld" } else { "wasm32-unknown-unknown" }
        );
        return None;
    }
    Some(file.display().to_string())
}

/// An Ethernet frame with IPv4, UDP and a payload; addresses 10.0.0.`from` and 10.0.0.2, ports 1000 and 53.
fn frame(from: u8, payload: &[u8]) -> Vec<u8> {
    let mut f = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
    let len = (28 + payload.len()) as u16;
    f.extend([0x45, 0]);
    f.extend(len.to_be_bytes());
    f.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, from, 10, 0, 0, 2]);
    f.extend([0x03, 0xe8, 0, 53]);
    f.extend((8 + payload.len() as u16).to_be_bytes());
    f.extend([0, 0]);
    f.extend(payload);
    f
}

fn run(frames: Vec<Vec<u8>>, graph: &str) -> Rig {
    let mut r = Rig::new(32);
    r.arriving.insert("in".into(), frames);
    r.load(&format!("FromDevice(in) -> {graph}"));
    r.rounds(200);
    r
}

fn sent(r: &Rig, device: &str) -> Vec<Vec<u8>> {
    r.sent.get(device).map(|f| f.lock().expect("frames").iter().map(|f| f.to_vec()).collect()).unwrap_or_default()
}

#[test]
fn a_counter_counts_each_flow_and_a_new_version_goes_on_counting() {
    let test = "a_counter_counts_each_flow_and_a_new_version_goes_on_counting";
    let Some(file) = guest(test, "flow-counter") else { return };
    let arp = [vec![0xff; 6], vec![2, 0, 0, 0, 0, 1, 8, 6], vec![0; 46]].concat();
    let mut frames: Vec<Vec<u8>> = (0..50).map(|i| frame(1 + i % 3, b"hello")).collect();
    frames.extend([arp, frame(1, b"")[..30].to_vec(), vec![0; 14]]);
    let before = frames.clone();
    let mut r = run(frames, &format!("f :: WasmFunction({file}) -> ToDevice(out)"));
    assert_eq!(sent(&r, "out"), before, "all pass unchanged");
    let said = r.read("f.statistics");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..3], ["flows=3", "packets=50", "other=3"]);
    assert!(lines.contains(&"10.0.0.1:1000>10.0.0.2:53/17=17") && lines.contains(&"10.0.0.3:1000>10.0.0.2:53/17=16"));
    // Another module of the same kind: custom sections do not count for anything but its bytes.
    let mut bytes = std::fs::read(&file).expect("the module");
    bytes.extend([0, 5, 4, b'n', b'o', b't', b'e']);
    let folder = common::Folder::new("version");
    let later = folder.put("later.wasm", &bytes);
    let module = r.read("f.module");
    r.load(&format!("Idle -> f :: WasmFunction({later}, EPOCH 100ms) -> ToDevice(out)"));
    assert_ne!(r.read("f.module"), module);
    assert!(r.read("f.statistics").starts_with("flows=3\npackets=50\nother=0\n"));
    assert_eq!(r.number("f.traps"), 0);
}

#[test]
fn a_counter_with_more_flows_than_it_has_room_for_counts_every_packet_once() {
    let test = "a_counter_with_more_flows_than_it_has_room_for_counts_every_packet_once";
    let Some(file) = guest(test, "flow-counter") else { return };
    let frames = (0..10_000u32).map(|i| {
        let mut f = frame(1, b"x");
        f[26..30].copy_from_slice(&i.to_be_bytes());
        f
    });
    let mut r = run(frames.collect(), &format!("f :: WasmFunction({file}) -> Discard"));
    r.rounds(2000);
    let said = r.read("f.statistics");
    let number = |key: &str| -> u64 {
        said.lines().find_map(|l| l.strip_prefix(key)).and_then(|n| n.parse().ok()).expect("a figure")
    };
    assert_eq!(number("packets=") + number("other="), 10_000);
    assert!((2000..=4096).contains(&number("flows=")), "{}", number("flows="));
    assert!(said.len() <= 16 * 1024 && said.ends_with('\n'));
}

#[test]
fn a_filter_drops_packets_with_its_words_and_takes_others_while_it_runs() {
    let test = "a_filter_drops_packets_with_its_words_and_takes_others_while_it_runs";
    let Some(file) = guest(test, "payload-filter") else { return };
    let payloads: [&[u8]; 5] = [b"nothing", b"a secret word", b"at the end: secret", b"secre", b"passWORD"];
    let frames: Vec<Vec<u8>> = payloads.iter().map(|p| frame(1, p)).collect();
    let passed = vec![frames[0].clone(), frames[3].clone()];
    let config = "CONFIG \"secret WORD\"";
    let mut r = run(frames, &format!("f :: WasmFunction({file}, {config}) -> ToDevice(out)"));
    assert_eq!(sent(&r, "out"), passed);
    r.only_dropped(&[("guest_dropped", 3)]);
    assert_eq!(r.read("f.statistics"), "passed=2\ndropped=3\nword.secret=2\nword.WORD=1\n");
    let why = r.write("f.configuration", &"w ".repeat(17)).expect_err("too many").to_string();
    assert!(why.contains("at most 16 words"), "{why}");
    assert!(r.write("f.configuration", &"w".repeat(33)).expect_err("too long").to_string().contains("32 bytes"));
    assert!(r.read("f.statistics").contains("word.secret=2"), "it goes on with what it had");
    r.write("f.configuration", "other").expect("one word");
    assert_eq!(r.read("f.statistics"), "passed=2\ndropped=3\nword.other=0\n");
    assert_eq!(r.number("f.traps"), 0);
}

#[test]
fn a_guest_in_c_swaps_addresses() {
    let Some(file) = guest("a_guest_in_c_swaps_addresses", "swap-mac") else { return };
    let frames = vec![frame(1, b"one"), vec![1; 11], frame(2, b"two")];
    let swapped = |f: &[u8]| [&f[6..12], &f[..6], &f[12..]].concat();
    let expected = vec![swapped(&frames[0]), swapped(&frames[2])];
    let graph = format!("f :: WasmFunction({file}) -> ToDevice(out); f[1] -> s :: Counter -> Discard");
    let mut r = run(frames, &graph);
    assert_eq!((sent(&r, "out"), r.number("s.count")), (expected, 1));
    assert_eq!(r.read("f.statistics"), "swapped=2\nshort=1\n");
}
