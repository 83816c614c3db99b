//! Takes GRE and IP headers off packets (RFC 2784, RFC 2890).
use super::ends::{cut, payload};
use crate::nsh::header::mark_inner;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::{Gre, ethernet, gre, ip_proto, nsh};

/// Takes GRE and IP headers off packets.
pub struct GREDecap {
    kind: u16,
    key: Option<u32>,
}

impl Configure for GREDecap {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        live: true,
        args: &[
            Arg::optional("TYPE", "Ethernet type", "0x894F", "what the packets inside are; NSH unless given"),
            Arg::keyword("KEY", "number", "", "key of the tunnel; without it any key, and none, will do"),
        ],
        doc: "Takes IP or IPv6 packets (the marked header, else one at the start), strips everything through the GRE header, cuts \
              off what lies behind the IP packet, and marks an inner NSH, IP or Ethernet (type 0x6558) header. A GRE checksum that \
              is there must be right; sequence numbers are not looked at. All other packets go, unchanged, to output 1 if that is \
              connected, else they are dropped: as `bad_checksum`, as `bad_ip`, or as `bad_tunnel` if they are fragments, of \
              another type, with another key, or malformed.",
        example: "InfiniteSource(LIMIT 5) -> GREEncap(10.0.0.1, 10.0.0.2) -> d :: GREDecap -> CheckNSHHeader -> Discard; \
                  d[1] -> Discard;",
        see: &["GREEncap", "VXLANGPEDecap", "VXLANDecap", "CheckNSHHeader"],
        ..Info::new("GREDecap", "tunnels", "takes GRE and IP headers off packets")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        GREDecap { kind: args.optional("TYPE", ethernet::TYPE_NSH), key: args.keyword_some("KEY") }
    }
}

impl GREDecap {
    fn decap(&self, p: &mut Packet) -> Result<(), Reason> {
        let (start, end, _) = payload(p, ip_proto::GRE)?;
        let bytes = p.data().get(start..end).ok_or(Reason::BadTunnel)?;
        let (header, words, inner) = Gre::parse_full(bytes).map_err(|_| Reason::BadTunnel)?;
        let key = header.words(words).key;
        if header.protocol() != self.kind || self.key.is_some_and(|wanted| key != Some(wanted)) {
            return Err(Reason::BadTunnel);
        }
        gre::verify_checksum(bytes).map_err(|_| Reason::BadChecksum)?;
        let next = match self.kind {
            ethernet::TYPE_NSH => nsh::NEXT_NSH,
            ethernet::TYPE_IPV4 => nsh::NEXT_IPV4,
            ethernet::TYPE_IPV6 => nsh::NEXT_IPV6,
            ethernet::TYPE_TRANS_ETHER => nsh::NEXT_ETHERNET,
            _ => nsh::NEXT_NONE,
        };
        let from = end - inner.len();
        cut(p, from, end);
        mark_inner(p, next);
        Ok(())
    }
}

impl Element for GREDecap {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.decap(p).err());
    }
}
