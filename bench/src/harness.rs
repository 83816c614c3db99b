//! How is measured: processor time a packet, several subjects in turn, so that a disturbance of the
//! machine meets all of them; and instruction counts by callgrind, which no disturbance changes.
use crate::ring::{self, Traffic};
use serde::Serialize;
use sluice_dataplane::io::affinity::{allowed_cores, pin_to_core, thread_cpu_time};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Nanoseconds of processor time a packet (or what else a line says it counts).
#[derive(Clone, Copy, Serialize, Debug)]
pub(crate) struct Cost {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Cost {
    /// From measurements of the same thing.
    pub(crate) fn of(mut all: Vec<f64>) -> Cost {
        all.sort_by(f64::total_cmp);
        let at = |i: usize| all.get(i).copied().unwrap_or(f64::NAN);
        Cost { median: at(all.len() / 2), min: at(0), max: at(all.len().wrapping_sub(1)) }
    }
}

impl Cost {
    /// What is left when a part that cost `other` is taken away.
    pub(crate) fn beyond(self, other: Cost) -> Cost {
        Cost { median: self.median - other.median, min: self.min - other.median, max: self.max - other.median }
    }
}

/// What a figure should reach.
#[derive(Clone, Copy, Serialize, Debug)]
pub(crate) enum Goal {
    /// In the unit of the table, at most.
    AtMost(f64),
    /// Times the baseline, at most.
    Ratio(f64),
    /// Times the baseline, at least: for rates.
    RateRatio(f64),
}

/// A line of the table.
#[derive(Serialize, Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) cost: Cost,
    /// What it is compared with, and how often that fits in.
    pub(crate) baseline: String,
    pub(crate) ratio: f64,
    /// Instructions a packet.
    pub(crate) instructions: Option<f64>,
    pub(crate) goals: Vec<Goal>,
}

impl Line {
    /// A line that is compared with another one.
    pub(crate) fn new(name: impl Into<String>, cost: Cost, baseline: &str, of: Cost) -> Line {
        let ratio = cost.median / of.median;
        Line { name: name.into(), cost, baseline: baseline.into(), ratio, instructions: None, goals: Vec::new() }
    }
    pub(crate) fn goal(mut self, goal: Goal) -> Line {
        self.goals.push(goal);
        self
    }
    pub(crate) fn instructions(mut self, n: Option<f64>) -> Line {
        self.instructions = n;
        self
    }
}

/// Several lines about the same work.
#[derive(Serialize, Debug)]
pub(crate) struct Table {
    pub(crate) title: String,
    /// What the costs are: "ns/packet".
    pub(crate) unit: String,
    pub(crate) lines: Vec<Line>,
}

/// A table with columns of its own.
#[derive(Serialize, Debug)]
pub(crate) struct Sheet {
    pub(crate) title: String,
    /// For people.
    #[serde(skip)]
    pub(crate) columns: Vec<String>,
    #[serde(skip)]
    pub(crate) rows: Vec<Vec<String>>,
    /// The same rows for programs.
    pub(crate) figures: Vec<serde_json::Value>,
}

/// Moves one burst of packets each time it is called.
pub(crate) type Round = Box<dyn FnMut()>;

/// Something to measure. It is built when its turn comes for the first time.
pub(crate) struct Subject<'a> {
    pub(crate) name: String,
    pub(crate) burst: usize,
    pub(crate) build: Box<dyn FnOnce() -> Round + 'a>,
}

impl<'a> Subject<'a> {
    pub(crate) fn new<R: FnMut() + 'static>(
        name: impl Into<String>,
        burst: usize,
        build: impl FnOnce() -> R + 'a,
    ) -> Self {
        Subject { name: name.into(), burst, build: Box::new(|| Box::new(build())) }
    }
}

/// What a run is for.
pub(crate) enum Mode {
    /// A table.
    Measure { repeats: u32, instructions: bool },
    /// Instructions of the subject with this name.
    Count(String),
}

/// What a subject is measured with, and the tables that came of it.
pub(crate) struct Bench {
    mode: Mode,
    group: &'static str,
    /// Cores that the program may use, ascending; it measures on the last.
    pub(crate) cores: Vec<usize>,
    pub(crate) tables: Vec<Table>,
    pub(crate) sheets: Vec<Sheet>,
    pub(crate) notes: Vec<String>,
}

/// Times that the packets go round in one measurement: below their time to live.
const CYCLES: usize = 50;
/// As many packets go through in one measurement, at least.
const ENOUGH: usize = 400_000;

impl Bench {
    /// Pins the thread: a change of cores would cost caches.
    pub(crate) fn new(mode: Mode, group: &'static str) -> Bench {
        static CORES: OnceLock<Vec<usize>> = OnceLock::new(); // before the first bench was pinned
        let cores = CORES.get_or_init(|| allowed_cores().unwrap_or_default()).clone();
        if let Some(core) = cores.last() {
            let _ = pin_to_core(*core); // where it is not allowed, figures are noisier
        }
        Bench { mode, group, cores, tables: Vec::new(), sheets: Vec::new(), notes: Vec::new() }
    }

    /// Costs of all subjects on the same traffic, in their order.
    pub(crate) fn compare(&mut self, traffic: &Traffic, subjects: Vec<Subject<'_>>) -> Vec<Cost> {
        let repeats = match &self.mode {
            Mode::Count(line) => {
                for s in subjects.into_iter().filter(|s| *line == format!("{}/{}", traffic.name, s.name)) {
                    count(traffic, s);
                }
                return Vec::new();
            }
            Mode::Measure { repeats, .. } => *repeats,
        };
        let mut built: Vec<(usize, Round, Vec<f64>)> =
            subjects.into_iter().map(|s| (s.burst, (s.build)(), Vec::new())).collect();
        for repeat in 0..=repeats {
            for (burst, round, costs) in &mut built {
                let cost = measure(traffic, *burst, round);
                if repeat > 0 {
                    costs.push(cost); // the first warms up
                }
            }
        }
        built.into_iter().map(|(_, _, costs)| Cost::of(costs)).collect()
    }

    /// Instructions a packet of a subject, if they are asked for and callgrind is there.
    pub(crate) fn instructions(&mut self, traffic: &Traffic, subject: &str) -> Option<f64> {
        if !matches!(self.mode, Mode::Measure { instructions: true, .. }) {
            return None;
        }
        let counted = callgrind(self.group, &format!("{}/{subject}", traffic.name));
        counted.map_err(|why| self.notes.push(format!("instructions of {subject}: {why}"))).ok()
    }

    /// Measurements of each line; `None` while instructions are being counted.
    pub(crate) fn repeats(&self) -> Option<u32> {
        match self.mode {
            Mode::Measure { repeats, .. } => Some(repeats),
            Mode::Count(_) => None,
        }
    }

    /// Whether tables are wanted; otherwise instructions are being counted.
    pub(crate) fn measures(&self) -> bool {
        matches!(self.mode, Mode::Measure { .. })
    }
}

/// Nanoseconds a packet.
fn measure(traffic: &Traffic, burst: usize, round: &mut Round) -> f64 {
    let (mut spent, mut packets) = (0, 0);
    while packets < ENOUGH {
        ring::refill(traffic);
        let rounds = CYCLES * traffic.packets / burst;
        let start = thread_cpu_time();
        (0..rounds).for_each(|_| round());
        spent += (thread_cpu_time() - start).as_nanos();
        packets += rounds * burst;
    }
    spent as f64 / packets as f64
}

/// Packets that a count goes over: as often round as their time to live allows.
const COUNTED: usize = 8 * 1024;

fn count(traffic: &Traffic, subject: Subject<'_>) {
    let mut round = (subject.build)();
    ring::refill(traffic);
    let rounds = COUNTED / subject.burst;
    (0..rounds).for_each(|_| round());
    ring::refill(traffic); // fresh times to live
    counted_rounds(rounds, &mut round);
}

/// Callgrind counts while this function runs, and finds it by its name.
#[inline(never)]
fn counted_rounds(n: usize, round: &mut Round) {
    (0..n).for_each(|_| round());
}

/// Runs this program under callgrind.
fn callgrind(group: &str, line: &str) -> Result<f64, String> {
    let me = std::env::current_exe().map_err(|e| e.to_string())?;
    let out = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*counted_rounds*"])
        .arg(me)
        .args(["count", group, line])
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("valgrind cannot be run ({e})"))?;
    let text = String::from_utf8_lossy(&out.stderr);
    let collected = text.lines().find_map(|l| l.split_once("Collected : ")?.1.trim().parse::<f64>().ok());
    match collected {
        Some(n) if n > 0.0 => Ok(n / COUNTED as f64),
        _ => Err(format!("callgrind counted nothing: {}", text.lines().last().unwrap_or_default())),
    }
}
