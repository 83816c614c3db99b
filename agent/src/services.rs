//! What a graph wants of the process around it while it runs: control sockets served, signals
//! delivered. The one place where either is done.
use signal_hook::consts::{FORBIDDEN, SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::emulate_default_handler;
use sluice_dataplane::control::{Request, Servers};
use sluice_dataplane::engine::{Engine, Reach};
use sluice_dataplane::env::{self, OnSignal};
use sluice_dataplane::handler::Call;
use sluice_dataplane::lang::{Declared, Flat, Place};
use sluice_dataplane::worker::Watch;
use sluice_dataplane::worker::crew::Crew;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The class of the elements that listen.
const CLASS: &str = "ControlSocket";

/// Adds a ControlSocket for each of the arguments to a configuration, as Click's driver names them.
pub(crate) fn add_sockets(flat: &mut Flat, arguments: &[String]) {
    for (n, arguments) in arguments.iter().enumerate() {
        let number = if n == 0 { String::new() } else { format!("@{n}") };
        flat.own += 1;
        flat.elements.push(Declared {
            name: format!("click_driver@@{CLASS}{number}"),
            class: CLASS.into(),
            config: arguments.clone(),
            at: Place::new("click", 0, 0),
        });
    }
}

/// What somebody outside wants of the process, and no element deals with.
#[derive(Default)]
pub(crate) struct Asked {
    /// SIGINT or SIGTERM: to end.
    pub(crate) end: bool,
    /// SIGHUP: to read the configuration again.
    pub(crate) reload: bool,
}

/// The services of the engines of one graph; every copy is the same one.
#[derive(Clone, Default)]
pub(crate) struct Services(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    signals: Vec<OnSignal>,
    sockets: Vec<Request>,
    /// Signals that are caught, and whether each came.
    caught: Vec<(i32, Arc<AtomicBool>)>,
    /// Whether any came.
    any_came: Arc<AtomicBool>,
    /// SIGHUP is for us.
    reload: bool,
    /// The end was asked for: the next such signal ends the process at once.
    ending: Arc<AtomicBool>,
    running: Option<(Crew, Servers<Crew>)>,
}

impl Services {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner) // the state is whole between any two lines
    }

    /// The services of the graph that runs from now on, instead of those before. Does not wait, so
    /// the worker may call it.
    ///
    /// # Errors
    /// A signal cannot be caught, or a thread not be started.
    pub(crate) fn adopt(&self, wanted: env::Services) -> io::Result<()> {
        let mut state = self.lock();
        (state.signals, state.sockets) = (wanted.signals, wanted.sockets);
        let numbers: Vec<i32> = state.signals.iter().map(|s| s.number).collect();
        numbers.into_iter().try_for_each(|n| state.catch(n))?;
        let State { running, sockets, .. } = &mut *state;
        running.as_mut().map_or(Ok(()), |(_, servers)| servers.update(sockets))
    }

    /// Starts them. `log` gets a line for each message.
    ///
    /// # Errors
    /// As [`adopt`](Self::adopt).
    pub(crate) fn start(&self, crew: Crew, reload: bool, log: impl Fn(&str) + Send + Sync + 'static) -> io::Result<()> {
        let mut state = self.lock();
        for end in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(end, 1, state.ending.clone())?;
            state.catch(end)?;
        }
        if reload {
            state.catch(SIGHUP)?;
        }
        state.reload = reload;
        let mut servers = Servers::new(crew.clone(), log);
        let served = servers.update(&state.sockets);
        state.running = Some((crew, servers));
        served
    }

    /// Whether commands may come from outside, so that a run does not end by itself.
    pub(crate) fn any(&self) -> bool {
        let state = self.lock();
        !state.sockets.is_empty() || !state.signals.is_empty()
    }

    /// For the worker that leads: signals are delivered as soon as it sees them, so that a script that sends one
    /// to itself gets it before anything else happens.
    pub(crate) fn watch(&self) -> Watch {
        let me = self.clone();
        Watch { flag: self.lock().any_came.clone(), then: Box::new(move |e| me.deliver(e)) }
    }

    /// Writes the handlers that want the signals that came. Those that nobody wants do what they do by
    /// default, which may end the process; those that mean something to us are left to [`poll`](Self::poll).
    fn deliver(&self, engine: &mut Engine) {
        let mut wanted = Vec::new();
        {
            let state = self.lock();
            for (number, _) in state.caught.iter().filter(|c| !state.is_ours(c.0) && c.1.swap(false, Relaxed)) {
                let handlers = state.wanting(*number);
                wanted.push((*number, handlers.map(|s| s.handler.clone()).collect::<Vec<_>>()));
            }
        }
        // Not locked: a handler may replace the graph.
        for (number, handlers) in wanted {
            if handlers.is_empty() {
                let _ = emulate_default_handler(number); // fails for numbers that cannot be caught
            }
            for handler in handlers {
                match engine.reach(&handler) {
                    Ok(Reach::One(other)) if other != engine.worker() => self.deliver_to(other, number, handler),
                    _ => write_handler(engine, number, &handler),
                }
            }
        }
    }

    /// The same for a handler of an element that lives on another worker.
    fn deliver_to(&self, worker: usize, number: i32, handler: String) {
        let crew = self.lock().running.as_ref().map(|r| r.0.clone());
        if let Some(remote) = crew.as_ref().and_then(|c| c.remotes().get(worker)) {
            let _ = remote.send(Box::new(move |e| write_handler(e, number, &handler))); // gone: nobody wants it
        }
    }

    /// Has the worker deliver the signals that came since the last call, should it sleep; says what is
    /// left to do.
    pub(crate) fn poll(&self) -> Asked {
        let mut asked = Asked::default();
        let mut to_deliver = None;
        {
            let state = self.lock();
            for (number, came) in &state.caught {
                match *number {
                    n if !state.is_ours(n) => {
                        if came.load(Relaxed) {
                            to_deliver = state.running.as_ref().map(|r| r.0.clone());
                        }
                    }
                    SIGHUP => asked.reload |= came.swap(false, Relaxed),
                    _ => asked.end |= came.swap(false, Relaxed),
                }
            }
            if asked.end {
                state.ending.store(true, Relaxed);
            }
        }
        // Not locked: the worker may wait for the lock before it takes another command.
        if let Some(crew) = to_deliver {
            let me = self.clone();
            let _ = crew.remotes()[0].send(Box::new(move |e| me.deliver(e))); // gone: nobody wants it any more
        }
        asked
    }

    /// Ends them.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        (state.running, state.sockets) = (None, Vec::new());
    }
}

fn write_handler(engine: &mut Engine, number: i32, handler: &str) {
    if let Err(why) = engine.call(Call::write(handler, "")) {
        eprintln!("signal {number}: {handler}: {why}");
    }
}

impl State {
    /// The handlers that want signal `number` now.
    fn wanting(&self, number: i32) -> impl Iterator<Item = &OnSignal> {
        self.signals.iter().filter(move |s| s.number == number && s.armed.load(Relaxed))
    }

    /// Whether a signal means something to the driver, and no handler wants it.
    fn is_ours(&self, number: i32) -> bool {
        let meant = matches!(number, SIGINT | SIGTERM) || number == SIGHUP && self.reload;
        meant && self.wanting(number).next().is_none()
    }

    fn catch(&mut self, number: i32) -> io::Result<()> {
        if self.caught.iter().any(|c| c.0 == number) {
            return Ok(());
        }
        if FORBIDDEN.contains(&number) {
            return Err(io::Error::other(format!("signal {number} cannot be caught")));
        }
        let came = Arc::new(AtomicBool::new(false));
        flag::register(number, came.clone())?;
        flag::register(number, self.any_came.clone())?; // the second, so that it finds the first
        self.caught.push((number, came));
        Ok(())
    }
}
