//! Checks NSH headers (RFC 8300 sections 2.2 to 2.5; RFC 9451).
use super::header::reason;
use super::log::Log;
use alloc::format;
use alloc::string::String;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::merge::Merge;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::{Nsh, nsh};

/// What may be wrong, in the order in which it is looked at.
const FAULTS: [(Reason, &str); 7] = [
    (Reason::Truncated, "packet ends before its NSH header"),
    (Reason::NshVersion, "bad NSH version"),
    (Reason::NshLength, "bad NSH length"),
    (Reason::NshMdType, "NSH MD type not supported"),
    (Reason::NshTlv, "bad NSH metadata TLV"),
    (Reason::NshOam, "NSH OAM packet"),
    (Reason::NshNext, "NSH next protocol not supported"),
];

/// What passes although it need not be supported.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Switches {
    pub(crate) forward_oam: bool,
    pub(crate) experimental: bool,
    pub(crate) unsupported: bool,
}

/// Checks NSH headers.
pub struct CheckNSHHeader {
    offset: usize,
    switches: Switches,
    counts: [u64; FAULTS.len()],
    log: Log,
}

impl Configure for CheckNSHHeader {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        state: State::Replicated,
        live: true,
        args: &[
            Arg::optional("OFFSET", "bytes", "0", "where the NSH header begins"),
            Arg::keyword("FORWARD_OAM", "boolean", "false", "whether packets with the O bit pass, unmodified"),
            Arg::keyword("EXPERIMENTAL", "boolean", "false", "whether MD type 15 and next protocols 254, 255 pass"),
            Arg::keyword("UNSUPPORTED", "boolean", "false", "whether packets with any other next protocol pass"),
        ],
        handlers: &[
            Handler::read("bad", "bad packets so far"),
            Handler::read("drop_details", "bad packets by what is wrong, a line each").merged(Merge::Column(0, '\t')),
            Handler::both("forward_oam", "whether packets with the O bit pass"),
            Handler::both("experimental", "whether MD type 15 and next protocols 254, 255 pass"),
            Handler::both("unsupported", "whether packets with any other next protocol pass"),
        ],
        doc: "Checks NSH headers (RFC 8300) that begin OFFSET bytes in: version 0; the length, which must be 24 bytes with MD \
              type 1, 8 or more with others, and within the packet; MD type 1 or 2; with MD type 2 TLVs that end within the \
              header; no O bit; a next protocol that is known: none, IPv4, IPv6, Ethernet, NSH or MPLS. Unassigned bits are \
              not looked at. Good packets get their network header annotation, and the transport header annotation at the \
              inner packet; the other elements of the family work on the header at that annotation. Bad ones go to output 1 if \
              that is connected, else they are dropped, each fault by its own reason. Wrong versions are logged, a line a \
              second at most.",
        example: "InfiniteSource(LIMIT 5) -> NSHEncap(10, NEXT ethernet) -> c :: CheckNSHHeader -> Discard; c[1] -> Discard;",
        see: &["NSHForwarder", "NSHFunction", "NSHDecap", "NSHFilter", "NSHPrint"],
        ..Info::new("CheckNSHHeader", "nsh", "checks NSH headers")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let offset = args.optional("OFFSET", 0u32) as usize;
        let switches = Switches {
            forward_oam: args.keyword("FORWARD_OAM", false),
            experimental: args.keyword("EXPERIMENTAL", false),
            unsupported: args.keyword("UNSUPPORTED", false),
        };
        CheckNSHHeader { offset, switches, counts: [0; FAULTS.len()], log: Log::default() }
    }
}

impl Switches {
    /// What is wrong with the header `offset` bytes in; it is marked if nothing is.
    #[inline]
    pub(crate) fn judge(self, p: &mut Packet, offset: usize) -> Option<Reason> {
        let bytes = p.data().get(offset..).unwrap_or(&[]);
        let (header, context) = match Nsh::parse_full(bytes) {
            Ok((header, context, _)) => (header, context),
            Err(why) => return Some(reason(why)),
        };
        let len = header.header_len();
        match header.md_type() {
            nsh::MD_FIXED => {}
            // RFC 8300 section 2.5.1: a TLV that runs past the header is malformed. Unknown ones are kept.
            nsh::MD_TLV => {
                if nsh::tlvs(context).any(|tlv| tlv.is_err()) {
                    return Some(Reason::NshTlv);
                }
            }
            // RFC 8300 section 2.2: the length finds the inner packet, whatever the MD type.
            nsh::MD_EXPERIMENT if self.experimental => {}
            _ => return Some(Reason::NshMdType),
        }
        // RFC 9451: without support for OAM such packets are discarded, or forwarded unmodified if so told.
        if header.is_oam() && !self.forward_oam {
            return Some(Reason::NshOam);
        }
        let known = match header.next_protocol() {
            nsh::NEXT_NONE..=nsh::NEXT_MPLS => true,
            nsh::NEXT_EXPERIMENT_1 | nsh::NEXT_EXPERIMENT_2 => self.experimental,
            // RFC 8300 section 2.2: unsupported ones are discarded silently unless configured otherwise.
            _ => self.unsupported,
        };
        if !known {
            return Some(Reason::NshNext);
        }
        p.set_net_off(offset);
        p.set_transport_off(offset + len);
        None
    }
}

impl Element for CheckNSHHeader {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let (switches, offset) = (self.switches, self.offset);
        let (counts, log) = (&mut self.counts, &mut self.log);
        batch.divert(
            |p| switches.judge(p, offset),
            |p, why| {
                let fault = FAULTS.iter().zip(counts.iter_mut()).find(|(fault, _)| fault.0 == why);
                if let Some((fault, count)) = fault {
                    *count += 1;
                    if why == Reason::NshVersion {
                        log.say(cx, format_args!("{}", fault.1));
                    }
                }
                cx.emit_or_drop(1, p, why);
            },
        );
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            (self.counts, self.log) = (old.counts, old.log);
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "bad" => format!("{}", self.counts.iter().sum::<u64>()),
            "drop_details" => {
                FAULTS.iter().zip(&self.counts).map(|(fault, n)| format!("{n}\t{}\n", fault.1)).collect::<String>()
            }
            "forward_oam" => format!("{}", self.switches.forward_oam),
            "experimental" => format!("{}", self.switches.experimental),
            "unsupported" => format!("{}", self.switches.unsupported),
            _ => return Err(HandlerError::NoHandler(handler.into())),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        let on = value(text, handler)?;
        match handler {
            "forward_oam" => self.switches.forward_oam = on,
            "experimental" => self.switches.experimental = on,
            _ => self.switches.unsupported = on,
        }
        Ok(())
    }
}
