//! Section 26.5: how long a device goes on losing frames after an overload.
use super::throughput::at_rate;
use super::{Evidence, throughput};
use crate::rfc2544::record::{Step, Test};
use crate::rfc2544::session::{End, Session};
use crate::rfc2544::trial::{Frames, Load, Stamps};
use serde::{Deserialize, Serialize};

/// The recovery of one frame size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Result {
    /// The rate of the overload, frames a second in each direction.
    pub(crate) overload: f64,
    /// Frames lost in the overload. 0: it was none, and the recovery says nothing.
    pub(crate) lost_in_overload: u64,
    /// Frames lost afterwards.
    pub(crate) lost_after: u64,
    /// From the end of the overload to when the last lost frame was sent, in seconds, of the slower
    /// direction; 0 if none was lost any more.
    pub(crate) time: f64,
    /// Whether frames were lost to the very end: the device has not recovered.
    pub(crate) never: bool,
}

/// Overloads it. Section 26.5: 110 % of the throughput, or the rate of the line if that is lower.
pub(super) fn run(session: &mut Session<'_>, frames: &Frames) -> std::result::Result<(), End> {
    let Some(rate) = super::rate(session, frames) else { return Ok(()) };
    let overload = (1.1 * rate).min(session.highest(frames));
    let r = &session.profile.recovery;
    let phases = vec![at_rate(overload, r.overload), at_rate(overload / 2.0, r.after)];
    session.run(Step::Recovery, session.offered(frames, phases, Stamps::Off), None)?;
    Ok(())
}

/// The result, from the trial. `None` if there was none.
pub(super) fn evaluate(e: &Evidence<'_>, frames: &Frames) -> Option<Result> {
    throughput::evaluate(e, frames)?;
    let record = e.trials(Test::Recovery, frames).last()?;
    let Load::Rate(overload) = record.offered.phases.first()?.load else { return None };
    let counts = &record.complete()?.counts;
    let lost = |phase: usize| counts.iter().filter_map(|c| Some(c.phases.get(phase)?.lost)).sum::<u64>();
    let time = |c: &crate::rfc2544::trial::Counts| {
        let (first, second) = (c.phases.first()?.took, c.phases.get(1)?.took);
        let time = c.last_lost?.saturating_sub(first).as_secs_f64();
        Some((time, time >= 0.99 * second.as_secs_f64()))
    };
    let times: Vec<(f64, bool)> = counts.iter().filter_map(time).collect();
    Some(Result {
        overload,
        lost_in_overload: lost(0),
        lost_after: lost(1),
        time: times.iter().map(|t| t.0).fold(0.0, f64::max),
        never: times.iter().any(|t| t.1),
    })
}
