//! Counters: one writer, any number of readers.
use crate::reason::{REASONS, Reason};
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

/// A counter with one writer and any number of readers. A plain load and store: an atomic addition
/// would cost 25 times as much.
#[derive(Default, Debug)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `n`. By the one writer only.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }
    /// The value.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
    /// Sets the value. By the one writer only.
    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }
}

/// A counter for each [`Reason`], and one for all together: where nothing was dropped, nothing else is looked at.
#[derive(Debug)]
pub struct ByReason {
    all: Count,
    each: [Count; REASONS],
}

impl Default for ByReason {
    fn default() -> Self {
        ByReason { all: Count::default(), each: core::array::from_fn(|_| Count::default()) }
    }
}

impl ByReason {
    /// Counts `n` more. By the one writer only.
    #[inline]
    pub fn add(&self, why: Reason, n: u64) {
        self.all.add(n);
        self.each[why as usize].add(n);
    }
    /// Adds other counts. By the one writer only.
    pub fn add_all(&self, o: &ByReason) {
        if o.total() > 0 {
            self.all.add(o.total());
            self.each.iter().zip(&o.each).for_each(|(a, b)| a.add(b.get()));
        }
    }
    /// Packets dropped for `why`.
    pub fn of(&self, why: Reason) -> u64 {
        self.each[why as usize].get()
    }
    /// Packets dropped, all reasons.
    pub fn total(&self) -> u64 {
        self.all.get()
    }
}

/// What one element did with packets.
#[derive(Default, Debug)]
#[repr(align(128))]
pub struct Counts {
    /// Came in from outside: a device or a file.
    pub received: Count,
    /// Came into being here: sources, copies, answers, fragments.
    pub created: Count,
    /// Did their job here.
    pub consumed: Count,
    /// Left through a device or into a file.
    pub transmitted: Count,
    /// Ended here, by reason.
    pub dropped: ByReason,
}

impl Counts {
    /// Adds another element's counts. Counters that stay as they are are not touched: a graph that was just built is
    /// not in this core's cache.
    pub fn add(&self, o: &Counts) {
        let pairs = [(&self.received, &o.received), (&self.created, &o.created)];
        let more = [(&self.consumed, &o.consumed), (&self.transmitted, &o.transmitted)];
        for (count, other) in pairs.into_iter().chain(more).filter(|(_, o)| o.get() > 0) {
            count.add(other.get());
        }
        self.dropped.add_all(&o.dropped);
    }
    /// Dropped packets, all reasons.
    pub fn drops(&self) -> u64 {
        self.dropped.total()
    }
}

/// The sums over a graph and its predecessors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Totals {
    /// Came in from outside.
    pub received: u64,
    /// Came into being inside.
    pub created: u64,
    /// Left through a port.
    pub transmitted: u64,
    /// Did their job inside.
    pub consumed: u64,
    /// Dropped, all reasons.
    pub dropped: u64,
    /// Inside elements right now.
    pub held: u64,
}

impl core::iter::Sum for Totals {
    fn sum<I: Iterator<Item = Totals>>(all: I) -> Totals {
        all.fold(Totals::default(), |a, b| Totals {
            received: a.received + b.received,
            created: a.created + b.created,
            transmitted: a.transmitted + b.transmitted,
            consumed: a.consumed + b.consumed,
            dropped: a.dropped + b.dropped,
            held: a.held + b.held,
        })
    }
}

impl Totals {
    /// received + created = transmitted + consumed + dropped + held. Of several workers, the sum does:
    /// a packet may come in on one and leave from another.
    pub fn add_up(&self) -> bool {
        self.received + self.created == self.transmitted + self.consumed + self.dropped + self.held
    }
}
