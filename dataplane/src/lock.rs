//! The one lock of the data path: for tables that several elements of a graph use.
//!
//! Elements never call each other; those that work on one table (ARPQuerier on an ARPTable) hold it
//! through [`Env::share`](crate::env::Env::share). All elements of a graph replica run on one worker,
//! so the lock is free whenever it is taken; it makes the sharing sound, also without `std`.
use core::cell::UnsafeCell;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// A value that is reached by one at a time.
#[derive(Default)]
pub struct Lock<T> {
    locked: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: `value` is reached only with the lock held, by one thread at a time, so sharing the lock
// only ever sends the value.
unsafe impl<T: Send> Sync for Lock<T> {}

/// Gives the lock back, also when what ran under it panicked.
struct Held<'a>(&'a AtomicBool);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.store(false, Release);
    }
}

impl<T> Lock<T> {
    /// A free lock around `value`.
    pub const fn new(value: T) -> Lock<T> {
        Lock { locked: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Runs `f` with the lock held: once a batch, not once a packet. Spins while another thread has it,
    /// so `f` is short. `f` must not take the same lock again: it would wait for ever.
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        while self.locked.compare_exchange_weak(false, true, Acquire, Relaxed).is_err() {
            #[cfg(feature = "std")]
            std::thread::yield_now();
            #[cfg(not(feature = "std"))]
            core::hint::spin_loop();
        }
        let _held = Held(&self.locked);
        // SAFETY: the lock is held until `_held` is dropped, after the reference was last used; taking
        // it again inside `f` waits and so makes no second reference.
        f(unsafe { &mut *self.value.get() })
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
