//! Counters: one writer, any number of readers.
use crate::reason::REASONS;
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

/// A counter for each [`Reason`](crate::reason::Reason), by its number.
#[derive(Debug)]
pub struct ByReason([Count; REASONS]);

impl Default for ByReason {
    fn default() -> Self {
        ByReason(core::array::from_fn(|_| Count::default()))
    }
}

impl core::ops::Deref for ByReason {
    type Target = [Count; REASONS];
    fn deref(&self) -> &[Count; REASONS] {
        &self.0
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
    /// Adds another element's counts.
    pub fn add(&self, o: &Counts) {
        self.received.add(o.received.get());
        self.created.add(o.created.get());
        self.consumed.add(o.consumed.get());
        self.transmitted.add(o.transmitted.get());
        self.dropped.iter().zip(o.dropped.iter()).for_each(|(a, b)| a.add(b.get()));
    }
    /// Dropped packets, all reasons.
    pub fn drops(&self) -> u64 {
        self.dropped.iter().map(Count::get).sum()
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
