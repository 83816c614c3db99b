//! `sluice run`: a configuration on real packets, until somebody ends it.
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
use sluice_dataplane::worker::{Ended, Pace, Remote, Worker};
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
    /// Packets handled at once, 1 to 64.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u8).range(1..=64))]
    burst: u8,
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
    #[arg(long, value_name = "ARGUMENTS", allow_hyphen_values = true)]
    dpdk: Option<String>,
    /// Core that the worker stays on; the last one that is allowed, if not given.
    #[arg(long)]
    core: Option<usize>,
    /// Never sleeps: a core is always busy.
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

/// A time as configurations write it.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    Interval::from_arg(text, &NameDb::new()).map(|i| Duration::from_nanos(i.0))
}

pub(crate) fn main(args: Args) -> anyhow::Result<ExitCode> {
    let source = Source::read(&args.file)?;
    let dpdk = Dpdk::start(args.dpdk.as_deref(), args.buffers, args.core)?;
    let mut driver = Driver::new(defines(&args.parameters)?);
    let simulated = !args.maps.is_empty();
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
    let (mut plan, warnings) = match driver.open(checked) {
        Ok(ready) => ready,
        Err(errors) => return Ok(refuse(&errors)),
    };
    eprint!("{}", render_native(&warnings));
    if plan.topo.nodes.is_empty() {
        eprintln!("sluice: {}: there are no elements, so there is nothing to run", source.file);
        return Ok(ExitCode::SUCCESS);
    }
    let clock = if simulated { Clock::simulated() } else { Clock::real(time::now) };
    let seed = if simulated { 1 } else { time::now() };
    let options = Options { burst: args.burst.into(), clock, seed, console: Box::new(console) };
    let mut engine = Engine::new(&Pool::new(args.buffers as usize), options);
    let services = Services::default();
    services.adopt(std::mem::take(&mut plan.services))?;
    drop(engine.swap(plan));
    let taps = args.taps.iter().map(|t| t.set(&mut engine, simulated)).collect::<anyhow::Result<Vec<_>>>()?;
    let ended = if simulated { run_captures(engine) } else { run_live(engine, &args, &dpdk, &mut driver, &services)? };
    let clean = finish(ended, args.quiet);
    let written = taps.into_iter().map(tap::Writing::finish).fold(true, |all, one| all & one);
    drop(driver);
    let returned = dpdk.end(args.quiet);
    Ok(if clean && written && returned { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says why nothing was started.
fn refuse(errors: &[Diagnostic]) -> ExitCode {
    complain(errors);
    ExitCode::FAILURE
}

/// Simulated time, with capture files in place of devices.
fn run_captures(mut engine: Engine) -> Ended {
    engine.run_to_end(AFTER);
    Ended { failures: engine.take_failures(), engine }
}

/// Real time, on a worker, until somebody ends it.
fn run_live(
    engine: Engine,
    args: &Args,
    dpdk: &Dpdk,
    driver: &mut Driver,
    services: &Services,
) -> anyhow::Result<Ended> {
    let watched = engine.ports().map(|p| Watched {
        name: p.spec.device.name().to_string(),
        direction: p.spec.direction,
        counters: p.counters.clone(),
    });
    let mut live = Live::new(watched.collect(), args.quiet, args.rates);
    let core = args
        .core
        .or(dpdk.cores().first().copied())
        .or_else(|| sluice_dataplane::io::affinity::allowed_cores().ok()?.last().copied());
    let pace = Pace { core, busy_poll: args.poll, ..Pace::default() };
    let report = |news: &str| eprintln!("sluice: {news}");
    let worker = Worker::start_watching(engine, pace, report, services.watch()).context("worker")?;
    services.start(worker.remote(), true, |news| eprintln!("sluice: {news}"))?;
    let started = time::now();
    let mut ticked = started;
    while !worker.is_finished() {
        std::thread::sleep(Duration::from_millis(20));
        let now = time::now();
        let asked = services.poll();
        if asked.end || args.for_time.is_some_and(|t| now - started >= t.as_nanos() as u64) {
            let _ = worker.remote().send(Box::new(|e| e.request_stop())); // gone: it has stopped
            break;
        }
        if asked.reload {
            swap(&args.file, driver, services, &worker.remote());
        }
        if now - ticked >= 1_000_000_000 {
            live.tick(Duration::from_nanos(now - ticked));
            ticked = now;
        }
    }
    live.end();
    let ended = worker.join();
    services.stop();
    let ended = ended.ok_or_else(|| anyhow!("the worker panicked; please report this"))?;
    if !args.quiet {
        eprintln!("ran {:.1} s", (time::now() - started) as f64 / 1e9);
    }
    Ok(ended)
}

/// The report; false when something failed.
fn finish(mut ended: Ended, quiet: bool) -> bool {
    if !quiet {
        eprintln!("{}", report::summary(&mut ended.engine));
    }
    ended.failures.iter().for_each(|f| eprintln!("sluice: {f}"));
    ended.failures.is_empty()
}

/// Reads the file again and changes over to it. What is wrong with it changes nothing.
fn swap(file: &std::path::Path, driver: &mut Driver, services: &Services, remote: &Remote) {
    let source = match Source::read(file) {
        Ok(source) => source,
        Err(e) => return eprintln!("sluice: {e:#}; the running graph goes on"),
    };
    match driver.prepare(&source) {
        Ok((mut plan, warnings)) => {
            eprint!("{}", render_native(&warnings));
            if let Err(e) = services.adopt(std::mem::take(&mut plan.services)) {
                eprintln!("sluice: {e}");
            }
            if remote.run(|e| e.swap(plan)).is_ok() {
                eprintln!("sluice: {} is running now", source.file);
            }
        }
        Err(errors) => {
            eprint!("{}", render_native(&errors));
            eprintln!("sluice: the running graph goes on");
        }
    }
}
