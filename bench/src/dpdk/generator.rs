//! The generator of the RFC 2544 tester against testpmd's: frames of 64 bytes (60 without frame check sequence) to a testpmd
//! that takes them, one core each. Ours writes flow, sequence number, time and checksums into each frame.
use super::program::{Folder, Running};
use crate::harness::{Bench, Cost, Goal, Line, Sheet, Table};
use crate::wire::process::{Running as Process, last_line};
use crate::wire::stop::Stop;
use anyhow::{Context as _, ensure};
use std::process::Command;

/// Where frames go: over a link, or nowhere, so that what is left is what it costs to make them.
const SINKS: [(&str, &str, Option<&str>, Option<f64>); 2] = [
    (
        "memif",
        "--vdev=net_memif0,role=server,id=0,socket={folder}/memif.sock,socket-abstract=no,rsize=11",
        Some("--vdev=net_memif0,role=client,id=0,socket={folder}/memif.sock,socket-abstract=no,rsize=11"),
        Some(0.9),
    ),
    ("net_null", "--vdev=net_null0,size=64", None, None),
];

/// Rates at which frames are offered for a second, frames a second.
const RATES: [f64; 6] = [1_000.0, 10_000.0, 123_456.0, 1_000_000.0, 3_000_000.0, 5_000_000.0];

/// What a generator's process printed.
#[derive(serde::Deserialize)]
struct Generated {
    frames: u64,
    missed: u64,
    cpu_ns: u64,
    wall_ns: u64,
}

/// How fast the generator is, on core `own`; testpmd takes its frames on the other. Then how precisely it keeps a rate.
pub(crate) fn run(bench: &mut Bench, stop: &Stop, (own, other): (usize, usize), repeats: u32) -> anyhow::Result<()> {
    let turns = repeats.min(super::TURNS);
    let mut lines = Vec::new();
    for (name, devices, sink, goal) in SINKS {
        let mut rates: [Vec<f64>; 3] = Default::default();
        for _ in 0..turns {
            for (n, rates) in rates.iter_mut().enumerate() {
                let folder = Folder::new()?;
                rates.push(match n {
                    0 => testpmd(devices, sink, &folder, own, other, stop)?,
                    1 => rate(&ours(devices, sink, &["--flows", "1"], &folder, own, other, stop)?),
                    _ => rate(&ours(devices, sink, &["--flows", "1000000"], &folder, own, other, stop)?),
                });
            }
        }
        let base = Cost::of(rates[0].clone());
        lines.push(Line::new(format!("{name}: testpmd txonly"), base, "itself", base));
        for (flows, ours) in ["1 flow", "a million flows"].iter().zip(&rates[1..]) {
            let mut line =
                Line::new(format!("{name}: generator, {flows}"), Cost::of(ours.clone()), "testpmd txonly", base);
            // Of neighbours: what disturbs the machine for longer than a turn meets both.
            line.ratio = Cost::of(ours.iter().zip(&rates[0]).map(|(o, t)| o / t).collect()).median;
            line.goals.extend(goal.map(Goal::RateRatio));
            lines.push(line);
        }
    }
    bench.tables.push(Table { title: "Generator, 64 bytes, one core".into(), unit: "packets/ms".into(), lines });
    bench.sheets.push(precision(stop, own, other)?);
    Ok(())
}

/// Frames in a millisecond of the generator's time.
fn rate(done: &Generated) -> f64 {
    done.frames as f64 / (done.cpu_ns as f64 / 1e6)
}

/// What is offered over memif in a second, by the host's clock, beside what was asked for.
fn precision(stop: &Stop, own: usize, other: usize) -> anyhow::Result<Sheet> {
    let (_, devices, sink, _) = SINKS[0];
    let (mut rows, mut figures) = (Vec::new(), Vec::new());
    for asked in RATES {
        let folder = Folder::new()?;
        let options = ["--rate", &asked.to_string(), "--seconds", "1"];
        let done = ours(devices, sink, &options, &folder, own, other, stop)?;
        let offered = done.frames as f64 / (done.wall_ns as f64 / 1e9);
        let off = 100.0 * (offered / asked - 1.0);
        rows.push(vec![
            format!("{asked:.0}"),
            format!("{offered:.1}"),
            format!("{off:+.4} %"),
            done.missed.to_string(),
            if off.abs() <= 0.1 { "<= 0.1 % met" } else { "<= 0.1 % missed" }.into(),
        ]);
        figures.push(serde_json::json!({ "asked": asked, "offered": offered, "percent": off, "missed": done.missed }));
    }
    Ok(Sheet {
        title: "Rate control over 1 s, by the host's clock".into(),
        columns: ["asked, frames/s", "offered", "off by", "not offered", "goal"].map(String::from).to_vec(),
        rows,
        figures,
    })
}

/// Frames that testpmd sends in a millisecond of its worker's time.
fn testpmd(
    devices: &str,
    sink: Option<&str>,
    folder: &Folder,
    own: usize,
    other: usize,
    stop: &Stop,
) -> anyhow::Result<f64> {
    let mut generator = Running::generator(devices, folder, own, stop)?;
    let sink = sink.map(|s| Running::sink(s, folder, other, stop)).transpose()?;
    stop.sleep(super::WARM)?;
    let (frames, time) = (generator.sent(stop)?, generator.worker_time()?);
    stop.sleep(super::MEASURED)?;
    let (frames, time) = (generator.sent(stop)? - frames, generator.worker_time()? - time);
    generator.end(stop)?;
    sink.map(|s| s.end(stop)).transpose()?;
    ensure!(frames > 0 && time > 0, "nothing was sent");
    Ok(frames as f64 / (time as f64 / 1e6))
}

/// The same for this program, in a process of its own: DPDK is started once in one.
fn ours(
    devices: &str,
    sink: Option<&str>,
    options: &[&str],
    folder: &Folder,
    own: usize,
    other: usize,
    stop: &Stop,
) -> anyhow::Result<Generated> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env("RUNTIME_DIRECTORY", folder.path()).args(["generate", "--core", &own.to_string()]);
    let port = if sink.is_some() { "net_memif0" } else { "net_null0" };
    command.args(["--port", port]).args(options);
    let devices = folder.arguments(devices).join(" ");
    command.args(["--dpdk", &format!("-l {own} -n1 --no-pci -m 128 {devices}")]);
    let mut generator = Process::start(&mut command, "")?;
    let socket = folder.path().join("memif.sock");
    if sink.is_some() {
        generator.until(stop, |_| socket.exists())?; // who connects has to find it
    }
    let sink = sink.map(|s| Running::sink(s, folder, other, stop)).transpose()?;
    let said = generator.end(stop)?;
    sink.map(|s| s.end(stop)).transpose()?;
    let line = said.lines().find(|l| l.starts_with('{')).with_context(|| last_line(&said).to_string())?;
    let done: Generated = serde_json::from_str(line)?;
    ensure!(done.frames > 0 && done.cpu_ns > 0 && done.wall_ns > 0, "nothing was sent");
    Ok(done)
}
