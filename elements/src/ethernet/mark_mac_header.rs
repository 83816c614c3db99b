//! Marks where the Ethernet header is.
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::reason::Reason;

/// Marks where the Ethernet header is.
pub struct MarkMACHeader {
    offset: usize,
    length: usize,
}

impl Configure for MarkMACHeader {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::optional("OFFSET", "bytes", "0", "where the header begins"),
            Arg::optional("LENGTH", "bytes", "0", "how long it is; 0 if that is not to be marked"),
        ],
        doc: "Sets the annotation for the link header OFFSET bytes into each packet, and, if LENGTH is not 0, the one for the \
              network header LENGTH bytes behind it. Nothing is checked but the length: a packet that ends before \
              is dropped as `truncated`.",
        example: "InfiniteSource(LIMIT 5) -> MarkMACHeader(0, 14) -> Discard;",
        see: &["MarkIPHeader", "StripToNetworkHeader"],
        ..Info::new("MarkMACHeader", "ethernet", "marks where the Ethernet header is")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let offset = args.optional::<u16>("OFFSET", 0).into();
        MarkMACHeader { offset, length: args.optional::<u16>("LENGTH", 0).into() }
    }
}

impl Element for MarkMACHeader {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| {
            if p.len() < self.offset + self.length {
                return Some(Reason::Truncated);
            }
            p.set_mac_off(self.offset);
            if self.length > 0 {
                p.set_net_off(self.offset + self.length);
            }
            None
        });
    }
}
