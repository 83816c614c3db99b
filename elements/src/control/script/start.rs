//! What starts a script: the graph, the timer, the driver, handlers and packets.
use super::Kind;
use super::parse::{Insn, Target};
use super::run::{Cause, Frame, Runner, frame};
use alloc::string::{String, ToString};
use core::sync::atomic::Ordering::Relaxed;
use sluice_dataplane::args::parse_int;
use sluice_dataplane::context::Context;
use sluice_dataplane::handler::Outcome;
use sluice_dataplane::packet::Packet;

impl Runner {
    pub(super) fn start(&mut self, cx: &mut Context<'_>) {
        self.begin(cx, frame(Cause::Init));
    }

    /// After the variables have their first values.
    pub(super) fn launch(&mut self, cx: &mut Context<'_>) {
        if !matches!(self.kind, Kind::Active | Kind::Driver) {
            return;
        }
        match self.program.insns.first() {
            Some(Insn::Initial) => {
                self.fresh = true;
                let now = cx.recent();
                cx.timer_at(now);
            }
            Some(Insn::WaitTime(_)) => self.begin(cx, frame(Cause::Timer)),
            _ => {}
        }
    }

    pub(super) fn timer(&mut self, cx: &mut Context<'_>) {
        let (cause, suspended) = match self.program.insns.get(self.pos) {
            // The driver lets its manager begin, as it lets it go on later.
            Some(Insn::Initial) if self.kind == Kind::Driver => (Cause::Driver, true),
            Some(Insn::Initial | Insn::WaitTime(_)) => (Cause::Timer, false),
            _ => return,
        };
        self.begin(cx, Frame { suspended, ..self.further(cause, 1) });
    }

    /// Whether the driver goes on.
    pub(super) fn driver_stops(&mut self, cx: &mut Context<'_>) -> bool {
        if self.kind != Kind::Driver {
            return false;
        }
        self.stops = false;
        self.begin(cx, self.further(Cause::Driver, 1));
        !self.stops
    }

    /// The `run` handler, and any handler of a PROXY script.
    pub(super) fn run(&mut self, cx: &mut Context<'_>, handler: &str, args: &str, write: bool) -> Outcome {
        let (handler, args) = (handler.to_string(), args.to_string());
        if self.frames.is_empty() {
            cx.clear_timer();
        }
        self.armed.store(false, Relaxed);
        self.go(cx, Frame { args, handler, write, ..frame(Cause::Handler) })
    }

    /// The `step` handler.
    pub(super) fn step(&mut self, cx: &mut Context<'_>, text: &str) -> Outcome {
        let steps = match text.trim() {
            "" | "router" => 1,
            n => match parse_int::<u32>(n) {
                Ok(n) => n,
                Err(_) => return Outcome::Done(Err("syntax error".into())),
            },
        };
        match self.frames.last_mut() {
            // It runs: the steps are taken as soon as it waits.
            Some(f) => f.left = f.left.saturating_add(steps.into()),
            None => {
                let f = self.further(Cause::Handler, steps.into());
                return self.go(cx, Frame { handler: "step".into(), write: true, ..f });
            }
        }
        Outcome::Done(Ok(String::new()))
    }

    /// The `goto` handler.
    pub(super) fn goto(&mut self, cx: &mut Context<'_>, label: &str) -> Outcome {
        let Some(Target::At(to)) = self.program.find_label(label.trim()) else {
            return Outcome::Done(Err("jump to nonexistent label".into()));
        };
        self.waits.iter_mut().skip(to).for_each(|w| *w = 0);
        match self.frames.last_mut() {
            Some(f) => (f.pos, f.moved) = (to, true),
            None => {
                cx.clear_timer();
                let f = self.further(Cause::Handler, 0);
                return self.go(cx, Frame { pos: to, handler: "goto".into(), write: true, ..f });
            }
        }
        Outcome::Done(Ok(String::new()))
    }

    /// Packets came in through `input`.
    pub(super) fn packet(&mut self, cx: &mut Context<'_>, input: usize, p: Packet) {
        self.waiting.push_back((input, p));
        self.next_packet(cx);
    }

    pub(super) fn next_packet(&mut self, cx: &mut Context<'_>) {
        if self.frames.is_empty()
            && let Some(f) = self.packet_frame()
        {
            self.begin(cx, f);
        }
    }

    fn packet_frame(&mut self) -> Option<Frame> {
        let input = self.waiting.front()?.0;
        self.set_variable("input", input.to_string());
        Some(frame(Cause::Packet))
    }

    /// A packet for the pull output.
    pub(super) fn ready(&mut self) -> Option<Packet> {
        self.ready.pop_front()
    }

    /// Whether a packet's script waits for an answer.
    pub(super) fn is_busy(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn held(&self) -> usize {
        self.waiting.len() + self.ready.len()
    }

    pub(super) fn take_packets(&mut self, old: &mut Runner) {
        self.ready.append(&mut old.ready);
    }

    pub(super) fn release(&mut self) -> Option<Packet> {
        self.ready.pop_front().or_else(|| self.waiting.pop_front().map(|p| p.1))
    }
}
