//! Attempts with wrong credentials: recorded, and an alarm when there are many.
use super::{Actor, Call, Role};
use crate::alarms::{Alarms, Cause, Severity};
use crate::audit::Audit;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Attempts are looked at over this.
const WINDOW: Duration = Duration::from_secs(60);
/// Attempts in it that are recorded one by one; the others as one sum, so that nobody can push the log's entries out.
const RECORDED: u64 = 10;
/// Attempts in it that raise the alarm.
const ALARM: u64 = 20;
/// Windows without so many attempts, after which it is over.
const QUIET: u32 = 5;
const OBJECT: &str = "authentication";

#[derive(Default)]
struct Now {
    began: Duration,
    attempts: u64,
    quiet: u32,
}

/// Attempts with wrong credentials.
#[derive(Default)]
pub(super) struct Failures {
    now: Mutex<Now>,
}

impl Failures {
    /// An attempt at this time of the monotonic clock. May wait for the disk.
    pub(super) fn record(&self, at: Duration, call: &Call, audit: &Audit, alarms: &Alarms) {
        self.tick(at, audit, alarms);
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.attempts == 0 {
            now.began = at;
        }
        now.attempts += 1;
        let attempts = now.attempts;
        drop(now);
        if attempts <= RECORDED {
            audit.record(alarms, &nobody(), call, "wrong credentials", "401 Unauthorized");
        }
        if attempts == ALARM {
            let text =
                format!("{ALARM} requests or more in a minute had wrong credentials; the audit log has addresses");
            alarms.raise(OBJECT, Cause::UnauthorizedAccessAttempt, Severity::Major, &text);
        }
    }

    /// Ends a window whose time has come.
    pub(super) fn tick(&self, at: Duration, audit: &Audit, alarms: &Alarms) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if at < now.began + WINDOW {
            return;
        }
        let attempts = std::mem::take(&mut now.attempts);
        now.quiet = if attempts >= ALARM { 0 } else { now.quiet.saturating_add(1) };
        now.began = at;
        let quiet = now.quiet;
        drop(now);
        if attempts > RECORDED {
            let what = format!("wrong credentials, {} times more in a minute", attempts - RECORDED);
            audit.record(alarms, &nobody(), &Call::default(), &what, "401 Unauthorized");
        }
        if quiet >= QUIET {
            alarms.clear(OBJECT, Cause::UnauthorizedAccessAttempt);
        }
    }
}

/// Whoever was not recognised. The role is the least one; it had none.
fn nobody() -> Actor {
    Actor { name: "nobody".into(), role: Role::ReadOnly }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Events;
    use std::sync::Arc;

    #[test]
    fn many_attempts_are_one_alarm_and_few_entries_and_it_ends_when_they_stop() {
        let (failures, audit) = (Failures::default(), Audit::default());
        let alarms = Alarms::new(Arc::new(Events::default()));
        let second = |s| Duration::from_secs(s);
        (0..50).for_each(|_| failures.record(second(100), &Call::default(), &audit, &alarms));
        assert_eq!(audit.entries(0, 100).len(), RECORDED as usize);
        assert_eq!(alarms.active()[0].cause, Cause::UnauthorizedAccessAttempt);
        failures.tick(second(159), &audit, &alarms);
        assert_eq!(audit.entries(0, 100).len(), RECORDED as usize);
        failures.tick(second(160), &audit, &alarms);
        let last = audit.entries(0, 100).pop().unwrap();
        assert!(last.what.contains("40 times more"), "{}", last.what);
        (1..=4).for_each(|n| failures.tick(second(160 + 60 * n), &audit, &alarms));
        assert_eq!(alarms.active().len(), 1);
        failures.tick(second(460), &audit, &alarms);
        assert!(alarms.active().is_empty());
    }
}
