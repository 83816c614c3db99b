//! The report as one HTML page: nothing is loaded from elsewhere, no scripts.
use super::plot::{Axis, Chart, Scale, Series, escape};
use super::{Report, grouped, latency, markdown};
use crate::rfc2544::record::Step;
use crate::rfc2544::section26::Results;
use crate::rfc2544::section26::latency::{AtLoad, histogram};

const STYLE: &str = include_str!("page.css");

/// What a page begins with, to be closed by `</main></body></html>`.
pub(crate) fn begin(title: &str, headline: &str, good: bool, remarks: &[String]) -> String {
    let kind = if good { "good" } else { "bad" };
    let mut t = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{0}</title><style>{STYLE}</style></head><body><main>\
         <p class=\"headline {kind}\">{1}</p><h1>{0}</h1>",
        escape(title),
        escape(headline)
    );
    if !remarks.is_empty() {
        let items: Vec<String> = remarks.iter().map(|r| format!("<li>{}</li>", escape(r))).collect();
        t += &format!("<ul>{}</ul>", items.concat());
    }
    t
}

/// The page.
pub(crate) fn page(report: &Report) -> String {
    let title = format!("RFC 2544: {}", report.tester.device);
    let mut t = begin(&title, &report.headline, report.headline.starts_with("Conforms"), &report.remarks);
    let mut charts: Vec<(&str, Vec<Chart>)> = vec![
        ("Throughput (", rate_chart(report).into_iter().collect()),
        ("Latency distribution", latency_charts(report)),
        ("Frame loss", loss_chart(report).into_iter().collect()),
    ];
    for table in markdown::tables(report) {
        t += &format!("<section><h2>{}</h2>", escape(table.title));
        if !table.note.is_empty() {
            t += &format!("<p>{}</p>", escape(&table.note));
        }
        for (_, charts) in charts.iter_mut().filter(|c| table.title.starts_with(c.0)) {
            let drawn: Vec<String> = charts.drain(..).map(|c| c.svg()).collect();
            t += &format!("<div class=\"charts\">{}</div>", drawn.concat());
        }
        t += &html_table(&table.columns, &table.rows);
        t += "</section>";
    }
    t += "<section><h2>Environment (RFC 8172)</h2>";
    let rows: Vec<Vec<String>> = markdown::facts(report).into_iter().map(|(n, v)| vec![n, v]).collect();
    t += &html_table(&[], &rows);
    t + "</section><footer>The JSON beside this page has every trial.</footer></main></body></html>\n"
}

/// A table; without names of columns it has no head.
pub(crate) fn html_table(columns: &[String], rows: &[Vec<String>]) -> String {
    // The first column names its row, be it a number or not; without a head, columns are not figures of one kind.
    let right = |i: usize, cell: &str| if i > 0 && !columns.is_empty() && numeric(cell) { " class=\"n\"" } else { "" };
    let mut t = String::from("<div class=\"table\"><table>");
    if !columns.is_empty() {
        t += "<thead><tr>";
        for (i, column) in columns.iter().enumerate() {
            let figures = rows.iter().all(|r| r.get(i).is_none_or(|c| numeric(c)));
            t += &format!("<th{}>{}</th>", if figures { right(i, "-") } else { "" }, escape(column));
        }
        t += "</tr></thead>";
    }
    t += "<tbody>";
    for row in rows {
        t += "<tr>";
        for (i, cell) in row.iter().enumerate() {
            t += &format!("<td{}>{}</td>", right(i, cell), escape(cell));
        }
        t += "</tr>";
    }
    t + "</tbody></table></div>"
}

/// Figures stand to the right: a number, perhaps with a short unit.
fn numeric(text: &str) -> bool {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let number = number.replace(',', "");
    text == "-" || (number.parse::<f64>().is_ok() && ["", "%", "ns", "us", "ms", "s"].contains(&unit))
}

fn names(results: &[&Results]) -> Scale {
    let short = |n: String| if n.starts_with("IMIX") { "IMIX".to_owned() } else { n };
    Scale::Names(results.iter().map(|r| short(r.frames.name())).collect())
}

/// Without zeros behind the point.
fn short_latency(ns: f64) -> String {
    latency(ns).replace(".00 ", " ")
}

fn short_rate(rate: f64) -> String {
    let trim = |n: f64| format!("{n:.2}").trim_end_matches('0').trim_end_matches('.').to_owned();
    match rate {
        r if r >= 1e6 => format!("{} M", trim(r / 1e6)),
        r if r >= 1e3 => format!("{} k", trim(r / 1e3)),
        r => grouped(r),
    }
}

fn rate_chart(report: &Report) -> Option<Chart> {
    let with: Vec<&Results> = report.results.iter().filter(|r| r.throughput.is_some()).collect();
    let points = |of: &dyn Fn(&Results) -> Option<f64>| -> Vec<(f64, f64)> {
        with.iter().enumerate().filter_map(|(i, r)| Some((i as f64, of(r)?))).collect()
    };
    let line = |name: &str, points, theory| Series { name: name.into(), points, theory, ..Series::default() };
    let mut series = vec![
        line("theoretical maximum", points(&|r| Some(r.line)), true),
        line("throughput", points(&|r| r.throughput.as_ref()?.rate), false),
    ];
    let ceiling = points(&|r| r.ceiling);
    if !ceiling.is_empty() {
        series.push(line("tester's ceiling", ceiling, false));
    }
    let values: Vec<f64> = series.iter().flat_map(|s| &s.points).map(|p| p.1).collect();
    let (least, most) = values.iter().fold((f64::INFINITY, 0f64), |(a, b), v| (a.min(*v), b.max(*v)));
    let scale = if most > 30.0 * least { Scale::Log } else { Scale::Linear };
    (!with.is_empty()).then(|| Chart {
        title: "Rate against frame size".into(),
        x: Axis { title: "frame size, bytes".into(), scale: names(&with), show: grouped },
        y: Axis { title: "frames/s, each direction".into(), scale, show: short_rate },
        series,
    })
}

/// A percentile: its name and value.
type Percentile = (&'static str, fn(&AtLoad) -> u64);

const PERCENTILES: [Percentile; 5] =
    [("P50", |l| l.p50), ("P90", |l| l.p90), ("P99", |l| l.p99), ("P99.9", |l| l.p999), ("max", |l| l.max)];

/// Per cent below, and where it lies on the axis: evenly by nines.
fn nines(share_below: f64) -> f64 {
    -(1.0 - share_below).max(1e-6).log10()
}

fn latency_charts(report: &Report) -> Vec<Chart> {
    let with: Vec<&Results> = report.results.iter().filter(|r| r.latency.is_some()).collect();
    let mut charts = Vec::new();
    let at = |r: &Results, percent: f64| {
        r.latency.as_ref()?.loads.iter().find(|l| l.percent == percent && l.count > 0).cloned()
    };
    for percent in &report.profile.latency.loads {
        let series = PERCENTILES.map(|(name, of)| {
            let points = with.iter().enumerate().filter_map(|(i, r)| Some((i as f64, of(&at(r, *percent)?) as f64)));
            Series { name: name.into(), points: points.filter(|p| p.1 > 0.0).collect(), ..Series::default() }
        });
        if series.iter().any(|s| !s.points.is_empty()) {
            charts.push(Chart {
                title: format!("Latency at {percent} % of the throughput"),
                x: Axis { title: "frame size, bytes".into(), scale: names(&with), show: grouped },
                y: Axis { title: "latency".into(), scale: Scale::Log, show: short_latency },
                series: series.into(),
            });
        }
    }
    charts.extend(with.iter().filter_map(|r| distribution(report, r)));
    charts
}

fn distribution(report: &Report, results: &Results) -> Option<Chart> {
    let places = [(0.0, "0"), (0.9, "90"), (0.99, "99"), (0.999, "99.9"), (0.9999, "99.99"), (0.99999, "99.999")];
    let mut series = Vec::new();
    for record in report.trials.iter().filter(|r| r.offered.frames == results.frames) {
        let Step::Latency { percent } = record.step else { continue };
        let Some(h) = histogram(record).filter(|h| !h.is_empty()) else { continue };
        let steps = h
            .iter_quantiles(4)
            .map(|v| (nines(v.quantile_iterated_to().min(0.99999)), v.value_iterated_to().max(1) as f64));
        series.push(Series { name: format!("{percent} %"), points: steps.collect(), steps: true, ..Series::default() });
    }
    (!series.is_empty()).then(|| Chart {
        title: format!("Distribution, frames of {}", results.frames.name()),
        x: Axis {
            title: "per cent of the frames are faster".into(),
            scale: Scale::Places(places.map(|(p, name)| (nines(p), name.to_owned())).to_vec()),
            show: grouped,
        },
        y: Axis { title: "latency".into(), scale: Scale::Log, show: short_latency },
        series,
    })
}

fn loss_chart(report: &Report) -> Option<Chart> {
    let curves = report.results.iter().filter_map(|r| Some((r, r.frame_loss.as_ref()?)));
    let series: Vec<Series> = curves
        .map(|(r, f)| {
            let points = f.points.iter().rev().map(|p| (p.percent, 100.0 * p.ratio)).collect();
            Series { name: r.frames.name(), points, ..Series::default() }
        })
        .collect();
    let show = |v: f64| format!("{}", (v * 1000.0).round() / 1000.0);
    (!series.is_empty()).then(|| Chart {
        title: "Loss against rate".into(),
        x: Axis { title: "per cent of the highest rate".into(), scale: Scale::Linear, show },
        y: Axis { title: "frames lost, per cent".into(), scale: Scale::Linear, show },
        series,
    })
}
