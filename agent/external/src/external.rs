//! A program as a function: everything around it that is made once, and that goes away with it.
use crate::cgroup::{Group, Held};
use crate::click::compound;
use crate::door::{Door, Passage};
use crate::links;
use crate::namespace::Namespace;
use crate::owner::Owner;
use crate::program::{self, PATH};
use crate::run::{Ended, Sandbox};
use crate::sandbox::Task;
use crate::spec::{Attach, Limits, Spec};
use crate::supervise::{Event, Shared, Supervisor};
use serde::Serialize;
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

/// Where the sockets of memif are. Only this user reaches them.
const SOCKETS: &str = "/run/sluice";
/// What the name of such a socket ends with.
const SOCKET: &str = ".memif";
/// The longest name of a function, bytes; and with memif, where DPDK takes 64 for the name of a device.
const LONGEST_NAME: usize = 64;
const LONGEST_MEMIF: usize = 48;

/// What a function does at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It takes no packets yet.
    Starting,
    /// It takes packets; if it has stalled, [`Status::stalled`] says so.
    Running,
    /// It ended, and will be started again.
    BackingOff,
    /// It ended, on demand.
    Stopped,
    /// It ended too often, and is left alone.
    Failed,
}

/// What is known of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// What it does.
    pub state: State,
    /// It has packets, and gives none back.
    pub stalled: bool,
    /// Packets that it was given and did not give back, in this run.
    pub outstanding: u64,
    /// The first of its processes, if there is one.
    pub process: Option<u32>,
    /// How often it was started.
    pub starts: u64,
    /// How often a run ended that was not to end, or could not begin.
    pub failures: u64,
    /// How often it was ended because it had stalled.
    pub stalls: u64,
    /// How it ended last.
    pub ended: Option<Ended>,
    /// Why it could not be started, or what it waits for; empty if there is nothing to say.
    pub detail: String,
    /// The last lines of its output.
    pub words: Vec<String>,
}

/// A program that is supervised. It ends, with all of its processes and interfaces, when this is dropped.
#[derive(Debug)]
pub struct External {
    name: String,
    spec: Spec,
    devices: Vec<String>,
    door: Arc<Door>,
    shared: Arc<Shared>,
    events: Sender<Event>,
    thread: Option<JoinHandle<()>>,
}

/// Whether a function can have this name: a word of letters, digits, `-` and `_`.
fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// What DPDK is to be started with (each behind `--vdev`) before a function is attached by memif; nothing otherwise.
///
/// # Errors
/// The folder of the sockets cannot be made, or the name is none that DPDK takes.
pub fn vdevs(name: &str, spec: &Spec) -> io::Result<Vec<String>> {
    if spec.attach != Attach::Memif {
        return Ok(Vec::new());
    }
    if !is_name(name) || name.len() > LONGEST_MEMIF {
        let why = format!("a function that is attached by memif has a name of at most {LONGEST_MEMIF} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(SOCKETS)?;
    for entry in fs::read_dir(SOCKETS)?.flatten() {
        if entry.file_name().to_str().and_then(maker).is_some_and(|owner| !owner.lives()) {
            let _ = fs::remove_file(entry.path()); // another process may have been faster
        }
    }
    let vdev = |(i, socket): (usize, PathBuf)| {
        format!("{},role=server,id={i},socket={},socket-abstract=no", memif(name, i), socket.display())
    };
    Ok(sockets(name, spec).into_iter().enumerate().map(vdev).collect())
}

/// What DPDK calls a port: the name of the driver, and more.
fn memif(name: &str, i: usize) -> String {
    format!("net_memif_{name}_{i}")
}

/// Sockets that no other process has.
fn sockets(name: &str, spec: &Spec) -> Vec<PathBuf> {
    let count = if spec.attach == Attach::Memif { spec.interfaces.len() } else { 0 };
    let owner = Owner::this().text();
    (0..count).map(|i| Path::new(SOCKETS).join(format!("{name}-{i}.{owner}{SOCKET}"))).collect()
}

/// The process that made a socket of this name.
fn maker(file: &str) -> Option<Owner> {
    Owner::read(file.strip_suffix(SOCKET)?.split_once('.')?.1)
}

impl External {
    /// Makes the program's network and starts it, now and again whenever it ends. `name`: that of the function, which no
    /// other one in this process has. The graph is built from [`click`](Self::click) afterwards.
    ///
    /// # Errors
    /// What is missing, and what to do about it. What goes wrong later is in the [status](Self::status).
    pub fn start(name: &str, spec: Spec, sandbox: Sandbox) -> Result<External, String> {
        if !is_name(name) {
            return Err(format!("{name:?}: a function has up to {LONGEST_NAME} letters, digits, `-` and `_`"));
        }
        let program = program::find(&spec)?;
        let user = program::user(&spec)?;
        let door = Door::of(name);
        if !door.claim() {
            return Err(format!("there is a function {name} already"));
        }
        let claim = Claim(door.clone());
        let (group, held) = Group::new(name, &spec.limits).map_err(|e| format!("limits: {e}"))?;
        limits_can_be_held(&spec.limits, held, user.is_some_and(|user| user.uid != 0))?;
        let namespace = Namespace::new().map_err(|e| {
            let hint = if e.raw_os_error() == Some(1) { ": it takes root" } else { "" };
            format!("a network namespace cannot be made ({e}){hint}")
        })?;
        let devices = match spec.attach {
            Attach::Memif => (0..spec.interfaces.len()).map(|i| memif(name, i)).collect(),
            _ => links::names(name, spec.interfaces.len()).map_err(|e| format!("interfaces: {e}"))?,
        };
        let made = Devices(if spec.attach == Attach::Veth { devices.clone() } else { Vec::new() });
        if spec.attach == Attach::Veth {
            links::pairs(name, &devices, &spec, &namespace).map_err(|e| format!("interfaces: {e}"))?;
        }
        let sockets = sockets(name, &spec);
        let task = Task {
            again: sandbox.arguments.clone(),
            parent: std::process::id(),
            namespace: namespace.as_fd().as_raw_fd(),
            group: group.as_ref().map(Group::members),
            program,
            command: spec.command.iter().map(|word| filled(word, &sockets)).collect(),
            env: environment(&spec),
            root: spec.root.clone(),
            folder: spec.folder.clone(),
            user: user.map(|user| (user.uid, user.gid)),
            memory: spec.limits.memory.filter(|_| !held.memory),
            cpu: spec.limits.cpu_time.map(|time| time.as_secs()),
            processes: spec.limits.processes.filter(|_| !held.processes),
            files: spec.limits.files,
        };
        let (events, inbox) = channel();
        let shared = Arc::<Shared>::default();
        let supervisor = Supervisor {
            spec: spec.clone(),
            task,
            sandbox,
            namespace,
            devices: devices.clone(),
            sockets,
            door: door.clone(),
            shared: shared.clone(),
            tell: events.clone(),
            inbox,
        };
        // In the order in which it goes away: program, interfaces, group; then another may have the name.
        let all = (made, group, claim);
        let work = move || {
            supervisor.work();
            drop(all);
        };
        let thread = thread::Builder::new().name(format!("external {name}")).spawn(work);
        let thread = Some(thread.map_err(|e| format!("a thread: {e}"))?);
        Ok(External { name: name.to_owned(), spec, devices, door, shared, events, thread })
    }

    /// The function as a compound element with one input and one output.
    pub fn click(&self) -> String {
        compound(&self.name, &self.spec, &self.devices)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it does at this moment.
    pub fn status(&self) -> Status {
        let mut status = self.shared.status();
        status.stalled = status.state == State::Running && self.door.passage() == Passage::Stalled;
        status.outstanding = self.door.outstanding();
        status
    }

    /// Starts the program, at once, if it does not run: it was stopped, given up, or waits for its next try.
    pub fn run(&self) {
        let _ = self.events.send(Event::Start); // the thread ends only with this
    }

    /// Ends the program and starts it again, at once.
    pub fn restart(&self) {
        let _ = self.events.send(Event::Restart);
    }

    /// Ends the program until it is [run](Self::run) again. It takes no packets from now on, has a moment to give back
    /// those that it has, is asked to end, and killed if it does not. Its network stays.
    pub fn stop(&self) {
        let _ = self.events.send(Event::Stop);
    }

    /// Begins to end it for good, so that several end at the same time; when this is dropped, that is waited for.
    pub fn quit(&self) {
        let _ = self.events.send(Event::Quit);
    }
}

impl Drop for External {
    fn drop(&mut self) {
        self.quit();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Interfaces that are removed with this.
#[derive(Debug)]
struct Devices(Vec<String>);

impl Drop for Devices {
    fn drop(&mut self) {
        links::remove(&self.0);
    }
}

/// A door that is left with this.
#[derive(Debug)]
struct Claim(Arc<Door>);

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// A limit that nobody would hold is an error: it was wanted for a reason.
fn limits_can_be_held(limits: &Limits, held: Held, other_user: bool) -> Result<(), String> {
    if limits.cpu.is_some() && !held.cpu {
        return Err("limits.cpu: the kernel has no control groups (version 2) with `cpu`; limits.cpu_time works".into());
    }
    if limits.processes.is_some() && !held.processes && !other_user {
        return Err("limits.processes: the kernel has no control groups (version 2) with `pids`, and does not count \
                    root's processes: give the program a `user`"
            .into());
    }
    Ok(())
}

fn filled(word: &str, sockets: &[PathBuf]) -> String {
    let fill = |word: String, (i, socket): (usize, &PathBuf)| {
        word.replace(&format!("{{memif{i}}}"), &socket.to_string_lossy())
    };
    sockets.iter().enumerate().fold(word.to_owned(), fill)
}

/// Nothing of the VNF's own environment: it may have secrets.
fn environment(spec: &Spec) -> Vec<(String, String)> {
    let default = [("PATH", PATH), ("HOME", "/"), ("LANG", "C.UTF-8")];
    let default = default.into_iter().filter(|(name, _)| !spec.env.contains_key(*name));
    let own = spec.env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    default.chain(own).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_of_memif_tell_who_made_them() {
        let spec: Spec = toml::from_str("command = ['x']\nattach = 'memif'\ninterfaces = 2").unwrap();
        let all = sockets("dpi", &spec);
        let name = |i: usize| all[i].file_name().and_then(|n| n.to_str()).unwrap();
        assert!(name(0).starts_with("dpi-0.") && name(1).starts_with("dpi-1."), "{all:?}");
        assert_eq!(maker(name(1)), Some(Owner::this()));
        assert_eq!(maker("dpi-0.memif"), None);
        let longest = Path::new(SOCKETS).join(format!("{}-1.4194304.99999999999{SOCKET}", "x".repeat(LONGEST_MEMIF)));
        assert!(longest.as_os_str().len() < 108, "sun_path of unix(7)");
    }
}
