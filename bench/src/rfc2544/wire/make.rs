//! The frames of a direction, one after another: of which size, of which flow, with which signature.
//!
//! Size and flow follow from the sequence number alone, so that who receives a frame knows them, too.
use super::flow::Flows;
use super::frame::{Row, Template};
use super::signature::{BESIDE, Mark, Signature};
use crate::rfc2544::trial::{Phase, Stamps};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::pool::Cache;

/// RFC 2544 section 11.1: one frame in so many is a broadcast.
const BROADCAST: u32 = 100;

/// What a direction consists of.
pub(super) struct Stream<'a> {
    /// Templates, and which of them comes when.
    pub(super) templates: &'a [Template],
    pub(super) turns: &'a [u16],
    /// The same to the broadcast address, if there are to be broadcasts.
    pub(super) broadcasts: &'a [Template],
    pub(super) flows: Flows,
    /// What each flow writes, where all frames are of one size and there are several flows; or nothing.
    pub(super) rows: &'a [Row],
    /// The port that it starts from, 0 or 1.
    pub(super) from: u8,
    pub(super) trial: u8,
    pub(super) phases: &'a [Phase],
    pub(super) stamps: Stamps,
    /// The device may be away for longer than a moment: it is reset.
    pub(super) patient: bool,
    /// Sent once a second, if anything is.
    pub(super) query: Option<Vec<u8>>,
}

/// Makes frames.
pub(super) struct Maker<'a> {
    templates: &'a [Template],
    turns: &'a [u16],
    broadcasts: &'a [Template],
    flows: Flows,
    rows: &'a [Row],
    from: u8,
    trial: u8,
    measured: bool,
    /// The frame with its flow, where all frames are of one size and one flow.
    only: Option<Template>,
    /// When the one frame is due that is to be measured, nanoseconds; `None` once it was made.
    one: Option<u64>,
    until_broadcast: u32,
    /// Number of the next frame.
    pub(super) sequence: u64,
    /// Which of the waiting frames are not counted: a bit for each, the first is the lowest.
    beside: u64,
}

impl<'a> Maker<'a> {
    /// Makes the frames of `stream`, whose trial starts at `start`.
    pub(super) fn new(stream: &Stream<'a>, start: u64) -> Maker<'a> {
        let Stream { templates, turns, broadcasts, flows, rows, from, trial, stamps, .. } = stream;
        let only = match templates {
            [template] if flows.count == 1 => Some(template.of(&flows.get(0))),
            _ => None,
        };
        let one = match stamps {
            Stamps::OneAt(at) => Some(start.saturating_add(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX))),
            _ => None,
        };
        Maker {
            templates,
            turns,
            broadcasts,
            flows: *flows,
            rows,
            from: *from,
            trial: *trial,
            measured: *stamps == Stamps::Every,
            only,
            one,
            until_broadcast: BROADCAST,
            sequence: 0,
            beside: 0,
        }
    }

    /// Makes frames of a phase until so many wait, or no buffer is free. All get the time `now`.
    #[inline]
    pub(super) fn fill(&mut self, cache: &mut Cache, waiting: &mut Batch, wanted: usize, phase: usize, now: u64) {
        let had = waiting.len();
        if had >= wanted {
            return;
        }
        cache.alloc_burst(wanted - had, waiting);
        let mark = Mark { from: self.from, measured: self.measured, phase: phase as u8 };
        let signature = Signature { mark: mark.encode(), trial: self.trial, sequence: self.sequence, time: now };
        let fresh = waiting.iter_mut().skip(had);
        let made = if !self.broadcasts.is_empty() || self.one.is_some() {
            self.write_special(fresh, had, mark, signature)
        } else if let Some(only) = &self.only {
            count(fresh, &mut self.sequence, signature, |p, s| only.write_prepared(p, s))
        } else if let ([template], [_, ..]) = (self.templates, self.rows) {
            let (rows, mut flow) = (self.rows, self.flow() as usize);
            count(fresh, &mut self.sequence, signature, |p, s| {
                let written = rows.get(flow).is_some_and(|row| template.write_row(p, row, s));
                flow = if flow + 1 >= rows.len() { 0 } else { flow + 1 };
                written
            })
        } else {
            self.write_mixed(fresh, signature)
        };
        if had + made < waiting.len() {
            let mut bare = Batch::default();
            waiting.split_into(had + made, &mut bare);
            bare.drain().for_each(|p| cache.free(p));
        }
    }

    /// Frames of all sizes and flows.
    #[inline]
    fn write_mixed<'p>(&mut self, fresh: impl Iterator<Item = &'p mut Packet>, signature: Signature) -> usize {
        let Maker { templates, turns, flows, .. } = *self;
        let (mut flow, mut turn) = (self.flow(), self.turn());
        let sizes = turns.len();
        let count_of_flows = flows.count;
        count(fresh, &mut self.sequence, signature, |p, s| {
            let template = turns.get(turn).and_then(|t| templates.get(usize::from(*t)));
            let written = template.is_some_and(|t| t.write(p, &flows.get(flow), s));
            flow = if flow + 1 >= count_of_flows { 0 } else { flow + 1 };
            turn = if turn + 1 >= sizes { 0 } else { turn + 1 };
            written
        })
    }

    /// Frames of which one is to be measured, or some are broadcasts.
    #[cold]
    fn write_special<'p>(
        &mut self,
        fresh: impl Iterator<Item = &'p mut Packet>,
        had: usize,
        mark: Mark,
        mut signature: Signature,
    ) -> usize {
        let mut made = 0;
        for p in fresh {
            let (mut mark, mut beside) = (mark, false);
            if !self.broadcasts.is_empty() {
                self.until_broadcast -= 1;
                if self.until_broadcast == 0 {
                    (self.until_broadcast, beside) = (BROADCAST, true);
                }
            }
            if beside {
                (mark.phase, mark.measured) = (BESIDE, false);
            } else if self.one.is_some_and(|at| signature.time >= at) {
                (mark.measured, self.one) = (true, None);
            }
            (signature.mark, signature.sequence) = (mark.encode(), self.sequence);
            let templates = if beside { self.broadcasts } else { self.templates };
            let template = self.turns.get(self.turn()).and_then(|t| templates.get(usize::from(*t)));
            if !template.is_some_and(|t| t.write(p, &self.flows.get(self.flow()), &signature)) {
                break;
            }
            self.sequence += u64::from(!beside);
            self.beside |= u64::from(beside) << (had + made);
            made += 1;
        }
        made
    }

    /// Number of the next frame's flow.
    #[inline]
    fn flow(&self) -> u32 {
        self.flows.of(self.sequence)
    }

    /// Where in the turn of sizes the next frame is.
    #[inline]
    fn turn(&self) -> usize {
        (self.sequence % self.turns.len().max(1) as u64) as usize
    }

    /// The first `n` waiting frames were taken; says how many of them count.
    #[inline]
    pub(super) fn taken(&mut self, n: usize) -> u64 {
        let low = if n >= 64 { u64::MAX } else { (1 << n) - 1 };
        let beside = u64::from((self.beside & low).count_ones());
        self.beside = if n >= 64 { 0 } else { self.beside >> n };
        n as u64 - beside
    }

    /// `n` waiting frames will not be sent: their numbers are used again.
    pub(super) fn forget(&mut self, n: usize) {
        self.sequence -= n as u64 - u64::from(self.beside.count_ones());
        self.beside = 0;
    }
}

/// Writes packets, each with the next number; says how many, up to the first that cannot be written to.
#[inline]
fn count<'p>(
    fresh: impl Iterator<Item = &'p mut Packet>,
    sequence: &mut u64,
    mut signature: Signature,
    mut write: impl FnMut(&mut Packet, &Signature) -> bool,
) -> usize {
    let first = signature.sequence;
    for p in fresh {
        if !write(p, &signature) {
            break;
        }
        signature.sequence += 1;
    }
    *sequence = signature.sequence;
    (signature.sequence - first) as usize
}
