//! What is counted: ports, packets, drops, workers, memory.
use super::session::{Done, Session, print};
use super::table::{Table, plain};
use crate::live::scaled;
use crate::report::grouped;
use sluice_mgmt::client::path;
use sluice_mgmt::rates::Rate;
use sluice_mgmt::routes::stats::Stats;
use sluice_mgmt::vnf::PortSide;
use std::collections::BTreeMap;

pub(super) fn ports(s: &Session) -> Done {
    if s.json {
        return s.show(&s.get("/v1/ports")?, |_| Ok(String::new()));
    }
    // People want rates beside the counters, and both of one moment.
    let stats: Stats = s.as_type(&s.get("/v1/stats")?)?;
    print(&port_table(&stats))
}

pub(super) fn stats(s: &Session) -> Done {
    s.show(&s.get(&path::v1(&["stats"]))?, |answer| {
        let stats: Stats = s.as_type(answer)?;
        let parts = [port_table(&stats), drops(&stats), workers(&stats), memory(&stats), balance(&stats)];
        Ok(parts.join("\n"))
    })
}

/// Each direction of each port in a line.
pub(super) fn port_table(stats: &Stats) -> String {
    let titles = ["port", "driver", "link", "", "packets", "bytes", "pps", "bit/s", "lost", "lost/s"];
    let mut t = Table::new(&titles, &[4, 5, 6, 7, 8, 9]);
    let none = Rate::default();
    for p in &stats.snapshot.ports {
        let link = if p.up { "up" } else { "DOWN" };
        let (rates, all) = (&stats.rates, [("in", &p.received), ("out", &p.sent)]);
        for ((way, side), rates) in all.into_iter().zip([&rates.received, &rates.sent]) {
            let Some(side) = side else { continue };
            let rate = rates.get(&p.name).unwrap_or(&none);
            let per_second = [rate.packets_per_second, rate.bits_per_second].map(short);
            let counts = [grouped(side.packets), grouped(side.bytes)];
            let lost = [grouped(lost(side)), short(rate.lost_per_second)];
            let names = [plain(&p.name), p.driver.clone(), link.into(), way.into()];
            t.row(names.into_iter().chain(counts).chain(per_second).chain(lost));
        }
    }
    t.or("there is no port")
}

/// A rate, as short as it is read.
pub(super) fn short(rate: f64) -> String {
    scaled(rate).trim_end().to_string()
}

fn lost(side: &PortSide) -> u64 {
    side.lost_before + side.dropped.values().sum::<u64>()
}

/// Drops by reason, and where.
fn drops(stats: &Stats) -> String {
    let mut t = Table::new(&["dropped", "packets", "where"], &[1]);
    for (reason, all) in &stats.snapshot.dropped {
        let at = |dropped: &BTreeMap<String, u64>| dropped.get(reason).copied().filter(|n| *n > 0);
        let elements = stats.snapshot.elements.iter();
        let places = elements.filter_map(|e| Some(format!("{} {}", plain(&e.name), grouped(at(&e.counters.dropped)?))));
        t.row([reason.clone(), grouped(*all), places.collect::<Vec<_>>().join(", ")]);
    }
    t.or("no packet was dropped")
}

/// How busy each worker is.
pub(super) fn workers(stats: &Stats) -> String {
    let mut t = Table::new(&["worker", "core", "load", "busy rounds", "packets", "mean burst"], &[0, 1, 2, 3, 4, 5]);
    for (n, w) in stats.snapshot.workers.iter().enumerate() {
        let share = |of: &[f64]| of.get(n).map_or("-".into(), |x| format!("{:.0} %", x * 100.0));
        let core = w.core.map_or("-".into(), |c| c.to_string());
        let burst = format!("{:.1}", w.packets as f64 / w.busy_rounds.max(1) as f64);
        let (load, busy) = (share(&stats.rates.worker_load), share(&stats.rates.worker_busy));
        t.row([n.to_string(), core, load, busy, grouped(w.packets), burst]);
    }
    t.or("no worker runs")
}

fn memory(stats: &Stats) -> String {
    let snap = &stats.snapshot;
    let [used, all] = snap.buffers.map(grouped);
    let (mib, load) = (snap.resident_bytes as f64 / f64::from(1 << 20), stats.rates.process_load * 100.0);
    format!("buffers {used} of {all} in use; memory {mib:.1} MiB; process {load:.0} % of a core\n")
}

/// The equation that holds for the counters of one moment.
fn balance(stats: &Stats) -> String {
    let t = &stats.snapshot.totals;
    let [received, created, transmitted, consumed, dropped, held] =
        [t.received, t.created, t.transmitted, t.consumed, t.dropped, t.held].map(grouped);
    format!(
        "received {received} + created {created} = transmitted {transmitted} + consumed {consumed} + dropped {dropped} + held {held}\n"
    )
}
