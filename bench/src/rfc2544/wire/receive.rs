//! The receiver of a port: what comes, sorted into test frames, damaged ones, the neighbours' questions, and others.
use super::arrivals::Arrivals;
use super::flow::Side;
use super::neighbour::{self, Heard};
use super::port::In;
use super::read::{self, Frame};
use super::signature::{BESIDE, Mark, Signature};
use sluice_dataplane::time::StampClock;
use sluice_dataplane::wire::EtherAddr;
use std::sync::mpsc::SyncSender;

/// Bursts that are taken before others get their turn.
const BURSTS: usize = 2;

/// The receiver of one port.
pub(super) struct Receiver<'a> {
    input: &'a mut In,
    side: Side,
    trial: u8,
    /// The direction that ends here.
    pub(super) arrivals: Arrivals,
    /// Test frames that were sent at this port.
    pub(super) returned: u64,
    /// Learning frames that arrived, by their number.
    pub(super) learned: u64,
    /// The device's address on this side, once it is known.
    pub(super) device: Option<EtherAddr>,
    /// To the sender of the same port.
    answers: SyncSender<Vec<u8>>,
}

impl<'a> Receiver<'a> {
    /// Receives frames of `trial` on `side`.
    pub(super) fn new(
        input: &'a mut In,
        side: Side,
        trial: u8,
        arrivals: Arrivals,
        answers: SyncSender<Vec<u8>>,
    ) -> Receiver<'a> {
        read::prepare();
        Receiver { input, side, trial, arrivals, returned: 0, learned: 0, device: None, answers }
    }

    /// Takes what is there, a little at most.
    #[inline]
    pub(super) fn step(&mut self, clock: &StampClock) {
        for _ in 0..BURSTS {
            if self.input.receive() == 0 {
                return;
            }
            let now = clock.now();
            let Receiver { input, side, trial, arrivals, returned, learned, device, answers } = self;
            input.frames(|frame| match read::read(frame) {
                Frame::Test(s) if s.trial == *trial => {
                    let mark = Mark::decode(s.mark);
                    match (mark.phase, mark.from == side.number & 1) {
                        (BESIDE, false) => *learned |= 1 << (s.sequence & 63),
                        (BESIDE, true) => {}
                        (_, true) => *returned += 1,
                        (_, false) => arrivals.frame(mark, &s, now),
                    }
                }
                Frame::Damaged(s) if s.is_none_or(|s| counts(&s, *trial, side)) => arrivals.damaged(s.as_ref()),
                Frame::Test(_) | Frame::Damaged(_) => arrivals.foreign += 1,
                Frame::Other => match neighbour::hear(side, frame) {
                    // Where there is no room, it will ask again.
                    Heard::Question(answer) => drop(answers.try_send(answer)),
                    Heard::Device(ether) => *device = Some(ether),
                    Heard::Nothing => arrivals.foreign += 1,
                },
            });
        }
    }

    /// Frames that the tester itself lost here since the last call.
    pub(super) fn newly_lost(&mut self) -> u64 {
        self.input.newly_lost()
    }

    /// Nothing that was lost until now counts.
    pub(super) fn forget_lost(&mut self) {
        self.input.newly_lost();
    }

    /// Throws away what is there.
    pub(super) fn drain(&mut self) -> usize {
        let n = self.input.receive();
        self.input.frames(|_| ());
        n
    }
}

/// Whether a damaged frame is one of the direction that ends here, as far as its signature tells.
#[cold]
fn counts(s: &Signature, trial: u8, side: &Side) -> bool {
    s.trial == trial && Mark::decode(s.mark).from != side.number & 1
}
