//! Section 26.4 as RFC 9004 has it: the longest burst at full speed of which nothing is lost, and the
//! buffer that this implies.
use super::{Evidence, throughput};
use crate::rfc2544::record::{Step, Test};
use crate::rfc2544::search::burst::{Burst, Next};
use crate::rfc2544::search::totals;
use crate::rfc2544::session::{End, Session};
use crate::rfc2544::trial::{Frames, Length, Load, Phase, Stamps};
use serde::{Deserialize, Serialize};

/// Bursts of one frame size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Result {
    /// The longest burst of each repetition, in frames.
    pub(crate) bursts: Vec<u64>,
    /// Their mean, extremes, and sample standard deviation.
    pub(crate) mean: f64,
    pub(crate) min: u64,
    pub(crate) max: u64,
    pub(crate) deviation: f64,
    /// Whether a burst of the longest length that is tried lost nothing: then there is no limit to be
    /// found, and no buffer time.
    pub(crate) limited: bool,
    /// RFC 9004 section 6.4: mean burst / theoretical rate, in seconds.
    pub(crate) implied: Option<f64>,
    /// RFC 9004 section 6.4: what of it is the buffer's, as frames leave it while the burst comes.
    pub(crate) corrected: Option<f64>,
}

fn rules(e: &Evidence<'_>, frames: &Frames) -> Burst {
    let b = &e.profile.back_to_back;
    let longest = (e.highest(frames) * b.longest.as_secs_f64()).max(1.0) as u64;
    Burst { longest, width: b.width, attempts: b.attempts }
}

/// Lengths and whether nothing was lost, of one repetition.
fn bursts(e: &Evidence<'_>, frames: &Frames, repetition: u32) -> Vec<(u64, bool)> {
    let records = e.trials(Test::BackToBack, frames).filter(|r| r.step == Step::BackToBack { repetition });
    let burst = |r: &crate::rfc2544::record::Record| match r.offered.phases.as_slice() {
        [Phase { length: Length::Frames(n), .. }] => Some((*n, r.complete().is_some_and(|o| totals(o).1 == 0))),
        _ => None,
    };
    records.filter_map(burst).collect()
}

/// Searches, as often as the profile says. RFC 9004 section 6.1: not where the throughput is the
/// rate of the line, for there no burst can be too long.
pub(super) fn run(session: &mut Session<'_>, frames: &Frames) -> std::result::Result<(), End> {
    if super::rate(session, frames).is_none_or(|r| r >= session.highest(frames)) {
        return Ok(());
    }
    for repetition in 1..=session.profile.back_to_back.repetitions {
        loop {
            let e = Evidence {
                profile: session.profile,
                tester: &session.tester,
                ceilings: &session.ceilings,
                records: &session.records,
            };
            let Next::Try(n) = rules(&e, frames).decide(&bursts(&e, frames, repetition)) else { break };
            let phase = Phase { load: Load::FullSpeed, length: Length::Frames(n) };
            let offered = session.offered(frames, vec![phase], Stamps::Off);
            if session.run(Step::BackToBack { repetition }, offered, None)?.is_none() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The result, from the trials. `None` if no search came to its end.
pub(super) fn evaluate(e: &Evidence<'_>, frames: &Frames) -> Option<Result> {
    let rules = rules(e, frames);
    let (mut found, mut limited) = (Vec::new(), false);
    for repetition in 1..=e.profile.back_to_back.repetitions {
        let bursts = bursts(e, frames, repetition);
        if bursts.is_empty() {
            break;
        }
        if let Next::Done { frames, limited: l } = rules.decide(&bursts) {
            found.push(frames);
            limited |= l;
        }
    }
    let n = found.len() as f64;
    let (min, max) = (found.iter().copied().min()?, found.iter().copied().max()?);
    let mean = found.iter().map(|b| *b as f64).sum::<f64>() / n;
    let squares: f64 = found.iter().map(|b| (*b as f64 - mean).powi(2)).sum();
    let line = e.line(frames);
    let implied = (!limited).then_some(mean / line);
    let rate = throughput::evaluate(e, frames).and_then(|t| t.rate);
    let corrected = implied.and_then(|implied| Some(implied - implied * rate? / line));
    let deviation = if found.len() > 1 { (squares / (n - 1.0)).sqrt() } else { 0.0 };
    Some(Result { bursts: found, mean, min, max, deviation, limited, implied, corrected })
}
