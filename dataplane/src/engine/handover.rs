//! Packets for an element that lives on another worker: handed over there, taken and worked on here.
use super::{Core, Engine};
use crate::batch::Batch;
use crate::context::Context;
use crate::element::Element;
use crate::handler::{HandlerError, Op, Outcome};
use crate::info::Flow;
use crate::reason::Reason;
use alloc::format;

/// Notes taken from one worker at a time.
const NOTES: usize = 64;

/// Takes the place of an element on the workers that are not its home: what is pushed into it goes there.
pub(crate) struct Away {
    /// The worker that has the element.
    pub(crate) home: usize,
}

impl Element for Away {
    fn process(&mut self, cx: &mut Context<'_>, port: usize, batch: &mut Batch) {
        cx.hand_over(self.home, port, batch);
    }
    fn call(&mut self, cx: &mut Context<'_>, _handler: &str, _op: &Op) -> Outcome {
        Outcome::Done(Err(elsewhere(cx.name(), self.home)))
    }
}

/// A handler call from inside reaches what lives on the caller's worker.
pub(super) fn elsewhere(name: &str, home: usize) -> HandlerError {
    HandlerError::Failed(format!("‘{name}’ lives on worker {home}, which is not the caller's"))
}

impl Core {
    /// This worker's number.
    pub(crate) fn worker(&self) -> usize {
        self.links.as_ref().map_or(0, |l| l.worker)
    }
    /// Number of workers.
    pub(super) fn workers(&self) -> usize {
        self.links.as_ref().map_or(1, |l| l.workers())
    }
}

impl Engine {
    /// A round's share of what other workers have handed over, and what they told; true if there was
    /// anything.
    #[inline(never)]
    pub(super) fn take_from_others(&mut self) -> bool {
        // As much as a source brings in one turn: with what comes in here, no more than a device sends in one.
        self.take_handed(self.core.burst)
    }

    /// At the end of a round: wakes the workers that got something.
    #[inline(never)] // so that a worker without others has a short round
    pub(super) fn wake_others(&mut self) {
        if let Some(links) = &mut self.core.links {
            links.ring_bells();
        }
    }

    /// Takes notes, and at most `left` packets; another worker's first each time.
    fn take_handed(&mut self, mut left: usize) -> bool {
        let mut did = false;
        let workers = self.core.workers();
        let first = self.core.links.as_mut().map_or(0, |l| l.next_turn());
        for from in (0..workers).map(|n| (first + n) % workers) {
            for _ in 0..NOTES {
                let Some((id, note)) = self.core.links.as_mut().and_then(|l| l.hear(from)) else { break };
                self.step(id, |e, cx, _, batch| e.learn(cx, &note, batch));
                did = true;
            }
            while left > 0 {
                let mut batch = self.core.spare();
                let max = left.min(self.core.burst);
                let next = self.core.links.as_mut().and_then(|l| l.next(from, max, &mut batch));
                let Some(input) = next else {
                    self.core.give_spare(batch);
                    break;
                };
                left -= batch.len();
                did = true;
                self.take(input, batch);
            }
        }
        did
    }

    /// A batch for an input, or for an element that the graph has no more.
    fn take(&mut self, input: Option<(usize, usize)>, mut batch: Batch) {
        let pushes = |&(id, port): &(usize, usize)| self.core.topo.nodes[id].in_flow.get(port) == Some(&Flow::Push);
        if let Some((id, port)) = input.filter(pushes) {
            self.step_with(id, batch, |e, cx, _, batch| e.process(cx, port, batch));
            return;
        }
        self.retired.dropped[Reason::SwapOverflow as usize].add(batch.len() as u64);
        batch.drain().for_each(|p| self.core.cache.free(p));
        self.core.give_spare(batch);
    }

    /// Packets that other workers have handed over and that were not taken yet.
    pub(super) fn handed_and_waiting(&self) -> u64 {
        self.core.links.as_ref().map_or(0, |l| l.waiting() as u64)
    }
}

/// After all workers have stopped: takes what is on its way between them, so that the elements have it.
pub fn settle_all<'e>(engines: impl IntoIterator<Item = &'e mut Engine>) {
    let mut engines: alloc::vec::Vec<&mut Engine> = engines.into_iter().collect();
    // Bounded: elements with different homes may hand packets to each other for ever.
    for _ in 0..64 {
        let mut any = false;
        engines.iter_mut().for_each(|e| any |= e.take_handed(usize::MAX));
        if !any {
            return;
        }
    }
}
