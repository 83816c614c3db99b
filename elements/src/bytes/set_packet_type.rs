//! Sets the packet type annotation.
use alloc::format;
use sluice_dataplane::args::Args;
use sluice_dataplane::args::Word;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::packet::PacketKind;

/// Sets the packet type annotation.
pub struct SetPacketType(PacketKind);

impl Configure for SetPacketType {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[Arg::required("TYPE", "word", "HOST, BROADCAST, MULTICAST, OTHERHOST or OUTGOING")],
        doc: "Sets the annotation that says to whom the link layer addressed a packet.",
        example: "InfiniteSource(LIMIT 5) -> SetPacketType(BROADCAST) -> DropBroadcasts -> Discard;",
        see: &["HostEtherFilter", "DropBroadcasts"],
        ..Info::new("SetPacketType", "bytes", "sets the packet type annotation")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let word = args.required::<Word>("TYPE").0;
        SetPacketType(match &*word.to_ascii_uppercase() {
            "HOST" => PacketKind::Host,
            "BROADCAST" => PacketKind::Broadcast,
            "MULTICAST" => PacketKind::Multicast,
            "OTHERHOST" => PacketKind::OtherHost,
            "OUTGOING" => PacketKind::Outgoing,
            "" => PacketKind::Host, // missing: reported already
            _ => {
                args.error(format!("unrecognized packet type ‘{word}’"));
                PacketKind::Host
            }
        })
    }
}

impl Element for SetPacketType {
    fn process(&mut self, _cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        batch.iter_mut().for_each(|p| p.set_kind(self.0));
    }
}
