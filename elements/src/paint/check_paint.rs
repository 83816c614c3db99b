//! Passes packets of one color.
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
use sluice_dataplane::reason::Reason;

/// Passes packets of one color.
pub struct CheckPaint {
    color: u8,
    anno: Anno,
}

impl Configure for CheckPaint {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        live: true,
        args: &[
            Arg::required("COLOR", "0 to 255", "the paint of packets that pass"),
            Arg::optional("ANNO", "annotation of one byte", "PAINT", "the annotation"),
        ],
        handlers: &[Handler::both("color", "the COLOR argument")],
        doc: "Passes packets whose paint annotation is COLOR. The others go to output 1 if it is connected, else they are \
              dropped as `unmatched`.",
        example: "InfiniteSource(LIMIT 5) -> Paint(3) -> c :: CheckPaint(3) -> Discard; c[1] -> Discard;",
        see: &["Paint", "PaintTee", "PaintSwitch"],
        ..Info::new("CheckPaint", "paint", "passes packets of one color")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let color = args.required("COLOR");
        CheckPaint { color, anno: anno(args) }
    }
}

impl Element for CheckPaint {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let (color, anno) = (u32::from(self.color), self.anno);
        cx.check(batch, |p| (p.anno(anno) != color).then_some(Reason::Unmatched));
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(format!("{}", self.color))
    }
    fn write(&mut self, _cx: &mut Context<'_>, _handler: &str, text: &str) -> Result<(), HandlerError> {
        self.color = value(text, "COLOR")?;
        Ok(())
    }
}
