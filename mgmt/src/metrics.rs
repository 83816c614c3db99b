//! What is counted, as Prometheus reads it: rendered from one snapshot when somebody asks, so nothing is kept here and no
//! worker does anything for it.
//!
//! Names and units follow the conventions of Prometheus: base units, `_total` for counters, the unit at the end of the name.
//! Sources: OpenMetrics 1.0.0; the text format of Prometheus, version 0.0.4.
use crate::alarms::{Alarm, Severity};
use crate::rates::Rates;
use crate::requests::{BOUNDS, BUCKETS, Series};
use crate::vnf::{GraphElement, Port, Snapshot, State, Worker};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, MetricEncoder, NoLabelSet,
    prometheus_text, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Elements that are shown. `sluice_elements` tells how many there are.
pub const MOST_ELEMENTS: usize = 10_000;
/// The reason of frames that the kernel or the NIC lost before the port saw them.
const BEFORE: &str = "before_port";

/// The two forms of the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// The text format of Prometheus, version 0.0.4.
    Text,
}

impl Format {
    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Text => prometheus_text::CONTENT_TYPE,
        }
    }

    /// What an `Accept` field asks for (RFC 9110 section 12.5.1): OpenMetrics if it is named, and nothing is preferred to it.
    pub fn accepted(field: &str) -> Format {
        let (mut open, mut plain) = (0.0, 0.0);
        for range in field.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let (mut quality, mut version) = (1.0_f32, "");
            for (name, value) in parts.filter_map(|p| p.split_once('=')) {
                match name.trim() {
                    "q" | "Q" => quality = value.trim().parse().unwrap_or(0.0),
                    "version" => version = value.trim().trim_matches('"'),
                    _ => {}
                }
            }
            match kind.as_str() {
                "application/openmetrics-text" if ["", "0.0.1", "1.0.0"].contains(&version) => open = quality.max(open),
                "text/plain" if ["", "0.0.4"].contains(&version) => plain = quality.max(plain),
                _ => {}
            }
        }
        if open > 0.0 && open >= plain { Format::OpenMetrics } else { Format::Text }
    }
}

/// All that is shown.
#[derive(Clone, Debug)]
pub struct Scrape {
    /// Counters.
    pub snapshot: Arc<Snapshot>,
    /// What they did in the last second.
    pub rates: Arc<Rates>,
    /// The state of the VNF.
    pub state: State,
    /// Versions of what it is made of.
    pub versions: BTreeMap<String, String>,
    /// The revision of each function.
    pub revisions: BTreeMap<String, u64>,
    /// Alarms that are active.
    pub alarms: Vec<Alarm>,
    /// Events so far.
    pub events: u64,
    /// Requests so far.
    pub requests: Vec<Series>,
    /// When the process started, nanoseconds since the Unix epoch.
    pub started: u64,
}

impl Scrape {
    /// The text.
    ///
    /// # Errors
    /// A value cannot be written: not known to happen.
    pub fn render(self, format: Format) -> Result<String, fmt::Error> {
        let mut out = String::with_capacity(4096 + 512 * self.snapshot.elements.len());
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        match format {
            Format::OpenMetrics => text::encode(&mut out, &registry)?,
            Format::Text => prometheus_text::encode(&mut out, &registry)?,
        }
        Ok(out)
    }
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.vnf(&mut page)?;
        packets(&self.snapshot, &mut page)?;
        ports(&self.snapshot.ports, &mut page)?;
        elements(&self.snapshot.elements, &mut page)?;
        workers(&self.snapshot.workers, &self.rates, &mut page)?;
        self.process(&mut page)?;
        requests(&self.requests, &mut page)
    }
}

impl Scrape {
    fn vnf(&self, page: &mut Page<'_>) -> fmt::Result {
        let versions = self.versions.iter().map(|(of, v)| [("component", of.as_str()), ("version", v)]);
        page.info("sluice_build", "Versions of what it is made of.", versions)?;
        let states = [
            ("starting", State::Starting),
            ("running", State::Running),
            ("stopped", State::Stopped),
            ("failed", State::Failed),
        ];
        let states = states.map(|(name, s)| ([("state", name)], u64::from(s == self.state)));
        page.gauges("sluice_vnf_state", "State of the VNF: 1 for the one that it is in.", "", states)?;
        let revisions = self.revisions.iter().map(|(name, n)| ([("function", name.as_str())], *n));
        page.gauges("sluice_function_revision", "Revision of the function that runs.", "", revisions)?;
        let severities = [
            ("warning", Severity::Warning),
            ("minor", Severity::Minor),
            ("major", Severity::Major),
            ("critical", Severity::Critical),
        ];
        let of = |s| self.alarms.iter().filter(|a| a.severity == s).count() as u64;
        let alarms = severities.map(|(name, s)| ([("severity", name)], of(s)));
        page.gauges("sluice_alarms", "Active alarms.", "", alarms)?;
        page.counters("sluice_events", "Events that were told.", "", [([], self.events)])
    }

    fn process(&self, page: &mut Page<'_>) -> fmt::Result {
        let s = &self.snapshot;
        page.gauges("process_resident_memory", "Memory that lies in RAM.", "bytes", [([], s.resident_bytes)])?;
        page.counters("process_cpu", "Processor time of the process.", "seconds", [([], seconds(s.process_cpu_ns))])?;
        let started = [([], seconds(self.started))];
        page.gauges("process_start_time", "When it started, since the Unix epoch.", "seconds", started)
    }
}

fn packets(s: &Snapshot, page: &mut Page<'_>) -> fmt::Result {
    let totals = [
        ("sluice_packets_received", "Packets that came in from outside.", s.totals.received),
        ("sluice_packets_created", "Packets that came into being inside.", s.totals.created),
        ("sluice_packets_transmitted", "Packets that left through a port.", s.totals.transmitted),
        ("sluice_packets_consumed", "Packets that did their job inside.", s.totals.consumed),
        ("sluice_packets_dropped", "Packets that were dropped, all reasons.", s.totals.dropped),
    ];
    for (name, help, value) in totals {
        page.counters(name, help, "", [([], value)])?;
    }
    page.gauges("sluice_held", "Packets inside now.", "packets", [([], s.totals.held)])?;
    let dropped = s.dropped.iter().map(|(reason, n)| ([("reason", reason.as_str())], *n));
    page.counters("sluice_dropped", "Packets that were dropped, over all graphs.", "packets", dropped)?;
    let [used, all] = s.buffers;
    let buffers = [([("state", "used")], used), ([("state", "free")], all.saturating_sub(used))];
    page.gauges("sluice_buffers", "Packet buffers.", "", buffers)
}

fn ports(all: &[Port], page: &mut Page<'_>) -> fmt::Result {
    let drivers = all.iter().map(|p| [("port", p.name.as_str()), ("driver", &p.driver)]);
    page.info("sluice_port", "What moves the frames of the port.", drivers)?;
    let up = all.iter().map(|p| (port(p), u64::from(p.up)));
    page.gauges("sluice_port_up", "Whether the port is there and has a carrier.", "", up)?;
    let received = || all.iter().filter_map(|p| Some((port(p), p.received.as_ref()?)));
    let sent = || all.iter().filter_map(|p| Some((port(p), p.sent.as_ref()?)));
    let frames = received().map(|(name, side)| (name, side.packets));
    page.counters("sluice_port_received", "Frames that came in.", "packets", frames)?;
    let bytes = received().map(|(name, side)| (name, side.bytes));
    // A family of its own: the unit is a part of the name.
    page.counters("sluice_port_received", "Bytes of the frames that came in.", "bytes", bytes)?;
    let frames = sent().map(|(name, side)| (name, side.packets));
    page.counters("sluice_port_sent", "Frames that left.", "packets", frames)?;
    let bytes = sent().map(|(name, side)| (name, side.bytes));
    page.counters("sluice_port_sent", "Bytes of the frames that left.", "bytes", bytes)?;
    let sides = all.iter().flat_map(|p| [(p, "received", &p.received), (p, "sent", &p.sent)]);
    let lost = sides.filter_map(|(p, way, side)| Some((p, way, side.as_ref()?))).flat_map(|(p, way, side)| {
        let before = (way == "received").then_some((BEFORE, side.lost_before));
        let dropped = side.dropped.iter().map(|(reason, n)| (reason.as_str(), *n));
        let named = move |(reason, n)| ([("port", p.name.as_str()), ("direction", way), ("reason", reason)], n);
        before.into_iter().chain(dropped).map(named)
    });
    page.counters("sluice_port_lost", "Frames that were lost at the port.", "packets", lost)
}

fn port(of: &Port) -> [Label<'_>; 1] {
    [("port", &of.name)]
}

fn elements(all: &[GraphElement], page: &mut Page<'_>) -> fmt::Result {
    page.gauges("sluice_elements", "Elements of the running graph.", "", [([], all.len() as u64)])?;
    let all = &all[..all.len().min(MOST_ELEMENTS)];
    let named = || all.iter().map(|e| ([("element", e.name.as_str()), ("class", &e.class)], &e.counters));
    let into = named().map(|(name, c)| (name, c.packets_in));
    page.counters("sluice_element_received", "Packets that came in through connections.", "packets", into)?;
    let out = named().map(|(name, c)| (name, c.packets_out));
    page.counters("sluice_element_sent", "Packets that left through connections.", "packets", out)?;
    let held = named().map(|(name, c)| (name, c.held));
    page.gauges("sluice_element_held", "Packets inside the element now.", "packets", held)?;
    let dropped = named().flat_map(|([element, class], c)| {
        c.dropped.iter().map(move |(reason, n)| ([element, class, ("reason", reason.as_str())], *n))
    });
    page.counters("sluice_element_dropped", "Packets that the element dropped.", "packets", dropped)
}

fn workers(all: &[Worker], rates: &Rates, page: &mut Page<'_>) -> fmt::Result {
    let core = |core: Option<u32>| core.map(|c| c.to_string()).unwrap_or_default();
    let names: Vec<_> = all.iter().enumerate().map(|(n, w)| (n.to_string(), core(w.core))).collect();
    let named = || names.iter().map(|(n, core)| [("worker", n.as_str()), ("core", core)]);
    let with = |value: fn(&Worker) -> u64| named().zip(all.iter().map(value));
    page.counters("sluice_worker_rounds", "Rounds of the worker.", "", with(|w| w.rounds))?;
    page.counters("sluice_worker_busy_rounds", "Rounds with work in them.", "", with(|w| w.busy_rounds))?;
    let cpu = named().zip(all.iter().map(|w| seconds(w.cpu_ns)));
    page.counters("sluice_worker_cpu", "Processor time of the worker.", "seconds", cpu)?;
    page.counters("sluice_worker", "Packets that it received and created.", "packets", with(|w| w.packets))?;
    let burst = named().zip(all.iter().map(|w| w.packets as f64 / w.busy_rounds.max(1) as f64));
    page.gauges("sluice_worker_burst", "Mean size of a burst since the start.", "packets", burst)?;
    let load = named().zip(rates.worker_load.iter().copied());
    page.gauges("sluice_worker_load", "Share of its core in the last second.", "ratio", load)?;
    let busy = named().zip(rates.worker_busy.iter().copied());
    page.gauges("sluice_worker_busy", "Share of rounds with work in the last second.", "ratio", busy)
}

fn requests(all: &[Series], page: &mut Page<'_>) -> fmt::Result {
    let statuses: Vec<_> = all.iter().map(|s| (s, s.status.to_string())).collect();
    let counts = statuses.iter().map(|(s, status)| {
        let labels = [("path", s.path.as_str()), ("method", &s.method), ("status", status)];
        (labels, s.count)
    });
    page.counters("ems_requests", "Requests to the EMS.", "", counts)?;
    let mut times: BTreeMap<(&str, &str), Times> = BTreeMap::new();
    for s in all {
        let sum = times.entry((&s.path, &s.method)).or_default();
        sum.count += s.count;
        sum.seconds += s.seconds;
        sum.buckets.iter_mut().zip(s.buckets).for_each(|(sum, n)| *sum += n);
    }
    let times = times.into_iter().map(|((path, method), t)| ([("path", path), ("method", method)], t));
    page.family("ems_request", "How long requests took.", "seconds", MetricType::Histogram, times, |of, t| {
        let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(t.buckets).collect();
        of.encode_histogram::<NoLabelSet>(t.seconds, t.count, &buckets, None)
    })
}

/// Requests of one path and method.
#[derive(Default)]
struct Times {
    count: u64,
    buckets: [u64; BUCKETS],
    seconds: f64,
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// A label: its name and its value.
type Label<'a> = (&'a str, &'a str);

/// Where families are written. A name is given without its unit and without `_total`.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn family<L: EncodeLabelSet, V>(
        &mut self,
        name: &str,
        help: &str,
        unit: &str,
        kind: MetricType,
        samples: impl IntoIterator<Item = (L, V)>,
        mut write: impl FnMut(&mut MetricEncoder<'_>, V) -> fmt::Result,
    ) -> fmt::Result {
        let unit = (!unit.is_empty()).then(|| Unit::Other(unit.into()));
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), kind)?;
        for (labels, value) in samples {
            write(&mut family.encode_family(&labels)?, value)?;
        }
        Ok(())
    }

    fn counters<'l, const N: usize, V: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        unit: &str,
        samples: impl IntoIterator<Item = ([Label<'l>; N], V)>,
    ) -> fmt::Result {
        self.family(name, help, unit, MetricType::Counter, samples, |of, v| {
            of.encode_counter::<NoLabelSet, V, u64>(&v, None)
        })
    }

    fn gauges<'l, const N: usize, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        unit: &str,
        samples: impl IntoIterator<Item = ([Label<'l>; N], V)>,
    ) -> fmt::Result {
        self.family(name, help, unit, MetricType::Gauge, samples, |of, v| of.encode_gauge(&v))
    }

    fn info<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = [Label<'l>; N]>,
    ) -> fmt::Result {
        let samples = samples.into_iter().map(|labels| (labels, ()));
        let none: [Label<'_>; 0] = [];
        self.family(name, help, "", MetricType::Info, samples, |of, ()| of.encode_info(&none))
    }
}
