//! Checks ICMP headers (RFC 792, RFC 1122 section 3.2.2).
use crate::ip::header;
use crate::ip::tally::{self, Tally};
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
use sluice_dataplane::wire::{Icmp, icmp, ip_proto};

const TEXTS: [&str; 3] = ["not ICMP", "bad packet length", "bad ICMP checksum"];

/// Checks ICMP headers.
pub struct CheckICMPHeader(Tally);

impl Configure for CheckICMPHeader {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        state: State::Replicated,
        args: &[tally::VERBOSE, tally::DETAILS],
        handlers: &[tally::DROPS],
        doc: "Checks length and checksum of the ICMP message behind the marked IP header. Errors must quote 28 bytes, \
              time stamps and information messages must have their exact lengths. Bad packets and packets that are \
              not ICMP go to output 1 if that is connected, else they are dropped. Put it behind CheckIPHeader, \
              which cuts the link's padding off.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader -> CheckICMPHeader(VERBOSE true) -> Discard;",
        see: &["CheckIPHeader", "CheckTCPHeader", "CheckUDPHeader", "ICMPPingResponder"],
        ..Info::new("CheckICMPHeader", "icmp", "checks ICMP headers")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let prefix = |name: &str| format!("{name} :: CheckICMPHeader: ICMP header check failed");
        CheckICMPHeader(Tally::configure(args, &TEXTS, prefix))
    }
}

fn judge(p: &mut Packet) -> Fate {
    let Some(ip) = header(p).filter(|ip| ip.protocol() == ip_proto::ICMP) else { return Fate::Move(0) };
    let message = p.network().and_then(|n| n.get(ip.header_len()..)).unwrap_or(&[]);
    let Ok((head, rest)) = Icmp::parse(message) else { return Fate::Move(1) };
    let good = match head.kind() {
        kind if icmp::is_error(kind) => rest.len() >= 28,
        icmp::TIMESTAMP | icmp::TIMESTAMP_REPLY => rest.len() == 12,
        icmp::INFO | icmp::INFO_REPLY => rest.is_empty(),
        _ => true,
    };
    match (good, icmp::verify_checksum(message)) {
        (false, _) => Fate::Move(1),
        (true, Ok(())) => Fate::Keep,
        (true, Err(_)) => Fate::Move(2),
    }
}

impl Element for CheckICMPHeader {
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
