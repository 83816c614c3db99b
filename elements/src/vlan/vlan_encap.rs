//! Puts VLAN tags into Ethernet frames.
use super::tag::{self, TAG, Tag};
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
use sluice_dataplane::wire::ethernet::{self, TYPE_VLAN};

/// Puts VLAN tags into Ethernet frames.
pub struct VLANEncap {
    tag: Tag,
    ether_type: u16,
}

impl Configure for VLANEncap {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            tag::ARGS[0],
            tag::ARGS[1],
            tag::ARGS[2],
            tag::ARGS[3],
            Arg::keyword("ETHERTYPE", "0 to 0xFFFF", "0x8100", "type of the tag; 0x88A8 for a service tag (802.1ad)"),
        ],
        handlers: &[
            tag::HANDLERS[0],
            tag::HANDLERS[1],
            tag::HANDLERS[2],
            tag::HANDLERS[3],
            Handler::both("ethertype", "type of the tag"),
        ],
        doc: "Puts an 802.1Q tag behind the addresses of each Ethernet frame, which must begin at the first byte. Frames of \
              the native VLAN, 0 unless given, get no tag. Frames without a whole Ethernet header are dropped as \
              `truncated`.",
        example: "InfiniteSource(LIMIT 5) -> EtherEncap(0x0800, 1:1:1:1:1:1, 2:2:2:2:2:2) -> VLANEncap(VLAN_ID 5) -> \
                  VLANDecap -> Discard;",
        see: &["VLANDecap", "SetVLANAnno"],
        ..Info::new("VLANEncap", "vlan", "puts VLAN tags into Ethernet frames")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        VLANEncap { tag: Tag::configure(args), ether_type: args.keyword("ETHERTYPE", TYPE_VLAN) }
    }
}

impl VLANEncap {
    fn insert(&self, p: &mut Packet) -> Option<Reason> {
        if p.len() < ethernet::LEN {
            return Some(Reason::Truncated);
        }
        let tci = self.tag.of(p);
        if let Some(tci) = tci {
            if !p.push(TAG) {
                return Some(Reason::NoHeadroom);
            }
            let Some(head) = p.view_mut::<16>(0) else { return Some(Reason::NoBuffer) };
            head.copy_within(TAG.., 0);
            head[12..14].copy_from_slice(&self.ether_type.to_be_bytes());
            head[14..].copy_from_slice(&tci.to_be_bytes());
        }
        p.set_mac_off(0);
        p.set_net_off(ethernet::LEN + if tci.is_some() { TAG } else { 0 });
        None
    }
}

impl Element for VLANEncap {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.insert(p));
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(self.tag.read(handler).unwrap_or_else(|| self.ether_type.to_string()))
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "ethertype" => self.ether_type = value(text, handler)?,
            _ => self.tag.write(handler, text)?,
        }
        Ok(())
    }
}
