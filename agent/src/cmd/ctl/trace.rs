//! What happens to single packets of the running VNF.
use super::session::{Done, Session, Trouble};
use super::table::plain;
use crate::cmd::run::duration;
use crate::cmd::trace::headline;
use crate::signals;
use serde_json::json;
use sluice_mgmt::client::{Call, path};
use sluice_mgmt::clock;
use sluice_mgmt::vnf::{FieldChange, TraceRequest, TraceStep, TracedPacket};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Between two looks at what was recorded.
const EVERY: Duration = Duration::from_millis(200);

/// Follows packets through the running function: the elements they pass, the fields that change, how they end.
#[derive(clap::Args)]
pub(crate) struct Trace {
    /// How many packets are followed.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=256))]
    count: u16,
    /// The port or element whose packets are followed; any if not given.
    #[arg(long)]
    port: Option<String>,
    /// Follows only packets that match this expression (the language of IPFilter).
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
    /// Waits no longer than this for packets.
    #[arg(long = "for", value_name = "TIME", default_value = "10s", value_parser = duration)]
    for_time: Duration,
}

pub(super) fn trace(s: &Session, args: &Trace) -> Done {
    let end = signals::end_requested().map_err(|e| Trouble::Usage(e.to_string()))?;
    let request = TraceRequest { count: args.count, port: args.port.clone(), filter: args.filter.clone() };
    let mut answer = s.send(&Call::post("/v1/trace").json(&json!(request)))?.json()?;
    let mut trace: sluice_mgmt::vnf::Trace = s.as_type(&answer)?;
    let until = clock::monotonic() + args.for_time;
    while trace.left > 0 && clock::monotonic() < until && !end.load(Relaxed) {
        std::thread::sleep(EVERY);
        answer = s.get(&path::v1(&["trace", &trace.id.to_string()]))?;
        trace = s.as_type(&answer)?;
    }
    s.show(&answer, |_| {
        let mut out: String = trace.packets.iter().enumerate().map(|(i, p)| page(i + 1, p)).collect();
        if trace.left > 0 {
            out += &format!("{} more did not come\n", trace.left);
        }
        Ok(plain(&out))
    })
}

/// One packet's way: a line for each element, with what it changed.
fn page(number: usize, p: &TracedPacket) -> String {
    let frame = bytes(&p.frame);
    let head = headline(&frame);
    let mut out = format!("packet {number}  from {}  {} bytes  at {}  {head}\n", p.source, frame.len(), p.time);
    let title = |s: &TraceStep| format!("{} :: {}", s.element, s.class);
    let width = p.steps.iter().map(|s| title(s).chars().count()).max().unwrap_or(0).min(48);
    for s in &p.steps {
        let input = s.input.map_or("      ".to_string(), |i| format!("in [{i}]"));
        let changes: Vec<String> = s.changes.iter().map(change).collect();
        let line = format!("  {:<width$}  {input}  {:<12}  {}", title(s), s.end, changes.join("; "));
        out += line.trim_end();
        out.push('\n');
    }
    out.push('\n');
    out
}

fn change(c: &FieldChange) -> String {
    match (c.from.is_empty(), c.to.is_empty()) {
        (true, _) => format!("+ {} {}", c.field, c.to),
        (_, true) => format!("- {} {}", c.field, c.from),
        _ => format!("{} {} -> {}", c.field, c.from, c.to),
    }
}

/// Bytes from hexadecimal digits, as far as they are some.
fn bytes(hex: &str) -> Vec<u8> {
    let digit = |b: &u8| char::from(*b).to_digit(16).map(|d| d as u8);
    hex.as_bytes().chunks_exact(2).map_while(|c| Some(digit(&c[0])? << 4 | digit(&c[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_become_bytes() {
        assert_eq!(bytes("00ff7E"), [0, 255, 0x7e]);
        assert_eq!((bytes("0"), bytes("12zz34")), (vec![], vec![0x12]));
    }
}
