//! Puts ICMP and IP headers before packets (RFC 792).
use super::icmp_ping_encap::{Request, following};
use alloc::string::ToString;
use core::any::Any;
use core::net::Ipv4Addr;
use sluice_dataplane::args::{Args, Word, parse_int};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::wire::icmp;

/// Puts ICMP and IP headers before packets.
pub struct ICMPIPEncap {
    /// What the next packet says.
    next: Request,
}

impl Configure for ICMPIPEncap {
    const INFO: &'static Info = &Info {
        state: State::Replicated,
        live: true,
        args: &[
            Arg::required("SRC", "IP address", "source address"),
            Arg::required("DST", "IP address", "destination address"),
            Arg::required("TYPE", "0 to 255, or a name", "ICMP type: 3, unreachable"),
            Arg::optional("CODE", "0 to 255, or a name", "0", "ICMP code: 3, port"),
            Arg::keyword("IDENTIFIER", "0 to 65535", "0", "ICMP identifier, of types that have one"),
        ],
        handlers: &[Handler::both("src", "source address"), Handler::both("dst", "destination address")],
        doc: "Puts an IP header and an ICMP header of TYPE and CODE before each packet, marks them, and sets the destination \
              annotation. The header of time stamps is 20 bytes long, that of all other types 8; what is not mentioned \
              here is 0. Sequence numbers, of types that have one, and IP identifications count up from 1.\n\nNames of \
              types and codes are those that IPFilter and ICMPError know.",
        example: "InfiniteSource(LIMIT 5) -> ICMPIPEncap(10.0.0.1, 10.0.0.2, unreachable, port) -> Discard;",
        see: &["ICMPPingEncap", "ICMPError", "IPEncap"],
        ..Info::new("ICMPIPEncap", "icmp", "puts ICMP and IP headers before packets")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let (src, dst) = (args.required("SRC"), args.required("DST"));
        let Word(kind) = args.required("TYPE");
        let code = args.optional("CODE", Word("0".into())).0;
        let ident = args.keyword("IDENTIFIER", 0);
        let number = |text: &str| parse_int::<u8>(text).ok();
        let mut known = |n: Option<u8>, what: &str| {
            n.unwrap_or_else(|| {
                args.error(what);
                0
            })
        };
        let mut next = Request { kind: 0, code: 0, src, dst, ident, sequence: 1, ttl: 255 };
        // Without a type there was an error already.
        if !kind.is_empty() {
            next.kind = known(number(&kind).or(icmp::type_number(&kind)), "invalid TYPE");
            next.code = known(number(&code).or(icmp::code_number(next.kind, &code)), "invalid CODE");
        }
        ICMPIPEncap { next }
    }
}

impl Element for ICMPIPEncap {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| {
            let done = self.next.encap(p);
            self.next.sequence = following(self.next.sequence);
            done.err()
        });
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            self.next.sequence = old.next.sequence;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        let address: Ipv4Addr = if handler == "src" { self.next.src } else { self.next.dst };
        Ok(address.to_string())
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        *(if handler == "src" { &mut self.next.src } else { &mut self.next.dst }) = value(text, handler)?;
        Ok(())
    }
}
