//! The tester against simulated devices whose answers are known: everything but the frames.
mod devices;
mod profiles;
mod reports;

use super::command::measure;
use super::profile::{Profile, Search};
use super::record::{Record, Step, Test};
use super::report::Report;
use super::section26::Results;
use super::session::Watch;
use super::sim::Simulation;
use super::sim::catalogue::simulation;
use super::trial::{Frames, Offered};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Sees nothing; or stops the run after some trials.
#[derive(Default)]
struct Silent<'a> {
    stop: Option<(&'a AtomicBool, u32)>,
}

impl Watch for Silent<'_> {
    fn begins(&mut self, _: Step, _: &Offered, _: Duration) {}
    fn ended(&mut self, record: &Record) {
        if let Some((stop, after)) = self.stop {
            stop.store(record.number >= after, Ordering::Relaxed);
        }
    }
    fn tested(&mut self, _: Test, _: &Frames) {}
}

/// The full profile, with these tests and sizes, and few enough repetitions.
fn profile(tests: &[Test], sizes: &[u16]) -> Profile {
    let mut profile = Profile::load("full").unwrap();
    profile.tests = tests.to_vec();
    profile.frames = sizes.iter().map(|s| Frames::Size(*s)).collect();
    profile.back_to_back.repetitions = 3;
    profile
}

fn run_on(simulation: &mut Simulation, profile: &Profile) -> Report {
    let mut reset = simulation.resetter();
    measure(simulation, Some(&mut reset), profile, &AtomicBool::new(false), &mut Silent::default())
}

/// A device of the catalogue, tested.
fn run(name: &str, profile: &Profile) -> Report {
    run_on(&mut simulation(name).unwrap(), profile)
}

fn only(report: &Report) -> &Results {
    assert_eq!(report.results.len(), 1);
    &report.results[0]
}

fn rules(search: Search, profile: &Profile) -> Profile {
    let mut profile = profile.clone();
    profile.throughput.search = search;
    profile.throughput.attempts = if search == Search::Verified { 2 } else { 1 };
    profile
}

const SEARCHES: [Search; 3] = [Search::Binary, Search::Verified, Search::Mlr];
