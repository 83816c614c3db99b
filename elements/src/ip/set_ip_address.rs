//! Sets the destination annotation to a fixed address.
use super::get_ip_address::address_annotation;
use alloc::format;
use core::net::Ipv4Addr;
use sluice_dataplane::args::{AnnoRef, Args};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};
use sluice_dataplane::packet::Anno;

/// Sets the destination annotation to a fixed address.
pub struct SetIPAddress {
    address: Ipv4Addr,
    anno: Anno,
}

impl Configure for SetIPAddress {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::required("IPADDR", "IP address", "the address"),
            Arg::keyword("ANNO", "annotation", "DST_IP", "where it is noted; 4 bytes"),
        ],
        handlers: &[Handler::both("addr", "the address")],
        doc: "Sets the destination annotation, or ANNO, of every packet to IPADDR: mostly the next hop towards a \
              network with one router.",
        example: "InfiniteSource(LIMIT 5) -> SetIPAddress(10.0.0.1) -> Discard;",
        see: &["GetIPAddress", "StoreIPAddress"],
        ..Info::new("SetIPAddress", "ip", "sets the destination annotation to a fixed address")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let address = args.required("IPADDR");
        let anno = args.keyword_some::<AnnoRef>("ANNO");
        SetIPAddress { address, anno: address_annotation(args, anno) }
    }
}

impl Element for SetIPAddress {
    fn process(&mut self, _cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        batch.iter_mut().for_each(|p| p.set_anno(self.anno, self.address.into()));
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        match handler {
            "addr" => Ok(format!("{}", self.address)),
            _ => Err(HandlerError::NoHandler(handler.into())),
        }
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        self.address = value(text, handler)?;
        Ok(())
    }
}
