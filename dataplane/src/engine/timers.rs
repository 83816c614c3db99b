//! Timers and simulated time: one heap, run between rounds.
use super::{Core, Engine, Load};
use crate::port::PortSlot;
use core::cmp::Reverse;

impl Core {
    pub(crate) fn set_timer(&mut self, t: u64, id: usize) {
        self.topo.nodes[id].timer = t;
        self.timer_seq += 1;
        self.timers.push(Reverse((t, self.timer_seq, id)));
    }

    /// The next timer that was not replaced by a later setting.
    fn next_timer(&mut self) -> Option<(u64, usize)> {
        while let Some(&Reverse((t, _, id))) = self.timers.peek() {
            if self.topo.nodes[id].timer == t {
                return Some((t, id));
            }
            self.timers.pop();
        }
        None
    }
}

impl Engine {
    /// Runs the timers that are due; false when there was none.
    pub(super) fn run_timers(&mut self) -> bool {
        if self.core.timers.is_empty() {
            return false;
        }
        // One reading, and a bound: a timer that sets itself again for now must not starve tasks.
        let now = self.core.clock.now();
        let bound = self.core.timers.len();
        let mut ran = false;
        for _ in 0..bound {
            let Some((_, id)) = self.core.next_timer().filter(|&(t, _)| t <= now) else { break };
            self.core.timers.pop();
            let node = &mut self.core.topo.nodes[id];
            node.timer = u64::MAX;
            node.runnable |= node.task; // a task sleeps no longer
            self.step(id, |e, cx, _, batch| e.timer(cx, batch));
            ran = true;
        }
        ran
    }

    /// When the next timer fires, nanoseconds since the epoch.
    pub fn next_timer(&mut self) -> Option<u64> {
        self.core.next_timer().map(|t| t.0)
    }

    /// How long it takes until the next timer fires, in nanoseconds of the host.
    pub fn until_next_timer(&mut self) -> Option<u64> {
        self.core.next_timer().map(|t| self.core.clock.wait_until(t.0))
    }

    /// Simulated time jumps to the next timer; false when there is none.
    pub fn jump_to_timer(&mut self) -> bool {
        let next = self.core.next_timer();
        next.map(|(t, _)| self.core.clock.jump(t)).is_some()
    }

    /// Whether time is simulated.
    pub fn is_simulated(&self) -> bool {
        self.core.clock.is_simulated()
    }

    /// Simulated time: runs until somebody stops the driver or nothing can ever happen again; once
    /// every receiving port is exhausted, for `after` nanoseconds at most.
    pub fn run_to_end(&mut self, after: u64) {
        let mut end = None;
        loop {
            let load = self.round();
            let exhausted = || self.core.rx.iter().flatten().all(PortSlot::is_exhausted);
            if end.is_none() && load != Load::Busy && exhausted() {
                end = Some(self.core.clock.peek() + after);
            }
            let over = end.is_some_and(|end| self.core.clock.peek() >= end);
            // Without input, nothing but a timer changes what a waiting task finds.
            let resting = load == Load::Idle || load == Load::Waiting && end.is_some();
            if self.stopping() || over || resting && !self.jump_to_timer() {
                return;
            }
        }
    }

    /// Simulated time: rounds until somebody stops the driver, nothing can ever happen again, or
    /// `max` rounds. Time jumps to the next timer when no task is runnable. Says how many rounds.
    pub fn run_simulated(&mut self, max: u64) -> u64 {
        for n in 0..max {
            let load = self.round();
            if self.stopping() {
                return n + 1;
            }
            if load == Load::Idle && !self.jump_to_timer() {
                return n;
            }
        }
        max
    }
}
