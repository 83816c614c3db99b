//! The threads of a trial: who sends and who receives when, and when that ends.
use super::receive::Receiver;
use super::send::Sender;
use rustix::process::setpriority_process;
use sluice_dataplane::io::affinity::pin_to_core;
use sluice_dataplane::time::StampClock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Of the threads that send and receive: nobody else should run on their cores for long.
const PRIORITY: i32 = -10;
/// Between two looks after the ports, nanoseconds.
const LOOK_AFTER: u64 = 250_000_000;

/// What the threads of a trial share.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) clock: StampClock,
    pub(super) raised: bool,
    pub(super) late: Duration,
    pub(super) stop: &'a AtomicBool,
    /// Everything was sent.
    pub(super) sent: &'a AtomicBool,
    /// The trial is over.
    pub(super) over: &'a AtomicBool,
}

impl Job<'_> {
    /// Does work on a core, as a thread of DPDK's if DPDK runs.
    pub(super) fn on<R>(&self, core: usize, work: impl FnOnce() -> R) -> R {
        // Where these are not allowed, figures are noisier.
        let _ = pin_to_core(core);
        if self.raised {
            let _ = setpriority_process(None, PRIORITY);
        }
        #[cfg(feature = "dpdk")]
        let _joined = sluice_dataplane::io::dpdk::join();
        work()
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn until(&self) -> u64 {
        self.clock.now().saturating_add(u64::try_from(self.late.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Sends and receives by turns.
    pub(super) fn both(&self, senders: &mut [Sender<'_>; 2], receivers: &mut [Receiver<'_>; 2]) {
        let mut looked = self.clock.now();
        while !senders.iter().all(Sender::is_done) {
            let now = self.clock.now();
            senders.iter_mut().for_each(|s| s.step(now));
            receivers.iter_mut().for_each(|r| r.step(&self.clock));
            if self.stopped() {
                return senders.iter_mut().for_each(|s| s.stop(now));
            }
            if now > looked + LOOK_AFTER {
                looked = now;
                senders.iter_mut().for_each(Sender::revive);
            }
        }
        let until = self.until();
        while self.clock.now() < until && !self.stopped() {
            let now = self.clock.now();
            receivers.iter_mut().for_each(|r| r.step(&self.clock));
            senders.iter_mut().for_each(|s| s.step(now));
        }
    }

    pub(super) fn send(&self, senders: &mut [Sender<'_>; 2]) {
        let _done = Set(self.sent);
        let mut looked = self.clock.now();
        // Afterwards it answers questions until the receiver ends.
        while !self.over.load(Ordering::Relaxed) {
            let now = self.clock.now();
            senders.iter_mut().for_each(|s| s.step(now));
            if self.stopped() {
                senders.iter_mut().for_each(|s| s.stop(now));
            }
            if now > looked + LOOK_AFTER {
                looked = now;
                senders.iter_mut().for_each(Sender::revive);
            }
            if senders.iter().all(Sender::is_done) {
                self.sent.store(true, Ordering::Release);
            }
        }
        senders.iter_mut().for_each(|s| s.stop(self.clock.now()));
    }

    pub(super) fn receive(&self, receivers: &mut [Receiver<'_>; 2]) {
        let _over = Set(self.over);
        let mut until = None;
        while until.is_none_or(|until| self.clock.now() < until) && !self.stopped() {
            receivers.iter_mut().for_each(|r| r.step(&self.clock));
            if until.is_none() && self.sent.load(Ordering::Acquire) {
                until = Some(self.until());
            }
        }
    }
}

/// Sets a flag when its value goes, so that no thread waits for one that panicked.
struct Set<'a>(&'a AtomicBool);

impl Drop for Set<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
