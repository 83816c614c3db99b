//! What is counted, gathered from all workers between two of their rounds.
use super::{lock, system};
use crate::driver::Driver;
use sluice_dataplane::args::NameDb;
use sluice_dataplane::count::{ByReason, Totals as Sums};
use sluice_dataplane::engine::Engine;
use sluice_dataplane::port::{Device, Direction};
use sluice_dataplane::reason::Reason;
use sluice_dataplane::worker::crew::Crew;
use sluice_mgmt::clock;
use sluice_mgmt::vnf::{ElementCounters, GraphElement, Port, PortSide, Snapshot, Totals, Worker};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A snapshot this old is as good as a new one: so the workers are asked 20 times a second at most, whoever asks us.
const FRESH: Duration = Duration::from_millis(50);

/// The last snapshot, and what it takes to make one.
#[derive(Default)]
pub(super) struct Cache {
    last: Mutex<Option<Arc<Snapshot>>>,
    /// Thread and core of each worker.
    workers: Mutex<Vec<(u32, Option<u32>)>>,
    /// Names of ports and their addresses.
    names: Mutex<NameDb>,
}

/// What one worker has counted.
struct Survey {
    totals: Sums,
    dropped: Vec<(Reason, u64)>,
    ports: Vec<(String, &'static str, Direction, PortSide, bool)>,
    elements: Vec<GraphElement>,
    rounds: [u64; 2],
    buffers: [usize; 2],
}

impl Cache {
    /// The workers run, on these cores.
    pub(super) fn started(&self, crew: &Crew, cores: &[usize]) {
        let thread = |_: &mut Engine| rustix::thread::gettid().as_raw_nonzero().get() as u32;
        let threads = crew.run_all(crew.remotes().iter().map(|_| thread)).unwrap_or_default();
        let core = |n: usize| cores.get(n).map(|c| *c as u32);
        *lock(&self.workers) = threads.into_iter().enumerate().map(|(n, t)| (t, core(n))).collect();
    }

    /// Another graph runs: learns the addresses of its ports.
    pub(super) fn addresses(&self, driver: &Driver) {
        *lock(&self.names) = driver.builder.names.clone();
    }

    /// The next snapshot is a new one.
    pub(super) fn forget(&self) {
        *lock(&self.last) = None;
    }

    /// A snapshot, not older than [`FRESH`] while there are workers; else the last there was.
    pub(super) fn get(&self, crew: Option<&Crew>) -> Arc<Snapshot> {
        let mut last = lock(&self.last);
        let now = clock::monotonic();
        let known = last.clone().unwrap_or_default();
        let fresh = last.is_some() && now.as_nanos() as u64 - known.monotonic < FRESH.as_nanos() as u64;
        let Some(crew) = crew.filter(|_| !fresh) else { return known };
        let Ok(surveys) = crew.run_all(crew.remotes().iter().map(|_| survey)) else { return known };
        let made = Arc::new(self.join(surveys, now));
        *last = Some(made.clone());
        made
    }

    fn join(&self, surveys: Vec<Survey>, now: Duration) -> Snapshot {
        let mut s = Snapshot { wall: clock::wall(), monotonic: now.as_nanos() as u64, ..Snapshot::default() };
        let workers = lock(&self.workers).clone();
        let names = lock(&self.names);
        let sums: Sums = surveys.iter().map(|w| w.totals).sum();
        let Sums { received, created, transmitted, consumed, dropped, held } = sums;
        s.totals = Totals { received, created, transmitted, consumed, dropped, held };
        for (n, w) in surveys.into_iter().enumerate() {
            for (why, count) in w.dropped {
                *s.dropped.entry(why.name().into()).or_default() += count;
            }
            for (name, driver, direction, side, up) in w.ports {
                let port = match s.ports.iter().position(|p| p.name == name) {
                    Some(at) => &mut s.ports[at],
                    None => {
                        let mac = names.ether(&name).map(|e| e.to_string().replace('-', ":").to_lowercase());
                        s.ports.push(Port { name, driver: driver.into(), up: true, mac, ..Port::default() });
                        let at = s.ports.len() - 1;
                        &mut s.ports[at]
                    }
                };
                port.up &= up;
                let which = if direction == Direction::Receive { &mut port.received } else { &mut port.sent };
                add_side(which.get_or_insert_default(), side);
            }
            // All workers have the same elements, in the same order.
            for (i, e) in w.elements.into_iter().enumerate() {
                match s.elements.get_mut(i) {
                    Some(known) => add(&mut known.counters, e.counters),
                    None => s.elements.push(e),
                }
            }
            let (thread, core) = workers.get(n).copied().unwrap_or_default();
            let cpu_ns = system::thread_cpu_ns(thread);
            let [rounds, busy_rounds] = w.rounds;
            let packets = w.totals.received + w.totals.created;
            s.workers.push(Worker { core, rounds, busy_rounds, cpu_ns, packets });
            s.buffers = [s.buffers[0].max(w.buffers[0] as u64), w.buffers[1] as u64];
        }
        s.resident_bytes = system::resident_bytes();
        s.process_cpu_ns = system::process_cpu_ns();
        s
    }
}

fn reasons(dropped: &ByReason) -> BTreeMap<String, u64> {
    if dropped.total() == 0 {
        return BTreeMap::new();
    }
    Reason::ALL.iter().filter(|r| dropped.of(**r) > 0).map(|r| (r.name().to_string(), dropped.of(*r))).collect()
}

fn driver(device: &Device) -> &'static str {
    match device {
        Device::Kernel(_) => "kernel",
        Device::Tun(_) => "tun",
        Device::Multicast(_) => "multicast",
        Device::Dpdk(_) => "dpdk",
        Device::Xdp(_) => "xdp",
    }
}

fn survey(e: &mut Engine) -> Survey {
    let t = e.topology();
    let mut passed = vec![[0u64; 2]; t.nodes.len()];
    for (edge, count) in t.edges.iter().zip(&t.counts.edges) {
        passed[edge.to as usize][0] += count.get();
        passed[edge.from as usize][1] += count.get();
    }
    let element = |(i, n): (usize, &sluice_dataplane::graph::Node)| GraphElement {
        name: n.name.clone(),
        class: n.class.info.class.into(),
        config: n.config.clone(),
        counters: ElementCounters {
            packets_in: passed[i][0],
            packets_out: passed[i][1],
            held: e.held_in(i) as u64,
            dropped: reasons(&t.counts.nodes[i].dropped),
        },
    };
    let port = |p: &sluice_dataplane::port::PortSlot| {
        let c = &p.counters;
        let side = PortSide {
            packets: c.packets.get(),
            bytes: c.bytes.get(),
            lost_before: c.kernel_drops.get(),
            dropped: reasons(&c.dropped),
        };
        (p.spec.device.name().to_string(), driver(&p.spec.device), p.spec.direction, side, c.up.get() > 0)
    };
    Survey {
        totals: e.totals(),
        dropped: e.drops(),
        ports: e.ports().map(port).collect(),
        elements: t.nodes.iter().enumerate().map(element).collect(),
        rounds: e.rounds(),
        buffers: e.buffers(),
    }
}

fn add_all(to: &mut BTreeMap<String, u64>, from: BTreeMap<String, u64>) {
    from.into_iter().for_each(|(why, n)| *to.entry(why).or_default() += n);
}

fn add(to: &mut ElementCounters, from: ElementCounters) {
    to.packets_in += from.packets_in;
    to.packets_out += from.packets_out;
    to.held += from.held;
    add_all(&mut to.dropped, from.dropped);
}

fn add_side(to: &mut PortSide, from: PortSide) {
    to.packets += from.packets;
    to.bytes += from.bytes;
    to.lost_before += from.lost_before;
    add_all(&mut to.dropped, from.dropped);
}
