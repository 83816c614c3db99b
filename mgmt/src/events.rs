//! What happens, told to whoever listens.
use crate::clock;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::PoisonError;
use tokio::sync::broadcast;
use utoipa::ToSchema;

/// Events that a listener may fall behind.
const BEHIND: usize = 1024;
/// Events that are kept for an engineer.
pub const RECENT: usize = 1024;

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

/// Where events come together. Telling never waits: a listener that is slow misses some, and learns how many.
#[derive(Debug)]
pub struct Events {
    last: Mutex<u64>,
    out: broadcast::Sender<Event>,
    recent: Mutex<VecDeque<Event>>,
}

impl Default for Events {
    fn default() -> Self {
        Events { last: Mutex::new(0), out: broadcast::channel(BEHIND).0, recent: Mutex::default() }
    }
}

impl Events {
    /// Tells everybody.
    pub fn tell(&self, what: What) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last += 1;
        let event = Event { id: *last, time: clock::now(), what };
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == RECENT {
            recent.pop_front();
        }
        recent.push_back(event.clone());
        let _ = self.out.send(event); // nobody listens
    }

    /// The last ones, in order; at most [`RECENT`].
    pub fn recent(&self) -> Vec<Event> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// How many were told so far.
    pub fn told(&self) -> u64 {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.out.subscribe()
    }
}
