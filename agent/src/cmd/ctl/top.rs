//! What the VNF does now, again and again.
use super::session::{Done, Session, Trouble, print};
use super::stats::{port_table, short, workers};
use super::table::{Table, plain};
use super::terminal::Screen;
use crate::signals;
use sluice_mgmt::clock;
use sluice_mgmt::routes::stats::Stats;
use sluice_mgmt::vnf::{ElementCounters, Snapshot};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Longest sleep: a signal is seen that soon.
const NAP: Duration = Duration::from_millis(100);

/// Rates of ports, elements, drops and workers, once a second, until Ctrl-C or q. Without a terminal, a block a second.
#[derive(clap::Args)]
pub(crate) struct Top {
    /// Ends after so many times.
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<u64>,
}

pub(super) fn top(s: &Session, args: &Top) -> Done {
    let end = signals::end_requested().map_err(|e| Trouble::Usage(e.to_string()))?;
    let screen = if s.json { None } else { Screen::take() };
    let mut before: Option<Stats> = None;
    let mut shown = 0;
    while !end.load(Relaxed) {
        let started = clock::monotonic();
        let answer = s.get("/v1/stats")?;
        let now: Stats = s.as_type(&answer)?;
        let text = page(s.client.url(), before.as_ref().map(|b| &*b.snapshot), &now);
        match &screen {
            Some(screen) => screen.show(&text),
            None if s.json => print(&format!("{answer}\n"))?,
            None => print(&(text + "\n"))?,
        }
        before = Some(now);
        shown += 1;
        if args.count.is_some_and(|n| shown >= n) {
            break;
        }
        let until = started + EVERY;
        while !end.load(Relaxed) {
            let left = until.saturating_sub(clock::monotonic()).min(NAP);
            if left.is_zero() {
                break;
            }
            match &screen {
                Some(screen) if screen.quits_within(left) => return Ok(()),
                Some(_) => {}
                None => std::thread::sleep(left),
            }
        }
    }
    Ok(())
}

/// A page; elements and drops have rates from the second one on.
fn page(url: &str, before: Option<&Snapshot>, now: &Stats) -> String {
    let time = clock::rfc3339(now.snapshot.wall);
    let mut out = format!("{url}  {time}  drops {} pps\n\n", short(now.rates.drops_per_second));
    out += &port_table(now);
    out += "\n";
    out += &workers(now);
    let Some(before) = before else { return out };
    let seconds = now.snapshot.monotonic.saturating_sub(before.monotonic) as f64 / 1e9;
    if seconds <= 0.0 {
        return out; // the same snapshot again
    }
    // A counter that went back belongs to an element that is new.
    let per = |from: u64, to: u64| if to >= from { to - from } else { to } as f64 / seconds;
    let mut drops = Table::new(&["dropped", "pps"], &[1]);
    for (reason, n) in &now.snapshot.dropped {
        let rate = per(before.dropped.get(reason).copied().unwrap_or(0), *n);
        if rate > 0.0 {
            drops.row([reason.clone(), short(rate)]);
        }
    }
    let mut elements = Table::new(&["element", "class", "in pps", "out pps", "dropped pps", "held"], &[2, 3, 4, 5]);
    let mut rows: Vec<(f64, [String; 6])> = Vec::new();
    for e in &now.snapshot.elements {
        let old = before.elements.iter().find(|o| o.name == e.name && o.class == e.class);
        let none = ElementCounters::default();
        let (old, new) = (old.map_or(&none, |o| &o.counters), &e.counters);
        let dropped = |c: &ElementCounters| c.dropped.values().sum::<u64>();
        let rates = [
            per(old.packets_in, new.packets_in),
            per(old.packets_out, new.packets_out),
            per(dropped(old), dropped(new)),
        ];
        let [into, out_of, lost] = rates.map(short);
        let row = [plain(&e.name), e.class.clone(), into, out_of, lost, new.held.to_string()];
        rows.push((rates[0].max(rates[1]), row));
    }
    // The busiest first; those that are equal keep the order of the graph.
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    rows.into_iter().for_each(|(_, row)| elements.row(row));
    out + "\n" + &drops.or("nothing is dropped") + "\n" + &elements.or("there is no element")
}
