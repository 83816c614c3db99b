//! Tables that elements learn survive a change of the graph, and of the arguments.
mod common;

use common::Bench;

const HOSTS: &str = "
    in :: TestIn(eth 00:00:00:00:00:01 00:00:00:00:00:09 0x0800, eth 00:00:00:00:00:02 00:00:00:00:00:01 0x0800);
    s :: EtherSwitch(TIMEOUT 60); in -> s -> Discard;
    none :: InfiniteSource(ACTIVE false) -> [1]s; s[1] -> out :: TestOut;";

#[test]
fn a_switch_keeps_its_table() {
    let mut b = Bench::new(HOSTS, 32);
    b.engine.run_simulated(10);
    let table = "00-00-00-00-00-01 0\n00-00-00-00-00-02 0\n";
    assert_eq!(b.read("s.table").as_deref(), Ok(table));
    b.write("s.config", "TIMEOUT 30, CAPACITY 9").expect("new arguments");
    assert_eq!((b.read("s.table").as_deref(), b.read("s.timeout").as_deref()), (Ok(table), Ok("30")));
    b.load("s :: EtherSwitch; in :: TestIn(eth 00:00:00:00:00:05 00:00:00:00:00:02 0x0800) -> [1]s;
            none :: InfiniteSource(ACTIVE false) -> s -> out :: TestOut; s[1] -> Discard; i :: Null -> [2]s; s[2] -> i;");
    b.engine.run_simulated(10);
    assert!(b.read("out.seen").expect("seen").starts_with("000000000002"), "known: to its LAN alone");
    assert_eq!(b.read("s.count").as_deref(), Ok("3"));
    b.load(
        "s :: EtherSwitch(CAPACITY 1); none :: InfiniteSource(ACTIVE false) -> s -> Discard;
            none1 :: InfiniteSource(ACTIVE false) -> [1]s; s[1] -> Discard;",
    );
    assert_eq!(b.read("s.table").as_deref(), Ok("00-00-00-00-00-05 1\n"), "the one seen last");
    b.engine.check(0).expect("counters");
}

/// Two packets wait for 10.0.0.2; the entry of 10.0.0.3 was set by hand.
fn waiting(table: &str, arguments: &str) -> String {
    format!(
        "in :: TestIn(text a | dst=10.0.0.2, text b | dst=10.0.0.2);
         {table} in -> q :: ARPQuerier({arguments}) -> out :: TestOut; q[1] -> Discard;
         none :: InfiniteSource(ACTIVE false) -> [1]q;"
    )
}

const ANSWER: &str = "eth 02:00:00:00:00:02 02:00:00:00:00:01 / \
                      arp reply 02:00:00:00:00:02 10.0.0.2 02:00:00:00:00:01 10.0.0.1";

fn answered(table: &str, arguments: &str) -> String {
    format!(
        "in :: TestIn({ANSWER}); none :: InfiniteSource(ACTIVE false);
         {table} none -> q :: ARPQuerier({arguments}) -> out :: TestOut; q[1] -> Discard; in -> [1]q;"
    )
}

/// The harness runs no timer: simulated time must not reach the end of the entries.
fn rounds(b: &mut Bench) {
    for _ in 0..5 {
        b.engine.round();
    }
}

#[test]
fn packets_that_wait_for_an_address_survive_a_swap() {
    for (table, arguments) in [("", ""), ("t :: ARPTable(TIMEOUT 60);", ", TABLE t")] {
        let arguments = format!("10.0.0.1, 2:0:0:0:0:1{arguments}");
        let mut b = Bench::new(&waiting(table, &arguments), 32);
        rounds(&mut b);
        b.write("q.insert", "10.0.0.3 2:0:0:0:0:3").expect("insert");
        assert_eq!((b.read("q.length").as_deref(), b.read("q.count").as_deref()), (Ok("2"), Ok("2")));
        assert_eq!(b.engine.check(0).expect("counters").held, 2);
        b.load(&answered(table, &arguments));
        assert_eq!(b.engine.check(0).expect("counters").held, 2);
        rounds(&mut b);
        let seen = b.read("out.seen").expect("seen");
        assert_eq!(seen.matches("0200000000020200000000010800").count(), 2, "{seen}");
        assert_eq!((b.read("q.length").as_deref(), b.read("q.count").as_deref()), (Ok("0"), Ok("2")));
        assert_eq!(b.read("q.queries").as_deref(), Ok("1"));
        assert_eq!(b.engine.drops(), []);
        b.engine.check(0).expect("counters");
    }
}

#[test]
fn new_arguments_keep_the_table_unless_the_host_changes() {
    let mut b = Bench::new(&waiting("t :: ARPTable;", "10.0.0.1, 2:0:0:0:0:1, TABLE t"), 32);
    rounds(&mut b);
    b.write("t.config", "CAPACITY 5, TIMEOUT 10").expect("new limits");
    assert_eq!((b.read("t.length").as_deref(), b.read("q.length").as_deref()), (Ok("2"), Ok("2")));
    b.write("q.config", "10.0.0.1, 2:0:0:0:0:1, TABLE t, POLL_TIMEOUT 1").expect("new arguments");
    assert_eq!(b.read("q.length").as_deref(), Ok("2"));
    assert_eq!(b.engine.check(0).expect("counters").held, 2);

    let mut b = Bench::new(&waiting("", "10.0.0.1, 2:0:0:0:0:1"), 32);
    rounds(&mut b);
    b.write("q.config", "10.0.0.1/24, 2:0:0:0:0:1, CAPACITY 7").expect("new limits");
    assert_eq!((b.read("q.length").as_deref(), b.read("q.broadcast").as_deref()), (Ok("2"), Ok("10.0.0.255")));
    b.write("q.config", "10.0.0.5, 2:0:0:0:0:1").expect("another host");
    assert_eq!((b.read("q.length").as_deref(), b.read("q.queries").as_deref()), (Ok("0"), Ok("1")));
    assert_eq!(b.engine.check(0).expect("counters").dropped, 2);
}

#[test]
fn a_table_that_goes_away_gives_its_packets_up() {
    let mut b = Bench::new(&waiting("t :: ARPTable;", "10.0.0.1, 2:0:0:0:0:1, TABLE t"), 32);
    rounds(&mut b);
    b.load("InfiniteSource(ACTIVE false) -> Discard;");
    let t = b.engine.check(0).expect("counters");
    assert_eq!((t.held, b.engine.drops().iter().map(|d| d.0.name()).collect::<Vec<_>>()), (0, vec!["swap_overflow"]));
}

#[test]
fn a_table_inside_a_compound_is_found_from_the_inside_out() {
    let mut b = Bench::new(
        "t :: ARPTable; c :: { t :: ARPTable; input -> q :: ARPQuerier(10.0.0.1, 2:0:0:0:0:1, TABLE t) -> output;
             q[1] -> Discard; none :: InfiniteSource(ACTIVE false) -> [1]q; };
         d :: { input -> q :: ARPQuerier(10.0.0.1, 2:0:0:0:0:1, TABLE t) -> output;
             q[1] -> Discard; none :: InfiniteSource(ACTIVE false) -> [1]q; };
         TestIn(text a | dst=10.0.0.2) -> c -> Discard; TestIn(text b | dst=10.0.0.2, text c | dst=10.0.0.3) -> d -> Discard;",
        32,
    );
    rounds(&mut b);
    assert_eq!((b.read("c/t.length").as_deref(), b.read("t.length").as_deref()), (Ok("1"), Ok("2")));
}

#[test]
fn old_entries_are_asked_for_again_before_they_expire() {
    for (arguments, asked) in [
        ("POLL_TIMEOUT 0", None),
        ("POLL_TIMEOUT 3", None),
        ("POLL_TIMEOUT 1", Some("020000000002")),
        ("POLL_TIMEOUT 1, BROADCAST_POLL true", Some("ffffffffffff")),
    ] {
        let mut b = Bench::new(
            &format!(
                "q :: ARPQuerier(10.0.0.1, 2:0:0:0:0:1, {arguments}); none :: InfiniteSource(ACTIVE false) -> [1]q;
                 in :: TestIn(text a | dst=10.0.0.2, text b | dst=10.0.0.2);
                 in -> u :: Queue -> pull :: Unqueue(ACTIVE false) -> q -> out :: TestOut; q[1] -> asked :: TestOut;
                 more :: InfiniteSource(ACTIVE false) -> timer :: ARPQuerier(10.0.0.7, 2:0:0:0:0:7, TIMEOUT 1) -> Discard;
                 more1 :: InfiniteSource(ACTIVE false) -> [1]timer;"
            ),
            1,
        );
        b.write("q.insert", "10.0.0.2 2:0:0:0:0:2").expect("insert");
        b.write("timer.insert", "10.0.0.2 2:0:0:0:0:2").expect("insert");
        rounds(&mut b);
        assert!(b.engine.jump_to_timer(), "two seconds: when the other table looks for expired entries");
        b.write("pull.active", "true").expect("active");
        rounds(&mut b);
        let (seen, queries) = (b.read("out.seen").expect("seen"), b.read("asked.seen").expect("seen"));
        assert_eq!((seen.lines().count(), queries.lines().count()), (2, usize::from(asked.is_some())), "{arguments}");
        assert!(queries.starts_with(asked.unwrap_or_default()), "{arguments}: {queries}");
        b.engine.check(0).expect("counters");
    }
}
