//! Sets the VLAN annotation.
use super::tci;
use alloc::format;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};

/// Sets the VLAN annotation.
pub struct SetVLANAnno(u16);

impl Configure for SetVLANAnno {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::optional("VLAN_TCI", "0 to 0xFFFF", "0", "the whole tag"),
            Arg::optional("VLAN_PCP", "0 to 7", "0", "priority"),
            Arg::keyword("VLAN_ID", "0 to 0xFFF", "0", "number of the VLAN, if VLAN_TCI is not given"),
        ],
        handlers: &[
            Handler::both("vlan_tci", "the whole tag"),
            Handler::both("vlan_id", "number of the VLAN"),
            Handler::both("vlan_pcp", "priority"),
        ],
        doc: "Sets the VLAN_TCI annotation, from which VLANEncap(ANNO) makes a tag.",
        example: "InfiniteSource(LIMIT 5) -> SetVLANAnno(VLAN_ID 2, VLAN_PCP 1) -> Discard;",
        see: &["VLANEncap", "VLANDecap"],
        ..Info::new("SetVLANAnno", "vlan", "sets the VLAN annotation")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let whole = args.optional_some("VLAN_TCI");
        let pcp = args.optional("VLAN_PCP", 0);
        let id = args.keyword("VLAN_ID", 0);
        SetVLANAnno(tci(args, whole, pcp, id))
    }
}

impl Element for SetVLANAnno {
    fn process(&mut self, _cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        batch.iter_mut().for_each(|p| p.set_vlan_tci(self.0));
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "vlan_tci" => format!("{}", self.0),
            "vlan_id" => format!("{}", self.0 & 0xfff),
            _ => format!("{}", self.0 >> 13),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        let n: u16 = value(text, handler)?;
        match handler {
            "vlan_tci" => self.0 = n,
            "vlan_id" if n <= 0xfff => self.0 = self.0 & 0xf000 | n,
            "vlan_pcp" if n <= 7 => self.0 = self.0 & 0x1fff | n << 13,
            _ => return Err(HandlerError::Failed(format!("{handler}: out of range"))),
        }
        Ok(())
    }
}
