//! Virtual machines as devices: an image of Sluice that runs a function, or a Linux bridge.
use super::Device;
use super::function::{Elements, Function};
use super::links::Ends;
use super::reset::{ResetBy, Resetter};
use crate::guest::settings::Settings;
use crate::guest::vnf::{Image, Plan, Vnf};
use crate::guest::{Guest, Host, Resources, bridge};
use crate::wire::stop::Stop;
use anyhow::{Context as _, Result};
use sluice_images::qemu::Nic;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a device in a virtual machine is.
#[derive(Default)]
pub(crate) struct Setup {
    /// The image, unless it is a Linux bridge.
    pub(crate) image: Option<Image>,
    /// What the machine is given.
    pub(crate) resources: Resources,
}

/// What runs in it.
enum Runs {
    Sluice(Vnf),
    Bridge(Guest),
}

/// The machine, for who looks after it and who resets it.
pub(super) struct Vm {
    runs: Arc<Mutex<Runs>>,
    settings: Settings,
    facts: Vec<(String, String)>,
}

/// Where QEMU runs, and the machine's data ports.
fn place<'a>(ends: &Ends<'a>, core: usize) -> Result<(Host<'a>, Vec<Nic>)> {
    let net = match ends {
        Ends::Tap(net) => Some(*net),
        _ => None,
    };
    let backends = ends.backends().context("it cannot use such links")?;
    let nics = backends.into_iter().map(|backend| Nic { backend, mac: None }).collect();
    Ok((Host { net, core: Some(core) }, nics))
}

/// Starts an image with a function, on `core`, and waits until it runs. With `once` the device has died when the guest
/// starts again.
pub(super) fn sluice(
    function: Function,
    ends: &Ends<'_>,
    core: usize,
    setup: &Setup,
    once: bool,
    stop: &Stop,
) -> Result<Vm> {
    let (host, ports) = place(ends, core)?;
    let image = setup.image.as_ref().context("which image?")?;
    let (function, mut parameters) = function.config(Elements::Kernel, ["$A", "$B"]);
    // The machine itself says what its ports are called.
    parameters.retain(|p| !p.ends_with("=$A") && !p.ends_with("=$B"));
    let plan = Plan { image, function: &function, parameters: &parameters, ports, once, resources: setup.resources };
    let vnf = plan.start(host, stop)?;
    let system = vnf.get("/v1/system")?;
    let moved = |n: usize| system["interfaces"][n]["driver"].as_str().unwrap_or("unknown").to_string();
    let facts = vec![("ports in the guest are moved by".into(), format!("{}, {}", moved(1), moved(2)))];
    Ok(Vm { settings: vnf.guest.settings().clone(), facts, runs: Arc::new(Mutex::new(Runs::Sluice(vnf))) })
}

/// Starts a Linux bridge.
pub(super) fn bridge(ends: &Ends<'_>, core: usize, setup: &Setup, once: bool, stop: &Stop) -> Result<Vm> {
    let (host, nics) = place(ends, core)?;
    let guest = bridge::start(nics, once, setup.resources, host, stop)?;
    Ok(Vm { settings: guest.settings().clone(), facts: Vec::new(), runs: Arc::new(Mutex::new(Runs::Bridge(guest))) })
}

fn lock(runs: &Mutex<Runs>) -> MutexGuard<'_, Runs> {
    runs.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Runs {
    fn guest(&mut self) -> &mut Guest {
        match self {
            Runs::Sluice(vnf) => &mut vnf.guest,
            Runs::Bridge(guest) => guest,
        }
    }

    /// Resets it, and waits until it works again.
    fn reset(&mut self, by: ResetBy, stop: &Stop) -> Result<()> {
        match (self, by) {
            (Runs::Sluice(vnf), ResetBy::Swap) => vnf.swap(),
            (Runs::Sluice(vnf), ResetBy::Kill) => vnf.kill(stop),
            (Runs::Sluice(vnf), ResetBy::Machine) => vnf.restart(stop),
            (Runs::Bridge(guest), _) => {
                let before = bridge::boots(&guest.said());
                guest.reset()?;
                guest.until(stop, "the bridge in the guest", |said| bridge::boots(said) > before)
            }
        }
    }
}

impl Device for Vm {
    fn check(&mut self) -> Result<(), String> {
        lock(&self.runs).guest().check().map_err(|why| format!("{why:#}"))
    }

    fn facts(&self) -> Vec<(String, String)> {
        self.facts.clone()
    }

    fn machine(&self) -> Option<Settings> {
        Some(self.settings.clone())
    }

    fn reset<'a>(&self, by: ResetBy, stop: &'a Stop) -> Option<Resetter<'a>> {
        let name = match by {
            ResetBy::Kill => "kill of the VNF's process in the guest (SysRq), which is started again at once",
            ResetBy::Swap => "hot swap of the graph by the EMS in the guest (PUT)",
            ResetBy::Machine => "reset of the virtual machine (QMP system_reset)",
        };
        let runs = self.runs.clone();
        Some(Resetter { name, act: Box::new(move || lock(&runs).reset(by, stop)) })
    }

    fn end(self: Box<Self>, _: &Stop) -> Result<()> {
        lock(&self.runs).guest().check()
    }
}
