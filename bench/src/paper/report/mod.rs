//! The report of the experiment: every run, and what follows from them. The JSON is the report; the others are made from it.
mod html;
mod markdown;
#[cfg(test)]
mod tests;

use super::record::{Delay, Flow, Function, Measured, Platform, Rate, Run, Subject, Workload};
use super::statistics::{Estimate, estimate};
use crate::rfc2544::report::environment::Environment;
use crate::rfc2544::report::save;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What the files are, and their version.
pub(super) const FORMAT: &str = "sluice-paper/1";

/// The experiment and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    /// [`FORMAT`].
    pub(super) format: String,
    /// The first line: how much was measured, and whether anything ran under emulation.
    pub(super) headline: String,
    /// Not everything was measured.
    pub(super) interrupted: bool,
    /// When it began, seconds since 1970.
    pub(super) began: u64,
    /// How long it took, seconds.
    pub(super) took: f64,
    pub(super) settings: Settings,
    /// Names and versions.
    pub(super) tools: Vec<(String, String)>,
    /// The machine.
    pub(super) environment: Environment,
    /// What is to be known before the figures are read.
    pub(super) remarks: Vec<String>,
    pub(super) devices: Vec<Tested>,
    pub(super) left_out: Vec<LeftOut>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) runs: u32,
    /// Of each run.
    pub(super) seconds: u32,
    /// Messages of the streams, bytes.
    pub(super) sizes: Vec<u32>,
    /// Whether the hosts hand over super-frames.
    pub(super) offloads: bool,
    /// What runs the guests' instructions, and why.
    pub(super) accelerator: String,
}

/// A device that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Tested {
    pub(super) subject: Subject,
    /// Its instructions were translated by a program.
    pub(super) emulated: bool,
    /// What it was.
    pub(super) facts: Vec<(String, String)>,
    /// Every run.
    pub(super) runs: Vec<Run>,
    /// Why it was left before all runs were made.
    pub(super) given_up: Option<String>,
    /// What follows from the runs.
    pub(super) results: Vec<Outcome>,
}

/// A workload through a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Outcome {
    pub(super) workload: Workload,
    /// Bits a second that arrived, or seconds from sending to the answer.
    pub(super) estimate: Option<Estimate>,
    /// Runs that failed.
    pub(super) failed: u32,
    /// Packets of flows that did not come back, of all runs.
    pub(super) dropped: u64,
}

/// A device that could not be measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct LeftOut {
    pub(super) subject: Subject,
    pub(super) why: String,
}

impl Tested {
    pub(super) fn new(subject: Subject, emulated: bool, facts: Vec<(String, String)>) -> Tested {
        Tested { subject, emulated, facts, runs: Vec::new(), given_up: None, results: Vec::new() }
    }

    fn outcome(&self, workload: Workload) -> Outcome {
        let runs = || self.runs.iter().filter(|r| r.workload == workload);
        let values = runs().filter_map(|r| r.outcome.as_ref().ok()).map(|m| match m {
            Measured::Rate(Rate { received, .. }) => *received,
            Measured::Delay(Delay { mean, .. }) => *mean,
        });
        let dropped = runs().map(|r| if let Ok(Measured::Delay(d)) = &r.outcome { d.dropped } else { 0 });
        Outcome {
            workload,
            estimate: estimate(&values.collect::<Vec<_>>()),
            failed: runs().filter(|r| r.outcome.is_err()).count() as u32,
            dropped: dropped.sum(),
        }
    }

    /// The result of a workload.
    fn result(&self, workload: Workload) -> Option<&Outcome> {
        self.results.iter().find(|r| r.workload == workload)
    }

    /// Its name, with a mark if it was emulated.
    fn name(&self) -> String {
        format!("{}{}", self.subject, if self.emulated { ", EMULATED" } else { "" })
    }
}

impl Report {
    /// The conclusions from what is kept: results, headline, remarks.
    pub(super) fn conclude(&mut self) {
        let workloads = self.settings.workloads();
        for device in &mut self.devices {
            device.results = workloads.iter().map(|w| device.outcome(*w)).collect();
        }
        self.headline = self.headline_found();
        self.remarks = self.remarks_found();
    }

    fn headline_found(&self) -> String {
        let s = &self.settings;
        let partial = if self.interrupted { "PARTIAL, interrupted. " } else { "" };
        let devices = self.devices.len();
        let emulated = self.devices.iter().filter(|d| d.emulated).count();
        let how = match emulated {
            0 => "none under emulation".to_owned(),
            n => format!("{n} UNDER EMULATION: compare within a hypervisor, not across"),
        };
        format!("{partial}{devices} devices, {} runs of {} s for each workload; {how}.", s.runs, s.seconds)
    }

    fn remarks_found(&self) -> Vec<String> {
        let s = &self.settings;
        let mut remarks = Vec::new();
        if s.runs < 30 {
            remarks.push(format!("The experiment has 30 runs, this one {}.", s.runs));
        }
        remarks.push(if s.offloads {
            "The hosts leave it to their interfaces to cut streams into packets (TSO): devices that can take packets of up to \
             64 KB."
                .into()
        } else {
            "The hosts send packets of wire size (no TSO, GSO or GRO): devices take every packet as from a cable.".into()
        });
        remarks.push("Messages are what the sender writes at once; TCP puts small ones together into segments.".into());
        if self.environment.emulated() {
            remarks.push("This machine is virtual: others may take its processors away at any time.".into());
        }
        let xen_full = |d: &Tested| {
            d.subject.function == Function::Full && matches!(d.subject.platform, Platform::XenPv | Platform::XenPvh)
        };
        if self.devices.iter().any(xen_full) {
            remarks.push("Under Xen, Sluice full uses packet sockets, too: DPDK has no driver for netfront.".into());
        }
        let given_up = self.devices.iter().filter_map(|d| Some((d, d.given_up.as_ref()?)));
        remarks.extend(given_up.map(|(d, why)| format!("Given up: {}: {why}.", d.name())));
        remarks.extend(self.left_out.iter().map(|l| format!("Left out: {}: {}.", l.subject, l.why)));
        remarks
    }

    /// Writes JSON, Markdown and HTML beside each other.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<Vec<PathBuf>> {
        let json = serde_json::to_string(self)? + "\n";
        save(path, &[("json", json), ("md", self.markdown()), ("html", html::page(self))])
    }
}
