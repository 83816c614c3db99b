//! Puts Ethernet headers on packets.
use super::prepend;
use alloc::format;
use alloc::string::ToString;
use sluice_dataplane::args::Args;
use sluice_dataplane::args::EtherAddr;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};
use sluice_dataplane::wire::Ethernet;

/// Puts Ethernet headers on packets.
pub struct EtherEncap(Ethernet);

impl Configure for EtherEncap {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::required("ETHERTYPE", "0 to 0xFFFF", "type of the payload"),
            Arg::required("SRC", "Ethernet address", "source"),
            Arg::required("DST", "Ethernet address", "destination"),
        ],
        handlers: &[
            Handler::both("src", "source"),
            Handler::both("dst", "destination"),
            Handler::both("ethertype", "type of the payload"),
            Handler::both("etht", "old name of ethertype"),
        ],
        doc: "Puts the Ethernet header that the arguments describe before each packet.",
        example: "InfiniteSource(LIMIT 5) -> EtherEncap(0x0800, 1:1:1:1:1:1, 2:2:2:2:2:2) -> Discard;",
        see: &["EnsureEther", "EtherRewrite", "ARPQuerier", "VLANEncap"],
        ..Info::new("EtherEncap", "ethernet", "puts Ethernet headers on packets")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let kind = args.required("ETHERTYPE");
        let src = args.required("SRC");
        EtherEncap(Ethernet::new(args.required::<EtherAddr>("DST"), src, kind))
    }
}

impl Element for EtherEncap {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| prepend(p, &self.0));
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "src" => self.0.src().to_string(),
            "dst" => self.0.dst().to_string(),
            _ => format!("{}", self.0.ether_type()),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "src" => self.0.set_src(value(text, handler)?),
            "dst" => self.0.set_dst(value(text, handler)?),
            _ => self.0.set_ether_type(value(text, handler)?),
        }
        Ok(())
    }
}
