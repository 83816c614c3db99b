//! Sets the checksum of IP headers.
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Stream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Handler, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::checksum::checksum;
use sluice_dataplane::wire::ipv4;

/// Sets the checksum of IP headers.
pub struct SetIPChecksum {
    drops: u64,
}

impl Configure for SetIPChecksum {
    const INFO: &'static Info = &Info {
        state: State::Replicated,
        handlers: &[Handler::read("drops", "packets whose header was too short or ran past them")],
        doc: "Computes and sets the checksum of the marked IP header, or of the one at the packet's start if none is \
              marked. A packet whose header length is impossible is dropped, with a message the first time. Elements \
              that change the header correct the checksum themselves: this one is for headers written by hand.",
        example: "InfiniteSource(LIMIT 5) -> SetIPChecksum -> Discard;",
        see: &["CheckIPHeader", "SetTCPChecksum", "SetUDPChecksum"],
        ..Info::new("SetIPChecksum", "ip", "sets the checksum of IP headers")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        SetIPChecksum { drops: 0 }
    }
}

fn fill(p: &mut Packet) -> Option<Reason> {
    let at = if p.has_net() { p.net_off() } else { Some(0) };
    let Some(at) = at else { return Some(Reason::BadIp) };
    let Some(data) = p.data_mut() else { return Some(Reason::NoBuffer) };
    // The version does not matter here.
    let length = data.get(at).map_or(0, |first| usize::from(first & 0xf) * 4);
    let header = data.get_mut(at..).and_then(|n| n.get_mut(..length));
    let Some(header) = header.filter(|h| h.len() >= ipv4::LEN) else { return Some(Reason::BadIp) };
    header[10..12].fill(0);
    let sum = checksum(header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    None
}

impl Element for SetIPChecksum {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let before = self.drops;
        cx.check(batch, |p| {
            let why = fill(p)?;
            self.drops += u64::from(why == Reason::BadIp);
            Some(why)
        });
        if before == 0 && self.drops > 0 {
            cx.print(Stream::Err, "SetIPChecksum: bad input packet\n");
        }
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            self.drops = old.drops;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        match handler {
            "drops" => Ok(format!("{}", self.drops)),
            _ => Err(HandlerError::NoHandler(handler.into())),
        }
    }
}
