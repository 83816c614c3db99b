//! The last lines of the log, kept in memory.
use crate::clock;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use utoipa::ToSchema;

/// Lines that are kept.
pub const LINES: usize = 4096;
/// Longest line that is kept, bytes.
const LONGEST: usize = 4096;

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// Its number; they count up, so a gap shows lines that were not kept.
    pub number: u64,
    /// When, RFC 3339.
    pub time: String,
    /// Who said it: `vnf`, `ems`, or an element.
    pub source: String,
    /// What.
    pub text: String,
}

/// The log. Written from any thread; a writer never waits for a reader for longer than a copy takes.
#[derive(Debug, Default)]
pub struct Journal(Mutex<(u64, VecDeque<Line>)>);

impl Journal {
    /// Appends a line. What is too long is cut.
    pub fn say(&self, source: &str, text: &str) {
        let mut text = text.trim_end().to_string();
        let mut end = text.len().min(LONGEST);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.0 += 1;
        let line = Line { number: all.0, time: clock::now(), source: source.into(), text };
        if all.1.len() == LINES {
            all.1.pop_front();
        }
        all.1.push_back(line);
    }

    /// The last lines behind number `after`, at most `most` of them, the oldest first.
    pub fn lines(&self, after: u64, most: usize) -> Vec<Line> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = all.1.iter().position(|l| l.number > after).unwrap_or(all.1.len());
        let from = from.max(all.1.len().saturating_sub(most));
        all.1.range(from..).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_numbers_show_a_gap() {
        let log = Journal::default();
        (0..LINES + 2).for_each(|i| log.say("vnf", &format!("line {i}")));
        let lines = log.lines(0, usize::MAX);
        assert_eq!((lines.len(), lines[0].number, lines[0].text.as_str()), (LINES, 3, "line 2"));
        assert_eq!(log.lines(0, 1)[0].text, format!("line {}", LINES + 1));
        assert_eq!(log.lines(LINES as u64 + 1, 10).len(), 1);
        log.say("x", &"é".repeat(LONGEST));
        assert_eq!(log.lines(0, 1)[0].text.len(), LONGEST);
    }
}
