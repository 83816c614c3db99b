//! The last thing before the program: limits, root, user, and the rights that are left.
use super::{Task, at};
use rustix::process::{Resource, Rlimit, chroot, setrlimit, setsid};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities, set_capabilities_secure_bits, set_no_new_privs,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};
use sluice_dataplane::io::sys::process::close_on_exec;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// What a program may do as root (capabilities(7)): all about its own network namespace and its files; nothing about
/// the machine, other processes or mounts.
const ROOT: CapabilitySet = CapabilitySet::NET_ADMIN
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::NET_BROADCAST)
    .union(CapabilitySet::IPC_LOCK)
    .union(CapabilitySet::CHOWN)
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID);

/// The same for another user.
const USER: CapabilitySet = CapabilitySet::NET_ADMIN
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::NET_BROADCAST);

/// Comes back only with an error.
pub(super) fn run(task: &Task) -> io::Result<i32> {
    at("a session", setsid())?;
    at("what is open", close_on_exec(3))?;
    at("/dev/null", File::open("/dev/null").and_then(|null| Ok(rustix::stdio::dup2_stdin(null)?)))?;
    limits(task)?;
    if let Some(root) = &task.root {
        at("the root", chroot(root))?;
    }
    at("the folder", std::env::set_current_dir(&task.folder))?;
    rights(task)?;
    let mut program = Command::new(&task.program);
    if let Some(name) = task.command.first() {
        program.arg0(name);
    }
    program.args(task.command.iter().skip(1)).env_clear().envs(task.env.iter().cloned());
    let error = program.exec();
    Err(io::Error::new(error.kind(), format!("{}: {error}", task.program.display())))
}

fn limits(task: &Task) -> io::Result<()> {
    let limit = |what: &str, resource, value: Option<u64>| match value {
        Some(n) => at(what, setrlimit(resource, Rlimit { current: Some(n), maximum: Some(n) })),
        None => Ok(()),
    };
    limit("the limit of dumps", Resource::Core, Some(0))?;
    limit("the limit of open files", Resource::Nofile, Some(task.files))?;
    limit("the limit of processes", Resource::Nproc, task.processes)?;
    // A signal that can be caught comes at the first, one that cannot at the second.
    if let Some(seconds) = task.cpu {
        let limit = Rlimit { current: Some(seconds), maximum: Some(seconds.saturating_add(1)) };
        at("the limit of processor time", setrlimit(Resource::Cpu, limit))?;
    }
    limit("the limit of memory", Resource::As, task.memory)
}

/// Gives up what the program does not need, for good.
fn rights(task: &Task) -> io::Result<()> {
    let user = task.user().filter(|user| user.uid != 0);
    let kept = if user.is_some() { USER } else { ROOT };
    for bit in 0..64 {
        let one = CapabilitySet::from_bits_retain(1 << bit);
        if !kept.contains(one) {
            match remove_capability_from_bounding_set(one) {
                Err(rustix::io::Errno::INVAL) => break, // the kernel has no more
                result => at("capabilities", result)?,
            }
        }
    }
    if user.is_some() {
        // Otherwise they would go with root.
        at("capabilities", set_capabilities_secure_bits(CapabilitiesSecureBits::NO_SETUID_FIXUP))?;
    }
    at("the groups", set_thread_groups(&[]))?;
    if let Some(user) = task.user() {
        let (uid, gid) = (rustix::fs::Uid::from_raw(user.uid), rustix::fs::Gid::from_raw(user.gid));
        at("the group", set_thread_res_gid(gid, gid, gid))?;
        at("the user", set_thread_res_uid(uid, uid, uid))?;
    }
    at("capabilities", set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: kept }))?;
    if user.is_some() {
        for one in kept.iter() {
            at("capabilities", configure_capability_in_ambient_set(one, true))?;
        }
    }
    at("no new privileges", set_no_new_privs(true))
}
