//! The longest burst at full speed that a device forwards without loss: RFC 9004 section 6.2, a
//! binary search with loss verification over the number of frames.

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Burst {
    /// The longest burst that is tried, in frames; at least 1.
    pub(crate) longest: u64,
    /// How far the bounds may be apart, as a share of the upper one; one frame at least.
    pub(crate) width: f64,
    /// Trials of a length until it counts as too long, all of them with loss.
    pub(crate) attempts: u32,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A burst of so many frames.
    Try(u64),
    /// This is the longest. `limited`: nothing longer was tried.
    Done { frames: u64, limited: bool },
}

impl Burst {
    /// What comes next after these bursts: their lengths, and whether nothing of them was lost.
    pub(crate) fn decide(&self, bursts: &[(u64, bool)]) -> Next {
        if let Some((last, _)) = bursts.last()
            && !self.passes(*last, bursts)
            && !self.fails(*last, bursts)
        {
            return Next::Try(*last);
        }
        let lengths = || bursts.iter().map(|b| b.0);
        let upper = lengths().filter(|n| self.fails(*n, bursts)).min();
        let lower = lengths().filter(|n| self.passes(*n, bursts) && upper.is_none_or(|u| *n < u)).max();
        match (lower, upper) {
            (Some(lower), None) if lower >= self.longest => Next::Done { frames: lower, limited: true },
            (_, None) => Next::Try(self.longest),
            (None, Some(1)) => Next::Done { frames: 0, limited: false },
            (None, Some(_)) => Next::Try(1),
            (Some(lower), Some(upper)) => {
                if upper - lower <= ((upper as f64 * self.width) as u64).max(1) {
                    return Next::Done { frames: lower, limited: false };
                }
                let middle = (lower as f64 * upper as f64).sqrt() as u64;
                Next::Try(middle.clamp(lower + 1, upper - 1))
            }
        }
    }

    fn passes(&self, frames: u64, bursts: &[(u64, bool)]) -> bool {
        bursts.contains(&(frames, true))
    }

    fn fails(&self, frames: u64, bursts: &[(u64, bool)]) -> bool {
        !self.passes(frames, bursts) && bursts.iter().filter(|b| b.0 == frames).count() >= self.attempts as usize
    }
}
