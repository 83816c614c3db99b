//! Takes Ethernet headers with VLAN tags off packets.
use super::within;
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

/// Takes Ethernet headers with VLAN tags off packets.
pub struct StripEtherVLANHeader {
    /// The VLAN of frames without a tag; `None`: they are not wanted.
    native: Option<u16>,
}

impl Configure for StripEtherVLANHeader {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        live: true,
        args: &[Arg::optional("NATIVE_VLAN", "-1 to 0xFFF", "0", "the VLAN of frames without a tag; -1 for none")],
        doc: "Takes the Ethernet header off each frame, with its 802.1Q tag if there is one. The VLAN_TCI annotation becomes \
              the tag, or NATIVE_VLAN if there is none. If that is below 0, frames without a tag go to output 1 if that \
              is connected, else they are dropped as `unmatched`; so do frames that end before the header does, as \
              `truncated`.",
        example: "InfiniteSource(LIMIT 5) -> StripEtherVLANHeader -> Discard;",
        see: &["EtherVLANEncap", "VLANDecap", "Strip"],
        ..Info::new("StripEtherVLANHeader", "vlan", "takes Ethernet headers with VLAN tags off packets")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let native = args.optional("NATIVE_VLAN", 0i32);
        if native >= 0 {
            within(args, "NATIVE_VLAN", native, 0, 0xfff);
        }
        StripEtherVLANHeader { native: u16::try_from(native).ok() }
    }
}

impl StripEtherVLANHeader {
    fn strip(&self, p: &mut Packet) -> Result<(), Reason> {
        let (header, rest) = Ethernet::parse(p.data()).map_err(|_| Reason::Truncated)?;
        let (tci, len) = if header.ether_type() == TYPE_VLAN {
            let (tag, rest) = Vlan::parse(rest).map_err(|_| Reason::Truncated)?;
            (tag.tci(), p.len() - rest.len())
        } else {
            (self.native.ok_or(Reason::Unmatched)?, ethernet::LEN)
        };
        p.set_mac_off(0);
        p.set_vlan_tci(tci);
        p.strip(len);
        Ok(())
    }
}

impl Element for StripEtherVLANHeader {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.strip(p).err());
    }
}
