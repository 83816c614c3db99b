//! Puts VXLAN-GPE, UDP and IP headers before packets (draft-ietf-nvo3-vxlan-gpe section 3).
use super::ends::{CHECKSUM, DST, Datagrams, SPORT, SRC, TTL};
use crate::nsh::flow::Flow;
use crate::nsh::next::Next;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info, State};
use sluice_dataplane::wire::{VxlanGpe, vxlan, vxlan_gpe};

/// Puts VXLAN-GPE, UDP and IP headers before packets.
pub struct VXLANGPEEncap {
    datagrams: Datagrams,
    header: [u8; 8],
    next: u8,
}

impl Configure for VXLANGPEEncap {
    const INFO: &'static Info = &Info {
        state: State::Replicated,
        live: true,
        args: &[
            Arg::required("VNI", "0 to 16777215", "network identifier"),
            SRC,
            DST,
            Arg::keyword(
                "NEXT",
                "next protocol",
                "nsh",
                "what the packets are: ipv4, ipv6, ethernet, nsh, mpls, or a number",
            ),
            SPORT,
            Arg::keyword("DPORT", "UDP port", "4790", "destination port"),
            CHECKSUM,
            TTL,
        ],
        doc: "Puts an IP or IPv6 header, a UDP header and a VXLAN-GPE header before each packet. The source port is chosen by the inner flow, in 49152 to 65535, so that paths of equal cost share flows out; the identification counts up from 0. The outer header is marked, and its destination noted in the annotation. With `DST_ANNO` a gateway that NSHForwarder or a look-up element has noted is the other end.",
        example: "InfiniteSource(LIMIT 5) -> NSHEncap(10, NEXT ethernet) -> VXLANGPEEncap(7, 10.0.0.1, 10.0.0.2) -> Discard;",
        see: &["VXLANGPEDecap", "VXLANEncap", "GREEncap", "NSHEncap", "NSHForwarder"],
        ..Info::new("VXLANGPEEncap", "tunnels", "puts VXLAN-GPE, UDP and IP headers before packets")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let vni: u32 = args.required("VNI");
        if vni > vxlan::VNI_MAX {
            args.error_in("VNI", "should be below 2^24");
        }
        let datagrams = Datagrams::configure(args, vxlan_gpe::PORT);
        let Next(next) = args.keyword("NEXT", Next(vxlan_gpe::NEXT_NSH));
        VXLANGPEEncap { datagrams, header: zerocopy::transmute!(VxlanGpe::new(vni, next)), next }
    }
}

impl Element for VXLANGPEEncap {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let (header, next) = (self.header, self.next);
        let datagrams = &mut self.datagrams;
        cx.check(batch, |p| datagrams.encap(p, header, |p| Flow::of(next, p.data()).hash()).err());
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            self.datagrams.ends.take(&old.datagrams.ends);
        }
    }
}
