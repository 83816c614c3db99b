//! Passes packets of a span of time.
use crate::print::time::Seconds;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use core::any::Any;
use sluice_dataplane::args::{Args, FromArg, HandlerRef, Interval, Raw, shift_word};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{Call, HandlerError, Outcome, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// Passes packets of a span of time.
pub struct TimeFilter {
    config: Config,
    /// Nanoseconds since the epoch: the first time that passes, the first that does not any more.
    start: u64,
    end: u64,
    /// The first packet came, so both are known.
    ready: bool,
    /// The call may be made.
    armed: bool,
    /// The end when the call was made that is not answered yet.
    asked: Option<u64>,
    /// Packets that wait for the answer, the one that caused the call first.
    waiting: VecDeque<Packet>,
    /// Packets found good while nobody pulled.
    passed: VecDeque<Packet>,
}

#[derive(Clone, PartialEq)]
struct Config {
    start: Bound,
    end: Bound,
    call: String,
}

/// A limit, nanoseconds.
#[derive(Clone, Copy, PartialEq)]
enum Bound {
    /// Since the epoch.
    At(u64),
    /// After the first packet's timestamp.
    After(u64),
    /// After the element began to run.
    Delay(u64),
    /// After the other limit.
    Span(u64),
}

/// What becomes of a packet.
enum Verdict {
    Pass,
    Filter,
    /// That is for the call to decide.
    Ask,
}

impl TimeFilter {
    fn judge(&mut self, t: u64) -> Verdict {
        if !core::mem::replace(&mut self.ready, true) {
            if let Bound::After(d) = self.config.start {
                self.start = t.saturating_add(d);
            }
            match self.config.end {
                Bound::After(d) => self.end = t.saturating_add(d),
                Bound::Span(d) => self.end = self.start.saturating_add(d),
                _ => {}
            }
        }
        match t {
            _ if t < self.start => Verdict::Filter,
            _ if t < self.end => Verdict::Pass,
            _ if self.armed && !self.config.call.is_empty() => Verdict::Ask,
            _ => Verdict::Filter,
        }
    }
    fn ask(&mut self, cx: &mut Context<'_>, t: u64) {
        self.armed = false;
        self.asked = Some(self.end);
        let t = format!("{}", Seconds(t));
        cx.call(Call::from_text(&self.config.call.replace("${t}", &t).replace("$t", &t)));
    }
    /// Judges what waited, until the next call.
    fn go_on(&mut self, cx: &mut Context<'_>) {
        let moved = self.asked.take().is_none_or(|end| self.end > end);
        let mut may_ask = moved;
        while let Some(p) = self.waiting.pop_front() {
            match self.judge(p.timestamp()) {
                Verdict::Pass if cx.output_pulls(0) => self.passed.push_back(p),
                Verdict::Pass => cx.emit(0, p),
                Verdict::Ask if may_ask => {
                    self.ask(cx, p.timestamp());
                    self.waiting.push_front(p);
                    break;
                }
                _ => cx.emit_or_drop(1, p, Reason::Filtered),
            }
            may_ask = true;
        }
        if !self.passed.is_empty() {
            cx.wake_pullers();
        }
    }
    fn extend(&mut self, end: u64) {
        self.end = end;
        self.armed = true;
    }
}

/// The only one of these limits that was given.
fn only(args: &mut Args<'_>, names: &str, given: &[Option<Bound>]) -> Option<Bound> {
    let mut given = given.iter().flatten();
    let first = given.next().copied();
    if given.next().is_some() {
        args.error(format!("at most one of {names} may be given"));
    }
    first
}

impl Configure for TimeFilter {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        state: State::Single,
        args: &[
            Arg::optional("START", "time", "", "passes packets from this time on, seconds since the epoch"),
            Arg::optional("END", "time", "", "passes packets before this time, seconds since the epoch"),
            Arg::keyword("START_AFTER", "time", "", "as START, counted from the timestamp of the first packet"),
            Arg::keyword("START_DELAY", "time", "", "as START, counted from when the element began to run"),
            Arg::keyword("END_AFTER", "time", "", "as END, counted from the timestamp of the first packet"),
            Arg::keyword("END_DELAY", "time", "", "as END, counted from when the element began to run"),
            Arg::keyword("INTERVAL", "time", "", "as END, counted from the start"),
            Arg::keyword("STOP", "boolean", "false", "asks the driver to stop when the first packet from END on comes"),
            Arg::keyword("END_CALL", "handler, value", "", "writes that handler instead; $t is the packet's time"),
        ],
        handlers: &[
            Handler::both("start", "the first time that passes"),
            Handler::both("end", "the first time that does not pass any more"),
            Handler::both("interval", "the time between them"),
            Handler::write("extend_interval", "moves the end by so much; END_CALL may be made again"),
        ],
        doc: "Passes packets whose timestamp annotation is in a span of time. The others go to output 1 if that is connected, \
              else they are dropped as `filtered`. Times are seconds unless a unit follows. Without a start everything before \
              the end passes, without an end everything from the start on.\n\n\
              END_CALL is made before its packet is judged: if the call moves the end, the packet may pass, or cause the next \
              call. At most one of START, START_AFTER and START_DELAY may be given, at most one of END, END_AFTER, END_DELAY \
              and INTERVAL, and not both of STOP and END_CALL.",
        example: "RatedSource(RATE 10) -> TimeFilter(START_AFTER 1, INTERVAL 500ms, STOP true) -> Discard;",
        see: &["TimeRange", "SetTimestamp"],
        ..Info::new("TimeFilter", "bytes", "passes packets of a span of time")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let at = |t: Option<Interval>, bound: fn(u64) -> Bound| t.map(|t| bound(t.0));
        let (start, end) = (args.optional_some("START"), args.optional_some("END"));
        let starts = [
            at(start, Bound::At),
            at(args.keyword_some("START_AFTER"), Bound::After),
            at(args.keyword_some("START_DELAY"), Bound::Delay),
        ];
        let ends = [
            at(end, Bound::At),
            at(args.keyword_some("END_AFTER"), Bound::After),
            at(args.keyword_some("END_DELAY"), Bound::Delay),
            at(args.keyword_some("INTERVAL"), Bound::Span),
        ];
        let start = only(args, "START, START_AFTER and START_DELAY", &starts).unwrap_or(Bound::At(0));
        let end = only(args, "END, END_AFTER, END_DELAY and INTERVAL", &ends).unwrap_or(Bound::At(u64::MAX));
        let stop = args.keyword("STOP", false);
        let mut call = args.keyword("END_CALL", Raw::blank()).0;
        if stop && !call.is_empty() {
            args.error("END_CALL and STOP are mutually exclusive");
        } else if stop {
            call = "stop".into();
        } else if !call.is_empty()
            && let Err(why) = HandlerRef::from_arg(shift_word(&call).0, args.names())
        {
            args.error_in("END_CALL", &why);
        }
        TimeFilter {
            config: Config { start, end, call },
            start: 0,
            end: u64::MAX,
            ready: false,
            armed: true,
            asked: None,
            waiting: VecDeque::new(),
            passed: VecDeque::new(),
        }
    }
}

impl Element for TimeFilter {
    fn start(&mut self, cx: &mut Context<'_>) {
        if !self.ready {
            let limit = |b: Bound, now: u64| match b {
                Bound::At(t) => Some(t),
                Bound::Delay(d) => Some(now.saturating_add(d)),
                Bound::After(_) | Bound::Span(_) => None,
            };
            let now = cx.recent();
            self.start = limit(self.config.start, now).unwrap_or(self.start);
            self.end = limit(self.config.end, now).unwrap_or(self.end);
        }
        if self.held() > 0 {
            cx.timer_at(0); // what an old element left behind
        }
    }
    fn timer(&mut self, cx: &mut Context<'_>, _batch: &mut Batch) {
        self.go_on(cx);
    }
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let mut out = cx.spare();
        for p in batch.drain() {
            if self.asked.is_some() || !self.waiting.is_empty() {
                self.waiting.push_back(p);
                continue;
            }
            match self.judge(p.timestamp()) {
                Verdict::Pass => out.push(p),
                Verdict::Filter => cx.emit_or_drop(1, p, Reason::Filtered),
                Verdict::Ask => {
                    self.ask(cx, p.timestamp());
                    self.waiting.push_back(p);
                }
            }
        }
        out.append_to(batch);
        cx.give_spare(out);
    }
    fn pull(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, _port: usize, n: usize, batch: &mut Batch) {
        let ready = self.passed.len().min(n);
        batch.extend(self.passed.drain(..ready));
        if ready == n || self.asked.is_some() {
            return;
        }
        let mut got = cx.spare();
        up.pull(cx, 0, n - ready, &mut got);
        if !got.is_empty() {
            self.process(cx, 0, &mut got);
        }
        got.append_to(batch);
        cx.give_spare(got);
    }
    fn resume(&mut self, cx: &mut Context<'_>, _call: &Call, reply: Reply) -> Outcome {
        self.go_on(cx);
        Outcome::Done(reply)
    }
    fn held(&self) -> usize {
        self.waiting.len() + self.passed.len()
    }
    fn release(&mut self) -> Option<Packet> {
        self.passed.pop_front().or_else(|| self.waiting.pop_front())
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<TimeFilter>() {
            self.passed.append(&mut old.passed);
            self.waiting.append(&mut old.waiting);
            if self.config == old.config {
                (self.start, self.end, self.ready, self.armed) = (old.start, old.end, old.ready, old.armed);
            }
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(format!(
            "{}",
            Seconds(match handler {
                "start" => self.start,
                "end" => self.end,
                _ => self.end.saturating_sub(self.start),
            })
        ))
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        let t = value::<Interval>(text, handler)?.0;
        match handler {
            "start" => {
                self.judge(t); // an end that is counted from the first packet counts from here
                self.start = t;
            }
            "end" => {
                self.config.end = Bound::At(t);
                self.extend(t);
            }
            "interval" => {
                self.config.end = Bound::Span(t);
                self.extend(self.start.saturating_add(t));
            }
            _ => self.extend(self.end.saturating_add(t)),
        }
        Ok(())
    }
}
