//! What happens, told to whoever listens.
use crate::clock;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use utoipa::ToSchema;

/// Events that a listener may fall behind.
const BEHIND: usize = 1024;
/// Events that are kept for a listener that comes back.
pub const KEPT: usize = 1024;
/// Listeners at a time that are not part of the EMS.
pub const LISTENERS: usize = 32;

/// What happened. The name of the variant is the event's type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum What {
    /// The VNF came to another state.
    State {
        /// `starting`, `running`, `stopped`, `failed`.
        state: String,
        /// What it is doing.
        phase: String,
    },
    /// Another configuration runs.
    Swap {
        /// The function.
        function: String,
        /// Number of the revision.
        revision: u64,
        /// Who wanted it.
        author: String,
        /// Longest time that packets waited for it, nanoseconds.
        pause_ns: u64,
    },
    /// A change that was to be confirmed was taken back.
    Reverted {
        /// The function.
        function: String,
        /// The revision that runs again.
        revision: u64,
    },
    /// A port came up or went down.
    Link {
        /// Its name.
        port: String,
        /// Whether it is up.
        up: bool,
    },
    /// An alarm was raised, or changed.
    AlarmRaised {
        /// Its identifier.
        id: u64,
        /// What it is about.
        text: String,
    },
    /// An alarm is over.
    AlarmCleared {
        /// Its identifier.
        id: u64,
    },
    /// A value passed a threshold.
    Threshold {
        /// What is measured.
        indicator: String,
        /// Its value.
        value: f64,
        /// It is above now.
        above: bool,
    },
}

impl What {
    /// The event's type.
    pub fn name(&self) -> &'static str {
        match self {
            What::State { .. } => "state",
            What::Swap { .. } => "swap",
            What::Reverted { .. } => "reverted",
            What::Link { .. } => "link",
            What::AlarmRaised { .. } => "alarm-raised",
            What::AlarmCleared { .. } => "alarm-cleared",
            What::Threshold { .. } => "threshold",
        }
    }
}

/// An event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Its number; they count up without a gap.
    pub id: u64,
    /// When, RFC 3339.
    pub time: String,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What was told.
#[derive(Debug, Default)]
struct Told {
    last: u64,
    kept: VecDeque<Event>,
}

/// Where events come together. Telling never waits: a listener that is slow misses some, and learns how many.
#[derive(Debug)]
pub struct Events {
    told: Mutex<Told>,
    out: broadcast::Sender<Event>,
    seats: Arc<Semaphore>,
}

impl Default for Events {
    fn default() -> Self {
        let seats = Arc::new(Semaphore::new(LISTENERS));
        Events { told: Mutex::default(), out: broadcast::channel(BEHIND).0, seats }
    }
}

impl Events {
    /// Tells everybody.
    pub fn tell(&self, what: What) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.last += 1;
        let event = Event { id: told.last, time: clock::now(), what };
        if told.kept.len() == KEPT {
            told.kept.pop_front();
        }
        told.kept.push_back(event.clone());
        let _ = self.out.send(event); // nobody listens
    }

    /// The last ones, in order; at most [`KEPT`].
    pub fn recent(&self) -> Vec<Event> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).kept.iter().cloned().collect()
    }

    /// How many were told so far.
    pub fn told(&self) -> u64 {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).last
    }

    /// Listens from number `after` on, or from now on. None when all seats are taken.
    pub fn follow(&self, after: Option<u64>) -> Option<Follower> {
        let seat = self.seats.clone().try_acquire_owned().ok()?;
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let after = match after {
            None => told.last,
            // Numbers begin again with the process: this one is of the process before, and all is new.
            Some(n) if n > told.last => 0,
            Some(n) => n,
        };
        let backlog: VecDeque<Event> = told.kept.iter().filter(|e| e.id > after).cloned().collect();
        let missed = told.last - after - backlog.len() as u64;
        Some(Follower { missed, backlog, live: self.out.subscribe(), _seat: seat })
    }
}

/// What a listener hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// It happened.
    Event(Event),
    /// So many events are lost to this listener.
    Missed(u64),
}

/// A listener: first what it missed while it was away, then what happens.
#[derive(Debug)]
pub struct Follower {
    missed: u64,
    backlog: VecDeque<Event>,
    live: broadcast::Receiver<Event>,
    _seat: OwnedSemaphorePermit,
}

impl Follower {
    /// What it hears next. Waits until something happens; none at the very end.
    pub async fn next(&mut self) -> Option<Heard> {
        use broadcast::error::RecvError;
        if self.missed > 0 {
            return Some(Heard::Missed(std::mem::take(&mut self.missed)));
        }
        if let Some(event) = self.backlog.pop_front() {
            return Some(Heard::Event(event));
        }
        match self.live.recv().await {
            Ok(event) => Some(Heard::Event(event)),
            Err(RecvError::Lagged(n)) => Some(Heard::Missed(n)),
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(events: &Events, times: usize) {
        (0..times).for_each(|i| events.tell(What::Link { port: "eth0".into(), up: i % 2 == 0 }));
    }
    async fn ids(follower: &mut Follower, n: usize) -> Vec<u64> {
        let mut ids = Vec::new();
        for _ in 0..n {
            match follower.next().await {
                Some(Heard::Event(e)) => ids.push(e.id),
                other => panic!("{other:?}"),
            }
        }
        ids
    }

    #[tokio::test]
    async fn who_comes_back_hears_what_happened_meanwhile_and_nothing_twice() {
        let events = Events::default();
        tell(&events, 3);
        let mut back = events.follow(Some(1)).unwrap();
        let mut new = events.follow(None).unwrap();
        tell(&events, 1);
        assert_eq!(ids(&mut back, 3).await, [2, 3, 4]);
        assert_eq!(ids(&mut new, 1).await, [4]);
        // A number of the process before.
        assert_eq!(ids(&mut events.follow(Some(900)).unwrap(), 4).await, [1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn who_was_away_too_long_or_is_too_slow_learns_how_many_it_missed() {
        let events = Events::default();
        tell(&events, KEPT + 10);
        let mut back = events.follow(Some(4)).unwrap();
        assert_eq!(back.next().await, Some(Heard::Missed(6)));
        assert_eq!(ids(&mut back, 1).await, [11]);
        let mut slow = events.follow(None).unwrap();
        tell(&events, BEHIND + 3);
        assert_eq!(slow.next().await, Some(Heard::Missed(3)));
        assert_eq!(ids(&mut slow, 1).await, [KEPT as u64 + 14]);
    }

    #[test]
    fn seats_are_bounded_and_given_back() {
        let events = Events::default();
        let mut all: Vec<Follower> = (0..LISTENERS).map(|_| events.follow(None).unwrap()).collect();
        assert!(events.follow(None).is_none());
        all.pop();
        assert!(events.follow(None).is_some());
    }
}
