//! Signals by name, and sending them (POSIX.1-2017, `<signal.h>`; numbers of Linux).
use crate::args::parse_int;

/// Signals that scripts may name.
const NAMES: [(&str, i32); 11] = [
    ("ABRT", 6),
    ("ALRM", 14),
    ("HUP", 1),
    ("INT", 2),
    ("IO", 29),
    ("PIPE", 13),
    ("QUIT", 3),
    ("TERM", 15),
    ("TSTP", 20),
    ("USR1", 10),
    ("USR2", 12),
];

/// The number of a signal, given as a name such as `HUP` or as a number from 0 to 31.
pub fn number(text: &str) -> Option<i32> {
    let named = NAMES.iter().find(|n| n.0 == text).map(|n| n.1);
    named.or_else(|| parse_int(text).ok().filter(|n| (0..32).contains(n)))
}

/// Sends signal `number` to the process `pid`; signal 0 only asks whether it could be sent. A signal
/// to this process has arrived when this returns.
///
/// # Errors
/// What the operating system says; a process number that is not positive is refused, because it
/// would mean many processes.
#[cfg(feature = "std")]
pub fn send(pid: i32, number: i32) -> std::io::Result<()> {
    use rustix::process::{Pid, Signal, kill_process, test_kill_process};
    let invalid = || std::io::Error::from(rustix::io::Errno::INVAL);
    let pid = Some(pid).filter(|p| *p > 0).and_then(Pid::from_raw).ok_or_else(invalid)?;
    match number {
        0 => test_kill_process(pid)?,
        n if pid.as_raw_nonzero().get() as u32 == std::process::id() => crate::io::sys::process::raise(n)?,
        n => kill_process(pid, Signal::from_named_raw(n).ok_or_else(invalid)?)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        assert_eq!((number("HUP"), number("15"), number("32"), number("FOO")), (Some(1), Some(15), None, None));
    }

    #[cfg(feature = "std")]
    #[test]
    fn only_single_processes_get_signals() {
        assert!(send(std::process::id() as i32, 0).is_ok());
        assert!(send(-1, 0).is_err());
        assert!(send(0, 15).is_err());
    }
}
