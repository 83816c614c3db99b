//! Up to 64 packets that travel together. Safe code: a `Vec` that is reused and never grows past
//! what it was made with, except for elements that create more packets than they took.
use crate::packet::Packet;
use alloc::vec::{Drain, Vec};
use core::cell::Cell;
use core::num::NonZeroU32;
use core::ops::Range;
use core::slice::{Iter, IterMut};

/// Most packets that the engine hands to an element at once.
pub const MAX_BURST: usize = 64;

/// What becomes of one packet of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Stays in the batch: goes to output 0.
    Keep,
    /// Leaves the batch; the number is handed to the caller (an output, a reason).
    Move(u16),
}

/// A reusable batch, in order of arrival.
#[derive(Debug)]
pub struct Batch(Vec<Packet>);

impl Default for Batch {
    fn default() -> Self {
        Batch(Vec::with_capacity(MAX_BURST))
    }
}

impl Batch {
    /// Number of packets.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Appends a packet.
    #[inline]
    pub fn push(&mut self, p: Packet) {
        self.0.push(p)
    }
    /// The packets in order.
    #[inline]
    pub fn iter(&self) -> Iter<'_, Packet> {
        self.0.iter()
    }
    /// The packets in order, writable.
    #[inline]
    pub fn iter_mut(&mut self) -> IterMut<'_, Packet> {
        self.0.iter_mut()
    }
    /// All packets, in order; the batch is empty afterwards.
    #[inline]
    pub fn drain(&mut self) -> Drain<'_, Packet> {
        self.0.drain(..)
    }
    /// Moves all packets but the first `n` to the end of `to`.
    pub fn split_into(&mut self, n: usize, to: &mut Batch) {
        to.0.extend(self.0.drain(n.min(self.0.len())..));
    }
    /// Moves all packets to the end of `to`.
    pub fn append_to(&mut self, to: &mut Batch) {
        to.0.append(&mut self.0);
    }
    /// Up to [`MAX_BURST`] packets from number `at` on, writable.
    #[inline]
    pub(crate) fn some_mut(&mut self, at: usize) -> &mut [Packet] {
        let end = self.0.len().min(at + MAX_BURST);
        self.0.get_mut(at..end).unwrap_or_default()
    }
    /// The packets in order.
    #[inline]
    pub fn as_slice(&self) -> &[Packet] {
        &self.0
    }
    /// The first `n` packets, in order; the others move up.
    pub fn drain_first(&mut self, n: usize) -> Drain<'_, Packet> {
        self.0.drain(..n.min(self.0.len()))
    }
    /// Takes the first packet out. Moves the others: for queues of a few.
    pub fn pop_front(&mut self) -> Option<Packet> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }
    /// Keeps the packets that `judge` keeps, in order; the others go to `out` with the number that
    /// `judge` gave them, in order too.
    #[inline]
    pub fn retain_or_move(&mut self, mut judge: impl FnMut(&mut Packet) -> Fate, mut out: impl FnMut(Packet, u16)) {
        let judge = |p: &mut Packet| match judge(p) {
            Fate::Keep => None,
            Fate::Move(n) => NonZeroU32::MIN.checked_add(n.into()),
        };
        self.divert(judge, |p, n| out(p, (n.get() - 1) as u16));
    }
    /// Takes the packets out for which `judge` says why they leave, and hands both to `out`, in order. Most
    /// batches lose none: nothing is noted down until one leaves.
    #[inline]
    pub fn divert<T: Copy>(&mut self, mut judge: impl FnMut(&mut Packet) -> Option<T>, mut out: impl FnMut(Packet, T)) {
        let mut at = 0;
        while at < self.0.len() {
            let some = self.some_mut(at);
            let end = at + some.len();
            let first = some.iter_mut().enumerate().find_map(|(i, p)| judge(p).map(|why| (i, why)));
            at = match first {
                None => end,
                Some((i, why)) => self.divert_rest(at + i..end, why, &mut judge, &mut out),
            };
        }
    }
    /// The same for the packets of `range`, of which the first leaves for `why`. All are judged before any moves.
    #[inline(never)]
    fn divert_rest<T: Copy>(
        &mut self,
        range: Range<usize>,
        why: T,
        judge: &mut impl FnMut(&mut Packet) -> Option<T>,
        out: &mut impl FnMut(Packet, T),
    ) -> usize {
        let mut verdicts = [None; MAX_BURST];
        verdicts[0] = Some(why);
        let judged = self.some_mut(range.start).iter_mut().zip(&mut verdicts).take(range.len()).skip(1);
        judged.for_each(|(p, verdict)| *verdict = judge(p));
        self.close_gaps(range, &verdicts, out)
    }
    /// Takes the packets of `range` out that have a verdict; returns where those end that stay.
    fn close_gaps<T: Copy>(
        &mut self,
        range: Range<usize>,
        verdicts: &[Option<T>],
        out: &mut impl FnMut(Packet, T),
    ) -> usize {
        let mut end = range.start;
        let mut verdicts = verdicts.iter();
        let last = Cell::new(None);
        let leaves = |_: &mut Packet| {
            last.set(verdicts.next().copied().flatten());
            end += usize::from(last.get().is_none());
            last.get().is_some()
        };
        for p in self.0.extract_if(range, leaves) {
            if let Some(why) = last.get() {
                out(p, why);
            }
        }
        end
    }
    /// What it is made of, for drivers that fill and empty it in bulk.
    #[cfg(feature = "dpdk")]
    pub(crate) fn as_vec(&mut self) -> &mut Vec<Packet> {
        &mut self.0
    }
    /// Takes the packets from number `at` on out.
    #[inline]
    pub(crate) fn drain_from(&mut self, at: usize) -> Drain<'_, Packet> {
        self.0.drain(at..)
    }
}

impl Extend<Packet> for Batch {
    fn extend<T: IntoIterator<Item = Packet>>(&mut self, packets: T) {
        self.0.extend(packets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::Pool;

    #[test]
    fn retain_or_move_keeps_both_orders() {
        let pool = Pool::new(16);
        let mut b = Batch::default();
        b.extend((0..10).filter_map(|i| {
            let mut p = pool.alloc()?;
            p.set_paint(i);
            Some(p)
        }));
        let mut out = Vec::new();
        b.retain_or_move(
            |p| if p.paint() % 3 == 0 { Fate::Move(p.paint().into()) } else { Fate::Keep },
            |p, to| out.push((p.paint(), to)),
        );
        assert_eq!(out, [(0, 0), (3, 3), (6, 6), (9, 9)]);
        assert_eq!(b.iter().map(Packet::paint).collect::<Vec<_>>(), [1, 2, 4, 5, 7, 8]);
        let mut rest = Batch::default();
        b.split_into(4, &mut rest);
        assert_eq!((b.len(), rest.len()), (4, 2));
    }

    #[test]
    fn batches_beyond_a_burst_are_judged_in_order_and_once() {
        let pool = Pool::new(200);
        let mut b = Batch::default();
        b.extend((0..150).filter_map(|i| {
            let mut p = pool.alloc()?;
            p.set_paint(i);
            Some(p)
        }));
        let (mut judged, mut out) = (Vec::new(), Vec::new());
        let judge = |p: &mut Packet| {
            judged.push(p.paint());
            [2, 3, 63, 64, 100, 149].contains(&p.paint()).then_some(())
        };
        b.divert(judge, |p, ()| out.push(p.paint()));
        assert_eq!(judged, (0..150).collect::<Vec<_>>());
        assert_eq!(out, [2, 3, 63, 64, 100, 149]);
        assert_eq!(
            b.iter().map(Packet::paint).collect::<Vec<_>>(),
            (0..150).filter(|i| !out.contains(i)).collect::<Vec<_>>()
        );
    }
}
