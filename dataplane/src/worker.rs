//! A worker: one thread, pinned to a core, that runs an engine until it is told to stop.
//!
//! Whatever another thread wants of the engine it sends as a closure through a ring, which the
//! worker looks at once per round: so everything happens between two rounds, and no lock is held
//! while packets move. A worker with nothing to do sleeps in `poll`.
//!
//! Reading order: this file (one worker), [`crew`] (several that run one graph).
pub mod crew;

use crate::engine::{Engine, Load};
use crate::io::affinity;
use crate::io::poll::{Waiter, Waker};
use crate::port::PortObject;
use crate::time;
use std::io;
use std::num::NonZeroU64;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Idle this long before it sleeps, nanoseconds: falling asleep and waking costs more than that.
const PATIENCE: u64 = 50_000;
/// Shortest and longest nap of a worker with a port whose frames nobody tells it of, nanoseconds.
const NAPS: [u64; 2] = [10_000, 100_000];
/// How late naps may end, nanoseconds: the default, 50 us, would be half of the longest.
const SLACK: NonZeroU64 = NonZeroU64::new(1_000).unwrap();
/// Between two looks at ports that may have gone away, nanoseconds.
const MAINTENANCE: u64 = 200_000_000;
/// Busy rounds between two looks at the clock: some 100 us, so that it costs nothing.
const LOOK_EVERY: u64 = 64;
/// Commands that may wait.
const COMMANDS: usize = 64;

type Command = Box<dyn FnOnce(&mut Engine) + Send>;

/// How a worker runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// Core to stay on.
    pub core: Option<usize>,
    /// Never sleeps.
    pub busy_poll: bool,
    /// With simulated time: do not end when nothing can happen any more, because commands may come.
    pub wait_for_commands: bool,
}

/// Something that the worker looks at after each round, and what it does when it has come.
pub struct Watch {
    /// Has come; the worker takes it back. May be set by a signal handler, which does not wake a
    /// worker that sleeps.
    pub flag: Arc<AtomicBool>,
    /// Done between two rounds.
    pub then: Box<dyn FnMut(&mut Engine) + Send>,
}

impl Watch {
    /// Looks at nothing.
    fn nothing() -> Watch {
        Watch { flag: Arc::default(), then: Box::new(|_| ()) }
    }
}

struct Shared {
    ring: Mutex<rtrb::Producer<Command>>,
    waker: Waker,
    gone: AtomicBool,
}

/// Reaches a worker from any thread.
#[derive(Clone)]
pub struct Remote(Arc<Shared>);

/// The worker has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the worker has ended")
    }
}
impl std::error::Error for Gone {}

impl Remote {
    /// Whether the worker has ended.
    fn is_gone(&self) -> bool {
        self.0.gone.load(Acquire)
    }

    /// Runs `f` between two rounds and waits for what it gives.
    pub fn run<R: Send + 'static>(&self, f: impl FnOnce(&mut Engine) -> R + Send + 'static) -> Result<R, Gone> {
        let (answer, wait) = mpsc::channel();
        self.send(Box::new(move |e| {
            let _ = answer.send(f(e)); // nobody waits any more: fine
        }))?;
        // The worker drops what it did not run when it ends, which ends the wait.
        wait.recv().map_err(|_| Gone)
    }

    /// As [`run`](Self::run), without waiting.
    pub fn send(&self, mut f: Command) -> Result<(), Gone> {
        loop {
            if self.is_gone() {
                return Err(Gone);
            }
            let pushed = self.0.ring.lock().map_err(|_| Gone)?.push(f);
            self.0.waker.wake();
            match pushed {
                Ok(()) => return Ok(()),
                Err(rtrb::PushError::Full(back)) => f = back,
            }
            std::thread::yield_now();
        }
    }
}

/// How a worker ended.
pub struct Ended {
    /// The engine, with its graph and counters.
    pub engine: Engine,
    /// What elements reported as failures.
    pub failures: Vec<String>,
}

/// Tells that the worker has ended, even if it panicked.
struct Farewell(Arc<Shared>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.gone.store(true, Release);
    }
}

/// A running worker.
pub struct Worker {
    remote: Remote,
    thread: JoinHandle<Ended>,
}

impl Worker {
    /// Starts a thread that runs `engine`. `report` is told what ports report.
    ///
    /// # Errors
    /// The operating system refuses a thread or an event descriptor.
    pub fn start(engine: Engine, pace: Pace, report: impl FnMut(&str) + Send + 'static) -> io::Result<Worker> {
        Self::start_watching(engine, pace, report, Watch::nothing())
    }

    /// The same, with something to watch.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_watching(
        engine: Engine,
        pace: Pace,
        report: impl FnMut(&str) + Send + 'static,
        watch: Watch,
    ) -> io::Result<Worker> {
        Self::start_in_crew(engine, pace, report, watch, None)
    }

    /// The same; with a leader, it leaves the answer to requests to stop to that, and ends after it.
    fn start_in_crew(
        engine: Engine,
        pace: Pace,
        report: impl FnMut(&str) + Send + 'static,
        watch: Watch,
        leader: Option<Remote>,
    ) -> io::Result<Worker> {
        let (ring, commands) = rtrb::RingBuffer::new(COMMANDS);
        let waiter = Waiter::new()?;
        let waker = waiter.waker();
        let called = waker.clone();
        let mut engine = engine;
        engine.on_wake(move || called.wake());
        let shared = Arc::new(Shared { ring: Mutex::new(ring), waker, gone: AtomicBool::new(false) });
        let remote = Remote(shared.clone());
        let body = move || {
            if let Some(core) = pace.core {
                let _ = affinity::pin_to_core(core); // a core that is not ours: run anywhere
            }
            #[cfg(feature = "dpdk")]
            let _joined = crate::io::dpdk::join();
            let _ = rustix::thread::set_current_timer_slack(Some(SLACK)); // naps are longer then
            let farewell = Farewell(shared);
            let mut state = Loop {
                engine,
                commands,
                waiter,
                pace,
                report,
                watch,
                leader,
                idle_since: None,
                rest: Rest::No,
                maintained: 0,
            };
            while state.turn() {}
            state.maintain(); // the last counters and news
            drop(farewell);
            while state.commands.pop().is_ok() {}
            Ended { failures: state.engine.take_failures(), engine: state.engine }
        };
        let thread = std::thread::Builder::new().name("worker".into()).spawn(body)?;
        Ok(Worker { remote, thread })
    }

    /// Reaches the worker.
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// Whether it has ended by itself.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for its end. `None` if it panicked.
    pub fn join(self) -> Option<Ended> {
        self.thread.join().ok()
    }
}

/// How far a worker without work has come to rest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// It looks for work.
    No,
    /// Its ports were told, and each will say when frames come.
    Told,
    /// Some port will not: the next nap is so long.
    Naps(u64),
}

struct Loop<R> {
    engine: Engine,
    commands: rtrb::Consumer<Command>,
    waiter: Waiter,
    pace: Pace,
    report: R,
    watch: Watch,
    leader: Option<Remote>,
    idle_since: Option<u64>,
    rest: Rest,
    maintained: u64,
}

impl<R: FnMut(&str)> Loop<R> {
    /// One round and what belongs to it; false at the end.
    fn turn(&mut self) -> bool {
        let load = self.engine.round();
        let mut busy = load == Load::Busy;
        // Before anything that is due later than this: a signal is not overtaken by a timer.
        if self.watch.flag.load(Acquire) && self.watch.flag.swap(false, Acquire) {
            (self.watch.then)(&mut self.engine);
            busy = true;
        }
        while let Ok(command) = self.commands.pop() {
            command(&mut self.engine);
            busy = true;
        }
        if self.stops() {
            return false;
        }
        if busy {
            self.idle_since = None;
            self.resume();
            // One port's load must not keep another from being opened again.
            if self.engine.rounds()[1].is_multiple_of(LOOK_EVERY) && !self.engine.is_simulated() {
                self.maintain_if_due(time::now());
            }
            return true;
        }
        if self.engine.is_simulated() {
            return self.skip_time(load);
        }
        let now = time::now();
        self.maintain_if_due(now);
        let since = *self.idle_since.get_or_insert(now);
        if self.pace.busy_poll || now.saturating_sub(since) < PATIENCE {
            return true;
        }
        match self.rest {
            // A round more: frames may have come before the ports were told.
            Rest::No => self.rest = self.tell_ports(),
            Rest::Told => self.sleep(MAINTENANCE),
            Rest::Naps(nap) => {
                self.sleep(nap);
                self.rest = Rest::Naps((nap * 2).min(NAPS[1]));
            }
        }
        true
    }

    /// Tells the ports that sleep is near.
    fn tell_ports(&mut self) -> Rest {
        let mut all = true;
        for p in self.engine.ports_mut() {
            let blocked = p.is_blocked();
            all &= match &mut p.object {
                PortObject::Rx(d) => d.rest(),
                PortObject::Tx(d) => !blocked || d.fd().is_some(),
            };
        }
        if all { Rest::Told } else { Rest::Naps(NAPS[0]) }
    }

    /// Tells them that it is over.
    fn resume(&mut self) {
        if std::mem::replace(&mut self.rest, Rest::No) == Rest::No {
            return;
        }
        for p in self.engine.ports_mut() {
            if let PortObject::Rx(d) = &mut p.object {
                d.resume();
            }
        }
    }

    /// Whether it is over. Who has a leader passes requests on to it.
    fn stops(&mut self) -> bool {
        let Some(leader) = &self.leader else { return self.engine.stopping() };
        if self.engine.take_stops() {
            let _ = leader.send(Box::new(|e| e.request_stop())); // gone: that is what was wanted
        }
        leader.is_gone()
    }

    /// Simulated time jumps when no task is runnable.
    fn skip_time(&mut self, load: Load) -> bool {
        if load == Load::Idle && !self.engine.jump_to_timer() {
            if !self.pace.wait_for_commands {
                return false;
            }
            let _ = self.waiter.wait(&[], &[], Some(Duration::from_nanos(MAINTENANCE)));
        }
        true
    }

    /// Blocks until a port has packets, a timer is due, or a command came; at most for `longest` nanoseconds.
    fn sleep(&mut self, longest: u64) {
        let wait = self.engine.until_next_timer().map_or(longest, |t| t.min(longest));
        if wait == 0 || !self.engine.may_sleep() {
            return;
        }
        let (mut readable, mut writable) = (Vec::new(), Vec::new());
        for p in self.engine.ports() {
            match &p.object {
                PortObject::Rx(d) => readable.extend(d.fd()),
                PortObject::Tx(d) if p.is_blocked() => writable.extend(d.fd()),
                PortObject::Tx(_) => {}
            }
        }
        // An error here is a descriptor that went away: the ports find out themselves.
        let wake = self.waiter.wait(&readable, &writable, Some(Duration::from_nanos(wait)));
        self.engine.woke_up();
        if self.rest == Rest::Told && wake.is_ok_and(|w| w.ready > 0) {
            self.resume(); // what was told must be told again
        }
    }

    fn maintain_if_due(&mut self, now: u64) {
        if now.saturating_sub(self.maintained) >= MAINTENANCE {
            self.maintained = now;
            self.maintain();
        }
    }

    fn maintain(&mut self) {
        for news in self.engine.ports_mut().filter_map(|p| p.news()) {
            (self.report)(&news);
        }
    }
}
