//! Ports in memory, in place of a device: for tests.
use crate::packet::Packet;
use crate::port::{FrameMeta, Receive, Rx, Sent, Transmit};
use crate::reason::Reason;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Receives the frames that it was given, then is exhausted.
pub struct MemoryRx(VecDeque<Vec<u8>>);

impl MemoryRx {
    /// A port that these frames come through.
    pub fn new(frames: impl IntoIterator<Item = Vec<u8>>) -> MemoryRx {
        MemoryRx(frames.into_iter().collect())
    }
}

impl Receive for MemoryRx {
    fn receive(&mut self, rx: &mut Rx<'_>) {
        while rx.room() > 0
            && let Some(frame) = self.0.pop_front()
        {
            rx.frame(&[&frame], FrameMeta::default());
        }
    }
    fn exhausted(&self) -> bool {
        self.0.is_empty()
    }
}

/// The frames that a [`MemoryTx`] has sent, in order.
pub type Frames = Arc<Mutex<Vec<Vec<u8>>>>;

/// Keeps what it sends. Frames longer than its limit are refused, as a device refuses what is longer
/// than its MTU; it is full after so many frames of one call.
pub struct MemoryTx {
    sent: Frames,
    longest: usize,
    at_once: usize,
}

impl MemoryTx {
    /// A port that takes everything.
    pub fn new(sent: Frames) -> MemoryTx {
        MemoryTx { sent, longest: usize::MAX, at_once: usize::MAX }
    }
    /// The same with limits: bytes of a frame, and frames taken in one call (at least 1).
    pub fn limited(self, longest: usize, at_once: usize) -> MemoryTx {
        MemoryTx { longest, at_once: at_once.max(1), ..self }
    }
}

impl Transmit for MemoryTx {
    fn transmit(&mut self, packets: &[Packet]) -> Sent {
        let fits = packets.iter().take(self.at_once).take_while(|p| p.len() <= self.longest).count();
        if fits == 0 {
            return Sent::Refused(Reason::Oversize);
        }
        let Ok(mut sent) = self.sent.lock() else { return Sent::Refused(Reason::PortDown) };
        sent.extend(packets[..fits].iter().map(|p| p.data().to_vec()));
        Sent::Some(fits)
    }
}
