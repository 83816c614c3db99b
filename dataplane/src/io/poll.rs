//! Sleeping until a port has something, a time is over, or another thread calls.
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wake {
    /// Descriptors that can be read or written to, or are in error.
    pub ready: usize,
    /// A [`Waker`] called.
    pub called: bool,
}

/// Lets one thread sleep.
#[derive(Debug)]
pub struct Waiter {
    shared: Arc<Shared>,
}

/// Ends the sleep of a [`Waiter`], from any thread. Calls before the waiter has woken up are one call.
#[derive(Clone, Debug)]
pub struct Waker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    event: OwnedFd,
    /// A call was made that nobody has taken: the event is written, or about to be.
    called: AtomicBool,
}

impl Waiter {
    /// A waiter that nobody has called yet.
    pub fn new() -> io::Result<Self> {
        let event = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { shared: Arc::new(Shared { event, called: AtomicBool::new(false) }) })
    }

    /// A handle for another thread.
    pub fn waker(&self) -> Waker {
        Waker { shared: Arc::clone(&self.shared) }
    }

    /// Sleeps until one of `readable` can be read, one of `writable` can be written to, either is in error, a waker calls, or `timeout` is over; `None`: without end. A call
    /// made before the wait ends it at once. The time-out is precise to the kernel's timer slack, 50 us by default.
    pub fn wait(
        &self,
        readable: &[BorrowedFd<'_>],
        writable: &[BorrowedFd<'_>],
        timeout: Option<Duration>,
    ) -> io::Result<Wake> {
        // Memory is allocated only here, where the thread is about to sleep.
        let mut list = Vec::with_capacity(readable.len() + writable.len() + 1);
        list.push(PollFd::from_borrowed_fd(self.shared.event.as_fd(), PollFlags::IN));
        list.extend(readable.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)));
        list.extend(writable.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::OUT)));
        let timeout = timeout.map(|time| Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(time.subsec_nanos()),
        });
        match rustix::event::poll(&mut list, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let (event, ports) = list.split_first().map_or((false, &[][..]), |(event, ports)| (is_ready(event), ports));
        let ready = ports.iter().filter(|fd| is_ready(fd)).count();
        if event {
            // Before the flag is taken: a call that comes in between finds the flag set and writes nothing, but is seen by
            // the swap. Were it the other way round, its event could be swallowed and its flag left set for ever.
            let _ = rustix::io::read(&self.shared.event, &mut [0; 8]);
        }
        Ok(Wake { ready, called: self.take_call() })
    }

    /// Whether a waker called since the last look; no system call. What the caller wrote before its call is visible
    /// afterwards. The next wait may then end at once without a cause.
    pub fn take_call(&self) -> bool {
        self.shared.called.load(Ordering::Relaxed) && self.shared.called.swap(false, Ordering::AcqRel)
    }
}

fn is_ready(fd: &PollFd<'_>) -> bool {
    !fd.revents().is_empty()
}

impl Waker {
    /// Ends the waiter's sleep, or its next one. Costs a system call only if no call is under way.
    pub fn wake(&self) {
        if !self.shared.called.swap(true, Ordering::AcqRel) {
            // Fails only when the counter is full, and then the waiter wakes all the same.
            let _ = rustix::io::write(&self.shared.event, &1_u64.to_ne_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn a_wait_ends_after_its_time() {
        let waiter = Waiter::new().unwrap();
        let wake = waiter.wait(&[], &[], Some(Duration::from_micros(200))).unwrap();
        assert_eq!(wake, Wake { ready: 0, called: false });
    }

    #[test]
    fn calls_before_the_wait_count_once() {
        let waiter = Waiter::new().unwrap();
        let waker = waiter.waker();
        waker.wake();
        waker.clone().wake();
        assert!(waiter.wait(&[], &[], None).unwrap().called);
        assert!(!waiter.wait(&[], &[], Some(Duration::ZERO)).unwrap().called);
        waker.wake();
        assert!(waiter.take_call());
        assert!(!waiter.take_call());
        waker.wake();
        assert!(waiter.wait(&[], &[], None).unwrap().called);
    }

    #[test]
    fn ready_descriptors_are_counted() {
        let waiter = Waiter::new().unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        let idle = std::io::pipe().unwrap();
        rustix::io::write(&writer, b"x").unwrap();
        let wake = waiter.wait(&[idle.0.as_fd(), reader.as_fd()], &[], None).unwrap();
        assert_eq!(wake, Wake { ready: 1, called: false });
        drop(writer);
    }

    #[test]
    fn no_call_is_lost() {
        let waiter = Waiter::new().unwrap();
        let (waker, done) = (waiter.waker(), Arc::new(AtomicU64::new(0)));
        let count = Arc::clone(&done);
        const CALLS: u64 = 20_000;
        let caller = std::thread::spawn(move || {
            for number in 1..=CALLS {
                count.store(number, Ordering::Relaxed);
                waker.wake();
            }
        });
        // Every wait must be ended by a call: a lost one would leave the last number unseen, and the wait without end.
        let mut seen = 0;
        let mut quiet = 0;
        while seen < CALLS {
            let wake = waiter.wait(&[], &[], Some(Duration::from_secs(20))).unwrap();
            // An event may be left from a call that was already taken, never two in a row.
            quiet = if wake.called { 0 } else { quiet + 1 };
            assert!(quiet < 2, "a call was lost after {seen}");
            seen = done.load(Ordering::Relaxed);
        }
        caller.join().unwrap();
    }
}
