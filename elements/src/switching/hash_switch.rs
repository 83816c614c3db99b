//! Sends packets to the output that some of their bytes say.
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::{Batch, Fate};
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};

/// Sends packets to the output that some of their bytes say.
pub struct HashSwitch {
    offset: usize,
    length: usize,
}

impl HashSwitch {
    /// The output for a packet with these bytes; packets that are too short go to output 0.
    fn output(&self, data: &[u8], outputs: usize) -> usize {
        let Some(bytes) = data.get(self.offset..).and_then(|d| d.get(..self.length)) else { return 0 };
        let sum: usize = bytes.iter().map(|&b| usize::from(b)).sum();
        match outputs {
            2 | 4 | 8 => (sum ^ (sum >> 4)) & (outputs - 1),
            n => sum % n,
        }
    }
}

impl Configure for HashSwitch {
    const INFO: &'static Info = &Info {
        ports: "1/1-",
        flow: "h/h",
        args: &[
            Arg::required("OFFSET", "bytes", "first byte that counts"),
            Arg::required("LENGTH", "bytes", "number of bytes that count, at least 1"),
        ],
        doc: "Sends each packet to an output that depends on the sum of LENGTH bytes from OFFSET: packets with the same \
              bytes there go the same way. Packets too short for that go to output 0.",
        example: "InfiniteSource(LIMIT 5) -> h :: HashSwitch(26, 8) -> Discard; h[1] -> Discard;",
        see: &["Switch", "RoundRobinSwitch", "PaintSwitch"],
        ..Info::new("HashSwitch", "switching", "sends packets to the output that their bytes say")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let offset = args.required::<u32>("OFFSET") as usize;
        let length = args.required::<u32>("LENGTH") as usize;
        if length == 0 {
            args.error("length must be > 0");
        }
        HashSwitch { offset, length }
    }
}

impl Element for HashSwitch {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let outputs = cx.outputs();
        cx.sort(batch, |p| match self.output(p.data(), outputs) {
            0 => Fate::Keep,
            out => Fate::Move(out as u16),
        });
    }
}
