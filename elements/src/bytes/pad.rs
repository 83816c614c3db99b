//! Extends packets with zeros.
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// Extends packets with zeros.
pub struct Pad(usize);

impl Configure for Pad {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::optional("LENGTH", "bytes", "0", "extend to this length; 0 for what the extra length annotation says"),
            Arg::keyword("ZERO", "boolean", "true", "accepted; the new bytes are always zero"),
        ],
        doc: "Extends packets to at least LENGTH bytes, or without LENGTH by their extra length annotation, which is 0 \
              afterwards. What does not fit a buffer is dropped as `oversize`.",
        example: "InfiniteSource(LIMIT 5) -> Truncate(20) -> Pad(60) -> Discard;",
        see: &["Truncate"],
        ..Info::new("Pad", "bytes", "extends packets with zeros")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let length = args.optional("LENGTH", 0u32) as usize;
        args.keyword("ZERO", true);
        Pad(length)
    }
}

impl Pad {
    fn pad(&self, p: &mut Packet) -> Option<Reason> {
        let extra = p.extra_length();
        let missing = if self.0 > 0 { self.0.saturating_sub(p.len()) } else { extra as usize };
        if extra > 0 {
            p.set_extra_length(0);
        }
        match missing {
            0 => None,
            n if n > p.tailroom() => Some(Reason::Oversize),
            n => (!p.grow(n)).then_some(Reason::NoBuffer),
        }
    }
}

impl Element for Pad {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.pad(p));
    }
}
