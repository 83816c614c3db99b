//! Takes VXLAN, UDP and IP headers off Ethernet frames (RFC 7348 section 5).
use super::ends::{cut, datagram, wanted_vni};
use crate::nsh::header::mark_inner;
use sluice_dataplane::args::{Args, UdpPort};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::{Vxlan, nsh, vxlan};

/// Takes VXLAN, UDP and IP headers off frames.
pub struct VXLANDecap {
    vni: Option<u32>,
    port: u16,
}

impl Configure for VXLANDecap {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        live: true,
        args: &[
            Arg::optional("VNI", "0 to 16777215", "", "network identifier; without it any will do"),
            Arg::keyword("DPORT", "UDP port", "4789", "destination port"),
        ],
        doc: "Takes IP or IPv6 packets (the marked header, else one at the start), strips everything through the VXLAN header, cuts \
              off what lies behind the datagram, and marks the inner frame. A UDP checksum that is there must be right. All other \
              packets go, unchanged, to output 1 if that is connected, else they are dropped: as `bad_tunnel` if they are \
              fragments, to another port, with another VNI, or malformed, else by what is wrong with IP or UDP.",
        example: "InfiniteSource(LIMIT 5) -> VXLANEncap(7, 10.0.0.1, 10.0.0.2) -> d :: VXLANDecap(7) -> Discard; d[1] -> Discard;",
        see: &["VXLANEncap", "VXLANGPEDecap", "GREDecap"],
        ..Info::new("VXLANDecap", "tunnels", "takes VXLAN, UDP and IP headers off frames")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        VXLANDecap { vni: wanted_vni(args), port: args.keyword("DPORT", UdpPort(vxlan::PORT)).0 }
    }
}

impl VXLANDecap {
    fn decap(&self, p: &mut Packet) -> Result<(), Reason> {
        let (start, end) = datagram(p, self.port)?;
        let bytes = p.data().get(start..end).ok_or(Reason::BadTunnel)?;
        let (header, _) = Vxlan::parse(bytes).map_err(|_| Reason::BadTunnel)?;
        if self.vni.is_some_and(|vni| vni != header.vni()) {
            return Err(Reason::BadTunnel);
        }
        cut(p, start + vxlan::LEN, end);
        mark_inner(p, nsh::NEXT_ETHERNET);
        Ok(())
    }
}

impl Element for VXLANDecap {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.decap(p).err());
    }
}
