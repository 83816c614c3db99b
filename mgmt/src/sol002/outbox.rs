//! Notifications that wait for one subscriber. Whoever puts one in never waits: the queue is bounded and loses its oldest,
//! and a thread of its own carries them out while there are any.
use super::callback::Callback;
use crate::journal::Journal;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Notifications that may wait.
pub const LONGEST: usize = 64;
/// Pause before the second try; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Tries of one notification; then it is lost.
const TRIES: u32 = 8;

/// The notifications of one subscription. Those that wait are lost when this is dropped.
#[derive(Debug)]
pub struct Outbox(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    callback: Callback,
    journal: Option<Arc<Journal>>,
    queue: Mutex<Queue>,
    closed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<String>,
    /// A thread carries them out.
    busy: bool,
    closed: bool,
    counts: Counts,
}

/// What became of notifications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The subscriber took them.
    pub sent: u64,
    /// It did not, or there were too many.
    pub lost: u64,
}

impl Outbox {
    /// An outbox whose losses are written to the journal.
    pub fn new(callback: Callback, journal: Option<Arc<Journal>>) -> Outbox {
        Outbox(Arc::new(Inner { callback, journal, queue: Mutex::default(), closed: Condvar::new() }))
    }

    /// Puts a notification in.
    pub fn put(&self, notification: String) {
        let mut queue = self.0.queue();
        if queue.waiting.len() == LONGEST {
            queue.waiting.pop_front();
            queue.counts.lost += 1;
        }
        queue.waiting.push_back(notification);
        if !queue.busy {
            let inner = self.0.clone();
            let carrier = std::thread::Builder::new().name("ems-notify".into()).spawn(move || inner.carry());
            queue.busy = carrier.is_ok(); // no thread to be had: the next one tries again
        }
    }

    /// What became of them.
    pub fn counts(&self) -> Counts {
        self.0.queue().counts
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.0.queue().closed = true;
        self.0.closed.notify_all();
    }
}

impl Inner {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry(&self) {
        loop {
            let next = {
                let mut queue = self.queue();
                let next = if queue.closed { None } else { queue.waiting.pop_front() };
                queue.busy = next.is_some();
                next
            };
            let Some(notification) = next else { return };
            match self.deliver(&notification) {
                Ok(()) => self.queue().counts.sent += 1,
                Err(why) => {
                    self.queue().counts.lost += 1;
                    if let Some(journal) = &self.journal {
                        journal.say("ems", &format!("a notification is lost: {why}"));
                    }
                }
            }
        }
    }

    fn deliver(&self, notification: &str) -> Result<(), String> {
        let mut pause = FIRST_PAUSE;
        for tried in 1.. {
            match self.callback.tell(notification) {
                Ok(()) => break,
                Err(failure) if !failure.again || tried == TRIES => return Err(failure.why),
                Err(_) => {}
            }
            let waits = self.closed.wait_timeout_while(self.queue(), pause, |q| !q.closed);
            if waits.is_ok_and(|(queue, _)| queue.closed) {
                return Err("the subscription has ended".into());
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Ok(())
    }
}
