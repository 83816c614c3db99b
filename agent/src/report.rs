//! What a run leaves behind: every counter, and every drop with its reason and place.
use sluice_dataplane::engine::Engine;
use sluice_dataplane::graph::Edge;
use sluice_dataplane::handler::Call;
use sluice_dataplane::port::{Direction, PortSlot};
use sluice_dataplane::reason::Reason;
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

/// Everything that the engine counted, as a person reads it.
pub(crate) fn summary(engine: &mut Engine) -> String {
    let mut out = String::new();
    ports(engine, &mut out);
    elements(engine, &mut out);
    drops(engine, &mut out);
    balance(engine, &mut out);
    out
}

fn ports(engine: &Engine, out: &mut String) {
    for p in engine.ports() {
        let c = &p.counters;
        let verb = if p.spec.direction == Direction::Receive { "received" } else { "sent" };
        let _ = write!(
            out,
            "port {:<12} {verb:>8} {:>12} packets {:>15} bytes",
            p.spec.device.name(),
            grouped(c.packets.get()),
            grouped(c.bytes.get())
        );
        if p.spec.direction == Direction::Receive {
            let _ = write!(out, "   lost before the port {}", grouped(c.kernel_drops.get()));
        }
        let dropped = lost_at(p);
        let _ = writeln!(out, "{}", if dropped.is_empty() { String::new() } else { format!("   dropped: {dropped}") });
    }
}

fn lost_at(p: &PortSlot) -> String {
    let seen = Reason::ALL.iter().filter(|r| p.counters.dropped[**r as usize].get() > 0);
    seen.map(|r| format!("{} {}", r.name(), p.counters.dropped[*r as usize].get())).collect::<Vec<_>>().join(", ")
}

fn elements(engine: &Engine, out: &mut String) {
    let t = engine.topology();
    let held = engine.held();
    let width = t.nodes.iter().map(|n| n.name.len() + n.class.info.class.len() + 4).max().unwrap_or(0).min(60);
    let _ = writeln!(out, "\n{:<width$} {:>12} {:>12} {:>12} {:>8}", "element", "in", "out", "dropped", "held");
    for (i, n) in t.nodes.iter().enumerate() {
        let sum = |end: fn(&Edge) -> u32| -> u64 {
            t.edges.iter().zip(&t.counts.edges).filter(|(e, _)| end(e) as usize == i).map(|e| e.1.get()).sum()
        };
        let name = format!("{} :: {}", n.name, n.class.info.class);
        let (inside, outside) = (sum(|e| e.to), sum(|e| e.from));
        let _ = writeln!(
            out,
            "{name:<width$} {:>12} {:>12} {:>12} {:>8}",
            grouped(inside),
            grouped(outside),
            grouped(t.counts.nodes[i].drops()),
            grouped(held[i] as u64)
        );
    }
}

/// Drops by reason and element, and by rule where the element has rules.
fn drops(engine: &mut Engine, out: &mut String) {
    let all = engine.drops();
    if all.is_empty() {
        out.push_str("\nno packet was dropped\n");
        return;
    }
    out.push_str("\ndropped\n");
    let mut filters = Vec::new();
    for (reason, total) in all {
        let _ = writeln!(out, "  {:<16} {:>12}", reason.name(), grouped(total));
        let t = engine.topology();
        let mut seen = 0;
        for (i, n) in t.nodes.iter().enumerate() {
            let here = t.counts.nodes[i].dropped[reason as usize].get();
            if here == 0 {
                continue;
            }
            seen += here;
            let _ = writeln!(out, "    {:<20} {:>12}", n.name, grouped(here));
            let has_rules = n.class.info.handlers.iter().any(|h| h.name == "rules");
            if reason == Reason::Filtered && has_rules {
                filters.push(n.name.clone());
            }
        }
        if seen < total {
            let _ = writeln!(out, "    {:<20} {:>12}", "(earlier graphs)", grouped(total - seen));
        }
    }
    for name in filters {
        let Ok(rules) = engine.call(Call::read(format!("{name}.rules"), "")) else { continue };
        let _ = writeln!(out, "\nrules of {name}\n  {:>4} {:>12}  rule", "", "packets");
        for line in rules.lines() {
            let mut f = line.splitn(4, '\t');
            let (n, packets) = (f.next().unwrap_or(""), f.next().unwrap_or(""));
            let rule: Vec<&str> = f.collect();
            let _ = writeln!(out, "  {n:>4} {packets:>12}  {}", rule.join(" "));
        }
    }
}

/// The equation that always holds.
fn balance(engine: &Engine, out: &mut String) {
    let t = engine.totals();
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
