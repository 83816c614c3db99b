//! How a machine ends: everything is written, then it is switched off or starts again.
use rustix::process::{Pid, Signal, kill_process};
use rustix::system::{RebootCommand, reboot};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR2};

/// How it is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is switched off.
    Off,
    /// It starts again.
    Again,
}

impl End {
    /// What a signal to the first process asks for: SIGTERM and SIGUSR2 switch off; SIGINT, which is what the kernel makes of
    /// Ctrl-Alt-Del and Xen's `reboot`, starts again.
    pub fn asked_by(signal: i32) -> Option<End> {
        match signal {
            SIGTERM | SIGUSR2 => Some(End::Off),
            SIGINT => Some(End::Again),
            _ => None,
        }
    }
}

/// Ends it now. If even that fails, the kernel panics when this process ends, which starts the machine again.
pub fn end(how: End) -> ! {
    rustix::fs::sync();
    super::data::close();
    let command = match how {
        End::Off => RebootCommand::PowerOff,
        End::Again => RebootCommand::Restart,
    };
    let why = reboot(command);
    eprintln!("sluice init: the machine does not end: {why:?}");
    std::process::exit(1)
}

/// What `/sbin/poweroff` and `/sbin/reboot` do, which the kernel runs when the hypervisor asks: tells the first process.
///
/// # Errors
/// There is no such process, or it belongs to somebody else.
pub fn ask(how: End) -> rustix::io::Result<()> {
    let signal = match how {
        End::Off => Signal::TERM,
        End::Again => Signal::INT,
    };
    kill_process(Pid::INIT, signal)
}
