//! Where the engine's time comes from.
use alloc::format;
use alloc::string::String;

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
        /// How the host's time becomes the engine's.
        warp: Warp,
    },
    /// Each reading adds 1 ns, as in Click; jumps to the next timer when nothing else can run.
    Simulated {
        /// Last reading.
        now: u64,
    },
}

/// Time that runs faster or slower than the host's, from some moment on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Warp {
    /// That moment by the host's clock, and by the engine's.
    from: u64,
    to: u64,
    speed: f64,
    /// What waits for a time does not wait: time jumps there.
    jumps: bool,
}

impl Warp {
    const NONE: Warp = Warp { from: 0, to: 0, speed: 1.0, jumps: false };

    /// The engine's time at `raw` by the host's clock.
    fn bend(&self, raw: u64) -> u64 {
        let passed = raw.saturating_sub(self.from);
        self.to.saturating_add(if self.speed == 1.0 { passed } else { (passed as f64 * self.speed) as u64 })
    }

    /// How long by the host's clock a span of the engine's takes.
    fn unbend(&self, span: u64) -> u64 {
        if self.speed == 1.0 { span } else { (span as f64 / self.speed) as u64 + 1 }
    }
}

/// Simulated time starts at 1,000,000,000 s, as in Click.
pub const SIMULATED_START: u64 = 1_000_000_000 * 1_000_000_000;

impl Clock {
    /// A clock that reads `source`.
    pub fn real(source: fn() -> u64) -> Clock {
        Clock::Real { source, now: 0, stale: true, warp: Warp::NONE }
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
            Clock::Real { source, now, stale, warp } => {
                if core::mem::take(stale) {
                    *now = warp.bend(source());
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
    /// Simulated time jumps forward to `t`, and so does time that does not wait.
    pub(crate) fn jump(&mut self, t: u64) {
        match self {
            Clock::Simulated { now } => *now = (*now).max(t),
            Clock::Real { source, now, warp, .. } if warp.jumps => {
                let raw = source();
                *now = warp.bend(raw).max(t);
                *warp = Warp { from: raw, to: *now, ..*warp };
            }
            Clock::Real { .. } => {}
        }
    }
    /// How long it takes until `t`, in nanoseconds of the host. Time that does not wait is there at
    /// once.
    pub(crate) fn wait_until(&mut self, t: u64) -> u64 {
        self.jump(t);
        match self {
            Clock::Real { source, warp, .. } => warp.unbend(t.saturating_sub(warp.bend(source()))),
            Clock::Simulated { .. } => 0,
        }
    }
    /// How time runs: `simulation`, `nowait`, or how much faster than the host's.
    pub(crate) fn speed(&self) -> String {
        match self {
            Clock::Simulated { .. } => "simulation".into(),
            Clock::Real { warp, .. } if warp.jumps => "nowait".into(),
            Clock::Real { warp, .. } => format!("{}", warp.speed),
        }
    }
    /// Time goes on from now at `speed` times the host's; or, if there is none, at the host's, but
    /// without waiting. Nothing for simulated time.
    pub(crate) fn set_speed(&mut self, speed: Option<f64>) {
        if let Clock::Real { source, now, stale, warp } = self {
            let raw = source();
            (*now, *stale) = (warp.bend(raw), false);
            *warp = Warp { from: raw, to: *now, speed: speed.unwrap_or(1.0), jumps: speed.is_none() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

    #[test]
    fn time_runs_at_its_speed_and_never_jumps_back() {
        static HOST: AtomicU64 = AtomicU64::new(1000);
        let mut clock = Clock::real(|| HOST.load(Relaxed));
        let mut read = move |f: &mut dyn FnMut(&mut Clock), passed: u64| {
            f(&mut clock);
            HOST.fetch_add(passed, Relaxed);
            clock.new_round();
            (clock.now(), clock.wait_until(10_000), clock.speed())
        };
        assert_eq!(read(&mut |_| (), 100), (1100, 8900, "1".into()));
        assert_eq!(read(&mut |c| c.set_speed(Some(2.0)), 100), (1300, 4351, "2".into()));
        assert_eq!(read(&mut |c| c.set_speed(Some(0.5)), 100), (1350, 17_301, "0.5".into()));
        assert_eq!(read(&mut |c| c.set_speed(Some(1.0)), 100), (1450, 8550, "1".into()));
        assert_eq!(read(&mut |c| c.set_speed(None), 100), (1550, 0, "nowait".into()), "it does not wait");
        assert_eq!(read(&mut |_| (), 100), (10_100, 0, "nowait".into()), "it went there");
        let mut simulated = Clock::simulated();
        simulated.set_speed(Some(2.0));
        assert_eq!(simulated.speed(), "simulation");
    }
}
