//! Sets the differentiated services code point (RFC 2474).
use super::header_mut;
use alloc::format;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::Ipv4;
use sluice_dataplane::wire::checksum::update_u16;

/// Sets the differentiated services code point.
pub struct SetIPDSCP {
    dscp: u8,
}

const RANGE: &str = "diffserv code point out of range";

impl Configure for SetIPDSCP {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[Arg::required("DSCP", "0 to 63", "the code point")],
        handlers: &[Handler::both("dscp", "the code point")],
        doc: "Sets the differentiated services code point of the marked IP header and corrects the checksum; the two \
              ECN bits stay. A packet without a marked header is dropped.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader -> SetIPDSCP(46) -> Discard;",
        see: &["SetIPECN", "CheckIPHeader"],
        ..Info::new("SetIPDSCP", "ip", "sets the differentiated services code point")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let dscp = args.required::<u32>("DSCP");
        if dscp > 63 {
            args.error(RANGE);
        }
        SetIPDSCP { dscp: (dscp & 63) as u8 }
    }
}

/// Changes the bits of the type of service byte that `mask` selects, and corrects the checksum.
pub(super) fn set_tos(p: &mut Packet, mask: u8, bits: u8) -> Result<(), Reason> {
    let ip = Ipv4::parse_header_mut(header_mut(p)?).map_err(|_| Reason::BadIp)?;
    let (old, new) = (ip.tos(), ip.tos() & !mask | bits & mask);
    ip.set_tos(new);
    // The byte before it, version and header length, is in both words and cancels out.
    ip.set_checksum(update_u16(ip.checksum(), u16::from(old), u16::from(new)));
    Ok(())
}

impl Element for SetIPDSCP {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| set_tos(p, 0xfc, self.dscp << 2).err());
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        match handler {
            "dscp" => Ok(format!("{}", self.dscp)),
            _ => Err(HandlerError::NoHandler(handler.into())),
        }
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        self.dscp = value::<u8>(text, handler).ok().filter(|&d| d <= 63).ok_or(RANGE)?;
        Ok(())
    }
}
