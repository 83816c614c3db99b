//! Takes VLAN tags out of Ethernet frames.
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::ethernet::{self, TYPE_VLAN};
use sluice_dataplane::wire::{Ethernet, Vlan};

/// Length of a tag, bytes.
const TAG: usize = 4;

/// Takes VLAN tags out of Ethernet frames.
pub struct VLANDecap {
    anno: bool,
    ether_type: u16,
}

impl Configure for VLANDecap {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::optional("ANNO", "boolean", "true", "whether the tag becomes the VLAN_TCI annotation"),
            Arg::keyword("ETHERTYPE", "0 to 0xFFFF", "0x8100", "type of the tag; 0x88A8 for a service tag (802.1ad)"),
        ],
        doc: "Takes the outermost tag of type ETHERTYPE out of each Ethernet frame. The VLAN_TCI annotation becomes the tag, \
              or 0 if there was none. Frames that end before the Ethernet header or the tag does are dropped as \
              `truncated`.",
        example: "InfiniteSource(LIMIT 5) -> VLANDecap -> Discard;",
        see: &["VLANEncap", "SetVLANAnno"],
        ..Info::new("VLANDecap", "vlan", "takes VLAN tags out of Ethernet frames")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let anno = args.optional("ANNO", true);
        VLANDecap { anno, ether_type: args.keyword("ETHERTYPE", TYPE_VLAN) }
    }
}

impl VLANDecap {
    fn untag(&self, p: &mut Packet) -> Option<Reason> {
        let Ok((header, rest)) = Ethernet::parse(p.data()) else { return Some(Reason::Truncated) };
        let mut tci = 0;
        if header.ether_type() == self.ether_type {
            let Ok((tag, _)) = Vlan::parse(rest) else { return Some(Reason::Truncated) };
            tci = tag.tci();
            let Some(head) = p.view_mut::<16>(0) else { return Some(Reason::NoBuffer) };
            head.copy_within(..12, TAG);
            p.strip(TAG);
        }
        p.set_mac_off(0);
        p.set_net_off(ethernet::LEN);
        if self.anno {
            p.set_vlan_tci(tci);
        }
        None
    }
}

impl Element for VLANDecap {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.untag(p));
    }
}
