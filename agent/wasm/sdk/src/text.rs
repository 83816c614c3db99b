//! Texts in memory of a fixed size: what does not fit is cut off, at the end of a line.
use crate::raw::{self, Level};
use core::fmt::{self, Write};

/// Bytes of a text.
const SIZE: usize = 16 * 1024;

/// A text that is written with `write!` and `writeln!`.
pub struct Text {
    bytes: [u8; SIZE],
    len: usize,
    full: bool,
}

impl Text {
    pub(crate) const fn new() -> Text {
        Text { bytes: [0; SIZE], len: 0, full: false }
    }
    /// Begins again.
    #[doc(hidden)]
    pub fn clear(&mut self) {
        self.len = 0;
        self.full = false;
    }
    /// What was written: whole lines only, if it was too much.
    #[doc(hidden)]
    pub fn written(&self) -> &[u8] {
        let all = self.bytes.get(..self.len).unwrap_or_default();
        match all.iter().rposition(|&b| b == b'\n') {
            Some(end) if self.full => all.get(..=end).unwrap_or_default(),
            _ => all,
        }
    }
}

impl Write for Text {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.full |= s.len() > SIZE - self.len;
        if self.full {
            return Err(fmt::Error);
        }
        append(&mut self.bytes, &mut self.len, s.as_bytes());
        Ok(())
    }
}

/// Appends what fits.
fn append(to: &mut [u8], len: &mut usize, bytes: &[u8]) {
    for (to, from) in to.iter_mut().skip(*len).zip(bytes) {
        *to = *from;
        *len += 1;
    }
}

/// A line of the log, of up to 256 bytes.
struct Line {
    bytes: [u8; 256],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        append(&mut self.bytes, &mut self.len, s.as_bytes());
        Ok(())
    }
}

/// Logs a line: `log(Level::Info, format_args!("{n} flows"))`. The host prints ten lines a second, and cuts them off after
/// 256 bytes.
pub fn log(level: Level, text: fmt::Arguments<'_>) {
    let mut line = Line { bytes: [0; 256], len: 0 };
    let _ = line.write_fmt(text); // what fits
    raw::log(level, line.bytes.get(..line.len).unwrap_or_default());
}
