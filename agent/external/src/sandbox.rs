//! The two programs that stand between the supervisor and a function's program. Both are this program, started again
//! with a task on its standard input: what a process must do to itself before it becomes another one needs no code
//! between fork and exec then.
//!
//! The first one ([`warden`]) is process 1 of a namespace of process numbers: it takes the network, hides the host's
//! processes and mounts, starts the second, and reaps. When it ends, the kernel ends all others there; and it ends with
//! the supervisor, whatever happens to that. The second one ([`become_program`]) takes its limits and gives up its rights.
mod become_program;
mod mounts;
mod warden;

use crate::program::User;
use serde::{Deserialize, Serialize};
use std::io::{self, Read as _};
use std::path::PathBuf;

/// What ends a task's text: the exit status of a sandbox that could not be set up.
pub(crate) const FAILED: i32 = 125;
/// Bytes of a task.
const LONGEST: u64 = 4 << 20;
/// The argument of the second program.
const SECOND: &str = "program";

/// What is to be run, and how.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Task {
    /// How this program is started as a sandbox.
    pub(crate) again: Vec<String>,
    /// The supervisor's process, and its descriptor of the network namespace.
    pub(crate) parent: u32,
    pub(crate) namespace: i32,
    /// The control group's list of members.
    pub(crate) group: Option<PathBuf>,
    /// From the root on.
    pub(crate) program: PathBuf,
    /// All words of the command.
    pub(crate) command: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) root: Option<PathBuf>,
    pub(crate) folder: PathBuf,
    /// User and group.
    pub(crate) user: Option<(u32, u32)>,
    /// Resource limits of each process: bytes of addresses, seconds of processor time, processes, files.
    pub(crate) memory: Option<u64>,
    pub(crate) cpu: Option<u64>,
    pub(crate) processes: Option<u64>,
    pub(crate) files: u64,
}

impl Task {
    fn user(&self) -> Option<User> {
        self.user.map(|(uid, gid)| User { uid, gid })
    }
}

/// Does what the standard input says: the whole of a process that a supervisor has started. `arguments`: those behind
/// what [`Sandbox`](crate::Sandbox) names. It ends as the program does: with its status, or 128 and the number of the
/// signal.
pub fn sandbox(arguments: &[String]) -> ! {
    let done = task().and_then(|task| match arguments {
        [] => warden::run(&task),
        [word] if word == SECOND => become_program::run(&task),
        _ => Err(io::Error::other("it is for the supervisor of a function alone")),
    });
    let status = done.unwrap_or_else(|error| {
        eprintln!("sandbox: {error}");
        FAILED
    });
    std::process::exit(status)
}

fn task() -> io::Result<Task> {
    let mut text = Vec::new();
    io::stdin().lock().take(LONGEST).read_to_end(&mut text)?;
    serde_json::from_slice(&text).map_err(|error| io::Error::other(format!("no task: {error}")))
}

/// Says what could not be done.
fn at<T, E: Into<io::Error>>(what: &str, result: Result<T, E>) -> io::Result<T> {
    result.map_err(|error| {
        let error = error.into();
        io::Error::new(error.kind(), format!("{what}: {error}"))
    })
}
