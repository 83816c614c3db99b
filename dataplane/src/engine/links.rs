//! The rings between workers: one for packets and one for notes from each to each other one. They belong
//! to the engines, not to a graph, so a swap loses nothing and each sender's packets keep their order.
//!
//! An entry says by number which element of which generation of the graph it is for. Entries for an
//! earlier generation than the one that runs are translated by the elements' names; entries for a later
//! one, and what comes behind them, wait until this worker has changed over too.
use super::Engine;
use crate::batch::Batch;
use crate::element::Note;
use crate::lock::Lock;
use crate::packet::Packet;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{Relaxed, SeqCst};
use core::sync::atomic::{AtomicBool, fence};
use rtrb::{Consumer, Producer, RingBuffer};

/// Packets that may be on their way from one worker to another.
const PACKETS: usize = 2048;
/// Notes that may be.
const NOTES: usize = 1024;
/// Generations whose entries can still be translated.
const GENERATIONS: usize = 16;
/// An element of an earlier generation that has no successor here.
const GONE: u32 = u32::MAX;

/// A packet for input `port` of element `element`.
struct Handed {
    generation: u32,
    element: u32,
    port: u16,
    packet: Packet,
}

struct Told {
    generation: u32,
    element: u32,
    note: Note,
}

/// Wakes a worker that sleeps.
#[derive(Clone, Default)]
struct Bell(Arc<BellState>);

#[derive(Default)]
struct BellState {
    asleep: AtomicBool,
    wake: Lock<Option<Box<dyn Fn() + Send>>>,
}

impl Bell {
    /// After something was put into a ring. The fence pairs with the one in [`may_sleep`](Engine::may_sleep):
    /// either this sees the sleeper, or the sleeper sees what was put.
    fn ring(&self) {
        fence(SeqCst);
        if self.0.asleep.load(Relaxed) && self.0.asleep.swap(false, Relaxed) {
            self.0.wake.with(|wake| wake.iter().for_each(|wake| wake()));
        }
    }
}

/// The two ways to and from another worker.
struct Peer {
    to: Producer<Handed>,
    from: Consumer<Handed>,
    tell: Producer<Told>,
    hear: Consumer<Told>,
    bell: Bell,
    /// Something was put into a ring since the bell rang.
    put: bool,
}

/// A worker's ends of all rings.
pub(crate) struct Links {
    /// This worker's number.
    pub(super) worker: usize,
    /// Of the graph that runs.
    generation: u32,
    bell: Bell,
    /// By number; none for this worker itself.
    peers: Vec<Option<Peer>>,
    /// What the numbers of earlier generations are now, newest last.
    past: VecDeque<(u32, Vec<u32>)>,
    /// Packets handed over so far.
    handed: u64,
    /// Whose packets are taken first.
    turn: usize,
}

/// Joins engines, each a worker of one graph; the position is the worker's number. Before the first graph.
pub fn link(engines: &mut [Engine]) {
    let workers = engines.len();
    if workers < 2 {
        return;
    }
    let bells: Vec<Bell> = engines.iter().map(|_| Bell::default()).collect();
    for (worker, e) in engines.iter_mut().enumerate() {
        let (bell, peers) = (bells[worker].clone(), (0..workers).map(|_| None).collect());
        let links = Links { worker, generation: 0, bell, peers, past: VecDeque::new(), handed: 0, turn: 0 };
        e.core.links = Some(Box::new(links));
    }
    for a in 0..workers {
        for b in a + 1..workers {
            let ((a_to, b_from), (b_to, a_from)) = (RingBuffer::new(PACKETS), RingBuffer::new(PACKETS));
            let ((a_tell, b_hear), (b_tell, a_hear)) = (RingBuffer::new(NOTES), RingBuffer::new(NOTES));
            let [to_b, to_a] = [b, a].map(|w| bells[w].clone());
            let peer_b = Peer { to: a_to, from: a_from, tell: a_tell, hear: a_hear, bell: to_b, put: false };
            let peer_a = Peer { to: b_to, from: b_from, tell: b_tell, hear: b_hear, bell: to_a, put: false };
            for (worker, other, peer) in [(a, b, peer_b), (b, a, peer_a)] {
                if let Some(links) = &mut engines[worker].core.links {
                    links.peers[other] = Some(peer);
                }
            }
        }
    }
}

impl Links {
    /// Number of workers.
    pub(super) fn workers(&self) -> usize {
        self.peers.len()
    }

    /// Whose packets are taken first this time.
    pub(super) fn next_turn(&mut self) -> usize {
        self.turn = (self.turn + 1) % self.peers.len();
        self.turn
    }

    /// Puts packets into the ring to worker `home`; what finds no room stays in `batch`.
    pub(crate) fn hand_over(&mut self, home: usize, element: usize, port: usize, batch: &mut Batch) {
        let Some(Some(peer)) = self.peers.get_mut(home) else { return };
        let n = peer.to.slots().min(batch.len());
        let Ok(chunk) = peer.to.write_chunk_uninit(n) else { return };
        let (generation, element, port) = (self.generation, element as u32, port as u16);
        chunk.fill_from_iter(batch.drain_first(n).map(|packet| Handed { generation, element, port, packet }));
        peer.put |= n > 0;
        self.handed += n as u64;
    }

    /// Tells all other workers. A note that finds no room is lost.
    pub(crate) fn tell(&mut self, element: usize, note: &Note) {
        for peer in self.peers.iter_mut().flatten() {
            let told = Told { generation: self.generation, element: element as u32, note: *note };
            peer.put |= peer.tell.push(told).is_ok();
        }
    }

    /// Appends the next packets from worker `from` that are for one input, at most `max`. Says which:
    /// element and input, or nothing if the element is no more.
    pub(super) fn next(&mut self, from: usize, max: usize, batch: &mut Batch) -> Option<Option<(usize, usize)>> {
        let ring = &mut self.peers.get_mut(from)?.as_mut()?.from;
        let chunk = ring.read_chunk(ring.slots().min(max)).ok()?;
        let (first, second) = chunk.as_slices();
        let key = |h: &Handed| (h.generation, h.element, h.port);
        let (generation, element, port) = first.first().map(key)?;
        if generation > self.generation {
            return None;
        }
        let same = |h: &&Handed| key(h) == (generation, element, port);
        let n = first.iter().chain(second).take_while(same).count();
        batch.extend(chunk.into_iter().take(n).map(|h| h.packet));
        Some(self.now(generation, element).map(|id| (id, port.into())))
    }

    /// The next note from worker `from` for an element that is still there.
    pub(super) fn hear(&mut self, from: usize) -> Option<(usize, Note)> {
        loop {
            let ring = &mut self.peers.get_mut(from)?.as_mut()?.hear;
            if ring.peek().ok()?.generation > self.generation {
                return None;
            }
            let Told { generation, element, note } = ring.pop().ok()?;
            if let Some(id) = self.now(generation, element) {
                return Some((id, note));
            }
        }
    }

    /// The number that an element of an earlier generation has now.
    fn now(&self, generation: u32, element: u32) -> Option<usize> {
        if generation == self.generation {
            return Some(element as usize);
        }
        let map = &self.past.iter().find(|p| p.0 == generation)?.1;
        map.get(element as usize).copied().filter(|&id| id != GONE).map(|id| id as usize)
    }

    /// The graph was replaced: entries that are still on their way are for the old one. `heirs` says which element
    /// takes over from each of its elements.
    pub(super) fn change_over(&mut self, generation: u32, heirs: impl Iterator<Item = Option<usize>>) {
        let map: Vec<u32> = heirs.map(|heir| heir.map_or(GONE, |id| id as u32)).collect();
        for id in self.past.iter_mut().flat_map(|p| &mut p.1) {
            *id = map.get(*id as usize).copied().unwrap_or(GONE);
        }
        self.past.push_back((self.generation, map));
        if self.past.len() > GENERATIONS {
            self.past.pop_front();
        }
        self.generation = generation;
    }

    /// Wakes the workers that got something.
    pub(super) fn ring_bells(&mut self) {
        for peer in self.peers.iter_mut().flatten() {
            if core::mem::take(&mut peer.put) {
                peer.bell.ring();
            }
        }
    }

    /// Packets that wait to be taken.
    pub(super) fn waiting(&self) -> usize {
        self.peers.iter().flatten().map(|p| p.from.slots()).sum()
    }

    fn is_empty(&self) -> bool {
        self.peers.iter().flatten().all(|p| p.from.is_empty() && p.hear.is_empty())
    }
}

impl Engine {
    /// This worker's number.
    pub fn worker(&self) -> usize {
        self.core.worker()
    }

    /// Packets that this worker has handed over to others.
    pub fn handed_over(&self) -> u64 {
        self.core.links.as_ref().map_or(0, |l| l.handed)
    }

    /// What other workers do to end this one's sleep.
    pub fn on_wake(&mut self, wake: impl Fn() + Send + 'static) {
        if let Some(links) = &self.core.links {
            links.bell.0.wake.with(|w| *w = Some(Box::new(wake)));
        }
    }

    /// Before this worker falls asleep: from now on others wake it. False if something has come already.
    pub fn may_sleep(&mut self) -> bool {
        let Some(links) = &self.core.links else { return true };
        links.bell.0.asleep.store(true, Relaxed);
        fence(SeqCst);
        let may = links.is_empty();
        if !may {
            self.woke_up();
        }
        may
    }

    /// After this worker has slept.
    pub fn woke_up(&self) {
        if let Some(links) = &self.core.links {
            links.bell.0.asleep.store(false, Relaxed);
        }
    }
}
