//! A tester with its device: trials over the wire, and the tester's own ceiling over a loopback.
use super::frame::{FCS, Service};
use super::open::{self, BUFFERS, Driver, PortName};
use super::tester::{Own, Path, Wire, wait};
use crate::guest::settings::Settings;
use crate::rfc2544::device::function::{INDEX, PATHS};
use crate::rfc2544::device::links::{self, LOOP, Links};
use crate::rfc2544::device::reset::{ResetBy, Resetter};
use crate::rfc2544::device::{self, Device, Kind};
use crate::rfc2544::trial::{
    Control, Directions, Failure, Fault, Frames, Length, Load, Offered, Outcome, Phase, Stamps, Tester, Traffic, Trial,
};
use crate::wire::net::Net;
use crate::wire::stop::Stop;
use anyhow::Context as _;
#[cfg(feature = "dpdk")]
use sluice_dataplane::io::dpdk::Eal;
use sluice_dataplane::pool::Pool;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How long a device may take until its links are up.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks, after a reset.
const LOOK: Duration = Duration::from_millis(20);
/// How long a loopback is loaded, and how often with less, if it loses frames.
const LOADED: Duration = Duration::from_millis(300);
const ATTEMPTS: usize = 6;
/// How often that is done: the best is what the tester can do when nothing else has its core.
const ROUNDS: usize = 3;
/// Frames a second, and for how long, of which the fastest gives the least latency of a loopback.
const CALM: Phase = Phase { load: Load::Rate(2_000.0), length: Length::Time(Duration::from_millis(250)) };
/// Ceilings that are remembered.
const REMEMBERED: usize = 256;

/// There is no DPDK in this program.
#[cfg(not(feature = "dpdk"))]
enum Eal {}

/// What is to be tested, and how.
pub(crate) struct Setup {
    pub(crate) kind: Kind,
    pub(crate) links: Links,
    /// Largest frame that has to pass, frame check sequence included, bytes.
    pub(crate) size: usize,
    /// Cores that may be used.
    pub(crate) cores: Vec<usize>,
    /// How the device is reset, if it is one that can be.
    pub(crate) reset: ResetBy,
    /// The machine, if it is a virtual one.
    pub(crate) machine: device::vm::Setup,
    /// Arguments for DPDK, beside those for links that are made here: for external ports.
    pub(crate) dpdk: Option<String>,
}

/// A loopback of the tester.
struct Loopback {
    wire: Wire,
    /// Where it is, if not where everything is.
    net: Option<Net>,
}

/// The tester, ready for trials. What it started ends with it: fields are dropped in their order.
pub(crate) struct Rig {
    wire: Wire,
    loopback: Option<Loopback>,
    device: Option<Box<dyn Device>>,
    links: Links,
    _dpdk: Option<Eal>,
    kind: Kind,
    reset: ResetBy,
    names: [PortName; 2],
    ceilings: Vec<(Key, Option<f64>)>,
    floor: Option<f64>,
    facts: Vec<(String, String)>,
}

/// What a ceiling depends on.
type Key = (Frames, Traffic, Directions);

impl Rig {
    /// Opens the ports, starts the device, and waits until it is reached.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub(crate) fn start(setup: Setup, stop: &Stop) -> anyhow::Result<Rig> {
        let Setup { kind, links, size, cores, reset, machine, dpdk } = setup;
        links.allow(size)?;
        let (own, device_core) = device::share(&cores)?;
        let names = links.names();
        let eal = start_dpdk(&links, &own, size, dpdk.as_deref())?;
        let pool = Pool::for_frames(BUFFERS as usize, size.saturating_sub(FCS));
        let services = PATHS.map(|path| Service { path, index: INDEX, context: false, ethernet: true });
        let open = |names: &[PortName; 2], path: Path| -> anyhow::Result<Wire> {
            let mut wire = Wire::new(open::open(names, &pool)?, path, own);
            (wire.services, wire.raised) = (services, true);
            Ok(wire)
        };
        let wire = match links.net() {
            Some(net) => net.within(|| open(&names, kind.path()))??,
            None => open(&names, kind.path())?,
        };
        let mut rig = Rig {
            loopback: None,
            device: None,
            _dpdk: eal,
            kind,
            reset,
            names,
            ceilings: Vec::new(),
            floor: None,
            facts: vec![
                ("sender's core".into(), own[0].to_string()),
                ("receiver's core".into(), own[1].to_string()),
                ("clock".into(), if wire.clock.is_counter() { "time-stamp counter" } else { "host's clock" }.into()),
            ],
            wire,
            links,
        };
        rig.loopback = Some(rig.open_loopback(size, &open, stop)?);
        rig.device = Some(device::start(kind, &rig.links, size, device_core, &machine, reset, stop)?);
        rig.wait_for_links(stop)?;
        rig.floor = rig.measure_floor(stop.flag());
        if !matches!(kind, Kind::External(_)) {
            rig.facts.push(("device's core".into(), device_core.to_string()));
        }
        Ok(rig)
    }

    fn open_loopback(
        &self,
        size: usize,
        open: &dyn Fn(&[PortName; 2], Path) -> anyhow::Result<Wire>,
        stop: &Stop,
    ) -> anyhow::Result<Loopback> {
        if self.names.iter().any(|n| n.driver == Driver::Dpdk) {
            let names = ["net_memif2", "net_memif3"].map(PortName::dpdk);
            return Ok(Loopback { wire: open(&names, Path::Bridge)?, net: None });
        }
        let net = Net::new()?;
        net.pair(stop, LOOP[0], LOOP[1])?;
        LOOP.iter().try_for_each(|name| links::allow(&net, name, size))?;
        let [a, _] = &self.names;
        // A pair of interfaces is no tap.
        let driver = if a.driver == Driver::Tap { Driver::Packet } else { a.driver };
        let names = LOOP.map(|name| PortName { driver, device: name.into() });
        let wire = net.within(|| open(&names, Path::Bridge))??;
        Ok(Loopback { wire, net: Some(net) })
    }

    fn wait_for_links(&mut self, stop: &Stop) -> anyhow::Result<()> {
        stop.wait(PATIENCE, "the device's links", || self.is_linked())?;
        let Some(Loopback { wire, net }) = &mut self.loopback else { return Ok(()) };
        stop.wait(PATIENCE, "the loopback", || is_up(wire, net.as_ref()))
    }

    /// Whether the device's links are up; fails when it does not run.
    fn is_linked(&mut self) -> anyhow::Result<bool> {
        if let Some(device) = &mut self.device {
            device.check().map_err(anyhow::Error::msg)?;
        }
        is_up(&mut self.wire, self.links.net())
    }

    /// The next trial begins with the links up, if they come at all.
    fn wait_after_reset(&mut self, control: &Control<'_>) {
        let until = self.wire.clock.now().saturating_add(PATIENCE.as_nanos() as u64);
        while matches!(self.is_linked(), Ok(false)) && self.wire.clock.now() < until && !control.stopped() {
            wait(LOOK, control);
        }
    }

    /// What resets the device, if anything does.
    pub(crate) fn resetter<'a>(&self, stop: &'a Stop) -> Option<Resetter<'a>> {
        self.device.as_ref()?.reset(self.reset, stop)
    }

    /// How the device's virtual machine is set up, if it is one.
    pub(crate) fn machine(&self) -> Option<Settings> {
        self.device.as_ref()?.machine()
    }

    /// What went wrong on the tester's side in the last trial.
    pub(crate) fn own(&self) -> Own {
        self.wire.own
    }

    /// Ends the device.
    ///
    /// # Errors
    /// It ended badly: what it said.
    pub(crate) fn end(mut self, stop: &Stop) -> anyhow::Result<()> {
        let device = self.device.take();
        device.map_or(Ok(()), |d| d.end(stop)).context("the device")
    }

    /// The least latency over the loopback, nanoseconds.
    fn measure_floor(&mut self, stop: &AtomicBool) -> Option<f64> {
        let offered = alone(Frames::Size(64), Traffic::default(), Directions::AToB, CALM);
        let outcome = self.loopback.as_mut()?.run(&offered, stop).ok()?;
        let latency = outcome.counts.into_iter().next()?.latency?;
        (!latency.is_empty()).then(|| latency.min() as f64)
    }
}

impl Loopback {
    fn run(&mut self, offered: &Offered, stop: &AtomicBool) -> Result<Outcome, Failure> {
        let Loopback { wire, net } = self;
        let mut control = Control::new(stop);
        let mut run = || wire.trial(offered, &mut control);
        match net {
            Some(net) => net.within(run).unwrap_or_else(|why| Err(port(&why))),
            None => run(),
        }
    }

    /// Frames a second in each direction that it takes and gives back.
    fn lossless(&mut self, offered: &Offered, stop: &AtomicBool) -> Option<f64> {
        let mut load = Load::FullSpeed;
        for _ in 0..ATTEMPTS {
            let phase = Phase { load, length: Length::Time(LOADED) };
            let (frames, traffic) = (offered.frames.clone(), offered.traffic.clone());
            let outcome = self.run(&alone(frames, traffic, offered.directions, phase), stop).ok()?;
            let rates = outcome.counts.iter().filter_map(|c| {
                let took = c.phases.first()?.took.as_secs_f64();
                (took > 0.0).then(|| c.received as f64 / took)
            });
            let rate = rates.reduce(f64::min).filter(|rate| *rate > 0.0)?;
            if outcome.counts.iter().all(|c| c.lost() == 0) {
                return Some(rate);
            }
            load = Load::Rate(rate * 0.9);
        }
        None
    }
}

/// Whether both ports are.
fn is_up(wire: &mut Wire, net: Option<&Net>) -> anyhow::Result<bool> {
    let mut look = || wire.ports.iter_mut().all(|p| p.input.maintain().0 & p.output.maintain().0);
    match net {
        Some(net) => net.within(look),
        None => Ok(look()),
    }
}

fn port(why: &anyhow::Error) -> Failure {
    Failure { fault: Fault::Port(format!("{why:#}")), so_far: None }
}

/// A trial of one phase and short waits.
fn alone(frames: Frames, traffic: Traffic, directions: Directions, phase: Phase) -> Offered {
    Offered {
        frames,
        traffic: Traffic { broadcast: false, management: false, ..traffic },
        directions,
        phases: vec![phase],
        stamps: Stamps::Every,
        learn: false,
        late: Duration::from_millis(50),
        settle: Duration::ZERO,
    }
}

impl Trial for Rig {
    fn tester(&self) -> Tester {
        let [a, b] = &self.names;
        let cores = self.wire.cores;
        let place = match cores[0] == cores[1] {
            true => format!("generator and receiver share core {}", cores[0]),
            false => format!("generator on core {}, receiver on core {}", cores[0], cores[1]),
        };
        let device = self.device.as_ref().map(|d| d.facts()).unwrap_or_default();
        let ports = [("port A", a), ("port B", b)].map(|(name, port)| (name.to_string(), port.to_string()));
        Tester {
            name: format!("{a} and {b}, {place}"),
            device: self.kind.to_string(),
            line: a.line().zip(b.line()).map(|(a, b)| a.min(b)),
            stamps: "before a burst goes to the port, after it came from it".into(),
            shared_core: cores[0] == cores[1],
            floor: self.floor,
            facts: ports.into_iter().chain(self.facts.iter().cloned()).chain(device).collect(),
        }
    }

    fn ceiling(&mut self, offered: &Offered, control: &mut Control<'_>) -> Option<f64> {
        let key = (offered.frames.clone(), offered.traffic.clone(), offered.directions);
        if let Some((_, known)) = self.ceilings.iter().find(|c| c.0 == key) {
            return *known;
        }
        let loopback = self.loopback.as_mut()?;
        let rounds = (0..ROUNDS).filter_map(|_| loopback.lossless(offered, control.stop));
        let ceiling = rounds.reduce(f64::max);
        if self.ceilings.len() < REMEMBERED {
            self.ceilings.push((key, ceiling));
        }
        ceiling
    }

    fn run(&mut self, offered: &Offered, control: &mut Control<'_>) -> Result<Outcome, Failure> {
        let resets = control.event.is_some();
        let Rig { wire, links, device, .. } = self;
        let manager = device.as_ref().filter(|_| offered.traffic.management).and_then(|d| d.manager());
        let mut run = || match &manager {
            Some(manager) => {
                let traffic = Traffic { management: false, ..offered.traffic.clone() };
                let (outcome, queries) =
                    manager.beside(|| wire.trial(&Offered { traffic, ..offered.clone() }, control));
                outcome.map(|outcome| Outcome { queries: Some(queries), ..outcome })
            }
            None => wire.trial(offered, control),
        };
        let outcome = match links.net() {
            Some(net) => net.within(run).unwrap_or_else(|why| Err(port(&why))),
            None => run(),
        };
        match device.as_mut().map(|d| d.check()) {
            Some(Err(why)) => {
                let so_far = match outcome {
                    Ok(outcome) => Some(outcome),
                    Err(failure) => failure.so_far,
                };
                Err(Failure { fault: Fault::Died(why), so_far })
            }
            _ => {
                if resets {
                    self.wait_after_reset(control);
                }
                outcome
            }
        }
    }
}

/// Starts DPDK if a port is one of its, with a loopback of its own.
#[cfg(feature = "dpdk")]
fn start_dpdk(links: &Links, cores: &[usize; 2], size: usize, more: Option<&str>) -> anyhow::Result<Option<Eal>> {
    if links.names().iter().all(|n| n.driver != Driver::Dpdk) {
        return Ok(None);
    }
    let mut cores = cores.to_vec();
    cores.dedup();
    let list: Vec<String> = cores.iter().map(usize::to_string).collect();
    let own = crate::dpdk::Folder::new()?;
    let mut words = vec![format!("-l {} -n1", list.join(","))];
    let folder = match links {
        Links::Memif(folder) => {
            let memory = links::memory(BUFFERS, size);
            // Pages of 2 MB, for the device as well.
            crate::dpdk::reserve(memory)?;
            words.push(format!("-m {memory} --no-pci"));
            words.extend((0..).zip(links::sockets(folder)).map(|(n, socket)| links::memif(n, "server", &socket)));
            folder
        }
        Links::Vhost(folder) => {
            let without = "vhost-user needs huge pages for the tester (links=tap does not)";
            let memory = links::memory(BUFFERS, size);
            crate::dpdk::reserve(memory.div_ceil(2)).context(without)?;
            words.push(format!("-m {memory} --no-pci"));
            words.extend(links::vhost(folder));
            folder
        }
        _ => &own,
    };
    words.extend(more.map(String::from));
    let socket = folder.path().join("loop.sock");
    words.extend([links::memif(2, "server", &socket), links::memif(3, "client", &socket)]);
    let started = Eal::start_for(&words.join(" "), BUFFERS, size.saturating_sub(FCS), &cores);
    started.map(Some).map_err(anyhow::Error::msg)
}

/// Refuses ports of DPDK.
#[cfg(not(feature = "dpdk"))]
fn start_dpdk(links: &Links, _: &[usize; 2], _: usize, _: Option<&str>) -> anyhow::Result<Option<Eal>> {
    if links.names().iter().any(|n| n.driver == Driver::Dpdk) {
        let other = if matches!(links, Links::Vhost(_)) { "; links=tap needs none" } else { "" };
        anyhow::bail!("this program was built without DPDK: build it with `make`, or with the feature dpdk{other}");
    }
    Ok(None)
}
