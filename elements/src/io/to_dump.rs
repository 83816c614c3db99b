//! Writes packets to a capture file.
use super::encap;
use super::files::{OutFile, check, reason};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use sluice_dataplane::args::{Args, Raw, Word, split_words};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Stream, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::{Env, SetUp};
use sluice_dataplane::files::Files;
use sluice_dataplane::handler::{Call, HandlerError, Outcome, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State, Task};
use sluice_dataplane::io::capture::{CaptureError, LINK_ETHERNET};
use sluice_dataplane::io::pcap::{Resolution, Writer};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// Writes packets to a capture file.
pub struct ToDump {
    filename: String,
    files: Files,
    /// Opened, but not yet begun.
    opened: Option<OutFile>,
    writer: Option<Writer<OutFile>>,
    /// Known from the start, or from the elements named.
    link_type: Option<u16>,
    encap_from: Vec<String>,
    /// Elements that have not yet told their link type.
    asked: usize,
    snap_len: u32,
    extra_length: bool,
    unbuffered: bool,
    resolution: Resolution,
    failed: bool,
    count: u64,
}

impl Configure for ToDump {
    const INFO: &'static Info = &Info {
        ports: "1/0-1",
        flow: "a/a",
        task: Task::IfPull,
        state: State::Single,
        args: &[
            Arg::required("FILENAME", "file name", "where to write; ‘-’ is standard output"),
            Arg::optional("SNAPLEN", "bytes", "2000", "writes at most so many bytes of a packet; 0 for all"),
            Arg::optional("ENCAP", "link type", "ETHER", "what packets begin with: ETHER, IP, SLL, PPP, NULL ..."),
            Arg::keyword("USE_ENCAP_FROM", "element names", "", "elements whose handler ‘encap’ tells that"),
            Arg::keyword("EXTRA_LENGTH", "boolean", "true", "counts bytes that were not captured"),
            Arg::keyword("UNBUFFERED", "boolean", "false", "hands each packet to the system at once"),
            Arg::keyword("NANO", "boolean", "true", "writes nanoseconds, else microseconds"),
        ],
        handlers: &[
            Handler::read("count", "packets written"),
            Handler::read("filename", "the file"),
            Handler::write("reset_counts", "sets count to 0"),
        ],
        doc: "Writes packets to a file in pcap format, with their timestamp annotation or, without one, the time. Packets \
              go on to the output if that is connected. When the file cannot be written any more, this is said once; \
              packets are dropped as `write_failed` then, or go on.\n\nAn existing file is emptied when the graph starts, \
              but continued when the graph replaces one that wrote the same file with the same link type.",
        example: "InfiniteSource(LIMIT 5) -> ToDump(/dev/null, SNAPLEN 100, ENCAP IP);",
        see: &["FromDump", "ToIPSummaryDump"],
        ..Info::new("ToDump", "io", "writes packets to a capture file")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let filename = args.required::<String>("FILENAME");
        let files = env.files();
        check(args, "FILENAME", &files, &filename);
        let snap_len = args.optional("SNAPLEN", 2000u32);
        let name = args.optional_some::<Word>("ENCAP");
        let from = args.keyword_some::<Raw>("USE_ENCAP_FROM");
        let extra_length = args.keyword("EXTRA_LENGTH", true);
        let unbuffered = args.keyword("UNBUFFERED", false);
        let resolution = if args.keyword("NANO", true) { Resolution::Nano } else { Resolution::Micro };
        let mut link_type = Some(LINK_ETHERNET);
        let mut encap_from = Vec::new();
        match (name, from) {
            (Some(_), Some(_)) => args.error("specify at most one of ‘ENCAP’ and ‘USE_ENCAP_FROM’"),
            (Some(name), None) => {
                link_type = encap::parse(&name.0);
                if link_type.is_none() {
                    args.error("bad encapsulation type");
                }
            }
            (None, Some(from)) => {
                link_type = None;
                encap_from.extend(split_words(&from.0).into_iter().map(String::from));
                if encap_from.is_empty() {
                    args.error("element names missing after ‘USE_ENCAP_FROM’");
                }
            }
            (None, None) => {}
        }
        ToDump {
            filename,
            files,
            opened: None,
            writer: None,
            link_type,
            encap_from,
            asked: 0,
            snap_len,
            extra_length,
            unbuffered,
            resolution,
            failed: false,
            count: 0,
        }
    }
}

impl ToDump {
    fn name(&self) -> &str {
        if self.filename == "-" { "<stdout>" } else { &self.filename }
    }

    fn fail(&mut self, cx: &mut Context<'_>, e: &CaptureError) {
        let why = match e {
            CaptureError::Io(e) => reason(e),
            other => format!("{other}"),
        };
        self.complain(cx, &why);
    }

    fn complain(&mut self, cx: &mut Context<'_>, why: &str) {
        if !core::mem::replace(&mut self.failed, true) {
            cx.print(Stream::Err, &format!("ToDump({}): {why}\n", self.name()));
        }
        self.writer = None;
    }

    /// Empties the file and writes its header, once the link type is known.
    fn begin(&mut self, cx: &mut Context<'_>) {
        let Some(link) = self.link_type else { return };
        if let Some(mut file) = self.opened.take() {
            file.begin();
            match Writer::new(file, link, self.snap_len, self.resolution) {
                Ok(writer) => self.writer = Some(writer),
                Err(e) => self.fail(cx, &e),
            }
        }
    }

    /// Writes a packet. False when that failed.
    fn write_packet(&mut self, cx: &mut Context<'_>, p: &Packet) -> bool {
        let Some(writer) = &mut self.writer else { return false };
        let time = if p.timestamp() == 0 { cx.now() } else { p.timestamp() };
        let extra = if self.extra_length { p.extra_length() } else { 0 };
        let written = writer.write(time, (p.len() as u32).saturating_add(extra), p.data());
        match written.and_then(|()| if self.unbuffered { writer.flush() } else { Ok(()) }) {
            Ok(()) => {
                self.count += 1;
                true
            }
            Err(e) => {
                self.fail(cx, &e);
                false
            }
        }
    }
}

impl Element for ToDump {
    fn set_up(&mut self, cx: &mut SetUp<'_>) -> Result<(), String> {
        for name in &self.encap_from {
            if cx.class_of(name).is_none() {
                return Err(format!("no element named ‘{name}’"));
            }
            if !cx.handler_exists(&format!("{name}.encap")) {
                return Err(format!("‘{name}’ has no ‘encap’ read handler"));
            }
        }
        let mut file = OutFile::new(self.filename.clone(), self.files.clone());
        file.open()?;
        self.opened = Some(file);
        Ok(())
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<ToDump>()
            && old.filename == self.filename
            && old.files == self.files
            && (self.link_type.is_none() || self.link_type == old.link_type)
        {
            (self.writer, self.failed, self.count) = (old.writer.take(), old.failed, old.count);
            if self.writer.is_some() || self.failed {
                (self.opened, self.link_type) = (None, old.link_type);
            }
        }
    }
    fn start(&mut self, cx: &mut Context<'_>) {
        if self.link_type.is_none() {
            self.asked = self.encap_from.len();
            for name in &self.encap_from {
                cx.call(Call::read(format!("{name}.encap"), ""));
            }
        }
        self.begin(cx);
    }
    fn resume(&mut self, cx: &mut Context<'_>, call: &Call, reply: Reply) -> Outcome {
        if self.asked > 0 {
            self.asked -= 1;
            let link = reply.as_ref().ok().and_then(|name| encap::parse(name.trim()));
            match link {
                None => self.complain(cx, &format!("‘{}’ did not return a valid encapsulation type", call.path)),
                Some(link) if self.link_type.is_some_and(|l| l != link) => {
                    self.complain(cx, "source encapsulation types disagree");
                }
                Some(link) => self.link_type = Some(link),
            }
            if self.asked == 0 && !self.failed {
                self.begin(cx);
            }
        }
        Outcome::Done(reply)
    }
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        if cx.output_connected(0) {
            for p in batch.iter() {
                self.write_packet(cx, p);
            }
        } else {
            for p in batch.drain() {
                if self.write_packet(cx, &p) { cx.transmitted(p) } else { cx.drop(p, Reason::WriteFailed) }
            }
        }
    }
    fn run(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        if cx.output_connected(0) {
            return Activity::Idle;
        }
        up.pull(cx, 0, cx.burst(), batch);
        let more = !batch.is_empty() || cx.upstream_active(0);
        self.process(cx, 0, batch);
        if more { Activity::Busy } else { Activity::Idle }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(if handler == "count" { format!("{}", self.count) } else { self.name().into() })
    }
    fn write(&mut self, _cx: &mut Context<'_>, _handler: &str, _value: &str) -> Result<(), HandlerError> {
        self.count = 0;
        Ok(())
    }
}
