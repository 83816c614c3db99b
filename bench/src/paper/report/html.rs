//! The report as one HTML page with plots: nothing is loaded from elsewhere, no scripts.
use super::markdown::{DELAY, THROUGHPUT, TITLE, mbits, millis};
use super::{Flow, Platform, Report, Tested, Workload};
use crate::rfc2544::report::html::{begin, html_table};
use crate::rfc2544::report::plot::{Axis, Chart, Scale, Series, escape};

/// Between the points of two devices at one name, in parts of the way to the next name.
const APART: f64 = 0.12;

/// The page.
pub(super) fn page(report: &Report) -> String {
    let good = !report.interrupted && !report.devices.iter().any(|d| d.emulated);
    let mut t = begin(TITLE, &report.headline, good, &report.remarks);
    for table in report.tables() {
        t += &format!("<section><h2>{}</h2>", escape(table.title));
        if !table.note.is_empty() {
            t += &format!("<p>{}</p>", escape(&table.note));
        }
        let chart: Option<fn(&Report, Platform) -> Option<Chart>> = match table.title {
            THROUGHPUT => Some(throughput),
            DELAY => Some(delay),
            _ => None,
        };
        if let Some(chart) = chart {
            let drawn = Platform::ALL.into_iter().filter_map(|p| chart(report, p));
            t += &format!("<div class=\"charts two\">{}</div>", drawn.map(|c| c.svg()).collect::<String>());
        }
        t += &html_table(&table.columns, &table.rows);
        t += "</section>";
    }
    t + "<footer>Bars are 95 % confidence intervals. The JSON beside this page has every run.</footer></main></body></html>\n"
}

/// Rates of the devices of a platform, by message size.
fn throughput(report: &Report, platform: Platform) -> Option<Chart> {
    let sizes = &report.settings.sizes;
    let workloads: Vec<Workload> = sizes.iter().copied().map(Workload::Stream).collect();
    Some(Chart {
        x: Axis {
            title: "message size, bytes".into(),
            scale: Scale::Names(sizes.iter().map(u32::to_string).collect()),
            show: short,
        },
        ..chart(report, platform, THROUGHPUT, "Mbit/s", &workloads, mbits, 0.0)?
    })
}

/// Delays of the devices of a platform, by flow.
fn delay(report: &Report, platform: Platform) -> Option<Chart> {
    let workloads = Flow::ALL.map(Workload::Flow);
    Some(Chart {
        x: Axis {
            title: "flow".into(),
            scale: Scale::Names(Flow::ALL.iter().map(Flow::to_string).collect()),
            show: short,
        },
        ..chart(report, platform, DELAY, "milliseconds", &workloads, millis, APART)?
    })
}

fn chart(
    report: &Report,
    platform: Platform,
    what: &str,
    unit: &str,
    workloads: &[Workload],
    to_unit: fn(f64) -> f64,
    apart: f64,
) -> Option<Chart> {
    let devices: Vec<&Tested> = report.devices.iter().filter(|d| d.subject.platform == platform).collect();
    let emulated = if devices.iter().any(|d| d.emulated) { ": EMULATED" } else { "" };
    let middle = (devices.len() as f64 - 1.0) / 2.0;
    let series: Vec<Series> = devices
        .iter()
        .enumerate()
        .map(|(n, device)| {
            let shift = (n as f64 - middle) * apart;
            let known = workloads.iter().enumerate().filter_map(|(i, w)| Some((i, device.result(*w)?.estimate?)));
            let (points, bars) =
                known.map(|(i, e)| ((i as f64 + shift, to_unit(e.mean)), to_unit(e.half.unwrap_or(0.0)))).unzip();
            // A function has the same colour on all platforms.
            let colour = Some(device.subject.function as u8);
            Series { name: device.subject.name().into(), points, bars, colour, ..Series::default() }
        })
        .collect();
    let values = || series.iter().flat_map(|s| &s.points).map(|p| p.1);
    let (least, most) = values().fold((f64::INFINITY, 0f64), |(a, b), v| (a.min(v), b.max(v)));
    (most > 0.0).then(|| Chart {
        title: format!("{what}, {platform}{emulated}"),
        x: Axis { title: String::new(), scale: Scale::Linear, show: short },
        y: Axis {
            title: unit.into(),
            scale: if most > 30.0 * least { Scale::Log } else { Scale::Linear },
            show: short,
        },
        series,
    })
}

/// As few digits as it takes.
fn short(value: f64) -> String {
    let places = if value.abs() < 1.0 { 1e4 } else { 1e2 };
    format!("{}", (value * places).round() / places)
}
