//! What a guest says, kept short whatever it says.
use std::collections::VecDeque;

/// Bytes of a line; the rest is cut off.
pub(crate) const LINE: usize = 256;

/// Lines of one call; the rest is counted.
const LINES_PER_CALL: usize = 8;

/// Lines that are kept.
const KEPT: usize = 32;

/// Lines printed in a second, at most.
const PER_SECOND: u64 = 10;

/// How urgent a line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Level {
    /// Somebody should look.
    Error,
    /// Strange, but under control.
    Warning,
    /// Good to know.
    Info,
}

impl Level {
    pub(crate) fn of(number: u32) -> Level {
        match number {
            0 => Level::Error,
            1 => Level::Warning,
            _ => Level::Info,
        }
    }
    fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Info => "info",
        }
    }
}

/// Text of a guest as one line: what is no UTF-8 and what controls a terminal is replaced.
pub(crate) fn plain(bytes: &[u8]) -> String {
    let bytes = bytes.get(..LINE).unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    text.trim_end().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// What a guest said during one call.
#[derive(Default)]
pub(crate) struct Said {
    lines: Vec<(Level, String)>,
    /// Lines beyond those.
    lost: u64,
}

impl Said {
    /// Whether another line would be kept.
    #[inline]
    pub(crate) fn takes_more(&mut self) -> bool {
        let room = self.lines.len() < LINES_PER_CALL;
        self.lost += u64::from(!room);
        room
    }
    pub(crate) fn add(&mut self, level: Level, bytes: &[u8]) {
        self.lines.push((level, plain(bytes)));
    }
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
    /// The last line, as the reason for something.
    pub(crate) fn last(&self) -> Option<&str> {
        self.lines.last().map(|l| l.1.as_str())
    }
}

/// The last lines of a guest, and how many of them may be printed.
#[derive(Default)]
pub(crate) struct Log {
    kept: VecDeque<String>,
    lost: u64,
    /// The second in which lines were printed last, and how many.
    second: u64,
    printed: u64,
}

impl Log {
    /// Keeps what was said at `now` (nanoseconds); returns what to print.
    pub(crate) fn take(&mut self, said: &mut Said, now: u64) -> Vec<String> {
        self.lost = self.lost.saturating_add(core::mem::take(&mut said.lost));
        let second = now / 1_000_000_000;
        if second != self.second {
            (self.second, self.printed) = (second, 0);
        }
        let mut print = Vec::new();
        for (level, text) in said.lines.drain(..) {
            let line = format!("{}: {text}", level.name());
            if self.printed < PER_SECOND {
                self.printed += 1;
                print.push(line.clone());
            } else {
                self.lost = self.lost.saturating_add(1);
            }
            if self.kept.len() == KEPT {
                self.kept.pop_front();
            }
            self.kept.push_back(line);
        }
        print
    }
    /// The last lines, oldest first.
    pub(crate) fn text(&self) -> String {
        self.kept.iter().map(|l| format!("{l}\n")).collect()
    }
    /// Lines that were not printed.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(said: &mut Said, n: usize) {
        for i in 0..n {
            if said.takes_more() {
                said.add(Level::Info, format!("line {i}").as_bytes());
            }
        }
    }

    #[test]
    fn text_is_one_short_line_without_control_characters() {
        assert_eq!(plain(b"a\x1b[31m\nb\n"), "a\u{fffd}[31m\u{fffd}b");
        assert_eq!(plain(&[b'x'; 1000]).len(), LINE);
        assert_eq!(plain(b"\xff\xfe"), "\u{fffd}\u{fffd}");
    }

    #[test]
    fn a_guest_that_talks_too_much_is_cut_short_and_that_is_counted() {
        let (mut said, mut log) = (Said::default(), Log::default());
        say(&mut said, 100);
        assert_eq!(log.take(&mut said, 5_000_000_000).len(), LINES_PER_CALL);
        assert_eq!(log.lost(), 92);
        say(&mut said, 8);
        assert_eq!(log.take(&mut said, 5_500_000_000).len(), 2, "ten lines a second");
        assert_eq!(log.lost(), 98);
        say(&mut said, 1);
        assert_eq!(log.take(&mut said, 6_000_000_000), ["info: line 0"]);
        for _ in 0..10 {
            say(&mut said, 8);
            log.take(&mut said, 6_000_000_000);
        }
        assert_eq!(log.text().lines().count(), KEPT);
    }
}
