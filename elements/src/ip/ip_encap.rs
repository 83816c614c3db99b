//! Puts IP headers before packets.
use alloc::format;
use alloc::string::{String, ToString};
use core::any::Any;
use core::net::Ipv4Addr;
use sluice_dataplane::args::{Args, FromArg, IpProto, NameDb, Raw};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::{Ipv4, ipv4};

/// Puts IP headers before packets.
pub struct IPEncap {
    header: Ipv4,
    dst: Destination,
    id: u16,
}

/// Where the destination address comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Destination {
    Fixed(Ipv4Addr),
    Annotation,
}

impl FromArg for Destination {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        match text.trim() {
            "DST_ANNO" => Ok(Destination::Annotation),
            text => Ipv4Addr::from_arg(text, names)
                .map(Destination::Fixed)
                .map_err(|_| "should be IP address or ‘DST_ANNO’".into()),
        }
    }
    fn blank() -> Self {
        Destination::Annotation
    }
}

impl core::fmt::Display for Destination {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Destination::Fixed(address) => address.fmt(f),
            Destination::Annotation => f.write_str("DST_ANNO"),
        }
    }
}

impl Destination {
    /// The packet's destination; a fixed one is noted in the packet's annotation.
    pub(super) fn of(self, p: &mut Packet) -> Ipv4Addr {
        match self {
            Destination::Fixed(address) => {
                p.set_dst(address);
                address
            }
            Destination::Annotation => p.dst(),
        }
    }
}

impl Configure for IPEncap {
    const INFO: &'static Info = &Info {
        state: State::Replicated,
        live: true,
        args: &[
            Arg::required("PROTO", "IP protocol", "protocol of what is encapsulated"),
            Arg::required("SRC", "IP address", "source address"),
            Arg::required("DST", "IP address or DST_ANNO", "destination address, or the destination annotation"),
            Arg::keyword("TOS", "0 to 255", "0", "type of service byte"),
            Arg::keyword("TTL", "hops", "250", "time to live"),
            Arg::keyword("DSCP", "0 to 63", "0", "differentiated services code point"),
            Arg::keyword("ECT", "boolean or 2", "false", "ECN-capable transport: 1 or 2"),
            Arg::keyword("CE", "boolean", "false", "congestion experienced"),
            Arg::keyword("DF", "boolean", "false", "don't fragment"),
        ],
        handlers: &[Handler::both("src", "source address"), Handler::both("dst", "destination address, or DST_ANNO")],
        doc: "Puts a header of 20 bytes before each packet, with identifications that count up from 0, and marks it. \
              A fixed destination is noted in the destination annotation.",
        example: "InfiniteSource(LIMIT 5) -> IPEncap(ipip, 10.0.0.1, 10.0.0.2, DF true) -> Discard;",
        see: &["UDPIPEncap", "ICMPPingEncap", "StripIPHeader"],
        ..Info::new("IPEncap", "ip", "puts IP headers before packets")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let IpProto(proto) = args.required("PROTO");
        let src = args.required("SRC");
        let dst = args.required("DST");
        let tos = args.keyword_some::<u32>("TOS");
        let ttl = args.keyword("TTL", 250u8);
        let dscp = args.keyword_some::<u32>("DSCP");
        let ect = args.keyword_some::<Raw>("ECT");
        let ce = args.keyword("CE", false);
        let df = args.keyword("DF", false);
        let ect = match ect.as_ref().map(|e| e.0.trim()) {
            None => 0,
            Some("2") => 2,
            Some(text) => bool::from_arg(text, args.names()).map(u8::from).unwrap_or_else(|_| {
                args.error(format!("bad ECT value ‘{text}’"));
                0
            }),
        };
        if tos.is_some() && dscp.is_some() {
            args.error("cannot set both TOS and DSCP");
        } else if tos.is_some() && (ect != 0 || ce) {
            args.error("cannot set both TOS and ECN bits");
        }
        if tos.is_some_and(|t| t > 255) {
            args.error("TOS too large; max 255");
        } else if dscp.is_some_and(|d| d > 63) {
            args.error("DSCP too large; max 63");
        }
        if ect != 0 && ce {
            args.error("can set at most one ECN option");
        }
        let mut header = Ipv4::new(src, Ipv4Addr::UNSPECIFIED, proto, 0);
        let ecn = if ce { 3 } else { ect };
        header.set_tos(tos.unwrap_or(dscp.unwrap_or(0) << 2 | u32::from(ecn)) as u8);
        header.set_ttl(ttl);
        header.set_fragment_word(if df { ipv4::FLAG_DF } else { 0 });
        IPEncap { header, dst, id: 0 }
    }
}

impl IPEncap {
    fn encap(&mut self, p: &mut Packet) -> Result<(), Reason> {
        if !p.push(ipv4::LEN) {
            return Err(Reason::NoHeadroom);
        }
        let mut ip = self.header;
        ip.set_dst(self.dst.of(p));
        ip.set_ident(self.id);
        ip.set_total_len(u16::try_from(p.len()).map_err(|_| Reason::Oversize)?);
        ip.fill_checksum_20();
        self.id = self.id.wrapping_add(1);
        let data = p.data_mut().ok_or(Reason::NoBuffer)?;
        *data.first_chunk_mut::<{ ipv4::LEN }>().ok_or(Reason::NoHeadroom)? = zerocopy::transmute!(ip);
        p.set_net_off(0);
        p.set_transport_off(ipv4::LEN);
        Ok(())
    }
}

impl Element for IPEncap {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.encap(p).err());
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            self.id = old.id;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "src" => self.header.src().to_string(),
            "dst" => self.dst.to_string(),
            _ => return Err(HandlerError::NoHandler(handler.into())),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "src" => self.header.set_src(value(text, handler)?),
            _ => self.dst = value(text, handler)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_dataplane::pool::Pool;

    #[test]
    fn identifications_wrap_and_headers_need_room() {
        let pool = Pool::new(4);
        let header = Ipv4::new(Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED, 253, 0);
        let mut e = IPEncap { header, dst: Destination::Annotation, id: 0xffff };
        let mut p = pool.alloc().unwrap();
        for id in [0xffff, 0, 1] {
            assert_eq!(e.encap(&mut p), Ok(()));
            assert_eq!(Ipv4::parse(p.data()).map(|(ip, _)| ip.ident()), Ok(id));
        }
        while p.push(1) {}
        assert_eq!(e.encap(&mut p), Err(Reason::NoHeadroom));
        assert_eq!(e.id, 2);
    }
}
