//! What the supervisor of a program and the elements in front of it know of each other: whether packets may go in, and
//! whether they come back.
//!
//! A door is found by the function's name, so that a graph can be built before the program runs, after it, or without
//! it. Packets never wait here: everything is a plain atomic number.
use std::collections::HashMap;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// How often a stalled program gets a packet, nanoseconds.
const PROBE: u64 = 1_000_000_000;

/// One function's door. Shut until a supervisor opens it.
#[derive(Debug, Default)]
pub struct Door {
    /// The program takes packets.
    up: AtomicBool,
    /// It takes them, and gives none back.
    stalled: AtomicBool,
    /// Packets of this run of the program, over all workers.
    given: AtomicU64,
    returned: AtomicU64,
    /// When the first packet was given since one came back, in the clock of the graph; 0: none was.
    waiting_since: AtomicU64,
    /// When one packet is given to a program that has stalled, in the clock of the graph.
    probe_at: AtomicU64,
    /// There is a program, or was one that failed: what comes back may be its.
    opened: AtomicBool,
    /// A supervisor has it.
    claimed: AtomicBool,
}

/// What a door is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// Packets go in.
    Up,
    /// There is no program that takes them.
    Down,
    /// There is one, and it gives none back.
    Stalled,
}

impl Passage {
    /// The word that handlers use.
    pub fn name(self) -> &'static str {
        match self {
            Passage::Up => "up",
            Passage::Down => "down",
            Passage::Stalled => "stalled",
        }
    }
}

impl Door {
    /// The door of this name, made when it is first asked for. It lasts as long as somebody has it.
    pub fn of(name: &str) -> Arc<Door> {
        static ALL: Mutex<Option<HashMap<String, Weak<Door>>>> = Mutex::new(None);
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        let all = all.get_or_insert_default();
        if let Some(door) = all.get(name).and_then(Weak::upgrade) {
            return door;
        }
        all.retain(|_, door| door.strong_count() > 0);
        let door = Arc::<Door>::default();
        all.insert(name.to_owned(), Arc::downgrade(&door));
        door
    }

    /// For one supervisor alone, until it is [left](Self::leave). False: another one has it.
    pub fn claim(&self) -> bool {
        !self.claimed.swap(true, AcqRel)
    }

    /// Shuts it, for another supervisor to claim.
    pub fn leave(&self) {
        self.shut();
        self.claimed.store(false, Release);
    }

    /// A program begins to take packets, and knows of none.
    pub fn open(&self) {
        for number in [&self.given, &self.returned, &self.waiting_since] {
            number.store(0, Relaxed);
        }
        self.stalled.store(false, Relaxed);
        self.opened.store(true, Relaxed);
        self.up.store(true, Release);
    }

    /// The program takes no packets any more.
    pub fn shut(&self) {
        self.up.store(false, Release);
    }

    /// The program is gone on purpose: what comes from where it was is not its own any more.
    pub(crate) fn close(&self) {
        self.shut();
        self.opened.store(false, Relaxed);
    }

    /// Whether packets may go in.
    pub fn passage(&self) -> Passage {
        match (self.up.load(Acquire), self.stalled.load(Relaxed)) {
            (false, _) => Passage::Down,
            (true, false) => Passage::Up,
            (true, true) => Passage::Stalled,
        }
    }

    /// Whether a program has had packets since it was started on purpose: before that, nothing that comes back is a
    /// program's.
    pub(crate) fn was_opened(&self) -> bool {
        self.opened.load(Relaxed)
    }

    /// Packets that the program was given and did not give back, in this run. Those that got lost on the way stay in it.
    pub fn outstanding(&self) -> u64 {
        self.given.load(Relaxed).saturating_sub(self.returned.load(Relaxed))
    }

    /// `n` packets go in. True if they are the first ones since a packet came back: then `now`, in nanoseconds, is asked.
    pub(crate) fn give(&self, n: u64, now: impl FnOnce() -> u64) -> bool {
        self.given.fetch_add(n, Relaxed);
        let first = self.waiting_since.load(Relaxed) == 0;
        if first {
            // 1 instead of 0: a clock may begin there.
            self.waiting_since.store(now().max(1), Relaxed);
        }
        first
    }

    /// `n` packets came back: whatever went in before, the program works.
    pub(crate) fn take_back(&self, n: u64) {
        self.returned.fetch_add(n, Relaxed);
        self.waiting_since.store(0, Relaxed);
        if self.stalled.load(Relaxed) {
            self.stalled.store(false, Relaxed);
        }
    }

    /// When the first packet was given since one came back.
    pub(crate) fn waiting_since(&self) -> Option<u64> {
        Some(self.waiting_since.load(Relaxed)).filter(|since| *since > 0)
    }

    /// The program has had packets for too long.
    pub(crate) fn stall(&self, now: u64) {
        self.probe_at.store(now.saturating_add(PROBE), Relaxed);
        self.stalled.store(true, Relaxed);
    }

    /// Whether it is time to give a stalled program one packet, which it may give back. One worker is told so.
    pub(crate) fn probe(&self, now: u64) -> bool {
        let at = self.probe_at.load(Relaxed);
        let next = now.saturating_add(PROBE);
        now >= at && self.probe_at.compare_exchange(at, next, Relaxed, Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_has_one_supervisor_and_is_found_by_name_as_long_as_somebody_has_it() {
        let door = Door::of("a door");
        assert!(Arc::ptr_eq(&door, &Door::of("a door")));
        assert!(door.claim() && !door.claim());
        door.open();
        assert_eq!(Door::of("a door").passage(), Passage::Up);
        door.leave();
        assert_eq!(door.passage(), Passage::Down);
        assert!(door.claim());
        drop(door);
        assert!(Door::of("a door").claim(), "a new one");
    }

    #[test]
    fn a_new_run_owes_nothing() {
        let door = Door::default();
        door.open();
        assert!(door.give(5, || 100) && !door.give(5, || unreachable!()));
        door.take_back(3);
        assert_eq!((door.outstanding(), door.waiting_since()), (7, None));
        door.give(1, || 0);
        door.stall(2);
        assert_eq!((door.passage(), door.waiting_since()), (Passage::Stalled, Some(1)));
        door.open();
        assert_eq!((door.passage(), door.outstanding(), door.waiting_since()), (Passage::Up, 0, None));
        door.take_back(9); // of the run before
        assert_eq!(door.outstanding(), 0);
        door.shut();
        assert!(door.was_opened(), "it may still have sent something");
        door.close();
        assert!(!door.was_opened() && door.passage() == Passage::Down);
    }
}
