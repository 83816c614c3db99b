//! A device that is a program beside this one. It dies with this one, however that ends.
use super::Device;
use super::reset::{ResetBy, Resetter};
use crate::dpdk::Folder;
use crate::wire::process::{Running, last_line, pinned};
use crate::wire::stop::Stop;
use anyhow::{Context as _, ensure};
use std::ffi::OsStr;
use std::process::Command;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A command that is ended with the thread that starts it, on one core, of the process's own number.
pub(super) fn command(core: usize, program: impl AsRef<OsStr>) -> Command {
    let mut command = pinned(core);
    command.arg(program);
    command
}

/// How a program is started, as often as it has to be.
pub(super) struct Recipe {
    pub(super) command: Command,
    /// Ends it when it is written to its input; else that is closed, and it is interrupted.
    pub(super) quit: Option<&'static str>,
    /// Whether it does its work.
    pub(super) ready: fn(&Running) -> bool,
    /// What it reads.
    pub(super) files: Option<Folder>,
}

/// The program.
pub(super) struct Process {
    program: Program,
    started: String,
    /// Read again at each start.
    _files: Option<Folder>,
}

impl Process {
    /// Starts it and waits until it is ready.
    pub(super) fn start(recipe: Recipe, stop: &Stop) -> anyhow::Result<Process> {
        let Recipe { command, quit, ready, files } = recipe;
        let words: Vec<String> = command.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
        let started = words.into_iter().skip_while(|a| a != "-c").skip(2).collect::<Vec<_>>().join(" ");
        let state = State { running: None, starter: Starter::new(command)?, quit, ready };
        let program = Program(Arc::new(Mutex::new(state)));
        program.start(stop)?;
        Ok(Process { program, started, _files: files })
    }
}

impl Device for Process {
    fn check(&mut self) -> Result<(), String> {
        let mut state = self.program.state();
        let Some(running) = &mut state.running else { return Err("the device's process does not run".into()) };
        match running.runs() {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!("the device's process has ended: {}", last_line(&running.said()))),
            Err(why) => Err(format!("{why:#}")),
        }
    }

    fn facts(&self) -> Vec<(String, String)> {
        vec![("device started as".into(), self.started.clone())]
    }

    fn reset<'a>(&self, by: ResetBy, stop: &'a Stop) -> Option<Resetter<'a>> {
        let program = self.program.clone();
        match by {
            ResetBy::Kill => Some(Resetter {
                name: "kill of the process (SIGKILL), which is started again at once",
                act: Box::new(move || program.start(stop)),
            }),
            // What Sluice says when the new graph runs.
            ResetBy::Swap => Some(Resetter {
                name: "hot swap of the graph (SIGHUP)",
                act: Box::new(move || program.reload(stop, |said| said.matches(" is running now (paused ").count())),
            }),
            ResetBy::Machine => None,
        }
    }

    fn end(self: Box<Self>, stop: &Stop) -> anyhow::Result<()> {
        let mut state = self.program.state();
        let mut running = state.running.take().context("its process does not run")?;
        match state.quit {
            Some(text) => running.tell(text)?,
            None => running.interrupt()?,
        }
        let said = running.end(stop)?;
        ensure!(!said.contains("DO NOT ADD UP"), "{}", last_line(&said));
        Ok(())
    }
}

/// The program, for who looks after it and who resets it.
#[derive(Clone)]
pub(super) struct Program(Arc<Mutex<State>>);

/// Fields are dropped in their order.
struct State {
    running: Option<Running>,
    starter: Starter,
    quit: Option<&'static str>,
    ready: fn(&Running) -> bool,
}

impl Program {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts it and waits until it is ready. One that runs already is killed.
    pub(super) fn start(&self, stop: &Stop) -> anyhow::Result<()> {
        let mut state = self.state();
        drop(state.running.take());
        let mut running = state.starter.start()?;
        if state.quit.is_none() {
            running.no_more_input();
        }
        running.until(stop, state.ready)?;
        state.running = Some(running);
        Ok(())
    }

    /// Has it read its configuration again, and waits until `done` counts one more in what it says.
    pub(super) fn reload(&self, stop: &Stop, done: fn(&str) -> usize) -> anyhow::Result<()> {
        let mut state = self.state();
        let running = state.running.as_mut().context("the device's process does not run")?;
        let before = done(&running.said());
        running.hang_up()?;
        running.until(stop, |r| done(&r.said()) > before).with_context(|| last_line(&running.said()).to_owned())
    }
}

/// Starts the program on a thread that lives as long as this value: who asks for a new start may be a thread that does not,
/// and a program dies with the thread that started it.
struct Starter {
    ask: SyncSender<()>,
    started: Receiver<anyhow::Result<Running>>,
}

impl Starter {
    fn new(mut command: Command) -> std::io::Result<Starter> {
        let (ask, asked) = sync_channel(1);
        let (give, started) = sync_channel(1);
        let work = move || while asked.recv().is_ok() && give.send(Running::start(&mut command, "")).is_ok() {};
        std::thread::Builder::new().name("starter".into()).spawn(work)?;
        Ok(Starter { ask, started })
    }

    fn start(&self) -> anyhow::Result<Running> {
        self.ask.send(()).context("what starts programs is gone")?;
        self.started.recv().context("what starts programs is gone")?
    }
}
