//! The one lock of the data path: for tables that several elements of a graph use.
//!
//! Elements never call each other; those that work on one table (ARPQuerier on an ARPTable) hold it
//! through [`Env::share`](crate::env::Env::share). All elements of a graph replica run on one worker,
//! so the lock is free whenever a packet needs it; it makes the sharing sound, also without `std`.

/// While another thread has the lock: with an operating system, let that thread run.
#[cfg(feature = "std")]
type Wait = spin::relax::Yield;
#[cfg(not(feature = "std"))]
type Wait = spin::relax::Spin;

/// A value that is reached by one at a time.
#[derive(Default)]
pub struct Lock<T>(spin::mutex::Mutex<T, Wait>);

impl<T> Lock<T> {
    /// A free lock around `value`.
    pub const fn new(value: T) -> Lock<T> {
        Lock(spin::mutex::Mutex::new(value))
    }

    /// Runs `f` with the lock held: once a batch, not once a packet. Spins while another thread has it,
    /// so `f` is short. `f` must not take the same lock again: it would wait for ever.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.0.lock())
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn threads_take_turns() {
        let lock = Arc::new(Lock::new(0u64));
        let rounds = if cfg!(miri) { 50 } else { 10_000 };
        let add = |lock: Arc<Lock<u64>>| move || (0..rounds).for_each(|_| lock.with(|n| *n += 1));
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(add(lock.clone()))).collect();
        threads.into_iter().for_each(|t| t.join().expect("thread"));
        assert_eq!(lock.with(|n| *n), 4 * rounds);
    }

    #[test]
    fn a_panic_gives_the_lock_back() {
        let lock = Arc::new(Lock::new(1));
        let other = lock.clone();
        assert!(std::thread::spawn(move || other.with(|_| panic!("on purpose"))).join().is_err());
        assert_eq!(lock.with(|n| *n), 1);
    }
}
