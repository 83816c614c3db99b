//! Takes VXLAN-GPE, UDP and IP headers off packets (draft-ietf-nvo3-vxlan-gpe section 3).
use super::ends::{cut, datagram, wanted_vni};
use crate::nsh::header::mark_inner;
use crate::nsh::next::Next;
use sluice_dataplane::args::{Args, UdpPort};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::{VxlanGpe, vxlan_gpe};

/// Takes VXLAN-GPE, UDP and IP headers off packets.
pub struct VXLANGPEDecap {
    vni: Option<u32>,
    next: u8,
    port: u16,
}

impl Configure for VXLANGPEDecap {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        live: true,
        args: &[
            Arg::optional("VNI", "0 to 16777215", "", "network identifier; without it any will do"),
            Arg::keyword("NEXT", "next protocol", "nsh", "what the packets inside are"),
            Arg::keyword("DPORT", "UDP port", "4790", "destination port"),
        ],
        doc: "Takes IP or IPv6 packets (the marked header, else one at the start), strips everything through the VXLAN-GPE header, \
              cuts off what lies behind the datagram, and marks an inner NSH, IP or Ethernet header. A UDP checksum that is there \
              must be right. All other packets go, unchanged, to output 1 if that is connected, else they are dropped: as \
              `bad_tunnel` if they are fragments, to another port, with another VNI or next protocol, or malformed, else by what is \
              wrong with IP or UDP.",
        example: "InfiniteSource(LIMIT 5) -> VXLANGPEEncap(7, 10.0.0.1, 10.0.0.2) -> d :: VXLANGPEDecap(7) -> CheckNSHHeader \
                  -> Discard; d[1] -> Discard;",
        see: &["VXLANGPEEncap", "VXLANDecap", "GREDecap", "CheckNSHHeader", "NSHDecap"],
        ..Info::new("VXLANGPEDecap", "tunnels", "takes VXLAN-GPE, UDP and IP headers off packets")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let vni = wanted_vni(args);
        let Next(next) = args.keyword("NEXT", Next(vxlan_gpe::NEXT_NSH));
        VXLANGPEDecap { vni, next, port: args.keyword("DPORT", UdpPort(vxlan_gpe::PORT)).0 }
    }
}

impl VXLANGPEDecap {
    fn decap(&self, p: &mut Packet) -> Result<(), Reason> {
        let (start, end) = datagram(p, self.port)?;
        let bytes = p.data().get(start..end).ok_or(Reason::BadTunnel)?;
        let (gpe, _) = VxlanGpe::parse(bytes).map_err(|_| Reason::BadTunnel)?;
        if gpe.next_protocol() != self.next || self.vni.is_some_and(|vni| vni != gpe.vni()) {
            return Err(Reason::BadTunnel);
        }
        cut(p, start + vxlan_gpe::LEN, end);
        // The numbers of next protocols are those of NSH.
        mark_inner(p, self.next);
        Ok(())
    }
}

impl Element for VXLANGPEDecap {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.decap(p).err());
    }
}
