//! Statistics of echo replies, as ping keeps them.
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// What is known about the replies.
pub(super) struct Replies {
    /// When each sequence number was sent last, nanoseconds since the epoch; 0: never.
    sent: Vec<u64>,
    /// Which of them were answered.
    answered: Vec<bool>,
    /// Replies, duplicates included.
    received: u64,
    duplicates: u64,
    /// Shortest and longest round trip, microseconds.
    pub(super) min: u64,
    pub(super) max: u64,
    /// Sums of round trips and of their squares.
    sum: u64,
    squares: u128,
}

impl Replies {
    /// Nothing was sent yet.
    pub(super) fn new() -> Replies {
        let (sent, answered) = (vec![0; 1 << 16], vec![false; 1 << 16]);
        Replies { sent, answered, received: 0, duplicates: 0, min: 0, max: 0, sum: 0, squares: 0 }
    }

    /// Notes that a request went out at `now`.
    pub(super) fn sent(&mut self, sequence: u16, now: u64) {
        let at = usize::from(sequence);
        (self.sent[at], self.answered[at]) = (now, false);
    }

    /// Notes a reply that came at `now`; the round trip in microseconds, unless nothing was sent under that number.
    pub(super) fn note(&mut self, sequence: u16, now: u64) -> Option<u64> {
        let at = usize::from(sequence);
        let sent = *self.sent.get(at).filter(|&&t| t != 0)?;
        let trip = now.saturating_sub(sent) / 1000;
        if let Some(answered) = self.answered.get_mut(at) {
            self.duplicates += u64::from(*answered);
            *answered = true;
        }
        self.min = if self.received == 0 { trip } else { self.min.min(trip) };
        self.max = self.max.max(trip);
        self.sum = self.sum.saturating_add(trip);
        self.squares = self.squares.saturating_add(u128::from(trip) * u128::from(trip));
        self.received += 1;
        Some(trip)
    }

    /// The mean round trip, microseconds.
    pub(super) fn average(&self) -> u64 {
        self.sum / self.received.max(1)
    }

    /// What ping says at its end; `count` requests were sent.
    pub(super) fn summary(&self, count: u64) -> String {
        let answered = self.received - self.duplicates;
        let mut text = format!("{count} packets transmitted, {answered} received");
        if self.duplicates > 0 {
            text += &format!(", +{} duplicates", self.duplicates);
        }
        if let Some(loss) = (count.saturating_sub(answered) * 100).checked_div(count) {
            text += &format!(", {loss}% packet loss\n");
        }
        if self.received > 0 {
            let average = self.average();
            let variance = (self.squares / u128::from(self.received)).saturating_sub(u128::from(average).pow(2));
            let all = [self.min, average, self.max, variance.isqrt() as u64].map(milliseconds);
            text += &format!("rtt min/avg/max/mdev = {}\n", all.join("/"));
        }
        text
    }
}

/// Microseconds as milliseconds with three decimals.
pub(super) fn milliseconds(us: u64) -> String {
    format!("{}.{:03}", us / 1000, us % 1000)
}

/// Microseconds as seconds, without zeros at the end.
pub(super) fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_that_of_ping() {
        let mut r = Replies::new();
        assert_eq!(r.summary(0), "0 packets transmitted, 0 received");
        (1..=4).for_each(|n| r.sent(n, 1_000_000_000));
        assert_eq!(r.note(1, 1_001_500_000), Some(1500));
        assert_eq!(r.note(2, 1_002_500_000), Some(2500));
        assert_eq!(r.note(2, 1_002_500_000), Some(2500));
        assert_eq!(r.note(9, 1_002_500_000), None);
        let text = "4 packets transmitted, 2 received, +1 duplicates, 50% packet loss\n\
                    rtt min/avg/max/mdev = 1.500/2.166/2.500/0.474\n";
        assert_eq!(r.summary(4), text);
        assert_eq!((seconds(1_500_000), seconds(0), seconds(2)), ("1.5".into(), "0".into(), "0.000002".into()));
    }
}
