//! Puts Ethernet headers with VLAN tags on packets.
use super::tag::{self, TAG, Tag};
use crate::ethernet::prepend;
use alloc::string::ToString;
use sluice_dataplane::args::{Args, EtherAddr};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::Ethernet;
use sluice_dataplane::wire::ethernet::{self, TYPE_VLAN};

/// Puts Ethernet headers with VLAN tags on packets.
pub struct EtherVLANEncap {
    /// As frames of the native VLAN get it.
    header: Ethernet,
    tag: Tag,
}

impl Configure for EtherVLANEncap {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::required("ETHERTYPE", "0 to 0xFFFF", "type of the payload"),
            Arg::required("SRC", "Ethernet address", "source"),
            Arg::required("DST", "Ethernet address", "destination"),
            tag::ARGS[0],
            tag::ARGS[1],
            tag::ARGS[2],
            tag::ARGS[3],
        ],
        handlers: &[
            Handler::both("src", "source"),
            Handler::both("dst", "destination"),
            Handler::both("ethertype", "type of the payload"),
            tag::HANDLERS[0],
            tag::HANDLERS[1],
            tag::HANDLERS[2],
            tag::HANDLERS[3],
        ],
        doc: "Puts an Ethernet header with an 802.1Q tag before each packet: EtherEncap and VLANEncap in one. Packets of \
              the native VLAN, 0 unless given, get a header without a tag.",
        example: "InfiniteSource(LIMIT 5) -> EtherVLANEncap(0x0800, 1:1:1:1:1:1, 2:2:2:2:2:2, VLAN_ID 5) -> \
                  StripEtherVLANHeader -> Discard;",
        see: &["StripEtherVLANHeader", "SetVLANAnno", "EtherEncap", "VLANEncap"],
        ..Info::new("EtherVLANEncap", "vlan", "puts Ethernet headers with VLAN tags on packets")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let kind = args.required("ETHERTYPE");
        let src = args.required("SRC");
        let header = Ethernet::new(args.required::<EtherAddr>("DST"), src, kind);
        EtherVLANEncap { header, tag: Tag::configure(args) }
    }
}

impl EtherVLANEncap {
    fn encap(&self, p: &mut Packet) -> Option<Reason> {
        let mut header = self.header;
        let tci = self.tag.of(p);
        if let Some(tci) = tci {
            if !p.push(TAG) {
                return Some(Reason::NoHeadroom);
            }
            let Some(room) = p.view_mut::<TAG>(0) else { return Some(Reason::NoBuffer) };
            room[..2].copy_from_slice(&tci.to_be_bytes());
            room[2..].copy_from_slice(&header.ether_type().to_be_bytes());
            header.set_ether_type(TYPE_VLAN);
        }
        let failed = prepend(p, &header);
        if failed.is_none() {
            p.set_net_off(ethernet::LEN + if tci.is_some() { TAG } else { 0 });
        }
        failed
    }
}

impl Element for EtherVLANEncap {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.encap(p));
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "src" => self.header.src().to_string(),
            "dst" => self.header.dst().to_string(),
            "ethertype" => self.header.ether_type().to_string(),
            _ => self.tag.read(handler).ok_or_else(|| HandlerError::NoHandler(handler.into()))?,
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "src" => self.header.set_src(value(text, handler)?),
            "dst" => self.header.set_dst(value(text, handler)?),
            "ethertype" => self.header.set_ether_type(value(text, handler)?),
            _ => self.tag.write(handler, text)?,
        }
        Ok(())
    }
}
