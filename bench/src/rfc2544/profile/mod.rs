//! Profiles: which tests are made, and how. Text in TOML; two are built in.
mod read;

use super::record::Test;
use super::trial::{Directions, Frames, Traffic, nanos};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// A profile, complete: whatever its text did not say has the value of the standard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Profile {
    /// For the report.
    pub(crate) name: String,
    /// Which tests, in the order of section 26. All but frame loss need the throughput.
    pub(crate) tests: Vec<Test>,
    /// Which frames; at least one.
    pub(crate) frames: Vec<Frames>,
    /// Which way.
    pub(crate) directions: Directions,
    /// Bits a second of the line, where ports have none or to test below it.
    pub(crate) line: Option<f64>,
    /// What is in the frames.
    pub(crate) traffic: Traffic,
    /// What holds for every trial.
    pub(crate) trial: TrialTimes,
    /// 26.1
    pub(crate) throughput: Throughput,
    /// 26.2
    pub(crate) latency: Latency,
    /// 26.3: steps in per cent, above 0, at most 10 in the standard.
    pub(crate) frame_loss_step: f64,
    /// 26.4
    pub(crate) back_to_back: BackToBack,
    /// 26.5
    pub(crate) recovery: Recovery,
    /// 26.6
    pub(crate) reset: ResetTimes,
    /// What whoever starts the device and opens the ports has to know; names and values as they are in
    /// the table `device`.
    pub(crate) device: BTreeMap<String, String>,
}

/// What holds for every trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TrialTimes {
    /// Section 24: 60 s.
    #[serde(rename = "time_ns", with = "nanos")]
    pub(crate) time: Duration,
    /// Section 23 (a).
    pub(crate) learn: bool,
    /// Section 23 (c): 2 s.
    #[serde(rename = "late_ns", with = "nanos")]
    pub(crate) late: Duration,
    /// Section 23 (d): 5 s.
    #[serde(rename = "settle_ns", with = "nanos")]
    pub(crate) settle: Duration,
    /// The share of a rate that the tester may miss; a trial that misses more says nothing of the device.
    pub(crate) tolerance: f64,
}

/// The search for the throughput.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Throughput {
    /// By which rules.
    pub(crate) search: Search,
    /// How far the bounds may be apart, as a share of the upper one.
    pub(crate) width: f64,
    /// The lowest rate, as a share of the line.
    pub(crate) lowest: f64,
    /// Binary search: trials at a rate until it counts as too high.
    pub(crate) attempts: u32,
    /// More trials are not made for one frame size.
    pub(crate) limit: u32,
    /// MLRsearch: loss ratios of the goals; the first is that of the throughput, 0.
    pub(crate) loss_ratios: Vec<f64>,
    /// MLRsearch: exceed ratio.
    pub(crate) exceed: f64,
    /// MLRsearch: initial trial duration.
    #[serde(rename = "initial_ns", with = "nanos")]
    pub(crate) initial: Duration,
    /// MLRsearch: final trial duration.
    #[serde(rename = "final_ns", with = "nanos")]
    pub(crate) last: Duration,
    /// MLRsearch: duration sum.
    #[serde(rename = "sum_ns", with = "nanos")]
    pub(crate) sum: Duration,
    /// Whether half the throughput is tried at the end.
    pub(crate) half: bool,
}

/// The rules of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Search {
    /// RFC 2544 section 26.1: one loss is one too many.
    Binary,
    /// Binary with loss verification: ETSI GS NFV-TST 009.
    Verified,
    /// MLRsearch: RFC 9971.
    Mlr,
}

/// Latency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Latency {
    /// Section 26.2: 120 s.
    #[serde(rename = "stream_ns", with = "nanos")]
    pub(crate) stream: Duration,
    /// Section 26.2: 60 s.
    #[serde(rename = "tag_at_ns", with = "nanos")]
    pub(crate) tag_at: Duration,
    /// Section 26.2: 20.
    pub(crate) repetitions: u32,
    /// Beyond the standard: every frame stamped at these shares of the throughput, in per cent.
    pub(crate) loads: Vec<f64>,
}

/// Back-to-back frames.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BackToBack {
    /// The longest burst, as the time that it takes at full speed: 2 s.
    #[serde(rename = "longest_ns", with = "nanos")]
    pub(crate) longest: Duration,
    /// RFC 9004 section 6.3: 50.
    pub(crate) repetitions: u32,
    /// How far the bounds may be apart, as a share of the upper one.
    pub(crate) width: f64,
    /// Trials of a length until it counts as too long.
    pub(crate) attempts: u32,
}

/// System recovery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recovery {
    /// Section 26.5: at least 60 s.
    #[serde(rename = "overload_ns", with = "nanos")]
    pub(crate) overload: Duration,
    /// How long half the rate is offered afterwards.
    #[serde(rename = "after_ns", with = "nanos")]
    pub(crate) after: Duration,
}

/// Resets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ResetTimes {
    /// When the device is reset.
    #[serde(rename = "at_ns", with = "nanos")]
    pub(crate) at: Duration,
    /// How long frames are offered in all. What has not come back by then counts as gone.
    #[serde(rename = "time_ns", with = "nanos")]
    pub(crate) time: Duration,
    /// RFC 6201 leaves it open; 1.
    pub(crate) repetitions: u32,
}

const QUICK: &str = include_str!("quick.toml");
const FULL: &str = include_str!("full.toml");

/// Names of the built-in profiles.
pub(crate) const BUILT_IN: [&str; 2] = ["quick", "full"];

impl Profile {
    /// A built-in profile by its name, or a file. An error has a line for each thing that is wrong, each
    /// with `file:line`.
    pub(crate) fn load(name: &str) -> anyhow::Result<Profile> {
        let (file, text) = match name {
            "quick" => ("quick".to_owned(), QUICK.to_owned()),
            "full" => ("full".to_owned(), FULL.to_owned()),
            path => {
                let text = std::fs::read_to_string(Path::new(path));
                let built_in = BUILT_IN.join(" and ");
                let why = |e| anyhow::anyhow!("{path}: cannot be read: {e}; built-in profiles are {built_in}");
                (path.to_owned(), text.map_err(why)?)
            }
        };
        read::profile(&file, &text).map_err(|errors| anyhow::anyhow!(errors.join("\n")))
    }

    /// Its largest frame, frame check sequence included, bytes.
    pub(crate) fn largest(&self) -> usize {
        self.frames.iter().map(|f| f.largest().into()).max().unwrap_or(0)
    }

    /// In what the results are not those of RFC 2544 and RFC 9004, in words; empty when they are.
    pub(crate) fn departures(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut below = |what: &str, have: Duration, rfc: u64| {
            if have < Duration::from_secs(rfc) {
                found.push(format!("{what} {} (standard: {rfc} s)", seconds(have)));
            }
        };
        let has = |test| self.tests.contains(&test);
        if has(Test::Throughput) && self.throughput.search != Search::Mlr || has(Test::FrameLoss) {
            below("trials of", self.trial.time, 60);
        }
        below("late frames awaited for", self.trial.late, 2);
        below("the device settles for", self.trial.settle, 5);
        if has(Test::Latency) {
            below("latency streams of", self.latency.stream, 120);
            below("the frame tagged after", self.latency.tag_at, 60);
        }
        if has(Test::BackToBack) {
            below("bursts of at most", self.back_to_back.longest, 2);
        }
        if has(Test::Recovery) {
            below("overload of", self.recovery.overload, 60);
        }
        if has(Test::Throughput) && self.throughput.search == Search::Mlr {
            found.push("throughput by MLRsearch, not by whole trials of 60 s".into());
        }
        if has(Test::Latency) && self.latency.repetitions < 20 {
            found.push(format!("{} repetitions of the latency test (standard: 20)", self.latency.repetitions));
        }
        if has(Test::BackToBack) && self.back_to_back.repetitions < 50 {
            found.push(format!("{} repetitions of back-to-back (standard: 50)", self.back_to_back.repetitions));
        }
        if has(Test::FrameLoss) && self.frame_loss_step > 10.0 {
            found.push(format!("frame loss in steps of {} % (standard: at most 10 %)", self.frame_loss_step));
        }
        if !self.trial.learn {
            found.push("no learning frames".into());
        }
        let missing = |size: &&u16| !self.frames.contains(&Frames::Size(**size));
        let missing: Vec<String> = SIZES.iter().filter(missing).map(u16::to_string).collect();
        if !missing.is_empty() {
            found.push(format!("no frames of {} bytes", missing.join(", ")));
        }
        found
    }
}

/// RFC 2544 section 9.1, Ethernet.
pub(crate) const SIZES: [u16; 7] = [64, 128, 256, 512, 1024, 1280, 1518];

/// "60 s", "0.25 s".
pub(crate) fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}
