//! Sets the paint annotation.
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

/// Sets the paint annotation.
pub struct Paint {
    color: u8,
    anno: Anno,
}

impl Configure for Paint {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::required("COLOR", "0 to 255", "what the annotation is set to"),
            Arg::optional("ANNO", "annotation of one byte", "PAINT", "the annotation"),
        ],
        handlers: &[Handler::both("color", "the COLOR argument")],
        doc: "Sets each packet's paint annotation to COLOR.",
        example: "InfiniteSource(LIMIT 5) -> Paint(3) -> Discard;",
        see: &["PaintSwitch", "PaintTee", "CheckPaint"],
        ..Info::new("Paint", "paint", "sets the paint annotation")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let color = args.required("COLOR");
        Paint { color, anno: anno(args) }
    }
}

impl Element for Paint {
    fn process(&mut self, _cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        match self.anno {
            Anno::Paint => batch.iter_mut().for_each(|p| p.set_paint(self.color)),
            anno => batch.iter_mut().for_each(|p| p.set_anno(anno, self.color.into())),
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
