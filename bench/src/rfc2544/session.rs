//! Makes trials one after another, keeps every one, and finds out when there is no point in going on.
use super::profile::Profile;
use super::record::{Record, Step};
use super::trial::{Control, Event, Fault, Frames, Length, Load, Offered, Phase, Stamps, Tester, Trial};
use serde::{Deserialize, Serialize};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "end", content = "why")]
pub(crate) enum End {
    /// All tests of the profile were made.
    Complete,
    /// Someone stopped it.
    Interrupted,
    /// A port of the tester failed.
    Port(String),
    /// The device died.
    Died(String),
}

/// Who is told what happens.
pub(crate) trait Watch {
    /// A trial begins, and should take so long.
    fn begins(&mut self, step: Step, offered: &Offered, expected: Duration);
    /// A trial has ended.
    fn ended(&mut self, record: &Record);
    /// All of a test of these frames is done.
    fn tested(&mut self, test: super::record::Test, frames: &Frames);
}

/// A run.
pub(crate) struct Session<'a> {
    trial: &'a mut dyn Trial,
    stop: &'a AtomicBool,
    watch: &'a mut dyn Watch,
    clock: &'a dyn Fn() -> Duration,
    /// How it is tested.
    pub(crate) profile: &'a Profile,
    /// Who tests.
    pub(crate) tester: Tester,
    /// Every trial so far.
    pub(crate) records: Vec<Record>,
    /// What the tester itself can do, for each frames of the profile.
    pub(crate) ceilings: Vec<Ceiling>,
}

/// The tester's own ceiling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ceiling {
    /// For these frames.
    pub(crate) frames: Frames,
    /// Frames a second in each direction; `None` where it is not known.
    pub(crate) rate: Option<f64>,
}

/// Bits a second that are assumed where neither ports nor profile have a line rate.
pub(crate) const ASSUMED_LINE: f64 = 10e9;

/// Bits a second of the line of a run.
pub(crate) fn line_bits(profile: &Profile, tester: &Tester) -> f64 {
    profile.line.or(tester.line).unwrap_or(ASSUMED_LINE)
}

impl<'a> Session<'a> {
    /// A run by this tester. `clock` tells the time since the begin of the run.
    pub(crate) fn new(
        trial: &'a mut dyn Trial,
        profile: &'a Profile,
        stop: &'a AtomicBool,
        watch: &'a mut dyn Watch,
        clock: &'a dyn Fn() -> Duration,
    ) -> Session<'a> {
        let tester = trial.tester();
        Session { trial, stop, watch, clock, profile, tester, records: Vec::new(), ceilings: Vec::new() }
    }

    /// Frames a second that fill the line.
    pub(crate) fn line(&self, frames: &Frames) -> f64 {
        frames.line(line_bits(self.profile, &self.tester))
    }

    /// The highest rate that is worth a trial: that of the line, or what the tester can do.
    pub(crate) fn highest(&self, frames: &Frames) -> f64 {
        let ceiling = self.ceilings.iter().find(|c| c.frames == *frames).and_then(|c| c.rate);
        highest(self.line(frames), ceiling)
    }

    /// Asks the tester for its ceiling with these frames.
    pub(crate) fn find_ceiling(&mut self, frames: &Frames) {
        let phase = Phase { load: Load::FullSpeed, length: Length::Time(Duration::from_secs(1)) };
        let offered = self.offered(frames, vec![phase], Stamps::Off);
        let rate = self.trial.ceiling(&offered, &mut Control::new(self.stop)).filter(|r| r.is_finite() && *r > 0.0);
        self.ceilings.push(Ceiling { frames: frames.clone(), rate });
    }

    /// A trial of the profile with these phases.
    pub(crate) fn offered(&self, frames: &Frames, phases: Vec<Phase>, stamps: Stamps) -> Offered {
        Offered {
            frames: frames.clone(),
            traffic: self.profile.traffic.clone(),
            directions: self.profile.directions,
            phases,
            stamps,
            learn: self.profile.trial.learn,
            late: self.profile.trial.late,
            settle: self.profile.trial.settle,
        }
    }

    /// Makes a trial and keeps it. `None`: the tester refused it.
    ///
    /// A device that was silent is asked once more for the least that it forwarded before: if it is
    /// silent again, it has died.
    pub(crate) fn run(
        &mut self,
        step: Step,
        offered: Offered,
        event: Option<Event<'_>>,
    ) -> Result<Option<&Record>, End> {
        let made = self.records.len();
        self.make(step, offered, event)?;
        if self.records.get(made).is_some_and(silent)
            && let Some(earlier) = self.known_to_work(made)
        {
            self.make(Step::Alive, earlier, None)?;
            if self.records.last().is_some_and(silent) {
                let why = "nothing comes out any more, not even at a rate that was forwarded before";
                return Err(End::Died(why.into()));
            }
        }
        Ok(self.records.get(made).filter(|r| r.complete().is_some()))
    }

    fn make(&mut self, step: Step, offered: Offered, event: Option<Event<'_>>) -> Result<(), End> {
        let mut event = event;
        let event = event.as_mut().map(|e| Event { at: e.at, act: &mut *e.act });
        let mut control = Control { stop: self.stop, event };
        if control.stopped() {
            return Err(End::Interrupted);
        }
        self.watch.begins(step, &offered, offered.expected(self.line(&offered.frames)));
        let begun = (self.clock)();
        let (outcome, fault) = match self.trial.run(&offered, &mut control) {
            Ok(outcome) => (Some(outcome), None),
            Err(failure) => (failure.so_far, Some(failure.fault)),
        };
        let number = self.records.len() as u32 + 1;
        let record = Record { number, begun, step, offered, outcome, fault: fault.clone() };
        self.watch.ended(&record);
        self.records.push(record);
        match fault {
            None | Some(Fault::Refused(_)) => Ok(()),
            Some(Fault::Port(why)) => Err(End::Port(why)),
            Some(Fault::Died(why)) => Err(End::Died(why)),
            Some(Fault::Interrupted) => Err(End::Interrupted),
        }
    }

    /// The least load of an earlier trial of which something came out.
    fn known_to_work(&self, before: usize) -> Option<Offered> {
        let load = |o: &Offered| match o.phases.as_slice() {
            [Phase { load: Load::Rate(rate), .. }] => Some(*rate),
            _ => None,
        };
        let frames = self.records.get(before).map(|r| &r.offered.frames)?;
        let earlier = self.records.iter().take(before).filter(|r| r.offered.frames == *frames);
        let works = earlier.filter(|r| r.complete().is_some() && !silent(r));
        works
            .filter_map(|r| Some((load(&r.offered)?, r)))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, r)| r.offered.clone())
    }

    /// All of a test of these frames is done.
    pub(crate) fn tested(&mut self, test: super::record::Test, frames: &Frames) {
        self.watch.tested(test, frames);
    }
}

/// The highest rate that is worth a trial.
pub(crate) fn highest(line: f64, ceiling: Option<f64>) -> f64 {
    ceiling.map_or(line, |c| c.min(line))
}

/// Whether frames were sent and none arrived.
fn silent(record: &Record) -> bool {
    record.complete().is_some_and(|o| o.counts.iter().all(|c| c.received == 0 && c.sent() > 0))
}
