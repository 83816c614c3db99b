//! Runs side by side, as ratios to the first.
use super::{Report, grouped, latency};
use crate::rfc2544::section26::Results;
use crate::rfc2544::trial::Frames;

/// A figure of a result that can be compared.
type Figure = (&'static str, fn(&Results) -> Option<f64>, fn(f64) -> String);

fn at_half(r: &Results, of: fn(&crate::rfc2544::section26::latency::AtLoad) -> u64) -> Option<f64> {
    r.latency.as_ref()?.loads.iter().find(|l| l.percent == 50.0 && l.count > 0).map(|l| of(l) as f64)
}

const FIGURES: &[Figure] = &[
    ("throughput, frames/s", |r| r.throughput.as_ref()?.rate, grouped),
    (
        "latency of tagged frames, mean",
        |r| r.latency.as_ref()?.tagged.as_ref().filter(|t| t.count > 0).map(|t| t.mean),
        latency,
    ),
    ("latency at 50 %, P50", |r| at_half(r, |l| l.p50), latency),
    ("latency at 50 %, P99", |r| at_half(r, |l| l.p99), latency),
    (
        "loss at the highest rate",
        |r| Some(r.frame_loss.as_ref()?.points.first()?.ratio),
        |r| format!("{:.3} %", 100.0 * r),
    ),
    ("back-to-back, frames", |r| r.back_to_back.as_ref().map(|b| b.mean), grouped),
    ("recovery", |r| r.recovery.as_ref().map(|r| r.time), super::duration),
    ("reset", |r| r.reset.as_ref()?.by_time, super::duration),
];

/// A table in Markdown. Frames that not all reports have are left out, and named.
pub(crate) fn table(reports: &[(String, Report)]) -> String {
    let mut text = String::from("# Side by side\n\n");
    for (i, (name, report)) in reports.iter().enumerate() {
        text += &format!("{}. {name}: {}; {}\n", i + 1, report.tester.device, report.headline);
    }
    let Some((_, first)) = reports.first() else { return text };
    text += "\nRatios are to run 1.\n\n| | frames |";
    (1..=reports.len()).for_each(|n| text += &format!(" run {n} |"));
    text += "\n|---|---|";
    reports.iter().for_each(|_| text += "---:|");
    text.push('\n');
    for (title, figure, show) in FIGURES {
        for results in &first.results {
            let values: Vec<Option<f64>> = reports.iter().map(|r| figure(find(&r.1, &results.frames)?)).collect();
            if values.iter().all(Option::is_none) {
                continue;
            }
            text += &format!("| {title} | {} |", results.frames.name());
            let base = values.first().copied().flatten();
            for (i, value) in values.iter().enumerate() {
                text += &match (value, base) {
                    (None, _) => " - |".to_owned(),
                    (Some(v), Some(base)) if i > 0 && base > 0.0 => format!(" {} ({:.3} x) |", show(*v), v / base),
                    (Some(v), _) => format!(" {} |", show(*v)),
                };
            }
            text.push('\n');
        }
    }
    let missing = reports.iter().flat_map(|r| &r.1.results).filter(|r| find(first, &r.frames).is_none());
    let mut missing: Vec<String> = missing.map(|r| r.frames.name()).collect();
    missing.sort();
    missing.dedup();
    if !missing.is_empty() {
        text += &format!("\nNot in run 1: frames of {}.\n", missing.join(", "));
    }
    text
}

fn find<'a>(report: &'a Report, frames: &Frames) -> Option<&'a Results> {
    report.results.iter().find(|r| r.frames == *frames)
}
