//! Replaces the addresses of Ethernet headers.
use super::rewrite;
use alloc::string::ToString;
use sluice_dataplane::args::Args;
use sluice_dataplane::args::EtherAddr;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// Replaces the addresses of Ethernet headers.
pub struct EtherRewrite {
    src: EtherAddr,
    dst: EtherAddr,
}

impl Configure for EtherRewrite {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::required("SRC", "Ethernet address", "new source"),
            Arg::required("DST", "Ethernet address", "new destination"),
        ],
        handlers: &[Handler::both("src", "new source"), Handler::both("dst", "new destination")],
        doc: "Replaces source and destination in the Ethernet header, which is where the link header annotation says, \
              else at the start. The type stays. Packets without room for a header are dropped as `truncated`, those \
              whose link header was stripped off as `bad_ethernet`.",
        example: "InfiniteSource(LIMIT 5) -> EtherRewrite(1:1:1:1:1:1, 2:2:2:2:2:2) -> Discard;",
        see: &["EtherEncap", "EtherMirror", "EnsureEther", "ARPQuerier"],
        ..Info::new("EtherRewrite", "ethernet", "replaces the addresses of Ethernet headers")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let src = args.required("SRC");
        EtherRewrite { src, dst: args.required("DST") }
    }
}

impl EtherRewrite {
    fn rewrite(&self, p: &mut Packet) -> Option<Reason> {
        let Ok(at) = usize::try_from(p.mac_off_signed().unwrap_or(0)) else { return Some(Reason::BadEthernet) };
        rewrite(p, at, |h| {
            h.set_src(self.src);
            h.set_dst(self.dst);
        })
    }
}

impl Element for EtherRewrite {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.rewrite(p));
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(if handler == "src" { self.src.to_string() } else { self.dst.to_string() })
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        let address = value(text, handler)?;
        if handler == "src" {
            self.src = address
        } else {
            self.dst = address
        }
        Ok(())
    }
}
