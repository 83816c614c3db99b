//! The life of a function whose guest may fail: when it is started again.
use crate::fault::{ExitCode, Fault};

/// What a function does: words of RFC 3165 section 6 (`smRunState`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum State {
    /// Not started yet.
    #[default]
    Initializing,
    /// Packets pass through the guest.
    Executing,
    /// The guest failed, and waits to be started again.
    Suspended,
}

impl State {
    /// The RFC's word.
    pub fn name(self) -> &'static str {
        match self {
            State::Initializing => "initializing",
            State::Executing => "executing",
            State::Suspended => "suspended",
        }
    }
}

/// Shortest and longest time from a failure to the next start, nanoseconds. It doubles with each failure.
const FIRST_PAUSE: u64 = 10_000_000;
const LONGEST_PAUSE: u64 = 10_000_000_000;

/// Who has run for so long, nanoseconds, is taken for healthy: the next failure is a first one again.
const HEALTHY: u64 = 60_000_000_000;

/// What happened to a function so far.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// What it does.
    pub state: State,
    /// Times that it failed.
    pub traps: u64,
    /// Times that it was started again.
    pub restarts: u64,
    /// Why it failed last.
    pub last_error: Option<Fault>,
    /// When it was started, nanoseconds since the epoch.
    started: u64,
    /// Failures in a row.
    row: u32,
}

impl Life {
    /// The guest runs from `now` on.
    pub fn started(&mut self, now: u64) {
        self.restarts += u64::from(self.state == State::Suspended);
        self.state = State::Executing;
        self.started = now;
    }
    /// The guest failed at `now`: when to start it again.
    pub fn failed(&mut self, fault: Fault, now: u64) -> u64 {
        if self.state == State::Executing && now.saturating_sub(self.started) >= HEALTHY {
            self.row = 0;
        }
        self.state = State::Suspended;
        self.traps += 1;
        self.last_error = Some(fault);
        let pause = FIRST_PAUSE.saturating_mul(1 << self.row.min(32)).min(LONGEST_PAUSE);
        self.row = self.row.saturating_add(1);
        now.saturating_add(pause)
    }
    /// It was ended, to be started again.
    pub fn suspend(&mut self) {
        self.state = State::Suspended;
    }
    /// What was to be taken over from an earlier graph could not be.
    pub fn missed(&mut self, fault: Fault) {
        self.traps += u64::from(!matches!(fault, Fault::Refused(_)));
        self.last_error = Some(fault);
    }
    /// How it ended last.
    pub fn exit_code(&self) -> ExitCode {
        self.last_error.as_ref().map_or(ExitCode::NoError, Fault::exit_code)
    }
    /// What an earlier function of the same name lived through counts as this one's.
    pub fn continues(&mut self, old: &Life) {
        let state = self.state;
        *self = Life { state, ..old.clone() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fails_again_waits_twice_as_long_until_it_has_run_well() {
        let mut life = Life::default();
        life.started(0);
        assert_eq!(life.failed(Fault::Limit, 1000), 1000 + FIRST_PAUSE);
        assert_eq!((life.state, life.exit_code().name()), (State::Suspended, "lifeTimeExceeded"));
        life.started(20_000_000);
        assert_eq!(life.failed(Fault::Limit, 20_000_000), 20_000_000 + 2 * FIRST_PAUSE);
        assert_eq!(life.failed(Fault::Limit, 0), 4 * FIRST_PAUSE, "it did not even start");
        for _ in 0..100 {
            life.failed(Fault::Limit, 0);
        }
        assert_eq!(life.failed(Fault::Limit, 0), LONGEST_PAUSE);
        life.started(0);
        assert_eq!(life.failed(Fault::Limit, HEALTHY), HEALTHY + FIRST_PAUSE);
        assert_eq!((life.traps, life.restarts), (105, 2));
    }
}
