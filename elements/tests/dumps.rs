//! Files in and out: what is written can be read again, also across a replacement of the graph.
mod common;

use common::Bench;
use sluice_dataplane::context::Stream;
use sluice_dataplane::lang::render_native;
use std::path::PathBuf;

/// A folder for one test, removed at its end.
struct Folder(PathBuf);
impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("sluice-dumps-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("folder");
        Folder(path)
    }
    fn file(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }
}
impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run(config: &str, burst: usize) -> Bench {
    let mut b = Bench::new(config, burst);
    b.engine.run_simulated(1_000_000);
    b.engine.check(0).expect("counters add up");
    b
}

#[test]
fn a_capture_file_is_copied_byte_for_byte() {
    let folder = Folder::new("copy");
    let original = std::fs::read("tests/data/three.pcap").expect("data");
    for burst in [1, 32] {
        for from in ["three.pcap", "three.pcapng"] {
            let to = folder.file("out.pcap");
            drop(run(&format!("FromDump(tests/data/{from}) -> ToDump({to}, SNAPLEN 65535)"), burst));
            assert!(std::fs::read(&to).expect("copy") == original, "{from}, burst {burst}");
        }
    }
}

#[test]
fn a_file_that_was_cut_gives_its_whole_packets_then_an_error() {
    for burst in [1, 32] {
        let mut b = run("f :: FromDump(tests/data/cut.pcap, STOP true) -> c :: Counter -> Discard", burst);
        assert_eq!(b.read("c.count").expect("count"), "2");
        let failures = b.engine.take_failures();
        assert_eq!(failures.len(), 1);
        assert!(failures[0].starts_with("tests/data/cut.pcap: the capture file is cut"), "{failures:?}");
    }
}

#[test]
fn a_new_graph_goes_on_in_both_files() {
    let folder = Folder::new("swap");
    let to = folder.file("out.pcap");
    let lines = folder.file("out.txt");
    let config = |name: &str| {
        format!(
            "FromDump(tests/data/three.pcap) -> q :: Queue -> u :: Unqueue({name}) \
             -> d :: ToDump({to}, 65535) -> s :: ToIPSummaryDump({lines}, FIELDS wire_len)"
        )
        .replace("FromDump(", "f :: FromDump(")
    };
    let mut b = Bench::new(&config("1, LIMIT 1"), 1);
    b.engine.run_simulated(1000);
    assert_eq!(b.read("d.count").expect("count"), "1");
    b.load(&config("1, LIMIT 3"));
    b.engine.run_simulated(1000);
    b.engine.check(0).expect("counters add up");
    assert_eq!((b.read("d.count").expect("count"), b.read("f.count").expect("count")), ("3".into(), "3".into()));
    drop(b);
    assert!(std::fs::read(&to).expect("copy") == std::fs::read("tests/data/three.pcap").expect("data"));
    assert_eq!(std::fs::read_to_string(&lines).expect("lines"), "!IPSummaryDump 1.3\n!data wire_len\n37\n17\n39\n");
    // A graph that does not replace one that wrote the file begins it anew.
    drop(Bench::new(
        &format!("Idle2 :: Queue -> ToDump({to}); FromDump(tests/data/three.pcap, ACTIVE false) -> Idle2"),
        1,
    ));
    assert_eq!(std::fs::read(&to).expect("file").len(), 24);
}

#[test]
fn checking_a_configuration_leaves_files_alone() {
    let folder = Folder::new("check");
    let to = folder.file("out.pcap");
    std::fs::write(&to, "precious").expect("file");
    let config = format!("FromDump(tests/data/three.pcap) -> ToDump({to})");
    let mut b = Bench::empty(1, 64);
    assert!(b.plan(&config).is_ok());
    assert!(b.plan(&format!("{config}; FromDump(/none) -> Discard")).is_err());
    drop(b);
    assert_eq!(std::fs::read_to_string(&to).expect("file"), "precious");
}

const FIELDS: &str = "ntimestamp count paint aggregate eth_src eth_type ip_src ip_dst ip_len ip_proto ip_id ip_tos ip_ttl \
                      ip_fragoff ip_opt sport dport tcp_seq tcp_ack tcp_flags tcp_opt tcp_window udp_len icmp_type icmp_code";

const LINES: &str = "\
1.000000001 1 0 0 00-00-00-00-00-01 0800 1.0.0.1 2.0.0.2 64 T 7 3 64 0! rr{1.2.3.4}+1 1 2 3 4 SA mss1400;sackok 5 - - -
2.000001 3 1 9 00-00-00-00-00-01 0800 1.0.0.1 2.0.0.2 30 U 7 0 64 0+ . 1 2 - - - - - 10 - -
3.000000 1 0 0 00-00-00-00-00-01 0800 1.0.0.1 2.0.0.2 28 I 7 0 64 0 . - - - - - - - - 3 4
4.000000 1 0 0 00-00-00-00-00-01 0800 1.0.0.1 2.0.0.2 20 99 7 0 64 16 . - - - - - - - - - -
";

#[test]
fn summaries_survive_the_way_through_packets_as_text_and_as_records() {
    let folder = Folder::new("summary");
    let (text, binary, again) = (folder.file("a.txt"), folder.file("b.bin"), folder.file("c.txt"));
    let names = FIELDS.replacen("ntimestamp", "timestamp", 1);
    let dump = format!("!IPSummaryDump 1.3\n!data {names}\n{LINES}");
    for burst in [1, 32] {
        std::fs::write(&text, &dump).expect("file");
        let b = run(&format!("FromIPSummaryDump({text}) -> ToIPSummaryDump({again}, FIELDS {FIELDS})"), burst);
        assert_eq!(b.printed(Stream::Err), "");
        drop(b);
        assert_eq!(std::fs::read_to_string(&again).expect("lines"), dump);
        drop(run(
            &format!("FromIPSummaryDump({text}) -> ToIPSummaryDump({binary}, BINARY true, FIELDS {FIELDS})"),
            burst,
        ));
        assert!(std::fs::read(&binary).expect("records").windows(9).any(|w| w == b"\n!binary\n"));
        let b = run(
            &format!("FromIPSummaryDump({binary}) -> ToIPSummaryDump({again}, FIELDS timestamp ip_src ip_id ip_proto)"),
            burst,
        );
        assert_eq!(b.printed(Stream::Err), "");
        drop(b);
        let lines = std::fs::read_to_string(&again).expect("lines");
        assert!(lines.contains("\n1.000000001 1.0.0.1 7 T\n2.000001 1.0.0.1 7 U\n3.000000 1.0.0.1 7 I\n"), "{lines}");
    }
}

#[test]
fn damaged_records_are_told_and_end_the_dump() {
    let folder = Folder::new("damage");
    let file = folder.file("x.bin");
    let head = "!IPSummaryDump 1.3\n!data ip_src ip_id\n!binary\n";
    let record = [0u8, 0, 0, 10, 1, 2, 3, 4, 0, 5];
    for (damage, said) in [
        (&[0u8, 0, 0, 3][..], "record 1: binary record of impossible length"),
        (&[0x7f, 0xff, 0xff, 0xff], "record 1: binary record of impossible length"),
        (&[0, 0, 0, 20, 1], "record 1: unexpected end of file"),
        (&[0, 0], "record 1: failed to fill whole buffer"),
    ] {
        std::fs::write(&file, [head.as_bytes(), &record, damage].concat()).expect("file");
        let mut b = run(&format!("FromIPSummaryDump({file}) -> c :: Counter -> Discard"), 1);
        assert_eq!(b.read("c.count").expect("count"), "1");
        assert_eq!(b.printed(Stream::Err), format!("{file}:{said}\n"));
    }
    std::fs::write(&file, "").expect("file");
    let errors = Bench::empty(1, 8).plan(&format!("FromIPSummaryDump({file}) -> Discard")).err().expect("refused");
    assert!(render_native(&errors).contains("empty file"));
    drop(run("FromIPSummaryDump(/none/such, ALLOW_NONEXISTENT true, STOP true) -> Discard", 1));
}

#[test]
fn ip_print_writes_its_own_file() {
    let folder = Folder::new("print");
    let file = folder.file("out.txt");
    std::fs::write(&file, "old text that is longer than the new one, by far, so that it would show").expect("file");
    let b = run(&format!("FromDump(tests/data/raw.pcap) -> IPPrint(x, OUTFILE {file}) -> Discard"), 32);
    assert_eq!(b.printed(Stream::Err), "");
    drop(b);
    let text = "x: 1.000001: 1.0.0.1 > 1.0.0.2: ip-proto-253\nx: 3.000003: 1.0.0.3 > 1.0.0.4: ip-proto-253\n";
    assert_eq!(std::fs::read_to_string(&file).expect("text"), text);
}
