//! What the engine itself costs: its rounds, its edges, its elements that do nothing.
use crate::harness::{Bench, Cost, Goal, Line, Subject, Table};
use crate::ring::{self, Random, Traffic};
use sluice_dataplane::batch::Batch;

/// Elements of the long chain.
const NULLS: usize = 64;

pub(crate) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let mut random = Random::new();
    let traffic = Traffic::new("cold", |_| {
        let r = random.next().to_be_bytes();
        ring::udp_frame([10, 0, 0, 1], [10, 1, r[1], r[2]], 1000, 2000)
    });
    let runs = |config: &str, burst: usize| {
        let config = config.to_string();
        move || {
            let mut e = ring::engine(&config, burst);
            move || {
                e.round();
            }
        }
    };
    let plain = "RingSource -> RingSink;";
    let chain = format!("RingSource {} -> RingSink;", "-> Null ".repeat(NULLS));
    let check = "RingSource -> CheckIPHeader(14) -> DecIPTTL -> RingSink;";
    let by_hand = || {
        let mut batch = Batch::default();
        move || {
            ring::take(&mut batch, 32);
            ring::give(&mut batch);
        }
    };
    let mut subjects = vec![
        Subject::new("by hand", 32, by_hand),
        Subject::new("engine", 32, runs(plain, 32)),
        Subject::new("chain", 32, runs(&chain, 32)),
        Subject::new("check", 32, runs(check, 32)),
    ];
    let bursts = [1, 2, 4, 8, 16, 64];
    subjects.extend(bursts.map(|b| Subject::new(format!("burst {b}"), b, runs(plain, b))));
    let costs = bench.compare(&traffic, subjects);
    if !bench.measures() {
        return Ok(());
    }
    let [hand, engine, chain, check] = costs[..4] else { unreachable!("one cost a subject") };
    let each = |a: f64, b: f64| (a - b) / NULLS as f64;
    let median = each(chain.median, engine.median);
    // Extremes of two subjects need not be of the same turn.
    let null =
        Cost { median, min: each(chain.min, engine.min).min(median), max: each(chain.max, engine.max).max(median) };
    let counts = ["by hand", "engine", "chain", "check"].map(|s| bench.instructions(&traffic, s));
    let null_count = counts[1].zip(counts[2]).map(|(e, c)| each(c, e));
    let mut lines = vec![
        Line::new("ring to ring, by hand", hand, "itself", hand).instructions(counts[0]),
        Line::new("ring to ring, engine", engine, "by hand", hand).instructions(counts[1]),
        Line::new(format!("one empty element more (of {NULLS})"), null, "ring to ring", engine)
            .goal(Goal::AtMost(0.15))
            .instructions(null_count),
        Line::new("with CheckIPHeader and DecIPTTL", check, "ring to ring", engine).instructions(counts[3]),
    ];
    lines.extend(
        bursts
            .iter()
            .zip(&costs[4..])
            .map(|(b, c)| Line::new(format!("ring to ring, burst {b}"), *c, "burst 32", engine)),
    );
    bench.tables.push(Table { title: "Engine, burst 32, 8,192 packets".into(), unit: "ns/packet".into(), lines });
    Ok(())
}
