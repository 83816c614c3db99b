//! What a guest costs: nanoseconds of processor time a packet, for batches of 32 packets of 64 bytes.
//!
//! `cargo bench -p sluice-wasm`. All subjects take turns, so that a disturbance of the machine meets all of them.
#![allow(missing_docs)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Folder, packets, process, table};
use sluice_dataplane::clock::Clock;
use sluice_dataplane::engine::{Engine, Options};
use sluice_dataplane::graph::plan::Builder;
use sluice_dataplane::io::affinity::{allowed_cores, pin_to_core, thread_cpu_time};
use sluice_dataplane::lang::render_native;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::pool::Pool;
use sluice_dataplane::time::now;
use sluice_wasm::config::{Limits, Work};
use sluice_wasm::instance::Instance;
use sluice_wasm::module::Module;
use std::hint::black_box;

const BURST: usize = 32;
const LENGTH: usize = 64;
/// Batches that packets come from: 1024 packets in all.
const BATCHES: usize = 32;
/// Batches of one measurement.
const ROUNDS: usize = 20_000;
const REPEATS: usize = 15;
/// Goal for the empty function, nanoseconds a packet.
const GOAL: f64 = 20.0;

/// Swaps the MAC addresses of every packet and says so.
const SWAP: &str = "(block (br_if 0 (i32.eqz (local.get 1)))
  (loop
    (local.set 3 (i32.load (local.get 0)))
    (local.set 4 (i32.load (local.get 3)))
    (i32.store (local.get 3) (i32.load offset=6 (local.get 3)))
    (i32.store offset=6 (local.get 3) (local.get 4))
    (local.set 4 (i32.load16_u offset=4 (local.get 3)))
    (i32.store16 offset=4 (local.get 3) (i32.load16_u offset=10 (local.get 3)))
    (i32.store16 offset=10 (local.get 3) (local.get 4))
    (i32.store16 offset=16 (local.get 0) (i32.const 1))
    (local.set 0 (i32.add (local.get 0) (i32.const 24)))
    (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))))";

/// Something to measure: moves batch number `n`.
struct Subject {
    name: &'static str,
    round: Box<dyn FnMut(usize)>,
    costs: Vec<f64>,
}

fn subject(name: &'static str, round: impl FnMut(usize) + 'static) -> Subject {
    Subject { name, round: Box::new(round), costs: Vec::new() }
}

fn batches(pool: &Pool) -> Vec<Vec<Packet>> {
    (0..BATCHES).map(|_| packets(pool, &[LENGTH; BURST])).collect()
}

/// The least that handing over can cost: the bytes of each packet are copied.
fn by_hand(pool: &Pool) -> Subject {
    let all = batches(pool);
    let mut to = vec![0u8; BURST * LENGTH];
    subject("copied by hand", move |n| {
        for (p, to) in all[n % BATCHES].iter().zip(to.chunks_exact_mut(LENGTH)) {
            to.copy_from_slice(black_box(p.data()));
        }
        black_box(&to);
    })
}

/// Batches through an instance, without a graph.
fn instance(name: &'static str, pool: &Pool, body: &str, work: Work) -> Subject {
    let module = Module::load(&process(body), work.metering()).expect("a module");
    let limits = Limits { work, memory: 16 << 20 };
    let mut instance = Instance::start(&module, limits, "", 0).expect("started");
    let mut all = batches(pool);
    let mut verdicts = [0; BURST];
    subject(name, move |n| {
        instance.process(&mut all[n % BATCHES], 1, &mut verdicts).expect("it goes well");
        black_box(&verdicts);
    })
}

/// Rounds of a graph: a source, one element, and the end.
fn graph(name: &'static str, pool: &Pool, element: &str) -> Subject {
    let options = Options { burst: BURST, clock: Clock::real(now), ..Options::default() };
    let mut engine = Engine::new(pool, options);
    let mut builder = Builder::new(table());
    let config = format!("InfiniteSource(LENGTH {LENGTH}, BURST {BURST}) -> {element} -> Discard");
    let checked = builder.load(&config, "bench", &[], None).unwrap_or_else(|e| panic!("{}", render_native(&e)));
    let ready = builder.prepare(checked, &mut |_| Err("no ports".into()));
    let (plan, _) = ready.unwrap_or_else(|e| panic!("{}", render_native(&e)));
    drop(engine.swap(plan));
    subject(name, move |_| {
        engine.round();
    })
}

fn main() {
    if let Some(core) = allowed_cores().unwrap_or_default().last() {
        let _ = pin_to_core(*core); // where it is not allowed, figures are noisier
    }
    let pool = Pool::new(16_384);
    let folder = Folder::new("bench");
    let empty = folder.put("empty.wasm", &process(""));
    let fuel = Work::Fuel(1_000_000);
    let mut all = [
        by_hand(&pool),
        instance("empty function", &pool, "", fuel),
        instance("empty function, by time", &pool, "", Work::Time(10)),
        instance("MAC addresses swapped", &pool, SWAP, fuel),
        instance("MAC addresses swapped, by time", &pool, SWAP, Work::Time(10)),
        graph("graph with Null", &pool, "Null"),
        graph("graph with the empty function", &pool, &format!("WasmFunction({empty})")),
    ];
    for repeat in 0..=REPEATS {
        for s in &mut all {
            let begun = thread_cpu_time();
            (0..ROUNDS).for_each(&mut s.round);
            let took = thread_cpu_time() - begun;
            if repeat > 0 {
                s.costs.push(took.as_nanos() as f64 / (ROUNDS * BURST) as f64);
            }
        }
    }
    let median = |s: &Subject| {
        let mut costs = s.costs.clone();
        costs.sort_by(f64::total_cmp);
        costs[costs.len() / 2]
    };
    let base = median(&all[0]);
    println!("{BURST} packets of {LENGTH} bytes a batch; ns/packet, and times the first line");
    for s in &all {
        let least = s.costs.iter().copied().fold(f64::INFINITY, f64::min);
        println!("{:32} {:7.2}  (min {:6.2})  {:6.2}x", s.name, median(s), least, median(s) / base);
    }
    let beyond = median(&all[6]) - median(&all[5]);
    println!("the empty function in a graph, beyond Null: {beyond:.2} ns/packet");
    let cost = median(&all[1]).max(beyond);
    println!("goal: at most {GOAL} ns/packet: {}", if cost <= GOAL { "met" } else { "MISSED" });
}
