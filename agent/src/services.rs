//! What a graph wants of the process around it while it runs: control sockets served, signals
//! delivered. The one place where either is done.
use signal_hook::consts::{FORBIDDEN, SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use sluice_dataplane::control::{Request, Servers};
use sluice_dataplane::env;
use sluice_dataplane::handler::Call;
use sluice_dataplane::lang::{Declared, Flat, Place};
use sluice_dataplane::worker::Remote;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The class of the elements that listen.
const CLASS: &str = "ControlSocket";

/// Adds a ControlSocket for each of the arguments to a configuration, as Click's driver names them.
pub(crate) fn add_sockets(flat: &mut Flat, arguments: &[String]) {
    for (n, arguments) in arguments.iter().enumerate() {
        let number = if n == 0 { String::new() } else { format!("@{n}") };
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

/// The services of one engine; every copy is the same one.
#[derive(Clone, Default)]
pub(crate) struct Services(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    signals: Vec<(i32, String)>,
    sockets: Vec<Request>,
    /// Signals that are caught, and whether each came.
    caught: Vec<(i32, Arc<AtomicBool>)>,
    /// The end was asked for: the next such signal ends the process at once.
    ending: Arc<AtomicBool>,
    running: Option<(Remote, Servers<Remote>)>,
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
        let numbers: Vec<i32> = state.signals.iter().map(|s| s.0).collect();
        numbers.into_iter().try_for_each(|n| state.catch(n))?;
        let State { running, sockets, .. } = &mut *state;
        running.as_mut().map_or(Ok(()), |(_, servers)| servers.update(sockets))
    }

    /// Starts them. `log` gets a line for each message.
    ///
    /// # Errors
    /// As [`adopt`](Self::adopt).
    pub(crate) fn start(
        &self,
        remote: Remote,
        reload: bool,
        log: impl Fn(&str) + Send + Sync + 'static,
    ) -> io::Result<()> {
        let mut state = self.lock();
        for end in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(end, 1, state.ending.clone())?;
            state.catch(end)?;
        }
        if reload {
            state.catch(SIGHUP)?;
        }
        let mut servers = Servers::new(remote.clone(), log);
        let served = servers.update(&state.sockets);
        state.running = Some((remote, servers));
        served
    }

    /// Whether commands may come from outside, so that a run does not end by itself.
    pub(crate) fn any(&self) -> bool {
        let state = self.lock();
        !state.sockets.is_empty() || !state.signals.is_empty()
    }

    /// Delivers the signals that came since the last call; says what is left to do.
    pub(crate) fn poll(&self) -> Asked {
        let state = self.lock();
        let mut asked = Asked::default();
        for (number, _) in state.caught.iter().filter(|c| c.1.swap(false, Relaxed)) {
            let wanted: Vec<String> = state.signals.iter().filter(|s| s.0 == *number).map(|s| s.1.clone()).collect();
            match (*number, &state.running) {
                (n, Some((remote, _))) if !wanted.is_empty() => {
                    let deliver = move |e: &mut sluice_dataplane::engine::Engine| {
                        for handler in wanted {
                            if let Err(why) = e.call(Call::write(&handler, "")) {
                                eprintln!("signal {n}: {handler}: {why}");
                            }
                        }
                    };
                    let _ = remote.send(Box::new(deliver)); // gone: nobody wants it any more
                }
                (SIGINT | SIGTERM, _) => asked.end = true,
                (SIGHUP, _) => asked.reload = true,
                _ => {}
            }
        }
        if asked.end {
            state.ending.store(true, Relaxed);
        }
        asked
    }

    /// Ends them.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        (state.running, state.sockets) = (None, Vec::new());
    }
}

impl State {
    fn catch(&mut self, number: i32) -> io::Result<()> {
        if self.caught.iter().any(|c| c.0 == number) {
            return Ok(());
        }
        if FORBIDDEN.contains(&number) {
            return Err(io::Error::other(format!("signal {number} cannot be caught")));
        }
        let came = Arc::new(AtomicBool::new(false));
        flag::register(number, came.clone())?;
        self.caught.push((number, came));
        Ok(())
    }
}
