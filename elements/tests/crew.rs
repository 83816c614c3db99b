//! Workers on threads of their own that run one graph: handlers reach all of them, a sleeping one is woken, and
//! everything adds up when they have ended.
mod common;

use sluice_dataplane::clock::Clock;
use sluice_dataplane::control::Handlers as _;
use sluice_dataplane::count::Totals;
use sluice_dataplane::engine::{Engine, Options};
use sluice_dataplane::graph::Plan;
use sluice_dataplane::graph::plan::Builder;
use sluice_dataplane::handler::Call;
use sluice_dataplane::lang::render_native;
use sluice_dataplane::pool::Pool;
use sluice_dataplane::time::now;
use sluice_dataplane::worker::crew::{Crew, Workers, engines};
use sluice_dataplane::worker::{Pace, Watch};
use std::sync::Arc;
use std::time::Duration;

fn plans(builder: &mut Builder, config: &str) -> Vec<Plan> {
    let checked = builder.load(config, "config", &[], None).unwrap_or_else(|e| panic!("{}", render_native(&e)));
    let mut none = |_: &_, _| Err("no devices".to_string());
    builder.prepare_all(checked, &mut none).unwrap_or_else(|e| panic!("{}", render_native(&e))).0
}

fn start(workers: usize, config: &str) -> (Workers, Builder) {
    let pool = Pool::new(16_384);
    let options = || Options { clock: Clock::real(now), ..Options::default() };
    let mut engines = engines(workers, |_| Engine::new(&pool, options()));
    let mut builder = Builder::new(common::table());
    builder.workers = workers;
    let plans = plans(&mut builder, config);
    engines.iter_mut().zip(plans).for_each(|(e, plan)| drop(e.swap(plan)));
    let watch = Watch { flag: Arc::default(), then: Box::new(|_| ()) };
    let workers = Workers::start(engines, &[Pace::default(); 8], |_| (), watch).expect("threads");
    (workers, builder)
}

fn read(crew: &Crew, path: &str) -> String {
    crew.call(Call::read(path, "")).expect("running").unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn write(crew: &Crew, path: &str, value: &str) {
    crew.call(Call::write(path, value)).expect("running").unwrap_or_else(|e| panic!("{path}: {e}"));
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let end = now() + 10_000_000_000;
    while !done() {
        assert!(now() < end, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A source on each of two workers, counters that both have, and a queue that lives on the first.
const TWO: &str = "StaticThreadSched(s0 0, s1 1);
    s0 :: InfiniteSource(LIMIT 20000, ACTIVE false) -> c :: Counter -> i :: Switch(0) -> q :: Queue(2000) -> u :: Unqueue -> Discard;
    s1 :: InfiniteSource(LIMIT 20000, ACTIVE false) -> c; i[1] -> d :: Discard;";

#[test]
fn handlers_reach_all_workers() {
    let (workers, _) = start(2, TWO);
    let crew = workers.crew();
    write(&crew, "s0.active", "true");
    write(&crew, "s1.active", "true");
    wait("the packets", || read(&crew, "c.count") == "40000");
    assert!(read(&crew, "c.ports").contains("push~\t40000\ts0 [0], s1 [0]"), "{}", read(&crew, "c.ports"));
    assert_eq!((read(&crew, "s1.home_thread").as_str(), read(&crew, "u.home_thread").as_str()), ("1", "0"));
    // Numbers stand for names, as one worker takes them.
    assert_eq!(read(&crew, "2.name"), "s0");
    write(&crew, "i.switch", "1");
    write(&crew, "c.reset", "");
    assert_eq!((read(&crew, "c.count").as_str(), read(&crew, "i.switch").as_str()), ("0", "1"));
    for source in ["s0", "s1"] {
        write(&crew, &format!("{source}.reset"), "");
        write(&crew, &format!("{source}.active"), "true");
    }
    wait("more packets", || read(&crew, "d.count") == "40000");
    let wrong = crew.call(Call::write("i.switch", "x")).expect("running");
    assert!(wrong.is_err(), "all refuse");
    assert!(crew.call(Call::read("nobody.count", "")).expect("running").is_err());
    write(&crew, "stop", "");
    let ended = workers.join().expect("nobody panicked");
    let t: Totals = ended.iter().map(|e| e.engine.totals()).sum();
    assert!(t.add_up(), "{t:?}");
    assert_eq!(t.created, 80_000);
    assert!(ended[1].engine.handed_over() > 0);
    assert!(crew.call(Call::read("c.count", "")).is_none(), "there is no graph any more");
}

#[test]
fn a_sleeping_worker_is_woken_by_what_it_gets() {
    let (workers, _) = start(2, TWO);
    let crew = workers.crew();
    for turn in 1..=5 {
        std::thread::sleep(Duration::from_millis(20)); // all asleep: they wait 50 us
        // To worker 1 alone, which works then; the queue's worker is told nothing.
        write(&crew, if turn == 1 { "s1.active" } else { "s1.reset" }, "true");
        let end = || crew.remotes()[1].run(|e| e.totals().created).expect("running") == turn * 20_000;
        wait("the source", end);
        std::thread::sleep(Duration::from_millis(30));
        // This wakes it for a round; what waits in the ring would take hundreds.
        let held = crew.remotes()[0].run(|e| e.totals().held).expect("running");
        assert_eq!(held, 0, "taken long before it would have looked by itself");
    }
    assert!(crew.remotes()[1].run(|e| e.handed_over()).expect("running") > 0);
    crew.request_stop();
    let t: Totals = workers.join().expect("nobody panicked").iter().map(|e| e.engine.totals()).sum();
    assert!(t.add_up() && t.held == 0, "{t:?}");
}

#[test]
fn swaps_under_load_keep_every_packet() {
    let config = |more: &str| {
        format!(
            "StaticThreadSched(s1 1, s2 2); {more} s1 :: RatedSource(RATE 20000, LIMIT -1) -> c :: Counter -> q :: Queue(3000)
             -> u :: Unqueue -> d :: Discard; s2 :: RatedSource(RATE 20000, LIMIT -1) -> c;"
        )
    };
    let (workers, mut builder) = start(3, &config(""));
    let crew = workers.crew();
    for i in 0..100 {
        let more = if i % 2 == 0 { "x :: Idle -> y :: Discard;" } else { "" };
        let plans = plans(&mut builder, &config(more));
        let pauses = crew.swap(plans).expect("running");
        assert_eq!(pauses.len(), 3);
        std::thread::sleep(Duration::from_millis(3));
    }
    write(&crew, "s1.active", "false");
    write(&crew, "s2.active", "false");
    // What stops on one worker stops all.
    let _ = crew.remotes()[2].send(Box::new(|e| e.request_stop()));
    let ended = workers.join().expect("nobody panicked");
    let t: Totals = ended.iter().map(|e| e.engine.totals()).sum();
    assert!(t.add_up(), "{t:?}");
    assert!(t.created > 1000 && t.consumed > 1000, "{t:?}");
    // A worker that gets no turn for long may find its queue or ring full; a change of the graph loses none.
    let drops: Vec<_> = ended.iter().flat_map(|e| e.engine.drops()).collect();
    assert!(!drops.iter().any(|d| d.0.name() == "swap_overflow"), "{drops:?}");
}
