//! `sluice-bench`: what the engine costs, each line as a ratio to a named baseline of the same run.
//!
//! Reading order: [`harness`] (how is measured), [`ring`] (where packets come from and go to),
//! [`report`] (table and JSON); then one module a subject.
#![forbid(unsafe_code)]
mod dpdk;
mod ems;
mod engine;
mod fib;
mod filter;
mod guest;
mod harness;
mod image;
mod nsh;
mod paper;
mod report;
mod rfc2544;
mod ring;
mod router;
mod snmp;
mod wire;

use clap::{Parser, Subcommand};
use harness::{Bench, Mode};
use std::path::PathBuf;

/// A subject: its name for `--only`, and what measures it.
type Group = (&'static str, fn(&mut Bench) -> anyhow::Result<()>);

/// All subjects, in the order of the table.
const GROUPS: &[Group] = &[
    ("engine", engine::run),
    ("router", router::run),
    ("nsh", nsh::run),
    ("filter", filter::run),
    ("snmp", snmp::run),
    ("fib", fib::run),
    ("wire", wire::run),
    ("dpdk", dpdk::run),
    ("rfc2544", rfc2544::table::run),
    ("ems", ems::run),
    ("image", image::run),
];

/// Measures what the engine costs; prints a table and saves it as JSON.
#[derive(Parser)]
struct Options {
    /// Only these subjects, separated by commas.
    #[arg(long, value_delimiter = ',', value_parser = GROUPS.iter().map(|g| g.0).collect::<Vec<_>>())]
    only: Vec<String>,
    /// Measurements of each line; the table shows their median, minimum and maximum.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(3..1000))]
    repeats: u32,
    /// Where the figures are saved.
    #[arg(long, default_value = "target/bench.json")]
    json: PathBuf,
    /// No instruction counts (they take a run of callgrind each).
    #[arg(long)]
    no_instructions: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs one line of one subject a little, for callgrind to count instructions.
    #[command(hide = true)]
    Count { group: String, line: String },
    /// Makes one trial of RFC 2544 and prints what it counted, as JSON.
    #[command(hide = true)]
    Trial(rfc2544::wire::command::TrialOptions),
    /// The generator of frames alone, for a comparison.
    #[command(hide = true)]
    Generate(rfc2544::wire::command::GenerateOptions),
    /// Tests a device by RFC 2544: throughput, latency, loss, bursts, recovery, reset.
    Rfc2544(rfc2544::command::Options),
    /// Compares bridges in virtual machines and without: TCP streams, and the delays of three flows.
    Paper(paper::Options),
    /// Puts RFC 2544 reports side by side, as ratios to the first.
    Report {
        /// Reports in JSON.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Draws the conclusions of an RFC 2544 report again from its trials; fails when one differs.
    Recheck { file: PathBuf },
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    match options.command {
        Some(Command::Count { group, line }) => {
            let group = GROUPS.iter().find(|g| g.0 == group).ok_or_else(|| anyhow::anyhow!("no subject {group}"))?;
            return group.1(&mut Bench::new(Mode::Count(line), group.0));
        }
        Some(Command::Trial(options)) => return rfc2544::wire::command::trial(&options),
        Some(Command::Generate(options)) => return rfc2544::wire::command::generate(&options),
        Some(Command::Rfc2544(options)) => return rfc2544::command::rfc2544(&options),
        Some(Command::Paper(options)) => return paper::run(&options),
        Some(Command::Report { files }) => return rfc2544::command::side_by_side(&files),
        Some(Command::Recheck { file }) => return rfc2544::command::recheck(&file),
        None => {}
    }
    let mut report = report::Report::new();
    for (key, run) in GROUPS.iter().filter(|g| options.only.is_empty() || options.only.iter().any(|o| o == g.0)) {
        let mode = Mode::Measure { repeats: options.repeats, instructions: !options.no_instructions };
        let mut bench = Bench::new(mode, key);
        run(&mut bench)?;
        report.show(bench);
    }
    report.save(&options.json)
}
