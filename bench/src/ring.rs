//! Where packets come from and go to: a ring in memory, through which they circulate in shuffled
//! order, so that nothing is copied in or out and no prefetcher guesses the next one.
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::clock::Clock;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Class, Configure, Element, Table};
use sluice_dataplane::engine::{Engine, Options};
use sluice_dataplane::env::Env;
use sluice_dataplane::graph::plan::Builder;
use sluice_dataplane::info::{Info, Task};
use sluice_dataplane::lang::render_native;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::pool::Pool;
use std::cell::RefCell;
use std::sync::OnceLock;

/// A frame without its frame check sequence would have 60 bytes; 64 is what benchmarks count.
pub(crate) const FRAME: usize = 64;
/// Packets that a source prefetches ahead, as a port does.
const AHEAD: usize = 4;
/// Most packets that circulate.
pub(crate) const MOST: usize = 65_536;

/// What circulates.
pub(crate) struct Traffic {
    /// Name of the working set.
    pub(crate) name: &'static str,
    /// Packets in the ring, a power of two.
    pub(crate) packets: usize,
    /// Packet `i` is frame `i` modulo their number.
    pub(crate) frames: Vec<Vec<u8>>,
}

/// The working sets: names, packets, flows.
pub(crate) const SETS: [(&str, usize, usize); 3] = [("warm", 256, 64), ("cold", 8192, 8192), ("colder", MOST, MOST)];

impl Traffic {
    /// A working set of [`SETS`], with a frame for each flow.
    pub(crate) fn new(set: &'static str, mut frame: impl FnMut(usize) -> [u8; FRAME]) -> Traffic {
        Traffic::of(set, |i| frame(i).into())
    }

    /// The same with frames of any length.
    pub(crate) fn of(set: &'static str, frame: impl FnMut(usize) -> Vec<u8>) -> Traffic {
        let &(name, packets, flows) = SETS.iter().find(|s| s.0 == set).expect("a set of the list");
        Traffic { name, packets, frames: (0..flows).map(frame).collect() }
    }
}

/// A UDP datagram in IPv4 in Ethernet, 64 bytes, time to live 64, with right header checksum.
pub(crate) fn udp_frame(src: [u8; 4], dst: [u8; 4], sport: u16, dport: u16) -> [u8; FRAME] {
    let mut f = [0u8; FRAME];
    f[..14].copy_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
    f[14..24].copy_from_slice(&[0x45, 0, 0, 50, 0, 0, 0, 0, 64, 17]);
    f[26..30].copy_from_slice(&src);
    f[30..34].copy_from_slice(&dst);
    f[34..36].copy_from_slice(&sport.to_be_bytes());
    f[36..38].copy_from_slice(&dport.to_be_bytes());
    f[38..40].copy_from_slice(&30u16.to_be_bytes());
    let sum: u32 = f[14..34].chunks(2).map(|w| u32::from(u16::from_be_bytes([w[0], w[1]]))).sum();
    f[24..26].copy_from_slice(&(!((sum >> 16) + (sum & 0xffff)) as u16).to_be_bytes());
    f
}

/// xorshift64: the same numbers in every run.
pub(crate) struct Random(pub u64);

impl Random {
    pub(crate) fn new() -> Random {
        Random(88_172_645_463_325_252)
    }
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    /// 0 to `n` - 1.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((self.next() >> 11) % n as u64) as usize
    }
    pub(crate) fn shuffle<T>(&mut self, v: &mut [T]) {
        for i in (1..v.len()).rev() {
            v.swap(i, self.below(i + 1));
        }
    }
}

thread_local! {
    static RING: RefCell<Ring> = const { RefCell::new(Ring { slots: Vec::new(), head: 0, tail: 0 }) };
}

/// Fixed slots, as a NIC's descriptor ring has them.
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
        if let Some(next) = &self.slots[(self.head + AHEAD) & mask] {
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

/// Takes a burst from the ring.
pub(crate) fn take(batch: &mut Batch, burst: usize) {
    RING.with_borrow_mut(|ring| batch.extend((0..burst).map_while(|_| ring.take())));
}

/// Puts all packets back into the ring.
pub(crate) fn give(batch: &mut Batch) {
    RING.with_borrow_mut(|ring| batch.drain().for_each(|p| ring.give(p)));
}

/// The pool of everything that is measured.
pub(crate) fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| Pool::new(MOST + 1024))
}

/// Fills the ring with fresh frames.
///
/// # Panics
/// A packet was lost since the last time.
pub(crate) fn refill(traffic: &Traffic) {
    RING.with_borrow_mut(|ring| {
        let mut packets: Vec<Packet> = ring.slots.drain(..).flatten().collect();
        packets.truncate(traffic.packets);
        packets.extend((packets.len()..traffic.packets).filter_map(|_| pool().alloc()));
        assert_eq!(packets.len(), traffic.packets, "packets that circulate");
        Random::new().shuffle(&mut packets);
        for (p, frame) in packets.iter_mut().zip(traffic.frames.iter().cycle()) {
            // An earlier subject may have left headers stripped or annotations behind.
            *p = pool().alloc().unwrap_or_else(|| unreachable!("the pool has more than circulate"));
            assert!(p.set_data(frame));
        }
        *ring = Ring { slots: packets.into_iter().map(Some).collect(), head: 0, tail: 0 };
    });
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
        take(batch, cx.burst());
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
        give(batch);
    }
}

/// An engine that runs `config`, in which RingSource and RingSink are known too.
///
/// # Panics
/// The configuration has errors.
pub(crate) fn engine(config: &str, burst: usize) -> Engine {
    let mut all = sluice_elements::TABLE.0.to_vec();
    all.extend([Class::of::<RingSource>(), Class::of::<RingSink>()]);
    all.sort_by_key(|c| c.name);
    let mut builder = Builder::new(Table(Vec::leak(all)));
    let plan = builder
        .load(config, "bench", &[], None)
        .and_then(|c| builder.prepare(c, &mut |_| Err("no devices".into())))
        .unwrap_or_else(|e| panic!("{}", render_native(&e)));
    let clock = Clock::real(sluice_dataplane::time::now);
    let mut engine = Engine::new(pool(), Options { burst, clock, ..Options::default() });
    drop(engine.swap(plan.0));
    engine
}
