//! One graph on several engines, driven by hand in one thread: what is handed over, in which order, across
//! changes of the graph, and that every packet is accounted for.
mod common;

use sluice_dataplane::clock::Clock;
use sluice_dataplane::count::Totals;
use sluice_dataplane::engine::{Engine, Options, Reach, settle_all};
use sluice_dataplane::graph::Plan;
use sluice_dataplane::graph::plan::Builder;
use sluice_dataplane::handler::Call;
use sluice_dataplane::io::memory::{Frames, MemoryRx, MemoryTx};
use sluice_dataplane::lang::render_native;
use sluice_dataplane::merge::Merge;
use sluice_dataplane::pool::Pool;
use sluice_dataplane::port::{Direction, PortObject};
use sluice_dataplane::worker::crew::engines;
use std::collections::HashMap;

/// The engines of one graph.
struct Crew {
    engines: Vec<Engine>,
    builder: Builder,
    /// Frames that will come, by worker and device.
    arriving: HashMap<(usize, &'static str), Vec<Vec<u8>>>,
    /// Frames that were sent, by device.
    sent: HashMap<String, Frames>,
    /// Ports that were opened: worker, device, and whether no other worker has it.
    opened: Vec<(usize, String, bool)>,
    said: String,
}

impl Crew {
    fn new(workers: usize) -> Crew {
        let pool = Pool::new(16_384);
        let clock = || Clock::simulated();
        let engines = engines(workers, |_| Engine::new(&pool, Options { clock: clock(), ..Options::default() }));
        let mut builder = Builder::new(common::table());
        builder.workers = workers;
        let (arriving, sent) = (HashMap::new(), HashMap::new());
        Crew { engines, builder, arriving, sent, opened: Vec::new(), said: String::new() }
    }

    fn plans(&mut self, config: &str) -> Vec<Plan> {
        let (arriving, sent, opened) = (&mut self.arriving, &mut self.sent, &mut self.opened);
        let checked =
            self.builder.load(config, "config", &[], None).unwrap_or_else(|e| panic!("{}", render_native(&e)));
        self.said += &render_native(&checked.warnings);
        let ready = self.builder.prepare_all(checked, &mut |spec, seat| {
            let name = spec.device.name();
            opened.push((seat.worker, name.to_string(), seat.alone));
            Ok(match spec.direction {
                Direction::Receive => {
                    let here = arriving.iter().find(|a| *a.0 == (seat.worker, name)).map(|a| a.1.clone());
                    PortObject::Rx(Box::new(MemoryRx::new(here.unwrap_or_default())))
                }
                Direction::Transmit => {
                    PortObject::Tx(Box::new(MemoryTx::new(sent.entry(name.to_string()).or_default().clone())))
                }
            })
        });
        ready.unwrap_or_else(|e| panic!("{}", render_native(&e))).0
    }

    fn load(&mut self, config: &str) {
        let plans = self.plans(config);
        self.engines.iter_mut().zip(plans).for_each(|(e, plan)| drop(e.swap(plan)));
    }

    fn rounds(&mut self, worker: usize, n: usize) {
        for _ in 0..n {
            self.engines[worker].round();
        }
    }

    /// What every device has sent: the numbers in the frames.
    fn sent(&self, device: &str) -> Vec<u32> {
        let frames = self.sent[device].lock().expect("frames");
        frames.iter().map(|f| u32::from_be_bytes(f[14..18].try_into().expect("a number"))).collect()
    }

    fn totals(&self) -> Totals {
        self.engines.iter().map(Engine::totals).sum()
    }

    fn dropped(&self, reason: &str) -> u64 {
        self.engines.iter().flat_map(Engine::drops).filter(|d| d.0.name() == reason).map(|d| d.1).sum()
    }

    fn read(&mut self, worker: usize, path: &str) -> String {
        self.engines[worker].call(Call::read(path, "")).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// Nothing is on its way any more, and the counters of all add up.
    #[track_caller]
    fn settle(&mut self) -> Totals {
        settle_all(&mut self.engines);
        let t = self.totals();
        assert!(t.add_up(), "{t:?}");
        t
    }
}

/// Frames with numbers in them.
fn frames(numbers: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    numbers
        .map(|n| {
            let mut f = vec![0; 60];
            f[5] = 9;
            f[11] = 1;
            f[14..18].copy_from_slice(&n.to_be_bytes());
            f
        })
        .collect()
}

const WIRE: &str = "FromDevice(in) -> q :: Queue(10000) -> td :: ToDevice(out);";

#[test]
fn packets_reach_the_home_of_a_queue_in_order() {
    let mut c = Crew::new(2);
    c.arriving.insert((1, "in"), frames(0..1000));
    c.load(WIRE);
    for i in 0..100 {
        c.rounds(1, i % 3);
        c.rounds(0, i % 4);
    }
    assert_eq!(c.sent("out"), (0..1000).collect::<Vec<_>>());
    assert_eq!((c.engines[1].handed_over(), c.engines[0].handed_over()), (1000, 0));
    let t = c.settle();
    assert_eq!((t.received, t.transmitted, t.dropped, t.held), (1000, 1000, 0, 0));
    // Each engine counts what happened on it: the edge where the packet was pushed, the queue where it is.
    assert!(c.read(1, "q.ports").contains("push\t1000\t"), "{}", c.read(1, "q.ports"));
    let elsewhere = c.engines[1].call(Call::read("q.length", "")).expect_err("it lives on worker 0");
    assert!(elsewhere.to_string().contains("worker 0"), "{elsewhere}");
}

#[test]
fn what_a_full_ring_does_not_take_is_a_counted_drop() {
    let mut c = Crew::new(2);
    c.arriving.insert((1, "in"), frames(0..6400));
    c.load(WIRE);
    c.rounds(1, 300);
    let on_the_way = c.totals();
    assert!(on_the_way.add_up(), "{on_the_way:?}");
    assert_eq!((on_the_way.held, c.dropped("handover_full")), (2048, 6400 - 2048));
    assert_eq!(c.engines[0].reach("td.drops"), Ok(Reach::Every(Merge::Column(1, '\t'))));
    c.rounds(0, 300);
    assert_eq!(c.sent("out"), (0..2048).collect::<Vec<_>>());
    let t = c.settle();
    assert_eq!((t.transmitted, t.dropped, t.held), (2048, 4352, 0));
}

#[test]
fn packets_for_an_earlier_graph_find_their_element_by_name() {
    let mut c = Crew::new(2);
    c.arriving.insert((1, "in"), frames(0..320));
    c.load(WIRE);
    c.rounds(1, 3);
    // The numbers of all elements are others now.
    let plans = c.plans(&format!("a :: Idle -> b :: Discard; {WIRE}"));
    let mut plans = plans.into_iter();
    drop(c.engines[0].swap(plans.next().expect("a plan")));
    c.rounds(1, 2); // still the old graph
    c.rounds(0, 1);
    drop(c.engines[1].swap(plans.next().expect("a plan")));
    c.rounds(1, 100);
    c.rounds(0, 100);
    assert_eq!(c.sent("out"), (0..320).collect::<Vec<_>>());
    assert_eq!(c.settle().dropped, 0);
}

#[test]
fn packets_of_a_later_graph_wait_until_their_home_runs_it_too() {
    let mut c = Crew::new(2);
    c.arriving.insert((1, "in"), frames(0..320));
    c.load(WIRE);
    c.rounds(1, 2);
    let mut plans = c.plans(&format!("a :: Idle -> b :: Discard; {WIRE}")).into_iter().rev();
    drop(c.engines[1].swap(plans.next().expect("a plan")));
    c.rounds(1, 2);
    c.rounds(0, 20);
    assert_eq!(c.sent("out"), (0..64).collect::<Vec<_>>(), "those of the graph that it runs");
    assert_eq!(c.totals().held, 64);
    drop(c.engines[0].swap(plans.next().expect("a plan")));
    c.rounds(0, 20);
    assert_eq!(c.sent("out"), (0..128).collect::<Vec<_>>());
    c.settle();
}

#[test]
fn packets_for_an_element_that_is_gone_are_dropped_and_counted() {
    let mut c = Crew::new(2);
    c.arriving.insert((1, "in"), frames(0..320));
    c.load(WIRE);
    c.rounds(1, 3);
    c.load("FromDevice(in) -> other :: Queue(10000) -> ToDevice(out);");
    c.rounds(0, 20);
    assert_eq!((c.dropped("swap_overflow"), c.sent("out").len()), (96, 0));
    c.rounds(1, 20);
    c.rounds(0, 20);
    assert_eq!(c.sent("out"), (96..320).collect::<Vec<_>>());
    assert_eq!(c.settle().dropped, 96);
}

#[test]
fn packets_follow_an_element_to_its_new_home() {
    let mut c = Crew::new(3);
    c.arriving.insert((1, "in"), frames(0..320));
    c.load(WIRE);
    c.rounds(1, 3);
    c.load(&format!("StaticThreadSched(q 2); {WIRE}"));
    c.rounds(0, 20);
    c.rounds(2, 20);
    assert_eq!(c.sent("out"), (0..96).collect::<Vec<_>>());
    c.rounds(1, 20);
    c.rounds(2, 20);
    assert_eq!(c.sent("out"), (0..320).collect::<Vec<_>>());
    assert_eq!(c.settle().dropped, 0);
}

/// Whatever the order in which workers run and change over: nothing is lost, and each sender's packets
/// arrive in order.
#[test]
fn any_order_of_rounds_and_swaps_loses_nothing() {
    for seed in 1..=40u64 {
        let mut c = Crew::new(3);
        for w in 0..3u32 {
            c.arriving.insert((w as usize, "in"), frames(w * 10_000..w * 10_000 + 2000));
        }
        let configs =
            [WIRE.to_string(), format!("i :: Idle -> d :: Discard; {WIRE}"), format!("{WIRE} n :: Idle -> Discard;")];
        c.load(&configs[0]);
        let mut state = seed;
        let mut random = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        let mut waiting: [Vec<Plan>; 3] = Default::default();
        for _ in 0..2000 {
            let w = random(3) as usize;
            match random(20) {
                0 if waiting.iter().all(Vec::is_empty) => {
                    let plans = c.plans(&configs[random(3) as usize]);
                    plans.into_iter().enumerate().for_each(|(w, plan)| waiting[w].push(plan));
                }
                1..4 => waiting[w].pop().into_iter().for_each(|plan| drop(c.engines[w].swap(plan))),
                _ => c.rounds(w, 1 + random(3) as usize),
            }
        }
        for (e, waiting) in c.engines.iter_mut().zip(&mut waiting) {
            waiting.pop().into_iter().for_each(|plan| drop(e.swap(plan)));
        }
        for _ in 0..400 {
            (0..3).for_each(|w| c.rounds(w, 1));
        }
        let sent = c.sent("out");
        for w in 0..3 {
            let of: Vec<u32> = sent.iter().copied().filter(|n| n / 10_000 == w).collect();
            assert_eq!(of, (w * 10_000..w * 10_000 + 2000).collect::<Vec<_>>(), "seed {seed}");
        }
        let t = c.settle();
        assert_eq!((t.received, t.transmitted, t.dropped, t.held), (6000, 6000, 0, 0), "seed {seed}");
    }
}

#[test]
fn a_pull_path_has_one_home_and_replicated_tasks_can_be_moved() {
    let two = "FromDevice(in) -> q :: Queue -> n :: Null -> td :: ToDevice(out);
               fd :: FromDevice(in2) -> push :: ToDevice(out2);";
    let mut c = Crew::new(2);
    c.load(two);
    let mut opened = c.opened.clone();
    opened.sort();
    let expected = [
        (0, "in", false),
        (0, "in2", false),
        (0, "out", true),
        (0, "out2", false),
        (1, "in", false),
        (1, "in2", false),
    ];
    assert_eq!(opened[..6], expected.map(|(w, d, a)| (w, d.to_string(), a)));
    assert_eq!(opened[6..], [(1, "out2".to_string(), false)]);
    for (path, reach) in [
        ("q.length", Reach::One(0)),
        ("q.ports", Reach::Every(Merge::Column(1, '\t'))),
        ("q.drops", Reach::One(0)),
        ("n.name", Reach::One(0)),
        ("td.count", Reach::One(0)),
        ("push.count", Reach::Every(Merge::Sum)),
        ("fd.count", Reach::Every(Merge::Sum)),
        ("fd.active", Reach::Every(Merge::First)),
        ("fd.home_thread", Reach::Every(Merge::Lines)),
        ("fd.ports", Reach::Every(Merge::Column(1, '\t'))),
        ("stop", Reach::One(0)),
    ] {
        assert_eq!(c.engines[0].reach(path), Ok(reach), "{path}");
    }
    c.opened.clear();
    c.load(&format!("StaticThreadSched(td 1, fd 1); {two}"));
    assert_eq!(c.opened, [(1, "out".to_string(), true)], "the others are open already");
    for (path, reach) in [("q.length", Reach::One(1)), ("n.name", Reach::One(1)), ("fd.count", Reach::One(1))] {
        assert_eq!(c.engines[0].reach(path), Ok(reach), "{path}");
    }
    assert_eq!(c.read(1, "td.home_thread"), "1");
    assert_eq!(c.said, "");
    c.load("StaticThreadSched(a 0, b 1, c 2); i :: InfiniteSource(ACTIVE false) -> q :: Queue; q -> a :: Unqueue -> Discard;
            q -> b :: Unqueue -> Discard; c :: InfiniteSource(ACTIVE false) -> Discard;");
    assert!(c.said.contains("‘a’ and ‘b’ are on one pull path"), "{}", c.said);
    assert_eq!(c.engines[0].reach("b.name"), Ok(Reach::One(0)));
    assert_eq!(c.engines[0].reach("c.name"), Ok(Reach::One(0)), "2 is out of range");
}

#[test]
fn what_one_switch_learns_all_know() {
    let config = "s :: EtherSwitch; FromDevice(a) -> s -> ToDevice(a); FromDevice(b) -> [1]s; s[1] -> ToDevice(b);
                  FromDevice(c) -> [2]s; s[2] -> ToDevice(c);";
    let mut c = Crew::new(2);
    c.arriving.insert((0, "a"), vec![ether([2, 0, 0, 0, 0, 1], [0xff; 6])]);
    c.arriving.insert((1, "b"), vec![ether([2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1])]);
    c.load(config);
    c.rounds(0, 3);
    c.rounds(1, 3);
    let table = "02-00-00-00-00-01 0\n02-00-00-00-00-02 1\n";
    assert_eq!(c.read(1, "s.table"), table);
    c.rounds(0, 1);
    assert_eq!(c.read(0, "s.table"), table);
    // Worker 1 had heard where the receiver is, before the answer came through it.
    let counts: Vec<usize> = ["a", "b", "c"].iter().map(|d| c.sent[*d].lock().expect("frames").len()).collect();
    assert_eq!(counts, [1, 1, 1], "flooded to b and c, the answer to a; and to c nothing else");
}

fn ether(src: [u8; 6], dst: [u8; 6]) -> Vec<u8> {
    let mut f = vec![0; 60];
    f[..6].copy_from_slice(&dst);
    f[6..12].copy_from_slice(&src);
    f
}

#[test]
fn an_answer_that_comes_to_another_worker_ends_the_wait() {
    let config =
        "FromDevice(ip) -> SetIPAddress(10.0.0.2) -> q :: ARPQuerier(10.0.0.1, 02:00:00:00:00:01) -> ToDevice(out);
                  q[1] -> Discard; FromDevice(arp) -> [1]q;";
    let mut c = Crew::new(2);
    c.arriving.insert((0, "ip"), vec![vec![7; 60], vec![8; 60]]);
    let mut reply = ether([2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1]);
    reply[12..22].copy_from_slice(&[8, 6, 0, 1, 8, 0, 6, 4, 0, 2]);
    reply[22..28].copy_from_slice(&[2, 0, 0, 0, 0, 2]);
    reply[28..32].copy_from_slice(&[10, 0, 0, 2]);
    reply[32..38].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    reply[38..42].copy_from_slice(&[10, 0, 0, 1]);
    c.arriving.insert((1, "arp"), vec![reply]);
    c.load(config);
    c.rounds(0, 3);
    assert_eq!((c.read(0, "q.length"), c.sent["out"].lock().expect("frames").len()), ("2".into(), 0));
    c.rounds(1, 3);
    c.rounds(0, 1);
    assert_eq!(c.read(0, "q.length"), "0");
    let sent = c.sent["out"].lock().expect("frames").clone();
    assert_eq!(sent.iter().map(|f| (f[5], f[14])).collect::<Vec<_>>(), [(2, 7), (2, 8)]);
    assert_eq!(c.engines[0].reach("q.queries"), Ok(Reach::Every(Merge::Sum)));
    assert_eq!((c.read(0, "q.queries"), c.read(1, "q.responses")), ("1".into(), "1".into()));
    c.settle();
}
