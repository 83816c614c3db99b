//! Takes NSH headers off packets.
use super::header::{decap, header};
use super::next::Next;
use alloc::vec::Vec;
use sluice_dataplane::args::{Args, FromArg, split_words};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::nsh::NEXT_NONE;

/// The numbers beyond all outputs: what becomes of a packet that goes to none.
const ENDS: u16 = u16::MAX;
const BAD: u16 = u16::MAX - 1;
const UNKNOWN: u16 = u16::MAX - 2;
const TRUNCATED: u16 = u16::MAX - 3;

/// Takes NSH headers off packets.
pub struct NSHDecap {
    /// The output for each next protocol.
    outputs: [u16; 256],
}

impl Configure for NSHDecap {
    const INFO: &'static Info = &Info {
        ports: "1/1-",
        flow: "h/h",
        live: true,
        args: &[Arg::rest(
            "NEXT",
            "next protocols",
            "for each output the next protocols of its packets, separated by spaces; `-` for all others",
        )],
        doc: "Strips everything through the end of the marked NSH header and sends the inner packet to the output whose argument \
              names its protocol: none, ipv4, ipv6, ethernet, nsh, mpls, ioam, or a number. Without arguments all go to output \
              0. Inner IP packets, frames and NSH headers get their network header annotation (frames the link header \
              annotation, too). A packet with next protocol `none` (RFC 8393) has nothing inside: it ends here, as consumed, \
              unless an argument names `none`. Protocols without an output are dropped as `nsh_next`.",
        example: "InfiniteSource(LIMIT 5) -> NSHEncap(10, NEXT ethernet) -> CheckNSHHeader -> d :: NSHDecap(ethernet, ipv4 ipv6) \
                  -> Discard; d[1] -> Discard;",
        see: &["NSHEncap", "NSHForwarder", "NSHProxy", "CheckNSHHeader"],
        ..Info::new("NSHDecap", "nsh", "takes NSH headers off packets")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let texts = args.rest_strings();
        let mut outputs = [UNKNOWN; 256];
        outputs[usize::from(NEXT_NONE)] = ENDS;
        if !texts.is_empty() && texts.len() != env.outputs() {
            args.error(alloc::format!("{} outputs, so as many arguments are needed", env.outputs()));
        }
        let all = if texts.is_empty() { Vec::from(["-".into()]) } else { texts };
        let mut rest = None;
        for (output, text) in (0u16..).zip(&all) {
            for word in split_words(text) {
                if word == "-" {
                    rest = rest.or(Some(output));
                    continue;
                }
                match Next::from_arg(word, args.names()) {
                    Ok(Next(next)) if matches!(outputs[usize::from(next)], UNKNOWN | ENDS) => {
                        outputs[usize::from(next)] = output;
                    }
                    Ok(next) => args.error(alloc::format!("{next} has an output already")),
                    Err(why) => args.error_in("NEXT", &why),
                }
            }
        }
        if let Some(output) = rest {
            outputs.iter_mut().filter(|o| **o == UNKNOWN).for_each(|o| *o = output);
        }
        NSHDecap { outputs }
    }
}

impl NSHDecap {
    #[inline]
    fn open(&self, p: &mut Packet) -> u16 {
        let next = match header(p) {
            Ok((nsh, _, _)) => nsh.next_protocol(),
            Err(Reason::Truncated) => return TRUNCATED,
            Err(_) => return BAD,
        };
        // A packet that is dropped stays whole, for whoever looks at drops.
        match self.outputs[usize::from(next)] {
            output if output >= TRUNCATED => output,
            output => decap(p).map_or(BAD, |_| output),
        }
    }
}

impl Element for NSHDecap {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.scatter(
            batch,
            |p| self.open(p),
            |cx, p, end| match end {
                ENDS => cx.consume(p),
                BAD => cx.drop(p, Reason::BadNsh),
                TRUNCATED => cx.drop(p, Reason::Truncated),
                _ => cx.drop(p, Reason::NshNext),
            },
        );
    }
}
