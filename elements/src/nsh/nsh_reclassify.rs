//! Puts packets on another service path (RFC 8300 section 2.3; RFC 7665 section 4.8).
use super::header::header_mut;
use alloc::string::ToString;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::nsh::{INDEX_DEFAULT, SPI_MAX};

/// Puts packets on another service path.
pub struct NSHReclassify {
    spi: u32,
    index: u8,
}

impl Configure for NSHReclassify {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::required("SPI", "0 to 16777215", "service path identifier"),
            Arg::optional("SI", "0 to 255", "255", "service index"),
        ],
        handlers: &[Handler::both("spi", "service path identifier"), Handler::both("si", "service index")],
        doc: "Writes a new service path identifier and index into packets with a marked NSH header. All else stays; NSHMetadata \
              changes metadata. An NSHClassifier before it says which packets go where.",
        example: "InfiniteSource(LIMIT 5) -> NSHEncap(10, NEXT ethernet) -> NSHReclassify(20, 254) -> Discard;",
        see: &["NSHClassifier", "NSHMetadata", "NSHFunction"],
        ..Info::new("NSHReclassify", "nsh", "puts packets on another service path")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let spi = args.required("SPI");
        if spi > SPI_MAX {
            args.error_in("SPI", "should be below 2^24");
        }
        NSHReclassify { spi, index: args.optional("SI", INDEX_DEFAULT) }
    }
}

impl NSHReclassify {
    fn write_path(&self, p: &mut Packet) -> Result<(), Reason> {
        let (nsh, _, _) = header_mut(p)?;
        nsh.set_spi(self.spi);
        nsh.set_index(self.index);
        Ok(())
    }
}

impl Element for NSHReclassify {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.write_path(p).err());
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "spi" => self.spi.to_string(),
            "si" => self.index.to_string(),
            _ => return Err(HandlerError::NoHandler(handler.into())),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "spi" => self.spi = spi(text, handler)?,
            _ => self.index = value(text, handler)?,
        }
        Ok(())
    }
}

/// Reads the service path identifier that is written to a handler.
pub(super) fn spi(text: &str, handler: &str) -> Result<u32, HandlerError> {
    let spi = value(text, handler)?;
    if spi <= SPI_MAX { Ok(spi) } else { Err("spi: should be below 2^24".into()) }
}
