//! Where it happens, and one turn of one program: a namespace with three pairs of interfaces.
//!
//! ```text
//! load | void     what is sent out through load leaves through in0, many times
//!  in0 | in1      the program receives at in1,
//! out0 | out1     and may send at out0
//! ```
use super::load;
use super::net::{self, Net};
use super::program::{Program, Work};
use super::stop::Stop;
use anyhow::{bail, ensure};
use std::time::Duration;

/// Where programs receive.
pub(super) const INPUT: &str = "in1";
/// Where programs send.
pub(super) const OUTPUT: &str = "out0";
/// Copies that the kernel makes of each frame of the load: a sender alone is slower than what it is to load.
const COPIES: usize = 32;
/// How long the load lasts.
const LOAD: Duration = Duration::from_millis(500);
/// How long a program has to become quiet before the load, and for what is still in its ring afterwards.
const CALM: Duration = Duration::from_millis(200);
/// How long a program idles before its memory is looked at.
const IDLE: Duration = Duration::from_secs(1);

/// What one turn gave.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    /// Frames that got through in a millisecond of the load.
    pub(super) rate: f64,
    /// Nanoseconds of processor time of the load's thread, for each frame that it offered.
    pub(super) sender: f64,
    /// Part of the time that the load's thread ran, 0 to 1.
    pub(super) share: f64,
    /// Nanoseconds of processor time of the program, for each frame that got through.
    pub(super) receiver: f64,
}

/// The interfaces, the cores, and how they are loaded.
pub(super) struct Site {
    net: Net,
    sender: usize,
    receiver: usize,
    /// Where the load is sent out, and how many frames one becomes.
    load: (&'static str, usize),
    pub(super) stop: Stop,
    /// What could not be had.
    pub(super) notes: Vec<String>,
}

impl Site {
    /// Makes it. `cores` may be used: the load takes the first, the programs the last.
    pub(super) fn new(cores: &[usize]) -> anyhow::Result<Site> {
        ensure!(rustix::process::geteuid().is_root(), "network namespaces need root");
        let [sender, ..] = *cores else { bail!("which cores may be used cannot be found out") };
        let receiver = cores[cores.len() - 1];
        let stop = Stop::new()?;
        let net = Net::new()?;
        for (a, b) in [("load", "void"), ("in0", INPUT), (OUTPUT, "out1")] {
            net.pair(&stop, a, b)?;
        }
        let mut site = Site { net, sender, receiver, load: ("load", COPIES), stop, notes: Vec::new() };
        if let Err(why) = site.net.multiply("load", "in0", COPIES) {
            site.load = ("in0", 1);
            site.notes.push(format!("wire: the load is not multiplied, so it may be what limits the rates: {why:#}"));
        }
        Ok(site)
    }

    pub(super) fn has_two_cores(&self) -> bool {
        self.sender != self.receiver
    }

    /// Whether the kernel's part of receiving is done on the program's core; on the load's core otherwise.
    pub(super) fn receive_on_its_core(&self, its: bool) -> anyhow::Result<()> {
        self.net.receive_on(INPUT, its.then_some(self.receiver))
    }

    /// One program under load. Frames count where they arrive: in a sink, behind a wire.
    pub(super) fn turn(&self, program: &dyn Program, work: Work<'_>) -> anyhow::Result<Turn> {
        let running = program.start(&self.net, work, self.receiver, &self.stop)?;
        self.stop.sleep(CALM)?;
        let behind = || net::received(running.id(), "out1");
        let (spent, before) = (running.cpu_time()?, behind()?);
        let sent = load::send(&self.net, self.load.0, self.sender, LOAD, &self.stop)?;
        let spent = running.cpu_time()? - spent;
        self.stop.sleep(CALM)?;
        let behind = behind()? - before;
        let received = program.end(running, &self.stop)?;
        let through = if matches!(work, Work::Sink(_)) { received } else { behind };
        ensure!(through > 0, "no frame came through");
        Ok(Turn { receiver: spent as f64 / through as f64, ..self.rates(sent, through) })
    }

    /// The load when no program runs.
    pub(super) fn alone(&self) -> anyhow::Result<Turn> {
        let sent = load::send(&self.net, self.load.0, self.sender, LOAD, &self.stop)?;
        Ok(self.rates(sent, self.offered(sent)))
    }

    fn offered(&self, sent: load::Sent) -> u64 {
        sent.frames * self.load.1 as u64
    }

    fn rates(&self, sent: load::Sent, through: u64) -> Turn {
        let sender = sent.cpu.as_nanos() as f64 / self.offered(sent) as f64;
        let seconds = sent.time.as_secs_f64();
        Turn { rate: through as f64 / seconds / 1e3, sender, share: sent.cpu.as_secs_f64() / seconds, receiver: 0.0 }
    }

    /// Resident memory of an idle program, MB.
    pub(super) fn idle(&self, program: &dyn Program) -> anyhow::Result<f64> {
        let running = program.start(&self.net, Work::Router(INPUT, OUTPUT), self.receiver, &self.stop)?;
        self.stop.sleep(IDLE)?;
        let resident = running.resident()?;
        program.end(running, &self.stop)?;
        Ok(resident)
    }
}
