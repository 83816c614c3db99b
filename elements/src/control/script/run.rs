//! Runs a script: one frame for each time that it was started and has not ended.
//!
//! A frame that needs an answer from another element is put on a stack and the call is handed to
//! the engine; when the answer comes, the instruction is done again from its start, with all that
//! was looked up so far taken from the frame's log. So no instruction has to be interruptible in the
//! middle. Suspended frames nest: the last one that asked gets its answer first.
use super::calls::missing;
use super::parse::{How, Insn, Program, Redirect, Target, Text};
use super::{Kind, files};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use sluice_dataplane::args::{FromArg, Interval, NameDb, parse_int, unquote_text};
use sluice_dataplane::confine::Confinement;
use sluice_dataplane::context::{Context, Stream};
use sluice_dataplane::handler::{Call, HandlerError, Outcome, Reply};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// Jumps without a wait after which a script is taken for one that loops for ever, as in Click.
const MAX_JUMPS: u32 = 1000;

/// Why a script runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cause {
    /// The graph starts: `init` and `export`.
    Init,
    /// The timer, or the start of a script that waits at first.
    Timer,
    /// A handler: the caller waits for the result.
    Handler,
    /// Somebody asked the driver to stop.
    Driver,
    /// A packet came.
    Packet,
}

/// How a run ended.
#[derive(Debug)]
enum Ended {
    /// It waits, or has nothing to do.
    Blocked,
    /// `return`.
    Returned(String),
    /// By an instruction that ends the script.
    End(How),
    /// The engine refuses to go on.
    GaveUp(String),
}

/// What the frame knows about the instruction it is at.
pub(super) enum Answer {
    Text(Option<String>),
    Reply(Reply),
}

pub(super) struct Frame {
    pub(super) cause: Cause,
    pub(super) pos: usize,
    /// Steps that it may still take past waits.
    pub(super) left: u64,
    pub(super) jumps: u32,
    /// `$args`, `$0`, `$write`.
    pub(super) args: String,
    pub(super) handler: String,
    pub(super) write: bool,
    pub(super) log: Vec<Answer>,
    pub(super) cursor: usize,
    /// The open call is the instruction's own, not one in its text.
    pub(super) own_call: bool,
    /// This instruction had an error.
    pub(super) failed: bool,
    /// This instruction moved the position.
    pub(super) moved: bool,
    pub(super) errors: Vec<String>,
    /// The line before the errors was printed.
    pub(super) headed: bool,
    /// It has waited for a call, or begins: nobody asks it now whether the driver stops.
    pub(super) suspended: bool,
}

enum Flow {
    Next,
    Jump(usize),
    Ended(Ended),
}

/// The state of a script.
pub(super) struct Runner {
    pub(super) program: Arc<Program>,
    pub(super) kind: Kind,
    /// What it may reach outside of the graph.
    pub(super) confinement: Confinement,
    pub(super) vars: Vec<(String, String)>,
    /// Where it goes on, and with which `$args`.
    pub(super) pos: usize,
    pub(super) args: String,
    /// Steps that each `pause` has seen.
    pub(super) waits: Vec<u32>,
    /// The first step is still to be taken.
    pub(super) fresh: bool,
    pub(super) status: i32,
    pub(super) frames: Vec<Frame>,
    /// The next signal is wanted.
    pub(super) armed: Arc<AtomicBool>,
    /// The driver's request to stop stands.
    pub(super) stops: bool,
    /// Packets whose turn has not come, by input.
    pub(super) waiting: VecDeque<(usize, Packet)>,
    /// Packets for a pull output.
    pub(super) ready: VecDeque<Packet>,
}

/// A frame at the start of the script.
pub(super) fn frame(cause: Cause) -> Frame {
    Frame {
        cause,
        pos: 0,
        left: 0,
        jumps: 0,
        args: String::new(),
        handler: String::new(),
        write: false,
        log: Vec::new(),
        cursor: 0,
        own_call: false,
        failed: false,
        moved: false,
        errors: Vec::new(),
        headed: false,
        suspended: false,
    }
}

impl Runner {
    /// A frame that goes on where the last one waits.
    pub(super) fn further(&self, cause: Cause, left: u64) -> Frame {
        Frame { pos: self.pos, args: self.args.clone(), left, ..frame(cause) }
    }

    pub(super) fn new(program: Program, kind: Kind, confinement: Confinement) -> Runner {
        let vars = program.names.iter().map(|n| (n.clone(), String::new())).collect();
        let waits = program.insns.iter().map(|_| 0).collect();
        Runner {
            program: Arc::new(program),
            kind,
            confinement,
            vars,
            pos: 0,
            args: String::new(),
            waits,
            fresh: false,
            status: 0,
            frames: Vec::new(),
            armed: Arc::new(AtomicBool::new(true)),
            stops: false,
            waiting: VecDeque::new(),
            ready: VecDeque::new(),
        }
    }

    /// Runs a frame that nobody waits for.
    pub(super) fn begin(&mut self, cx: &mut Context<'_>, f: Frame) {
        if let Outcome::Yield(call) = self.go(cx, f) {
            cx.call(call);
        }
    }

    /// The answer to the call of the frame that asked last.
    pub(super) fn resume(&mut self, cx: &mut Context<'_>, call: &Call, reply: Reply) -> Outcome {
        let Some(mut f) = self.frames.pop() else { return Outcome::Done(reply) };
        match reply {
            Err(HandlerError::GaveUp(why)) => {
                if let Some(done) = self.finish(cx, f, Ended::GaveUp(why)) {
                    return Outcome::Done(done);
                }
                return Outcome::Done(Ok(String::new()));
            }
            reply if f.own_call => f.log.push(Answer::Reply(reply)),
            Ok(text) => f.log.push(Answer::Text(Some(text))),
            Err(HandlerError::Failed(why)) => {
                self.report(cx, &mut f, &why);
                f.log.push(Answer::Text(Some(String::new())));
            }
            Err(why) => {
                self.report(cx, &mut f, &missing(&why, &call.path, "read"));
                f.log.push(Answer::Text(None));
            }
        }
        self.go(cx, f)
    }

    pub(super) fn go(&mut self, cx: &mut Context<'_>, mut f: Frame) -> Outcome {
        let program = self.program.clone();
        loop {
            if f.jumps >= MAX_JUMPS {
                let text = format!("{} :: {}: too many jumps, giving up\n", cx.name(), cx.class());
                cx.print(Stream::Err, &text);
                f.pos = program.insns.len();
                cx.clear_timer();
                let done = self.finish(cx, f, Ended::Blocked);
                return Outcome::Done(done.unwrap_or_else(|| Ok(String::new())));
            }
            f.cursor = 0;
            let flow = match program.insns.get(f.pos) {
                Some(insn) => self.instruction(cx, &mut f, insn),
                None => Ok(Flow::Ended(Ended::Blocked)),
            };
            match flow {
                Err(call) => {
                    f.suspended = true;
                    self.frames.push(f);
                    return Outcome::Yield(call);
                }
                Ok(Flow::Ended(ended)) => {
                    let done = self.finish(cx, f, ended);
                    return Outcome::Done(done.unwrap_or_else(|| Ok(String::new())));
                }
                Ok(Flow::Jump(to)) => {
                    f.pos = to;
                    f.jumps += 1;
                }
                Ok(Flow::Next) if f.moved => f.jumps += 1,
                Ok(Flow::Next) => f.pos += 1,
            }
            f.log.clear();
            (f.failed, f.moved) = (false, false);
        }
    }

    /// Does one instruction, or says which call it needs first.
    fn instruction(&mut self, cx: &mut Context<'_>, f: &mut Frame, insn: &Insn) -> Result<Flow, Call> {
        if f.cause == Cause::Init {
            if let Insn::Init(var, text) = insn {
                let value = self.text(cx, f, text)?;
                self.vars[*var].1 = value;
            }
            return Ok(Flow::Next);
        }
        match insn {
            Insn::Initial => {
                if core::mem::take(&mut self.fresh) {
                    f.left = f.left.saturating_sub(1);
                }
            }
            Insn::WaitStep(n) => {
                let seen = &mut self.waits[f.pos];
                let take = f.left.min(n.saturating_sub(*seen).into());
                f.left -= take;
                *seen += take as u32;
                if *seen < *n {
                    return Ok(Flow::Ended(Ended::Blocked));
                }
            }
            Insn::WaitTime(_) if f.left > 0 => {
                f.left -= 1;
                cx.clear_timer();
            }
            Insn::WaitTime(time) => {
                let time = self.expand(cx, f, time, false)?;
                match Interval::from_arg(time.trim(), &NameDb::default()) {
                    Ok(span) => {
                        let at = cx.recent().saturating_add(span.0);
                        cx.timer_at(at);
                    }
                    Err(_) => {
                        self.report(cx, f, "syntax error at ‘wait’");
                        f.pos += 1;
                    }
                }
                return Ok(Flow::Ended(Ended::Blocked));
            }
            Insn::Print { text, newline, redirect } => self.print(cx, f, text, *newline, redirect.as_ref())?,
            Insn::Read(text) => {
                let call = self.expand(cx, f, &text.text, false)?;
                if let Some((name, value)) = self.read(cx, f, &call, text.unquote)? {
                    cx.print(Stream::Err, &format!("{name}:\n{value}\n"));
                }
            }
            Insn::Write(text) => {
                let call = self.expand(cx, f, &text.text, false)?;
                self.write(cx, f, &call, text.unquote)?;
            }
            Insn::Set(var, text) => {
                let value = self.text(cx, f, text)?;
                self.vars[*var].1 = value;
            }
            Insn::Return(text) => {
                let value = self.text(cx, f, text)?;
                self.set_variable("_", value.clone());
                return Ok(Flow::Ended(Ended::Returned(value)));
            }
            Insn::Goto(target, condition) => {
                let condition = self.expand(cx, f, condition, false)?;
                match bool::from_arg(condition.trim(), &NameDb::default()) {
                    _ if condition.trim().is_empty() => {}
                    Ok(true) => {}
                    Ok(false) => return Ok(Flow::Next),
                    Err(_) => {
                        self.report(cx, f, &format!("bad condition ‘{condition}’"));
                        return Ok(Flow::Next);
                    }
                }
                match *target {
                    Target::At(to) => {
                        let passed = to..f.pos.max(to);
                        self.waits[passed].iter_mut().for_each(|w| *w = 0);
                        return Ok(Flow::Jump(to));
                    }
                    Target::End(how) => return Ok(Flow::Ended(Ended::End(how))),
                }
            }
            Insn::End(how, message) => {
                if let Some(text) = message {
                    let message = self.text(cx, f, text)?;
                    self.report(cx, f, &message);
                }
                return Ok(Flow::Ended(Ended::End(*how)));
            }
            Insn::Label(_) | Insn::Init(..) => {}
        }
        Ok(Flow::Next)
    }

    /// `print` and its like: what begins like a name is a read handler, all else a text.
    fn print(
        &mut self,
        cx: &mut Context<'_>,
        f: &mut Frame,
        text: &Text,
        newline: bool,
        redirect: Option<&Redirect>,
    ) -> Result<(), Call> {
        let mut result = if text.text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '@' || c == '_') {
            let call = self.expand(cx, f, &text.text, false)?;
            self.read(cx, f, &call, text.unquote)?.map_or(String::new(), |r| r.1)
        } else {
            unquote_text(&self.expand(cx, f, &text.text, true)?)
        };
        if newline && !f.failed && !result.ends_with('\n') {
            result.push('\n');
        }
        match redirect.filter(|r| !r.file.is_empty() && r.file != "-") {
            None => cx.print(Stream::Out, &result),
            Some(r) => {
                if let Err(why) = files::write(self.confinement.files(), &r.file, r.append, &result) {
                    self.report(cx, f, &why);
                }
            }
        }
        Ok(())
    }

    // --- the end of a run ---

    /// Ends a frame. What a handler's caller gets; nothing for other causes.
    fn finish(&mut self, cx: &mut Context<'_>, mut f: Frame, ended: Ended) -> Option<Reply> {
        if self.frames.is_empty() && f.cause != Cause::Init {
            self.pos = f.pos;
            self.args = core::mem::take(&mut f.args);
        }
        if matches!(ended, Ended::End(How::End)) {
            self.armed.store(true, Relaxed);
        }
        let over = matches!(ended, Ended::End(_));
        match f.cause {
            Cause::Driver if over && !f.suspended => self.stops = true,
            Cause::Driver if over => cx.stop_driver(),
            _ if matches!(ended, Ended::End(How::Stop)) => cx.stop_driver(),
            _ => {}
        }
        let reply = match f.cause {
            Cause::Handler => Some(self.answer(cx, f, ended)),
            Cause::Packet => {
                self.send(cx, &f, ended);
                None
            }
            Cause::Init => {
                self.launch(cx);
                None
            }
            cause => {
                if let Ended::GaveUp(why) = ended {
                    self.report(cx, &mut Frame { headed: f.headed, ..frame(cause) }, &why);
                }
                None
            }
        };
        self.next_packet(cx);
        reply
    }

    /// What the caller of a handler gets. Errors that the script survived are printed if there is a
    /// value to give.
    fn answer(&mut self, cx: &mut Context<'_>, mut f: Frame, ended: Ended) -> Reply {
        let errors = core::mem::take(&mut f.errors);
        let value = match ended {
            Ended::GaveUp(why) => return Err(HandlerError::GaveUp(why)),
            Ended::End(How::Error) => return Err(HandlerError::Failed(errors.join("\n"))),
            Ended::Returned(value) => value,
            _ => String::new(),
        };
        if value.is_empty() && !errors.is_empty() {
            return Err(HandlerError::Failed(errors.join("\n")));
        }
        f.cause = Cause::Timer;
        errors.iter().for_each(|e| self.report(cx, &mut f, e));
        Ok(value)
    }

    /// Sends the packet whose script ended to the output that it returned.
    fn send(&mut self, cx: &mut Context<'_>, f: &Frame, ended: Ended) {
        let Some((_, p)) = self.waiting.pop_front() else { return };
        let out = match ended {
            Ended::Returned(value) => parse_int::<usize>(value.trim()).ok(),
            Ended::End(How::End) => Some(0),
            Ended::GaveUp(why) => {
                self.report(cx, &mut Frame { headed: f.headed, ..frame(Cause::Packet) }, &why);
                None
            }
            _ => None,
        };
        match out {
            Some(0) if cx.output_pulls(0) => {
                self.ready.push_back(p);
                if f.suspended {
                    cx.wake_pullers();
                }
            }
            Some(out) => cx.emit_or_drop(out, p, Reason::Script),
            None => cx.drop(p, Reason::Script),
        }
    }
}
