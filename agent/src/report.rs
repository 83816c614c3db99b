//! What a run leaves behind: every counter, and every drop with its reason and place.
use sluice_dataplane::count::Totals;
use sluice_dataplane::engine::{Engine, Reach};
use sluice_dataplane::graph::Edge;
use sluice_dataplane::handler::Call;
use sluice_dataplane::port::{Direction, PortCounters, PortSpec};
use sluice_dataplane::reason::Reason;
use sluice_dataplane::worker::Ended;
use std::fmt::Write as _;

/// 1,234,567.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let first = digits.len() % 3;
    let groups = digits.char_indices().map(|(i, c)| {
        let comma = i > 0 && (i % 3) == first;
        if comma { format!(",{c}") } else { c.to_string() }
    });
    groups.collect()
}

/// Everything that the engines of one graph counted, as a person reads it.
pub(crate) fn summary(ended: &mut [Ended]) -> String {
    let mut out = String::new();
    ports(ended, &mut out);
    elements(ended, &mut out);
    drops(ended, &mut out);
    workers(ended, &mut out);
    balance(ended, &mut out);
    out
}

fn ports(ended: &[Ended], out: &mut String) {
    // What the ports of all workers on one device counted.
    let mut all: Vec<(&PortSpec, PortCounters)> = Vec::new();
    for p in ended.iter().flat_map(|e| e.engine.ports()) {
        let at = all.iter().position(|a| a.0.same_port(&p.spec)).unwrap_or_else(|| {
            all.push((&p.spec, PortCounters::default()));
            all.len() - 1
        });
        let sum = &all[at].1;
        sum.packets.add(p.counters.packets.get());
        sum.bytes.add(p.counters.bytes.get());
        sum.kernel_drops.add(p.counters.kernel_drops.get());
        sum.dropped.add_all(&p.counters.dropped);
    }
    for (spec, c) in all {
        let verb = if spec.direction == Direction::Receive { "received" } else { "sent" };
        let _ = write!(
            out,
            "port {:<12} {verb:>8} {:>12} packets {:>15} bytes",
            spec.device.name(),
            grouped(c.packets.get()),
            grouped(c.bytes.get())
        );
        if spec.direction == Direction::Receive {
            let _ = write!(out, "   lost before the port {}", grouped(c.kernel_drops.get()));
        }
        let dropped = lost_at(&c);
        let _ = writeln!(out, "{}", if dropped.is_empty() { String::new() } else { format!("   dropped: {dropped}") });
    }
}

fn lost_at(c: &PortCounters) -> String {
    let seen = Reason::ALL.iter().filter(|r| c.dropped.of(**r) > 0);
    seen.map(|r| format!("{} {}", r.name(), c.dropped.of(*r))).collect::<Vec<_>>().join(", ")
}

/// The sum of what `count` says of the element `name` in the graph of each worker.
fn over_workers(ended: &[Ended], name: &str, count: impl Fn(&Engine, usize) -> u64) -> u64 {
    ended.iter().filter_map(|e| Some(count(&e.engine, e.engine.topology().find(name)?))).sum()
}

fn elements(ended: &[Ended], out: &mut String) {
    let Some(first) = ended.first().map(|e| e.engine.topology()) else { return };
    let width = first.nodes.iter().map(|n| n.name.len() + n.class.info.class.len() + 4).max().unwrap_or(0).min(60);
    let _ = writeln!(out, "\n{:<width$} {:>12} {:>12} {:>12} {:>8}", "element", "in", "out", "dropped", "held");
    let passed = |e: &Engine, i: usize, end: fn(&Edge) -> u32| -> u64 {
        let t = e.topology();
        t.edges.iter().zip(&t.counts.edges).filter(|(e, _)| end(e) as usize == i).map(|e| e.1.get()).sum()
    };
    for n in &first.nodes {
        let sum = |count: &dyn Fn(&Engine, usize) -> u64| grouped(over_workers(ended, &n.name, count));
        let _ = writeln!(
            out,
            "{:<width$} {:>12} {:>12} {:>12} {:>8}",
            format!("{} :: {}", n.name, n.class.info.class),
            sum(&|e, i| passed(e, i, |e| e.to)),
            sum(&|e, i| passed(e, i, |e| e.from)),
            sum(&|e, i| e.topology().counts.nodes[i].drops()),
            sum(&|e, i| e.held_in(i) as u64)
        );
    }
}

/// Drops by reason and element, and by rule where the element has rules.
fn drops(ended: &mut [Ended], out: &mut String) {
    let all: Vec<(Reason, u64)> = ended.iter().flat_map(|e| e.engine.drops()).collect();
    if all.is_empty() {
        out.push_str("\nno packet was dropped\n");
        return;
    }
    out.push_str("\ndropped\n");
    let mut filters = Vec::new();
    for reason in Reason::ALL {
        let total: u64 = all.iter().filter(|d| d.0 == *reason).map(|d| d.1).sum();
        if total == 0 {
            continue;
        }
        let _ = writeln!(out, "  {:<16} {:>12}", reason.name(), grouped(total));
        let mut seen = 0;
        for n in ended.first().map_or(&[][..], |e| &e.engine.topology().nodes) {
            let count = |e: &Engine, i: usize| e.topology().counts.nodes[i].dropped.of(*reason);
            let here = over_workers(ended, &n.name, count);
            if here == 0 {
                continue;
            }
            seen += here;
            let _ = writeln!(out, "    {:<20} {:>12}", n.name, grouped(here));
            let has_rules = n.class.info.handlers.iter().any(|h| h.name == "rules");
            if *reason == Reason::Filtered && has_rules {
                filters.push(n.name.clone());
            }
        }
        if seen < total {
            let _ = writeln!(out, "    {:<20} {:>12}", "(earlier graphs)", grouped(total - seen));
        }
    }
    for name in filters {
        let Some(rules) = read(ended, &format!("{name}.rules")) else { continue };
        let _ = writeln!(out, "\nrules of {name}\n  {:>4} {:>12}  rule", "", "packets");
        for line in rules.lines() {
            let mut f = line.splitn(4, '\t');
            let (n, packets) = (f.next().unwrap_or(""), f.next().unwrap_or(""));
            let rule: Vec<&str> = f.collect();
            let _ = writeln!(out, "  {n:>4} {packets:>12}  {}", rule.join(" "));
        }
    }
}

/// What a handler gives, of all workers that have the element.
fn read(ended: &mut [Ended], path: &str) -> Option<String> {
    let reach = ended.first()?.engine.reach(path).ok()?;
    let mut ask = |worker: usize| ended.get_mut(worker)?.engine.call(Call::read(path, "")).ok();
    match reach {
        Reach::One(worker) => ask(worker),
        Reach::Every(merge) => Some(merge.join(&(0..).map_while(ask).collect::<Vec<_>>())),
    }
}

/// How the work was shared.
fn workers(ended: &[Ended], out: &mut String) {
    if ended.len() < 2 {
        return;
    }
    out.push('\n');
    for (n, e) in ended.iter().enumerate() {
        let [all, busy] = e.engine.rounds();
        let t = e.engine.totals();
        let _ = writeln!(
            out,
            "worker {n}: {} rounds, {:.0} % busy; received {}, transmitted {}, handed over {}",
            grouped(all),
            busy as f64 * 100.0 / all.max(1) as f64,
            grouped(t.received),
            grouped(t.transmitted),
            grouped(e.engine.handed_over())
        );
    }
}

/// The equation that always holds.
fn balance(ended: &[Ended], out: &mut String) {
    let t: Totals = ended.iter().map(|e| e.engine.totals()).sum();
    let _ = writeln!(
        out,
        "\nreceived {} + created {} = transmitted {} + consumed {} + dropped {} + held {}   ({})",
        grouped(t.received),
        grouped(t.created),
        grouped(t.transmitted),
        grouped(t.consumed),
        grouped(t.dropped),
        grouped(t.held),
        if t.add_up() { "exact" } else { "THE COUNTERS DO NOT ADD UP: please report this" }
    );
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn numbers_are_grouped_by_three() {
        assert_eq!(
            [0, 12, 123, 1234, 123456, 1234567].map(grouped),
            ["0", "12", "123", "1,234", "123,456", "1,234,567"]
        );
    }
}
