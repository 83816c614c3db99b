//! Marks packets as having met congestion (RFC 3168).
use super::header;
use super::set_ip_dscp::set_tos;
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::Reply;
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// The code point "congestion experienced", which is both bits of the field too.
const CE: u8 = 3;

/// Marks packets as having met congestion.
pub struct MarkIPCE {
    force: bool,
    drops: u64,
}

impl Configure for MarkIPCE {
    const INFO: &'static Info = &Info {
        live: true,
        state: State::Replicated,
        args: &[Arg::optional("FORCE", "boolean", "false", "marks packets whose ends know nothing of ECN, too")],
        handlers: &[Handler::read("drops", "packets dropped because they cannot be marked")],
        doc: "Sets the ECN field of the marked IP header to `congestion experienced` and corrects the checksum. Where a router \
              would drop a packet instead (RFC 3168 section 5), this drops it, as `policed`: one whose field is 0, so that \
              its ends would not understand the mark, unless FORCE is set. A packet without a marked header is dropped as \
              `bad_ip`.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader -> MarkIPCE -> Discard;",
        see: &["SetIPECN", "CheckIPHeader"],
        ..Info::new("MarkIPCE", "ip", "marks packets as having met congestion")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        MarkIPCE { force: args.optional("FORCE", false), drops: 0 }
    }
}

impl MarkIPCE {
    fn mark(&self, p: &mut Packet) -> Result<(), Reason> {
        match header(p).ok_or(Reason::BadIp)?.tos() & CE {
            0 if !self.force => Err(Reason::Policed),
            CE => Ok(()),
            _ => set_tos(p, CE, CE),
        }
    }
}

impl Element for MarkIPCE {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let mut drops = 0;
        batch.divert(
            |p| self.mark(p).err(),
            |p, why| {
                drops += 1;
                cx.drop(p, why);
            },
        );
        self.drops += drops;
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<MarkIPCE>() {
            self.drops = old.drops;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(format!("{}", self.drops))
    }
}
