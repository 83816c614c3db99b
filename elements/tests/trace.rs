//! Traces: what is told about packets that are held, copied, dropped, transmitted and consumed, on
//! push and pull paths.
mod common;

use common::Bench;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::trace::{End, MAX_TRACED, Step, Traced};

/// A step as text: element, input, what happened there.
fn told(s: &Step) -> String {
    let input = s.input.map_or(String::new(), |i| format!("[{i}]"));
    let end = match &s.end {
        End::Output(o) => format!("-> {o}"),
        End::Copied(o) => format!("also -> {o}"),
        End::Held => "held".into(),
        End::Consumed => "consumed".into(),
        End::Transmitted => "transmitted".into(),
        End::Dropped(why) => why.name().into(),
    };
    format!("{input}{} {end}", s.element)
}

fn way(t: &Traced) -> Vec<String> {
    t.steps.iter().map(told).collect()
}

/// Frames of 60 bytes that differ in the last one.
fn frames(n: u8) -> Vec<Vec<u8>> {
    (0..n).map(|i| [vec![2; 59], vec![i]].concat()).collect()
}

/// A graph with packets waiting to come from `in`.
fn bench(config: &str, burst: usize, n: u8) -> Bench {
    let mut b = Bench::empty(burst, 4096);
    b.arriving.insert("in".into(), frames(n));
    b.load(config);
    b
}

fn run(b: &mut Bench) -> Vec<Traced> {
    b.engine.run_to_end(1_000_000);
    b.engine.finish_trace()
}

const LINE: &str = "from :: FromDevice(in) -> tee :: Tee -> q :: Queue -> null :: PullNull -> to :: ToDevice(out);
    tee[1] -> gone :: Discard; tee[2] -> small :: CheckLength(59) -> late :: Discard;";

#[test]
fn copies_and_what_becomes_of_each() {
    for burst in [1, 32] {
        let mut b = bench(LINE, burst, 2);
        b.engine.start_trace(1, None, None);
        let packets = run(&mut b);
        let [t] = &packets[..] else { panic!("{packets:?}") };
        assert_eq!((t.source.as_str(), &t.frame), ("in", &frames(1)[0]));
        assert_eq!(
            way(t),
            [
                "from -> 0",
                "[0]tee -> 2",
                "tee also -> 0",
                "tee also -> 1",
                "[0]q held",
                "[0]gone consumed",
                "[0]small bad_length",
                "q -> 0",
                "[0]null -> 0",
                "[0]to transmitted",
            ],
            "burst {burst}"
        );
        b.engine.check(0).expect("adds up");
    }
}

#[test]
fn copies_on_a_pull_path() {
    let config =
        "from :: FromDevice(in) -> q :: Queue -> tee :: PullTee -> to :: ToDevice(out); tee[1] -> gone :: Discard;";
    let mut b = bench(config, 32, 3);
    b.engine.start_trace(10, None, None);
    let packets = run(&mut b);
    assert_eq!(packets.len(), 3);
    for t in &packets {
        let way = way(t);
        assert_eq!(&way[..3], ["from -> 0", "[0]q held", "q -> 0"]);
        let mut rest = way[3..].to_vec();
        rest.sort();
        assert_eq!(rest, ["[0]gone consumed", "[0]tee -> 0", "[0]to transmitted", "tee also -> 1"]);
    }
}

#[test]
fn a_full_queue_and_a_graph_that_ends_drop_with_their_reasons() {
    let mut b = bench("from :: FromDevice(in) -> q :: Queue(1) -> idle :: Idle;", 32, 2);
    b.engine.start_trace(2, None, None);
    b.engine.run_to_end(1000);
    assert_eq!(b.engine.drops(), [(Reason::QueueFull, 1)]);
    b.engine.shut_down();
    let ways: Vec<_> = b.engine.finish_trace().iter().map(way).collect();
    assert_eq!(ways[0][..2], ["from -> 0", "[0]q held"]);
    assert_eq!(ways[1], ["from -> 0", "[0]q queue_full"]);
}

#[test]
fn source_filter_and_count_choose_packets() {
    let config = "a :: FromDevice(in) -> gone :: Discard; s :: InfiniteSource(LIMIT 3) -> gone;";
    let traced = |count, source: Option<&str>, last: Option<u8>| {
        let mut b = bench(config, 1, 5);
        let filter =
            last.map(|l| Box::new(move |p: &sluice_dataplane::packet::Packet| p.data().last() == Some(&l)) as _);
        b.engine.start_trace(count, source.map(String::from), filter);
        let left = |b: &Bench| b.engine.trace_left();
        assert_eq!(left(&b), count.min(MAX_TRACED));
        let packets = {
            b.engine.run_to_end(1000);
            let left = left(&b);
            (b.engine.finish_trace(), left)
        };
        assert_eq!(b.engine.trace_left(), 0, "a trace that was finished marks nothing more");
        (packets.0.iter().map(|t| t.frame[59]).collect::<Vec<_>>(), packets.1)
    };
    assert_eq!(traced(3, Some("in"), None), (vec![0, 1, 2], 0));
    assert_eq!(traced(9, Some("a"), None), (vec![0, 1, 2, 3, 4], 4), "the element's name will do");
    assert_eq!(traced(9, Some("nobody"), None), (vec![], 9));
    assert_eq!(traced(2, None, Some(3)), (vec![3], 1));
    assert_eq!(traced(usize::MAX, Some("in"), None).0.len(), 5);
}

#[test]
fn nothing_is_recorded_while_no_trace_is_on() {
    let mut b = bench(LINE, 32, 50);
    assert!(run(&mut b).is_empty());
}

#[test]
fn a_packet_that_an_earlier_trace_marked_belongs_to_no_later_one() {
    let mut b =
        bench("from :: FromDevice(in, BURST 1) -> q :: Queue -> u :: Unqueue(ACTIVE false) -> gone :: Discard;", 1, 2);
    b.engine.start_trace(1, None, None);
    b.engine.round();
    assert_eq!(way(&b.engine.finish_trace()[0]), ["from -> 0", "[0]q held"]);
    b.engine.start_trace(1, None, None);
    b.write("u.active", "true").expect("active");
    let packets = run(&mut b);
    let [t] = &packets[..] else { panic!("{packets:?}") };
    assert_eq!(t.frame[59], 1);
    assert_eq!(way(t), ["from -> 0", "[0]q held", "q -> 0", "[0]u -> 0", "[0]gone consumed"]);
    assert_eq!(b.read("gone.count").expect("count").trim(), "2");
    b.engine.check(0).expect("adds up");
}

#[test]
fn a_packet_that_goes_round_for_ever_fills_no_memory() {
    let turns = (0..300).map(|i| format!("n{i} :: Null")).collect::<Vec<_>>().join(" -> ");
    let mut b = bench(&format!("FromDevice(in) -> {turns} -> n0;"), 1, 1);
    b.engine.start_trace(1, None, None);
    let packets = run(&mut b);
    assert_eq!(packets[0].steps.len(), 256);
    assert_eq!(b.engine.drops(), [(Reason::Loop, 1)]);
}
