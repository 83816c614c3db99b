//! What arrives of one direction: each frame once, copies, disorder, holes, silence and latency, in constant memory.
use super::group::Groups;
use super::signature::{Mark, Signature};
use super::window::{Seen, Window};
use crate::rfc2544::trial::{Counts, Direction, Gap, Sent, latency_histogram};
use hdrhistogram::Histogram;
use std::time::Duration;

/// Latest holes that late frames are looked for in.
const HOLES: usize = 64;

/// Sequence numbers that were missing when a higher one came.
#[derive(Clone, Copy)]
struct Hole {
    /// The first of them, and the one behind the last.
    from: u64,
    to: u64,
    /// Those of them that are missing still.
    missing: u64,
    /// When the frame behind them was sent, as signatures have it.
    sent: u64,
}

/// The counts of a direction. Times are nanoseconds.
pub(super) struct Arrivals {
    window: Window,
    /// Frames of each phase, each once.
    received: Vec<u64>,
    duplicated: u64,
    reordered: u64,
    /// Damaged ones; those of the direction that came back; others.
    corrupted: u64,
    pub(super) returned: u64,
    pub(super) foreign: u64,
    /// Latest holes, the newest last.
    holes: Vec<Hole>,
    /// When the first hole's frames were sent of those that are not in the list any more.
    older: Option<u64>,
    /// The last arrival, and the longest time between two.
    last: Option<u64>,
    gap: Option<(u64, u64)>,
    latency: Option<Histogram<u64>>,
    /// The same by groups of flows, if there are several.
    groups: Option<Groups>,
}

/// What the sender did in one direction.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Departures {
    /// Of each phase that began: frames that the port took or the device refused, and how long it took.
    pub(super) phases: Vec<(u64, u64)>,
    /// When the last was sent, and when the device refused the last.
    pub(super) last: u64,
    pub(super) refused: Option<u64>,
    /// Frames that the device refused; they are among those of the phases.
    pub(super) refusals: u64,
    /// Frames whose time passed before the tester came to them.
    pub(super) not_offered: u64,
    /// Sequence numbers used.
    pub(super) numbers: u64,
}

impl Arrivals {
    /// Nothing arrived yet of so many phases.
    pub(super) fn new(phases: usize, measured: bool) -> Arrivals {
        Arrivals {
            window: Window::new(),
            received: vec![0; phases],
            duplicated: 0,
            reordered: 0,
            corrupted: 0,
            returned: 0,
            foreign: 0,
            holes: Vec::with_capacity(HOLES),
            older: None,
            last: None,
            gap: None,
            latency: measured.then(latency_histogram),
            groups: None,
        }
    }

    /// The same with `groups` of the flows counted apart, if there are several.
    pub(super) fn by_groups(self, flows: u32, groups: u16) -> Arrivals {
        let measured = self.latency.is_some();
        Arrivals { groups: (groups > 1).then(|| Groups::new(flows, groups, measured)), ..self }
    }

    /// A damaged frame came; its signature where that is whole.
    #[cold]
    pub(super) fn damaged(&mut self, s: Option<&Signature>) {
        self.corrupted += 1;
        if let (Some(groups), Some(s)) = (&mut self.groups, s) {
            groups.corrupted(s);
        }
    }

    /// A whole frame of this direction and trial came at `now`.
    #[inline]
    pub(super) fn frame(&mut self, mark: Mark, s: &Signature, now: u64) {
        if usize::from(mark.phase) >= self.received.len() {
            self.foreign += 1; // no such phase: not a frame that was sent
            return;
        }
        let seen = self.window.see(s.sequence);
        match seen {
            Seen::Ahead(0) => {}
            Seen::Ahead(gap) => self.open(s.sequence - gap, s.sequence, s.time),
            // RFC 4737 section 3.3: it is reordered if its number is below the next expected one.
            Seen::Late(_) => {
                self.reordered += 1;
                self.fill(s.sequence);
            }
            Seen::Again => self.duplicated += 1,
            Seen::TooLate => self.reordered += 1,
        }
        let age = mark.measured.then(|| s.age(now));
        if seen.is_first() {
            if let Some(received) = self.received.get_mut(usize::from(mark.phase)) {
                *received += 1;
            }
            if let (Some(latency), Some(age)) = (&mut self.latency, age) {
                latency.saturating_record(age);
            }
        }
        if let Some(groups) = &mut self.groups {
            groups.frame(s, seen, age);
        }
        let last = self.last.replace(now).unwrap_or(now);
        if now.saturating_sub(last) > self.gap.map_or(0, |(from, to)| to - from) {
            self.gap = Some((last, now));
        }
    }

    #[cold]
    fn open(&mut self, from: u64, to: u64, sent: u64) {
        if self.holes.len() == HOLES {
            // One that was filled goes first; else the oldest, which can be filled no more.
            let at = self.holes.iter().position(|h| h.missing == 0).unwrap_or(0);
            let hole = self.holes.remove(at);
            if hole.missing > 0 {
                self.older = Some(hole.sent);
            }
        }
        self.holes.push(Hole { from, to, missing: to - from, sent });
    }

    #[cold]
    fn fill(&mut self, number: u64) {
        if let Some(hole) = self.holes.iter_mut().rev().find(|h| (h.from..h.to).contains(&number)) {
            hole.missing = hole.missing.saturating_sub(1);
        }
    }

    /// When the last frame was sent that is lost, on the clock: `start` is the time of the first frame, from which the short
    /// times of signatures are understood. A frame in a hole counts as sent with the one behind it.
    fn last_lost(&self, sent: &Departures, start: u64, lost: u64) -> Option<u64> {
        if lost == 0 {
            return None;
        }
        let long = |time: u64| start + Signature { mark: 0, trial: 0, sequence: 0, time: start }.age(time);
        let hole = self.holes.iter().rev().find(|h| h.missing > 0).map(|h| h.sent).or(self.older).map(long);
        let tail = (self.window.next() < sent.numbers).then_some(sent.last);
        [hole, tail, sent.refused].into_iter().flatten().max().or(Some(sent.last))
    }

    /// The counts, beside what was sent. The clock showed `start` at the first test frame of the trial.
    pub(super) fn counts(self, direction: Direction, sent: &Departures, start: u64) -> Counts {
        let after = |time: u64| Duration::from_nanos(time.saturating_sub(start));
        let phases: Vec<Sent> = (sent.phases.iter().zip(&self.received))
            .map(|(&(n, took), &received)| Sent {
                sent: n,
                lost: n.saturating_sub(received),
                took: Duration::from_nanos(took),
            })
            .collect();
        let lost = phases.iter().map(|p| p.lost).sum();
        Counts {
            direction,
            received: phases.iter().map(|p| p.sent - p.lost).sum(),
            duplicated: self.duplicated,
            reordered: self.reordered,
            corrupted: self.corrupted,
            returned: self.returned,
            foreign: self.foreign,
            last_lost: self.last_lost(sent, start, lost).map(after),
            gap: self.gap.map(|(from, to)| Gap { from: after(from), to: after(to) }),
            latency: self.latency,
            groups: self.groups.map_or(Vec::new(), |groups| groups.counts(sent.numbers)),
            phases,
        }
    }
}
