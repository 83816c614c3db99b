//! Section 26.3: which share of the frames is lost, from the highest rate down in steps until two
//! trials in a row lose none. Below the last step rates are halved, for devices much slower than the line.
use super::Evidence;
use super::throughput::at_rate;
use crate::rfc2544::record::{Step, Test};
use crate::rfc2544::search::{reached, totals};
use crate::rfc2544::session::{End, Session};
use crate::rfc2544::trial::{Frames, Stamps};
use serde::{Deserialize, Serialize};

/// The loss curve of one frame size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Result {
    /// From the highest rate down.
    pub(crate) points: Vec<Point>,
    /// Whether two trials in a row lost nothing. Otherwise nothing came out, the lowest rate was reached,
    /// or the run ended.
    pub(crate) complete: bool,
}

/// One trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Point {
    /// Per cent of the highest rate.
    pub(crate) percent: f64,
    /// Frames a second that were asked for in each direction.
    pub(crate) rate: f64,
    /// Frames sent and lost, all directions.
    pub(crate) sent: u64,
    pub(crate) lost: u64,
    /// Section 26.3: `(sent - received) / sent`; 1 if none was sent.
    pub(crate) ratio: f64,
    /// Whether the tester really sent at that rate.
    pub(crate) reached: bool,
}

/// Goes down.
pub(super) fn run(session: &mut Session<'_>, frames: &Frames) -> std::result::Result<(), End> {
    let (highest, step) = (session.highest(frames), session.profile.frame_loss_step);
    let lowest = 100.0 * session.profile.throughput.lowest;
    let (mut clean, mut n, mut percent, mut forwards) = (0, 0, 100.0, false);
    while clean < 2 && percent >= lowest && !super::refused(session, frames) {
        let phase = at_rate(highest * percent / 100.0, session.profile.trial.time);
        let offered = session.offered(frames, vec![phase], Stamps::Off);
        let record = session.run(Step::FrameLoss { percent }, offered, None)?;
        let (sent, lost) = record.and_then(|r| r.complete()).map_or((1, 1), totals);
        forwards |= lost < sent;
        clean = if lost == 0 { clean + 1 } else { 0 };
        n += 1;
        let next = 100.0 - step * f64::from(n);
        if next < step / 2.0 && !forwards {
            break; // it never will
        }
        percent = if next < step / 2.0 { percent / 2.0 } else { next };
    }
    Ok(())
}

/// The curve, from the trials. `None` if there were none.
pub(super) fn evaluate(e: &Evidence<'_>, frames: &Frames) -> Option<Result> {
    let points: Vec<Point> = e
        .trials(Test::FrameLoss, frames)
        .filter_map(|r| {
            let (Step::FrameLoss { percent }, Some(o)) = (r.step, r.complete()) else { return None };
            let (sent, lost) = totals(o);
            let ratio = if sent > 0 { lost as f64 / sent as f64 } else { 1.0 };
            let reached = reached(&r.offered, o, e.profile.trial.tolerance);
            Some(Point { percent, rate: e.highest(frames) * percent / 100.0, sent, lost, ratio, reached })
        })
        .collect();
    let complete = points.len() >= 2 && points.iter().rev().take(2).all(|p| p.lost == 0);
    (!points.is_empty()).then_some(Result { points, complete })
}
