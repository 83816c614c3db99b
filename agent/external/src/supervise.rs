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

/// What a supervisor is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The program has ended.
    Ended(Ended),
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
    stalls: u64,
    ended: Option<Ended>,
    detail: String,
}

impl Default for Known {
    fn default() -> Known {
        Known { state: State::Starting, process: None, starts: 0, stalls: 0, ended: None, detail: String::new() }
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
        if let Some(event) = self.attach()
            && self.rest(event)
        {
            return;
        }
        let mut pause = Pause::default();
        loop {
            let (over, age) = self.run();
            self.door.shut();
            let quit = match over {
                Over::Asked(event) => self.rest(event),
                Over::Ended(_) | Over::Stalled => match pause.after(age, &self.spec.restart) {
                    Some(time) => self.back_off(time),
                    None => {
                        self.shared.note(|k| {
                            k.state = State::Failed;
                            if k.detail.is_empty() {
                                k.detail = "it ended too often".into();
                            }
                        });
                        self.until_restart()
                    }
                },
            };
            if quit {
                return;
            }
        }
    }

    /// After a wish: true if all is to end.
    fn rest(&self, wish: Event) -> bool {
        match wish {
            Event::Quit => true,
            Event::Stop => {
                self.shared.note(|k| (k.state, k.detail) = (State::Stopped, String::new()));
                self.until_restart()
            }
            Event::Restart | Event::Ended(_) => false,
        }
    }

    /// True if all is to end.
    fn until_restart(&self) -> bool {
        loop {
            match self.inbox.recv() {
                Ok(Event::Restart) => return false,
                Ok(Event::Quit) | Err(_) => return true,
                Ok(Event::Stop) => self.shared.note(|k| k.state = State::Stopped),
                Ok(Event::Ended(_)) => {}
            }
        }
    }

    /// True if all is to end.
    fn back_off(&self, time: Duration) -> bool {
        self.shared.note(|k| k.state = State::BackingOff);
        match self.inbox.recv_timeout(time) {
            Ok(wish) => self.rest(wish),
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => true,
        }
    }

    /// Waits for what the graph makes, and gives it to the program. A wish ends it.
    fn attach(&self) -> Option<Event> {
        if self.spec.attach != Attach::Tap {
            return None;
        }
        let mut wish = None;
        loop {
            let done = match links::are_there(&self.devices) {
                Ok(false) => Err("it waits for the graph to make its interfaces".to_string()),
                Ok(true) => links::hand_over(&self.devices, &self.spec, &self.namespace).map_err(|e| e.to_string()),
                Err(error) => Err(error.to_string()),
            };
            let Err(detail) = done else { return wish };
            self.shared.note(|k| k.detail = detail);
            match self.inbox.recv_timeout(SOON) {
                Ok(Event::Quit) | Err(RecvTimeoutError::Disconnected) => return Some(Event::Quit),
                Ok(Event::Stop) => {
                    wish = Some(Event::Stop);
                    self.shared.note(|k| k.state = State::Stopped);
                }
                Ok(Event::Restart) => {
                    wish = None;
                    self.shared.note(|k| k.state = State::Starting);
                }
                Ok(Event::Ended(_)) | Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// One run, from start to end.
    fn run(&self) -> (Over, Duration) {
        self.shared.note(|k| (k.state, k.detail) = (State::Starting, String::new()));
        let run = match Run::start(&self.task, &self.sandbox, &self.shared.words, self.tell.clone()) {
            Ok(run) => run,
            Err(error) => {
                self.shared.note(|k| k.detail = format!("it cannot be started: {error}"));
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
        let ended = match over {
            Over::Ended(ended) => ended,
            Over::Stalled => self.end(&run, Duration::ZERO),
            Over::Asked(_) => self.end(&run, self.spec.stop_within),
        };
        self.shared.note(|k| {
            k.process = None;
            k.ended = Some(ended);
            k.stalls += u64::from(over == Over::Stalled);
            k.detail = match over {
                Over::Ended(ended) => ended.to_string(),
                Over::Stalled => "it had packets and gave none back".into(),
                Over::Asked(_) => String::new(),
            };
        });
        (over, age)
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
                self.shared.note(|k| k.state = State::Running);
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
                Ok(wish) => return Over::Asked(wish),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Over::Asked(Event::Quit),
            }
        }
    }

    /// `interfaces`: the numbers of the program's, if they are known.
    fn is_ready(&self, run: &Run, interfaces: Option<&[u32]>) -> bool {
        match self.spec.ready {
            Ready::After(time) => run.age() >= time,
            Ready::Socket if self.spec.attach == Attach::Memif => {
                let sockets: Vec<&Path> = self.sockets.iter().map(PathBuf::as_path).collect();
                readiness::is_connected(&sockets)
            }
            Ready::Socket => interfaces.is_some_and(|all| readiness::listens(run.process, all)),
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

    /// Asks the program to end, and kills it after `time`.
    fn end(&self, run: &Run, time: Duration) -> Ended {
        let mut quit = false;
        if !time.is_zero() {
            run.signal(Signal::TERM);
        }
        let until = now().saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        let mut killed = false;
        let ended = loop {
            let left = Duration::from_nanos(until.saturating_sub(now()));
            if !killed && left.is_zero() {
                killed = true;
                run.signal(Signal::KILL);
            }
            match self.inbox.recv_timeout(if killed { NEVER } else { left }) {
                Ok(Event::Ended(ended)) => break ended,
                Ok(Event::Quit) => quit = true,
                // What was wanted first comes first.
                Ok(Event::Restart | Event::Stop) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break Ended::Signal(9),
            }
        };
        if quit {
            let _ = self.tell.send(Event::Quit);
        }
        ended
    }
}
