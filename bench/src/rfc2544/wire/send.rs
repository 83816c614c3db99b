//! The generator of a port: frames of all phases, when they are due.
use super::arrivals::Departures;
use super::flow::Flows;
use super::frame::Template;
use super::pace::Pacer;
use super::port::{Full, Out};
use super::signature::{BESIDE, Mark, Signature};
use crate::rfc2544::trial::{Phase, Stamps};
use sluice_dataplane::batch::{Batch, MAX_BURST};
use sluice_dataplane::reason::Reason;
use std::sync::mpsc::Receiver;

/// Steps between two looks for answers to the device's questions.
const LOOK: u32 = 64;
/// How long frames are still offered behind a phase's end to a port without room, nanoseconds.
const GRACE: u64 = 2_000_000;
/// How long a port may take nothing before the phase is given up.
const PATIENCE: u64 = 1_000_000_000;
/// RFC 2544 section 11.1: one frame in so many is a broadcast.
const BROADCAST: u32 = 100;

/// What a direction consists of.
pub(super) struct Stream<'a> {
    /// Templates, and which of them comes when.
    pub(super) templates: &'a [Template],
    pub(super) turns: &'a [u16],
    /// The same to the broadcast address, if there are to be broadcasts.
    pub(super) broadcasts: &'a [Template],
    pub(super) flows: Flows,
    /// The port that it starts from, 0 or 1.
    pub(super) from: u8,
    pub(super) trial: u8,
    pub(super) phases: &'a [Phase],
    pub(super) stamps: Stamps,
    /// The device may be away for longer than a moment: it is reset.
    pub(super) patient: bool,
    /// Sent once a second, if anything is.
    pub(super) query: Option<Vec<u8>>,
}

/// Sends one direction through its port. Times are nanoseconds.
pub(super) struct Sender<'a> {
    out: &'a mut Out,
    stream: Stream<'a>,
    /// When the trial starts.
    start: u64,
    /// The phase, its number, when it began, frames of it that were sent.
    pacer: Option<Pacer>,
    phase: usize,
    began: u64,
    sent: u64,
    /// Frames that the port did not take yet; which of them are not counted.
    pending: Batch,
    beside: u64,
    sequence: u64,
    turn: usize,
    flow: u32,
    until_broadcast: u32,
    /// The one frame that is to be measured was not sent yet.
    one: bool,
    /// When the port took something last, or nothing was due.
    alive: u64,
    next_query: u64,
    steps: u32,
    answers: Receiver<Vec<u8>>,
    /// The port was down when it was used last.
    down: bool,
    pub(super) departures: Departures,
}

impl<'a> Sender<'a> {
    /// Begins at `start`, which may not have come yet. What `answers` gives is sent in between.
    pub(super) fn new(out: &'a mut Out, stream: Stream<'a>, start: u64, answers: Receiver<Vec<u8>>) -> Sender<'a> {
        let pacer = stream.phases.first().map(|phase| Pacer::new(phase, start));
        let one = matches!(stream.stamps, Stamps::OneAt(_));
        Sender {
            out,
            stream,
            start,
            pacer,
            phase: 0,
            began: start,
            sent: 0,
            pending: Batch::default(),
            beside: 0,
            sequence: 0,
            turn: 0,
            flow: 0,
            until_broadcast: BROADCAST,
            one,
            alive: start,
            next_query: start,
            steps: 0,
            answers,
            down: false,
            departures: Departures { last: start, ..Departures::default() },
        }
    }

    /// Whether all phases are over.
    pub(super) fn is_done(&self) -> bool {
        self.pacer.is_none()
    }

    /// Sends what is due at `now`, a burst at most.
    #[inline]
    pub(super) fn step(&mut self, now: u64) {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(LOOK) {
            self.speak(now);
        }
        let Some(pacer) = &mut self.pacer else { return };
        let (due, late) = pacer.due(now);
        if due == 0 {
            self.alive = self.alive.max(now);
            if pacer.is_over(now) {
                self.next_phase(now);
            }
            return;
        }
        if late > 0 {
            self.leave_out(late, now);
        }
        self.build(due.min(MAX_BURST as u64) as usize, now);
        if self.pending.is_empty() {
            return self.wait_for_room(now); // no buffer is free
        }
        let taken = self.out.send(&mut self.pending);
        self.down = taken.down;
        self.took(taken.frames, now);
        if taken.frames == 0 {
            self.wait_for_room(now);
        }
    }

    /// Makes frames until so many wait.
    #[inline]
    fn build(&mut self, wanted: usize, now: u64) {
        let mark =
            Mark { from: self.stream.from, measured: self.stream.stamps == Stamps::Every, phase: self.phase as u8 };
        let mut signature =
            Signature { mark: mark.encode(), trial: self.stream.trial, sequence: self.sequence, time: now };
        if !self.stream.broadcasts.is_empty() || self.one {
            return self.build_slowly(wanted, mark, signature);
        }
        let flows = self.stream.flows;
        let only = flows.get(0);
        for _ in self.pending.len()..wanted {
            let Some(mut p) = self.out.cache.alloc() else { return };
            let turn = self.next_turn();
            let flow = if flows.count == 1 { only } else { flows.get(self.next_flow()) };
            if !self.stream.templates.get(turn).is_some_and(|t| t.write(&mut p, &flow, &signature)) {
                return self.out.cache.free(p);
            }
            signature.sequence += 1;
            self.sequence = signature.sequence;
            self.pending.push(p);
        }
    }

    /// The same where one frame is to be measured, or some are broadcasts.
    #[cold]
    fn build_slowly(&mut self, wanted: usize, mark: Mark, mut signature: Signature) {
        for at in self.pending.len()..wanted {
            let Some(mut p) = self.out.cache.alloc() else { return };
            let turn = self.next_turn();
            let next = self.next_flow();
            let flow = self.stream.flows.get(next);
            let mut beside = false;
            if !self.stream.broadcasts.is_empty() {
                self.until_broadcast -= 1;
                if self.until_broadcast == 0 {
                    (self.until_broadcast, beside) = (BROADCAST, true);
                }
            }
            let mut mark = mark;
            let templates = if beside { self.stream.broadcasts } else { self.stream.templates };
            if beside {
                (mark.phase, mark.measured) = (BESIDE, false);
            } else if let Stamps::OneAt(at) = self.stream.stamps
                && self.one
                && u128::from(signature.time.saturating_sub(self.start)) >= at.as_nanos()
            {
                (mark.measured, self.one) = (true, false);
            }
            (signature.mark, signature.sequence) = (mark.encode(), self.sequence);
            if !templates.get(turn).is_some_and(|t| t.write(&mut p, &flow, &signature)) {
                return self.out.cache.free(p);
            }
            self.sequence += u64::from(!beside);
            self.beside |= u64::from(beside) << at;
            self.pending.push(p);
        }
    }

    /// Number of the next frame's template.
    #[inline]
    fn next_turn(&mut self) -> usize {
        let turn = self.stream.turns.get(self.turn).copied().unwrap_or(0);
        self.turn = if self.turn + 1 >= self.stream.turns.len() { 0 } else { self.turn + 1 };
        turn.into()
    }

    /// Number of its flow.
    #[inline]
    fn next_flow(&mut self) -> u32 {
        let flow = self.flow;
        self.flow = if flow + 1 >= self.stream.flows.count { 0 } else { flow + 1 };
        flow
    }

    /// Counts frames that the port took.
    #[inline]
    fn took(&mut self, n: usize, now: u64) {
        if n == 0 {
            return;
        }
        let low = if n >= 64 { u64::MAX } else { (1 << n) - 1 };
        let beside = u64::from((self.beside & low).count_ones());
        self.beside = if n >= 64 { 0 } else { self.beside >> n };
        self.sent += n as u64 - beside;
        (self.alive, self.departures.last) = (now, now);
        if let Some(pacer) = &mut self.pacer {
            pacer.sent(n as u64);
        }
    }

    /// Frames whose time is over: the device refused them if it is that which has no room.
    #[cold]
    fn leave_out(&mut self, n: u64, now: u64) {
        if self.pending.is_empty() || !self.device_refuses() {
            self.departures.not_offered += n;
            return;
        }
        self.refuse(n, now);
        if let Some(pacer) = &mut self.pacer {
            pacer.refused(n);
        }
    }

    /// Whether it is the device's doing that the port takes nothing: its queue is full, or it is gone.
    fn device_refuses(&self) -> bool {
        self.out.full == Full::Device || self.down
    }

    /// Counts frames that have no way into the device.
    fn refuse(&mut self, n: u64, now: u64) {
        self.departures.refusals += n;
        self.departures.refused = Some(now);
        self.sequence += n;
        self.sent += n;
    }

    /// The port took nothing: the phase ends all the same.
    #[cold]
    fn wait_for_room(&mut self, now: u64) {
        let Some(pacer) = &mut self.pacer else { return };
        let over = match pacer.end() {
            Some(end) if now >= end.saturating_add(GRACE) => true,
            Some(_) if self.stream.patient => false,
            _ => now >= self.alive.saturating_add(PATIENCE),
        };
        if over {
            self.next_phase(now);
        }
    }

    /// Ends the phase and begins the next one.
    #[cold]
    fn next_phase(&mut self, now: u64) {
        let Some(pacer) = &mut self.pacer else { return };
        let (left, interval, end) = (pacer.due(now).0, pacer.interval(), pacer.end());
        // What waits for room belongs to the phase that ends.
        let waiting = self.pending.len() as u64 - u64::from(self.beside.count_ones());
        self.pending.drain().for_each(|p| self.out.cache.free(p));
        self.beside = 0;
        self.sequence -= waiting;
        if interval > 0.0 && left > 0 {
            match self.device_refuses() {
                true => self.refuse(left, now),
                false => self.departures.not_offered += left,
            }
        }
        self.phase += 1;
        match self.stream.phases.get(self.phase) {
            Some(next) => {
                // A phase of so many frames ends when the last is sent, and the next frame is due then.
                let begins = end.unwrap_or(now.max(self.departures.last + interval as u64));
                self.departures.phases.push((self.sent, begins - self.began));
                self.pacer = Some(Pacer::new(next, begins));
                self.began = begins;
            }
            None => {
                let last = self.departures.refused.unwrap_or(0).max(self.departures.last).max(self.began);
                self.departures.phases.push((self.sent, last - self.began + interval as u64));
                self.pacer = None;
            }
        }
        (self.sent, self.alive) = (0, now);
        self.departures.numbers = self.sequence;
    }

    /// Answers questions, and asks for management data.
    #[cold]
    fn speak(&mut self, now: u64) {
        if let Ok(answer) = self.answers.try_recv() {
            self.out.send_one(&answer);
        }
        if now >= self.next_query
            && let Some(query) = &self.stream.query
        {
            self.next_query = now + 1_000_000_000;
            self.out.send_one(query);
        }
    }

    /// Has a port that is down look whether its device is back.
    #[cold]
    pub(super) fn revive(&mut self) {
        if self.down {
            self.out.maintain();
        }
    }

    /// Why the port refused frames for what they are, if it did.
    pub(super) fn refusal(&self) -> Option<&'static str> {
        self.out.refused.map(Reason::name)
    }

    /// Ends before its time.
    pub(super) fn stop(&mut self, now: u64) {
        while !self.is_done() {
            self.stream.phases = &[];
            self.next_phase(now);
        }
    }
}
