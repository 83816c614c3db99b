//! The six tests of RFC 2544 section 26. Each file has two halves: `run` makes trials, `evaluate`
//! turns the trials that were kept into the result, and needs nothing else.
pub(crate) mod back_to_back;
pub(crate) mod frame_loss;
pub(crate) mod latency;
pub(crate) mod recovery;
pub(crate) mod reset;
pub(crate) mod throughput;

use super::profile::Profile;
use super::record::{Record, Test};
use super::search::totals;
use super::session::{Ceiling, End, Session, highest, line_bits};
use super::trial::{Fault, Frames, Reset, Tester};
use serde::{Deserialize, Serialize};

/// What a result is made of.
pub(crate) struct Evidence<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) tester: &'a Tester,
    pub(crate) ceilings: &'a [Ceiling],
    pub(crate) records: &'a [Record],
}

impl Evidence<'_> {
    /// Frames a second that fill the line.
    pub(crate) fn line(&self, frames: &Frames) -> f64 {
        frames.line(line_bits(self.profile, self.tester))
    }

    fn ceiling(&self, frames: &Frames) -> Option<f64> {
        self.ceilings.iter().find(|c| c.frames == *frames)?.rate
    }

    fn highest(&self, frames: &Frames) -> f64 {
        highest(self.line(frames), self.ceiling(frames))
    }

    /// Trials of a test of these frames that came to their end.
    fn trials<'r>(&'r self, test: Test, frames: &'r Frames) -> impl Iterator<Item = &'r Record> {
        self.records.iter().filter(move |r| r.is(test, frames) && r.complete().is_some())
    }
}

/// All results of one frame size or mix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Results {
    /// Which frames.
    pub(crate) frames: Frames,
    /// Frames a second that fill the line: the theoretical maximum.
    pub(crate) line: f64,
    /// The tester's own ceiling, frames a second.
    pub(crate) ceiling: Option<f64>,
    /// 26.1
    pub(crate) throughput: Option<throughput::Result>,
    /// 26.2
    pub(crate) latency: Option<latency::Result>,
    /// 26.3
    pub(crate) frame_loss: Option<frame_loss::Result>,
    /// 26.4
    pub(crate) back_to_back: Option<back_to_back::Result>,
    /// 26.5
    pub(crate) recovery: Option<recovery::Result>,
    /// 26.6
    pub(crate) reset: Option<reset::Result>,
    /// What else the trials show: duplicates, frames out of order, contradictions.
    pub(crate) remarks: Vec<String>,
}

/// Makes all tests of the profile.
pub(crate) fn run(session: &mut Session<'_>, reset: Option<&mut dyn Reset>) -> Result<(), End> {
    let mut reset = reset;
    let all = session.profile.frames.clone();
    for frames in &all {
        session.find_ceiling(frames);
    }
    for test in session.profile.tests.clone() {
        for frames in &all {
            match test {
                Test::Throughput => throughput::run(session, frames)?,
                Test::Latency => latency::run(session, frames)?,
                Test::FrameLoss => frame_loss::run(session, frames)?,
                Test::BackToBack => back_to_back::run(session, frames)?,
                Test::Recovery => recovery::run(session, frames)?,
                Test::Reset => {
                    if let Some(reset) = reset.as_mut().filter(|_| Some(frames) == smallest(&all)) {
                        reset::run(session, frames, &mut **reset)?;
                    }
                }
            }
            session.tested(test, frames);
        }
    }
    Ok(())
}

/// The frames of the reset test (section 26.6): the smallest.
pub(crate) fn smallest(all: &[Frames]) -> Option<&Frames> {
    all.iter().min_by(|a, b| a.mean().total_cmp(&b.mean()))
}

/// All results, from the trials alone.
pub(crate) fn evaluate(e: &Evidence<'_>) -> Vec<Results> {
    let each = e.profile.frames.iter().map(|frames| Results {
        frames: frames.clone(),
        line: e.line(frames),
        ceiling: e.ceiling(frames),
        throughput: throughput::evaluate(e, frames),
        latency: latency::evaluate(e, frames),
        frame_loss: frame_loss::evaluate(e, frames),
        back_to_back: back_to_back::evaluate(e, frames),
        recovery: recovery::evaluate(e, frames),
        reset: reset::evaluate(e, frames),
        remarks: remarks(e, frames),
    });
    each.collect()
}

/// The throughput so far.
fn rate(session: &Session<'_>, frames: &Frames) -> Option<f64> {
    let e = Evidence {
        profile: session.profile,
        tester: &session.tester,
        ceilings: &session.ceilings,
        records: &session.records,
    };
    throughput::evaluate(&e, frames)?.rate
}

/// Whether the tester has refused such frames.
fn refused(session: &Session<'_>, frames: &Frames) -> bool {
    session.records.iter().any(|r| r.offered.frames == *frames && matches!(r.fault, Some(Fault::Refused(_))))
}

fn remarks(e: &Evidence<'_>, frames: &Frames) -> Vec<String> {
    let mut remarks = Vec::new();
    let records = || e.records.iter().filter(|r| r.offered.frames == *frames);
    for record in records() {
        if let Some(Fault::Refused(why)) = &record.fault {
            remarks.push(format!("the tester refused trial {}: {why}", record.number));
        }
    }
    let counts = || records().filter_map(|r| r.outcome.as_ref()).flat_map(|o| &o.counts);
    let sums: [(&str, u64); 5] = [
        ("arrived more than once", counts().map(|c| c.duplicated).sum()),
        ("arrived out of order", counts().map(|c| c.reordered).sum()),
        ("arrived with a wrong checksum", counts().map(|c| c.corrupted).sum()),
        ("came back where they were sent", counts().map(|c| c.returned).sum()),
        ("arrived that were not of the trial", counts().map(|c| c.foreign).sum()),
    ];
    remarks.extend(sums.iter().filter(|s| s.1 > 0).map(|(what, n)| format!("{n} frames {what}")));
    remarks.extend(unanswered(records()));
    remarks.extend(not_monotonic(e, frames));
    remarks
}

/// Management queries, if there were some.
fn unanswered<'a>(records: impl Iterator<Item = &'a Record>) -> Option<String> {
    let queries = records.filter_map(|r| r.outcome.as_ref()?.queries);
    let (asked, answered) = queries.fold((0, 0), |(asked, answered), q| (asked + q.asked, answered + q.answered));
    (asked > 0).then(|| format!("{answered} of {asked} management queries were answered"))
}

/// A throughput above a rate that lost frames at every trial.
fn not_monotonic(e: &Evidence<'_>, frames: &Frames) -> Option<String> {
    let rate = throughput::evaluate(e, frames)?.rate?;
    let below = e.records.iter().filter(|r| r.offered.frames == *frames && r.step != super::record::Step::Throughput);
    let measured = below.filter_map(|r| {
        let m = super::search::Measured::of(&r.offered, r.complete()?, e.profile.trial.tolerance)?;
        (m.reached && m.load < rate * (1.0 - e.profile.throughput.width)).then_some((r, m))
    });
    let loser = measured.filter(|(_, m)| m.loss > 0.0).max_by(|a, b| a.1.loss.total_cmp(&b.1.loss))?;
    let (record, m) = loser;
    let lost = record.outcome.as_ref().map_or(0, |o| totals(o).1);
    Some(format!(
        "not monotonic: {lost} frames were lost at {:.0} frames/s (trial {}), none at the throughput of {rate:.0}",
        m.load, record.number
    ))
}
