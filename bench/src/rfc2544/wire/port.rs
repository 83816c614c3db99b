//! The tester's ports: one object for each direction of a device, with the buffers that it needs.
use sluice_dataplane::batch::{Batch, MAX_BURST};
use sluice_dataplane::count::Counts;
use sluice_dataplane::pool::{Cache, Pool};
use sluice_dataplane::port::{PortCounters, Receive, Rx, Sent, Transmit};
use sluice_dataplane::reason::Reason;

/// What it means that a port has no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Full {
    /// The device's own queue is full, for it shares memory with the tester: what comes now is lost there, as it would be
    /// at the queue of a NIC.
    Device,
    /// The line or the tester's side has no room: the frame is not offered.
    Line,
}

/// What became of a burst.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Taken {
    /// Frames that the port took, from the start.
    pub(super) frames: usize,
    /// The port is down: it takes nothing now.
    pub(super) down: bool,
}

/// The sending half of a port.
pub(crate) struct Out {
    device: Box<dyn Transmit>,
    pub(super) cache: Cache,
    pub(super) full: Full,
    /// Frames that the port refused because of what they are.
    pub(super) refused: Option<Reason>,
}

/// The receiving half of a port.
pub(crate) struct In {
    device: Box<dyn Receive>,
    cache: Cache,
    batch: Batch,
    counters: PortCounters,
    counts: Counts,
    lost: u64,
}

impl Out {
    /// Sends through `device`.
    pub(crate) fn new(device: Box<dyn Transmit>, pool: &Pool, full: Full) -> Out {
        Out { device, cache: pool.cache(), full, refused: None }
    }

    /// Hands frames over, from the start of the batch; those that were taken are not in it any more.
    #[inline]
    pub(super) fn send(&mut self, batch: &mut Batch) -> Taken {
        if let Some(done) = self.device.hand_over(batch) {
            return Taken { frames: done.packets, down: done.down };
        }
        let mut frames = 0;
        while !batch.is_empty() {
            match self.device.transmit(batch.as_slice()) {
                Sent::Some(n) => {
                    frames += n;
                    batch.drain_first(n).for_each(|p| self.cache.free(p));
                }
                Sent::Full => break,
                Sent::Refused(Reason::PortDown) => return Taken { frames, down: true },
                Sent::Refused(why) => {
                    self.refused = Some(why);
                    batch.drain_first(1).for_each(|p| self.cache.free(p));
                }
            }
        }
        Taken { frames, down: false }
    }

    /// Sends one frame by itself, if there is room.
    pub(super) fn send_one(&mut self, frame: &[u8]) -> bool {
        let mut batch = Batch::default();
        let Some(mut p) = self.cache.alloc() else { return false };
        let written = p.set_data(frame);
        batch.push(p);
        let sent = written && self.send(&mut batch).frames == 1;
        batch.drain().for_each(|p| self.cache.free(p));
        sent
    }

    /// Looks after the device; says whether it is up, and what there is to tell.
    pub(super) fn maintain(&mut self) -> (bool, Option<String>) {
        self.device.maintain()
    }
}

impl In {
    /// Receives through `device`.
    pub(crate) fn new(device: Box<dyn Receive>, pool: &Pool) -> In {
        let (counters, counts) = (PortCounters::default(), Counts::default());
        In { device, cache: pool.cache(), batch: Batch::default(), counters, counts, lost: 0 }
    }

    /// Takes a burst of frames, at most 64, to be looked at with [`frames`](Self::frames); says how many.
    #[inline]
    pub(super) fn receive(&mut self) -> usize {
        let In { device, cache, batch, counters, counts, .. } = self;
        device.receive(&mut Rx::new(cache, batch, counters, counts, MAX_BURST));
        batch.len()
    }

    /// Shows the frames of the burst, and gives their buffers back.
    #[inline]
    pub(super) fn frames(&mut self, mut see: impl FnMut(&[u8])) {
        for p in self.batch.drain() {
            see(p.data());
            self.cache.free(p);
        }
    }

    /// Frames that were lost on the tester's side since the last call: by the kernel or the NIC because nobody took them in
    /// time, or because no buffer took them.
    pub(super) fn newly_lost(&mut self) -> u64 {
        self.lost += self.device.kernel_drops();
        let all = self.lost + self.counters.dropped.total();
        let new = all - self.counters.kernel_drops.get();
        self.counters.kernel_drops.set(all);
        new
    }

    /// Looks after the device; says whether it is up, and what there is to tell.
    pub(super) fn maintain(&mut self) -> (bool, Option<String>) {
        self.device.maintain()
    }
}
