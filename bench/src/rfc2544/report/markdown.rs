//! The report for people, as Markdown. The tables are those of the HTML page, too.
use super::{Report, date, duration, grouped, latency};
use crate::rfc2544::profile::Search;
use crate::rfc2544::section26::throughput::Mark;
use crate::rfc2544::section26::{Results, latency::AtLoad};
use crate::rfc2544::trial::{Directions, Ip, Traffic};

/// A table: its title, what is to be said before it, the names of its columns, its rows.
pub(crate) struct Table {
    pub(crate) title: &'static str,
    pub(crate) note: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(title: &'static str, note: impl Into<String>, columns: &[&str], rows: Vec<Vec<String>>) -> Table {
        Table { title, note: note.into(), columns: columns.iter().map(|c| (*c).to_owned()).collect(), rows }
    }

    /// With its title as a heading.
    pub(crate) fn markdown(&self) -> String {
        let row = |cells: &[String]| format!("| {} |\n", cells.iter().map(|c| cell(c)).collect::<Vec<_>>().join(" | "));
        let mut text = format!("\n## {}\n\n", self.title);
        if !self.note.is_empty() {
            text += &format!("{}\n\n", self.note);
        }
        text += &row(&self.columns);
        text += &format!("|{}\n", "---|".repeat(self.columns.len()));
        self.rows.iter().for_each(|r| text += &row(r));
        text
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

fn dash<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), show)
}

/// All tables that have rows.
pub(crate) fn tables(report: &Report) -> Vec<Table> {
    let r = &report.results;
    let all = [
        throughput(report),
        goals(r),
        tagged(report),
        loads(r),
        groups(r),
        frame_loss(r),
        back_to_back(r),
        recovery(r),
        reset(report),
        remarks(r),
    ];
    all.into_iter().filter(|t| !t.rows.is_empty()).collect()
}

fn throughput(report: &Report) -> Table {
    let rows = report.results.iter().filter_map(|r| {
        let t = r.throughput.as_ref()?;
        let mark = if t.mark == Mark::None { String::new() } else { format!("; {}", t.mark.text()) };
        Some(vec![
            r.frames.name(),
            grouped(r.line),
            dash(t.rate, grouped),
            dash(t.share, percent),
            dash(t.bits, |b| format!("{:.1}", b / 1e6)),
            dash(r.ceiling, grouped),
            format!("{}{mark}", t.verdict),
        ])
    });
    let columns =
        ["frames", "theory, frames/s", "throughput, frames/s", "of line", "Mbit/s", "tester's ceiling", "verdict"];
    let mut note =
        "The highest rate without loss in each direction. Mbit/s count frames without preamble and gap.".to_owned();
    let t = &report.profile.throughput;
    if t.search == Search::Mlr && t.exceed > 0.0 {
        note += &format!(" By MLRsearch: trials with loss may make up {} of the time at a rate.", percent(t.exceed));
    }
    Table::new("Throughput (section 26.1)", note, &columns, rows.collect())
}

fn goals(results: &[Results]) -> Table {
    let bounds = results.iter().filter_map(|r| Some((r, r.throughput.as_ref()?)));
    let bounds = bounds.flat_map(|(r, t)| t.bounds.iter().skip(1).map(move |b| (r, b)));
    let rows = bounds.map(|(r, b)| {
        vec![
            r.frames.name(),
            percent(b.loss),
            dash(b.lower, grouped),
            dash(b.upper, grouped),
            dash(b.forwarded, grouped),
        ]
    });
    let columns = ["frames", "loss", "lower bound, frames/s", "upper bound, frames/s", "conditional throughput"];
    Table::new("Throughput with loss (MLRsearch)", "", &columns, rows.collect())
}

fn tagged(report: &Report) -> Table {
    let rows = report.results.iter().filter_map(|r| {
        let t = r.latency.as_ref()?.tagged.as_ref()?;
        let (min, max) = (latency(t.min as f64), latency(t.max as f64));
        let some = |text: String| if t.count > 0 { text } else { "-".to_owned() };
        Some(vec![r.frames.name(), format!("{} of {}", t.count, t.sent), some(latency(t.mean)), some(min), some(max)])
    });
    let note = format!("Of tagged frames at the throughput. Stamps are taken: {}.", report.tester.stamps);
    Table::new("Latency (section 26.2)", note, &["frames", "arrived", "mean", "min", "max"], rows.collect())
}

fn loads(results: &[Results]) -> Table {
    let rows = results.iter().filter_map(|r| Some((r, r.latency.as_ref()?)));
    let rows = rows.flat_map(|(r, l)| l.loads.iter().map(move |at| load(r, at)));
    let columns = ["frames", "load", "stamped", "lost", "min", "P50", "P90", "P99", "P99.9", "max"];
    let note = "Of every frame, at shares of the throughput.";
    Table::new("Latency distribution", note, &columns, rows.collect())
}

fn load(r: &Results, at: &AtLoad) -> Vec<String> {
    let mut row = vec![r.frames.name(), format!("{} %", at.percent), grouped(at.count as f64), grouped(at.lost as f64)];
    let all = [at.min, at.p50, at.p90, at.p99, at.p999, at.max];
    row.extend(all.iter().map(|v| if at.count > 0 { latency(*v as f64) } else { "-".into() }));
    row
}

fn groups(results: &[Results]) -> Table {
    let loads = results.iter().filter_map(|r| Some((r, r.latency.as_ref()?)));
    let groups = loads.flat_map(|(r, l)| l.loads.iter().flat_map(move |at| at.groups.iter().map(move |g| (r, at, g))));
    let rows = groups.map(|(r, at, g)| {
        let mut row = vec![r.frames.name(), format!("{} %", at.percent), g.group.to_string()];
        row.extend([g.count, g.lost, g.duplicated, g.reordered, g.corrupted].map(|n| grouped(n as f64)));
        let all = [g.min, g.p50, g.p99, g.max];
        row.extend(all.iter().map(|v| if g.count > 0 { latency(*v as f64) } else { "-".into() }));
        row
    });
    let columns =
        ["frames", "load", "group", "stamped", "lost", "twice", "reordered", "corrupted", "min", "P50", "P99", "max"];
    let note =
        "Flow number n is in group n modulo the number of groups. What the tester itself lost counts as lost here.";
    Table::new("Groups of flows", note, &columns, rows.collect())
}

fn frame_loss(results: &[Results]) -> Table {
    let points = results.iter().filter_map(|r| Some((r, r.frame_loss.as_ref()?)));
    let rows = points.flat_map(|(r, f)| {
        f.points.iter().map(move |p| {
            let note = if p.reached { "" } else { "the tester did not reach this rate" };
            let ratio = format!("{:.4} %", 100.0 * p.ratio);
            vec![
                r.frames.name(),
                format!("{:.1} %", p.percent),
                grouped(p.rate),
                grouped(p.lost as f64),
                ratio,
                note.into(),
            ]
        })
    });
    let columns = ["frames", "of the highest rate", "frames/s", "lost", "loss", ""];
    Table::new("Frame loss (section 26.3)", "", &columns, rows.collect())
}

fn back_to_back(results: &[Results]) -> Table {
    let rows = results.iter().filter_map(|r| {
        let b = r.back_to_back.as_ref()?;
        let note = if b.limited { "the longest burst that was tried lost nothing" } else { "" };
        Some(vec![
            r.frames.name(),
            b.bursts.len().to_string(),
            grouped(b.mean),
            grouped(b.min as f64),
            grouped(b.max as f64),
            format!("{:.1}", b.deviation),
            dash(b.implied, duration),
            dash(b.corrected, duration),
            note.into(),
        ])
    });
    let columns =
        ["frames", "repetitions", "mean burst", "min", "max", "deviation", "implied buffer", "corrected buffer", ""];
    let note = "Longest burst at full speed without loss, in frames. Buffers are in time, by RFC 9004 section 6.4.";
    Table::new("Back-to-back frames (section 26.4, RFC 9004)", note, &columns, rows.collect())
}

fn recovery(results: &[Results]) -> Table {
    let rows = results.iter().filter_map(|r| {
        let x = r.recovery.as_ref()?;
        let note = match x {
            x if x.never => "lost frames to the end: has not recovered",
            x if x.lost_in_overload == 0 => "nothing was lost: it was no overload",
            _ => "",
        };
        let (overload, after) = (grouped(x.lost_in_overload as f64), grouped(x.lost_after as f64));
        Some(vec![r.frames.name(), grouped(x.overload), overload, after, duration(x.time), note.into()])
    });
    let columns = ["frames", "overload, frames/s", "lost in it", "lost after", "recovery", ""];
    Table::new("System recovery (section 26.5)", "", &columns, rows.collect())
}

fn reset(report: &Report) -> Table {
    let all = report.results.iter().filter_map(|r| Some((r, r.reset.as_ref()?)));
    let rows = all.flat_map(|(r, x)| {
        x.resets.iter().enumerate().map(move |(i, one)| {
            let note = match one {
                one if !one.back => "did not come back",
                one if one.lost == 0 => "nothing was lost: the time is that of the longest pause",
                _ => "",
            };
            let lost = grouped(one.lost as f64);
            vec![r.frames.name(), (i + 1).to_string(), duration(one.by_time), duration(one.by_loss), lost, note.into()]
        })
    });
    let columns = ["frames", "repetition", "by time stamps", "by frame loss", "lost", ""];
    Table::new("Reset (section 26.6, RFC 6201)", "", &columns, rows.collect())
}

fn remarks(results: &[Results]) -> Table {
    let rows = results.iter().flat_map(|r| r.remarks.iter().map(move |remark| vec![r.frames.name(), remark.clone()]));
    Table::new("Remarks", "", &["frames", ""], rows.collect())
}

/// What was tested by whom, and how.
pub(crate) fn facts(report: &Report) -> Vec<(String, String)> {
    let (p, t) = (&report.profile, &report.tester);
    let mut facts: Vec<(String, String)> = vec![
        ("device".into(), t.device.clone()),
        ("tester".into(), t.name.clone()),
        ("began".into(), date(report.began)),
        ("took".into(), duration(report.took.as_secs_f64())),
        ("profile".into(), p.name.clone()),
        ("directions".into(), directions(p.directions).into()),
        ("traffic".into(), traffic(&p.traffic)),
        ("trials made".into(), report.trials.len().to_string()),
    ];
    if let Some(floor) = t.floor {
        facts.push(("least latency of a loopback".into(), format!("{}, not subtracted", latency(floor))));
    }
    facts.extend(t.facts.iter().cloned());
    facts.extend(report.environment.rows().into_iter().map(|(n, v)| (n.to_owned(), v)));
    facts
}

fn directions(which: Directions) -> &'static str {
    match which {
        Directions::AToB => "A to B",
        Directions::BToA => "B to A",
        Directions::Both => "both at once",
    }
}

/// "IPv4 in NSH, UDP, 1,024 pseudorandom flows in each direction, to 256 networks, 1 % broadcast".
fn traffic(t: &Traffic) -> String {
    let ip = match t.ip {
        Ip::V4 => "IPv4",
        Ip::V6 => "IPv6",
    };
    let flows = match (t.flows, t.random) {
        (1, _) => "1 flow".to_owned(),
        (n, true) => format!("{} pseudorandom flows", grouped(f64::from(n))),
        (n, false) => format!("{} flows", grouped(f64::from(n))),
    };
    let mut text = format!("{ip}{}, UDP, {flows} in each direction", if t.nsh { " in NSH" } else { "" });
    if t.networks > 1 {
        text += &format!(", to {} networks", t.networks);
    }
    if t.broadcast {
        text += ", 1 % broadcast (section 11.1)";
    }
    if t.management {
        text += ", a management query a second (section 11.2)";
    }
    text
}

/// A cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// The page.
pub(crate) fn page(report: &Report) -> String {
    let mut text = format!("{}\n\n# RFC 2544: {}\n\n", report.headline, report.tester.device);
    for remark in &report.remarks {
        text += &format!("- {remark}\n");
    }
    tables(report).iter().for_each(|t| text += &t.markdown());
    let facts = facts(report).into_iter().map(|(name, value)| vec![name, value]);
    text + &Table::new("Environment (RFC 8172)", "", &["", ""], facts.collect()).markdown()
}
