//! A control group (version 2, Documentation/admin-guide/cgroup-v2.rst) for what a program and its children use together.
use crate::owner::Owner;
use crate::spec::Limits;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

/// The folder of all groups of this kind.
const ALL: &str = "sluice-external";
/// The period within which a share of the processor is given out, microseconds.
const PERIOD: f64 = 100_000.0;
/// Looks, 5 ms each, whether the processes of a group have ended.
const LOOKS: u32 = 200;

/// A group; it and whoever is in it end with this.
#[derive(Debug)]
pub(crate) struct Group(PathBuf);

/// Which limits a group holds; the others are for resource limits to hold, or for nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) memory: bool,
    pub(crate) cpu: bool,
    pub(crate) processes: bool,
}

/// Where version 2 is mounted.
fn mounted() -> Option<PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo").ok()?;
    // proc_pid_mountinfo(5): the mount point is field 5, the type follows a hyphen.
    text.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        kind.starts_with("cgroup2 ").then_some(())?;
        Some(PathBuf::from(mount.split(' ').nth(4)?))
    })
}

impl Group {
    /// A group that holds those of the limits that the kernel's controllers can hold; none if that is none of them.
    /// Groups of the same function whose maker is gone are ended.
    ///
    /// # Errors
    /// A controller is there and cannot be used.
    pub(crate) fn new(function: &str, limits: &Limits) -> io::Result<(Option<Group>, Held)> {
        let Some(root) = mounted() else { return Ok((None, Held::default())) };
        let all = root.join(ALL);
        clear(&all, function);
        let there = fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
        let has = |name: &str| there.split_whitespace().any(|c| c == name);
        let held = Held {
            memory: limits.memory.is_some() && has("memory"),
            cpu: limits.cpu.is_some() && has("cpu"),
            processes: limits.processes.is_some() && has("pids"),
        };
        if held == Held::default() {
            return Ok((None, held));
        }
        fs::create_dir_all(&all)?;
        for (wanted, name) in [(held.memory, "memory"), (held.cpu, "cpu"), (held.processes, "pids")] {
            if wanted {
                write(&root.join("cgroup.subtree_control"), &format!("+{name}"))?;
                write(&all.join("cgroup.subtree_control"), &format!("+{name}"))?;
            }
        }
        let group = Group(all.join(format!("{function}.{}", Owner::this().text())));
        fs::create_dir_all(&group.0)?;
        if let Some(bytes) = limits.memory.filter(|_| held.memory) {
            write(&group.0.join("memory.max"), &bytes.to_string())?;
            let _ = write(&group.0.join("memory.swap.max"), "0"); // a kernel without swap has no such file
        }
        if let Some(cores) = limits.cpu.filter(|_| held.cpu) {
            write(&group.0.join("cpu.max"), &format!("{} {PERIOD}", (cores * PERIOD).round()))?;
        }
        if let Some(n) = limits.processes.filter(|_| held.processes) {
            write(&group.0.join("pids.max"), &(n + 1).to_string())?; // the process that looks after them
        }
        Ok((Some(group), held))
    }

    /// The file that a process writes 0 into to be a member.
    pub(crate) fn members(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        end(&self.0);
    }
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    fs::write(file, text).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", file.display())))
}

/// Ends the groups of a function whose maker is gone.
fn clear(all: &Path, function: &str) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(function)?.strip_prefix('.'));
        if owner.and_then(Owner::read).is_some_and(|owner| !owner.lives()) {
            end(&entry.path());
        }
    }
}

/// Kills who is in the group, and removes it once they are gone.
fn end(group: &Path) {
    let _ = fs::write(group.join("cgroup.kill"), "1");
    for _ in 0..LOOKS {
        match fs::remove_dir(group) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => sleep(Duration::from_millis(5)),
            _ => return,
        }
    }
}
