//! What there is to read, made anew when it is asked for and has become old.
use super::counters::Counters;
use super::engine::Engine;
use super::mib;
use super::tree::Tree;
use crate::clock;
use crate::ems::Ems;
use crate::settings::snmp::Snmp;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// It is used for at least this long.
const FRESH: Duration = Duration::from_millis(50);
/// And for this many times as long as it took to make, so that making it takes a twentieth of a core at most.
const WORTH: u32 = 20;
/// But never longer: a VNF that was slow once is not shown as it was then for minutes.
const OLD: Duration = Duration::from_secs(2);

/// The newest one.
pub(super) struct Snapshots {
    ems: Arc<Ems>,
    engine: Arc<Engine>,
    counters: Arc<Counters>,
    /// What is kept of the VNF between two of them.
    pub(super) kept: mib::Kept,
    contact: String,
    location: String,
    last: Mutex<Option<Snapshot>>,
}

struct Snapshot {
    tree: Tree,
    /// What had happened by then.
    events: u64,
    until: Duration,
}

impl Snapshots {
    /// Of this EMS.
    pub(super) fn new(ems: Arc<Ems>, engine: Arc<Engine>, counters: Arc<Counters>, settings: &Snmp) -> Snapshots {
        let (contact, location) = (settings.contact.clone(), settings.location.clone());
        Snapshots { ems, engine, counters, kept: mib::Kept::default(), contact, location, last: Mutex::default() }
    }

    /// The newest one, if it still counts: not when anything happened since, a swap, say. What the protocol counts is always
    /// that of now.
    pub(super) fn fresh(&self) -> Option<Tree> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let good = last.as_ref().filter(|s| clock::monotonic() < s.until && s.events == self.ems.events.told());
        good.map(|s| self.with_counters(&s.tree))
    }

    /// Makes another one. It may wait for the VNF.
    pub(super) fn make(&self) -> Tree {
        let (begun, events) = (clock::monotonic(), self.ems.events.told());
        let about = mib::About { uptime: self.engine.up_time(), contact: &self.contact, location: &self.location };
        let tree = Tree::new(mib::read(&self.ems, &self.kept, &about));
        let now = clock::monotonic();
        let until = now + ((now - begun) * WORTH).clamp(FRESH, OLD);
        let whole = self.with_counters(&tree);
        let snapshot = Snapshot { tree, events, until };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot);
        whole
    }

    fn with_counters(&self, tree: &Tree) -> Tree {
        tree.with(self.counters.tables(&self.engine))
    }
}
