//! The routing table by itself: look-ups, building, live changes, memory; against a trie of another author.
use crate::harness::{Bench, Cost, Goal, Line, Subject, Table};
use crate::ring::{self, Random, SETS, Traffic};
use crate::router::routes;
use prefix_trie::PrefixMap;
use sluice_dataplane::io::affinity::thread_cpu_time;
use sluice_elements::lookup::fib::{Begun, Fib, Hop, Route};
use std::hint::black_box;

/// Numbers of prefixes.
const SIZES: [usize; 4] = [4, 1_000, 100_000, 1_000_000];
/// Look-ups in a round.
const BURST: usize = 32;
const BASELINE: &str = "prefix-trie";
/// Live changes that are timed at once.
const CHANGES: usize = 1000;

fn trie(routes: &[Route]) -> PrefixMap<(u32, u8), Hop> {
    let entry = |r: &Route| ((r.addr, r.length as u8), Hop { gateway: r.gateway, output: r.output });
    routes.iter().map(entry).collect()
}

/// Looks up all addresses by turns, a burst a round.
fn rounds(addrs: Vec<u32>, mut lookup: impl FnMut(&[u32]) -> u32 + 'static) -> impl FnMut() {
    let mut at = 0;
    move || {
        black_box(lookup(&addrs[at..at + BURST]));
        at = (at + BURST) % addrs.len();
    }
}

/// Something that depends on the result, so that it must be computed.
fn digest(hop: Option<Hop>) -> u32 {
    hop.map_or(0, |h| u32::from(h.gateway) ^ u32::from(h.output))
}

/// Milliseconds of processor time that `f` takes.
fn milliseconds<T>(f: impl FnOnce() -> T) -> (f64, T) {
    let start = thread_cpu_time();
    let made = f();
    ((thread_cpu_time() - start).as_secs_f64() * 1e3, made)
}

pub(crate) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    for (set, packets, flows) in SETS {
        // The harness counts rounds by packets; these subjects look up addresses instead.
        let traffic = Traffic::new(set, |_| ring::udp_frame([10, 0, 0, 1], [10, 0, 0, 2], 1000, 2000));
        let mut lines = Vec::new();
        for n in SIZES {
            let (routes, inside) = routes(n, 4);
            let addrs: Vec<u32> = (0..packets).map(|i| inside[i % flows % n]).collect();
            let subjects = vec![
                Subject::new(format!("trie {n}"), BURST, || {
                    let trie = trie(&routes);
                    rounds(addrs.clone(), move |some| {
                        let hop = |a: &u32| trie.get_lpm(&(*a, 32)).map(|(_, hop)| *hop);
                        some.iter().map(|a| digest(hop(a))).fold(0, u32::wrapping_add)
                    })
                }),
                Subject::new(format!("fib {n}"), BURST, || {
                    let (fib, _) = Fib::build(&routes).unwrap_or_default();
                    let mut begun = [Begun::default(); BURST];
                    rounds(addrs.clone(), move |some| {
                        some.iter().zip(&mut begun).for_each(|(a, b)| *b = fib.begin((*a).into()));
                        let hops = some.iter().zip(&begun).map(|(a, b)| fib.finish(*b, (*a).into()));
                        hops.map(digest).fold(0, u32::wrapping_add)
                    })
                }),
            ];
            let costs = bench.compare(&traffic, subjects);
            if let [trie, fib] = costs[..] {
                lines.push(Line::new(format!("look-up, {n} prefixes"), fib, BASELINE, trie).goal(Goal::AtMost(6.0)));
            }
        }
        if bench.measures() {
            let title = format!("Routing table, {set}: {} addresses by turns", flows.min(packets));
            bench.tables.push(Table { title, unit: "ns/look-up".into(), lines });
        }
    }
    if bench.measures() {
        changes(bench);
    }
    Ok(())
}

/// Building and live changes of the largest table.
fn changes(bench: &mut Bench) {
    let n = SIZES[SIZES.len() - 1];
    let (routes, _) = routes(n, 4);
    let mut random = Random::new();
    let (mut build, mut build_trie, mut change, mut change_trie) = (vec![], vec![], vec![], vec![]);
    let mut memory = f64::NAN;
    for _ in 0..5 {
        let (ms, made) = milliseconds(|| Fib::build(&routes));
        let (ms_trie, mut other) = milliseconds(|| trie(&routes));
        build.push(ms);
        build_trie.push(ms_trie);
        let Ok((mut fib, _)) = made else { continue };
        let some: Vec<Route> = (0..CHANGES).map(|_| routes[random.below(n)]).collect();
        let each = 1e3 / (2 * CHANGES) as f64; // microseconds; a removal and an addition
        let work = || {
            for r in &some {
                if let Ok(old) = fib.remove(r.addr, r.length, |_| true) {
                    let _ = black_box(fib.add(old)); // it was there a moment ago
                }
            }
        };
        change.push(milliseconds(work).0 * each);
        let work = || {
            for r in &some {
                let key = (r.addr, r.length as u8);
                if let Some(hop) = other.remove(&key) {
                    other.insert(key, hop);
                }
            }
        };
        change_trie.push(milliseconds(work).0 * each);
        memory = fib.bytes() as f64 / 1e6;
    }
    let title = format!("Routing table of {n} prefixes");
    let build = Line::new("built at once", Cost::of(build), BASELINE, Cost::of(build_trie)).goal(Goal::AtMost(300.0));
    bench.tables.push(Table { title: title.clone(), unit: "ms".into(), lines: vec![build] });
    let change = Line::new("a route added or removed", Cost::of(change), BASELINE, Cost::of(change_trie));
    bench.tables.push(Table { title: title.clone(), unit: "us".into(), lines: vec![change] });
    let memory = Cost::of(vec![memory]);
    let lines = vec![Line::new("memory for look-ups", memory, "itself", memory)];
    bench.tables.push(Table { title, unit: "MB".into(), lines });
}
