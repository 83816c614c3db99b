//! The VNF that the EMS manages: a Click graph on workers.
//!
//! Reading order: this file (state, and changes of the graph), [`description`] (`vnf.toml`), [`compose`] (several functions
//! as one graph), [`look`] (elements, graph,
//! handlers), [`counters`] (what is counted), [`follow`] (traces and taps), [`system`] (the process around it).
pub(crate) mod compose;
mod counters;
pub(crate) mod description;
mod follow;
mod look;
mod system;

use crate::driver::{Driver, Source};
use crate::programs::Programs;
use crate::services::Services;
use compose::{All, Shape};
use sluice_dataplane::engine::Engine;
use sluice_dataplane::graph::Plan;
use sluice_dataplane::lang::{Diagnostic, Severity};
use sluice_dataplane::worker::crew::Crew;
use sluice_mgmt::agent::AGENT;
use sluice_mgmt::journal::Journal;
use sluice_mgmt::store::Store;
use sluice_mgmt::system::{Installed, System};
use sluice_mgmt::vnf::{
    Applied, Configuration, Drawing, Element, End, Finding, FunctionInfo, Grade, Graph, MAIN, ManagedVnf, Refusal,
    Snapshot, State, Status, TapRequest, TapSink, Trace, TraceRequest,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// A VNF with one function, `main`; or with several, and the structural agent before them.
pub(crate) struct Managed {
    journal: Arc<Journal>,
    status: Mutex<Status>,
    /// Which functions there are, if there are several.
    shape: Option<Shape>,
    configurations: Mutex<All>,
    /// Functions that somebody stopped; the store has them, too.
    stopped: Mutex<BTreeSet<String>>,
    store: Arc<Store>,
    programs: Arc<Programs>,
    /// What builds graphs. Held while one is built.
    building: Mutex<Option<Building>>,
    /// Reaches the workers, while there are any.
    crew: RwLock<Option<Crew>>,
    counters: counters::Cache,
    traces: Mutex<follow::Traces>,
    end: Mutex<Option<End>>,
    /// Where the first process of the machine tells how things are, if this is all there is on it.
    boot: Option<PathBuf>,
}

/// Why there is no configuration to build.
pub(crate) enum Unfit {
    /// Its parts do not fit together.
    Wrong(Vec<Diagnostic>),
    /// The kernel cannot confine it.
    Impossible(String),
}

/// What builds graphs.
pub(crate) struct Building {
    pub(crate) driver: Driver,
    pub(crate) services: Services,
    /// Name of the function's file, for messages.
    pub(crate) file: String,
    /// Functions that came through the EMS open files only beneath it.
    pub(crate) folder: PathBuf,
}

/// Locks; the data are whole between any two lines that hold the lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Managed {
    /// A VNF that boots. Functions that were stopped before stay so.
    pub(crate) fn new(
        shape: Option<Shape>,
        configurations: All,
        boot: Option<PathBuf>,
        journal: Arc<Journal>,
        store: Arc<Store>,
        programs: Arc<Programs>,
    ) -> Arc<Managed> {
        let known = |name: &String| shape.iter().flat_map(|s| &s.members).any(|m| m.name == *name);
        let stopped = store.stopped().into_iter().filter(known).collect();
        let status = Status { state: State::Starting, phase: "devices".into(), detail: None };
        Arc::new(Managed {
            journal,
            status: Mutex::new(status),
            shape,
            configurations: Mutex::new(configurations),
            stopped: Mutex::new(stopped),
            store,
            programs,
            building: Mutex::default(),
            crew: RwLock::default(),
            counters: counters::Cache::default(),
            traces: Mutex::default(),
            end: Mutex::default(),
            boot,
        })
    }

    /// It has come to another phase of its start.
    pub(crate) fn starting(&self, phase: &str) {
        *lock(&self.status) = Status { state: State::Starting, phase: phase.into(), detail: None };
    }

    /// Its workers run: with a graph, or without one because of what `failed`.
    pub(crate) fn started(&self, crew: Crew, building: Building, cores: &[usize], failed: Option<(&str, String)>) {
        self.counters.started(&crew, cores);
        self.counters.addresses(&building.driver);
        *lock(&self.building) = Some(building);
        *self.crew.write().unwrap_or_else(PoisonError::into_inner) = Some(crew);
        let (state, phase, detail) = match failed {
            None => (State::Running, "done", None),
            Some((phase, why)) => (State::Failed, phase, Some(why)),
        };
        *lock(&self.status) = Status { state, phase: phase.into(), detail };
    }

    /// Its workers are gone, and what built their graphs goes.
    pub(crate) fn ended(&self) {
        *self.crew.write().unwrap_or_else(PoisonError::into_inner) = None;
        *lock(&self.building) = None;
        *lock(&self.status) = Status { state: State::Stopped, phase: "done".into(), detail: None };
    }

    /// How somebody wants the system to end.
    pub(crate) fn end_wanted(&self) -> Option<End> {
        *lock(&self.end)
    }

    /// To be called about once a second: ends what nobody looks at any more.
    pub(crate) fn tick(&self) {
        let Ok(crew) = self.crew() else { return };
        follow::tick(&crew, &self.traces);
    }

    /// A function is to run this one instead.
    pub(crate) fn instead(&self, function: &str, configuration: Configuration) {
        lock(&self.configurations).insert(function.into(), configuration);
    }

    /// What it runs, or would.
    pub(crate) fn all(&self) -> All {
        lock(&self.configurations).clone()
    }

    /// Gets a builder of graphs ready for what it runs, or would. `file` is where a plain function was read from.
    ///
    /// # Errors
    /// The parts do not fit together, or the kernel cannot confine.
    pub(crate) fn source(&self, driver: &mut Driver, file: &str, folder: &Path) -> Result<Source, Unfit> {
        self.source_of(driver, &self.all(), &lock(&self.stopped).clone(), file, folder)
    }

    fn source_of(
        &self,
        driver: &mut Driver,
        all: &All,
        stopped: &BTreeSet<String>,
        file: &str,
        folder: &Path,
    ) -> Result<Source, Unfit> {
        let Some(shape) = &self.shape else {
            return source(driver, &all.get(MAIN).cloned().unwrap_or_default(), file, folder)
                .map_err(Unfit::Impossible);
        };
        driver.defines.clear();
        driver.confine(Some(folder)).map_err(Unfit::Impossible)?;
        compose::compose(driver, shape, all, stopped, &self.programs).map_err(Unfit::Wrong)
    }

    /// Functions that somebody stopped.
    pub(crate) fn stopped(&self) -> BTreeSet<String> {
        lock(&self.stopped).clone()
    }

    /// All configurations, with another one of a function.
    fn with(&self, function: &str, wanted: &Configuration) -> All {
        let mut all = self.all();
        all.insert(function.into(), wanted.clone());
        all
    }

    /// The beginning of the names of a function's elements: all of them are those of `main`, and of the agent those that are
    /// in no function.
    fn prefix(&self, function: &str) -> Option<String> {
        (self.shape.is_some() && ![MAIN, AGENT].contains(&function)).then(|| format!("{function}/"))
    }

    fn crew(&self) -> Result<Crew, Refusal> {
        let crew = self.crew.read().unwrap_or_else(PoisonError::into_inner).clone();
        crew.ok_or_else(|| Refusal::Unavailable("the workers have not started yet, or are gone".into()))
    }

    /// Whether there is such a function.
    fn known(&self, function: &str) -> Result<(), Refusal> {
        let known = lock(&self.configurations).contains_key(function);
        known.then_some(()).ok_or_else(|| Refusal::NotFound(format!("there is no function ‘{function}’")))
    }

    /// The same for what is looked at: `main` is the graph of all functions.
    fn seen(&self, function: &str) -> Result<(), Refusal> {
        if function == MAIN { Ok(()) } else { self.known(function) }
    }

    fn building(&self) -> Result<MutexGuard<'_, Option<Building>>, Refusal> {
        let building = lock(&self.building);
        if building.is_some() { Ok(building) } else { Err(Refusal::Conflict("the VNF is starting; try again".into())) }
    }

    /// Hands graphs to the workers. Packets inside the old ones go over to them, or are dropped if it is to `stop`.
    fn change_over(&self, building: &Building, mut plans: Vec<Plan>, stop: bool) -> Result<Vec<u64>, Refusal> {
        let crew = self.crew()?;
        if let Some(first) = plans.first_mut()
            && let Err(why) = building.services.adopt(std::mem::take(&mut first.services))
        {
            self.journal.say("vnf", &why.to_string());
        }
        if stop {
            let _ = crew.run_all(crew.remotes().iter().map(|_| |e: &mut Engine| e.shut_down())); // the swap finds out
        }
        let gone = |_| Refusal::Unavailable("a worker has ended".into());
        let pauses = crew.swap(plans).map_err(gone)?;
        self.counters.forget();
        self.counters.addresses(&building.driver);
        Ok(pauses)
    }
}

impl Building {
    /// Gets ready to build what `vnf` would run with these configurations.
    fn source(&mut self, vnf: &Managed, all: &All, stopped: &BTreeSet<String>) -> Result<Source, Refusal> {
        vnf.source_of(&mut self.driver, all, stopped, &self.file, &self.folder).map_err(|unfit| match unfit {
            Unfit::Wrong(errors) => Refusal::Wrong(findings(&errors)),
            Unfit::Impossible(why) => Refusal::Unavailable(why),
        })
    }

    fn prepare(&mut self, source: Source) -> Result<(Vec<Plan>, Vec<Finding>), Refusal> {
        let (plans, warnings) = self.driver.prepare(&source).map_err(|all| Refusal::Wrong(findings(&all)))?;
        Ok((plans, findings(&warnings)))
    }
}

/// Gets a builder of graphs ready for a configuration: its parameters, and what it may open. `file` is where it was read
/// from, if it is not the EMS's.
///
/// # Errors
/// The folder cannot be opened, or the kernel cannot confine.
pub(crate) fn source(driver: &mut Driver, of: &Configuration, file: &str, folder: &Path) -> Result<Source, String> {
    driver.defines = of.parameters.iter().map(|(n, v)| (n.clone(), v.clone())).collect();
    driver.confine(of.confined.then_some(folder))?;
    let file = if of.confined { MAIN } else { file };
    Ok(Source { text: of.text.clone(), file: file.to_string() })
}

/// Why a function's program could not be started.
fn does_not_start(function: &str, why: String) -> Refusal {
    let (grade, message) = (Grade::Error, format!("function ‘{function}’: {why}"));
    Refusal::Wrong(vec![Finding { grade, place: None, element: None, message, hint: None }])
}

/// What was found in a text, as the EMS shows it.
pub(crate) fn findings(diagnostics: &[Diagnostic]) -> Vec<Finding> {
    let finding = |d: &Diagnostic| {
        let notes = d.notes.iter().map(|n| {
            let at = n.at.as_ref().map(|p| format!("{p}: ")).unwrap_or_default();
            format!("\nnote: {at}{}", n.message.trim_start())
        });
        Finding {
            grade: match d.severity {
                Severity::Error => Grade::Error,
                Severity::Warning => Grade::Warning,
                Severity::Message => Grade::Message,
            },
            place: d.at.as_ref().map(ToString::to_string),
            element: d.element.as_ref().map(|e| format!("{} :: {}", e.name, e.class)),
            message: std::iter::once(d.message.clone()).chain(notes).collect(),
            hint: d.hint.clone(),
        }
    };
    diagnostics.iter().map(finding).collect()
}

impl ManagedVnf for Managed {
    fn status(&self) -> Status {
        lock(&self.status).clone()
    }

    fn set_running(&self, run: bool) -> Result<(), Refusal> {
        let mut building = self.building()?;
        let Some(building) = building.as_mut() else { return Ok(()) };
        let state = self.status().state;
        if run == (state == State::Running) && state != State::Failed {
            return Ok(());
        }
        let stopped = self.stopped();
        let source = match run {
            true => {
                self.programs.make_all(&stopped);
                building.source(self, &self.all(), &stopped)?
            }
            false => Source { text: String::new(), file: MAIN.into() },
        };
        let (plans, _) = building.prepare(source)?;
        self.change_over(building, plans, !run)?;
        match run {
            true => self.programs.run_all(&stopped),
            false => self.programs.stop_all(),
        }
        let state = if run { State::Running } else { State::Stopped };
        *lock(&self.status) = Status { state, phase: "done".into(), detail: None };
        self.journal.say("vnf", if run { "started" } else { "stopped" });
        Ok(())
    }

    fn end(&self, how: End) -> Result<(), Refusal> {
        lock(&self.end).get_or_insert(how);
        Ok(())
    }

    fn system(&self) -> System {
        self.boot.as_deref().map_or_else(System::default, system::around)
    }

    fn install(&self, bundle: &[u8]) -> Result<Installed, Refusal> {
        system::install(self.boot.is_some(), bundle)
    }

    fn functions(&self) -> Vec<FunctionInfo> {
        let whole = self.status().state;
        let stopped = lock(&self.stopped).clone();
        let info = |name: &str, framework: &str| {
            let (state, detail) = match whole {
                State::Running if stopped.contains(name) => {
                    (State::Stopped, self.programs.is_ending(name).then(|| "its program is ending".into()))
                }
                State::Running => self.programs.state(name).unwrap_or((State::Running, None)),
                other => (other, None),
            };
            FunctionInfo { name: name.into(), framework: framework.into(), state, detail }
        };
        let Some(shape) = &self.shape else { return vec![info(MAIN, "click")] };
        let members = shape.members.iter().map(|m| info(&m.name, m.framework.name()));
        std::iter::once(info(AGENT, "agent")).chain(members).collect()
    }

    fn set_function_running(&self, function: &str, run: bool) -> Result<(), Refusal> {
        self.known(function)?;
        if self.shape.is_none() || function == AGENT {
            return Err(Refusal::Conflict("the VNF runs, or is stopped, as a whole: PUT /v1/vnf/state".into()));
        }
        let mut building = self.building()?;
        let Some(building) = building.as_mut() else { return Ok(()) };
        if self.status().state != State::Running {
            return Err(Refusal::Conflict("the VNF does not run".into()));
        }
        let mut stopped = self.stopped();
        let changes = if run { stopped.remove(function) } else { stopped.insert(function.into()) };
        let made = run && self.programs.make(function).map_err(|why| does_not_start(function, why))?;
        if changes || made {
            let source = building.source(self, &self.all(), &stopped)?;
            let (plans, _) = building.prepare(source)?;
            if changes {
                let kept = self.store.set_stopped(&stopped);
                kept.map_err(|e| Refusal::NotKept(format!("which functions are stopped cannot be saved: {e}")))?;
            }
            self.change_over(building, plans, false)?;
            *lock(&self.stopped) = stopped;
            self.journal.say("vnf", &format!("function {function} {}", if run { "started" } else { "stopped" }));
        }
        // A program is ended when nothing goes to it any more; until one that was started takes packets, they go as if it was
        // stopped.
        match run {
            true => self.programs.run(function),
            false => self.programs.stop(function),
        }
        Ok(())
    }

    fn configuration(&self, function: &str) -> Result<Configuration, Refusal> {
        self.known(function)?;
        Ok(lock(&self.configurations).get(function).cloned().unwrap_or_default())
    }

    fn check(&self, function: &str, wanted: &Configuration) -> Result<Vec<Finding>, Refusal> {
        self.known(function)?;
        let mut building = self.building()?;
        let Some(building) = building.as_mut() else { return Ok(Vec::new()) };
        let source = building.source(self, &self.with(function, wanted), &self.stopped())?;
        let checked = building.driver.check(&source).map_err(|all| Refusal::Wrong(findings(&all)))?;
        Ok(findings(&checked.warnings))
    }

    fn apply(&self, function: &str, wanted: &Configuration) -> Result<Applied, Refusal> {
        self.known(function)?;
        let mut building = self.building()?;
        let Some(building) = building.as_mut() else { return Ok(Applied::default()) };
        if self.status().state == State::Stopped {
            let source = building.source(self, &self.with(function, wanted), &self.stopped())?;
            let checked = building.driver.check(&source).map_err(|all| Refusal::Wrong(findings(&all)))?;
            self.instead(function, wanted.clone());
            return Ok(Applied { findings: findings(&checked.warnings), pauses_ns: Vec::new() });
        }
        let source = building.source(self, &self.with(function, wanted), &self.stopped())?;
        let (plans, findings) = building.prepare(source)?;
        let pauses_ns = self.change_over(building, plans, false)?;
        self.instead(function, wanted.clone());
        // A function that works is the way out of `failed`.
        *lock(&self.status) = Status { state: State::Running, phase: "done".into(), detail: None };
        self.journal.say("vnf", &format!("another configuration of {function} runs"));
        Ok(Applied { findings, pauses_ns })
    }

    fn elements(&self, function: &str) -> Result<Vec<Element>, Refusal> {
        self.seen(function)?;
        let all = look::elements(&self.crew()?, &self.snapshot())?;
        Ok(match self.prefix(function) {
            Some(prefix) => {
                let own =
                    all.into_iter().filter_map(|e| Some(Element { name: e.name.strip_prefix(&prefix)?.into(), ..e }));
                own.collect()
            }
            None if function == AGENT => all.into_iter().filter(|e| !e.name.contains('/')).collect(),
            None => all,
        })
    }

    fn read_handler(&self, function: &str, element: &str, handler: &str, parameter: &str) -> Result<String, Refusal> {
        self.seen(function)?;
        let name = self.prefix(function).unwrap_or_default() + element;
        look::read(&self.crew()?, &name, handler, parameter)
    }

    fn write_handler(&self, function: &str, element: &str, handler: &str, value: &str) -> Result<String, Refusal> {
        self.seen(function)?;
        let name = self.prefix(function).unwrap_or_default() + element;
        look::write(&self.crew()?, &name, handler, value)
    }

    fn graph(&self, function: &str) -> Result<Graph, Refusal> {
        self.seen(function)?;
        look::graph(&self.crew()?, &self.snapshot())
    }

    fn drawing(&self, function: &str, form: Drawing) -> Result<String, Refusal> {
        self.seen(function)?;
        look::drawing(&self.crew()?, form)
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.counters.get(self.crew().ok().as_ref())
    }

    fn start_trace(&self, request: &TraceRequest) -> Result<u64, Refusal> {
        follow::start(&self.crew()?, &self.traces, request)
    }

    fn trace(&self, id: u64) -> Result<Trace, Refusal> {
        follow::trace(self.crew().ok().as_ref(), &self.traces, id)
    }

    fn tap(&self, request: &TapRequest, sink: TapSink) -> Result<(), Refusal> {
        follow::tap(&self.crew()?, request, sink)
    }

    fn versions(&self) -> BTreeMap<String, String> {
        system::versions()
    }

    fn support_files(&self) -> Vec<(String, String)> {
        system::support_files()
    }
}
