//! `sluice run`: a configuration on real packets, until somebody ends it.
use crate::cores::{self, Cores};
use crate::dpdk::Dpdk;
use crate::driver::{BUFFERS, Driver, Source, complain, console, defines, stand};
use crate::live::{Live, Watched};
use crate::services::Services;
use crate::{report, tap};
use anyhow::{Context as _, anyhow, bail};
use sluice_dataplane::args::{FromArg as _, Interval, NameDb, quote};
use sluice_dataplane::clock::Clock;
use sluice_dataplane::engine::{Engine, Options};
use sluice_dataplane::io::open::Stand;
use sluice_dataplane::lang::{Diagnostic, render_native};
use sluice_dataplane::pool::Pool;
use sluice_dataplane::time;
use sluice_dataplane::worker::crew::{Crew, Workers, engines};
use sluice_dataplane::worker::{Ended, Pace};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Simulated time that packets still inside get after the last one came, nanoseconds.
pub(crate) const AFTER: u64 = 10_000_000_000;

/// Runs a configuration on real packets. Ctrl-C stops it; SIGHUP reads the file again and, if it
/// is good, changes over without losing a packet.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The configuration; `-` is standard input.
    file: PathBuf,
    /// Parameters, NAME=VALUE.
    parameters: Vec<String>,
    /// Ends by itself after this time: 10s, 500ms, 2min.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    for_time: Option<Duration>,
    /// Packets handled at once, 1 to 64; if not given, 32, and 64 with DPDK.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=64))]
    burst: Option<u8>,
    /// Capture files in place of an interface; time is then simulated, and the run ends with the files.
    #[arg(long = "map", value_name = "NAME=IN.pcap[,OUT.pcap]", value_parser = stand)]
    maps: Vec<(String, Stand)>,
    /// Writes what leaves an output (or all drops) to a pcapng file, at most N packets of S bytes.
    #[arg(long = "tap", value_name = "ELEMENT[PORT]|drops=FILE[,N[,S]]", value_parser = tap::parse)]
    taps: Vec<tap::Wanted>,
    /// Packet buffers: what is in queues and on its way at the same time. A frame that comes while
    /// none is free is dropped as `no_buffer`.
    #[arg(long, default_value_t = BUFFERS as u32, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4_194_304))]
    buffers: u32,
    /// Starts DPDK with these arguments, as dpdk-testpmd takes them before its `--`: "-l 1 --vdev net_memif0".
    /// A worker stays on each of its cores, unless --cores says otherwise.
    #[arg(long, value_name = "ARGUMENTS", allow_hyphen_values = true)]
    dpdk: Option<String>,
    /// Cores, as 0,1 or 0-3: a worker stays on each, with a replica of the whole graph. If not given,
    /// one worker on the last core that is allowed.
    #[arg(long, alias = "core", value_name = "LIST", value_parser = cores::parse)]
    cores: Option<Cores>,
    /// What a worker without work does: `adaptive` sleeps until frames come, or takes naps of 10 to 100 us where a
    /// driver of DPDK cannot tell; `busy` looks for frames all the time, for the least delay.
    #[arg(long, value_enum, default_value_t = Idle::Adaptive)]
    idle: Idle,
    /// The same as --idle busy.
    #[arg(long)]
    poll: bool,
    /// Serves control connections (Click's ControlSocket protocol) on this TCP port of 127.0.0.1.
    #[arg(short, long)]
    port: Vec<u16>,
    /// Serves control connections on this Unix socket.
    #[arg(short, long, value_name = "FILE")]
    unix_socket: Vec<String>,
    /// Prints neither rates nor summary.
    #[arg(short, long)]
    quiet: bool,
    /// Prints the rates as lines even when nobody watches on a terminal.
    #[arg(long)]
    rates: bool,
}

/// What a worker without work does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Idle {
    /// Looks for frames all the time.
    Busy,
    /// Sleeps, and wakes when there is something to do.
    Adaptive,
}

/// A time as configurations write it.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    Interval::from_arg(text, &NameDb::new()).map(|i| Duration::from_nanos(i.0))
}

pub(crate) fn main(args: Args) -> anyhow::Result<ExitCode> {
    let source = Source::read(&args.file)?;
    let asked = args.cores.as_ref().map_or(&[][..], |c| &c.0);
    let dpdk = Dpdk::start(args.dpdk.as_deref(), args.buffers, asked)?;
    let cores = cores::choose(asked, dpdk.cores());
    let mut driver = Driver::new(defines(&args.parameters)?);
    let simulated = !args.maps.is_empty();
    let workers = cores.len().max(1);
    if simulated && workers > 1 {
        bail!("--cores: simulated time (--map) runs on one core");
    }
    driver.builder.workers = workers;
    driver.opener.stands = args.maps.iter().cloned().collect();
    (driver.opener.simulated, driver.builder.simulated) = (simulated, simulated);
    driver.builder.signals = !simulated;
    driver.listeners.extend(args.port.iter().map(|p| format!("TCP, {p}")));
    driver.listeners.extend(args.unix_socket.iter().map(|f| format!("UNIX, {}", quote(f.as_bytes()))));
    let checked = match driver.check(&source) {
        Ok(checked) => checked,
        Err(errors) => return Ok(refuse(&errors)),
    };
    for wanted in &args.taps {
        wanted.check(checked.topology())?;
    }
    let devices = driver.devices(&checked, None);
    if let Some((name, _)) = args.maps.iter().find(|m| !devices.contains(&m.0.as_str())) {
        bail!("--map: no element uses ‘{name}’; there is {}", devices.join(", "));
    }
    let (mut plans, warnings) = match driver.open(checked) {
        Ok(ready) => ready,
        Err(errors) => return Ok(refuse(&errors)),
    };
    eprint!("{}", render_native(&warnings));
    if plans[0].topo.nodes.is_empty() {
        eprintln!("sluice: {}: there are no elements, so there is nothing to run", source.file);
        return Ok(ExitCode::SUCCESS);
    }
    let pool = Pool::new(args.buffers as usize);
    // A driver costs so much a burst that longer ones pay; a kernel's socket does not.
    let burst = args.burst.unwrap_or(if args.dpdk.is_some() { 64 } else { 32 });
    let mut engines = engines(workers, |worker| {
        let clock = if simulated { Clock::simulated() } else { Clock::real(time::now) };
        let seed = if simulated { 1 } else { time::now() + worker as u64 };
        Engine::new(&pool, Options { burst: burst.into(), clock, seed, console: Box::new(console) })
    });
    let services = Services::default();
    services.adopt(std::mem::take(&mut plans[0].services))?;
    engines.iter_mut().zip(plans).for_each(|(e, plan)| drop(e.swap(plan)));
    let taps = args.taps.iter().map(|t| t.set(&mut engines, simulated)).collect::<anyhow::Result<Vec<_>>>()?;
    let ended =
        if simulated { run_captures(engines) } else { run_live(engines, &cores, &args, &mut driver, &services)? };
    let clean = finish(ended, args.quiet);
    let written = taps.into_iter().map(tap::Writing::finish).fold(true, |all, one| all & one);
    drop((driver, pool));
    let returned = dpdk.end(args.quiet);
    Ok(if clean && written && returned { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says why nothing was started.
fn refuse(errors: &[Diagnostic]) -> ExitCode {
    complain(errors);
    ExitCode::FAILURE
}

/// Simulated time, with capture files in place of devices.
fn run_captures(engines: Vec<Engine>) -> Vec<Ended> {
    let run = |mut engine: Engine| {
        engine.run_to_end(AFTER);
        Ended { failures: engine.take_failures(), engine, rounds: [0; 2] }
    };
    engines.into_iter().map(run).collect()
}

/// Real time, on workers, until somebody ends it.
fn run_live(
    engines: Vec<Engine>,
    cores: &[usize],
    args: &Args,
    driver: &mut Driver,
    services: &Services,
) -> anyhow::Result<Vec<Ended>> {
    let mut live = Live::new(Watched::all(&engines), args.quiet, args.rates);
    let pace =
        |n| Pace { core: cores.get(n).copied(), busy_poll: args.poll || args.idle == Idle::Busy, ..Pace::default() };
    let paces: Vec<Pace> = (0..engines.len()).map(pace).collect();
    let report = |news: &str| eprintln!("sluice: {news}");
    let workers = Workers::start(engines, &paces, report, services.watch()).context("worker")?;
    services.start(workers.crew(), true, report)?;
    let started = time::now();
    let mut ticked = started;
    while !workers.is_finished() {
        std::thread::sleep(Duration::from_millis(20));
        let now = time::now();
        let asked = services.poll();
        if asked.end || args.for_time.is_some_and(|t| now - started >= t.as_nanos() as u64) {
            workers.crew().request_stop();
            break;
        }
        if asked.reload {
            swap(&args.file, driver, services, &workers.crew());
        }
        if now - ticked >= 1_000_000_000 {
            live.tick(Duration::from_nanos(now - ticked));
            ticked = now;
        }
    }
    live.end();
    let ended = workers.join();
    services.stop();
    let ended = ended.ok_or_else(|| anyhow!("a worker panicked; please report this"))?;
    if !args.quiet {
        eprintln!("ran {:.1} s", (time::now() - started) as f64 / 1e9);
    }
    Ok(ended)
}

/// The report; false when something failed.
fn finish(mut ended: Vec<Ended>, quiet: bool) -> bool {
    if !quiet {
        eprintln!("{}", report::summary(&mut ended));
    }
    let mut failures = ended.iter().flat_map(|e| &e.failures).peekable();
    let clean = failures.peek().is_none();
    failures.for_each(|f| eprintln!("sluice: {f}"));
    clean
}

/// Reads the file again and changes over to it. What is wrong with it changes nothing.
fn swap(file: &std::path::Path, driver: &mut Driver, services: &Services, crew: &Crew) {
    let source = match Source::read(file) {
        Ok(source) => source,
        Err(e) => return eprintln!("sluice: {e:#}; the running graph goes on"),
    };
    match driver.prepare(&source) {
        Ok((mut plans, warnings)) => {
            eprint!("{}", render_native(&warnings));
            if let Err(e) = services.adopt(std::mem::take(&mut plans[0].services)) {
                eprintln!("sluice: {e}");
            }
            if let Ok(pauses) = crew.swap(plans) {
                let pauses: Vec<String> = pauses.iter().map(|ns| format!("{:.1} us", *ns as f64 / 1e3)).collect();
                eprintln!("sluice: {} is running now (paused {})", source.file, pauses.join(", "));
            }
        }
        Err(errors) => {
            eprint!("{}", render_native(&errors));
            eprintln!("sluice: the running graph goes on");
        }
    }
}
