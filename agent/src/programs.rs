//! Programs of functions of the framework `external`: started with the VNF, watched, ended with it.
//!
//! An image of a virtual machine has no programs unless it was given some: it may do without this (feature `external`).
use crate::vnf::compose::GUEST;
use crate::vnf::description::{Description, Framework};
use sluice_mgmt::alarms::{Cause, Severity};
use sluice_mgmt::ems::Ems;
use sluice_mgmt::vnf::State;
use std::collections::BTreeMap;

#[cfg(feature = "external")]
pub(crate) use sluice_external::Spec;
/// What would be a program.
#[cfg(not(feature = "external"))]
pub(crate) type Spec = toml::Table;

/// The programs that were started. They end with this.
pub(crate) struct Programs(#[cfg(feature = "external")] Vec<sluice_external::External>);

#[cfg(feature = "external")]
impl Programs {
    /// Starts the programs that a description names.
    ///
    /// # Errors
    /// What is missing, and what to do about it.
    pub(crate) fn start(d: Option<&Description>) -> anyhow::Result<Programs> {
        let all = d.iter().flat_map(|d| &d.functions).filter_map(|m| Some((&m.name, m.program.clone()?)));
        let start = |(name, spec): (&String, Spec)| {
            if spec.attach == sluice_external::Attach::Memif {
                anyhow::bail!(
                    "function ‘{name}’: a program is attached by veth or tap; memif is for graphs of your own"
                );
            }
            let again =
                sluice_external::Sandbox { program: "/proc/self/exe".into(), arguments: vec![SANDBOX.to_string()] };
            let started = sluice_external::External::start(name, spec, again);
            started.map_err(|why| anyhow::anyhow!("function ‘{name}’: {why}"))
        };
        all.map(start).collect::<anyhow::Result<_>>().map(Programs)
    }

    /// The compounds that stand for them in a graph, by function.
    pub(crate) fn compounds(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|p| (p.name().to_string(), p.click())).collect()
    }

    /// Raises an alarm for each that does not run, and takes it back.
    pub(crate) fn look(&self, ems: &Ems) {
        for program in &self.0 {
            let (object, status) = (format!("function/{}", program.name()), program.status());
            let cause = Cause::SoftwareProgramAbnormallyTerminated;
            if status.state == sluice_external::State::Running && !status.stalled {
                ems.alarms.clear(&object, cause);
            } else if status.starts > 0 {
                let what = if status.stalled { "it has stalled" } else { "it does not run" };
                let said = status.words.last().map(|w| format!("; it said last: {w}")).unwrap_or_default();
                let why = if status.detail.is_empty() { String::new() } else { format!(": {}", status.detail) };
                ems.alarms.raise(&object, cause, Severity::Major, &format!("the program: {what}{why}{said}"));
            }
        }
    }
}

impl Programs {
    /// Ends them.
    pub(crate) fn end(self) {}
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
#[cfg(feature = "external")]
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

#[cfg(not(feature = "external"))]
impl Programs {
    pub(crate) fn start(d: Option<&Description>) -> anyhow::Result<Programs> {
        match d.iter().flat_map(|d| &d.functions).find(|m| m.program.is_some()) {
            Some(m) => anyhow::bail!("function ‘{}’: this Sluice was built without external programs", m.name),
            None => Ok(Programs()),
        }
    }
    pub(crate) fn compounds(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
    pub(crate) fn look(&self, _: &Ems) {}
}
