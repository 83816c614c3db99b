//! Takes one hop off the time to live (RFC 1812 section 5.3.1).
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::ipv4;

/// Takes one hop off the time to live.
pub struct DecIPTTL {
    active: bool,
    multicast: bool,
    drops: u64,
}

impl Configure for DecIPTTL {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        state: State::Replicated,
        live: true,
        args: &[
            Arg::keyword("ACTIVE", "boolean", "true", "whether it does anything"),
            Arg::keyword("MULTICAST", "boolean", "true", "whether packets to groups lose a hop too"),
        ],
        handlers: &[
            Handler::read("drops", "packets whose time to live ended"),
            Handler::both("active", "whether it does anything"),
        ],
        doc: "Takes one hop off the time to live of packets with a marked IP header and corrects the checksum by \
              RFC 1624. A packet whose time to live is 1 or less goes, unchanged, to output 1 if that is connected \
              (to an ICMPError, mostly), else it is dropped.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader -> d :: DecIPTTL -> Discard; \
                  d[1] -> ICMPError(10.0.0.1, timeexceeded) -> Discard;",
        see: &["CheckIPHeader", "MarkIPHeader", "ICMPError"],
        ..Info::new("DecIPTTL", "ip", "takes one hop off the time to live")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let active = args.keyword("ACTIVE", true);
        let multicast = args.keyword("MULTICAST", true);
        DecIPTTL { active, multicast, drops: 0 }
    }
}

#[inline]
fn step(p: &mut Packet, multicast: bool) -> Option<Reason> {
    let Some(at) = p.net_off() else { return Some(Reason::BadIp) };
    let Some(data) = p.data_mut() else { return Some(Reason::NoBuffer) };
    let Some(ip) = data.get_mut(at..).and_then(|n| n.first_chunk_mut::<{ ipv4::LEN }>()) else {
        return Some(Reason::BadIp);
    };
    if !multicast && ip[16] & 0xf0 == 0xe0 {
        return None;
    }
    if ip[8] <= 1 {
        return Some(Reason::TtlExpired);
    }
    ip[8] -= 1;
    // RFC 1624 section 3: HC' = ~(~HC + ~m + m'), where ~m + m' is always ~0x0100.
    let sum = u32::from(!u16::from_be_bytes([ip[10], ip[11]])) + 0xfeff;
    [ip[10], ip[11]] = (!((sum + (sum >> 16)) as u16)).to_be_bytes();
    None
}

impl Element for DecIPTTL {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        if !self.active {
            return;
        }
        let (multicast, drops) = (self.multicast, &mut self.drops);
        cx.check(batch, |p| {
            let why = step(p, multicast)?;
            *drops += u64::from(why == Reason::TtlExpired);
            Some(why)
        });
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            self.drops = old.drops;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "drops" => format!("{}", self.drops),
            "active" => format!("{}", self.active),
            _ => return Err(HandlerError::NoHandler(handler.into())),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        self.active = value(text, handler)?;
        Ok(())
    }
}
