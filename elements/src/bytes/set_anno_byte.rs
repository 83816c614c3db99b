//! Sets an annotation of one byte.
use alloc::format;
use sluice_dataplane::args::AnnoRef;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};
use sluice_dataplane::packet::Anno;

/// Sets an annotation of one byte.
pub struct SetAnnoByte {
    offset: u16,
    anno: Anno,
    value: u8,
}

impl Configure for SetAnnoByte {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::required("ANNO", "annotation", "name or byte offset: PAINT, ICMP_PARAMPROB or FIX_IP_SRC"),
            Arg::required("VALUE", "0 to 255", "what it becomes"),
        ],
        handlers: &[Handler::read("anno", "byte offset of the annotation"), Handler::both("value", "what it becomes")],
        doc: "Sets an annotation of one byte. Paint does the same for the paint annotation.",
        example: "InfiniteSource(LIMIT 5) -> SetAnnoByte(PAINT, 2) -> Discard;",
        see: &["SetVLANAnno"],
        ..Info::new("SetAnnoByte", "bytes", "sets an annotation of one byte")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let anno = args.required::<AnnoRef>("ANNO");
        let value = args.required("VALUE");
        let (offset, anno) = match anno.sized(1).map(|o| (o, Anno::by_offset(o.into(), 1))) {
            Ok((offset, Some(a))) if a.size() == 1 => (offset, a),
            _ => {
                args.error_in("ANNO", "no annotation of one byte");
                (16, Anno::Paint)
            }
        };
        SetAnnoByte { offset, anno, value }
    }
}

impl Element for SetAnnoByte {
    fn process(&mut self, _cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        batch.iter_mut().for_each(|p| p.set_anno(self.anno, self.value.into()));
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(if handler == "anno" { format!("{}", self.offset) } else { format!("{}", self.value) })
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        self.value = value(text, handler)?;
        Ok(())
    }
}
