//! What Prometheus gets: read back by a strict parser, with the lints that Prometheus' own tools have.
#![allow(clippy::unwrap_used)] // helpers of tests, too
#[allow(missing_docs)]
mod fake;
use fake::{Got, Rig};
use sluice_mgmt::alarms::{Cause, Severity};
use sluice_mgmt::metrics::Format;
use sluice_mgmt::vnf::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const OPEN: &str = "accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
/// A name that an interface could have, with everything that must be escaped.
const EVIL: &str = "a\"b\\c\nd";

type Labels = BTreeMap<String, String>;

/// What a page says: families by name, and samples by name and labels.
#[derive(Debug, Default)]
struct Page {
    kinds: BTreeMap<String, String>,
    units: BTreeMap<String, String>,
    samples: BTreeMap<(String, Labels), f64>,
}

impl Page {
    fn get(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels = labels.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let found = self.samples.get(&(name.to_string(), labels));
        *found.unwrap_or_else(|| panic!("no {name}: {:#?}", self.samples.keys()))
    }
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Reads `name="value",...}` behind the opening brace; what is left behind the closing one.
fn labels(mut rest: &str) -> (Labels, &str) {
    let mut all = Labels::new();
    loop {
        let (name, behind) = rest.split_once("=\"").expect("a label");
        assert!(is_name(name), "label name {name:?}");
        let (mut value, mut chars) = (String::new(), behind.char_indices());
        let end = loop {
            match chars.next().expect("the end of a label's value") {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next().expect("an escape").1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    c => panic!("escape of {c:?}"),
                }),
                (_, c) => value.push(c),
            }
        };
        assert!(all.insert(name.into(), value).is_none(), "label {name} twice");
        rest = &behind[end + 1..];
        match rest.split_at(1) {
            (",", behind) => rest = behind,
            ("}", behind) => return (all, behind),
            other => panic!("behind a label: {other:?}"),
        }
    }
}

/// Endings that samples of a kind have beyond the name of their family.
fn endings(kind: &str, open: bool) -> &'static [&'static str] {
    match (kind, open) {
        ("counter", true) => &["_total"],
        ("info", true) => &["_info"],
        ("histogram", _) => &["_bucket", "_count", "_sum"],
        ("counter" | "gauge", _) => &[""],
        (kind, _) => panic!("kind {kind}"),
    }
}

/// Reads a page, strictly: families in one piece, each with HELP and TYPE before its samples, no sample twice.
fn parse(text: &str, open: bool) -> Page {
    let mut page = Page::default();
    let text = match open {
        true => text.strip_suffix("# EOF\n").expect("# EOF at the end"),
        false => text,
    };
    let (mut family, mut helped) = (String::new(), BTreeSet::new());
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let [what, name, value] = comment.splitn(3, ' ').collect::<Vec<_>>().try_into().expect("three words");
            assert!(is_name(name), "{line}");
            match what {
                "HELP" => {
                    assert!(helped.insert(name.to_string()), "{name} twice");
                    assert!(value.len() > 1 && value.ends_with('.'), "{line}");
                    family = name.into();
                }
                "TYPE" => {
                    assert_eq!(name, family, "HELP comes first");
                    assert!(page.kinds.insert(name.into(), value.into()).is_none(), "{line}");
                }
                "UNIT" => {
                    assert!(open && name == family && name.ends_with(&format!("_{value}")), "{line}");
                    page.units.insert(name.into(), value.into());
                }
                _ => panic!("{line}"),
            }
            continue;
        }
        let end = line.find(['{', ' ']).expect("a name");
        let name = &line[..end];
        let (labels, value) = match &line[end..=end] {
            "{" => labels(&line[end + 1..]),
            _ => (Labels::new(), &line[end..]),
        };
        let kind = page.kinds.get(&family).unwrap_or_else(|| panic!("no TYPE: {line}"));
        let ending = name.strip_prefix(&family).unwrap_or_else(|| panic!("{line} is not of {family}"));
        assert!(endings(kind, open).contains(&ending), "{line}: a {kind}");
        let value: f64 = value.strip_prefix(' ').expect("one blank").parse().unwrap_or_else(|e| panic!("{line}: {e}"));
        assert!(value.is_finite() && value >= 0.0, "{line}");
        assert!(page.samples.insert((name.into(), labels), value).is_none(), "twice: {line}");
    }
    lint(&page, open);
    page
}

/// Base units, `_total` for counters and only for them, and histograms that count up to their number.
fn lint(page: &Page, open: bool) {
    for (name, kind) in &page.kinds {
        let total = name.ends_with("_total");
        assert_eq!(total, kind == "counter" && !open, "{name} is a {kind}");
        for word in name.split('_') {
            let wrong = ["ns", "ms", "milliseconds", "nanoseconds", "kb", "mb", "bits", "percent", "counter", "gauge"];
            assert!(!wrong.contains(&word), "{name}: no base unit");
        }
        if open && ["_seconds", "_bytes", "_ratio"].iter().any(|u| name.ends_with(u)) {
            assert!(page.units.contains_key(name), "{name} has no UNIT");
        }
        if kind == "histogram" {
            let of =
                |ending: &'static str| page.samples.iter().filter(move |((n, _), _)| *n == format!("{name}{ending}"));
            for ((_, labels), count) in of("_count") {
                let mut buckets: Vec<(f64, f64)> = of("_bucket")
                    .filter(|((_, l), _)| labels.iter().all(|(k, v)| l.get(k) == Some(v)))
                    .map(|((_, l), n)| (if l["le"] == "+Inf" { f64::INFINITY } else { l["le"].parse().unwrap() }, *n))
                    .collect();
                buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
                assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "{name}: {buckets:?}");
                assert_eq!(*buckets.last().unwrap(), (f64::INFINITY, *count), "{name}");
            }
        }
    }
}

fn side(packets: u64) -> Option<PortSide> {
    let dropped = [("ring_full".to_string(), 4)].into();
    Some(PortSide { packets, bytes: packets * 64, lost_before: 3, dropped })
}

/// A snapshot of `elements` elements.
fn snapshot(elements: usize) -> Snapshot {
    let element = |n: usize| GraphElement {
        name: format!("lan/q{n}"),
        class: "Queue".into(),
        config: "1000".into(),
        counters: ElementCounters {
            packets_in: 1_000_000 + n as u64,
            packets_out: 999_990,
            held: 7,
            dropped: [("queue_full".to_string(), 3)].into(),
        },
    };
    let port = |name: &str| Port {
        name: name.into(),
        driver: "xdp".into(),
        up: true,
        mac: None,
        received: side(100),
        sent: side(50),
    };
    Snapshot {
        totals: Totals { received: 100, created: 1, transmitted: 50, consumed: 2, dropped: 42, held: 7 },
        dropped: [("no_route".to_string(), 42)].into(),
        ports: vec![port("eth0"), port(EVIL)],
        elements: (0..elements).map(element).collect(),
        workers: vec![
            Worker { core: Some(3), rounds: 10, busy_rounds: 5, cpu_ns: 2_500_000_000, packets: 160 },
            Worker { core: None, ..Worker::default() },
        ],
        buffers: [100, 1000],
        resident_bytes: 20 << 20,
        process_cpu_ns: 1_500_000_000,
        ..Snapshot::default()
    }
}

fn rig(elements: usize) -> Rig {
    let rig = Rig::new();
    rig.vnf.0.lock().unwrap().snapshot = snapshot(elements);
    rig.ems.alarms.raise("port/eth1", Cause::LossOfSignal, Severity::Major, "eth1 is down");
    rig.ems.requests.count("/v1/functions/{name}", "GET", 200, Duration::from_millis(3));
    rig.ems.requests.count("/v1/functions/{name}", "GET", 404, Duration::from_secs(30));
    rig
}

async fn open(rig: &Rig) -> Got {
    rig.send("GET", "/metrics", &[OPEN], "").await
}

#[tokio::test]
async fn every_counter_of_the_snapshot_is_there_under_its_name() {
    let page = parse(&open(&rig(2)).await.text(), true);
    for (port, way, packets) in [("eth0", "received", 100.0), (EVIL, "received", 100.0), ("eth0", "sent", 50.0)] {
        assert_eq!(page.get(&format!("sluice_port_{way}_packets_total"), &[("port", port)]), packets);
        assert_eq!(page.get(&format!("sluice_port_{way}_bytes_total"), &[("port", port)]), packets * 64.0);
    }
    let lost = |way, reason| {
        page.get("sluice_port_lost_packets_total", &[("port", "eth0"), ("direction", way), ("reason", reason)])
    };
    let all = [lost("received", "before_port"), lost("received", "ring_full"), lost("sent", "ring_full")];
    assert_eq!(all, [3.0, 4.0, 4.0]);
    let element = [("element", "lan/q1"), ("class", "Queue")];
    assert_eq!(page.get("sluice_element_received_packets_total", &element), 1_000_001.0);
    assert_eq!(page.get("sluice_element_sent_packets_total", &element), 999_990.0);
    assert_eq!(page.get("sluice_element_held_packets", &element), 7.0);
    let full = [element[0], element[1], ("reason", "queue_full")];
    assert_eq!(page.get("sluice_element_dropped_packets_total", &full), 3.0);
    assert_eq!(page.get("sluice_dropped_packets_total", &[("reason", "no_route")]), 42.0);
    let totals = [("received", 100.0), ("created", 1.0), ("transmitted", 50.0), ("consumed", 2.0), ("dropped", 42.0)];
    for (what, n) in totals {
        assert_eq!(page.get(&format!("sluice_packets_{what}_total"), &[]), n);
    }
    let worker = [("worker", "0"), ("core", "3")];
    assert_eq!(page.get("sluice_worker_rounds_total", &worker), 10.0);
    assert_eq!(page.get("sluice_worker_busy_rounds_total", &worker), 5.0);
    assert_eq!(page.get("sluice_worker_cpu_seconds_total", &worker), 2.5);
    assert_eq!(page.get("sluice_worker_packets_total", &worker), 160.0);
    assert_eq!(page.get("sluice_worker_burst_packets", &worker), 32.0);
    assert_eq!(page.get("sluice_worker_burst_packets", &[("worker", "1"), ("core", "")]), 0.0);
    assert_eq!(page.get("sluice_buffers", &[("state", "free")]), 900.0);
    assert_eq!(page.get("process_resident_memory_bytes", &[]), f64::from(20 << 20));
    assert_eq!(page.get("process_cpu_seconds_total", &[]), 1.5);
    assert_eq!(page.get("sluice_port_up", &[("port", EVIL)]), 1.0);
}

#[tokio::test]
async fn state_revision_alarms_and_requests_are_shown() {
    let rig = rig(1);
    rig.put("/v1/functions/main?confirm-within=60", "second").await;
    let page = parse(&open(&rig).await.text(), true);
    assert_eq!(page.get("sluice_function_revision", &[("function", "main")]), 2.0);
    let states: Vec<_> = page.samples.iter().filter(|((name, _), _)| name == "sluice_vnf_state").collect();
    assert_eq!((states.len(), states.iter().map(|(_, n)| **n).sum::<f64>()), (4, 1.0));
    assert_eq!(page.get("sluice_vnf_state", &[("state", "running")]), 1.0);
    assert_eq!(page.get("sluice_alarms", &[("severity", "major")]), 1.0);
    assert_eq!(page.get("sluice_alarms", &[("severity", "critical")]), 0.0);
    assert_eq!(page.get("sluice_build_info", &[("component", "sluice"), ("version", "0.1.0")]), 1.0);
    let get = [("path", "/v1/functions/{name}"), ("method", "GET")];
    assert_eq!(page.get("ems_requests_total", &[get[0], get[1], ("status", "404")]), 1.0);
    assert_eq!(page.get("ems_request_seconds_count", &get), 2.0);
    assert_eq!(page.get("ems_request_seconds_bucket", &[get[0], get[1], ("le", "0.005")]), 1.0);
    assert_eq!(page.get("ems_request_seconds_bucket", &[get[0], get[1], ("le", "5.0")]), 1.0);
    assert!(page.get("ems_request_seconds_sum", &get) > 30.0);
}

#[tokio::test]
async fn both_formats_say_the_same_each_with_its_media_type() {
    let rig = rig(3);
    let (new, old) = (open(&rig).await, rig.get("/metrics").await);
    assert_eq!(new.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!(old.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(old.header("vary"), "accept");
    let (new, old) = (parse(&new.text(), true), parse(&old.text(), false));
    let rest = |page: &Page| -> Vec<_> {
        page.samples.clone().into_iter().filter(|((_, labels), _)| !labels.contains_key("le")).collect()
    };
    assert_eq!(rest(&new), rest(&old));
}

#[test]
fn the_format_is_what_accept_prefers() {
    let cases = [
        ("", Format::Text),
        ("*/*", Format::Text),
        ("application/openmetrics-text", Format::OpenMetrics),
        ("application/openmetrics-text; version=0.0.1", Format::OpenMetrics),
        ("application/openmetrics-text; version=2.0.0", Format::Text),
        ("text/plain;version=0.0.4, application/openmetrics-text;q=0.2", Format::Text),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;q=0.4,*/*;q=0.1",
            Format::OpenMetrics,
        ),
        ("application/openmetrics-text;q=0", Format::Text),
        ("application/openmetrics-text;q=x,,;;=;", Format::Text),
    ];
    for (accept, format) in cases {
        assert_eq!(Format::accepted(accept), format, "{accept}");
    }
}

#[tokio::test]
async fn a_vnf_that_has_counted_nothing_has_a_page_too() {
    let rig = Rig::new();
    parse(&open(&rig).await.text(), true);
    parse(&rig.get("/metrics").await.text(), false);
}

#[tokio::test]
#[ignore = "a measurement: cargo test --release -p sluice-mgmt --test metrics -- --ignored --nocapture"]
#[allow(clippy::disallowed_methods)] // it measures
async fn how_long_100_elements_take() {
    let rig = rig(100);
    let size = open(&rig).await.body.len();
    let start = std::time::Instant::now();
    for _ in 0..1000 {
        open(&rig).await;
    }
    println!("{size} bytes, {} us with routing", start.elapsed().as_micros() / 1000);
}
