//! Ports on DPDK's drivers: the frames of a burst become packets where they lie, and packets are sent from there.
//!
//! A device is started when a graph first names it, with a queue in each direction for each worker that uses it, and
//! stays as it is while graphs come and go.
use super::sys::dpdk::device::{self, Device, Wanted};
use super::sys::dpdk::interrupt::Interrupts;
use super::sys::dpdk::queue::{RxQueue, TxQueue};
use crate::batch::Batch;
use crate::packet::Packet;
use crate::pool::Pool;
use crate::port::{self, Direction, DpdkDevice, HandedOver, PortObject, PortSpec, Receive, Rx, Seat, Sent, Transmit};
use crate::reason::Reason;
use crate::wire::EtherAddr;
use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Weak};

pub use super::sys::dpdk::eal::{Buffers, Eal, Joined, is_running, join, version};

/// The Ethernet address of a port of DPDK, if DPDK runs and has it.
pub fn ether(name: &str) -> Option<EtherAddr> {
    is_running().then(|| device::mac(name)).flatten()
}

/// The devices of a process.
#[derive(Default)]
pub struct Devices {
    /// What the graph that is being built wants, by the device's number.
    wanted: HashMap<u16, Wanted>,
    running: HashMap<u16, Weak<Device>>,
}

impl Devices {
    /// Says what a graph on so many workers is going to ask for.
    pub fn expect<'a>(&mut self, specs: impl Iterator<Item = &'a PortSpec>, workers: usize) {
        let workers = u16::try_from(workers).unwrap_or(u16::MAX);
        self.wanted.clear();
        if !is_running() {
            return;
        }
        for spec in specs {
            let port::Device::Dpdk(d) = &spec.device else { continue };
            let Some(id) = device::find(&d.name) else { continue };
            let w = self.wanted.entry(id).or_insert(Wanted { rx_queues: 1, tx_queues: 1, ..Wanted::default() });
            let queues = d.queue.saturating_add(d.queues.unwrap_or(workers));
            match spec.direction {
                Direction::Receive => {
                    let most = if d.queues.is_none() { device::most_rx_queues(id) } else { u16::MAX };
                    w.rx_queues = w.rx_queues.max(queues.min(most));
                    w.rx_descriptors = w.rx_descriptors.max(d.descriptors);
                    w.promiscuous |= spec.promiscuous;
                    w.checksum |= d.checksum;
                    w.vlan_strip |= d.vlan_strip;
                    if d.spread != port::Spread::Auto {
                        w.spread = d.spread;
                    }
                }
                Direction::Transmit => {
                    w.tx_queues = w.tx_queues.max(queues);
                    w.tx_descriptors = w.tx_descriptors.max(d.descriptors);
                }
            }
            w.mtu = w.mtu.max(d.mtu);
        }
    }

    /// Opens one direction of a device for the worker that has this seat.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub fn open(&mut self, spec: &DpdkDevice, direction: Direction, seat: Seat) -> Result<PortObject, String> {
        // Who has the port alone has all its queues.
        let (worker, workers) = if seat.alone { (0, 1) } else { (seat.worker as u16, seat.workers as u16) };
        let device = self.device(&spec.name)?;
        let queues = spec.queues.unwrap_or(match direction {
            Direction::Receive => device.rx_queues().saturating_sub(spec.queue),
            Direction::Transmit => workers,
        });
        let all = spec.queue..spec.queue.saturating_add(queues);
        let too_few = |has: u16| {
            format!(
                "{}: queues up to {} are wanted, but it was started with {has}: more take a new start",
                spec.name,
                all.end - 1
            )
        };
        match direction {
            Direction::Receive => {
                let mine = all.clone().skip(worker.into()).step_by(workers.into());
                let queues: Option<Vec<RxQueue>> = mine.map(|q| RxQueue::new(device.clone(), q)).collect();
                let queues = queues.ok_or_else(|| too_few(device.rx_queues()))?;
                let numbers: Vec<u16> = queues.iter().map(RxQueue::number).collect();
                let interrupts = Interrupts::new(&device, &numbers);
                Ok(PortObject::Rx(Box::new(DpdkRx { device, queues, next: 0, interrupts, armed: false })))
            }
            Direction::Transmit => {
                let queue = spec.queue + worker;
                if queue >= all.end {
                    return Err(format!(
                        "{}: N_QUEUES {queues} is fewer than the {workers} workers that send, and none is shared",
                        spec.name
                    ));
                }
                let queue = TxQueue::new(device.clone(), queue).ok_or_else(|| too_few(device.tx_queues()))?;
                Ok(PortObject::Tx(Box::new(DpdkTx { queue, pool: Pool::new(0), up: true })))
            }
        }
    }

    fn device(&mut self, name: &str) -> Result<Arc<Device>, String> {
        let id = device::find(name).filter(|_| is_running());
        if let Some(running) = id.and_then(|id| self.running.get(&id)?.upgrade()) {
            return Ok(running);
        }
        let one = Wanted { rx_queues: 1, tx_queues: 1, ..Wanted::default() };
        let wanted = id.and_then(|id| self.wanted.get(&id)).unwrap_or(&one);
        let device = Arc::new(Device::start(name, wanted)?);
        if let Some(id) = id {
            self.running.insert(id, Arc::downgrade(&device));
        }
        Ok(device)
    }
}

/// Receives from a device: its queues in turn.
struct DpdkRx {
    device: Arc<Device>,
    queues: Vec<RxQueue>,
    next: usize,
    /// `None` where the driver has none: then it is asked again and again.
    interrupts: Option<Interrupts>,
    armed: bool,
}

impl Receive for DpdkRx {
    #[inline]
    fn receive(&mut self, rx: &mut Rx<'_>) {
        if let [queue] = &mut self.queues[..] {
            return queue.receive(rx);
        }
        for _ in 0..self.queues.len() {
            self.next = (self.next + 1) % self.queues.len();
            self.queues[self.next].receive(rx);
            if rx.room() == 0 {
                return;
            }
        }
    }
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.interrupts.as_ref().filter(|_| self.armed).map(Interrupts::fd)
    }
    fn rest(&mut self) -> bool {
        self.armed = self.interrupts.as_mut().is_some_and(Interrupts::arm) || self.queues.is_empty();
        self.armed
    }
    fn resume(&mut self) {
        self.armed = false;
        if let Some(interrupts) = &mut self.interrupts {
            interrupts.disarm();
        }
    }
    fn kernel_drops(&mut self) -> u64 {
        self.device.newly_missed()
    }
    fn maintain(&mut self) -> (bool, Option<String>) {
        self.device.check_link()
    }
    fn ask(&self, what: &str) -> Option<String> {
        self.device.read(what)
    }
    fn change(&mut self, what: &str, value: &str) -> Result<(), String> {
        self.device.write(what, value)
    }
}

/// Sends through a device.
struct DpdkTx {
    queue: TxQueue,
    pool: Pool,
    /// The link was up when it was looked at last.
    up: bool,
}

impl Transmit for DpdkTx {
    /// Sends copies.
    fn transmit(&mut self, packets: &[Packet]) -> Sent {
        let mut copies = Batch::default();
        for p in packets {
            let Some(copy) = p.try_clone(|| self.pool.alloc()) else { break };
            copies.push(copy);
        }
        match self.hand_over(&mut copies) {
            Some(HandedOver { packets: 0, down: true, .. }) => Sent::Refused(Reason::PortDown),
            Some(HandedOver { packets: n @ 1.., .. }) => Sent::Some(n),
            _ if copies.is_empty() => Sent::Refused(Reason::NoBuffer),
            _ => Sent::Full,
        }
    }
    #[inline]
    fn hand_over(&mut self, batch: &mut Batch) -> Option<HandedOver> {
        let (packets, bytes) = self.queue.send(batch);
        if packets == 0 && !self.up {
            self.up = self.queue.device().link().0; // it may have come since, and the queue be full already
        }
        Some(HandedOver { packets, bytes, down: packets == 0 && !self.up })
    }
    fn maintain(&mut self) -> (bool, Option<String>) {
        let (up, news) = self.queue.device().check_link();
        self.up = up;
        (up, news)
    }
    fn ask(&self, what: &str) -> Option<String> {
        self.queue.device().read(what)
    }
    fn change(&mut self, what: &str, value: &str) -> Result<(), String> {
        self.queue.device().write(what, value)
    }
}
