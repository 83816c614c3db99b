//! DPDK's drivers, whole programs: Sluice against DPDK's testpmd over the same virtual devices by turns, one core each.
//!
//! Over `net_null` a program moves frames that no memory holds: what is left is what it costs to move them. Over memif and
//! virtio another testpmd, on the other core, makes flows of 1,024 destinations as fast as it can and takes back what comes.
//!
//! The rate is what a program forwards in a millisecond of its worker's processor time: on a quiet machine that is
//! its rate, for the worker never sleeps, and where others use the cores it stays comparable.
pub(crate) mod generator;
mod idle;
mod program;
mod scenario;
mod swap;

use crate::harness::{Bench, Cost, Goal, Line, Table};
use crate::wire::stop::Stop;
use anyhow::ensure;
pub(crate) use program::{Folder, reserve, sluice};
use program::{Program, Running};
use scenario::{SCENARIOS, Scenario};
use std::time::Duration;

/// Measures something else and adds a table.
type Extra<'a> = &'a dyn Fn(&mut Bench) -> anyhow::Result<()>;

/// Most turns of each program: a turn takes about two seconds.
const TURNS: u32 = 7;
/// How long a program runs before it is measured, and while it is.
const WARM: Duration = Duration::from_millis(400);
const MEASURED: Duration = Duration::from_millis(800);
/// Memory that a turn needs: huge pages of 2 MB.
const HUGE_PAGES: u64 = 256;

pub(crate) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let Some(repeats) = bench.repeats() else { return Ok(()) };
    let (stop, sluice) = match ready(&bench.cores) {
        Ok(ready) => ready,
        Err(why) => {
            bench.notes.push(format!("skipped: dpdk: {why:#}"));
            return Ok(());
        }
    };
    let cores = (bench.cores[0], bench.cores[bench.cores.len() - 1]);
    let mut lines = Vec::new();
    for scenario in SCENARIOS {
        if scenario.peer.is_some() && cores.0 == cores.1 {
            bench.notes.push(format!("skipped: {}: it needs two cores", scenario.name));
            continue;
        }
        let mut rates: Vec<Vec<f64>> = vec![Vec::new(); 1 + scenario.works.len()];
        'turns: for turn in 0..repeats.min(TURNS) {
            for (n, rates) in rates.iter_mut().enumerate() {
                let program = match n.checked_sub(1) {
                    None => Program::TestPmd,
                    Some(work) => Program::Sluice(sluice.clone(), (scenario.works[work].config)()),
                };
                match one_turn(&stop, &scenario, &program, cores.0, &[cores.1]) {
                    Ok(rate) => rates.push(rate),
                    Err(_) if stop.asked() => anyhow::bail!("interrupted"),
                    Err(why) => {
                        bench.notes.push(format!("skipped: {}, turn {turn}: {why:#}", scenario.name));
                        break 'turns;
                    }
                }
            }
        }
        lines.extend(table_lines(&scenario, &rates));
    }
    bench.notes.push("Rates are packets forwarded in a millisecond of the worker's processor time; ratios are medians over neighbouring turns.".into());
    bench.tables.push(Table { title: "DPDK, 64 bytes, one core".into(), unit: "packets/ms".into(), lines });
    let others: [(&str, Extra<'_>); 3] = [
        ("two workers", &|bench| scaling(bench, &stop, &sluice, cores, repeats.min(TURNS))),
        ("hot swap", &|bench| swap::run(bench, &stop, &sluice, cores)),
        ("idle workers", &|bench| idle::run(bench, &stop, &sluice, cores.1)),
    ];
    for (name, run) in others {
        if cores.0 == cores.1 {
            bench.notes.push(format!("skipped: {name}: it needs two cores"));
        } else if let Err(why) = run(bench) {
            ensure!(!stop.asked(), "interrupted");
            bench.notes.push(format!("skipped: {name}: {why:#}"));
        }
    }
    Ok(())
}

fn ready(cores: &[usize]) -> anyhow::Result<(Stop, std::path::PathBuf)> {
    ensure!(!cores.is_empty(), "which cores may be used cannot be found out");
    ensure!(rustix::process::geteuid().is_root(), "huge pages need root");
    program::reserve(HUGE_PAGES)?;
    Ok((Stop::new()?, program::sluice()?))
}

/// A rate: packets forwarded in a millisecond of the worker's time.
fn one_turn(stop: &Stop, scenario: &Scenario, program: &Program, other: usize, cores: &[usize]) -> anyhow::Result<f64> {
    let folder = program::Folder::new()?;
    let start_peer = || scenario.peer.map(|p| Running::start_peer(p, &folder, other, stop)).transpose();
    let early = if scenario.peer_listens { start_peer()? } else { None };
    let mut device = Running::start(program, scenario, &folder, cores, stop)?;
    let late = if scenario.peer_listens { None } else { start_peer()? };
    stop.sleep(WARM)?;
    let (packets, time) = (device.forwarded(stop)?, device.worker_time()?);
    stop.sleep(MEASURED)?;
    let (packets, time) = (device.forwarded(stop)? - packets, device.worker_time()? - time);
    device.end(stop)?;
    early.or(late).map(|p| p.end(stop)).transpose()?;
    ensure!(packets > 0 && time > 0, "nothing was forwarded");
    Ok(packets as f64 / (time as f64 / 1e6) * cores.len() as f64)
}

/// Two workers against one, each program for itself.
fn scaling(
    bench: &mut Bench,
    stop: &Stop,
    sluice: &std::path::Path,
    (a, b): (usize, usize),
    turns: u32,
) -> anyhow::Result<()> {
    let scenario = &SCENARIOS[0];
    let forward = (scenario.works[0].config)();
    let programs = [Program::TestPmd, Program::Sluice(sluice.into(), forward)];
    let mut all: [Vec<f64>; 4] = Default::default();
    for _ in 0..turns {
        for (program, rates) in programs.iter().zip(all.chunks_mut(2)) {
            for (cores, rates) in [&[b][..], &[a, b]].into_iter().zip(rates) {
                rates.push(one_turn(stop, scenario, program, a, cores)?);
            }
        }
    }
    let gain = |of: &[Vec<f64>]| -> Vec<f64> { of[1].iter().zip(&of[0]).map(|(two, one)| two / one).collect() };
    let gains = [gain(&all[..2]), gain(&all[2..])];
    let [testpmd, ours] = gains.each_ref().map(|g| Cost::of(g.clone()));
    let mut line = Line::new("Sluice", ours, "testpmd", testpmd).goal(Goal::RateRatio(0.95));
    line.ratio = Cost::of(gains[1].iter().zip(&gains[0]).map(|(s, t)| s / t).collect()).median;
    let lines = vec![Line::new("testpmd io", testpmd, "itself", testpmd), line];
    bench.tables.push(Table {
        title: "Two workers on two net_null, forward".into(),
        unit: "x one worker".into(),
        lines,
    });
    Ok(())
}

fn table_lines(scenario: &Scenario, rates: &[Vec<f64>]) -> Vec<Line> {
    let complete = rates.iter().map(Vec::len).min().unwrap_or(0);
    if complete == 0 {
        return Vec::new();
    }
    let of = |n: usize| Cost::of(rates[n][..complete].to_vec());
    let mut lines = vec![Line::new(format!("{}: testpmd io", scenario.name), of(0), "itself", of(0))];
    for (n, work) in scenario.works.iter().enumerate() {
        let mut line = Line::new(format!("{}: {}", scenario.name, work.name), of(n + 1), "testpmd io", of(0));
        // Of neighbours: what disturbs the machine for longer than a turn meets both.
        line.ratio = Cost::of(rates[n + 1].iter().zip(&rates[0]).map(|(s, t)| s / t).collect()).median;
        line.goals.extend(work.goal.map(Goal::RateRatio));
        lines.push(line);
    }
    lines
}
