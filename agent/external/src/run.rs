//! One run of a program, from its start to its end.
use crate::sandbox::Task;
use crate::supervise::Event;
use crate::words::Words;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::Serialize;
use sluice_dataplane::io::sys::process::{Own, separate};
use sluice_dataplane::time::now;
use std::fmt;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How this program is started as a sandbox: [`sandbox`](crate::sandbox) must get what stands behind these arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// The program: usually `/proc/self/exe`.
    pub program: PathBuf,
    /// Its first arguments, such as `__sandbox`.
    pub arguments: Vec<String>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// With this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Status(n) => write!(f, "it ended with status {n}"),
            Ended::Signal(n) => write!(f, "signal {n} ended it"),
        }
    }
}

impl Ended {
    /// From that of the process that stood for it.
    fn of(status: ExitStatus) -> Ended {
        match (status.code(), status.signal()) {
            (Some(code @ 129..=192), _) => Ended::Signal(code - 128),
            (Some(code), _) => Ended::Status(code),
            (None, signal) => Ended::Signal(signal.unwrap_or(0)),
        }
    }
}

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Run {
    /// The first process of its namespace; the program is its child.
    pub(crate) process: u32,
    handle: OwnedFd,
    started: u64,
    /// What listens to it.
    listeners: Vec<JoinHandle<()>>,
}

/// Looks, 2 ms each, whether the last words of a program have been heard.
const LOOKS: u32 = 50;

impl Run {
    /// Starts a program. What it says goes into `words`; that it ended, to `tell`.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn start(task: &Task, sandbox: &Sandbox, words: &Words, tell: Sender<Event>) -> io::Result<Run> {
        let text = serde_json::to_vec(task)?;
        let sandbox = sandbox.clone();
        let (answer, wait) = channel();
        // A thread of its own, which waits for the end: process numbers are a thread's for its children, once, and it can
        // start no threads then; and when the thread that started a process ends, the kernel takes it for the end of the
        // parent.
        thread::Builder::new().name("run".into()).spawn(move || {
            let mut child = match start(&sandbox, &text) {
                Ok((mut child, run)) => {
                    let _ = answer.send(Ok((run, child.stdout.take(), child.stderr.take())));
                    child
                }
                Err(error) => return drop(answer.send(Err(error))),
            };
            let ended = child.wait().map_or(Ended::Status(crate::sandbox::FAILED), Ended::of);
            let _ = tell.send(Event::Ended(ended)); // the supervisor may be gone
        })?;
        let started = wait.recv().unwrap_or_else(|_| Err(io::Error::other("the thread of the run panicked")));
        let (mut run, out, err) = started?;
        let listeners = [out.map(|out| words.listen(out)), err.map(|err| words.listen(err))];
        match listeners.into_iter().flatten().collect() {
            Ok(listeners) => run.listeners = listeners,
            // Who says more than a pipe holds, and is not listened to, would wait: then it ends.
            Err(error) => {
                run.signal(Signal::KILL);
                words.add(format!("it cannot be listened to: {error}"));
            }
        }
        Ok(run)
    }

    /// It has ended: waits a moment until what it said last has been heard. Somebody else may still have its end of the pipe.
    pub(crate) fn hear_out(&self) {
        for _ in 0..LOOKS {
            if self.listeners.iter().all(JoinHandle::is_finished) {
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.handle, signal); // it may have ended
    }

    pub(crate) fn age(&self) -> Duration {
        Duration::from_nanos(now().saturating_sub(self.started))
    }
}

fn start(sandbox: &Sandbox, task: &[u8]) -> io::Result<(Child, Run)> {
    separate(Own::ProcessNumbers).map_err(|error| {
        let why = match error.raw_os_error() {
            Some(1) => "it takes root".into(),
            Some(22) => "this kernel has none".into(),
            _ => error.to_string(),
        };
        io::Error::new(error.kind(), format!("process numbers of its own: {why}"))
    })?;
    let mut command = Command::new(&sandbox.program);
    command.args(&sandbox.arguments).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let ready = (|| {
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
        let handle = pidfd_open(id, PidfdFlags::empty())?;
        let run = Run { process: child.id(), handle, started: now(), listeners: Vec::new() };
        if let Some(mut input) = child.stdin.take() {
            input.write_all(task)?;
        }
        Ok(run)
    })();
    match ready {
        Ok(run) => Ok((child, run)),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}
