//! Puts VLAN tags into Ethernet frames.
use super::{tci, within};
use alloc::format;
use alloc::string::String;
use sluice_dataplane::args::Args;
use sluice_dataplane::args::{FromArg, Word};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::ethernet::{self, TYPE_VLAN};

/// Length of a tag, bytes.
const TAG: usize = 4;

/// Puts VLAN tags into Ethernet frames.
pub struct VLANEncap {
    tci: u16,
    /// The tag comes from the annotation.
    anno: bool,
    native: Option<u16>,
    ether_type: u16,
}

impl Configure for VLANEncap {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::optional("VLAN_TCI", "0 to 0xFFFF, or ANNO", "0", "the whole tag, or that it is in the annotation"),
            Arg::optional("VLAN_PCP", "0 to 7", "0", "priority"),
            Arg::keyword("VLAN_ID", "0 to 0xFFF", "0", "number of the VLAN, if VLAN_TCI is not given"),
            Arg::keyword("NATIVE_VLAN", "-1 to 0xFFF", "0", "the VLAN whose frames get no tag; -1 for none"),
            Arg::keyword("ETHERTYPE", "0 to 0xFFFF", "0x8100", "type of the tag; 0x88A8 for a service tag (802.1ad)"),
        ],
        handlers: &[
            Handler::both("vlan_tci", "the whole tag, or ANNO"),
            Handler::both("vlan_id", "number of the VLAN"),
            Handler::both("vlan_pcp", "priority"),
            Handler::both("native_vlan", "the VLAN whose frames get no tag"),
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
        let word = args.optional_some::<Word>("VLAN_TCI").map(|w| w.0);
        let pcp = args.optional("VLAN_PCP", 0u8);
        let id = args.keyword("VLAN_ID", 0u16);
        let native = args.keyword("NATIVE_VLAN", 0i16);
        let ether_type = args.keyword("ETHERTYPE", TYPE_VLAN);
        let anno = word.as_deref() == Some("ANNO");
        let whole = word.filter(|_| !anno).and_then(|w| match u16::from_arg(&w, args.names()) {
            Ok(n) => Some(n),
            Err(why) => {
                args.error_in("VLAN_TCI", &why);
                None
            }
        });
        within(args, "NATIVE_VLAN", native, -1, 0xfff);
        VLANEncap { tci: tci(args, whole, pcp, id), anno, native: u16::try_from(native).ok(), ether_type }
    }
}

impl VLANEncap {
    fn tag(&self, p: &mut Packet) -> Option<Reason> {
        if p.len() < ethernet::LEN {
            return Some(Reason::Truncated);
        }
        let tci = if self.anno { p.vlan_tci() } else { self.tci };
        let tagged = self.native != Some(tci & 0xfff);
        if tagged {
            if !p.push(TAG) {
                return Some(Reason::NoHeadroom);
            }
            let Some(head) = p.view_mut::<16>(0) else { return Some(Reason::NoBuffer) };
            head.copy_within(TAG.., 0);
            head[12..14].copy_from_slice(&self.ether_type.to_be_bytes());
            head[14..].copy_from_slice(&tci.to_be_bytes());
        }
        p.set_mac_off(0);
        p.set_net_off(ethernet::LEN + if tagged { TAG } else { 0 });
        None
    }
}

impl Element for VLANEncap {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.tag(p));
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "vlan_tci" if self.anno => String::from("ANNO"),
            "vlan_tci" => format!("{}", self.tci),
            "vlan_id" => format!("{}", self.tci & 0xfff),
            "vlan_pcp" => format!("{}", self.tci >> 13),
            "native_vlan" => self.native.map_or("-1".into(), |n| format!("{n}")),
            _ => format!("{}", self.ether_type),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        let number = |low: i32, high: i32| match value::<i32>(text, handler)? {
            n if (low..=high).contains(&n) => Ok(n),
            _ => Err(HandlerError::Failed(format!("{handler}: out of range, must be {low} to {high}"))),
        };
        match handler {
            "vlan_tci" if text.trim() == "ANNO" => self.anno = true,
            "vlan_tci" => (self.tci, self.anno) = (number(0, 0xffff)? as u16, false),
            "vlan_id" => self.tci = self.tci & 0xf000 | number(0, 0xfff)? as u16,
            "vlan_pcp" => self.tci = self.tci & 0x1fff | (number(0, 7)? as u16) << 13,
            "native_vlan" => self.native = u16::try_from(number(-1, 0xfff)?).ok(),
            _ => self.ether_type = number(0, 0xffff)? as u16,
        }
        Ok(())
    }
}
