//! Sends packets to the output that their paint says.
use super::anno;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::{Batch, Fate};
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::packet::{Anno, Packet};
use sluice_dataplane::reason::Reason;

/// The paint of packets for all outputs.
const EVERYWHERE: u32 = 255;

/// Sends packets to the output that their paint says.
pub struct PaintSwitch {
    anno: Anno,
}

impl PaintSwitch {
    /// Copies for all outputs but the first, then the packet itself.
    fn everywhere(cx: &mut Context<'_>, p: Packet) {
        for out in 1..cx.outputs() {
            match cx.copy(&p) {
                Some(c) => cx.emit(out, c),
                None => cx.no_buffer(),
            }
        }
        cx.emit(0, p);
    }
}

impl Configure for PaintSwitch {
    const INFO: &'static Info = &Info {
        ports: "1/-",
        flow: "h/h",
        args: &[Arg::optional("ANNO", "annotation of one byte", "PAINT", "the annotation")],
        doc: "Sends each packet to the output of the number in its paint annotation. Paint 255 stands for all outputs: each \
              gets a copy. Packets for an output that does not exist are dropped as `unmatched`.",
        example: "InfiniteSource(LIMIT 5) -> Paint(1) -> s :: PaintSwitch -> Discard; s[1] -> Discard;",
        see: &["Paint", "PaintTee", "CheckPaint", "Switch"],
        ..Info::new("PaintSwitch", "paint", "sends packets to the output that their paint says")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        PaintSwitch { anno: anno(args) }
    }
}

impl Element for PaintSwitch {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let outputs = cx.outputs() as u32;
        let some_everywhere = batch.iter().any(|p| p.anno(self.anno) == EVERYWHERE);
        if !some_everywhere {
            let judge = |p: &mut Packet| match p.anno(self.anno) {
                0 if outputs > 0 => Fate::Keep,
                paint => Fate::Move(paint as u16),
            };
            let mut send = |p, out| cx.emit_or_drop(out, p, Reason::Unmatched);
            return batch.retain_or_move(judge, |p, out| send(p, out.into()));
        }
        // Everything through the side outputs, so that packets of one output stay in order.
        for p in batch.drain() {
            match p.anno(self.anno) {
                EVERYWHERE if outputs > 0 => Self::everywhere(cx, p),
                out => cx.emit_or_drop(out as usize, p, Reason::Unmatched),
            }
        }
    }
}
