//! The tag that frames get: from the arguments or from the annotation, and none for the native VLAN.
use super::{tci, within};
use alloc::format;
use alloc::string::{String, ToString};
use sluice_dataplane::args::{Args, FromArg, Word};
use sluice_dataplane::handler::{HandlerError, value};
use sluice_dataplane::info::{Arg, Handler};
use sluice_dataplane::packet::Packet;

/// Length of a tag, bytes.
pub(super) const TAG: usize = 4;

/// The arguments that describe a tag.
pub(super) const ARGS: [Arg; 4] = [
    Arg::optional("VLAN_TCI", "0 to 0xFFFF, or ANNO", "0", "the whole tag, or that it is in the annotation"),
    Arg::optional("VLAN_PCP", "0 to 7", "0", "priority"),
    Arg::keyword("VLAN_ID", "0 to 0xFFF", "0", "number of the VLAN, if VLAN_TCI is not given"),
    Arg::keyword("NATIVE_VLAN", "-1 to 0xFFF", "0", "the VLAN whose frames get no tag; -1 for none"),
];

/// The handlers that change it.
pub(super) const HANDLERS: [Handler; 4] = [
    Handler::both("vlan_tci", "the whole tag, or ANNO"),
    Handler::both("vlan_id", "number of the VLAN"),
    Handler::both("vlan_pcp", "priority"),
    Handler::both("native_vlan", "the VLAN whose frames get no tag"),
];

/// The tag that frames get.
pub(super) struct Tag {
    tci: u16,
    /// The tag comes from the annotation.
    anno: bool,
    native: Option<u16>,
}

impl Tag {
    pub(super) fn configure(args: &mut Args<'_>) -> Tag {
        let word = args.optional_some::<Word>("VLAN_TCI").map(|w| w.0);
        let pcp = args.optional("VLAN_PCP", 0u8);
        let id = args.keyword("VLAN_ID", 0u16);
        let native = args.keyword("NATIVE_VLAN", 0i16);
        let anno = word.as_deref() == Some("ANNO");
        let whole = word.filter(|_| !anno).and_then(|w| match u16::from_arg(&w, args.names()) {
            Ok(n) => Some(n),
            Err(why) => {
                args.error_in("VLAN_TCI", &why);
                None
            }
        });
        within(args, "NATIVE_VLAN", native, -1, 0xfff);
        Tag { tci: tci(args, whole, pcp, id), anno, native: u16::try_from(native).ok() }
    }

    /// The tag of a packet; `None` when it gets none.
    pub(super) fn of(&self, p: &Packet) -> Option<u16> {
        let tci = if self.anno { p.vlan_tci() } else { self.tci };
        (self.native != Some(tci & 0xfff)).then_some(tci)
    }

    /// Reads one of the handlers.
    pub(super) fn read(&self, handler: &str) -> Option<String> {
        Some(match handler {
            "vlan_tci" if self.anno => "ANNO".into(),
            "vlan_tci" => self.tci.to_string(),
            "vlan_id" => (self.tci & 0xfff).to_string(),
            "vlan_pcp" => (self.tci >> 13).to_string(),
            "native_vlan" => self.native.map_or("-1".into(), |n| n.to_string()),
            _ => return None,
        })
    }

    /// Writes one of the handlers.
    pub(super) fn write(&mut self, handler: &str, text: &str) -> Result<(), HandlerError> {
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
            _ => return Err(HandlerError::NoHandler(handler.into())),
        }
        Ok(())
    }
}
