//! Messages of net-snmp, and mutations of them, are read as tshark reads them.
//!
//! `SLUICE_SNMP_MESSAGES` says how many mutations are made; one in a hundred of them, 2,000 at least, goes through tshark.
mod common;

use common::nsh_frames::Random;
use common::snmp::{BEFORE, FILES, folder, frames, messages, mutated};
use sluice_elements::snmp::message::{Message, Version};
use std::path::Path;
use std::process::Command;

const FIELDS: [&str; 9] = [
    "snmp.version",
    "snmp.community",
    "snmp.msgVersion",
    "snmp.msgUserName",
    "snmp.contextEngineID",
    "snmp.contextName",
    "snmp.data",
    "snmp.encryptedPDU",
    "_ws.malformed",
];

/// The fields of each frame, as tshark shows them; `None` without tshark.
fn tshark(file: &Path) -> Option<Vec<Vec<String>>> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-r"]).arg(file).args(["-T", "fields", "-E", "separator=/t", "-E", "occurrence=f"]);
    command.args(FIELDS.iter().flat_map(|f| ["-e", f]));
    let Ok(o) = command.output() else {
        println!("skipped: there is no tshark");
        return None;
    };
    assert!(o.status.success(), "{}", String::from_utf8_lossy(&o.stderr));
    let text = String::from_utf8_lossy(&o.stdout).into_owned();
    Some(text.lines().map(|l| l.split('\t').map(String::from).collect()).collect())
}

/// A message, as tshark would show it.
fn shown(m: &Message<'_>) -> [String; 7] {
    let text = |name: Option<&[u8]>| String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
    let engine = m.engine.map(|e| e.iter().map(|b| format!("{b:02x}")).collect::<String>()).unwrap_or_default();
    let engine = if m.engine.is_some() && engine.is_empty() { "<MISSING>".into() } else { engine };
    let (old, new) = match m.version {
        Version::V1 => ("0", ""),
        Version::V2c => ("1", ""),
        Version::V3 => ("", "3"),
    };
    let pdu = m.pdu.map(|p| (p as u8 - 0xa0).to_string()).unwrap_or_default();
    [old.into(), text(m.community), new.into(), text(m.user), engine, text(m.context), pdu]
}

/// All messages of a folder of captures are read, as tshark reads them. Gives their number.
fn compare(folder: &Path) -> usize {
    let mut all = 0;
    for file in FILES {
        let file = folder.join(file);
        let Some(expected) = tshark(&file) else { return 0 };
        let frames = frames(&file);
        assert_eq!(frames.len(), expected.len());
        for (n, (frame, fields)) in frames.iter().zip(expected).enumerate() {
            let place = format!("{} {}", file.display(), n + 1);
            let m = Message::parse(&frame[BEFORE..]).unwrap_or_else(|| panic!("{place} is not read"));
            assert_eq!(shown(&m)[..], fields[..7], "{place}");
            assert_eq!(m.pdu.is_none(), !fields[7].is_empty(), "{place}");
            all += 1;
        }
    }
    all
}

#[test]
fn every_captured_message_is_read_as_tshark_reads_it() {
    let all = messages();
    let of = |version| {
        let all = all.iter().filter_map(|m| Message::parse(m)).filter(|m| m.version == version);
        let mut pdus: Vec<u8> = all.map(|m| m.pdu.map_or(0, |p| p as u8)).collect();
        pdus.sort_unstable();
        pdus.dedup();
        pdus
    };
    // The captures hold what each version can say; a report is v3's alone, and so is what is encrypted.
    assert_eq!(of(Version::V1), [0xa0, 0xa1, 0xa2, 0xa3, 0xa4]);
    assert_eq!(of(Version::V2c), [0xa0, 0xa1, 0xa2, 0xa3, 0xa5, 0xa6, 0xa7]);
    assert_eq!(of(Version::V3), [0, 0xa0, 0xa1, 0xa2, 0xa3, 0xa5, 0xa6, 0xa7, 0xa8]);
    compare(&folder());
}

#[test]
fn what_net_snmp_says_today_is_read_as_tshark_reads_it() {
    let is_there = |tool: &&str| {
        Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().is_ok_and(|o| o.status.success())
    };
    let tools = ["snmpget", "snmptrap", "snmpd", "snmptrapd", "tcpdump", "unshare", "ip", "tshark"];
    if let Some(missing) = tools.iter().find(|t| !is_there(t)) {
        println!("skipped: there is no {missing}");
        return;
    }
    let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout == b"0\n");
    if !root {
        println!("skipped: network namespaces need root");
        return;
    }
    let out = std::env::temp_dir().join(format!("sluice-snmp-{}", std::process::id()));
    let o = Command::new("timeout").arg("120").arg(folder().join("capture.sh")).arg(&out).output().expect("the script");
    assert!(o.status.success(), "{}", String::from_utf8_lossy(&o.stderr));
    let read = compare(&out);
    std::fs::remove_dir_all(&out).expect("the captures are removed");
    assert!(read > 80, "{read} messages");
}

#[test]
fn mutated_messages_that_are_read_say_what_tshark_says() {
    let wanted = std::env::var("SLUICE_SNMP_MESSAGES").ok().and_then(|n| n.parse::<usize>().ok()).unwrap_or(0) / 100;
    let seeds = messages();
    let mut r = Random(0x9e37_79b9_7f4a_7c15);
    let mut taken: Vec<Vec<u8>> = Vec::new();
    for _ in 0..wanted.max(2000) {
        let m = mutated(&seeds, &mut r);
        let Some(found) = Message::parse(&m) else { continue };
        // tshark shows octets that are no text in a way of its own.
        let is_text =
            |name: Option<&[u8]>| name.unwrap_or_default().iter().all(|b| (32..127).contains(b) && *b != b'\\');
        if is_text(found.community) && is_text(found.user) && is_text(found.context) {
            taken.push(m);
        }
    }
    assert!(taken.len() > 200, "{} messages are read", taken.len());
    let file = std::env::temp_dir().join(format!("sluice-snmp-{}.pcap", std::process::id()));
    let mut capture = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0];
    for m in &taken {
        let frame = common::frames::parse(
            "eth 02:00:00:00:00:01 02:00:00:00:00:02 / ip 10.0.0.1 10.0.0.2 / udp 1161 161 sum=0",
        );
        let lengths = [(16, 28 + m.len()), (38, 8 + m.len())];
        let mut frame = [frame.bytes, m.clone()].concat();
        lengths.iter().for_each(|(at, len)| frame[*at..at + 2].copy_from_slice(&(*len as u16).to_be_bytes()));
        let len = (frame.len() as u32).to_le_bytes();
        capture.extend([[0; 4], [0; 4], len, len].concat());
        capture.extend(frame);
    }
    std::fs::write(&file, capture).expect("a capture file");
    let expected = tshark(&file);
    std::fs::remove_file(&file).expect("the file is removed");
    let Some(expected) = expected else { return };
    assert_eq!(expected.len(), taken.len());
    let mut read = 0;
    for (m, fields) in taken.iter().zip(expected) {
        let found = Message::parse(m).expect("it was read before");
        assert_eq!(shown(&found)[..], fields[..7], "{m:02x?}");
        read += 1;
    }
    assert!(read > 200, "{read} messages");
}
