//! What a process knows by number: descriptors that it was started with, signals to itself.
use super::raw;
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
    fn signals_that_are_ignored_do_nothing_and_others_do_not_exist() {
        raise(libc::SIGCHLD).unwrap(); // ignored by default
        assert_eq!(raise(1000).unwrap_err().raw_os_error(), Some(libc::EINVAL));
    }
}
