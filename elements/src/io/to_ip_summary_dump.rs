//! Writes a line, or a binary record, about each packet.
use super::files::{OutFile, check};
use super::summary::describe::{Desc, Look};
use super::summary::{Field, VERSION, Width, find};
use crate::print::time::{Seconds, calendar};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt::Write;
use sluice_dataplane::args::{Args, Raw, quote, split_words, unquote_text};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Stream, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::{Env, SetUp};
use sluice_dataplane::handler::HandlerError;
use sluice_dataplane::info::{Arg, Handler, Info, State, Task};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// Bit of a binary record's length: the record is a line of text.
const TEXTUAL: u32 = 0x8000_0000;

/// Writes a line, or a binary record, about each packet.
pub struct ToIPSummaryDump {
    file: OutFile,
    fields: Vec<&'static Field>,
    needs_ip: bool,
    look: Look,
    header: bool,
    verbose: bool,
    banner: String,
    multipacket: bool,
    bad_packets: bool,
    binary: bool,
    line: String,
    record: Vec<u8>,
}

impl Configure for ToIPSummaryDump {
    const INFO: &'static Info = &Info {
        ports: "1/0-1",
        flow: "a/h",
        task: Task::IfPull,
        state: State::Single,
        args: &[
            Arg::required("FILENAME", "file name", "where to write; ‘-’ is standard output"),
            Arg::keyword("FIELDS", "field names", "ip_src ip_dst", "what each line has"),
            Arg::keyword("HEADER", "boolean", "true", "whether lines with ‘!’ stand before the others"),
            Arg::keyword("VERBOSE", "boolean", "false", "names host and time before the first line"),
            Arg::keyword("BANNER", "text", "", "names a creator before the first line"),
            Arg::keyword("MULTIPACKET", "boolean", "false", "writes a line for each packet that a packet stands for"),
            Arg::keyword("BAD_PACKETS", "boolean", "false", "writes what is wrong with a packet before its line"),
            Arg::keyword("CAREFUL_TRUNC", "boolean", "true", "a packet shorter than its IP length is a bad one"),
            Arg::keyword("EXTRA_LENGTH", "boolean", "true", "counts bytes that were not captured"),
            Arg::keyword("BINARY", "boolean", "false", "writes records instead of lines"),
        ],
        handlers: &[Handler::write("flush", "hands everything written so far to the system")],
        doc: "Writes a line with the fields wanted for each packet; `-` for a field that the packet does not have. Packets \
              go on to the output if that is connected. The headers of packets must be marked, by CheckIPHeader or \
              MarkIPHeader.\n\nFields: timestamp ntimestamp ts_sec ts_usec ts_usec1 count link paint direction aggregate \
              wire_len thread; eth_src eth_dst eth_type; ip_src ip_dst ip_frag ip_fragoff ip_len ip_proto ip_hl ip_id \
              ip_tos ip_dscp ip_ecn ip_ttl ip_sum ip_opt ip_capture_len; sport dport; tcp_seq tcp_ack tcp_off tcp_flags \
              tcp_opt tcp_ntopt tcp_sack tcp_window tcp_urp; udp_len; icmp_type icmp_code icmp_type_name icmp_code_name \
              icmp_flowid icmp_seq icmp_nextmtu; payload payload_len payload_md5 payload_md5_hex.\n\nAn existing file is \
              emptied when the graph starts, but continued when the graph replaces one that wrote the same file.",
        example: "InfiniteSource(LIMIT 1) -> ToIPSummaryDump(-, FIELDS timestamp ip_src ip_dst);",
        see: &["FromIPSummaryDump", "ToDump"],
        ..Info::new("ToIPSummaryDump", "io", "writes a line about each packet")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let filename = args.required::<String>("FILENAME");
        let mut fields = Raw("ip_src ip_dst".into());
        for name in ["DATA", "CONTENTS", "FIELDS"] {
            fields = args.keyword(name, fields);
        }
        let verbose = args.keyword("VERBOSE", false);
        let header = args.keyword("HEADER", true);
        let banner = args.keyword("BANNER", String::new());
        let multipacket = args.keyword("MULTIPACKET", false);
        let bad_packets = args.keyword("BAD_PACKETS", false);
        let careful = args.keyword("CAREFUL_TRUNC", true);
        let extra_length = args.keyword("EXTRA_LENGTH", true);
        let binary = args.keyword("BINARY", false);
        let files = env.files();
        // Lines for standard output are printed, which every element may.
        if binary || filename != "-" {
            check(args, "FILENAME", &files, &filename);
        }
        let mut found = Vec::new();
        for word in split_words(&fields.0).into_iter().map(unquote_text) {
            match find(&word) {
                None => args.error(format!("unknown content type ‘{word}’")),
                Some(f) if binary && f.width == Width::None => {
                    args.error(format!("cannot use field {word} with BINARY"));
                }
                Some(f) => found.push(f),
            }
        }
        if found.is_empty() {
            args.error("no contents specified");
        }
        ToIPSummaryDump {
            file: OutFile::new(filename, files),
            needs_ip: found.iter().any(|f| f.needs_ip()),
            multipacket: multipacket && found.iter().all(|f| f.name != "count"),
            fields: found,
            look: Look { careful, extra_length },
            header,
            verbose,
            banner,
            bad_packets,
            binary,
            line: String::new(),
            record: Vec::new(),
        }
    }
}

impl ToIPSummaryDump {
    /// The lines before the first packet.
    fn write_header(&mut self, cx: &mut Context<'_>) {
        let out = &mut self.line;
        out.clear();
        let _ = writeln!(out, "!IPSummaryDump {}.{}", VERSION.0, VERSION.1);
        if !self.banner.is_empty() {
            let _ = writeln!(out, "!creator {}", quote(self.banner.as_bytes()));
        }
        if self.verbose {
            if let Ok(host) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
                let _ = writeln!(out, "!host {}", host.trim());
            }
            let now = cx.now();
            let _ = writeln!(out, "!runtime {} ({})", Seconds(now), calendar(now));
        }
        out.push_str("!data");
        for field in &self.fields {
            let name = if field.name == "ntimestamp" && !self.binary { "timestamp" } else { field.name };
            let _ = write!(out, " {name}");
        }
        out.push('\n');
        if self.binary {
            out.push_str("!binary\n");
        }
        self.put(cx);
    }

    /// Writes what is in `line`. False when that failed.
    fn put(&mut self, cx: &mut Context<'_>) -> bool {
        if self.file.is_stdout() && !self.binary {
            cx.print(Stream::Out, &self.line);
            return true;
        }
        let done = self.file.put(self.line.as_bytes());
        self.report(cx, done)
    }

    fn report(&self, cx: &mut Context<'_>, done: Result<(), Option<String>>) -> bool {
        if let Err(Some(why)) = &done {
            cx.print(Stream::Err, &format!("ToIPSummaryDump({why})\n"));
        }
        done.is_ok()
    }

    /// Writes all lines of a packet. False when that failed.
    fn write_packet(&mut self, cx: &mut Context<'_>, p: &Packet) -> bool {
        let count = if self.multipacket { u64::from(p.extra_packets()) + 1 } else { 1 };
        if count == 1 {
            return self.write_one(cx, p, p.extra_length());
        }
        let len = p.len() as u64;
        let extra = if self.look.extra_length { u64::from(p.extra_length()) } else { 0 };
        let mut total = (len + extra).max(count * len);
        for left in (1..=count).rev() {
            let share = total / left;
            total -= share;
            if !self.write_one(cx, p, u32::try_from(share - len).unwrap_or(u32::MAX)) {
                return false;
            }
        }
        true
    }

    fn write_one(&mut self, cx: &mut Context<'_>, p: &Packet, extra: u32) -> bool {
        let mut d = Desc::new(p, self.look);
        d.extra = extra;
        if self.needs_ip {
            d.prepare(self.look);
        }
        self.line.clear();
        self.record.clear();
        if self.binary {
            self.record.extend([0; 4]);
            self.fields.iter().for_each(|f| f.print_binary(&mut d, &mut self.record));
            let len = (self.record.len() as u32).to_be_bytes();
            self.record[..4].copy_from_slice(&len);
            if let Some(bad) = d.bad.filter(|_| self.bad_packets) {
                let note = format!("!bad {bad}\n");
                let head = (note.len() as u32 + 4) | TEXTUAL;
                self.record.splice(0..0, head.to_be_bytes().into_iter().chain(note.bytes()));
            }
            let done = self.file.put(&self.record);
            return self.report(cx, done);
        }
        for (i, field) in self.fields.iter().enumerate() {
            if i > 0 {
                self.line.push(' ');
            }
            field.print(&mut d, &mut self.line);
        }
        self.line.push('\n');
        if let Some(bad) = d.bad.filter(|_| self.bad_packets) {
            self.line.insert_str(0, &format!("!bad {bad}\n"));
        }
        self.put(cx)
    }
}

impl Element for ToIPSummaryDump {
    fn set_up(&mut self, _cx: &mut SetUp<'_>) -> Result<(), String> {
        self.file.open()
    }
    fn start(&mut self, cx: &mut Context<'_>) {
        if self.file.begin() && self.header {
            self.write_header(cx);
        }
    }
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        if cx.output_connected(0) {
            for p in batch.iter() {
                self.write_packet(cx, p);
            }
            return;
        }
        for p in batch.drain() {
            if self.write_packet(cx, &p) { cx.transmitted(p) } else { cx.drop(p, Reason::WriteFailed) }
        }
    }
    fn run(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        up.pull(cx, 0, cx.burst(), batch);
        let more = !batch.is_empty() || cx.upstream_active(0);
        self.process(cx, 0, batch);
        if more { Activity::Busy } else { Activity::Idle }
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<ToIPSummaryDump>() {
            let same = |a: &[&Field], b: &[&Field]| a.iter().map(|f| f.name).eq(b.iter().map(|f| f.name));
            if self.binary == old.binary && same(&self.fields, &old.fields) {
                self.file.take(&mut old.file);
            }
        }
    }
    fn write(&mut self, cx: &mut Context<'_>, _handler: &str, _value: &str) -> Result<(), HandlerError> {
        let done = self.file.sync();
        self.report(cx, done);
        Ok(())
    }
}
