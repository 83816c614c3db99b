//! Section 26.6 as RFC 6201 has it: how long a device does not forward when it is reset, at the
//! throughput of the smallest frames.
use super::Evidence;
use super::throughput::at_rate;
use crate::rfc2544::record::{Step, Test};
use crate::rfc2544::session::{End, Session};
use crate::rfc2544::trial::{Counts, Event, Frames, Reset, Stamps};
use serde::{Deserialize, Serialize};

/// All resets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Result {
    /// One for each repetition.
    pub(crate) resets: Vec<One>,
    /// Means over those after which the device came back, in seconds; by time stamps, and by frames lost.
    pub(crate) by_time: Option<f64>,
    pub(crate) by_loss: Option<f64>,
}

/// One reset; of two directions, the longer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct One {
    /// Whether frames arrived again before the trial was over.
    pub(crate) back: bool,
    /// RFC 6201, time-stamp method: from the last frame before to the first after, in seconds.
    pub(crate) by_time: f64,
    /// RFC 6201, frame-loss method: frames lost / rate, in seconds.
    pub(crate) by_loss: f64,
    /// Frames lost.
    pub(crate) lost: u64,
}

/// Resets, as often as the profile says.
pub(super) fn run(session: &mut Session<'_>, frames: &Frames, reset: &mut dyn Reset) -> std::result::Result<(), End> {
    let Some(rate) = super::rate(session, frames) else { return Ok(()) };
    let times = &session.profile.reset;
    for repetition in 1..=times.repetitions {
        let offered = session.offered(frames, vec![at_rate(rate, times.time)], Stamps::Off);
        let event = Event { at: times.at, act: &mut *reset };
        session.run(Step::Reset { repetition }, offered, Some(event))?;
    }
    Ok(())
}

/// The result, from the trials. `None` if there were none.
pub(super) fn evaluate(e: &Evidence<'_>, frames: &Frames) -> Option<Result> {
    let resets: Vec<One> = e
        .trials(Test::Reset, frames)
        .filter_map(|r| {
            let each: Vec<One> =
                r.complete()?.counts.iter().map(|c| one(c, e.profile.reset.at.as_secs_f64())).collect();
            each.into_iter().reduce(|a, b| if (!b.back, b.by_time) > (!a.back, a.by_time) { b } else { a })
        })
        .collect();
    if resets.is_empty() {
        return None;
    }
    let back: Vec<&One> = resets.iter().filter(|r| r.back).collect();
    let mean =
        |of: fn(&One) -> f64| (!back.is_empty()).then(|| back.iter().map(|r| of(r)).sum::<f64>() / back.len() as f64);
    Some(Result { by_time: mean(|r| r.by_time), by_loss: mean(|r| r.by_loss), resets })
}

fn one(c: &Counts, at: f64) -> One {
    let took: f64 = c.phases.iter().map(|p| p.took.as_secs_f64()).sum();
    let lost = c.lost();
    let by_loss = if c.sent() > 0 { lost as f64 / (c.sent() as f64 / took) } else { took };
    // It came back if frames arrived after the reset, and not every later one was lost.
    let lost_to_the_end = c.last_lost.is_some_and(|t| t.as_secs_f64() >= 0.999 * took);
    let gap = c.gap.map(|g| (g.to.saturating_sub(g.from)).as_secs_f64());
    let back = gap.is_some() && !(lost_to_the_end && by_loss >= 0.99 * (took - at));
    One { back, by_time: gap.filter(|_| back).unwrap_or(took - at), by_loss, lost }
}
