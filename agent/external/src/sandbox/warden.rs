//! Process 1 of a function: prepares what all of the function's processes see, starts its program, passes on the wish that it
//! end, and ends with it.
use super::{SECOND, Task, at, mounts};
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, kill_process_group, set_parent_process_death_signal, wait,
};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use sluice_dataplane::io::sys::process::{Own, separate};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};

/// The exit status of the program.
pub(super) fn run(task: &Task) -> io::Result<i32> {
    at("to end with the supervisor", set_parent_process_death_signal(Some(Signal::KILL)))?;
    // If the supervisor ended before that, this is not there any more.
    let network = at("the network namespace", File::open(format!("/proc/{}/fd/{}", task.parent, task.namespace)))?;
    let kind = Some(LinkNameSpaceType::Network);
    at("the network namespace", move_into_link_name_space(network.as_fd(), kind))?;
    drop(network);
    if let Some(members) = &task.group {
        at("the control group", fs::write(members, "0"))?;
    }
    // If memory runs out, it is not the VNF that ends.
    let _ = fs::write("/proc/self/oom_score_adj", "500");
    at("mounts of its own", separate(Own::MountsAndIpc))?;
    at("mounts of its own", mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE))?;
    // Before they start: the program may end at once.
    let mut signals = at("signals", Signals::new([SIGCHLD, SIGTERM, SIGINT]))?;
    mounts::make(task.root.as_deref())?;
    // Not by its path: another file may be there by now.
    let mut second = Command::new("/proc/self/exe");
    second.args(&task.again).arg(SECOND).stdin(Stdio::piped());
    let mut second = at("starting again", second.spawn())?;
    let id = i32::try_from(second.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
    if let Some(mut input) = second.stdin.take() {
        at("the task", input.write_all(&serde_json::to_vec(task)?))?;
    }
    loop {
        while let Ok(Some((ended, status))) = wait(WaitOptions::NOHANG) {
            if ended == id {
                return Ok(code(status));
            }
        }
        for signal in signals.wait() {
            if signal != SIGCHLD {
                let _ = kill_process_group(id, Signal::TERM); // it may have ended
            }
        }
    }
}

/// As shells say it.
fn code(status: WaitStatus) -> i32 {
    status.exit_status().unwrap_or_else(|| 128 + status.terminating_signal().unwrap_or(0))
}
