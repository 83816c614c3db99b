//! Drops packets that the link layer addressed to many.
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::batch::Fate;
use sluice_dataplane::context::Context;
use sluice_dataplane::context::Stream;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::Reply;
use sluice_dataplane::info::{Handler, Info, State};
use sluice_dataplane::packet::{Packet, PacketKind};
use sluice_dataplane::reason::Reason;

/// Drops packets that the link layer addressed to many.
#[derive(Default)]
pub struct DropBroadcasts {
    drops: u64,
}

impl Configure for DropBroadcasts {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        state: State::Replicated,
        handlers: &[Handler::read("drops", "packets filtered so far")],
        doc: "Packets whose type annotation says broadcast or multicast go to output 1 if that is connected, else they \
              are dropped as `filtered` (RFC 1812 section 5.3.4). A message tells of the first one. The annotation \
              comes from devices or from HostEtherFilter.",
        example: "InfiniteSource(LIMIT 5) -> HostEtherFilter(1:1:1:1:1:1) -> DropBroadcasts -> Discard;",
        see: &["HostEtherFilter", "SetPacketType"],
        asks_kind: true,
        ..Info::new("DropBroadcasts", "ethernet", "drops packets addressed to many")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        DropBroadcasts::default()
    }
}

impl Element for DropBroadcasts {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let judge = |p: &mut Packet| match p.kind() {
            PacketKind::Broadcast | PacketKind::Multicast => Fate::Move(1),
            _ => Fate::Keep,
        };
        batch.retain_or_move(judge, |p, out| {
            if self.drops == 0 {
                cx.print(Stream::Err, "DropBroadcasts: dropped a packet\n");
            }
            self.drops += 1;
            cx.emit_or_drop(out as usize, p, Reason::Filtered);
        });
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<DropBroadcasts>() {
            self.drops = old.drops;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(format!("{}", self.drops))
    }
}
