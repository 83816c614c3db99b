//! The report for people, as Markdown. The tables are those of the HTML page, too.
use super::{Flow, Report, Tested, Workload};
use crate::paper::statistics::Estimate;
use crate::rfc2544::report::markdown::Table;
use crate::rfc2544::report::{date, duration};

impl Report {
    /// The page.
    pub(in crate::paper) fn markdown(&self) -> String {
        let mut text = format!("{}\n\n# {TITLE}\n\n", self.headline);
        self.remarks.iter().for_each(|r| text += &format!("- {r}\n"));
        self.tables().iter().for_each(|t| text += &t.markdown());
        text
    }

    /// All tables.
    pub(super) fn tables(&self) -> Vec<Table> {
        vec![self.throughput(), self.delay(), self.what(), self.surroundings()]
    }

    fn throughput(&self) -> Table {
        let sizes = &self.settings.sizes;
        let columns: Vec<String> = sizes.iter().map(|s| format!("{s} bytes")).collect();
        let columns: Vec<&str> = std::iter::once("device").chain(columns.iter().map(String::as_str)).collect();
        let cells = |d: &Tested| sizes.iter().map(|s| cell(d, Workload::Stream(*s), mbits)).collect::<Vec<_>>();
        let note = "Mbit/s of payload that arrived through one TCP stream, by message size: mean and 95 % confidence interval.";
        Table::new(THROUGHPUT, note, &columns, self.rows(cells))
    }

    fn delay(&self) -> Table {
        let columns: Vec<String> = Flow::ALL.iter().map(|f| format!("{f}")).collect();
        let columns: Vec<&str> = std::iter::once("device").chain(columns.iter().map(String::as_str)).collect();
        let cells = |d: &Tested| Flow::ALL.map(|f| cell(d, Workload::Flow(f), millis)).to_vec();
        let note = "Milliseconds from sending to the answer: mean and 95 % confidence interval of the runs' means.";
        Table::new(DELAY, note, &columns, self.rows(cells))
    }

    fn rows(&self, cells: impl Fn(&Tested) -> Vec<String>) -> Vec<Vec<String>> {
        self.devices.iter().map(|d| std::iter::once(d.name()).chain(cells(d)).collect()).collect()
    }

    fn what(&self) -> Table {
        let all = self.devices.iter().map(|d| {
            let facts = d.facts.iter().filter(|(name, _)| !LONG_FACTS.contains(&name.as_str()));
            let facts: Vec<String> = facts.map(|(name, value)| format!("{name}: {value}")).collect();
            vec![d.name(), facts.join("; ")]
        });
        let out = self.left_out.iter().map(|l| vec![l.subject.to_string(), format!("left out: {}", l.why)]);
        Table::new("Devices", "", &["device", "what it was"], all.chain(out).collect())
    }

    fn surroundings(&self) -> Table {
        let mut rows = vec![
            vec!["began".into(), date(self.began)],
            vec!["took".into(), duration(self.took)],
            vec!["accelerator".into(), self.settings.accelerator.clone()],
        ];
        rows.extend(self.tools.iter().map(|(name, value)| vec![name.clone(), value.clone()]));
        rows.extend(self.environment.rows().into_iter().map(|(name, value)| vec![name.into(), value]));
        Table::new("Environment", "", &["", ""], rows)
    }
}

/// What only the JSON tells of a device.
const LONG_FACTS: [&str; 2] = ["started as", "SHA-256 of its image's manifest"];

/// Of the page.
pub(super) const TITLE: &str = "Bridges in virtual machines";
pub(super) const THROUGHPUT: &str = "Throughput";
pub(super) const DELAY: &str = "Round-trip delay";

/// Bits a second as Mbit/s.
pub(super) fn mbits(bits: f64) -> f64 {
    bits / 1e6
}

/// Seconds as milliseconds.
pub(super) fn millis(seconds: f64) -> f64 {
    seconds * 1e3
}

fn cell(device: &Tested, workload: Workload, unit: fn(f64) -> f64) -> String {
    let Some(result) = device.result(workload) else { return "-".into() };
    let Some(estimate) = result.estimate else {
        return if result.failed > 0 { format!("{} failed", result.failed) } else { "-".into() };
    };
    let mut text = interval(estimate, unit);
    if result.failed > 0 {
        text += &format!(" ({} of {} runs failed)", result.failed, result.failed + estimate.runs);
    }
    if result.dropped > 0 {
        text += &format!(" ({} packets lost)", result.dropped);
    }
    text
}

/// "94.1 ± 2.3": three digits, and as many places of the interval.
fn interval(Estimate { mean, half, .. }: Estimate, unit: fn(f64) -> f64) -> String {
    let mean = unit(mean);
    let digits = (2.0 - mean.abs().max(1e-6).log10().floor()).clamp(0.0, 6.0) as usize;
    match half {
        Some(half) => format!("{mean:.digits$} ± {:.digits$}", unit(half)),
        None => format!("{mean:.digits$}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_their_interval_as_many_places() {
        let of = |mean, half| interval(Estimate { mean, half, runs: 2 }, mbits);
        assert_eq!(of(94_041_628.0, Some(1_234_567.0)), "94.0 ± 1.2");
        assert_eq!(of(2_345_678_901.0, Some(56_000_000.0)), "2346 ± 56");
        assert_eq!(of(1_234_000.0, Some(10_000.0)), "1.23 ± 0.01");
        assert_eq!(of(1_234_000.0, None), "1.23");
        assert_eq!(interval(Estimate { mean: 0.000110, half: Some(0.0000125), runs: 2 }, millis), "0.110 ± 0.013");
    }
}
