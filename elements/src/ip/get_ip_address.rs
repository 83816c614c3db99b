//! Copies an address from the packet into an annotation.
use super::header;
use alloc::string::String;
use core::net::Ipv4Addr;
use sluice_dataplane::args::{AnnoRef, Args, Word};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::packet::{Anno, Packet};
use sluice_dataplane::reason::Reason;

/// Copies an address from the packet into an annotation.
pub struct GetIPAddress {
    from: From,
    anno: Anno,
}

#[derive(Clone, Copy)]
enum From {
    Offset(usize),
    Source,
    Destination,
}

/// The 4-byte annotation that an argument names; the destination address if it is not given.
pub(super) fn address_annotation(args: &mut Args<'_>, given: Option<AnnoRef>) -> Anno {
    let Some(given) = given else { return Anno::DstIp };
    let anno = given.sized(4).and_then(|offset| {
        Anno::by_offset(u32::from(offset), 4)
            .filter(|a| a.size() == 4)
            .ok_or_else(|| String::from("no annotation of 4 bytes there"))
    });
    anno.unwrap_or_else(|why| {
        args.error_in("ANNO", &why);
        Anno::DstIp
    })
}

impl Configure for GetIPAddress {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::optional("OFFSET", "bytes", "", "where the address lies"),
            Arg::optional("ANNO", "annotation", "DST_IP", "where it is noted; 4 bytes"),
            Arg::keyword("IP", "src or dst", "", "instead of OFFSET: an address of the marked IP header"),
        ],
        doc: "Copies an IP address from the packet into the destination annotation, or into ANNO. Either OFFSET or IP \
              must be given. A packet that ends before the address is dropped.",
        example: "InfiniteSource(LIMIT 5) -> GetIPAddress(16) -> Discard;",
        see: &["SetIPAddress", "StoreIPAddress", "CheckIPHeader"],
        ..Info::new("GetIPAddress", "ip", "copies an address from the packet into an annotation")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let offset = args.optional_some::<u32>("OFFSET");
        let anno = args.optional_some::<AnnoRef>("ANNO");
        let ip = args.keyword_some::<Word>("IP");
        let anno = address_annotation(args, anno);
        let from = match (offset, ip.as_ref().map(|w| w.0.as_str())) {
            (Some(offset), None) => From::Offset(offset as usize),
            (None, Some("src")) => From::Source,
            (None, Some("dst")) => From::Destination,
            (None, Some(_)) => {
                args.error("bad IP");
                From::Source
            }
            _ => {
                args.error("set one of OFFSET, IP");
                From::Source
            }
        };
        GetIPAddress { from, anno }
    }
}

impl From {
    fn read(self, p: &Packet) -> Option<Ipv4Addr> {
        match self {
            From::Offset(at) => p.view::<4>(at).copied().map(Ipv4Addr::from),
            From::Source => header(p).map(|ip| ip.src()),
            From::Destination => header(p).map(|ip| ip.dst()),
        }
    }
}

impl Element for GetIPAddress {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| match self.from.read(p) {
            Some(address) => {
                p.set_anno(self.anno, address.into());
                None
            }
            None => Some(Reason::Truncated),
        });
    }
}
