//! Keeps the VNF's process alive, and remembers what it said last.
use crate::time;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Lines that are kept of what it said.
const LINES: usize = 40;
/// Longest line that is taken whole, bytes.
const LONGEST: u64 = 4096;
/// Lines that wait for a slow console. Those that come while there are so many are not shown.
const WAITING: usize = 256;
/// How long what a process said as it died is waited for.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// A process that lives shorter than this is not started again at once.
const SHORT: Duration = Duration::from_secs(5);
/// Longest pause before it is started again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ended::Status(n) => write!(f, "it ended with status {n}"),
            Ended::Signal(n) => write!(f, "signal {n} ended it"),
        }
    }
}

/// What was said last.
#[derive(Clone, Debug, Default)]
pub struct Words(Arc<Mutex<VecDeque<String>>>);

impl Words {
    fn add(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The lines; they are forgotten.
    pub fn take(&self) -> String {
        let lines = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        Vec::from(lines).join("\n")
    }
}

/// Writes lines to the console on a thread of its own, so that nobody waits for a slow one.
#[derive(Clone)]
pub struct Console(SyncSender<String>);

impl Console {
    /// The console that this process was given.
    ///
    /// # Errors
    /// There can be no thread.
    pub fn start() -> io::Result<Console> {
        let (lines, next) = sync_channel::<String>(WAITING);
        let write = move || {
            for line in next {
                let _ = writeln!(io::stdout(), "{line}"); // there may be no console
            }
        };
        thread::Builder::new().name("console".into()).spawn(write)?;
        Ok(Console(lines))
    }

    /// Shows a line, unless the console is too slow.
    pub fn say(&self, line: impl Into<String>) {
        let _ = self.0.try_send(line.into());
    }
}

/// A running process.
#[derive(Debug)]
pub struct Process {
    id: Pid,
    started: Duration,
    /// It is cut off when all that the process said was read.
    pipes: Receiver<()>,
}

/// Starts the VNF's process. Its standard output and error go to the console, and into `words`.
///
/// # Errors
/// It cannot be started.
pub fn start(
    program: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
    console: &Console,
    words: &Words,
) -> io::Result<Process> {
    let mut command = Command::new(program);
    command.args(arguments).envs(environment.iter().copied());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let id =
        i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("no process number"))?;
    // If memory runs out, it is the one that ends: it can be started again.
    let _ = std::fs::write(format!("/proc/{id}/oom_score_adj"), "500");
    let (open, pipes) = sync_channel(0);
    if let Some(out) = child.stdout.take() {
        listen("out", out, console, words, open.clone())?;
    }
    if let Some(err) = child.stderr.take() {
        listen("err", err, console, words, open)?;
    }
    Ok(Process { id, started: time::now(), pipes })
}

fn listen(
    name: &str,
    from: impl Read + Send + 'static,
    console: &Console,
    words: &Words,
    open: SyncSender<()>,
) -> io::Result<()> {
    let (console, words) = (console.clone(), words.clone());
    let read = move || {
        let _open = open;
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        // An error is the end, too: then there is nobody to read from.
        while let Ok(1..) = from.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
            let text = String::from_utf8_lossy(&line).trim_end().to_string();
            words.add(text.clone());
            console.say(text);
            line.clear();
        }
    };
    thread::Builder::new().name(name.into()).spawn(read).map(drop)
}

impl Process {
    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let _ = kill_process(self.id, signal); // it may have ended
    }

    /// Waits until what it said as it died has come through the pipes; not for long, as its children may have them still.
    pub fn heard(&self) {
        let _ = self.pipes.recv_timeout(LAST_WORDS); // nothing is ever sent: it ends with the pipes
    }

    /// How long it has been running.
    pub fn age(&self) -> Duration {
        time::now().saturating_sub(self.started)
    }
}

/// Lets all processes go that have ended; how this one did, if it is among them.
pub fn reap(process: Option<&Process>) -> Option<Ended> {
    let mut found = None;
    while let Ok(Some((id, status))) = wait(WaitOptions::NOHANG) {
        if process.is_some_and(|p| p.id == id) {
            let signal = || Ended::Signal(status.terminating_signal().unwrap_or(0));
            found = Some(status.exit_status().map_or_else(signal, Ended::Status));
        }
    }
    found
}

/// How long to wait before it is started again: nothing, unless it ends soon again and again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pause(u32);

impl Pause {
    /// It ended after so long.
    pub fn after(&mut self, age: Duration) -> Duration {
        self.0 = if age >= SHORT { 0 } else { self.0 + 1 };
        match self.0 {
            0 | 1 => Duration::ZERO,
            n => (Duration::from_millis(100) * 2u32.saturating_pow(n - 2)).min(LONGEST_PAUSE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_new_start_is_at_once_and_those_of_a_process_that_always_dies_are_not() {
        let mut pause = Pause::default();
        let short = Duration::from_millis(10);
        let pauses: Vec<u128> = (0..9).map(|_| pause.after(short).as_millis()).collect();
        assert_eq!(pauses, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(pause.after(SHORT), Duration::ZERO);
        assert_eq!(pause.after(short), Duration::ZERO);
    }

    #[test]
    fn what_it_said_last_is_kept_and_how_it_ended_is_known() {
        let console = Console::start().unwrap();
        let words = Words::default();
        let script = "for n in $(seq 100); do echo line $n; done; echo the end >&2; kill -9 $$";
        let process = start(Path::new("/bin/sh"), &["-c", script], &[], &console, &words).unwrap();
        let ended = std::iter::repeat_with(|| {
            thread::sleep(Duration::from_millis(5));
            reap(Some(&process))
        });
        assert_eq!(ended.take(2000).flatten().next(), Some(Ended::Signal(9)));
        process.heard();
        let said = words.take();
        assert!(said.contains("line 99") && said.lines().count() == LINES, "{said}");
        assert_eq!(words.take(), "");
    }
}
