//! Checks ARP headers and marks them.
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::{Batch, Fate};
use sluice_dataplane::context::{Context, Stream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Access, Arg, Handler, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::arp::HARDWARE_ETHERNET;
use sluice_dataplane::wire::ethernet::{TYPE_IPV4, TYPE_IPV6};

/// What can be wrong, as Click words it, and the reason of the drop.
const WRONG: [(&str, Reason); 4] = [
    ("tiny packet", Reason::Truncated),
    ("too small for addresses", Reason::Truncated),
    ("bad hardware type/length", Reason::BadArp),
    ("bad protocol type/length", Reason::BadArp),
];

/// Checks ARP headers and marks them.
pub struct CheckARPHeader {
    offset: usize,
    verbose: bool,
    details: bool,
    bad: [u64; WRONG.len()],
}

impl Configure for CheckARPHeader {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        live: true,
        state: State::Replicated,
        args: &[
            Arg::optional("OFFSET", "bytes", "0", "where the header begins"),
            Arg::keyword("VERBOSE", "boolean", "false", "a message for each bad packet, not only for the first"),
            Arg::keyword("DETAILS", "boolean", "false", "counts by what is wrong: the handler drop_details"),
        ],
        handlers: &[Handler::read("drops", "bad packets so far")],
        doc: "Checks that an ARP message is long enough for its addresses, and that the lengths of Ethernet, IPv4 and IPv6 \
              addresses are right. Good packets get the network header annotation; bad ones go to output 1 if that is \
              connected, else they are dropped as `truncated` or `bad_arp`.",
        example: "InfiniteSource(LIMIT 5) -> CheckARPHeader(14) -> Discard;",
        see: &["ARPPrint", "ARPQuerier", "ARPResponder"],
        ..Info::new("CheckARPHeader", "arp", "checks ARP headers")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let offset = args.optional("OFFSET", 0u32) as usize;
        let verbose = args.keyword("VERBOSE", false);
        CheckARPHeader { offset, verbose, details: args.keyword("DETAILS", false), bad: [0; WRONG.len()] }
    }
}

/// Length of the message at the start of `b`, or what is wrong with it (an index of [`WRONG`]).
fn check(b: &[u8]) -> Result<usize, u16> {
    let head = b.first_chunk::<8>().ok_or(0u16)?;
    let (hardware, protocol) = (u16::from_be_bytes([head[0], head[1]]), u16::from_be_bytes([head[2], head[3]]));
    let (hardware_len, protocol_len) = (head[4], head[5]);
    let len = 8 + 2 * (usize::from(hardware_len) + usize::from(protocol_len));
    match (hardware, protocol) {
        _ if b.len() < len => Err(1),
        (HARDWARE_ETHERNET, _) if hardware_len != 6 => Err(2),
        (_, TYPE_IPV4) if protocol_len != 4 => Err(3),
        (_, TYPE_IPV6) if protocol_len != 16 => Err(3),
        _ => Ok(len),
    }
}

impl Element for CheckARPHeader {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let offset = self.offset;
        let judge = |p: &mut Packet| match check(p.data().get(offset..).unwrap_or_default()) {
            Ok(len) => {
                p.set_net_off(offset);
                p.set_transport_off(offset + len);
                Fate::Keep
            }
            Err(wrong) => Fate::Move(wrong),
        };
        batch.retain_or_move(judge, |p, wrong| {
            let (text, why) = WRONG[wrong as usize];
            if self.verbose || self.bad.iter().all(|&n| n == 0) {
                cx.print(Stream::Err, &format!("ARP header check failed: {text}\n"));
            }
            self.bad[wrong as usize] += 1;
            cx.emit_or_drop(1, p, why);
        });
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<CheckARPHeader>() {
            self.bad = old.bad;
        }
    }
    fn more_handlers(&self) -> Vec<(String, Access)> {
        if self.details { vec![("drop_details".into(), Access::Read)] } else { Vec::new() }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        match handler {
            "drops" => Ok(format!("{}", self.bad.iter().sum::<u64>())),
            "drop_details" => {
                let rows = self.bad.iter().zip(WRONG);
                Ok(rows.fold(String::new(), |text, (n, (what, _))| text + &format!("{n}\t{what}\n")))
            }
            _ => Err(HandlerError::NoHandler(handler.into())),
        }
    }
}
