//! The report of a run: everything that was asked, measured and concluded. The JSON is the report;
//! all other forms are made from it.
pub(crate) mod compare;
pub(crate) mod csv;
pub(crate) mod environment;
pub(crate) mod html;
pub(crate) mod markdown;
pub(crate) mod plot;
pub(crate) mod recheck;

use super::profile::Profile;
use super::record::{Record, Test};
use super::section26::{Evidence, Results, evaluate};
use super::session::{Ceiling, End};
use super::trial::{Tester, nanos};
use crate::guest::settings::Settings;
use anyhow::Context as _;
use environment::Environment;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the files are, and their version.
pub(crate) const FORMAT: &str = "sluice-rfc2544/1";

/// The fact that names what resets the device.
pub(crate) const RESETS_BY: &str = "resets by";

/// A run and what came of it. `schema.json` describes the JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    /// [`FORMAT`].
    pub(crate) format: String,
    /// The first line: whether it is by the standard, and whether it is complete.
    pub(crate) headline: String,
    /// How the run ended.
    pub(crate) end: End,
    /// When it began, seconds since 1970.
    pub(crate) began: u64,
    /// How long it took.
    #[serde(rename = "took_ns", with = "nanos")]
    pub(crate) took: Duration,
    /// How it was tested.
    pub(crate) profile: Profile,
    /// Who tested what.
    pub(crate) tester: Tester,
    /// The machine.
    pub(crate) environment: Environment,
    /// The tester's own ceiling, for each of the profile's frames.
    pub(crate) ceilings: Vec<Ceiling>,
    /// What is to be known before the figures are read.
    pub(crate) remarks: Vec<String>,
    /// The results, for each of the profile's frames.
    pub(crate) results: Vec<Results>,
    /// Every trial.
    pub(crate) trials: Vec<Record>,
}

impl Report {
    /// The conclusions from what is kept: headline, remarks, results.
    pub(crate) fn conclude(&mut self) {
        let e =
            Evidence { profile: &self.profile, tester: &self.tester, ceilings: &self.ceilings, records: &self.trials };
        self.results = evaluate(&e);
        self.headline = headline(&self.profile, &self.end, &self.environment);
        self.remarks = self.remarks_found();
    }

    fn remarks_found(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.profile.line.is_none() && self.tester.line.is_none() {
            remarks.push("The ports have no line rate: 10 Gbit/s are assumed. Shares are of that.".to_owned());
        }
        if self.tester.shared_core {
            remarks.push("Generator and receiver share one core.".to_owned());
        }
        if self.profile.tests.contains(&Test::Reset) && !self.tester.facts.iter().any(|f| f.0 == RESETS_BY) {
            remarks.push("There is no reset test: nothing was named that resets this device.".to_owned());
        }
        if self.environment.emulated() {
            remarks.push("This machine is virtual: others may take its processors away at any time.".to_owned());
        }
        if self.ceilings.iter().any(|c| c.rate.is_none()) {
            remarks.push("The tester's own ceiling is not known: a result may be the tester's.".to_owned());
        }
        remarks
    }

    /// Reads the JSON.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Report> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let report: Report =
            serde_json::from_str(&text).with_context(|| format!("{}: not a report", path.display()))?;
        anyhow::ensure!(report.format == FORMAT, "{}: format {}, not {FORMAT}", path.display(), report.format);
        Ok(report)
    }

    /// Writes all forms beside each other: `path` with .json, .csv, .md and .html. Each is whole or not there.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<Vec<PathBuf>> {
        let json = serde_json::to_string(self)? + "\n";
        let forms = [
            ("json", json),
            ("csv", csv::results(self)),
            ("trials.csv", csv::trials(self)),
            ("md", markdown::page(self)),
            ("html", html::page(self)),
        ];
        save(path, &forms)
    }
}

/// Writes all forms of a report beside each other, each by its ending. Each is whole or not there.
pub(crate) fn save(path: &Path, forms: &[(&str, String)]) -> anyhow::Result<Vec<PathBuf>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    anyhow::ensure!(path.file_name().is_some(), "{} is no name of a file", path.display());
    let mut written = Vec::new();
    for (ending, text) in forms {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{ending}"));
        let file = path.with_file_name(&name);
        name.push(".new");
        let new = path.with_file_name(&name);
        fs::write(&new, text).with_context(|| format!("cannot write {}", new.display()))?;
        fs::rename(&new, &file).with_context(|| format!("cannot write {}", file.display()))?;
        written.push(file);
    }
    Ok(written)
}

fn headline(profile: &Profile, end: &End, environment: &Environment) -> String {
    let departures = profile.departures();
    let standard = if departures.is_empty() {
        "Conforms to RFC 2544 in trial times, waits, repetitions and frame sizes.".to_owned()
    } else {
        format!("NOT RFC 2544 conform: {}.", departures.join("; "))
    };
    let how = match end {
        End::Complete => String::new(),
        End::Interrupted => "PARTIAL, interrupted. ".into(),
        End::Port(why) => format!("PARTIAL, a port of the tester failed ({why}). "),
        End::Died(why) => format!("PARTIAL, the device died ({why}). "),
    };
    let emulated = environment.machine.as_ref().is_some_and(Settings::emulated);
    let emulated = if emulated { "Under emulation (TCG): rates say nothing about hardware. " } else { "" };
    format!("{how}{emulated}{standard}")
}

/// 1234567 as "1,234,567".
pub(crate) fn grouped(n: f64) -> String {
    let digits = format!("{:.0}", n.abs());
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if n < 0.0 && digits != "0" { format!("-{text}") } else { text }
}

/// Nanoseconds with a unit that suits them.
pub(crate) fn latency(ns: f64) -> String {
    match ns {
        n if n < 1e3 => format!("{n:.0} ns"),
        n if n < 1e6 => format!("{:.2} us", n / 1e3),
        n if n < 1e9 => format!("{:.2} ms", n / 1e6),
        n => format!("{:.2} s", n / 1e9),
    }
}

/// Seconds with a unit that suits them.
pub(crate) fn duration(seconds: f64) -> String {
    latency(seconds * 1e9)
}

/// Seconds since 1970 as "2026-11-27 08:00:00 UTC".
pub(crate) fn date(seconds: u64) -> String {
    // Days to a date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    let days = (seconds / 86_400) as i64 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let in_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let (d, m) = (in_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let y = year + era * 400 + i64::from(m <= 2);
    let t = seconds % 86_400;
    format!("{y:04}-{m:02}-{d:02} {:02}:{:02}:{:02} UTC", t / 3600, t / 60 % 60, t % 60)
}
