//! Marks where the IP header is.
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};

/// Marks where the IP header is.
pub struct MarkIPHeader {
    offset: usize,
}

impl Configure for MarkIPHeader {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[Arg::optional("OFFSET", "bytes", "0", "where the IP header begins")],
        doc: "Sets the network header annotation to OFFSET, and the transport header annotation to the end of the IP \
              header by its header length. Looks at nothing else: use CheckIPHeader for packets that may be bad. \
              A packet that ends before OFFSET loses both annotations.",
        example: "InfiniteSource(LIMIT 5) -> MarkIPHeader(14) -> Discard;",
        see: &["CheckIPHeader", "StripIPHeader"],
        ..Info::new("MarkIPHeader", "ip", "marks where the IP header is")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        MarkIPHeader { offset: args.optional("OFFSET", 0u32) as usize }
    }
}

impl Element for MarkIPHeader {
    fn process(&mut self, _cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        for p in batch.iter_mut() {
            match p.data().get(self.offset).map(|first| usize::from(first & 0xf) * 4) {
                Some(header) => {
                    p.set_net_off(self.offset);
                    p.set_transport_off(self.offset + header);
                }
                None => p.clear_net_off(),
            }
        }
    }
}
