//! How long to wait before a program is started again: the oftener it ended soon, the longer.
use crate::spec::Restart;
use std::time::Duration;

/// A run shorter than this is a failure.
const SHORT: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pause {
    /// Short runs in succession.
    short: u32,
}

impl Pause {
    /// After a run of this age; None: it is given up.
    pub(crate) fn after(&mut self, age: Duration, restart: &Restart) -> Option<Duration> {
        self.short = if age >= SHORT { 0 } else { self.short.saturating_add(1) };
        if restart.tries > 0 && self.short >= restart.tries {
            return None;
        }
        Some(match self.short {
            0 | 1 => Duration::ZERO,
            n => restart.first.saturating_mul(2_u32.saturating_pow(n - 2)).min(restart.longest),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESTART: Restart = Restart {
        first: Duration::from_millis(100),
        longest: Duration::from_millis(1000),
        tries: 0,
        stalled: Duration::ZERO,
    };

    #[test]
    fn pauses_grow_with_short_runs_and_end_with_a_long_one() {
        let mut pause = Pause::default();
        let pauses: Vec<_> = (0..7).map(|_| pause.after(Duration::ZERO, &RESTART).unwrap().as_millis()).collect();
        assert_eq!(pauses, [0, 100, 200, 400, 800, 1000, 1000]);
        assert_eq!(pause.after(SHORT, &RESTART), Some(Duration::ZERO));
    }

    #[test]
    fn it_is_given_up_after_so_many_short_runs() {
        let (mut pause, restart) = (Pause::default(), Restart { tries: 2, ..RESTART });
        assert!(pause.after(Duration::ZERO, &restart).is_some());
        assert!(pause.after(SHORT, &restart).is_some(), "a long one does not count");
        assert!(pause.after(Duration::ZERO, &restart).is_some());
        assert_eq!(pause.after(Duration::ZERO, &restart), None);
    }
}
