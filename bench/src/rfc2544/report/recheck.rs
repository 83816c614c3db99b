//! Draws all conclusions of a report again, from the trials that it keeps, and tells where it says
//! otherwise.
use super::Report;
use serde_json::Value;

/// Where the conclusions of a report are not those of its trials; empty if none.
pub(crate) fn differences(report: &Report) -> anyhow::Result<Vec<String>> {
    let mut again = report.clone();
    again.conclude();
    let mut found = Vec::new();
    compare("headline", &Value::from(report.headline.as_str()), &Value::from(again.headline.as_str()), &mut found);
    compare("remarks", &serde_json::to_value(&report.remarks)?, &serde_json::to_value(&again.remarks)?, &mut found);
    compare("results", &serde_json::to_value(&report.results)?, &serde_json::to_value(&again.results)?, &mut found);
    for (i, trial) in report.trials.iter().enumerate() {
        if trial.number as usize != i + 1 {
            found.push(format!("trials[{i}]: number {}, where {} comes next", trial.number, i + 1));
        }
        for counts in trial.outcome.iter().flat_map(|o| &o.counts) {
            if counts.sent() != counts.received + counts.lost() {
                let (sent, received, lost) = (counts.sent(), counts.received, counts.lost());
                found.push(format!("trial {}: {sent} sent, but {received} received and {lost} lost", trial.number));
            }
            let groups: u64 = counts.groups.iter().map(|g| g.received).sum();
            let wrong = counts.groups.iter().any(|g| g.sent != g.received + g.lost) || groups != counts.received;
            if wrong && !counts.groups.is_empty() {
                found.push(format!("trial {}: its groups of flows do not add up", trial.number));
            }
        }
    }
    Ok(found)
}

fn compare(path: &str, kept: &Value, again: &Value, found: &mut Vec<String>) {
    match (kept, again) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|k| !a.contains_key(*k))) {
                let of = |m: &serde_json::Map<String, Value>| m.get(key).cloned().unwrap_or(Value::Null);
                compare(&format!("{path}.{key}"), &of(a), &of(b), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}[{i}]"), a, b, found);
            }
        }
        // A figure may lose its last bit when it is written and read.
        (Value::Number(a), Value::Number(b)) => {
            let (x, y) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            let near = (x - y).abs() <= 1e-9 * x.abs().max(y.abs());
            if !near {
                found.push(format!("{path}: the report has {a}, its trials give {b}"));
            }
        }
        _ if kept == again => (),
        _ => found.push(format!("{path}: the report has {kept}, its trials give {again}")),
    }
}
