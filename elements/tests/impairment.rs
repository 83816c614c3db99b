//! Packets that impairments hold survive a change of the graph.
mod common;

use common::Bench;

#[test]
fn packets_held_back_survive_a_hot_swap() {
    for (old, new, kept) in [
        ("RandomDelay(10ms)", "RandomDelay(99ms)", 3),
        ("RandomDelay(10ms)", "RandomDelay(99ms, CAPACITY 2)", 2),
        ("RandomReorder(1, 9, TIMEOUT 10ms)", "RandomReorder(0)", 3),
    ] {
        let graph =
            |packets: &str, element: &str| format!("in :: TestIn({packets}) -> e :: {element} -> out :: TestOut;");
        let mut bench = Bench::new(&graph("text one, text two, text three", old), 32);
        bench.engine.run_simulated(1);
        assert_eq!(bench.engine.totals().held, 3, "{old}");
        bench.load(&graph("", new));
        bench.engine.run_simulated(1000);
        let seen = bench.read("out.seen").expect("seen");
        assert_eq!(seen.lines().count(), kept, "{new}: {seen}");
        assert_eq!(bench.engine.drops().iter().map(|d| d.1).sum::<u64>(), 3 - kept as u64, "{new}");
        bench.engine.check(0).expect("counters add up");
    }
}
