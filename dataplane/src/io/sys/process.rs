//! What a process knows by number: descriptors that it was started with, signals to itself. And which of the kernel's
//! namespaces it is in.
use super::raw;
use rustix::thread::UnshareFlags;
use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};

/// A descriptor of its own for what descriptor `number` is open on.
///
/// # Errors
/// `EBADF`: no such descriptor is open.
pub fn inherited(number: i32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers; a number that is no open descriptor is an error.
    let fd = raw::check(unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) })?;
    // SAFETY: `fd` was made above and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sends a signal to the calling thread: whoever catches it has done so when this returns.
///
/// # Errors
/// `EINVAL`: no such signal.
pub fn raise(signal: i32) -> io::Result<()> {
    // SAFETY: no pointers.
    match unsafe { libc::raise(signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What a thread can have for itself (namespaces(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// Network devices, addresses, sockets' names.
    Network,
    /// Process numbers: of the processes that this thread starts from now on, the first of which is number 1. When
    /// that one ends, the kernel ends the others.
    ProcessNumbers,
    /// Mounts, and System V's and POSIX's means of communication. The thread must be the only one of its process.
    MountsAndIpc,
}

/// Gives the calling thread a new namespace.
///
/// # Errors
/// `EPERM`: the process may not; `EINVAL`: the kernel has no such namespaces.
pub fn separate(what: Own) -> io::Result<()> {
    let flags = match what {
        Own::Network => UnshareFlags::NEWNET,
        Own::ProcessNumbers => UnshareFlags::NEWPID,
        Own::MountsAndIpc => UnshareFlags::NEWNS | UnshareFlags::NEWIPC,
    };
    // SAFETY: descriptors stay shared with the other threads: `FILES` is not among the flags.
    Ok(unsafe { rustix::thread::unshare_unsafe(flags) }?)
}

/// Has the kernel close all descriptors from `first` on when this process becomes another program, whoever opened them.
///
/// # Errors
/// `ENOSYS`, `EINVAL`: the kernel cannot (before Linux 5.11).
pub fn close_on_exec(first: u32) -> io::Result<()> {
    // SAFETY: no pointers; descriptors stay open and valid in this program.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsRawFd as _;

    #[test]
    fn a_descriptor_is_taken_by_number_and_one_that_is_not_there_refused() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut copy = std::fs::File::from(inherited(writer.as_raw_fd()).unwrap());
        drop(writer);
        copy.write_all(b"x").unwrap();
        drop(copy);
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"x");
        assert_eq!(inherited(-1).unwrap_err().raw_os_error(), Some(libc::EBADF));
        assert!(inherited(1 << 20).is_err());
    }

    #[test]
    fn a_thread_gets_a_network_of_its_own_and_the_others_keep_theirs() {
        let network = || std::fs::read_link("/proc/thread-self/ns/net").unwrap();
        let before = network();
        let own = std::thread::spawn(move || separate(Own::Network).map(|()| network())).join().unwrap();
        match own {
            Ok(own) => assert_ne!(own, before),
            Err(e) => println!("skipped: a_thread_gets_a_network_of_its_own needs root ({e})"),
        }
        assert_eq!(network(), before);
    }

    #[test]
    fn signals_that_are_ignored_do_nothing_and_others_do_not_exist() {
        raise(libc::SIGCHLD).unwrap(); // ignored by default
        assert_eq!(raise(1000).unwrap_err().raw_os_error(), Some(libc::EINVAL));
    }
}
