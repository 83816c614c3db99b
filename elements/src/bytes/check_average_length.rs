//! Separates packets while their average length is small.
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::{Batch, Fate};
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info, State};

/// The average is that of so many packets.
const WINDOW: usize = 15;

/// Separates packets while their average length is small.
pub struct CheckAverageLength {
    min: u32,
    seen: Seen,
}

/// The last lengths, bytes; the oldest is overwritten.
#[derive(Clone, Copy, Default)]
struct Seen {
    lengths: [u64; WINDOW],
    /// Packets so far.
    count: usize,
}

impl Seen {
    /// The average with one more packet.
    fn average(&mut self, length: usize) -> u64 {
        self.lengths[self.count % WINDOW] = length as u64;
        self.count += 1;
        self.lengths.iter().sum::<u64>() / self.count.min(WINDOW) as u64
    }
}

impl Configure for CheckAverageLength {
    const INFO: &'static Info = &Info {
        ports: "1/2",
        flow: "h/h",
        live: true,
        state: State::Single,
        args: &[Arg::required("MINLENGTH", "bytes", "the smallest average for output 0")],
        doc: "Knows the average length of the last 15 packets, this one included (of all of them while there are fewer). A \
              packet goes to output 0 if that is at least MINLENGTH bytes, else to output 1: small packets in a row are \
              those of voice and other real-time traffic.",
        example: "InfiniteSource(LIMIT 5) -> c :: CheckAverageLength(200) -> Discard; c[1] -> Discard;",
        see: &["CheckLength"],
        ..Info::new("CheckAverageLength", "bytes", "separates packets while their average length is small")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        CheckAverageLength { min: args.required("MINLENGTH"), seen: Seen::default() }
    }
}

impl Element for CheckAverageLength {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let (seen, min) = (&mut self.seen, u64::from(self.min));
        cx.sort(batch, |p| if seen.average(p.len()) < min { Fate::Move(1) } else { Fate::Keep });
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<CheckAverageLength>() {
            self.seen = old.seen;
        }
    }
}
