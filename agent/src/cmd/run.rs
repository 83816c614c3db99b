//! `sluice run`: a configuration on real packets, until somebody ends it.
//!
//! Reading order: this file (what is asked), [`live`] (real time, managed by the EMS).
use super::live;
use crate::cores::{self, Cores};
use crate::driver::{BUFFERS, Driver, Source, complain, console, defines, stand};
use crate::vnf::description::Description;
use crate::{report, tap};
use anyhow::bail;
use sluice_dataplane::args::{FromArg as _, Interval, NameDb, quote};
use sluice_dataplane::clock::Clock;
use sluice_dataplane::engine::{Engine, Options};
use sluice_dataplane::io::open::Stand;
use sluice_dataplane::lang::{Diagnostic, render_native};
use sluice_dataplane::pool::{LONGEST_FRAME, MAX_FRAME, Pool};
use sluice_dataplane::worker::Ended;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Simulated time that packets still inside get after the last one came, nanoseconds.
pub(crate) const AFTER: u64 = 10_000_000_000;

/// Runs a configuration on real packets. Ctrl-C stops it; SIGHUP reads the file again and, if it
/// is good, changes over without losing a packet.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The configuration, or the description of a VNF (`vnf.toml`); `-` is standard input.
    pub(super) file: PathBuf,
    /// Parameters, NAME=VALUE.
    parameters: Vec<String>,
    /// Where the EMS listens: 127.0.0.1:8000 if not given, or the next port that is free. A description says it itself.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) ems: Option<SocketAddr>,
    /// No EMS: nothing listens.
    #[arg(long, conflicts_with = "ems")]
    pub(super) no_ems: bool,
    /// Ends by itself after this time: 10s, 500ms, 2min.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(super) for_time: Option<Duration>,
    /// Packets handled at once, 1 to 64; if not given, 32, and 64 with DPDK.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(super) burst: Option<u8>,
    /// Capture files in place of an interface; time is then simulated, and the run ends with the files.
    #[arg(long = "map", value_name = "NAME=IN.pcap[,OUT.pcap]", value_parser = stand)]
    maps: Vec<(String, Stand)>,
    /// Writes what leaves an output (or all drops) to a pcapng file, at most N packets of S bytes.
    #[arg(long = "tap", value_name = "ELEMENT[PORT]|drops=FILE[,N[,S]]", value_parser = tap::parse)]
    pub(super) taps: Vec<tap::Wanted>,
    /// Packet buffers: what is in queues and on its way at the same time. A frame that comes while
    /// none is free is dropped as `no_buffer`.
    /// 65,536 if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4_194_304))]
    pub(super) buffers: Option<u32>,
    /// Longest frame that a packet buffer takes, bytes without frame check sequence: more for jumbo frames. A longer
    /// frame that comes is dropped as `oversize`.
    /// 2,112 if not given, at most 10,176.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(1514..=LONGEST_FRAME as i64))]
    pub(super) max_frame: Option<u16>,
    /// Starts DPDK with these arguments, as dpdk-testpmd takes them before its `--`: "-l 1 --vdev net_memif0".
    /// A worker stays on each of its cores, unless --cores says otherwise.
    #[arg(long, value_name = "ARGUMENTS", allow_hyphen_values = true)]
    pub(super) dpdk: Option<String>,
    /// Cores, as 0,1 or 0-3: a worker stays on each, with a replica of the whole graph. If not given,
    /// one worker on the last core that is allowed.
    #[arg(long, alias = "core", value_name = "LIST", value_parser = cores::parse)]
    pub(super) cores: Option<Cores>,
    /// What a worker without work does: `adaptive` sleeps until frames come, or takes naps of 10 to 100 us where a
    /// driver of DPDK cannot tell; `busy` looks for frames all the time, for the least delay.
    #[arg(long, value_enum, default_value_t = Idle::Adaptive)]
    pub(super) idle: Idle,
    /// The same as --idle busy.
    #[arg(long)]
    pub(super) poll: bool,
    /// Serves control connections (Click's ControlSocket protocol) on this TCP port of 127.0.0.1.
    #[arg(short, long)]
    pub(super) port: Vec<u16>,
    /// Serves control connections on this Unix socket.
    #[arg(short, long, value_name = "FILE")]
    pub(super) unix_socket: Vec<String>,
    /// Prints neither rates nor summary.
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Prints the rates as lines even when nobody watches on a terminal.
    #[arg(long)]
    pub(super) rates: bool,
}

/// What a worker without work does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(super) enum Idle {
    /// Looks for frames all the time.
    Busy,
    /// Sleeps, and wakes when there is something to do.
    Adaptive,
}

/// A time as configurations write it.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    Interval::from_arg(text, &NameDb::new()).map(|i| Duration::from_nanos(i.0))
}

/// What is to run, from the command line and the description.
pub(super) struct Wanted {
    /// The function's file.
    pub(super) file: PathBuf,
    /// Values for its parameters.
    pub(super) parameters: Vec<(String, String)>,
    /// What else a description says.
    pub(super) description: Option<Description>,
    /// Cores, if any are named.
    pub(super) cores: Vec<usize>,
    pub(super) dpdk: Option<String>,
    pub(super) burst: usize,
    pub(super) buffers: u32,
    /// Longest frame that a buffer takes, bytes.
    pub(super) frame: usize,
    pub(super) busy: bool,
}

impl Wanted {
    fn of(args: &Args) -> anyhow::Result<Wanted> {
        let description = Description::is(&args.file).then(|| Description::read(&args.file)).transpose()?;
        let said = description.as_ref().map(|d| d.run.clone()).unwrap_or_default();
        let cores = said.cores.as_deref().map(cores::parse).transpose().map_err(|e| anyhow::anyhow!("cores: {e}"))?;
        let dpdk = args.dpdk.clone().or(said.dpdk);
        // A driver costs so much a burst that longer ones pay; a kernel's socket does not.
        let burst = args.burst.or(said.burst).unwrap_or(if dpdk.is_some() { 64 } else { 32 });
        if !(1..=64).contains(&burst) {
            bail!("burst: 1 to 64");
        }
        Ok(Wanted {
            file: description.as_ref().map_or_else(|| args.file.clone(), |d| d.function.file.clone()),
            parameters: defines(&args.parameters)?,
            cores: args.cores.clone().or(cores).map_or(Vec::new(), |c| c.0),
            burst: burst.into(),
            buffers: args.buffers.or(said.buffers).unwrap_or(BUFFERS as u32),
            frame: args.max_frame.map_or(MAX_FRAME, usize::from),
            busy: args.poll || args.idle == Idle::Busy || said.busy,
            dpdk,
            description,
        })
    }

    /// A builder of graphs for so many workers.
    pub(super) fn driver(&self, args: &Args, workers: usize) -> Driver {
        let mut driver = Driver::new(self.parameters.clone());
        driver.builder.workers = workers;
        driver.opener.given_up = self.description.as_ref().map(Description::given_up).unwrap_or_default();
        driver.listeners.extend(args.port.iter().map(|p| format!("TCP, {p}")));
        driver.listeners.extend(args.unix_socket.iter().map(|f| format!("UNIX, {}", quote(f.as_bytes()))));
        driver
    }
}

pub(crate) fn main(args: Args) -> anyhow::Result<ExitCode> {
    let wanted = Wanted::of(&args)?;
    if args.maps.is_empty() { live::main(&args, wanted) } else { on_captures(&args, &wanted) }
}

/// Simulated time, with capture files in place of devices.
fn on_captures(args: &Args, wanted: &Wanted) -> anyhow::Result<ExitCode> {
    if wanted.cores.len() > 1 {
        bail!("--cores: simulated time (--map) runs on one core");
    }
    if args.ems.is_some() {
        bail!("--ems: simulated time (--map) ends by itself, and is not managed");
    }
    let source = Source::read(&wanted.file)?;
    let mut driver = wanted.driver(args, 1);
    if let Some(d) = &wanted.description {
        driver.defines.extend(d.configuration(String::new()).parameters);
    }
    driver.opener.stands = args.maps.iter().cloned().collect();
    (driver.opener.simulated, driver.builder.simulated) = (true, true);
    let checked = match driver.check(&source) {
        Ok(checked) => checked,
        Err(errors) => return Ok(refuse(&errors)),
    };
    for tap in &args.taps {
        tap.check(checked.topology())?;
    }
    let devices = driver.devices(&checked, None);
    if let Some((name, _)) = args.maps.iter().find(|m| !devices.contains(&m.0.as_str())) {
        bail!("--map: no element uses ‘{name}’; there is {}", devices.join(", "));
    }
    let (plan, warnings) = match driver.open_one(checked) {
        Ok(ready) => ready,
        Err(errors) => return Ok(refuse(&errors)),
    };
    eprint!("{}", render_native(&warnings));
    if nothing(plan.topo.nodes.len(), &source) {
        return Ok(ExitCode::SUCCESS);
    }
    let options = Options { burst: wanted.burst, clock: Clock::simulated(), seed: 1, console: Box::new(console) };
    let mut engines = [Engine::new(&Pool::for_frames(wanted.buffers as usize, wanted.frame), options)];
    drop(engines[0].swap(plan));
    let taps = args.taps.iter().map(|t| t.set(&mut engines, true)).collect::<anyhow::Result<Vec<_>>>()?;
    let [mut engine] = engines;
    engine.run_to_end(AFTER);
    let clean = finish(vec![Ended { failures: engine.take_failures(), engine }], args.quiet);
    let written = taps.into_iter().map(tap::Writing::finish).fold(true, |all, one| all & one);
    Ok(if clean && written { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says so, if there are no elements.
pub(super) fn nothing(elements: usize, source: &Source) -> bool {
    if elements == 0 {
        eprintln!("sluice: {}: there are no elements, so there is nothing to run", source.file);
    }
    elements == 0
}

/// Says why nothing was started.
pub(super) fn refuse(errors: &[Diagnostic]) -> ExitCode {
    complain(errors);
    ExitCode::FAILURE
}

/// The report; false when something failed.
pub(super) fn finish(mut ended: Vec<Ended>, quiet: bool) -> bool {
    if !quiet {
        eprintln!("{}", report::summary(&mut ended));
    }
    let mut failures = ended.iter().flat_map(|e| &e.failures).peekable();
    let clean = failures.peek().is_none();
    failures.for_each(|f| eprintln!("sluice: {f}"));
    clean
}
