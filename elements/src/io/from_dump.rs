//! Reads packets from a capture file.
use super::dump_file::{CaptureFile, Owned};
use super::dump_times::{Times, Verdict};
use super::encap;
use super::files::check;
use alloc::format;
use alloc::string::String;
use core::any::Any;
use sluice_dataplane::args::{Args, Fraction, Interval, Raw};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Stream, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::{Env, SetUp};
use sluice_dataplane::files::Files;
use sluice_dataplane::handler::{Call, HandlerError, Outcome, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State, Task};
use sluice_dataplane::io::capture::Record;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// Reads packets from a capture file.
pub struct FromDump {
    filename: String,
    files: Files,
    file: CaptureFile,
    times: Times,
    /// Read, but not yet due.
    waiting: Option<Packet>,
    /// What to add to a timestamp to get the time at which it is due, nanoseconds.
    offset: Option<i128>,
    sample: Fraction,
    active: bool,
    timing: bool,
    force_ip: bool,
    end: End,
    /// The call at the end was asked for and is not yet done.
    calling: bool,
    count: u64,
}

/// What happens at the end of the file or of the time.
#[derive(Clone, PartialEq, Eq)]
enum End {
    Nothing,
    Stop,
    Deactivate,
    Call(String),
}

impl Configure for FromDump {
    const INFO: &'static Info = &Info {
        ports: "0/1-2",
        flow: "/ah",
        task: Task::IfPush,
        notifies: true,
        state: State::Single,
        args: &[
            Arg::required("FILENAME", "file name", "a pcap or pcapng file; ‘-’ is standard input"),
            Arg::optional("TIMING", "boolean", "false", "keeps the time between packets"),
            Arg::keyword("STOP", "boolean", "false", "asks the driver to stop at the end"),
            Arg::keyword("ACTIVE", "boolean", "true", "whether it emits packets"),
            Arg::keyword("SAMPLE", "share", "1", "emits each packet with this probability"),
            Arg::keyword("FORCE_IP", "boolean", "false", "emits IP packets only, with their headers marked"),
            Arg::keyword("START", "time", "", "passes over packets before this time"),
            Arg::keyword("START_AFTER", "seconds", "", "the same, counted from the first packet"),
            Arg::keyword("END", "time", "", "ends at the first packet of this time or later"),
            Arg::keyword("END_AFTER", "seconds", "", "the same, counted from the first packet"),
            Arg::keyword("INTERVAL", "seconds", "", "the same, counted from the start"),
            Arg::keyword("END_CALL", "handler, value", "", "written at the end instead of stopping"),
            Arg::keyword("FILEPOS", "bytes", "0", "begins there, which must be the start of a packet's record"),
            Arg::keyword("MMAP", "boolean", "false", "accepted"),
        ],
        handlers: &[
            Handler::read("sampling_prob", "share of packets emitted"),
            Handler::both("active", "whether it emits packets"),
            Handler::read("encap", "link type of the packets"),
            Handler::read("filename", "the file"),
            Handler::read("filesize", "bytes of the file; ‘-’ when unknown"),
            Handler::read("filepos", "bytes read so far"),
            Handler::read("packet_filepos", "where the last packet's record begins, bytes"),
            Handler::read("count", "packets emitted"),
            Handler::write("reset_counts", "sets count to 0"),
            Handler::write("reset_timing", "takes the next packet for the first"),
            Handler::write("extend_interval", "moves the end by so many seconds, and goes on"),
            Handler::write("stop", "emits no more and asks the driver to stop"),
        ],
        doc: "Emits the packets of a capture file in order, with timestamp and extra length annotations. Packets of a raw \
              IP file, and with FORCE_IP all, have their IP header marked and their destination address annotation set; \
              what is no IP packet then goes to output 1 if that is connected, else it is dropped.\n\nOf a file that was \
              cut all whole packets are emitted; then the run ends with an error. A graph that replaces one that read the \
              same file goes on where that was.",
        example: "FromDump(in.pcap, STOP true) -> Discard;",
        see: &["ToDump", "FromIPSummaryDump"],
        ..Info::new("FromDump", "io", "reads packets from a capture file")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let filename = args.required::<String>("FILENAME");
        let files = env.files();
        check(args, "FILENAME", &files, &filename);
        let timing = args.optional("TIMING", false);
        let stop = args.keyword("STOP", false);
        let active = args.keyword("ACTIVE", true);
        let sample = args.keyword("SAMPLE", Fraction::ONE);
        let force_ip = args.keyword("FORCE_IP", false);
        let times = Times::configure(args);
        let call = args.keyword_some::<Raw>("END_CALL");
        let filepos = args.keyword("FILEPOS", 0u64);
        args.keyword("MMAP", false);
        let end = match call {
            Some(_) if stop => {
                args.error("END_CALL and STOP are mutually exclusive");
                End::Stop
            }
            Some(call) => End::Call(call.0),
            None if stop => End::Stop,
            None if times.has_end() => End::Deactivate,
            None => End::Nothing,
        };
        FromDump {
            filename,
            files,
            file: CaptureFile::starting_at(filepos),
            times,
            waiting: None,
            offset: None,
            sample,
            active,
            timing,
            force_ip,
            end,
            calling: false,
            count: 0,
        }
    }
}

/// What became of a record.
enum Taken {
    Packet(Packet, u16),
    /// Passed over, or dropped and counted.
    Nothing,
    End(Owned),
}

impl FromDump {
    fn name(&self) -> &str {
        if self.filename == "-" { "<stdin>" } else { &self.filename }
    }

    /// The next packet that is to be emitted and its link type; `None` when there is none for now.
    fn next_packet(&mut self, cx: &mut Context<'_>) -> Option<(Packet, u16)> {
        while self.active && !self.calling {
            let (times, sample) = (&mut self.times, self.sample);
            match self.file.next(|r| take(cx, times, sample, r)) {
                Ok(Some(Taken::Packet(p, link))) => return Some((p, link)),
                Ok(Some(Taken::Nothing)) => {}
                Ok(Some(Taken::End(record))) => {
                    if let End::Call(_) = self.end {
                        // The call decides whether this packet is still wanted.
                        self.file.ahead = Some((self.file.record, Ok(record)));
                    }
                    self.reach_end(cx);
                }
                Ok(None) => {
                    if !core::mem::replace(&mut self.file.ended, true) {
                        self.reach_end(cx);
                    }
                    return None;
                }
                Err(why) => {
                    self.file.ended = true;
                    cx.fail(format!("{}: {why}", self.name()));
                    self.active = false;
                }
            }
        }
        None
    }

    fn reach_end(&mut self, cx: &mut Context<'_>) {
        match &self.end {
            End::Nothing => {}
            End::Deactivate => self.active = false,
            End::Stop => {
                self.active = false;
                cx.stop_driver();
            }
            End::Call(call) => {
                self.calling = true;
                cx.call(Call::from_text(call));
            }
        }
    }

    /// The next packet that is due; `None` when there is none for now.
    fn next_due(&mut self, cx: &mut Context<'_>) -> Option<Packet> {
        loop {
            let mut p = match self.waiting.take() {
                Some(p) => p,
                None => {
                    let (mut p, link) = self.next_packet(cx)?;
                    if !encap::is_raw(link) {
                        p.set_mac_off(0);
                    }
                    if (self.force_ip || encap::is_raw(link)) && !encap::mark_ip(&mut p, link) {
                        cx.offer_trace(&mut p);
                        cx.emit_or_drop(1, p, Reason::BadIp);
                        continue;
                    }
                    p
                }
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
            cx.offer_trace(&mut p);
            self.count += 1;
            return Some(p);
        }
    }

    /// Fills a batch. False: nothing more for now.
    fn fill(&mut self, cx: &mut Context<'_>, n: usize, batch: &mut Batch) -> bool {
        for _ in 0..n {
            match self.next_due(cx) {
                Some(p) => batch.push(p),
                None => return false,
            }
        }
        true
    }

    fn activate(&mut self, cx: &mut Context<'_>, active: bool) {
        self.active = active;
        if active {
            cx.set_runnable(true);
            cx.wake();
        }
    }
}

/// Makes a packet of a record, if it is wanted.
fn take(cx: &mut Context<'_>, times: &mut Times, sample: Fraction, r: &Record<'_>) -> Taken {
    match times.judge(r.timestamp_ns) {
        Verdict::Early => return Taken::Nothing,
        Verdict::End => return Taken::End(Owned::of(r)),
        Verdict::Good => {}
    }
    if sample != Fraction::ONE && cx.random() >> (32 - Fraction::BITS) >= sample.bits() {
        return Taken::Nothing;
    }
    // Some programs write a captured length that is too great.
    let len = r.original_len as usize;
    let data = if len == 0 { r.data } else { r.data.get(..len).unwrap_or(r.data) };
    let Some(mut p) = cx.receive_bytes(data) else { return Taken::Nothing };
    p.set_timestamp(r.timestamp_ns);
    p.set_extra_length(len.saturating_sub(data.len()) as u32);
    Taken::Packet(p, r.link_type)
}

impl Element for FromDump {
    fn set_up(&mut self, _cx: &mut SetUp<'_>) -> Result<(), String> {
        let at = self.file.record;
        self.file.open(&self.files, &self.filename, at)?;
        match self.file.link_type {
            Some(link) if self.force_ip && !encap::knows_ip(link) => {
                Err(format!("{}: unknown linktype {link}; can't force IP packets", self.name()))
            }
            _ => Ok(()),
        }
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
        if let Some(old) = old.downcast_mut::<FromDump>()
            && old.filename == self.filename
            && old.files == self.files
        {
            core::mem::swap(&mut self.file, &mut old.file);
            (self.waiting, self.offset, self.count) = (old.waiting.take(), old.offset, old.count);
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
            "encap" => self.file.link_type.map_or("<none>".into(), encap::name),
            "filename" => self.name().into(),
            "filesize" => self.file.size.map_or("-".into(), |n| format!("{n}")),
            "filepos" => format!("{}", self.file.position()),
            "packet_filepos" => format!("{}", self.file.record),
            _ => format!("{}", self.count),
        })
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "active" => {
                let active = value(text, handler)?;
                self.activate(cx, active);
            }
            "extend_interval" => {
                self.times.extend(value::<Interval>(text, handler)?.0);
                self.activate(cx, true);
            }
            "reset_counts" => self.count = 0,
            "reset_timing" => {
                self.times.reset();
                self.offset = None;
            }
            _ => {
                self.active = false;
                cx.stop_driver();
            }
        }
        Ok(())
    }
    fn resume(&mut self, cx: &mut Context<'_>, _call: &Call, reply: Reply) -> Outcome {
        if let Err(why) = &reply {
            cx.print(Stream::Err, &format!("{}: {why}\n", cx.name()));
        }
        if core::mem::take(&mut self.calling) && self.file.ahead.is_some() {
            let active = self.active;
            self.activate(cx, active);
        }
        Outcome::Done(reply)
    }
}
