//! Programs of functions of the framework `external`: started with the VNF, stopped with their functions, watched, and ended
//! with it. What goes wrong with one of them is its function's trouble alone.
//!
//! An image of a virtual machine has no programs unless it was given some: it may do without this (feature `external`).
#[cfg(not(feature = "external"))]
mod without;

use crate::vnf::compose::GUEST;
use crate::vnf::description::{Description, Framework, Member};
use sluice_mgmt::alarms::{Cause, Severity};
use sluice_mgmt::ems::Ems;
use sluice_mgmt::vnf::State;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[cfg(feature = "external")]
use sluice_external::{Attach, External, Fail, Sandbox, State as Life, Status, vdevs};
#[cfg(not(feature = "external"))]
use without::{Attach, External, Fail, Life, Sandbox, Status, vdevs};

#[cfg(feature = "external")]
pub(crate) use sluice_external::Spec;
#[cfg(not(feature = "external"))]
pub(crate) use without::Spec;

/// What a program does with packets while it does not run, unless its function says so.
pub(crate) fn fails_open(spec: &Spec) -> bool {
    spec.fail == Fail::Open
}

/// The programs that a description names.
#[derive(Default)]
pub(crate) struct Programs {
    all: Vec<Program>,
}

struct Program {
    name: String,
    spec: Spec,
    /// Why it cannot be made whatever happens.
    never: Option<String>,
    made: Mutex<Made>,
}

/// What was made of it.
#[derive(Default)]
struct Made {
    external: Option<External>,
    /// Why that could not be.
    why: Option<String>,
    /// Its failures up to the last look.
    seen: u64,
}

impl Program {
    fn lock(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner) // whole between any two lines
    }
}

impl Programs {
    /// None of them runs yet. `dpdk`: whether DPDK is going to run.
    pub(crate) fn new(d: Option<&Description>, dpdk: bool) -> Programs {
        let program = |m: &Member| {
            let mut spec = m.program.clone()?;
            spec.fail = if m.fails_open() { Fail::Open } else { Fail::Closed };
            let never = match spec.attach {
                Attach::Memif if !cfg!(feature = "dpdk") => Some(
                    "attach = \"memif\": this Sluice was built without DPDK: build it with `make`, or with the feature dpdk",
                ),
                Attach::Memif if !dpdk => {
                    Some("attach = \"memif\" takes DPDK: start with --dpdk, or say dpdk = \"...\" in [run]")
                }
                _ => None,
            };
            Some(Program { name: m.name.clone(), spec, never: never.map(Into::into), made: Mutex::default() })
        };
        Programs { all: d.iter().flat_map(|d| &d.functions).filter_map(program).collect() }
    }

    /// What DPDK is to be started with for them, before they are made.
    pub(crate) fn vdevs(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        for p in self.all.iter_mut().filter(|p| p.never.is_none()) {
            match vdevs(&p.name, &p.spec) {
                Ok(vdevs) => all.extend(vdevs),
                Err(why) => p.never = Some(format!("attach = \"memif\": {why}")),
            }
        }
        all
    }

    fn find(&self, name: &str) -> Option<&Program> {
        self.all.iter().find(|p| p.name == name)
    }

    /// Makes all but some, and starts them. Why one could not be made is in its [state](Self::state).
    pub(crate) fn make_all(&self, but: &BTreeSet<String>) {
        for p in self.all.iter().filter(|p| !but.contains(&p.name)) {
            if let Err(why) = self.make(&p.name) {
                eprintln!("sluice: function ‘{}’: {why}", p.name);
            }
        }
    }

    /// Makes a program and starts it, unless that was done. True if it was not. To be called by one thread at a time.
    ///
    /// # Errors
    /// What is missing, and what to do about it.
    pub(crate) fn make(&self, name: &str) -> Result<bool, String> {
        let Some(p) = self.find(name) else { return Ok(false) };
        if p.lock().external.is_some() {
            return Ok(false);
        }
        let again = Sandbox { program: "/proc/self/exe".into(), arguments: vec![SANDBOX.to_string()] };
        // Not locked: it may take a moment, and others ask how it does.
        let made = match &p.never {
            Some(why) => Err(why.clone()),
            None => External::start(name, p.spec.clone(), again),
        };
        let mut now = p.lock();
        match made {
            Ok(external) => {
                (now.external, now.why) = (Some(external), None);
                Ok(true)
            }
            Err(why) => {
                now.why = Some(why.clone());
                Err(why)
            }
        }
    }

    /// Starts a program that was made and does not run, or has stalled.
    pub(crate) fn run(&self, name: &str) {
        if let Some(p) = self.find(name)
            && let Some(external) = &p.lock().external
        {
            if external.status().stalled { external.restart() } else { external.run() }
        }
    }

    /// The same for all but some.
    pub(crate) fn run_all(&self, but: &BTreeSet<String>) {
        self.all.iter().filter(|p| !but.contains(&p.name)).for_each(|p| self.run(&p.name));
    }

    /// Ends a program until it is to run again.
    pub(crate) fn stop(&self, name: &str) {
        let Some(p) = self.find(name) else { return };
        let mut made = p.lock();
        made.why = None;
        if let Some(external) = &made.external {
            external.stop();
        }
    }

    /// The same for all.
    pub(crate) fn stop_all(&self) {
        self.all.iter().for_each(|p| self.stop(&p.name));
    }

    /// The compound that stands for a program in a graph, if it was made.
    pub(crate) fn compound(&self, name: &str) -> Option<String> {
        Some(self.find(name)?.lock().external.as_ref()?.click())
    }

    /// What the program of a function does, and why it does not run or what it waits for; nothing for a function without one.
    pub(crate) fn state(&self, name: &str) -> Option<(State, Option<String>)> {
        let made = self.find(name)?.lock();
        let Some(external) = &made.external else {
            return Some(match &made.why {
                Some(why) => (State::Failed, Some(why.clone())),
                None => (State::Stopped, None),
            });
        };
        let status = external.status();
        let state = match status.state {
            Life::Starting => State::Starting,
            Life::Running if status.stalled => State::Failed,
            Life::Running => State::Running,
            Life::BackingOff | Life::Failed => State::Failed,
            Life::Stopped => State::Stopped,
        };
        let detail = if state == State::Failed { trouble(&status) } else { status.detail };
        Some((state, Some(detail).filter(|d| !d.is_empty())))
    }

    /// Whether the process of a stopped function's program has not ended yet.
    pub(crate) fn is_ending(&self, name: &str) -> bool {
        self.find(name).is_some_and(|p| p.lock().external.as_ref().is_some_and(|e| e.status().process.is_some()))
    }

    /// Raises an alarm for each that does not run though it should, and takes it back. Also for one that failed since the last
    /// look and runs again.
    pub(crate) fn look(&self, ems: &Ems) {
        for p in &self.all {
            let mut made = p.lock();
            let status = made.external.as_ref().map(External::status);
            let failures = status.as_ref().map_or(0, |s| s.failures);
            let failed = failures > std::mem::replace(&mut made.seen, failures);
            let wrong = match &status {
                None => made.why.clone(),
                Some(s) if s.state == Life::Stopped => None,
                Some(s) if s.state == Life::Starting && !failed => continue,
                Some(s) if failed || s.stalled || s.state != Life::Running => Some(trouble(s)),
                Some(_) => None,
            };
            drop(made);
            let (object, cause) = (format!("function/{}", p.name), Cause::SoftwareProgramAbnormallyTerminated);
            match wrong {
                Some(why) => ems.alarms.raise(&object, cause, Severity::Major, &format!("the program: {why}")),
                None => ems.alarms.clear(&object, cause),
            }
        }
    }

    /// Ends them, all at the same time, and waits for that.
    pub(crate) fn end(&self) {
        let all: Vec<External> = self.all.iter().filter_map(|p| p.lock().external.take()).collect();
        all.iter().for_each(External::quit);
    }
}

/// What is wrong with a program, and what it said last.
fn trouble(status: &Status) -> String {
    let ended = status.ended.map(|e| e.to_string());
    let what = match status.state {
        Life::Running if status.stalled => "it has packets and gives none back".to_string(),
        Life::Starting | Life::Running => {
            format!("{}, and was started again", ended.unwrap_or_else(|| "it failed".into()))
        }
        Life::BackingOff => format!("{}; it is going to be started again", status.detail),
        Life::Failed | Life::Stopped => format!("{}; it is not started again by itself", status.detail),
    };
    match status.words.iter().rev().find(|w| !w.is_empty()) {
        Some(said) => format!("{what}; it said last: {said}"),
        None => what,
    }
}

/// Raises an alarm for each WebAssembly function that is down, and takes it back.
pub(crate) fn look_at_guests(ems: &Ems) {
    for f in ems.vnf.functions().iter().filter(|f| f.framework == Framework::Wasm.name() && f.state == State::Running) {
        let read = |handler| ems.vnf.read_handler(&f.name, GUEST, handler, "").unwrap_or_default();
        let (object, cause) = (format!("function/{}", f.name), Cause::SoftwareProgramAbnormallyTerminated);
        match read("down").trim().parse() {
            Ok(0) => ems.alarms.clear(&object, cause),
            Ok(down @ 1u64..) => {
                let why = read("last_error");
                ems.alarms.raise(
                    &object,
                    cause,
                    Severity::Major,
                    &format!("{down} of its instances are down: {}", why.trim()),
                );
            }
            Err(_) => {} // it is being replaced
        }
    }
}

/// The first argument of this program when it is what stands between a function's program and the rest.
const SANDBOX: &str = "__sandbox";

/// Becomes a function's program, if that is what this process was started for.
#[cfg(feature = "external")]
pub(crate) fn sandbox() {
    let all: Vec<String> = std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect();
    if let [_, first, rest @ ..] = all.as_slice()
        && first == SANDBOX
    {
        sluice_external::sandbox(rest);
    }
}

#[cfg(not(feature = "external"))]
pub(crate) fn sandbox() {}
