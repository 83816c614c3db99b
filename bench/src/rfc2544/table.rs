//! The table of `make bench`: functions of Sluice beside testpmd, in one run, over memif, with shortened trials. Each is
//! tested by a process of its own: DPDK is started once in one.
use super::report::{Report, grouped, latency};
use super::section26::Results;
use super::trial::Frames;
use crate::dpdk;
use crate::harness::{Bench, Sheet};
use crate::wire::process::{Running, last_line};
use crate::wire::stop::Stop;
use anyhow::{Context as _, ensure};
use serde::Serialize;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Where reports are kept, with their profiles.
const FOLDER: &str = "target/rfc2544";
const PROFILE: &str = include_str!("profile/table.toml");
/// Longest time that one device gets.
const PATIENCE: Duration = Duration::from_secs(120);
/// Huge pages of 2 MB that tester and device need.
const HUGE_PAGES: u64 = 256;
/// The load at which latencies are shown, per cent of the throughput.
const LOAD: f64 = 50.0;
/// The least frame with IPv4 in Ethernet in NSH: there is no room for that in 64 bytes.
const LEAST_NSH: u16 = 86;

/// A line of the table: its name, the device as a profile describes it, frame sizes, whether frames have a service header.
struct Entry {
    name: &'static str,
    device: &'static [&'static str],
    sizes: &'static [u16],
    nsh: bool,
}

const BASE: Entry = Entry { name: "testpmd", device: &["kind=testpmd"], sizes: &[64, LEAST_NSH, 1518], nsh: false };
const ENTRIES: [Entry; 5] = [
    BASE,
    Entry { name: "forward", device: &["kind=forward"], sizes: &[64, 1518], nsh: false },
    Entry { name: "router", device: &["kind=router"], sizes: &[64, 1518], nsh: false },
    Entry { name: "firewall", device: &["kind=firewall", "rules=25"], sizes: &[64, 1518], nsh: false },
    Entry { name: "sff", device: &["kind=sff"], sizes: &[LEAST_NSH, 1518], nsh: true },
];

pub(crate) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let Some(repeats) = bench.repeats() else { return Ok(()) };
    let stop = match ready(&bench.cores) {
        Ok(stop) => stop,
        Err(why) => {
            bench.notes.push(format!("skipped: rfc2544: {why:#}"));
            return Ok(());
        }
    };
    let mut reports = Vec::new();
    for entry in &ENTRIES {
        match test(entry, &bench.cores, &stop) {
            Ok(report) => reports.push((entry.name, report)),
            Err(_) if stop.asked() => anyhow::bail!("interrupted"),
            Err(why) => bench.notes.push(format!("skipped: rfc2544, {}: {why:#}", entry.name)),
        }
    }
    if let Some((_, first)) = reports.first() {
        bench.notes.push(format!("{} {}", first.headline, first.remarks.join(" ")));
        bench.notes.push(format!("Reports of each device with every trial, as JSON and as a page: {FOLDER}."));
        bench.sheets.push(sheet(&reports));
    }
    let (first, last) = (bench.cores[0], bench.cores[bench.cores.len() - 1]);
    if let Err(why) = dpdk::generator::run(bench, &stop, (last, first), repeats) {
        ensure!(!stop.asked(), "interrupted");
        bench.notes.push(format!("skipped: rfc2544, generator: {why:#}"));
    }
    Ok(())
}

fn ready(cores: &[usize]) -> anyhow::Result<Stop> {
    ensure!(cfg!(feature = "dpdk"), "this program was built without DPDK: build it with the feature dpdk");
    ensure!(rustix::process::geteuid().is_root(), "huge pages need root");
    ensure!(cores.len() > 1, "it needs two cores");
    dpdk::sluice()?;
    dpdk::reserve(HUGE_PAGES)?;
    Ok(Stop::new()?)
}

/// The profile of an entry.
fn profile(entry: &Entry) -> String {
    format!("frames = {:?}\n{PROFILE}nsh = {}\n", entry.sizes, entry.nsh)
}

/// Tests one device, and reads the report.
fn test(entry: &Entry, cores: &[usize], stop: &Stop) -> anyhow::Result<Report> {
    let out = Path::new(FOLDER).join(entry.name);
    let (text, json) = (out.with_extension("toml"), out.with_extension("json"));
    fs::create_dir_all(FOLDER).with_context(|| FOLDER.to_owned())?;
    fs::write(&text, profile(entry)).with_context(|| text.display().to_string())?;
    let cores: Vec<String> = cores.iter().map(usize::to_string).collect();
    // This thread is bound to one core; it may not die without the other.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "taskset", "-c", &cores.join(",")]).arg(std::env::current_exe()?);
    command.args(["rfc2544", "--out"]).arg(&out).arg("--profile").arg(&text);
    command.args(["--device", "links=memif"]).args(entry.device);
    let mut running = Running::start(&mut command, "")?;
    running.no_more_input();
    let waited = stop.wait(PATIENCE, "its test", || Ok(!running.runs()?));
    if waited.is_err() {
        // It takes away what it started. Where it has just ended, there is nobody to interrupt.
        let _ = running.interrupt();
        let _ = Stop::new()?.wait(Duration::from_secs(10), "its end", || Ok(!running.runs()?));
    }
    waited?;
    let ended = running.status()?;
    let said = running.end(stop)?;
    ensure!(ended.is_some_and(|status| status.success()), "{}", last_line(&said));
    Report::read(&json)
}

/// What is in a row.
#[derive(Serialize)]
struct Row {
    frames: String,
    device: String,
    /// Frames a second without loss.
    rate: Option<f64>,
    /// Times that of testpmd with frames of the same size.
    ratio: Option<f64>,
    /// Latencies at half the rate, nanoseconds.
    p50: Option<u64>,
    p99: Option<u64>,
    /// How near the tester's own ceiling is, or why there is no rate.
    mark: String,
}

fn rate(results: &Results) -> Option<f64> {
    results.throughput.as_ref()?.rate
}

fn row(report: &Report, results: &Results, base: Option<&Report>) -> Row {
    let same = base.and_then(|b| b.results.iter().find(|r| r.frames == results.frames)).and_then(rate);
    let loads = results.latency.as_ref().map(|l| l.loads.as_slice()).unwrap_or_default();
    let at = loads.iter().find(|l| l.percent == LOAD && l.count > 0);
    let mark = match &results.throughput {
        Some(t) if t.rate.is_some() => t.mark.text().into(),
        Some(t) => t.verdict.clone(),
        None => results.remarks.join("; "),
    };
    Row {
        frames: results.frames.name(),
        device: report.tester.device.clone(),
        rate: rate(results),
        ratio: rate(results).zip(same).map(|(own, base)| own / base),
        p50: at.map(|l| l.p50),
        p99: at.map(|l| l.p99),
        mark,
    }
}

/// All devices, size after size.
fn sheet(reports: &[(&str, Report)]) -> Sheet {
    let base = reports.iter().find(|r| r.0 == BASE.name).map(|r| &r.1);
    let rows = BASE.sizes.iter().flat_map(|size| {
        reports.iter().filter_map(move |(_, report)| {
            let results = report.results.iter().find(|r| r.frames == Frames::Size(*size))?;
            Some(row(report, results, base))
        })
    });
    let rows: Vec<Row> = rows.collect();
    let dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let cells = rows.iter().map(|r| {
        vec![
            r.frames.clone(),
            r.device.clone(),
            dash(r.rate.map(grouped)),
            dash(r.ratio.map(|n| format!("{n:.2} x"))),
            dash(r.p50.map(|n| latency(n as f64))),
            dash(r.p99.map(|n| latency(n as f64))),
            r.mark.clone(),
        ]
    });
    Sheet {
        title: "RFC 2544 over memif, one direction".into(),
        columns: ["bytes", "device", "frames/s without loss", "of testpmd", "P50 at half", "P99 at half", ""]
            .map(String::from)
            .to_vec(),
        rows: cells.collect(),
        figures: rows.iter().filter_map(|r| serde_json::to_value(r).ok()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rfc2544::command::measure;
    use crate::rfc2544::profile::Profile;
    use crate::rfc2544::progress::{Progress, estimate};
    use crate::rfc2544::sim::catalogue::simulation;
    use std::sync::atomic::AtomicBool;

    fn load(entry: &Entry) -> Profile {
        let folder = dpdk::Folder::new().unwrap();
        let file = folder.path().join("profile.toml");
        fs::write(&file, profile(entry)).unwrap();
        Profile::load(&file.display().to_string()).unwrap()
    }

    #[test]
    fn all_devices_together_take_less_than_three_minutes() {
        let profiles: Vec<Profile> = ENTRIES.iter().map(load).collect();
        let of = |p: &Profile| -> Duration {
            p.tests.iter().flat_map(|t| p.frames.iter().map(|f| estimate(p, *t, f.line(10e9)))).sum()
        };
        let estimated: Duration = profiles.iter().map(of).sum();
        // What is left is for starts and the tester's own ceilings.
        assert!(estimated < Duration::from_secs(140), "{estimated:?}");
    }

    #[test]
    fn each_device_has_its_traffic_and_each_size_its_baseline() {
        for entry in &ENTRIES {
            assert_eq!(load(entry).traffic.nsh, entry.nsh, "{}", entry.name);
            assert!(entry.sizes.iter().all(|size| BASE.sizes.contains(size)), "{}", entry.name);
            assert!(!entry.nsh || entry.sizes.iter().all(|size| *size >= LEAST_NSH), "{}", entry.name);
        }
    }

    #[test]
    fn a_row_has_its_ratio_to_testpmd_with_frames_of_the_same_size() {
        let of = |entry: &Entry, device: &str| {
            let (mut s, p) = (simulation(device).unwrap(), load(entry));
            measure(&mut s, None, &p, &AtomicBool::new(false), &mut Progress::new(&p, 10e9))
        };
        let reports = [(BASE.name, of(&BASE, "frames")), ("sff", of(&ENTRIES[4], "frames"))];
        let both = sheet(&reports);
        let column = |n: usize| both.rows.iter().map(|r| r[n].as_str()).collect::<Vec<_>>();
        assert_eq!(column(0), ["64", "86", "86", "1518", "1518"]);
        // The same device: a rate within the search's width.
        let ratios: Vec<f64> = both.figures.iter().map(|f| f["ratio"].as_f64().unwrap()).collect();
        assert!(ratios.iter().all(|r| (0.95..1.05).contains(r)), "{ratios:?}");
        assert!(both.figures.iter().all(|f| f["p99"].as_u64() >= f["p50"].as_u64() && f["p50"].as_u64() > Some(0)));
        let silent = sheet(&[(BASE.name, of(&BASE, "drops-all"))]);
        assert!(silent.rows.iter().all(|r| r[2] == "-" && r[6] == "nothing is forwarded"), "{:?}", silent.rows);
        let alone = sheet(&reports[1..]);
        assert!(alone.rows.iter().all(|r| r[3] == "-" && r[2] != "-"), "{:?}", alone.rows);
    }
}
