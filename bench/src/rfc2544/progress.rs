//! The live line on standard error: test, frame size, trial, rate, and the time that is left.
use super::profile::{Profile, Search};
use super::record::{Record, Step, Test};
use super::section26::smallest;
use super::session::Watch;
use super::trial::{Frames, Load, Offered};
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

/// How long one test of one frame size should take, at worst where it depends on the device, for
/// frames of which the line takes `line` a second. Good for a line of progress, no more.
pub(crate) fn estimate(profile: &Profile, test: Test, line: f64) -> Duration {
    let (t, p) = (&profile.trial, &profile.throughput);
    let waits = t.late + t.settle;
    match test {
        Test::Throughput => {
            // The bounds' ratio is rooted with each trial, from lowest : 1 to 1 - width : 1.
            let steps = ((1.0 / p.lowest).ln() / p.width.max(1e-6)).log2().ceil().max(1.0) as u32;
            let trials = steps + 2;
            if p.search == Search::Mlr {
                let classify = (p.sum.as_secs_f64() / p.last.as_secs_f64()).ceil().max(1.0) as u32;
                let goals = p.loss_ratios.len() as u32;
                return (p.last + waits) * (trials + 2 * classify) * goals;
            }
            // Half of the rates lose.
            let trials = trials + (trials / 2) * (p.attempts - 1) + u32::from(p.half);
            (t.time + waits) * trials
        }
        Test::Latency => {
            let l = &profile.latency;
            (l.stream + waits) * l.repetitions + (t.time + waits) * l.loads.len() as u32
        }
        Test::FrameLoss => {
            let steps = (100.0 / profile.frame_loss_step).ceil();
            let halvings = (profile.frame_loss_step / (100.0 * p.lowest)).log2().max(0.0).ceil();
            (t.time + waits) * (steps + halvings) as u32
        }
        Test::BackToBack => {
            let b = &profile.back_to_back;
            let longest = (line * b.longest.as_secs_f64()).max(2.0);
            let steps = (longest.ln() / b.width.max(1e-4)).log2().ceil().max(1.0) as u32;
            let trials = steps + 2 + (steps / 2) * (b.attempts - 1);
            (b.longest / 4 + waits) * trials * b.repetitions
        }
        Test::Recovery => profile.recovery.overload + profile.recovery.after + waits,
        Test::Reset => (profile.reset.time + waits) * profile.reset.repetitions,
    }
}

/// Tells a person.
pub(crate) struct Progress {
    /// What is still to be done, and its estimate.
    left: Vec<(Test, Frames, Duration)>,
    /// Spent on the first of them.
    spent: Duration,
    trial: u32,
    terminal: bool,
    width: usize,
}

impl Progress {
    pub(crate) fn new(profile: &Profile, line_bits: f64) -> Progress {
        let mut left = Vec::new();
        for test in &profile.tests {
            for frames in &profile.frames {
                if *test != Test::Reset || smallest(&profile.frames) == Some(frames) {
                    left.push((*test, frames.clone(), estimate(profile, *test, frames.line(line_bits))));
                }
            }
        }
        Progress { left, spent: Duration::ZERO, trial: 0, terminal: std::io::stderr().is_terminal(), width: 0 }
    }

    /// The time that all should take from now on.
    pub(crate) fn remaining(&self) -> Duration {
        let all: Duration = self.left.iter().map(|l| l.2).sum();
        let first = self.left.first().map_or(Duration::ZERO, |l| l.2);
        all.saturating_sub(self.spent.min(first))
    }

    /// The line, for a trial that begins.
    fn line(&self, step: Step, offered: &Offered) -> String {
        let rate = match offered.phases.first().map(|p| p.load) {
            Some(Load::Rate(rate)) => format!("{} frames/s", super::report::grouped(rate)),
            _ => "full speed".to_owned(),
        };
        let left = self.remaining().as_secs();
        let left = match left {
            s if s >= 7200 => format!("{} h", s / 3600),
            s if s >= 120 => format!("{} min", s / 60),
            s => format!("{s} s"),
        };
        let frames = offered.frames.name();
        format!("{step}; frames of {frames}; trial {}; {rate}; about {left} left", self.trial)
    }

    /// Ends the live line.
    pub(crate) fn end(&mut self) {
        if self.terminal && self.width > 0 {
            let _ = writeln!(std::io::stderr());
        }
    }
}

impl Watch for Progress {
    fn begins(&mut self, step: Step, offered: &Offered, _: Duration) {
        self.trial += 1;
        let line = self.line(step, offered);
        let mut to = std::io::stderr();
        // Elsewhere than on a terminal a line a trial would bury what matters.
        if self.terminal {
            let _ = write!(to, "\r{line:<width$}", width = self.width);
            let _ = to.flush();
            self.width = line.len();
        }
    }

    fn ended(&mut self, record: &Record) {
        self.spent += record.offered.expected(1e9);
    }

    fn tested(&mut self, test: Test, frames: &Frames) {
        let before = self.left.len();
        self.left.retain(|l| !(l.0 == test && l.1 == *frames));
        self.spent = Duration::ZERO;
        if !self.terminal && self.left.len() < before {
            eprintln!("{}, frames of {}: done; {} trials so far", test.name(), frames.name(), self.trial);
        }
    }
}
