//! Copies packets of one color to output 1.
use super::anno;
use alloc::format;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};
use sluice_dataplane::packet::Anno;

/// Copies packets of one color to output 1.
pub struct PaintTee {
    color: u8,
    anno: Anno,
}

impl Configure for PaintTee {
    const INFO: &'static Info = &Info {
        ports: "1/2",
        flow: "a/ah",
        live: true,
        args: &[
            Arg::required("COLOR", "0 to 255", "the paint of packets that are copied"),
            Arg::optional("ANNO", "annotation of one byte", "PAINT", "the annotation"),
        ],
        handlers: &[Handler::both("color", "the COLOR argument")],
        doc: "Passes all packets on through output 0, and sends a copy of those whose paint annotation is COLOR to output 1. \
              A router tells so that a packet leaves on the interface it came from, and sends an ICMP redirect.",
        example: "InfiniteSource(LIMIT 5) -> Paint(3) -> t :: PaintTee(3) -> Discard; t[1] -> Discard;",
        see: &["Paint", "CheckPaint", "PaintSwitch", "Tee"],
        ..Info::new("PaintTee", "paint", "copies packets of one color to output 1")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let color = args.required("COLOR");
        PaintTee { color, anno: anno(args) }
    }
}

impl Element for PaintTee {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        for p in batch.iter().filter(|p| p.anno(self.anno) == u32::from(self.color)) {
            match cx.copy(p) {
                Some(c) => cx.emit(1, c),
                None => cx.no_buffer(),
            }
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(format!("{}", self.color))
    }
    fn write(&mut self, _cx: &mut Context<'_>, _handler: &str, text: &str) -> Result<(), HandlerError> {
        self.color = value(text, "COLOR")?;
        Ok(())
    }
}
