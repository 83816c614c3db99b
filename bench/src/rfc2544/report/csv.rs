//! The report for spreadsheets (RFC 4180): one file of results, one of trials. Rates are frames a
//! second in each direction, latencies nanoseconds, other times seconds.
use super::Report;

/// A field, in quotes where it needs them.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

fn row(fields: &[String]) -> String {
    fields.iter().map(|f| field(f)).collect::<Vec<_>>().join(",") + "\r\n"
}

fn some<T: ToString>(value: Option<T>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

/// One row for each frame size and figure; the first says whether the run was by the standard.
pub(crate) fn results(report: &Report) -> String {
    let mut text = row(&["frames".into(), "test".into(), "figure".into(), "value".into(), "remark".into()]);
    text += &row(&["".into(), "".into(), "headline".into(), report.headline.clone(), "".into()]);
    for r in &report.results {
        let name = r.frames.name();
        let mut say = |test: &str, figure: &str, value: String, remark: &str| {
            text += &row(&[name.clone(), test.into(), figure.into(), value, remark.into()]);
        };
        say("", "line rate", r.line.to_string(), "");
        say("", "tester's ceiling", some(r.ceiling), "");
        if let Some(t) = &r.throughput {
            say("throughput", "rate", some(t.rate), t.mark.text());
            say("throughput", "share of line", some(t.share), "");
            say("throughput", "bits/s", some(t.bits), "");
            say("throughput", "verdict", t.verdict.clone(), "");
            for b in &t.bounds {
                let goal = format!("loss ratio {}: ", b.loss);
                say("throughput", &format!("{goal}lower bound"), some(b.lower), "");
                say("throughput", &format!("{goal}upper bound"), some(b.upper), "");
                say("throughput", &format!("{goal}forwarded"), some(b.forwarded), "");
            }
        }
        if let Some(l) = &r.latency {
            if let Some(t) = &l.tagged {
                say("latency", "tagged frames that arrived", t.count.to_string(), "");
                say("latency", "tagged mean", t.mean.to_string(), "");
                say("latency", "tagged min", t.min.to_string(), "");
                say("latency", "tagged max", t.max.to_string(), "");
            }
            for at in &l.loads {
                let all = [
                    ("min", at.min),
                    ("p50", at.p50),
                    ("p90", at.p90),
                    ("p99", at.p99),
                    ("p99.9", at.p999),
                    ("max", at.max),
                    ("lost", at.lost),
                ];
                for (figure, value) in all {
                    say("latency", &format!("{figure} at {} %", at.percent), value.to_string(), "");
                }
                for g in &at.groups {
                    for (figure, value) in [("p50", g.p50), ("p99", g.p99), ("max", g.max), ("lost", g.lost)] {
                        let figure = format!("{figure} at {} %, group {}", at.percent, g.group);
                        say("latency", &figure, value.to_string(), "");
                    }
                }
            }
        }
        for p in r.frame_loss.iter().flat_map(|f| &f.points) {
            let remark = if p.reached { "" } else { "the tester did not reach this rate" };
            say("frame-loss", &format!("loss ratio at {} %", p.percent), p.ratio.to_string(), remark);
        }
        if let Some(b) = &r.back_to_back {
            let remark = if b.limited { "the longest burst that was tried" } else { "" };
            say("back-to-back", "mean", b.mean.to_string(), remark);
            say("back-to-back", "min", b.min.to_string(), "");
            say("back-to-back", "max", b.max.to_string(), "");
            say("back-to-back", "standard deviation", b.deviation.to_string(), "");
            say("back-to-back", "implied buffer time", some(b.implied), "");
            say("back-to-back", "corrected buffer time", some(b.corrected), "");
        }
        if let Some(x) = &r.recovery {
            say("recovery", "time", x.time.to_string(), if x.never { "lost frames to the end" } else { "" });
        }
        if let Some(x) = &r.reset {
            say("reset", "time by time stamps", some(x.by_time), "");
            say("reset", "time by frame loss", some(x.by_loss), "");
        }
        for remark in &r.remarks {
            say("", "remark", remark.clone(), "");
        }
    }
    text
}

/// One row for each direction of each trial.
pub(crate) fn trials(report: &Report) -> String {
    let titles = [
        "trial",
        "begun",
        "for",
        "frames",
        "direction",
        "sent",
        "received",
        "lost",
        "duplicated",
        "reordered",
        "corrupted",
        "returned",
        "foreign",
        "seconds",
        "fault",
    ];
    let mut text = row(&titles.map(str::to_owned));
    for t in &report.trials {
        let head =
            [t.number.to_string(), t.begun.as_secs_f64().to_string(), t.step.to_string(), t.offered.frames.name()];
        let fault = t.fault.as_ref().map(|f| format!("{f:?}")).unwrap_or_default();
        let counts = t.outcome.iter().flat_map(|o| &o.counts);
        let mut rows: Vec<Vec<String>> = Vec::new();
        for c in counts {
            let took: f64 = c.phases.iter().map(|p| p.took.as_secs_f64()).sum();
            let numbers =
                [c.sent(), c.received, c.lost(), c.duplicated, c.reordered, c.corrupted, c.returned, c.foreign];
            let mut row = vec![format!("{:?}", c.direction)];
            row.extend(numbers.iter().map(u64::to_string));
            row.push(took.to_string());
            rows.push(row);
        }
        if rows.is_empty() {
            rows.push(vec![String::new(); 10]);
        }
        for mut fields in rows {
            fields.push(fault.clone());
            text += &row(&[head.to_vec(), fields].concat());
        }
    }
    text
}
