//! The machine around the program, if this is all there is on it: the first process is this program, too.
use sluice_init::boot::SUPERVISED;
use sluice_init::machine::power;
use sluice_init::prepare::Program;
use sluice_init::run;
use sluice_mgmt::alarms::{Cause, Severity};
use sluice_mgmt::ems::Ems;
use sluice_mgmt::system::{System, Trouble};
use sluice_mgmt::vnf::{State, Status};
use std::path::PathBuf;
use std::process::ExitCode;

/// Does what the name asks for that the program was started by: `init`, `poweroff` or `reboot`.
pub(crate) fn by_name() -> Option<ExitCode> {
    let name = std::env::args().next().unwrap_or_default();
    if let Some(how) = run::asked_by_name(&name) {
        return Some(match power::ask(how) {
            Ok(()) => ExitCode::SUCCESS,
            Err(e) => {
                eprintln!("{name}: {e}");
                ExitCode::FAILURE
            }
        });
    }
    let init = name.rsplit('/').next() == Some("init") || std::env::args().nth(1).as_deref() == Some("init");
    if init && run::is_first() {
        run::main(Program { dpdk: cfg!(feature = "dpdk"), tls: cfg!(feature = "tls") });
    }
    init.then(|| {
        eprintln!("sluice init: it is the first process of a virtual machine, and this is not one");
        ExitCode::FAILURE
    })
}

/// Whether the first process of the machine started this one.
pub(crate) fn is_supervised() -> bool {
    std::env::var_os(SUPERVISED).is_some()
}

/// Tells the first process, once, that the VNF is ready.
pub(crate) struct Ready(Option<PathBuf>);

impl Default for Ready {
    fn default() -> Ready {
        Ready(std::env::var_os(SUPERVISED).map(PathBuf::from))
    }
}

impl Ready {
    pub(crate) fn tell(&mut self, status: impl FnOnce() -> Status) {
        if let Some(file) = self.0.take_if(|_| matches!(status().state, State::Running | State::Stopped))
            && let Err(e) = std::fs::write(&file, "")
        {
            eprintln!("sluice: {}: {e}", file.display());
        }
    }
}

/// An alarm for each thing that is wrong with the machine, for as long as it is.
#[derive(Default)]
pub(crate) struct Troubles(System);

impl Troubles {
    /// Looks how things are.
    pub(crate) fn look(&mut self, ems: &Ems) {
        let now = ems.vnf.system();
        if now == self.0 {
            return;
        }
        let of = |system: &System| -> Vec<Trouble> { system.problems.iter().cloned().chain(died(system)).collect() };
        let (before, after) = (of(&self.0), of(&now));
        for t in before.iter().filter(|b| !after.iter().any(|a| a.object == b.object)) {
            ems.alarms.clear(&object(t), cause(t));
        }
        for t in after.iter().filter(|a| !before.contains(a)) {
            ems.alarms.raise(&object(t), cause(t), t.severity, &t.detail);
        }
        self.0 = now;
    }
}

fn object(of: &Trouble) -> String {
    format!("system/{}", of.object)
}

fn cause(of: &Trouble) -> Cause {
    match of.object.as_str() {
        "data-disk" => Cause::StorageCapacityProblem,
        "management" => Cause::LossOfSignal,
        "vnf" => Cause::SoftwareProgramAbnormallyTerminated,
        _ => Cause::ConfigurationOrCustomizationError,
    }
}

/// The process before this one ended when nobody wanted it to.
fn died(system: &System) -> Option<Trouble> {
    let detail =
        format!("the VNF's process was started again ({}); the last one: {}", system.restarts, system.last_words);
    (system.restarts > 0).then(|| Trouble { object: "vnf".into(), severity: Severity::Major, detail })
}
