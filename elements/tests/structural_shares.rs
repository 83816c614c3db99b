//! Next hops of the structural agent that share flows by weight.
mod common;

use common::Bench;
use std::fmt::Write;

/// Flow `n`: UDP between two addresses; `back`: the other way.
fn flow(n: usize, back: bool) -> String {
    let (a, b) = (format!("10.0.{}.{}", n / 200, 1 + n % 200), "10.9.0.1".to_string());
    let (source, destination) = (1000 + n, 53);
    match back {
        false => format!("ip {a} {b} / udp {source} {destination}"),
        true => format!("ip {b} {a} / udp {destination} {source}"),
    }
}

fn plain(n: usize, back: bool) -> String {
    format!("eth 02:00:00:00:00:01 02:00:00:00:00:02 / {}", flow(n, back))
}

/// An agent with the functions f, g and h, which keep what they get, these lines of its tables, and these packets for it.
fn graph(lines: &str, packets: impl Iterator<Item = String>) -> String {
    let packets: Vec<String> = packets.collect();
    let mut text = format!("in :: TestIn({});\n", packets.join(", "));
    text += &format!(
        "in -> a :: StructuralAgent(PORT A, FUNCTION f, FUNCTION g, FUNCTION h, {lines}) -> outa :: TestOut;\n"
    );
    for (n, function) in ["f", "g", "h"].iter().enumerate() {
        let n = n + 1;
        let _ = writeln!(text, "a[{n}] -> out{function} :: TestOut; Idle -> [{n}] a;"); // a string takes everything
    }
    text
}

/// One of two, at 1/255, for all that comes from A.
fn two(f: u16, g: u16) -> String {
    format!("PATH 1/255 SHARE {f} FUNCTION f, PATH 1/255 SHARE {g} FUNCTION g, RULE all FROM A TO 1/255")
}

fn ran(config: &str) -> Bench {
    let mut b = Bench::new(config, 32);
    run(&mut b);
    b
}

fn run(b: &mut Bench) {
    b.engine.run_simulated(100_000);
    b.engine.check(0).unwrap_or_else(|e| panic!("counters do not add up: {e}"));
}

/// The first column of the handler `paths`.
fn counts(b: &mut Bench) -> Vec<u64> {
    let text = b.read("a.paths").expect("paths");
    text.lines().map(|l| l.split('\t').next().and_then(|n| n.parse().ok()).expect("a number")).collect()
}

#[test]
fn of_4000_flows_each_next_hop_gets_its_weights_part() {
    let mut b = ran(&graph(&two(3, 1), (0..4000).map(|n| plain(n, false))));
    let text = b.read("a.paths").expect("paths");
    // The hash is the same everywhere. Were it a coin, 3000 would be left by more than 110 once in 16,000 times (4 standard deviations).
    assert_eq!(text, "4000\t1/255\tshared\n3026\t1/255/1\tf\t3\n974\t1/255/2\tg\t1\n");
    assert_eq!(b.read("a.given").expect("given"), "3026\tf\n974\tg\n0\th\n");
    let mut b = ran(&graph(&two(65535, 1), (0..4000).map(|n| plain(n, false))));
    assert_eq!(counts(&mut b), [4000, 4000, 0]);
}

#[test]
fn a_flow_meets_the_same_next_hop_in_both_directions_with_nsh_and_without() {
    const FLOWS: usize = 500;
    const WAYS: [&str; 5] = ["there", "back", "tagged", "a frame with NSH", "a packet with NSH"];
    let packet = |way: &str, n: usize| match way {
        "there" => plain(n, false),
        "back" => plain(n, true),
        "tagged" => format!("eth 02:00:00:00:00:01 02:00:00:00:00:02 / vlan 7 / {}", flow(n, false)),
        "a frame with NSH" => {
            format!("eth 02:00:00:00:00:03 02:00:00:00:00:04 / nsh 1 255 next=3 / {}", plain(n, false))
        }
        _ => format!("eth 02:00:00:00:00:03 02:00:00:00:00:04 / nsh 1 255 next=1 / {}", flow(n, false)),
    };
    let lines = "PATH 1/255 SHARE 1 FUNCTION f, PATH 1/255 SHARE 2 FUNCTION g, PATH 1/255 SHARE 1 FUNCTION h, RULE all FROM A TO 1/255";
    // By way, the flows that came to f and to h: what was sent alone says where it went.
    let mut met: Vec<(&str, [Vec<u64>; 2])> = Vec::new();
    for name in WAYS {
        let mut b = Bench::new(&graph(lines, std::iter::empty()), 32);
        let mut at = [Vec::new(), Vec::new()];
        for n in 0..FLOWS {
            let before = counts(&mut b);
            b.load(&graph(lines, [packet(name, n), packet(name, n)].into_iter()));
            run(&mut b);
            let now = counts(&mut b);
            assert_eq!(now[0], before[0] + 2, "{name}: counts go on");
            let to: Vec<usize> = (1..4).filter(|k| now[*k] != before[*k]).collect();
            assert_eq!(to.len(), 1, "{name}: both packets of a flow go one way");
            match to[0] {
                1 => at[0].push(n as u64),
                3 => at[1].push(n as u64),
                _ => {}
            }
        }
        met.push((name, at));
    }
    assert!(met[0].1.iter().all(|flows| flows.len() > FLOWS / 8), "{:?}", met[0]);
    for (name, at) in &met {
        assert_eq!(*at, met[0].1, "{name}");
    }
}

#[test]
fn counts_of_next_hops_add_up_across_changes() {
    let packets = || (0..400).map(|n| plain(n, false));
    let three = "PATH 1/255 SHARE 1 FUNCTION f, PATH 1/255 SHARE 1 FUNCTION g, PATH 1/255 SHARE 1 FUNCTION h, RULE all FROM A TO 1/255";
    let mut b = ran(&graph(&two(1, 1), packets()));
    let first = counts(&mut b);
    assert_eq!((first[0], first[1] + first[2]), (400, 400));
    // Other weights: all goes on. In another order, and one more: each keeps its own.
    b.load(&graph(&two(9, 1), packets()));
    assert_eq!(counts(&mut b), first);
    run(&mut b);
    let second = counts(&mut b);
    assert!(second[0] == 800 && second[1] > first[1] && second[1] + second[2] == 800, "{second:?}");
    b.load(&graph(
        &three.replace(
            "1/255 SHARE 1 FUNCTION f, PATH 1/255 SHARE 1 FUNCTION g",
            "1/255 SHARE 1 FUNCTION g, PATH 1/255 SHARE 1 FUNCTION f",
        ),
        packets(),
    ));
    assert_eq!(counts(&mut b), [800, second[2], second[1], 0]);
    run(&mut b);
    let third = counts(&mut b);
    assert_eq!((third[0], third[1..].iter().sum::<u64>()), (1200, 1200));
    // Without f: what went there is counted no more. Alone: the place has its count, then begins anew when it is shared.
    b.load(&graph(&two(1, 1).replace("FUNCTION f", "FUNCTION h"), packets()));
    assert_eq!(counts(&mut b), [third[1] + third[3], third[3], third[1]]);
    b.load(&graph("PATH 1/255 FUNCTION f, RULE all FROM A TO 1/255", packets()));
    assert_eq!(counts(&mut b), [third[1] + third[3]]);
    b.load(&graph(&two(1, 1), packets()));
    assert_eq!(counts(&mut b), [0, 0, 0]);
}

#[test]
fn rules_keep_their_counts_by_name_wherever_they_move() {
    let rule = |name: &str, port: usize| format!("RULE {name} FROM A TO 1/255 MATCH udp src port {}", 1000 + port);
    let lines = |rules: &[String]| format!("PATH 1/255 END A, {}", rules.join(", "));
    let packets = || (0..3).flat_map(|n| (0..=n).map(move |_| plain(n, false)));
    let mut b = ran(&graph(&lines(&[rule("b", 0), rule("a", 1), rule("c", 2)]), packets()));
    assert_eq!(b.read("a.rules").expect("rules"), "1\tb\t1/255\n2\ta\t1/255\n3\tc\t1/255\n");
    b.load(&graph(&lines(&[rule("c", 9), rule("new", 9), rule("b", 9), rule("aa", 9)]), std::iter::empty()));
    assert_eq!(b.read("a.rules").expect("rules"), "3\tc\t1/255\n0\tnew\t1/255\n1\tb\t1/255\n0\taa\t1/255\n");
}
