//! CPU time per packet of the engine, against hand-written loops that do the same work without it.
//!
//! 8,192 packets of 64 bytes circulate through a ring in shuffled order; nothing is copied in or out.
//! Each line is the median, minimum and maximum of 15 runs, and its ratio to the named baseline of
//! the same process. `cargo bench -p sluice-elements` (pin it with `taskset -c 1`).
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::clock::Clock;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Class, Configure, Element, Table};
use sluice_dataplane::engine::{Engine, Options};
use sluice_dataplane::env::Env;
use sluice_dataplane::graph::plan::Builder;
use sluice_dataplane::info::{Info, Task};
use sluice_dataplane::io::affinity::thread_cpu_time;
use sluice_dataplane::lang::render_native;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::pool::Pool;
use std::sync::Mutex;

const PACKETS: usize = 8192;
const CYCLES: usize = 50; // below the TTL of the packets
const REPEATS: usize = 15;

/// The ring that packets circulate through; fixed slots, as a NIC's descriptor ring has them.
static RING: Mutex<Ring> = Mutex::new(Ring { slots: Vec::new(), head: 0, tail: 0 });

struct Ring {
    slots: Vec<Option<Packet>>,
    head: usize,
    tail: usize,
}

impl Ring {
    #[inline]
    fn take(&mut self) -> Option<Packet> {
        let mask = self.slots.len() - 1;
        let p = self.slots[self.head & mask].take();
        self.head += usize::from(p.is_some());
        if let Some(next) = &self.slots[(self.head + 4) & mask] {
            next.prefetch();
        }
        p
    }
    #[inline]
    fn give(&mut self, p: Packet) {
        let mask = self.slots.len() - 1;
        std::mem::forget(self.slots[self.tail & mask].replace(p)); // it was empty: the ring holds all
        self.tail += 1;
    }
}

struct RingSource;
struct RingSink;

impl Configure for RingSource {
    const INFO: &'static Info =
        &Info { ports: "0/1", flow: "/h", task: Task::Yes, ..Info::new("RingSource", "bench", "") };
    fn configure(_: &mut Args<'_>, _: &mut Env<'_>) -> Self {
        RingSource
    }
}
impl Element for RingSource {
    fn run(&mut self, cx: &mut Context<'_>, _: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        let mut ring = RING.lock().expect("ring");
        batch.extend((0..cx.burst()).map_while(|_| ring.take()));
        Activity::Busy
    }
}
impl Configure for RingSink {
    const INFO: &'static Info = &Info { ports: "1/0", flow: "h/", ..Info::new("RingSink", "bench", "") };
    fn configure(_: &mut Args<'_>, _: &mut Env<'_>) -> Self {
        RingSink
    }
}
impl Element for RingSink {
    fn process(&mut self, _: &mut Context<'_>, _: usize, batch: &mut Batch) {
        let mut ring = RING.lock().expect("ring");
        batch.drain().for_each(|p| ring.give(p));
    }
}

/// Fresh packets in the ring, in an order that defeats the hardware's prefetcher.
fn refill(pool: &Pool) {
    let mut ring = RING.lock().expect("ring");
    let mut packets: Vec<Packet> = ring.slots.drain(..).flatten().collect();
    packets.extend((packets.len()..PACKETS).filter_map(|_| pool.alloc()));
    assert_eq!(packets.len(), PACKETS);
    let mut seed = 88_172_645_463_325_252u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for i in (1..packets.len()).rev() {
        packets.swap(i, (random() % (i as u64 + 1)) as usize);
    }
    for (i, p) in packets.iter_mut().enumerate() {
        let mut f = [0u8; 64];
        (f[12], f[14], f[17], f[22], f[23]) = (8, 0x45, 46, 64, 17);
        f[26..30].copy_from_slice(&[10, 0, 0, 1]);
        f[30..34].copy_from_slice(&[10, (i % 4) as u8, (random() >> 20) as u8, (random() >> 20) as u8 | 1]);
        let sum: u32 = f[14..34].chunks(2).map(|w| u32::from(u16::from_be_bytes([w[0], w[1]]))).sum();
        let sum = !((sum >> 16) + (sum & 0xffff)) as u16;
        f[24..26].copy_from_slice(&sum.to_be_bytes());
        assert!(p.set_data(&f));
    }
    *ring = Ring { slots: packets.into_iter().map(Some).collect(), head: 0, tail: 0 };
}

fn table() -> Table {
    let mut all = sluice_elements::TABLE.0.to_vec();
    all.extend([Class::of::<RingSource>(), Class::of::<RingSink>()]);
    all.sort_by_key(|c| c.info.class);
    Table(Vec::leak(all))
}

/// An engine that runs `config`.
fn engine(pool: &Pool, config: &str, burst: usize) -> Engine {
    let mut builder = Builder::new(table());
    let plan = builder
        .load(config, "bench", &[], None)
        .and_then(|c| builder.prepare(c, &mut |_| Err("no devices".into())))
        .unwrap_or_else(|e| panic!("{}", render_native(&e)));
    let clock = Clock::real(sluice_dataplane::time::now);
    let mut engine = Engine::new(pool, Options { burst, clock, ..Options::default() });
    drop(engine.swap(plan.0));
    engine
}

/// Nanoseconds a packet: median, minimum, maximum.
#[derive(Clone, Copy)]
struct Cost {
    median: f64,
    min: f64,
    max: f64,
}

/// `round` moves `burst` packets from the ring and back.
fn measure(pool: &Pool, burst: usize, mut round: impl FnMut()) -> Cost {
    let mut all: Vec<f64> = (0..=REPEATS)
        .map(|_| {
            refill(pool);
            let rounds = CYCLES * PACKETS / burst;
            let start = thread_cpu_time();
            (0..rounds).for_each(|_| round());
            (thread_cpu_time() - start).as_nanos() as f64 / (rounds * burst) as f64
        })
        .skip(1)
        .collect();
    all.sort_by(f64::total_cmp);
    Cost { median: all[all.len() / 2], min: all[0], max: all[all.len() - 1] }
}

fn show(name: &str, c: Cost, baseline: &str, ratio: f64) {
    println!("| {name} | {:.2} | {:.2} | {:.2} | {ratio:.2} x {baseline} |", c.median, c.min, c.max);
}

fn main() {
    let pool = Pool::new(2 * PACKETS);
    println!("| work (burst 32, 8,192 packets of 64 bytes) | median ns/packet | min | max | ratio |");
    println!("|---|---|---|---|---|");
    let mut batch = Batch::default();
    let by_hand = measure(&pool, 32, || {
        let mut ring = RING.lock().expect("ring");
        batch.extend((0..32).map_while(|_| ring.take()));
        batch.drain().for_each(|p| ring.give(p));
    });
    show("ring to ring, by hand", by_hand, "itself", 1.0);
    let run = |config: &str, burst: usize| {
        let mut e = engine(&pool, config, burst);
        measure(&pool, burst, || {
            e.round();
        })
    };
    let plain = run("RingSource -> RingSink;", 32);
    show("ring to ring, engine", plain, "by hand", plain.median / by_hand.median);
    let chain = format!("RingSource {} -> RingSink;", "-> Null ".repeat(64));
    let nulls = run(&chain, 32);
    let each = |a: f64, b: f64| (a - b) / 64.0;
    let one = Cost {
        median: each(nulls.median, plain.median),
        min: each(nulls.min, plain.min),
        max: each(nulls.max, plain.max),
    };
    show("one empty element more (of 64)", one, "ring to ring", one.median / plain.median);
    let one_by_one = run("RingSource -> RingSink;", 1);
    show("ring to ring, engine, burst 1", one_by_one, "burst 32", one_by_one.median / plain.median);
    let check = run("RingSource -> CheckIPHeader(14) -> DecIPTTL -> RingSink;", 32);
    show("CheckIPHeader and DecIPTTL", check, "ring to ring", check.median / plain.median);
    let router = run(ROUTER, 32);
    show("six-element IPv4 router, 4 routes", router, "ring to ring", router.median / plain.median);
}

/// Four next hops, a way of its own for each.
const ROUTER: &str = "
    sink :: RingSink;
    RingSource -> class :: Classifier(12/0800, -) -> CheckIPHeader(14)
        -> routes :: RadixIPLookup(10.0.0.0/16 0, 10.1.0.0/16 1, 10.2.0.0/16 2, 10.3.0.0/16 3);
    class [1] -> Discard;
    elementclass Out { input -> DecIPTTL -> Strip(14) -> EtherEncap(0x0800, 2:0:0:0:0:1, 2:0:0:0:0:2) -> output; }
    routes [0] -> Out -> sink;
    routes [1] -> Out -> sink;
    routes [2] -> Out -> sink;
    routes [3] -> Out -> sink;
";
