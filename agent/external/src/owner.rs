//! Who made a thing that outlives processes: a process, told from later ones of the same number by when it was started.
use std::fs;

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    process: u32,
    /// In ticks since boot (proc_pid_stat(5), field 22).
    started: u64,
}

impl Owner {
    /// This process.
    pub(crate) fn this() -> Owner {
        let process = std::process::id();
        Owner { process, started: started(process).unwrap_or(0) }
    }

    /// Whether it is there.
    pub(crate) fn lives(self) -> bool {
        started(self.process) == Some(self.started)
    }

    /// As text without spaces.
    pub(crate) fn text(self) -> String {
        format!("{}.{}", self.process, self.started)
    }

    /// From such a text.
    pub(crate) fn read(text: &str) -> Option<Owner> {
        let (process, started) = text.split_once('.')?;
        Some(Owner { process: process.parse().ok()?, started: started.parse().ok()? })
    }
}

fn started(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may have spaces and parentheses itself; field 3 follows it. A zombie has ended.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let started = fields.nth(18)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(started)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_one_of_its_number_from_another_time_does_not() {
        let this = Owner::this();
        assert!(this.lives() && this.started > 0);
        assert_eq!(Owner::read(&this.text()), Some(this));
        assert!(!Owner { started: this.started + 1, ..this }.lives());
        assert_eq!(Owner::read("nobody"), None);
    }
}
