//! Behaviour of the engine in whole graphs, with real elements and in simulated time.
mod common;

use common::Bench;
use sluice_dataplane::reason::Reason;

fn number(b: &mut Bench, path: &str) -> u64 {
    let text = b.read(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    text.trim().parse().unwrap_or_else(|_| panic!("{path}: {text}"))
}

fn rounds(b: &mut Bench, n: usize) {
    for _ in 0..n {
        b.engine.round();
    }
}

/// An annotation of each packet that a TestOut has seen.
fn seen(b: &mut Bench, out: &str, annotation: &str) -> Vec<u64> {
    let text = b.read(&format!("{out}.seen")).expect("seen");
    let value = |line: &str| {
        let found = line.split(' ').find_map(|w| w.strip_prefix(annotation)?.strip_prefix('='));
        found.expect("annotation").parse().expect("number")
    };
    text.lines().map(value).collect()
}

/// A tee, a queue that overflows, and a cycle: half of the packets go round once more, and leave a
/// copy behind each time.
fn cyclic(limit: u64, size: usize) -> String {
    format!(
        "s :: InfiniteSource(LIMIT {limit}, LENGTH {size}, BURST 40) -> tee :: Tee
             -> q :: Queue(20) -> u :: Unqueue -> entry :: Null -> turn :: RoundRobinSwitch -> out :: Discard;
         turn[1] -> Paint(1) -> copy :: Tee -> entry;
         copy[1] -> copies :: Discard;
         tee[1] -> c :: Counter -> side :: Discard;"
    )
}

#[test]
fn packets_add_up_with_tee_queue_and_cycle() {
    for burst in [1, 3, 32, 64] {
        for size in [64, 1000] {
            let mut b = Bench::empty(burst, 300);
            b.load(&cyclic(1000, size));
            for _ in 0..2000 {
                b.engine.round();
                b.engine.check(0).expect("adds up");
            }
            let t = b.engine.check(0).expect("adds up");
            let (copies, lost) = (number(&mut b, "copies.count"), number(&mut b, "q.drops"));
            assert_eq!((t.created, t.held, t.transmitted), (2000 + copies, 0, 0), "burst {burst}");
            assert!(lost > 0 && copies > 0, "the queue overflows and the cycle is used");
            assert_eq!(b.engine.drops(), [(Reason::QueueFull, lost)]);
            assert_eq!(number(&mut b, "c.count"), 1000);
        }
    }
}

#[test]
fn packets_add_up_when_icmp_errors_go_round() {
    for burst in [1, 3, 32, 64] {
        for (ttl, payload) in [(1, 20), (9, 20), (1, 1000), (9, 1000)] {
            let packets = vec![format!("ip 10.0.0.2 10.0.0.1 ttl={ttl} / udp 1 2 / zeros {payload}"); 100].join(", ");
            let config = format!(
                "TestIn({packets}) -> tee :: Tee -> q :: Queue(20) -> Unqueue -> look :: CheckIPHeader -> dec :: DecIPTTL
                     -> out :: Discard;
                 dec[1] -> ICMPError(10.0.0.9, timeexceeded) -> errors :: Counter -> look;
                 tee[1] -> side :: Discard;"
            );
            let mut b = Bench::empty(burst, 400);
            b.load(&config);
            for _ in 0..200 {
                b.engine.round();
                b.engine.check(0).expect("adds up");
            }
            let t = b.engine.check(0).expect("adds up");
            let errors = number(&mut b, "errors.count");
            assert_eq!(t.created, 100 + errors, "a copy each, and the errors");
            assert_eq!(errors > 0, ttl == 1);
            assert_eq!((t.received, t.held, number(&mut b, "side.count")), (100, 0, 100));
            assert_eq!(number(&mut b, "out.count"), 100 - number(&mut b, "q.drops"));
        }
    }
}

#[test]
fn a_tee_copies_before_somebody_writes() {
    for payload in [20, 1000] {
        let packet = format!("ip 10.0.0.2 10.0.0.1 ttl=9 / udp 1 2 / zeros {payload}");
        let config = format!(
            "TestIn({packet}) -> CheckIPHeader -> t :: Tee(3) -> DecIPTTL -> DecIPTTL -> a :: TestOut; t[1] -> b :: TestOut;
             t[2] -> DecIPTTL -> c :: TestOut;"
        );
        let mut b = Bench::new(&config, 32);
        b.engine.run_simulated(99);
        b.engine.check(0).expect("adds up");
        let ttl = |out: &str, b: &mut Bench| b.read(&format!("{out}.seen")).expect("seen")[16..18].to_string();
        assert_eq!([ttl("a", &mut b), ttl("b", &mut b), ttl("c", &mut b)], ["07", "09", "08"]);
    }
}

#[test]
fn an_empty_pool_is_a_counted_result() {
    for size in [64, 1000] {
        let mut b = Bench::empty(32, 3);
        b.load(&cyclic(100, size));
        b.engine.run_simulated(1000);
        assert_eq!(b.engine.check(0).expect("adds up").held, 0);
        assert_eq!(number(&mut b, "s.count"), 100, "the source goes on when buffers come back");
        assert!(b.engine.drops().iter().any(|d| d.0 == Reason::NoBuffer && d.1 > 0));
        // With buffers again, every packet comes through.
        let before = number(&mut b, "side.count");
        b.load("s :: InfiniteSource(LIMIT 110) -> side :: Discard;");
        b.engine.run_simulated(1000);
        assert_eq!(number(&mut b, "side.count"), before + 10);
        b.engine.check(0).expect("adds up");
    }
}

#[test]
fn a_loop_without_exit_ends() {
    for burst in [1, 4, 32] {
        let mut b = Bench::new("InfiniteSource(LIMIT 9) -> a :: Null -> Null -> a;", burst);
        b.engine.run_simulated(100);
        b.engine.check(0).expect("adds up");
        assert_eq!(b.engine.drops(), [(Reason::Loop, 9)]);
    }
}

#[test]
fn tee_at_burst_1_goes_a_b_a_b() {
    for size in [64, 1000] {
        let config = format!(
            "InfiniteSource(LIMIT 3, BURST 3, LENGTH {size}) -> t :: Tee -> Paint(1) -> r :: TestOut; t[1] -> Paint(2) -> r;"
        );
        for (burst, order) in [(1, [1, 2, 1, 2, 1, 2]), (32, [1, 1, 1, 2, 2, 2])] {
            let mut b = Bench::new(&config, burst);
            b.engine.run_simulated(99);
            b.engine.check(0).expect("adds up");
            assert_eq!(seen(&mut b, "r", "paint"), order, "burst {burst}");
        }
    }
}

#[test]
fn a_thousand_swaps_lose_nothing() {
    // Two sources of 4 packets a round, an unqueue of 4: the queue grows by 4 a round.
    let config = "a :: InfiniteSource(LIMIT 4000, BURST 4) -> q :: Queue(5000) -> u :: Unqueue(4) -> d :: Discard;
                  b :: InfiniteSource(LIMIT 4000, BURST 4) -> c :: Counter -> q;";
    let mut b = Bench::empty(4, 10_000);
    b.load(config);
    for n in 1..=1000 {
        b.engine.round();
        b.load(config);
        assert_eq!(number(&mut b, "c.count"), 4 * n);
        assert_eq!(number(&mut b, "q.length"), 4 * n);
        b.engine.check(0).expect("adds up");
    }
    b.engine.run_simulated(3000);
    let t = b.engine.check(0).expect("adds up");
    assert_eq!((t.created, t.consumed, t.dropped, t.held), (8000, 8000, 0, 0));
    assert_eq!(number(&mut b, "d.count"), 8000);
}

#[test]
fn a_swap_moves_queue_contents_and_counts_what_does_not_fit() {
    let graph =
        |queue: &str| format!("InfiniteSource(LIMIT 50, BURST 50) -> {queue} -> Unqueue(ACTIVE false) -> Discard;");
    let mut b = Bench::new(&graph("q :: Queue(60)"), 32);
    b.engine.run_simulated(10);
    assert_eq!(b.engine.check(0).expect("adds up").held, 50);
    b.load("q :: Queue(30) -> Unqueue(ACTIVE false) -> Discard; Idle -> q;");
    assert_eq!(number(&mut b, "q.length"), 30);
    assert_eq!(b.engine.drops(), [(Reason::SwapOverflow, 20)]);
    b.load("another :: Queue(30) -> Unqueue(ACTIVE false) -> Discard; Idle -> another;");
    let t = b.engine.check(0).expect("adds up");
    assert_eq!((t.created, t.dropped, t.held), (50, 50, 0));
    assert_eq!(b.engine.drops(), [(Reason::SwapOverflow, 50)]);
}

#[test]
fn held_packets_outlive_a_swap() {
    let config = "InfiniteSource(LIMIT 3) -> Queue -> u :: DelayUnqueue(1s) -> d :: Discard;";
    let mut b = Bench::new(config, 32);
    b.engine.round();
    b.engine.round();
    b.load(config);
    b.engine.run_simulated(100);
    assert_eq!(b.engine.drops(), []);
    b.load("d :: Discard; Idle -> u :: DelayUnqueue(1s) -> d;");
    b.engine.check(0).expect("adds up");
    assert!(number(&mut b, "d.count") >= 3);
}

#[test]
fn packets_on_a_line_or_waiting_in_a_pull_path_outlive_a_swap() {
    let holders = [
        "l :: LinkUnqueue(1s, 1MBps)",
        "l :: DelayShaper(1s) -> Unqueue",
        "l :: TimeSortedSched(BUFFER 9) -> DelayShaper(1s) -> Unqueue",
    ];
    for holder in holders {
        let config = format!("InfiniteSource(LIMIT 3) -> q :: Queue -> {holder} -> d :: Discard;");
        let mut b = Bench::new(&config, 32);
        rounds(&mut b, 5);
        assert!(number(&mut b, "q.length") < 3, "{holder} holds some");
        b.load(&config.replace("LIMIT 3", "LIMIT 4"));
        b.engine.run_simulated(1000);
        assert_eq!(b.engine.check(0).expect("adds up").held, 0, "{holder}");
        assert_eq!((b.engine.drops(), number(&mut b, "d.count")), (vec![], 4), "{holder}");
    }
}

#[test]
fn pull_path_takes_turns_and_sleeps() {
    let mut b = Bench::new(
        "InfiniteSource(LIMIT 2, BURST 4) -> Paint(0) -> Queue -> rr :: RoundRobinSched -> c :: Counter -> u :: Unqueue
             -> r :: TestOut;
         InfiniteSource(LIMIT 4, BURST 4) -> Paint(1) -> q1 :: Queue -> [1] rr;
         ScheduledLast :: Null; Idle -> ScheduledLast -> Idle;",
        32,
    );
    b.write("u.active", "false").expect("write");
    b.engine.round();
    b.write("u.active", "true").expect("write");
    assert!(b.engine.run_simulated(100) < 100, "everything sleeps in the end");
    assert_eq!(number(&mut b, "c.count"), 6, "Counter was made a pull element");
    b.engine.check(0).expect("adds up");
    assert_eq!(seen(&mut b, "r", "paint"), [0, 1, 0, 1, 1, 1]);
    assert_eq!(b.read("u.scheduled"), Ok("false".into()));
}

#[test]
fn an_unqueue_does_not_sleep_when_an_element_between_takes_all() {
    // A pull path whose packets all fail the check: a pull gives none while the queue has some.
    let config = "InfiniteSource(LIMIT 9, BURST 9) -> Queue -> c :: CheckPaint(1) -> Unqueue -> Discard; c[1] -> bad :: Discard;";
    let mut b = Bench::new(config, 2);
    b.engine.run_simulated(100);
    assert_eq!(number(&mut b, "bad.count"), 9);
    assert_eq!(b.engine.check(0).expect("adds up").held, 0);
}

#[test]
fn timers_wake_a_sleeping_pull_path() {
    let mut b = Bench::new("TimedSource(1ms, LIMIT 5) -> Queue -> Unqueue -> d :: Discard;", 32);
    let rounds = b.engine.run_simulated(1000);
    assert!(rounds < 40, "idle rounds are skipped: {rounds}");
    assert_eq!(number(&mut b, "d.count"), 5);
}

#[test]
fn tickets_are_shares_of_the_turns() {
    let mut b = Bench::new("a :: InfiniteSource -> da :: Discard; b :: InfiniteSource -> db :: Discard;", 32);
    b.write("a.tickets", "2048").expect("write");
    rounds(&mut b, 100);
    assert_eq!((number(&mut b, "da.count"), number(&mut b, "db.count")), (200, 100));
    b.write("b.tickets", "512").expect("write");
    rounds(&mut b, 100);
    assert_eq!((number(&mut b, "da.count"), number(&mut b, "db.count")), (400, 150));
}

#[test]
fn a_swap_to_a_broken_configuration_changes_nothing() {
    let good = "s :: InfiniteSource -> q :: Queue(10) -> u :: Unqueue(2) -> c :: Counter -> Discard;";
    let mut b = Bench::new(good, 4);
    rounds(&mut b, 10);
    let state = |b: &mut Bench| {
        ["config", "c.count", "q.length", "s.count", "q.config"].map(|path| b.read(path).expect("reads"))
    };
    let before = state(&mut b);
    for bad in [
        "s :: InfiniteSource -> q :: Queue(x) -> u :: Unqueue(2) -> c :: Counter -> Discard;",
        "s :: InfiniteSource -> PushNull -> u :: Unqueue -> Discard;",
        "s :: InfiniteSource -> Nonsense;",
        "s :: InfiniteSource ->",
    ] {
        assert!(b.plan(bad).is_err(), "{bad}");
    }
    assert_eq!(state(&mut b), before);
    rounds(&mut b, 10);
    assert_ne!(state(&mut b), before, "it runs on");
    b.engine.check(0).expect("adds up");
}

#[test]
fn a_hundred_swaps_under_load_lose_no_packet_and_reorder_none() {
    for burst in [1, 32] {
        // Time goes on by a nanosecond with each packet: the timestamps number them. The queue is
        // full most of the time.
        let graph = |middle: &str| {
            format!("s :: InfiniteSource -> q :: Queue(100) -> u :: Unqueue(5) -> {middle} r :: TestOut;")
        };
        let mut b = Bench::empty(burst, 1000);
        b.load(&graph(""));
        b.write("s.tickets", "7168").expect("seven turns a round");
        let mut order = Vec::new();
        for n in 0..100 {
            rounds(&mut b, 3);
            order.extend(seen(&mut b, "r", "timestamp"));
            b.load(&graph(if n % 2 == 0 { "Null -> c :: Counter ->" } else { "Paint(3) ->" }));
            b.engine.check(0).expect("adds up");
        }
        b.write("s.active", "false").expect("write");
        b.engine.run_simulated(100);
        order.extend(seen(&mut b, "r", "timestamp"));
        assert_eq!(b.engine.drops(), []);
        assert_eq!(order.len() as u64, number(&mut b, "s.count"), "burst {burst}");
        assert!(order.len() > 1000 && order.is_sorted_by(|a, b| a < b), "in order (burst {burst})");
    }
}

#[test]
fn an_element_with_new_arguments_starts_again() {
    let mut b = Bench::new(
        "t :: TimedSource(1000s) -> d :: Discard;
         InfiniteSource(LIMIT 3) -> Queue -> p :: PullSwitch(-1) -> u :: Unqueue -> e :: Discard;",
        32,
    );
    rounds(&mut b, 10);
    assert_eq!((number(&mut b, "e.count"), b.read("u.scheduled")), (0, Ok("false".into())));
    b.write("t.config", "1ms, LIMIT 4").expect("config");
    b.write("p.config", "0").expect("config");
    b.engine.run_simulated(1000);
    assert_eq!((number(&mut b, "d.count"), number(&mut b, "e.count")), (4, 3));
}

#[test]
fn swaps_keep_rates() {
    // A swap every millisecond must not fill the bucket again.
    let config = "InfiniteSource -> Queue(10) -> u :: RatedUnqueue(100, BURST_SIZE 5) -> c :: Counter -> Discard;
                  TimedSource(1ms, LIMIT 1000) -> ticks :: Counter -> Discard;";
    let mut b = Bench::new(config, 32);
    while number(&mut b, "ticks.count") < 1000 {
        let ticks = number(&mut b, "ticks.count");
        while number(&mut b, "ticks.count") == ticks {
            b.engine.run_simulated(1);
        }
        b.load(config);
    }
    assert_eq!(number(&mut b, "c.count"), 105 - 1, "5 at once, then one each 10 ms");
}
