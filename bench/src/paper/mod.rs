//! `sluice-bench paper`: the experiment by which Click-on-OSv was judged, with its workload. Between two hosts is a bridge: an
//! image of Sluice's as a guest, Linux as a guest of the same hypervisor, and both without a virtual machine. TCP streams by
//! messages of 64 to 1500 bytes show the throughput, three flows of D-ITG the round-trip delay; each is repeated, and figures
//! are means with 95 % confidence intervals.
//!
//! Reading order: [`record`] (what is measured), [`hosts`], [`device`], [`iperf3`] and [`ditg`] (who measures),
//! [`statistics`], [`report`].
mod device;
mod ditg;
mod hosts;
mod iperf3;
mod record;
mod report;
mod statistics;
mod tool;

use crate::rfc2544::report::environment::Environment;
use crate::wire::stop::Stop;
use anyhow::ensure;
use hosts::Hosts;
use record::{Flow, Measured, Run, Subject, Workload};
use report::{FORMAT, LeftOut, Report, Settings, Tested};
use sluice_dataplane::time::now;
use sluice_images::qemu::accelerator::{Wanted, chosen};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Options of `paper`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Runs of each workload with each device (the experiment has 30).
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=1000))]
    runs: u32,
    /// How long a run sends, seconds.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Bytes of the messages of streams.
    #[arg(long, value_delimiter = ',', default_values_t = [64, 128, 256, 512, 1024, 1500],
        value_parser = clap::value_parser!(u32).range(1..=65536))]
    sizes: Vec<u32>,
    /// Only these devices: host, qemu, xen-pv, xen-pvh, or one of a platform: qemu-full, qemu-socket, qemu-bridge, ...
    #[arg(long, value_delimiter = ',', value_parser = known)]
    only: Vec<String>,
    /// The hosts leave cutting streams into packets to their network cards, as is Linux's default.
    #[arg(long)]
    offloads: bool,
    /// What runs the guests' instructions.
    #[arg(long, value_enum, default_value_t)]
    accel: Wanted,
    /// Where reports are written, without ending.
    #[arg(long, default_value = "target/paper")]
    out: PathBuf,
}

fn known(word: &str) -> Result<String, String> {
    let all = Subject::all();
    let names = || all.iter().map(|s| s.key()).collect::<Vec<_>>().join(", ");
    all.iter().any(|s| s.is(word)).then(|| word.to_owned()).ok_or_else(|| format!("there are {}", names()))
}

/// Measures all devices, and writes the report.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    ensure!(rustix::process::geteuid().is_root(), "network namespaces need root");
    let tools = tools()?;
    let stop = Stop::new()?;
    let began = now();
    let (accelerator, why) = chosen(options.accel);
    let mut report = Report {
        format: FORMAT.into(),
        headline: String::new(),
        interrupted: false,
        began: began / 1_000_000_000,
        took: 0.0,
        settings: Settings {
            runs: options.runs,
            seconds: options.seconds,
            sizes: options.sizes.clone(),
            offloads: options.offloads,
            accelerator: format!("{accelerator}: {why}"),
        },
        tools,
        environment: Environment::this(),
        remarks: Vec::new(),
        devices: Vec::new(),
        left_out: Vec::new(),
    };
    let wanted = |s: &Subject| options.only.is_empty() || options.only.iter().any(|o| s.is(o));
    for subject in Subject::all().into_iter().filter(wanted) {
        if stop.asked() {
            break;
        }
        eprintln!("{subject}: starting");
        match test(subject, &report.settings, options.accel, &stop) {
            Ok(tested) => report.devices.push(tested),
            Err(_) if stop.asked() => break,
            Err(why) => {
                eprintln!("{subject}: left out: {why:#}");
                report.left_out.push(LeftOut { subject, why: format!("{why:#}") });
            }
        }
    }
    report.interrupted = stop.asked();
    report.took = Duration::from_nanos(now().saturating_sub(began)).as_secs_f64();
    report.conclude();
    let written = report.write(&options.out)?;
    println!("{}", report.markdown());
    println!("written: {}", written.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(", "));
    ensure!(!report.interrupted, "interrupted; the report is partial");
    ensure!(!report.devices.is_empty(), "no device could be measured");
    Ok(())
}

/// The tools and their versions; an error says which is missing.
fn tools() -> anyhow::Result<Vec<(String, String)>> {
    let version = |program: &str, option: &str| {
        let out = Command::new(program).arg(option).output();
        let said = out.map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
        said.map(|s| s.lines().next().unwrap_or_default().trim().to_owned())
    };
    let mut found = Vec::new();
    for (program, option, package) in [
        ("iperf3", "--version", "iperf3"),
        ("ITGSend", "-h", "d-itg"),
        ("ITGRecv", "-h", "d-itg"),
        ("ITGDec", "-h", "d-itg"),
        ("ethtool", "--version", "ethtool"),
        ("ping", "-V", "iputils-ping"),
    ] {
        match version(program, option) {
            Ok(version) => found.push((program.into(), version)),
            Err(_) => anyhow::bail!("there is no {program} (Debian: apt install {package})"),
        }
    }
    Ok(found)
}

/// Starts a device and makes all runs with it.
fn test(subject: Subject, settings: &Settings, accelerator: Wanted, stop: &Stop) -> anyhow::Result<Tested> {
    let hosts = Hosts::new()?;
    let mut device = device::start(subject, &hosts, accelerator, stop)?;
    if !settings.offloads {
        hosts.cut_to_size()?;
    }
    let mut tested = Tested::new(subject, device.emulated(), device.facts());
    let workloads = settings.workloads();
    let mut failures = 0;
    for number in 1..=settings.runs {
        eprintln!("{subject}: run {number} of {}", settings.runs);
        for &workload in &workloads {
            let outcome = measure(workload, number, settings, &hosts, stop);
            if stop.asked() {
                return Ok(tested);
            }
            failures = if outcome.is_err() { failures + 1 } else { 0 };
            let dead = if outcome.is_err() { device.check().err() } else { None };
            if let Err(why) = &outcome {
                eprintln!("{subject}: {workload}: {why}");
            }
            tested.runs.push(Run { workload, number, outcome });
            // Nothing came through any more.
            if failures == workloads.len() || dead.is_some() {
                tested.given_up = Some(dead.map_or("all runs of a round failed".into(), |d| format!("{d:#}")));
                return Ok(tested);
            }
        }
    }
    Ok(tested)
}

/// One run.
fn measure(
    workload: Workload,
    number: u32,
    settings: &Settings,
    hosts: &Hosts,
    stop: &Stop,
) -> Result<Measured, String> {
    let measured = match workload {
        Workload::Stream(bytes) => iperf3::stream(hosts, bytes, settings.seconds, stop).map(Measured::Rate),
        Workload::Flow(flow) => ditg::flow(hosts, flow, settings.seconds, number, stop).map(Measured::Delay),
    };
    measured.map_err(|why| format!("{why:#}"))
}

impl Settings {
    /// What is sent in each run.
    fn workloads(&self) -> Vec<Workload> {
        let streams = self.sizes.iter().copied().map(Workload::Stream);
        streams.chain(Flow::ALL.map(Workload::Flow)).collect()
    }
}
