//! Writes bytes into packets.
use sluice_dataplane::args::{Args, Bytes};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// Writes bytes into packets.
pub struct StoreData {
    offset: usize,
    data: Bytes,
}

impl Configure for StoreData {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::required("OFFSET", "bytes", "where it is written, from the first byte"),
            Arg::required("DATA", "string", "what is written"),
        ],
        doc: "Writes DATA over the packet's bytes from OFFSET on. What would lie behind the packet's end is not written; \
              checksums stay as they are.",
        example: "InfiniteSource(LIMIT 5) -> StoreData(12, \\<0800>) -> Discard;",
        see: &["StoreIPAddress", "Strip", "Truncate"],
        ..Info::new("StoreData", "bytes", "writes bytes into packets")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let offset = args.required::<u32>("OFFSET") as usize;
        StoreData { offset, data: args.required("DATA") }
    }
}

impl StoreData {
    fn store(&self, p: &mut Packet) -> Option<Reason> {
        if p.len() <= self.offset {
            return None;
        }
        let Some(room) = p.data_mut().and_then(|d| d.get_mut(self.offset..)) else { return Some(Reason::NoBuffer) };
        room.iter_mut().zip(&self.data.0).for_each(|(to, from)| *to = *from);
        None
    }
}

impl Element for StoreData {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.store(p));
    }
}
