//! Where the engine's time comes from.

/// Nanoseconds since the Unix epoch, of the host or simulated.
#[derive(Debug)]
pub enum Clock {
    /// Read at most once per round, and only if an element asks or a timer waits: a reading
    /// orders the instruction stream, which at burst 1 costs more than the reading itself.
    Real {
        /// The host's clock; must not go back.
        source: fn() -> u64,
        /// Last reading.
        now: u64,
        /// A new round began since.
        stale: bool,
    },
    /// Each reading adds 1 ns, as in Click; jumps to the next timer when nothing else can run.
    Simulated {
        /// Last reading.
        now: u64,
    },
}

/// Simulated time starts at 1,000,000,000 s, as in Click.
pub const SIMULATED_START: u64 = 1_000_000_000 * 1_000_000_000;

impl Clock {
    /// A clock that reads `source`.
    pub fn real(source: fn() -> u64) -> Clock {
        Clock::Real { source, now: 0, stale: true }
    }
    /// Simulated time at its start.
    pub fn simulated() -> Clock {
        Clock::Simulated { now: SIMULATED_START }
    }
    /// Whether time is simulated.
    pub fn is_simulated(&self) -> bool {
        matches!(self, Clock::Simulated { .. })
    }
    #[inline]
    pub(crate) fn now(&mut self) -> u64 {
        match self {
            Clock::Real { source, now, stale } => {
                if core::mem::take(stale) {
                    *now = source();
                }
                *now
            }
            Clock::Simulated { now } => {
                *now += 1;
                *now
            }
        }
    }
    /// As [`now`](Self::now), but simulated time stays where it is.
    pub(crate) fn recent(&mut self) -> u64 {
        match self {
            Clock::Real { .. } => self.now(),
            Clock::Simulated { now } => *now,
        }
    }
    /// A reading that does not count as one.
    pub(crate) fn peek(&self) -> u64 {
        match self {
            Clock::Real { now, .. } | Clock::Simulated { now } => *now,
        }
    }
    #[inline]
    pub(crate) fn new_round(&mut self) {
        if let Clock::Real { stale, .. } = self {
            *stale = true;
        }
    }
    /// Simulated time jumps forward to `t`.
    pub(crate) fn jump(&mut self, t: u64) {
        if let Clock::Simulated { now } = self {
            *now = (*now).max(t);
        }
    }
}
