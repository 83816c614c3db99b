//! Real packets: a sink and a wire on packet sockets and on AF_XDP over veth, against DPDK's testpmd on the same interfaces by
//! turns; and the memory of an idle router.
//!
//! A load on one core sends into one end of a veth pair as fast as it can; the program at the other end has another core.
//! Without more ado the kernel does its part of receiving where the frame was sent, so on the load's core, and what the
//! program itself does hardly shows in the rate: it compares what the two sockets cost the kernel. (testpmd's is in a fanout
//! group, for which each frame is hashed.) With *one core*, that part is steered to the program's core: the rate is
//! what one core receives, the kernel's part included; a program that never sleeps takes its time from the kernel.
mod load;
mod net;
pub(crate) mod process;
mod program;
mod site;
pub(crate) mod stop;

use crate::harness::{Bench, Cost, Goal, Line, Table};
use program::{Program, Sluice, Sockets, TestPmd, Work};
use site::{Site, Turn};

/// Most turns of each program: a turn takes about two seconds.
const TURNS: u32 = 9;
/// Per cent of its core that the load has on a quiet machine, at least.
const QUIET: f64 = 90.0;
/// Times the rate of testpmd.
const AIM: Goal = Goal::RateRatio(1.3);

/// The same with AF_XDP.
const AIM_XDP: Goal = Goal::RateRatio(1.0);

/// What the programs do in turns: its name, the work, whether the kernel's part is on the receiver's core, the goal.
type Works = [(&'static str, Work<'static>, bool, Option<Goal>)];
const PACKET: &Works = &[
    ("sink", Work::Sink(site::INPUT), false, Some(AIM)),
    ("sink, one core", Work::Sink(site::INPUT), true, Some(AIM)),
    ("wire", Work::Forward(site::INPUT, site::OUTPUT), false, None),
];
const XDP: &Works = &[
    ("sink", Work::Sink(site::INPUT), false, Some(AIM_XDP)),
    ("wire", Work::Forward(site::INPUT, site::OUTPUT), false, None),
];

pub(crate) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let Some(repeats) = bench.repeats() else { return Ok(()) };
    let find = || {
        let site = Site::new(&bench.cores)?;
        Ok::<_, anyhow::Error>((site, Sluice::find(Sockets::Packet)?, Sluice::find(Sockets::Xdp)?))
    };
    let (site, sluice, sluice_xdp) = match find() {
        Ok(ready) => ready,
        Err(why) => {
            bench.notes.push(format!("skipped: wire: {why:#}"));
            return Ok(());
        }
    };
    bench.notes.extend(site.notes.iter().cloned());
    let (testpmd, testpmd_xdp) = (TestPmd::new(Sockets::Packet), TestPmd::new(Sockets::Xdp));
    let programs: [&dyn Program; 2] = [&testpmd, &sluice];
    if site.has_two_cores() {
        let turns = repeats.min(TURNS);
        loads(bench, &site, &programs, turns, "Packet sockets", PACKET)?;
        loads(bench, &site, &[&testpmd_xdp, &sluice_xdp], turns, "AF_XDP", XDP)?;
        bench.notes.push(
            "Of the sink's kernel, the processor time of the load's thread beyond that of the load alone; of a program, that \
             of its threads, looking for frames included. Ratios are medians over neighbouring turns."
                .into(),
        );
    } else {
        bench.notes.push("skipped: rates over veth: they need two cores".into());
    }
    memory(bench, &site, &programs)
}

/// Rates, and what a packet costs.
fn loads(
    bench: &mut Bench,
    site: &Site,
    programs: &[&dyn Program; 2],
    turns: u32,
    sockets: &str,
    works: &Works,
) -> anyhow::Result<()> {
    let (mut rates, mut costs, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    let of = |turns: &[Turn], f: fn(&Turn) -> f64| Cost::of(turns.iter().map(f).collect());
    let mut alone = Vec::new();
    for &(name, work, one_core, goal) in works {
        site.receive_on_its_core(one_core)?;
        let all = by_turns(bench, site, programs, turns, &format!("{sockets}: {name}"), |program| {
            if alone.len() < turns as usize {
                alone.push(site.alone()?);
            }
            site.turn(program, work)
        })?;
        if rates.is_empty() {
            let rate = of(&alone, |t| t.rate);
            rates.push(Line::new("the load alone, nobody receives", rate, "itself", rate));
        }
        lines(&mut rates, name, &all, |t| t.rate, goal);
        if name == "sink" {
            let alone = of(&alone, |t| t.sender).median;
            lines(&mut costs, "sink, kernel", &all, |t| t.sender - alone, None);
        }
        if !one_core {
            lines(&mut costs, &format!("{name}, program"), &all, |t| t.receiver, None);
        }
        shares.extend(all.iter().flatten().map(|t| t.share));
    }
    let share = Cost::of(shares).median * 100.0;
    if share < QUIET {
        // A program that shares its core loses frames for reasons that are not its own.
        rates.iter_mut().for_each(|line| line.goals.clear());
        let busy = format!(
            "{sockets}: others used the cores meanwhile, so the rates over veth are low, noisy, and held against no goal"
        );
        bench.notes.push(format!("{busy}: the load had {share:.0} % of its core"));
    }
    let title = format!("{sockets} over veth, 64 bytes");
    bench.tables.push(Table { title: title.clone(), unit: "packets/ms".into(), lines: rates });
    bench.tables.push(Table { title, unit: "ns/packet".into(), lines: costs });
    Ok(())
}

/// Memory of a router that waits.
fn memory(bench: &mut Bench, site: &Site, programs: &[&dyn Program; 2]) -> anyhow::Result<()> {
    let all = by_turns(bench, site, programs, 3, "memory", |program| site.idle(program))?;
    let mut memory = Vec::new();
    lines(&mut memory, "two ports", &all, |mb| *mb, Some(Goal::AtMost(20.0)));
    let title = "Resident memory, idle: router.click; testpmd as a wire".into();
    bench.tables.push(Table { title, unit: "MB".into(), lines: memory });
    Ok(())
}

/// Measures all programs by turns. One that fails is left out with a note; its list is empty.
fn by_turns<T>(
    bench: &mut Bench,
    site: &Site,
    programs: &[&dyn Program; 2],
    turns: u32,
    name: &str,
    mut one: impl FnMut(&dyn Program) -> anyhow::Result<T>,
) -> anyhow::Result<[Vec<T>; 2]> {
    let mut all = [Some(Vec::new()), Some(Vec::new())];
    for _ in 0..turns {
        for (program, list) in programs.iter().zip(&mut all) {
            let Some(done) = list else { continue };
            match one(*program) {
                Ok(turn) => done.push(turn),
                Err(_) if site.stop.asked() => anyhow::bail!("interrupted"),
                Err(why) => {
                    bench.notes.push(format!("skipped: {name} with {}: {why:#}", program.name()));
                    *list = None;
                }
            }
        }
    }
    Ok(all.map(Option::unwrap_or_default))
}

/// A line for testpmd and one for Sluice, compared with it; alone where testpmd is missing.
fn lines<T>(table: &mut Vec<Line>, name: &str, all: &[Vec<T>; 2], f: impl Fn(&T) -> f64, goal: Option<Goal>) {
    let [testpmd, sluice] = all.each_ref().map(|turns| turns.iter().map(&f).collect::<Vec<f64>>());
    if !testpmd.is_empty() {
        let cost = Cost::of(testpmd.clone());
        table.push(Line::new(format!("{name}: testpmd"), cost, "itself", cost));
    }
    if sluice.is_empty() {
        return;
    }
    let cost = Cost::of(sluice.clone());
    let mut line = Line::new(format!("{name}: Sluice"), cost, "itself", cost);
    if !testpmd.is_empty() {
        line.baseline = "testpmd".into();
        // Of neighbours: what disturbs the machine for longer than a turn meets both.
        line.ratio = Cost::of(sluice.iter().zip(&testpmd).map(|(s, t)| s / t).collect()).median;
    }
    // A ratio to nothing meets no goal.
    let goal = goal.filter(|g| !testpmd.is_empty() || matches!(g, Goal::AtMost(_)));
    line.goals.extend(goal);
    table.push(line);
}
