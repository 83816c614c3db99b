//! Checks TCP headers (RFC 9293 section 3.1).
use super::header;
use super::tally::{self, Tally};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::{Batch, Fate};
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::Reply;
use sluice_dataplane::info::{Access, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::checksum::{Addresses, verify_transport};
use sluice_dataplane::wire::{Tcp, ip_proto};

const TEXTS: [&str; 3] = ["not TCP", "bad packet length", "bad TCP checksum"];

/// Checks TCP headers.
pub struct CheckTCPHeader(Tally);

impl Configure for CheckTCPHeader {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        state: State::Replicated,
        args: &[tally::VERBOSE, tally::DETAILS],
        handlers: &[tally::DROPS],
        doc: "Checks header length and checksum of the TCP header behind the marked IP header. Bad packets and packets \
              that are not TCP go to output 1 if that is connected, else they are dropped. Expects whole packets: put \
              it behind CheckIPHeader, and behind IPReassembler where there may be fragments.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader -> CheckTCPHeader(DETAILS true) -> Discard;",
        see: &["CheckIPHeader", "CheckUDPHeader", "CheckICMPHeader", "SetTCPChecksum"],
        ..Info::new("CheckTCPHeader", "ip", "checks TCP headers")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let prefix = |name: &str| format!("{name} :: CheckTCPHeader: TCP header check failed");
        CheckTCPHeader(Tally::configure(args, &TEXTS, prefix))
    }
}

fn judge(p: &mut Packet) -> Fate {
    let Some(ip) = header(p).filter(|ip| ip.protocol() == ip_proto::TCP) else { return Fate::Move(0) };
    // What lies behind the total length is padding of the link.
    let segment = p.network().and_then(|n| n.get(ip.header_len()..usize::from(ip.total_len())));
    let Some(segment) = segment.filter(|s| Tcp::parse(s).is_ok()) else { return Fate::Move(1) };
    match verify_transport(Addresses::from(ip), ip_proto::TCP, segment) {
        Ok(()) => Fate::Keep,
        Err(_) => Fate::Move(2),
    }
}

impl Element for CheckTCPHeader {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        batch.retain_or_move(judge, |p, why| {
            self.0.note(cx, why);
            cx.emit_or_drop(1, p, if why == 2 { Reason::BadChecksum } else { Reason::BadTransport });
        });
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            self.0.take(&old.0);
        }
    }
    fn more_handlers(&self) -> Vec<(String, Access)> {
        self.0.handlers()
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        self.0.read(handler)
    }
}
