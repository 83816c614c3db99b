//! Keeps a program running: starts it, opens its door when it takes packets, starts it again when it ended or stalled.
//!
//! One thread for each function; whatever it is to know comes as an event.
use crate::door::{Door, Passage};
use crate::external::{State, Status};
use crate::links;
use crate::namespace::Namespace;
use crate::pause::Pause;
use crate::readiness;
use crate::run::{Ended, Run, Sandbox};
use crate::sandbox::Task;
use crate::spec::{Attach, Ready, Spec};
use crate::words::Words;
use rustix::process::Signal;
use sluice_dataplane::time::now;
use sluice_netlink::Netlink;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Between two looks whether a program takes packets, or what it needs is there.
const SOON: Duration = Duration::from_millis(20);
/// Between two looks whether it has stalled.
const LATER: Duration = Duration::from_millis(50);
/// Nothing has to be looked at.
const NEVER: Duration = Duration::from_secs(3600);
/// A program that is to end and has packets has so long to give one of them back.
const FAREWELL: Duration = Duration::from_millis(100);
/// How long to wait for what cannot even be killed, such as a process that waits for a disk, when all is to end.
const LAST: Duration = Duration::from_secs(5);

/// What a supervisor is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The program has ended.
    Ended(Ended),
    /// It is to run; if it does, nothing happens.
    Start,
    /// It is to be started again.
    Restart,
    /// It is to end, until it is to be started again.
    Stop,
    /// All is to end.
    Quit,
}

/// What others see.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    known: Mutex<Known>,
    words: Words,
}

#[derive(Debug)]
struct Known {
    state: State,
    process: Option<u32>,
    starts: u64,
    failures: u64,
    stalls: u64,
    ended: Option<Ended>,
    detail: String,
}

impl Default for Known {
    fn default() -> Known {
        let detail = String::new();
        Known { state: State::Starting, process: None, starts: 0, failures: 0, stalls: 0, ended: None, detail }
    }
}

impl Shared {
    pub(crate) fn status(&self) -> Status {
        let k = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Status {
            state: k.state,
            stalled: false,
            outstanding: 0,
            process: k.process,
            starts: k.starts,
            failures: k.failures,
            stalls: k.stalls,
            ended: k.ended,
            detail: k.detail.clone(),
            words: self.words.lines(),
        }
    }

    fn note(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Everything that a function's thread has.
pub(crate) struct Supervisor {
    pub(crate) spec: Spec,
    pub(crate) task: Task,
    pub(crate) sandbox: Sandbox,
    pub(crate) namespace: Namespace,
    /// What the graph calls its ends.
    pub(crate) devices: Vec<String>,
    pub(crate) sockets: Vec<PathBuf>,
    pub(crate) door: Arc<Door>,
    pub(crate) shared: Arc<Shared>,
    /// Leads to the inbox.
    pub(crate) tell: Sender<Event>,
    pub(crate) inbox: Receiver<Event>,
}

/// Why a run was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Ended(Ended),
    Stalled,
    Asked(Event),
}

impl Supervisor {
    /// Until it is told to quit.
    pub(crate) fn work(self) {
        let mut pause = Pause::default();
        loop {
            let wish = match self.attach().map(|()| self.run()) {
                Err(wish) | Ok((Over::Asked(wish), _)) => wish,
                Ok((Over::Ended(_) | Over::Stalled, age)) => match pause.after(age, &self.spec.restart) {
                    Some(time) => match self.back_off(time) {
                        Some(wish) => wish,
                        None => continue,
                    },
                    None => self.give_up(),
                },
            };
            if !self.obey(wish) {
                return;
            }
            pause = Pause::default();
        }
    }

    /// Does what is wanted, and what is wanted after that; true as soon as the program is to run, false if all is to end.
    fn obey(&self, mut wish: Event) -> bool {
        loop {
            match wish {
                Event::Start | Event::Restart => return true,
                Event::Quit => return false,
                Event::Stop => {
                    self.door.close();
                    self.shared.note(|k| (k.state, k.detail) = (State::Stopped, String::new()));
                }
                Event::Ended(_) => {}
            }
            wish = self.inbox.recv().unwrap_or(Event::Quit);
        }
    }

    /// It ended too often. The next wish.
    fn give_up(&self) -> Event {
        self.shared.note(|k| {
            k.state = State::Failed;
            if k.detail.is_empty() {
                k.detail = "it ended too often".into();
            }
        });
        self.inbox.recv().unwrap_or(Event::Quit)
    }

    /// Waits so long, or until a wish comes.
    fn back_off(&self, time: Duration) -> Option<Event> {
        self.shared.note(|k| k.state = State::BackingOff);
        match self.inbox.recv_timeout(time) {
            Ok(wish) => Some(wish),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Event::Quit),
        }
    }

    /// Sees to it that the program has its interfaces. Those that the graph makes are there when the graph is, and gone with
    /// it.
    ///
    /// # Errors
    /// Something else is wanted.
    fn attach(&self) -> Result<(), Event> {
        if self.spec.attach != Attach::Tap {
            return Ok(());
        }
        loop {
            let detail = match links::hand_over(&self.devices, &self.spec, &self.namespace) {
                Ok(true) => return Ok(()),
                Ok(false) => "it waits for the graph to make its interfaces".to_string(),
                Err(error) => error.to_string(),
            };
            self.shared.note(|k| (k.state, k.detail) = (State::Starting, detail));
            match self.inbox.recv_timeout(SOON) {
                Ok(wish @ (Event::Stop | Event::Quit)) => return Err(wish),
                Ok(Event::Start | Event::Restart | Event::Ended(_)) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Event::Quit),
            }
        }
    }

    /// One run, from start to end.
    fn run(&self) -> (Over, Duration) {
        self.shared.note(|k| (k.state, k.detail) = (State::Starting, self.awaited().into()));
        let run = match Run::start(&self.task, &self.sandbox, &self.shared.words, self.tell.clone()) {
            Ok(run) => run,
            Err(error) => {
                self.shared.note(|k| {
                    k.failures += 1;
                    k.detail = format!("it cannot be started: {error}");
                });
                return (Over::Ended(Ended::Status(crate::sandbox::FAILED)), Duration::ZERO);
            }
        };
        self.shared.note(|k| {
            k.starts += 1;
            k.process = Some(run.process);
        });
        let over = self.watch(&run);
        let age = run.age();
        self.door.shut();
        let mut wish = None;
        let ended = match over {
            Over::Ended(ended) => ended,
            Over::Stalled => self.end(&run, Duration::ZERO, &mut wish),
            Over::Asked(first) => {
                wish = Some(first);
                self.drain(&mut wish).unwrap_or_else(|| self.end(&run, self.spec.stop_within, &mut wish))
            }
        };
        run.hear_out();
        self.shared.note(|k| {
            k.process = None;
            k.ended = Some(ended);
            k.failures += u64::from(!matches!(over, Over::Asked(_)));
            k.stalls += u64::from(over == Over::Stalled);
            k.detail = match over {
                Over::Ended(ended) => ended.to_string(),
                Over::Stalled => "it had packets and gave none back".into(),
                Over::Asked(_) => String::new(),
            };
        });
        (wish.map_or(over, Over::Asked), age)
    }

    /// Until there is a reason to end the run.
    fn watch(&self, run: &Run) -> Over {
        let mut ready = false;
        let mut stalled = None;
        let by_interface = self.spec.ready == Ready::Socket && self.spec.attach != Attach::Memif;
        let mut interfaces = None;
        loop {
            if by_interface && interfaces.is_none() {
                interfaces = self.interfaces().ok();
            }
            if !ready && self.is_ready(run, interfaces.as_deref()) {
                ready = true;
                self.door.open();
                self.shared.note(|k| (k.state, k.detail) = (State::Running, String::new()));
            }
            if ready && self.spec.stall_after.is_some() {
                match self.door.passage() {
                    Passage::Stalled => {
                        let since = *stalled.get_or_insert_with(now);
                        if Duration::from_nanos(now().saturating_sub(since)) >= self.spec.restart.stalled {
                            return Over::Stalled;
                        }
                    }
                    _ => stalled = None,
                }
            }
            let pause = match (ready, self.spec.stall_after) {
                (false, _) => SOON,
                (true, Some(_)) => LATER,
                (true, None) => NEVER,
            };
            match self.inbox.recv_timeout(pause) {
                Ok(Event::Ended(ended)) => return Over::Ended(ended),
                Ok(Event::Start) | Err(RecvTimeoutError::Timeout) => {}
                Ok(wish) => return Over::Asked(wish),
                Err(RecvTimeoutError::Disconnected) => return Over::Asked(Event::Quit),
            }
        }
    }

    /// What a program that was started has yet to do before it takes packets.
    fn awaited(&self) -> &'static str {
        match (self.spec.ready, self.spec.attach) {
            (Ready::After(_), _) => "",
            (Ready::Socket, Attach::Memif) => "it has not connected to the sockets of memif yet",
            (Ready::Socket, _) => "it has not opened a packet socket on each of its interfaces yet",
        }
    }

    /// `interfaces`: the numbers of the program's, if they are known.
    fn is_ready(&self, run: &Run, interfaces: Option<&[u32]>) -> bool {
        match self.spec.ready {
            Ready::After(time) => run.age() >= time,
            Ready::Socket if self.spec.attach == Attach::Memif => {
                let sockets: Vec<&Path> = self.sockets.iter().map(PathBuf::as_path).collect();
                self.namespace.inside(|| Ok(readiness::is_connected(&sockets))).unwrap_or(false)
            }
            // Its first process may still be in the network that it was started from, where others listen.
            Ready::Socket => interfaces.is_some_and(|all| {
                self.namespace.inside(|| Ok(readiness::listens(all))).unwrap_or(false) // no thread now: later
            }),
        }
    }

    /// The numbers of the program's interfaces.
    fn interfaces(&self) -> io::Result<Vec<u32>> {
        let names = &self.spec.interfaces;
        self.namespace.inside(|| {
            let mut netlink = Netlink::open()?;
            names.iter().map(|name| Ok(netlink.link(name)?.index)).collect()
        })
    }

    /// Waits for the packets that the program has, as long as it gives some back. How it ended, if it did; the last wish that
    /// came.
    fn drain(&self, wish: &mut Option<Event>) -> Option<Ended> {
        let last = now().saturating_add(nanoseconds(self.spec.stop_within));
        let (mut left, mut until) = (u64::MAX, 0);
        // When all is to end, the graph may have ended before.
        while self.spec.returns && *wish != Some(Event::Quit) {
            let (outstanding, now) = (self.door.outstanding(), now());
            if outstanding < left {
                (left, until) = (outstanding, last.min(now.saturating_add(nanoseconds(FAREWELL))));
            }
            if outstanding == 0 || now >= until {
                break;
            }
            match self.inbox.recv_timeout(Duration::from_millis(2)) {
                Ok(Event::Ended(ended)) => return Some(ended),
                Ok(event) => later(wish, event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => later(wish, Event::Quit),
            }
        }
        None
    }

    /// Asks the program to end, and kills it after `time`. The last wish that came meanwhile counts.
    fn end(&self, run: &Run, time: Duration, wish: &mut Option<Event>) -> Ended {
        if !time.is_zero() {
            run.signal(Signal::TERM);
        }
        let (mut until, mut killed) = (now().saturating_add(nanoseconds(time)), false);
        loop {
            let left = Duration::from_nanos(until.saturating_sub(now()));
            if left.is_zero() {
                if killed && *wish == Some(Event::Quit) {
                    return Ended::Signal(Signal::KILL.as_raw());
                }
                run.signal(Signal::KILL);
                (killed, until) = (true, now().saturating_add(nanoseconds(LAST)));
                continue;
            }
            match self.inbox.recv_timeout(left) {
                Ok(Event::Ended(ended)) => return ended,
                Ok(event) => later(wish, event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => later(wish, Event::Quit),
            }
        }
    }
}

/// What is wanted after another wish: the last one, but for the wish to end, which nobody takes back.
fn later(wish: &mut Option<Event>, event: Event) {
    if *wish != Some(Event::Quit) {
        *wish = Some(event);
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
