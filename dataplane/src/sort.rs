//! How an element sends the packets of a batch to its outputs.
use crate::batch::{Batch, Fate, MAX_BURST};
use crate::context::Context;
use crate::packet::Packet;
use crate::reason::Reason;

impl Context<'_> {
    /// The usual shape of `process`: keep, or move to a side output.
    #[inline]
    pub fn sort(&mut self, batch: &mut Batch, mut judge: impl FnMut(&mut Packet) -> Fate) {
        let judge = |p: &mut Packet| match judge(p) {
            Fate::Keep => 0,
            Fate::Move(out) => out,
        };
        self.scatter(batch, judge, |cx, p, out| cx.emit(out.into(), p));
    }
    /// Sends every packet to the output that `judge` names; those for which there is none go to
    /// `other`, with the number. Packets for output 0 stay in the batch.
    #[inline]
    pub fn scatter(
        &mut self,
        batch: &mut Batch,
        mut judge: impl FnMut(&mut Packet) -> u16,
        other: impl FnMut(&mut Self, Packet, u16),
    ) {
        let judge = |some: &mut [Packet], outs: &mut [u16]| {
            some.iter_mut().zip(outs).for_each(|(p, out)| *out = judge(p));
        };
        self.scatter_many(batch, judge, other);
    }
    /// As [`scatter`](Self::scatter), where `judge` looks at up to [`MAX_BURST`] packets at once and
    /// writes down an output for each.
    #[inline]
    pub fn scatter_many(
        &mut self,
        batch: &mut Batch,
        mut judge: impl FnMut(&mut [Packet], &mut [u16]),
        mut other: impl FnMut(&mut Self, Packet, u16),
    ) {
        let mut at = 0;
        while at < batch.len() {
            let mut outs = [0; MAX_BURST];
            let some = batch.some_mut(at);
            let outs = &mut outs[..some.len()];
            judge(some, outs);
            let (any, all) = outs.iter().fold((0, u16::MAX), |(any, all), out| (any | out, all & out));
            at = match any {
                0 => at + outs.len(),
                out if out == all && outs.len() == batch.len() && self.move_all(batch, out.into()) => 0,
                _ => self.distribute(batch, at, outs, &mut other),
            };
        }
    }
    /// Sends a whole batch to output `out`; false, and nothing done, if that is not to be had so simply.
    fn move_all(&mut self, batch: &mut Batch, out: usize) -> bool {
        let free = self.output_connected(out) && self.core.sides[out].is_empty();
        if free {
            core::mem::swap(batch, &mut self.core.sides[out]);
            self.core.dirty = true;
        }
        free
    }
    /// Sends the packets from number `at` on to the outputs `outs`; returns where those end that stay.
    /// Output 0 is one of many here: a branch on it would be mispredicted when packets are mixed.
    #[inline(never)]
    fn distribute(
        &mut self,
        batch: &mut Batch,
        at: usize,
        outs: &[u16],
        other: &mut impl FnMut(&mut Self, Packet, u16),
    ) -> usize {
        let connected = self.core.topo.nodes[self.id].outs.len();
        let mut rest = self.core.spare();
        batch.split_into(at + outs.len(), &mut rest);
        let empty = self.core.spare();
        let emitted = self.core.sides.first_mut().map(|side| core::mem::replace(side, empty));
        let mut moved = false;
        for (p, &out) in batch.drain_from(at).zip(outs) {
            match self.core.sides.get_mut(usize::from(out)).filter(|_| usize::from(out) < connected) {
                Some(side) => {
                    side.push(p);
                    moved |= out != 0;
                }
                None => other(self, p, out),
            }
        }
        self.core.dirty |= moved;
        if let (Some(side), Some(emitted)) = (self.core.sides.first_mut(), emitted) {
            let mut kept = core::mem::replace(side, emitted);
            kept.append_to(batch);
            self.core.give_spare(kept);
        }
        let end = batch.len();
        rest.append_to(batch);
        self.core.give_spare(rest);
        end
    }
    /// To output `out` if that is connected, else a drop for `why`: what Click's checks do with
    /// bad packets.
    #[inline]
    pub fn emit_or_drop(&mut self, out: usize, p: Packet, why: Reason) {
        if self.output_connected(out) { self.emit(out, p) } else { self.drop(p, why) }
    }
    /// Keeps the packets that `judge` finds good (`None`); the others go to output 1 if that is
    /// connected, else they are dropped for the reason it gave. Packets that could not be written
    /// because no buffer was free are not bad: they are always dropped.
    #[inline]
    pub fn check(&mut self, batch: &mut Batch, judge: impl FnMut(&mut Packet) -> Option<Reason>) {
        batch.divert(judge, |p, why| match why {
            Reason::NoBuffer => self.drop(p, Reason::NoBuffer),
            why => self.emit_or_drop(1, p, why),
        });
    }
}
