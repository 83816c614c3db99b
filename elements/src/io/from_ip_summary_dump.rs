//! Makes packets from the lines of an IP summary dump.
use super::files;
use super::summary::reader::Reader;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use sluice_dataplane::args::{Args, Bytes, Fraction, IpProto, Raw};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Stream, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::{Env, SetUp};
use sluice_dataplane::files::Files;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State, Task};
use sluice_dataplane::packet::Packet;
use std::io::{BufReader, Cursor};

/// Makes packets from the lines of an IP summary dump.
pub struct FromIPSummaryDump {
    filename: String,
    from: Files,
    data: Vec<u8>,
    size: u64,
    reader: Reader,
    /// Packets of the current line that are still to come.
    several: Option<Several>,
    /// Read, but not yet due.
    waiting: Option<Packet>,
    /// What to add to a timestamp to get the time at which it is due, nanoseconds.
    offset: Option<i128>,
    sample: Fraction,
    active: bool,
    stop: bool,
    timing: bool,
    multipacket: bool,
    checksum: bool,
    allow_nonexistent: bool,
    /// About the arguments.
    warnings: Vec<String>,
}

/// Several packets in one line.
struct Several {
    left: u32,
    /// Lengths of each but the last, and of all that are left, bytes.
    each: u64,
    total: u64,
    step: u64,
    end: u64,
}

impl Configure for FromIPSummaryDump {
    const INFO: &'static Info = &Info {
        ports: "0/1",
        flow: "/a",
        task: Task::IfPush,
        notifies: true,
        state: State::Single,
        args: &[
            Arg::optional("FILENAME", "file name", "", "the dump; ‘-’ is standard input"),
            Arg::keyword("STOP", "boolean", "false", "asks the driver to stop at the end"),
            Arg::keyword("ACTIVE", "boolean", "true", "whether it emits packets"),
            Arg::keyword("ZERO", "boolean", "true", "accepted; bytes that no field gives are always 0"),
            Arg::keyword("TIMING", "boolean", "false", "keeps the time between packets"),
            Arg::keyword("CHECKSUM", "boolean", "false", "fills in checksums, and zeros up to the IP length"),
            Arg::keyword("SAMPLE", "share", "1", "emits each packet with this probability"),
            Arg::keyword("PROTO", "IP protocol", "tcp", "protocol of packets that name none"),
            Arg::keyword("MULTIPACKET", "boolean", "false", "makes as many packets as the line counts"),
            Arg::keyword("FIELDS", "field names", "", "fields of each line until a ‘!data’ line"),
            Arg::keyword("FLOWID", "address port address port [protocol]", "", "for packets that name none"),
            Arg::keyword("ALLOW_NONEXISTENT", "boolean", "false", "a missing file is an empty one"),
            Arg::keyword("DATA", "text", "", "the dump itself, instead of FILENAME"),
            Arg::keyword("BURST", "packets", "as the engine", "accepted"),
        ],
        handlers: &[
            Handler::read("sampling_prob", "share of packets emitted"),
            Handler::both("active", "whether it emits packets"),
            Handler::read("encap", "IP"),
            Handler::read("filename", "the file"),
            Handler::read("filesize", "bytes of the file; ‘-’ when unknown"),
            Handler::read("filepos", "bytes read so far"),
            Handler::write("stop", "emits no more and asks the driver to stop"),
        ],
        doc: "Reads a dump that ToIPSummaryDump has written, or that was written by hand, and makes a packet of each line: \
              an IP header, and as the fields need it an Ethernet header, a TCP, UDP or ICMP header, and payload. The \
              line `!data` names the fields, `!proto`, `!flowid` and `!aggregate` give defaults, `#` begins a remark. A \
              field `-` says nothing.\n\nPackets have their headers marked, the destination address annotation set, and \
              the extra length annotation where a line tells of more bytes than it gives.",
        example: "FromIPSummaryDump(DATA \"!data ip_src ip_dst sport dport ip_proto\n1.0.0.1 2.0.0.2 10 20 U\", STOP true) \
                  -> Discard;",
        see: &["ToIPSummaryDump", "FromDump"],
        ..Info::new("FromIPSummaryDump", "io", "makes packets from the lines of an IP summary dump")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let filename = args.optional_some::<String>("FILENAME");
        let from = env.files();
        if let Some(name) = &filename {
            files::check(args, "FILENAME", &from, name);
        }
        let stop = args.keyword("STOP", false);
        let active = args.keyword("ACTIVE", true);
        args.keyword("ZERO", true);
        let timing = args.keyword("TIMING", false);
        let checksum = args.keyword("CHECKSUM", false);
        let sample = args.keyword("SAMPLE", Fraction::ONE);
        let protocol = args.keyword("PROTO", IpProto(6)).0;
        let multipacket = args.keyword("MULTIPACKET", false);
        let (mut fields, mut flow) = (Raw::default(), Raw::default());
        for name in ["DEFAULT_CONTENTS", "DEFAULT_FIELDS", "CONTENTS", "FIELDS"] {
            fields = args.keyword(name, fields);
        }
        for name in ["DEFAULT_FLOWID", "FLOWID"] {
            flow = args.keyword(name, flow);
        }
        let allow_nonexistent = args.keyword("ALLOW_NONEXISTENT", false);
        let data = args.keyword_some::<Bytes>("DATA");
        args.ignore("BURST");
        match (&filename, &data) {
            (Some(_), Some(_)) => args.error("FILENAME and DATA conflict"),
            (None, None) => args.error_in("FILENAME", "required argument missing"),
            _ => {}
        }
        let mut warnings = Vec::new();
        let mut reader = Reader::new(protocol, args.names().clone());
        if !fields.0.is_empty() {
            for wrong in reader.set_fields(&fields.0) {
                match wrong.strip_prefix("warning: ") {
                    Some(warning) => warnings.push(warning.into()),
                    None => args.error(wrong),
                }
            }
        }
        if !flow.0.is_empty()
            && let Err(why) = reader.set_flow(&flow.0)
        {
            args.error(why);
        }
        FromIPSummaryDump {
            filename: filename.unwrap_or_default(),
            from,
            data: data.map(|d| d.0).unwrap_or_default(),
            size: 0,
            reader,
            several: None,
            waiting: None,
            offset: None,
            sample,
            active,
            stop,
            timing,
            multipacket,
            checksum,
            allow_nonexistent,
            warnings,
        }
    }
}

impl FromIPSummaryDump {
    /// The next packet, however many its line stands for. `None`: none was made, which need not be the end.
    fn read_packet(&mut self, cx: &mut Context<'_>) -> Option<Packet> {
        if self.several.is_none() {
            let more = self.reader.next(self.checksum);
            if !self.reader.messages.is_empty() {
                cx.print(Stream::Err, &self.reader.messages);
                self.reader.messages.clear();
            }
            if !more {
                return None;
            }
            self.several = Several::begin(&mut self.reader, self.multipacket);
        }
        if let Some(s) = &mut self.several {
            s.next(&mut self.reader);
            if s.left == 0 {
                self.several = None;
            }
        }
        let b = &self.reader.build;
        let mut p = cx.receive_bytes(&b.data)?;
        if b.mac.is_some() {
            p.set_mac_off(0);
        }
        if let Some(net) = b.net {
            p.set_net_off(net);
            p.set_transport_off(b.transport);
        }
        if let Some(dst) = b.dst() {
            p.set_dst(dst);
        }
        p.set_timestamp(b.anno.timestamp);
        p.set_paint(b.anno.paint);
        p.set_aggregate(b.anno.aggregate);
        p.set_extra_packets(b.anno.extra_packets);
        p.set_extra_length(u32::try_from(b.want_len.saturating_sub(b.data.len())).unwrap_or(u32::MAX));
        cx.offer_trace(&mut p);
        Some(p)
    }

    /// The next packet that is due; `None` with the timer set, or at the end.
    fn next_due(&mut self, cx: &mut Context<'_>) -> Option<Packet> {
        loop {
            let p = match self.waiting.take() {
                Some(p) => p,
                None => match self.read_packet(cx) {
                    Some(p) => p,
                    None if self.reader.is_done() && self.several.is_none() => return None,
                    None => continue,
                },
            };
            if self.timing {
                let now = cx.now();
                let offset = *self.offset.get_or_insert(i128::from(now) - i128::from(p.timestamp()));
                let due = u64::try_from(i128::from(p.timestamp()) + offset).unwrap_or(0);
                if now < due {
                    cx.timer_at(due);
                    self.waiting = Some(p);
                    return None;
                }
            }
            if self.sample == Fraction::ONE || cx.random() >> (32 - Fraction::BITS) < self.sample.bits() {
                return Some(p);
            }
            cx.drop(p, sluice_dataplane::reason::Reason::Sampled);
        }
    }

    /// Fills a batch. False: nothing more for now.
    fn fill(&mut self, cx: &mut Context<'_>, n: usize, batch: &mut Batch) -> bool {
        if !self.active {
            return false;
        }
        for _ in 0..n {
            match self.next_due(cx) {
                Some(p) => batch.push(p),
                None => {
                    if self.waiting.is_none() && core::mem::take(&mut self.stop) {
                        cx.stop_driver();
                    }
                    return false;
                }
            }
        }
        true
    }
}

impl Several {
    /// Shares out the line's bytes and time; `None` when the line is one packet.
    fn begin(reader: &mut Reader, wanted: bool) -> Option<Several> {
        let b = &mut reader.build;
        let count = b.anno.extra_packets.checked_add(1).filter(|&n| n > 1 && wanted)?;
        let len = b.data.len() as u64;
        let total = (b.want_len as u64).max(len);
        let each = (total / u64::from(count)).max(len);
        let total = total.max(each * u64::from(count));
        let (first, end) = (b.anno.first_timestamp, b.anno.timestamp);
        let step = if first == 0 { 0 } else { end.saturating_sub(first) / u64::from(count - 1) };
        if first != 0 {
            b.anno.timestamp = first;
        }
        // `next` takes a step before each packet.
        b.anno.timestamp = b.anno.timestamp.saturating_sub(step);
        b.anno.extra_packets = 0;
        Some(Several { left: count, each, total, step, end })
    }

    /// Makes the next packet of the line out of the one before.
    fn next(&mut self, reader: &mut Reader) {
        let b = &mut reader.build;
        self.left -= 1;
        let len = if self.left == 0 { self.total } else { self.each };
        self.total -= len;
        b.want_len = len as usize;
        b.anno.timestamp = if self.left == 0 { self.end } else { b.anno.timestamp.saturating_add(self.step) };
        b.set_lengths();
    }
}

impl Element for FromIPSummaryDump {
    fn set_up(&mut self, cx: &mut SetUp<'_>) -> Result<(), String> {
        cx.warnings.append(&mut self.warnings);
        if self.filename.is_empty() {
            self.size = self.data.len() as u64;
            self.reader.open("<data>", Box::new(Cursor::new(core::mem::take(&mut self.data))));
        } else if self.filename == "-" {
            self.reader.open("<stdin>", Box::new(BufReader::new(std::io::stdin())));
        } else if !self.allow_nonexistent || self.from.exists(&self.filename) {
            let file = files::open(&self.from, &self.filename)?;
            let about = file.metadata().map_err(|e| format!("{}: {}", self.filename, files::reason(&e)))?;
            if about.is_file() && about.len() == 0 {
                return Err(format!("{}: empty file", self.filename));
            }
            self.size = about.len();
            self.reader.open(&self.filename, Box::new(BufReader::new(file)));
        }
        Ok(())
    }
    fn run(&mut self, cx: &mut Context<'_>, _up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        if self.fill(cx, cx.burst(), batch) { Activity::Busy } else { Activity::Idle }
    }
    fn pull(&mut self, cx: &mut Context<'_>, _up: &mut Upstream<'_>, _port: usize, n: usize, batch: &mut Batch) {
        if !self.fill(cx, n, batch) {
            cx.rest();
        }
    }
    fn timer(&mut self, cx: &mut Context<'_>, _batch: &mut Batch) {
        cx.wake();
    }
    fn held(&self) -> usize {
        self.waiting.iter().count()
    }
    fn release(&mut self) -> Option<Packet> {
        self.waiting.take()
    }
    fn take_state(&mut self, cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<FromIPSummaryDump>()
            && !self.filename.is_empty()
            && old.filename == self.filename
            && old.from == self.from
        {
            core::mem::swap(&mut self.reader, &mut old.reader);
            (self.several, self.waiting, self.offset) = (old.several.take(), old.waiting.take(), old.offset);
            if self.waiting.is_some() {
                let now = cx.now();
                cx.timer_at(now);
            }
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "sampling_prob" => format!("{}", self.sample.to_f64()),
            "active" => format!("{}", self.active),
            "encap" => "IP".into(),
            "filename" if self.filename.is_empty() => "<data>".into(),
            "filename" => self.filename.clone(),
            "filesize" if self.filename == "-" => "-".into(),
            "filesize" => format!("{}", self.size),
            _ => format!("{}", self.reader.position),
        })
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        if handler == "stop" {
            self.active = false;
            cx.stop_driver();
            return Ok(());
        }
        self.active = value(text, handler)?;
        if self.active {
            cx.set_runnable(true);
            cx.wake();
        }
        Ok(())
    }
}
