//! A screen of a terminal, and keys as they are pressed. Both are given back at the end.
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

/// The screen.
pub(super) struct Screen {
    /// How the keyboard was.
    was: Option<Termios>,
}

impl Screen {
    /// Takes the terminal, if standard output is one.
    pub(super) fn take() -> Option<Screen> {
        if !io::stdout().is_terminal() {
            return None;
        }
        let keys = io::stdin();
        let was = if keys.is_terminal() { tcgetattr(&keys).ok() } else { None };
        if let Some(was) = &was {
            let mut raw = was.clone();
            // Keys come at once and are not shown; Ctrl-C stays a signal.
            raw.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            let _ = tcsetattr(&keys, OptionalActions::Now, &raw); // then q needs Enter
        }
        // DEC private modes: another screen (1049), no cursor (25).
        put("\x1b[?1049h\x1b[?25l");
        Some(Screen { was })
    }

    /// Shows a text: as much as fits, in place of what was there.
    pub(super) fn show(&self, text: &str) {
        // A terminal that does not know its size says 0.
        let size = tcgetwinsize(io::stdout()).ok().filter(|s| s.ws_row > 1 && s.ws_col > 0);
        let (rows, columns) = size.map_or((24, 80), |s| (usize::from(s.ws_row), usize::from(s.ws_col)));
        let mut out = "\x1b[H".to_string();
        for line in text.lines().take(rows - 1) {
            out.extend(line.chars().take(columns));
            out += "\x1b[K\n";
        }
        put(&(out + "\x1b[J"));
    }

    /// Waits; true if `q` was pressed. A signal ends the wait.
    pub(super) fn quits_within(&self, time: Duration) -> bool {
        let keys = io::stdin();
        if self.was.is_none() {
            std::thread::sleep(time);
            return false;
        }
        let limit = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: i64::from(time.subsec_nanos()) };
        let mut fds = [PollFd::new(&keys, PollFlags::IN)];
        if !poll(&mut fds, Some(&limit)).is_ok_and(|n| n > 0) {
            return false;
        }
        let mut pressed = [0; 64];
        match rustix::io::read(&keys, &mut pressed) {
            Ok(0) => true, // nobody can press anything any more
            Ok(n) => pressed[..n].iter().any(|k| matches!(k, b'q' | b'Q')),
            Err(_) => false,
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        put("\x1b[?25h\x1b[?1049l");
        if let Some(was) = &self.was {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, was); // it has gone
        }
    }
}

fn put(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush()); // it has gone
}
