//! Management queries beside the frames of a trial (RFC 2544 section 11.2): one a second, to the EMS of Sluice.
use crate::rfc2544::trial::Queries;
use sluice_dataplane::time;
use sluice_mgmt::client::{Call, Client, Options};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// From one query to the next.
const EVERY: Duration = Duration::from_secs(1);
/// Longest time that an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is asked for: ports, drops, processor and memory.
const STATISTICS: &str = "/v1/stats";

/// An EMS that can be asked.
pub(crate) struct Manager(Client);

impl Manager {
    /// Of a program that has said where its EMS answers.
    pub(super) fn of(said: &str) -> Option<Manager> {
        let url = said.lines().find_map(|l| l.strip_prefix("EMS: "))?.trim_end_matches('/').to_owned();
        let options = Options { url, timeout: PATIENCE, ..Options::default() };
        Client::new(options).ok().map(Manager)
    }

    /// Asks at once and then every second while `work` is done.
    pub(crate) fn beside<R>(&self, work: impl FnOnce() -> R) -> (R, Queries) {
        thread::scope(|scope| {
            let (end, ended) = channel::<()>();
            let asking = scope.spawn(move || {
                let mut queries = Queries { asked: 0, answered: 0 };
                let mut due = time::now();
                loop {
                    queries.asked += 1;
                    queries.answered += u64::from(self.ask());
                    due += EVERY.as_nanos() as u64;
                    let left = due.saturating_sub(time::now());
                    if ended.recv_timeout(Duration::from_nanos(left)) != Err(RecvTimeoutError::Timeout) {
                        return queries;
                    }
                }
            });
            let done = with(end, work);
            (done, asking.join().unwrap_or(Queries { asked: 0, answered: 0 }))
        })
    }

    /// Whether there are statistics in the answer.
    fn ask(&self) -> bool {
        let text = self.0.send(&Call::get(STATISTICS)).and_then(|answer| answer.text());
        text.is_ok_and(|t| serde_json::from_str::<serde_json::Value>(&t).is_ok_and(|v| v.is_object()))
    }
}

/// Does something, then lets go of `end`, also when it panics.
fn with<R>(_end: Sender<()>, work: impl FnOnce() -> R) -> R {
    work()
}
