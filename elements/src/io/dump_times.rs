//! Which packets of a capture file count, by their time: `START`, `END` and the arguments that are relative to others.
use sluice_dataplane::args::{Args, Interval};

/// One end of the stretch of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Edge {
    /// There is none.
    Open,
    /// Nanoseconds since the epoch.
    At(u64),
    /// Nanoseconds after the first packet.
    After(u64),
    /// Nanoseconds after the start.
    Interval(u64),
}

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It comes before the start.
    Early,
    /// It counts.
    Good,
    /// The end was reached. Said once; whoever goes on then gets all that follows.
    End,
}

/// The stretch of time that counts.
pub struct Times {
    start: Edge,
    end: Edge,
    /// Both edges as times, once the first packet was seen.
    known: bool,
    from: Option<u64>,
    to: Option<u64>,
    /// The last end, also after it was reached.
    last: u64,
}

impl Times {
    /// Reads `START`, `START_AFTER`, `END`, `END_AFTER` and `INTERVAL`.
    pub fn configure(args: &mut Args<'_>) -> Times {
        let start = args.keyword_some::<Interval>("START").filter(|t| t.0 > 0);
        let start_after = args.keyword_some::<Interval>("START_AFTER").filter(|t| t.0 > 0);
        let end = args.keyword_some::<Interval>("END").filter(|t| t.0 > 0);
        let end_after = args.keyword_some::<Interval>("END_AFTER").filter(|t| t.0 > 0);
        let interval = args.keyword_some::<Interval>("INTERVAL").filter(|t| t.0 > 0);
        if start.is_some() && start_after.is_some() {
            args.error("START and START_AFTER are mutually exclusive");
        }
        if [end, end_after, interval].iter().flatten().count() > 1 {
            args.error("END, END_AFTER, and INTERVAL are mutually exclusive");
        }
        let start = start.map(|t| Edge::At(t.0)).or(start_after.map(|t| Edge::After(t.0)));
        let end = end.map(|t| Edge::At(t.0)).or(end_after.map(|t| Edge::After(t.0)));
        let end = end.or(interval.map(|t| Edge::Interval(t.0)));
        let (start, end) = (start.unwrap_or(Edge::Open), end.unwrap_or(Edge::Open));
        Times { start, end, known: false, from: None, to: None, last: 0 }
    }

    /// Whether there is an end.
    pub fn has_end(&self) -> bool {
        self.end != Edge::Open
    }

    /// Judges the packet of this time.
    pub fn judge(&mut self, time: u64) -> Verdict {
        if !self.known {
            self.known = true;
            self.from = match self.start {
                Edge::At(t) => Some(t),
                Edge::After(t) => Some(time.saturating_add(t)),
                Edge::Open | Edge::Interval(_) => None,
            };
            self.to = match self.end {
                Edge::At(t) => Some(t),
                Edge::After(t) => Some(time.saturating_add(t)),
                Edge::Interval(t) => Some(self.from.unwrap_or(time).saturating_add(t)),
                Edge::Open => None,
            };
            self.last = self.to.unwrap_or(0);
        }
        if self.from.is_some_and(|from| time < from) {
            return Verdict::Early;
        }
        self.from = None;
        match self.to.filter(|&to| time >= to) {
            Some(_) => {
                self.to = None;
                Verdict::End
            }
            None => Verdict::Good,
        }
    }

    /// Moves the end, also one that was reached.
    pub fn extend(&mut self, by: u64) {
        self.last = self.last.saturating_add(by);
        self.to = Some(self.last);
    }

    /// Takes the next packet for the first one.
    pub fn reset(&mut self) {
        self.known = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_dataplane::args::NameDb;

    fn judge(arguments: &str, times: &[u64]) -> alloc::vec::Vec<Verdict> {
        let names = NameDb::new();
        let mut args = Args::new(arguments, &names);
        let mut t = Times::configure(&mut args);
        args.finish().unwrap();
        times.iter().map(|s| t.judge(s * 1_000_000_000)).collect()
    }

    #[test]
    fn edges_are_absolute_or_relative() {
        use Verdict::{Early, End, Good};
        assert_eq!(judge("", &[5, 6]), [Good, Good]);
        assert_eq!(judge("START 6, END 8", &[5, 6, 7, 8, 9]), [Early, Good, Good, End, Good]);
        assert_eq!(judge("START_AFTER 1, INTERVAL 1", &[5, 6, 7]), [Early, Good, End]);
        assert_eq!(judge("END_AFTER 1", &[5, 6]), [Good, End]);
        assert_eq!(judge("INTERVAL 2", &[5, 6, 7]), [Good, Good, End]);
    }
}
