//! The EMS: how long a change takes, what asking often costs the packets, and what it costs when hardly anybody asks.
//!
//! Packets move between two `net_null` of DPDK, as fast as one core can; the EMS and whoever asks it go where the
//! scheduler puts them, which is the other core. The rate is what is forwarded in a millisecond of the worker's processor time.
use crate::harness::{Bench, Cost, Goal, Line, Table};
use crate::wire::process::Running;
use crate::wire::stop::Stop;
use anyhow::{Context as _, ensure};
use rustix::thread::{CpuSet, sched_setaffinity};
use sluice_dataplane::time;
use sluice_mgmt::client::{Call, Client, Options};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

mod walk;

/// Elements on the way of each packet.
const ELEMENTS: usize = 100;
/// Changes that are timed.
const CHANGES: usize = 50;
/// Requests a second, and for how long.
const RATE: u64 = 1_000;
const MEASURED: Duration = Duration::from_secs(2);
/// An EMS that is hardly asked is watched so long.
const QUIET: Duration = Duration::from_secs(6);
/// Most turns of each kind.
const TURNS: u32 = 5;

pub(crate) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let Some(repeats) = bench.repeats() else { return Ok(()) };
    let ready = || {
        ensure!(bench.cores.len() > 1, "it needs two cores");
        Ok((Stop::new()?, crate::dpdk::sluice()?))
    };
    let (stop, sluice) = match ready() {
        Ok(ready) => ready,
        Err(why) => {
            bench.notes.push(format!("skipped: ems: {why:#}"));
            return Ok(());
        }
    };
    let core = bench.cores[bench.cores.len() - 1];
    // This thread is on that core, and so would be all that it starts. A worker goes to that core by itself; the others are to
    // go where it is not.
    stay_on(&bench.cores)?;
    let measured = measure(bench, &stop, &sluice, core, repeats);
    stay_on(&[core])?;
    measured
}

/// Lets this thread run on these cores, also on those that it was kept away from.
fn stay_on(cores: &[usize]) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    Ok(sched_setaffinity(None, &set)?)
}

fn measure(bench: &mut Bench, stop: &Stop, sluice: &PathBuf, core: usize, repeats: u32) -> anyhow::Result<()> {
    let turns = repeats.min(TURNS);
    match asked_often(stop, sluice, core, turns) {
        Ok(tables) => bench.tables.extend(tables),
        Err(why) => {
            ensure!(!stop.asked(), "interrupted");
            bench.notes.push(format!("skipped: ems with DPDK: {why:#}"));
        }
    }
    match walk::run(stop, sluice, core, turns) {
        Ok(tables) => bench.tables.extend(tables),
        Err(why) => {
            ensure!(!stop.asked(), "interrupted");
            bench.notes.push(format!("skipped: ems by SNMP: {why:#}"));
        }
    }
    bench.tables.extend(hardly_asked(stop, sluice, turns)?);
    Ok(())
}

/// Forwards between two devices, each packet through this many elements.
fn graph(elements: usize) -> String {
    let way = "-> Counter ".repeat(elements);
    format!(
        "in0 :: FromDPDKDevice(net_null0) {way} -> ToDPDKDevice(net_null1); \
         in1 :: FromDPDKDevice(net_null1) -> ToDPDKDevice(net_null0);"
    )
}

/// Moves nothing.
fn idle(elements: usize) -> String {
    format!("Idle {} -> Discard;", "-> Counter ".repeat(elements))
}

/// A running program, and its EMS.
struct Device {
    process: Running,
    client: Client,
}

impl Device {
    fn start(sluice: &Path, arguments: &[&str], config: &str, stop: &Stop) -> anyhow::Result<Device> {
        let mut command = Command::new(sluice);
        command.args(["run", "-", "--for", "120s", "--buffers", "16384"]).args(arguments);
        let mut process = Running::start(&mut command, config)?;
        process.no_more_input();
        process.until(stop, |p| p.said().contains("EMS: http"))?;
        let said = process.said();
        let url = said.lines().find_map(|l| l.strip_prefix("EMS: ")).context("no address")?.trim_end_matches('/');
        let timeout = Duration::from_secs(10);
        let client = Client::new(Options { url: url.into(), timeout, retry_for: timeout, ..Options::default() })?;
        stop.wait(timeout, "readiness", || Ok(client.send(&Call::get("/readyz")).is_ok()))?;
        Ok(Device { process, client })
    }

    fn with_dpdk(sluice: &Path, core: usize, elements: usize, stop: &Stop) -> anyhow::Result<Device> {
        let dpdk = format!("-l {core} -n1 --no-pci --no-huge -m 256 --vdev net_null0,size=64 --vdev net_null1,size=64");
        Device::start(sluice, &["--dpdk", &dpdk], &graph(elements), stop)
    }

    /// Packets forwarded so far, and processor time of the worker, nanoseconds.
    fn worker(&self) -> anyhow::Result<(u64, u64)> {
        let stats = self.client.get("/v1/stats")?;
        let packets = stats["totals"]["received"].as_u64().context("no totals")?;
        Ok((packets, self.process.cpu_time_of("worker")?))
    }

    fn end(self, stop: &Stop) -> anyhow::Result<()> {
        self.process.interrupt()?;
        let said = self.process.end(stop)?;
        ensure!(said.contains("no packet was dropped") && said.contains("(exact)"), "packets were lost");
        Ok(())
    }
}

/// Asks `RATE` times a second; gives how long each answer took, milliseconds.
fn ask(client: &Client, stop: &Stop) -> anyhow::Result<Vec<f64>> {
    let mut took = Vec::new();
    let begin = time::now();
    for n in 0..RATE * MEASURED.as_secs() {
        let due = begin + n * 1_000_000_000 / RATE;
        if let Some(left) = due.checked_sub(time::now()) {
            std::thread::sleep(Duration::from_nanos(left));
        }
        ensure!(!stop.asked(), "interrupted");
        let start = time::now();
        let path = if n % 2 == 0 { "/metrics" } else { "/v1/stats" };
        client.send(&Call::get(path))?.text()?;
        took.push((time::now() - start) as f64 / 1e6);
    }
    Ok(took)
}

fn percentile(sorted: &[f64], per_cent: usize) -> f64 {
    sorted.get(sorted.len() * per_cent / 100).copied().unwrap_or(f64::NAN)
}

fn asked_often(stop: &Stop, sluice: &Path, core: usize, turns: u32) -> anyhow::Result<Vec<Table>> {
    let (mut alone, mut beside, mut asked, mut answers) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let device = Device::with_dpdk(sluice, core, 1, stop)?;
    // The same work on the other core, of which the first knows nothing: what the machine's cores cost each other.
    let other = Device::start(sluice, &["--ems", "127.0.0.1:0"], &idle(8), stop)?;
    stop.sleep(Duration::from_millis(500))?;
    let rate = |from: (u64, u64), to: (u64, u64)| (to.0 - from.0) as f64 / ((to.1 - from.1) as f64 / 1e6);
    for _ in 0..turns {
        let begin = device.worker()?;
        stop.sleep(MEASURED)?;
        let middle = device.worker()?;
        ask(&other.client, stop)?;
        let late = device.worker()?;
        answers.extend(ask(&device.client, stop)?);
        alone.push(rate(begin, middle));
        beside.push(rate(middle, late));
        asked.push(rate(late, device.worker()?));
    }
    other.process.interrupt()?;
    other.process.end(stop)?;
    device.end(stop)?;
    answers.sort_by(f64::total_cmp);
    let [alone, beside, asked] = [alone, beside, asked].map(Cost::of);
    let rates = Table {
        title: "Forwarding while the EMS is asked".into(),
        unit: "packets/ms".into(),
        lines: vec![
            Line::new("nobody asks", alone, "nobody asks", alone),
            Line::new(format!("{RATE} GETs a second"), asked, "nobody asks", alone).goal(Goal::RateRatio(0.98)),
            Line::new(format!("{RATE} GETs a second of another program"), beside, "nobody asks", alone),
        ],
    };
    let all = Cost::of(answers.clone());
    let p99 = Cost { median: percentile(&answers, 99), ..all };
    let device = Device::with_dpdk(sluice, core, ELEMENTS, stop)?;
    let mut changes = Vec::new();
    for n in 0..CHANGES {
        let text = graph(ELEMENTS - n % 2);
        let call = Call::put("/v1/functions/main").body("text/plain", text);
        let start = time::now();
        device.client.send(&call)?.text()?;
        changes.push((time::now() - start) as f64 / 1e6);
        ensure!(!stop.asked(), "interrupted");
    }
    device.end(stop)?;
    changes.sort_by(f64::total_cmp);
    let change = Cost::of(changes.clone());
    let change_p99 = Cost { median: percentile(&changes, 99), ..change };
    let delays = Table {
        title: format!("Answers of the EMS while packets flow; a change of {ELEMENTS} elements loses none"),
        unit: "ms".into(),
        lines: vec![
            Line::new(format!("/metrics and /v1/stats, {RATE} a second, median"), all, "itself", all),
            Line::new("the same, 99th percentile", p99, "itself", p99).goal(Goal::AtMost(10.0)),
            Line::new(format!("a function of {ELEMENTS} elements replaced, median"), change, "itself", change),
            Line::new("the same, 99th percentile", change_p99, "itself", change_p99).goal(Goal::AtMost(100.0)),
        ],
    };
    Ok(vec![rates, delays])
}

/// What it costs to have it: memory, processor time, the time until it is ready.
fn hardly_asked(stop: &Stop, sluice: &PathBuf, turns: u32) -> anyhow::Result<Vec<Table>> {
    let config = &idle(1);
    let (mut without, mut with, mut share, mut ready) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..turns {
        let mut command = Command::new(sluice);
        command.args(["run", "-", "--for", "60s", "--no-ems"]);
        let mut plain = Running::start(&mut command, config)?;
        plain.no_more_input();
        plain.until(stop, |p| p.has_thread("worker"))?;
        stop.sleep(Duration::from_millis(200))?;
        without.push(plain.resident()?);
        plain.interrupt()?;
        plain.end(stop)?;

        let start = time::now();
        let device = Device::start(sluice, &[], config, stop)?;
        ready.push((time::now() - start) as f64 / 1e6);
        let (before, begin) = (device.process.cpu_time()?, time::now());
        while time::now() - begin < QUIET.as_nanos() as u64 {
            device.client.send(&Call::get("/metrics"))?.text()?;
            stop.sleep(Duration::from_secs(1))?;
        }
        let used = (device.process.cpu_time()? - before) as f64;
        share.push(used / (time::now() - begin) as f64 * 100.0);
        with.push(device.process.resident()?);
        device.process.interrupt()?;
        device.process.end(stop)?;
    }
    let (without, with) = (Cost::of(without), Cost::of(with));
    let added = with.beyond(without);
    let (share, ready) = (Cost::of(share), Cost::of(ready));
    let table = |title: &str, unit: &str, lines| Table { title: title.into(), unit: unit.into(), lines };
    Ok(vec![
        table(
            "Memory of an idle program",
            "MB",
            vec![
                Line::new("without EMS", without, "without EMS", without),
                Line::new("with EMS, polled once a second", with, "without EMS", without),
                Line::new("what the EMS adds", added, "without EMS", without).goal(Goal::AtMost(20.0)),
            ],
        ),
        table(
            "Processor time with the EMS polled once a second",
            "% of a core",
            vec![Line::new("the whole program", share, "itself", share).goal(Goal::AtMost(1.5))],
        ),
        table(
            "From the start of the process to the first /readyz 200",
            "ms",
            vec![Line::new("ready", ready, "itself", ready).goal(Goal::AtMost(300.0))],
        ),
    ])
}
