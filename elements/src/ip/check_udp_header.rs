//! Checks UDP headers (RFC 768).
use super::header;
use super::tally::{self, Tally};
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
use sluice_dataplane::wire::{Malformed, ip_proto};

const TEXTS: [&str; 3] = ["not UDP", "bad packet length", "bad UDP checksum"];

/// Checks UDP headers.
pub struct CheckUDPHeader(Tally);

impl Configure for CheckUDPHeader {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        state: State::Replicated,
        args: &[tally::VERBOSE, tally::DETAILS],
        handlers: &[tally::DROPS],
        doc: "Checks length and checksum of the UDP header behind the marked IP header. Bad packets and packets that \
              are not UDP go to output 1 if that is connected, else they are dropped. A checksum of 0 means that none \
              was sent. Expects whole packets: put it behind CheckIPHeader, and behind IPReassembler where there may \
              be fragments.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader -> CheckUDPHeader(VERBOSE true) -> Discard;",
        see: &["CheckIPHeader", "CheckTCPHeader", "CheckICMPHeader", "SetUDPChecksum"],
        ..Info::new("CheckUDPHeader", "ip", "checks UDP headers")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        CheckUDPHeader(Tally::configure(args, &TEXTS, |_| "UDP header check failed".into()))
    }
}

fn judge(p: &mut Packet) -> Fate {
    let Some(ip) = header(p).filter(|ip| ip.protocol() == ip_proto::UDP) else { return Fate::Move(0) };
    let segment = p.network().and_then(|n| n.get(ip.header_len()..)).unwrap_or(&[]);
    match verify_transport(Addresses::from(ip), ip_proto::UDP, segment) {
        Ok(()) => Fate::Keep,
        Err(Malformed::BadChecksum) => Fate::Move(2),
        Err(_) => Fate::Move(1),
    }
}

impl Element for CheckUDPHeader {
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
