//! Lines about packets that the standard wants logged: one a second at most, whatever comes.
use alloc::format;
use sluice_dataplane::context::{Context, Stream};

/// Nanoseconds between two lines.
const PAUSE: u64 = 1_000_000_000;

/// Limits how often an element complains.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Log {
    /// When the next line may come, nanoseconds since the epoch.
    next: u64,
    /// Lines left out since the last one.
    skipped: u64,
}

impl Log {
    /// Writes `ELEMENT: what`, or counts it.
    #[cold]
    pub(crate) fn say(&mut self, cx: &mut Context<'_>, what: core::fmt::Arguments<'_>) {
        let now = cx.recent();
        if now < self.next {
            self.skipped += 1;
            return;
        }
        let more = match core::mem::take(&mut self.skipped) {
            0 => "".into(),
            n => format!(" ({n} lines before left out)"),
        };
        let line = format!("{}: {what}{more}\n", cx.name());
        cx.print(Stream::Err, &line);
        self.next = now + PAUSE;
    }
}
