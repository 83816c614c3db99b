//! The sender of a port: frames of all phases, when they are due.
use super::arrivals::Departures;
use super::make::{Maker, Stream};
use super::pace::Pacer;
use super::port::{Full, Out};
use crate::rfc2544::trial::Phase;
use sluice_dataplane::batch::{Batch, MAX_BURST};
use sluice_dataplane::reason::Reason;
use std::sync::mpsc::Receiver;

/// Steps between two looks for answers to the device's questions.
const LOOK: u32 = 64;
/// How long frames are still offered behind a phase's end to a port without room, nanoseconds.
const GRACE: u64 = 2_000_000;
/// How long a port may take nothing before the phase is given up.
const PATIENCE: u64 = 1_000_000_000;

/// Sends one direction through its port. Times are nanoseconds.
pub(super) struct Sender<'a> {
    out: &'a mut Out,
    maker: Maker<'a>,
    phases: &'a [Phase],
    /// The device may be away for longer than a moment.
    patient: bool,
    /// Sent once a second, if anything is.
    query: Option<Vec<u8>>,
    /// The phase, its number, when it began, frames of it that were sent.
    pacer: Option<Pacer>,
    phase: usize,
    began: u64,
    sent: u64,
    /// Frames that the port did not take yet.
    pending: Batch,
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
        Sender {
            out,
            maker: Maker::new(&stream, start),
            phases: stream.phases,
            patient: stream.patient,
            query: stream.query,
            pacer,
            phase: 0,
            began: start,
            sent: 0,
            pending: Batch::default(),
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
        let wanted = due.min(MAX_BURST as u64) as usize;
        self.maker.fill(&mut self.out.cache, &mut self.pending, wanted, self.phase, now);
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

    /// Counts frames that the port took.
    #[inline]
    fn took(&mut self, n: usize, now: u64) {
        if n == 0 {
            return;
        }
        self.sent += self.maker.taken(n);
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
        self.maker.sequence += n;
        self.sent += n;
    }

    /// The port took nothing: the phase ends all the same.
    #[cold]
    fn wait_for_room(&mut self, now: u64) {
        let Some(pacer) = &mut self.pacer else { return };
        let over = match pacer.end() {
            Some(end) if now >= end.saturating_add(GRACE) => true,
            Some(_) if self.patient => false,
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
        self.maker.forget(self.pending.len());
        self.pending.drain().for_each(|p| self.out.cache.free(p));
        if interval > 0.0 && left > 0 {
            match self.device_refuses() {
                true => self.refuse(left, now),
                false => self.departures.not_offered += left,
            }
        }
        self.phase += 1;
        match self.phases.get(self.phase) {
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
        self.departures.numbers = self.maker.sequence;
    }

    /// Answers questions, and asks for management data.
    #[cold]
    fn speak(&mut self, now: u64) {
        if let Ok(answer) = self.answers.try_recv() {
            self.out.send_one(&answer);
        }
        if now >= self.next_query
            && let Some(query) = &self.query
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
            self.phases = &[];
            self.next_phase(now);
        }
    }
}
