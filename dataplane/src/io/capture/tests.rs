use super::*;
use crate::io::pcap::Resolution;
use crate::io::pcapng::PacketInfo;
use proptest::prelude::*;
use std::process::{Command, Stdio};

#[derive(Debug, PartialEq, Eq)]
struct Owned {
    link_type: u16,
    ns: u64,
    original_len: u32,
    data: Vec<u8>,
}

fn owned(link_type: u16, ns: u64, original_len: u32, data: &[u8]) -> Owned {
    Owned { link_type, ns, original_len, data: data.to_vec() }
}

/// All records up to the end or the first error. After an error the reader must be at its end.
fn read(bytes: &[u8]) -> (Vec<Owned>, Option<CaptureError>) {
    let mut all = Vec::new();
    let mut reader = match Reader::new(bytes) {
        Ok(reader) => reader,
        Err(error) => return (all, Some(error)),
    };
    loop {
        match reader.next() {
            Ok(Some(r)) => all.push(owned(r.link_type, r.timestamp_ns, r.original_len, r.data)),
            Ok(None) => return (all, None),
            Err(error) => {
                assert!(matches!(reader.next(), Ok(None)));
                return (all, Some(error));
            }
        }
    }
}

fn read_all(bytes: &[u8]) -> Vec<Owned> {
    match read(bytes) {
        (all, None) => all,
        (_, Some(error)) => panic!("{error}"),
    }
}

const TIME: u64 = 1_700_000_000_123_456_789;

fn small_pcap(resolution: Resolution) -> Vec<u8> {
    let mut writer = pcap::Writer::new(Vec::new(), LINK_ETHERNET, 0, resolution).unwrap();
    writer.write(TIME, 60, &[7; 60]).unwrap();
    writer.write(TIME + 1000, 1500, &[8; 20]).unwrap();
    writer.write(TIME + 2000, 0, &[]).unwrap();
    writer.into_inner()
}

fn small_pcapng() -> Vec<u8> {
    let mut writer = pcapng::Writer::new(Vec::new()).unwrap();
    let first = writer.add_interface("eth0", LINK_ETHERNET, 0).unwrap();
    let second = writer.add_interface("tun0", LINK_RAW, 33).unwrap();
    let info = PacketInfo { interface: first, timestamp_ns: TIME, original_len: 61, ..PacketInfo::default() };
    writer.write(&info, &[7; 61]).unwrap();
    let info = PacketInfo {
        interface: second,
        timestamp_ns: TIME + 1,
        original_len: 40,
        comment: Some("dropped: ttl \u{e4}"),
        flags: Some(2),
        drop_count: Some(1 << 40),
    };
    writer.write(&info, &[0x45; 40]).unwrap();
    writer.into_inner()
}

/// Builds files of either byte order by hand.
struct Bytes {
    big: bool,
    bytes: Vec<u8>,
}

impl Bytes {
    fn n16(&mut self, value: u16) -> &mut Self {
        self.bytes.extend(if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
        self
    }

    fn n32(&mut self, value: u32) -> &mut Self {
        self.bytes.extend(if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
        self
    }

    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend(bytes);
        self
    }

    fn block(&mut self, kind: u32, body: impl FnOnce(&mut Bytes) -> &mut Bytes) -> &mut Self {
        let mut inner = Bytes { big: self.big, bytes: Vec::new() };
        body(&mut inner);
        inner.bytes.resize(inner.bytes.len().next_multiple_of(4), 0);
        let len = inner.bytes.len() as u32 + 12;
        self.n32(kind).n32(len).raw(&inner.bytes).n32(len)
    }

    fn section(&mut self) -> &mut Self {
        self.block(pcapng::SECTION_HEADER, |b| b.n32(0x1a2b_3c4d).n16(1).n16(0).n32(u32::MAX).n32(u32::MAX))
    }
}

#[test]
fn pcap_round_trip() {
    let nano = read_all(&small_pcap(Resolution::Nano));
    let expected = |ns: u64| {
        vec![
            owned(LINK_ETHERNET, ns, 60, &[7; 60]),
            owned(LINK_ETHERNET, ns + 1000, 1500, &[8; 20]),
            owned(LINK_ETHERNET, ns + 2000, 0, &[]),
        ]
    };
    assert_eq!(nano, expected(TIME));
    assert_eq!(read_all(&small_pcap(Resolution::Micro)), expected(TIME - 789));
}

#[test]
fn pcap_of_both_byte_orders_and_resolutions() {
    for big in [false, true] {
        for (magic, ns) in [(0xa1b2_c3d4, 5_000_007_000), (0xa1b2_3c4d, 5_000_000_007)] {
            let mut file = Bytes { big, bytes: Vec::new() };
            // The upper half of the link type (frame check sequence) is not part of it.
            file.n32(magic).n16(2).n16(4).n32(0).n32(0).n32(65535).n32(0x2400_0071);
            file.n32(5).n32(7).n32(3).n32(9).raw(b"abc");
            assert_eq!(read_all(&file.bytes), [owned(LINK_LINUX_SLL, ns, 9, b"abc")]);
        }
    }
}

#[test]
fn pcap_writer_cuts_to_the_snap_length() {
    let mut writer = pcap::Writer::new(Vec::new(), LINK_RAW, 4, Resolution::Micro).unwrap();
    writer.write(0, 6, b"abcdef").unwrap();
    writer.flush().unwrap();
    assert_eq!(read_all(&writer.into_inner()), [owned(LINK_RAW, 0, 6, b"abcd")]);
}

#[test]
fn pcapng_round_trip() {
    let expected = [owned(LINK_ETHERNET, TIME, 61, &[7; 61]), owned(LINK_RAW, TIME + 1, 40, &[0x45; 33])];
    assert_eq!(read_all(&small_pcapng()), expected);
}

#[test]
fn pcapng_of_both_byte_orders_with_all_packet_blocks() {
    let mut two_sections = Vec::new();
    for big in [false, true] {
        let mut file = Bytes { big, bytes: Vec::new() };
        file.section();
        file.block(0x0bad, |b| b.raw(b"nobody knows this block"));
        // Interface 0: microseconds by default, snap length 5. Interface 1: 2^-10 s, 100 s later. Interface 2: 10^-60 s.
        file.block(1, |b| b.n16(LINK_ETHERNET).n16(0).n32(5));
        file.block(1, |b| {
            b.n16(LINK_NULL).n16(0).n32(0).n16(9).n16(1).raw(&[0x8a, 0, 0, 0]).n16(14).n16(8);
            b.raw(&if big { 100_i64.to_be_bytes() } else { 100_i64.to_le_bytes() }).n16(0).n16(0)
        });
        file.block(1, |b| b.n16(LINK_RAW).n16(0).n32(0).n16(9).n16(1).raw(&[60, 0, 0, 0]));
        file.block(6, |b| b.n32(0).n32(1).n32(2).n32(3).n32(4).raw(b"abc"));
        file.block(2, |b| b.n16(1).n16(77).n32(0).n32(1536).n32(2).n32(2).raw(b"de"));
        file.block(3, |b| b.n32(9).raw(b"simpl"));
        file.block(6, |b| b.n32(2).n32(1).n32(2).n32(1).n32(1).raw(b"x"));
        let expected = [
            owned(LINK_ETHERNET, ((1_u64 << 32) + 2) * 1000, 4, b"abc"),
            owned(LINK_NULL, 101_500_000_000, 2, b"de"),
            owned(LINK_ETHERNET, 0, 9, b"simpl"),
            owned(LINK_RAW, 0, 1, b"x"),
        ];
        assert_eq!(read_all(&file.bytes), expected);
        two_sections.extend(file.bytes);
    }
    assert_eq!(read_all(&two_sections).len(), 8, "a section may have the other byte order");
}

#[test]
fn pcapng_contradictions_are_errors() {
    let malformed = |fill: &dyn Fn(&mut Bytes) -> &mut Bytes| {
        let mut file = Bytes { big: false, bytes: Vec::new() };
        file.section().block(1, |b| b.n16(1).n16(0).n32(0));
        fill(&mut file);
        match read(&file.bytes) {
            (records, Some(CaptureError::Malformed { record: 48, reason })) if records.is_empty() => reason,
            other => panic!("{other:?}"),
        }
    };
    let no_interface = "a packet of an interface that is not described";
    assert_eq!(malformed(&|f| f.block(6, |b| b.n32(1).n32(0).n32(0).n32(0).n32(0))), no_interface);
    let beyond = "a packet beyond its block";
    assert_eq!(malformed(&|f| f.block(6, |b| b.n32(0).n32(0).n32(0).n32(5).n32(5).raw(b"abcd"))), beyond);
    assert_eq!(malformed(&|f| f.block(3, |b| b.n32(5).raw(b"abcd"))), beyond);
    let huge = "a packet of more than 262144 bytes";
    assert_eq!(malformed(&|f| f.block(6, |b| b.n32(0).n32(0).n32(0).n32(u32::MAX).n32(0))), huge);
    assert_eq!(malformed(&|f| f.n32(6).n32(0x7fff_fff0)), "a block of more than 393216 bytes");
    assert_eq!(malformed(&|f| f.n32(6).n32(13)), "an impossible block length");
    assert_eq!(malformed(&|f| f.n32(99).n32(12).n32(16)), "two different lengths of one block");
    assert_eq!(malformed(&|f| f.block(1, |b| b.n32(1))), "an interface description that is too short");
}

#[test]
fn a_pcap_record_that_is_too_large_is_refused() {
    let mut file = small_pcap(Resolution::Micro);
    file.extend([0, 0, 0, 0, 0, 0, 0, 0].iter().chain(&u32::MAX.to_ne_bytes()).chain(&[0; 4]));
    let (records, error) = read(&file);
    assert_eq!(records.len(), 3);
    assert!(matches!(error, Some(CaptureError::Malformed { record: 152, .. })), "{error:?}");
}

#[test]
fn a_file_cut_anywhere_gives_its_whole_records_and_then_says_so() {
    // Where records begin in each file, and where it ends.
    let pcap = (small_pcap(Resolution::Nano), vec![24, 100, 136, 152], 24);
    let ng = small_pcapng();
    let mut blocks = vec![0];
    while let Some(len) = ng.get(blocks[blocks.len() - 1] + 4..).and_then(<[u8]>::first_chunk) {
        blocks.push(blocks[blocks.len() - 1] + u32::from_ne_bytes(*len) as usize);
    }
    let pcapng = (ng, blocks, 0);
    for (file, borders, first_record) in [pcap, pcapng] {
        assert_eq!(file.len(), *borders.last().unwrap());
        let whole = read_all(&file);
        for cut in 0..file.len() {
            let (records, error) = read(&file[..cut]);
            assert_eq!(records, whole[..records.len()]);
            let begun = borders.iter().rev().find(|border| **border <= cut).copied().unwrap_or(0);
            if begun == cut && cut > 0 && cut >= first_record {
                assert!(error.is_none(), "cut at {cut}: {error:?}");
            } else {
                match error {
                    Some(CaptureError::Truncated { at, record }) => {
                        assert_eq!((at, record), (cut as u64, begun as u64));
                    }
                    other => panic!("cut at {cut}: {other:?}"),
                }
            }
        }
    }
    let text = read(&small_pcap(Resolution::Nano)[..110]).1.unwrap().to_string();
    assert_eq!(text, "the capture file is cut: it ends at byte 110, inside the record that begins at byte 100");
}

#[test]
fn other_files_are_not_captures() {
    let (_, error) = read(b"#!/bin/sh\n");
    assert!(matches!(error, Some(CaptureError::UnknownFormat([b'#', b'!', b'/', b'b']))));
}

#[test]
fn a_comment_is_cut_between_characters() {
    let mut writer = pcapng::Writer::new(Vec::new()).unwrap();
    writer.add_interface("a", LINK_ETHERNET, 0).unwrap();
    let comment = "\u{e4}".repeat(40_000);
    let info = PacketInfo { comment: Some(&comment), ..PacketInfo::default() };
    writer.write(&info, b"x").unwrap();
    let file = writer.into_inner();
    let option = file.windows(4).position(|w| w == [1_u16.to_ne_bytes(), 65_534_u16.to_ne_bytes()].concat());
    assert!(option.is_some());
    assert_eq!(read_all(&file).len(), 1);
    let other = PacketInfo { interface: 1, ..PacketInfo::default() };
    assert!(pcapng::Writer::new(Vec::new()).unwrap().write(&other, b"x").is_err());
}

/// What tshark prints of a file that it reads from its standard input; `None` without tshark.
fn tshark(file: &[u8]) -> Option<String> {
    use std::io::Write;
    let fields = ["frame.time_epoch", "frame.len", "frame.cap_len", "frame.interface_name", "frame.comment"];
    let mut command = Command::new("tshark");
    command.args(["-r", "-", "-T", "fields", "-E", "separator=,"]);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        println!("skipped: needs tshark");
        return None;
    };
    child.stdin.take().unwrap().write_all(file).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn tshark_reads_what_is_written() {
    for (resolution, fraction) in [(Resolution::Nano, "123456789"), (Resolution::Micro, "123456000")] {
        let Some(text) = tshark(&small_pcap(resolution)) else { return };
        let first = text.lines().next().unwrap();
        assert!(first.contains(fraction) && first.contains(",60,60,"), "{text}");
        assert_eq!(text.lines().count(), 3);
    }
    let Some(text) = tshark(&small_pcapng()) else { return };
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains("123456789") && lines[0].contains(",61,61,eth0"), "{text}");
    assert!(lines[1].contains(",40,33,tun0,dropped: ttl \u{e4}"), "{text}");
}

proptest! {
    #[test]
    fn garbage_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), kind in 0_usize..6) {
        let start: &[u8] = match kind {
            0 => &[],
            1 => &small_pcap(Resolution::Nano)[..24],
            2 => &small_pcap(Resolution::Micro)[..100],
            3 => &small_pcapng()[..88],
            4 => &small_pcapng()[..136],
            _ => &0x0a0d_0d0a_u32.to_ne_bytes(),
        };
        let _ = read(&[start, &bytes].concat());
    }

    #[test]
    fn a_changed_byte_is_survived(at in 0_usize..356, value: u8, ng: bool) {
        let mut file = if ng { small_pcapng() } else { small_pcap(Resolution::Nano) };
        if let Some(byte) = file.get_mut(at) {
            *byte = value;
        }
        let _ = read(&file);
    }
}
