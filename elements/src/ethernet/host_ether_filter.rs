//! Keeps frames for one host.
use alloc::string::ToString;
use sluice_dataplane::args::Args;
use sluice_dataplane::args::EtherAddr;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};
use sluice_dataplane::packet::{Packet, PacketKind};
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::Ethernet;

/// Keeps frames for one host.
pub struct HostEtherFilter {
    address: EtherAddr,
    drop_own: bool,
    drop_other: bool,
    offset: usize,
}

impl Configure for HostEtherFilter {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        live: true,
        args: &[
            Arg::required("ETHER", "Ethernet address", "the host's address"),
            Arg::optional("DROP_OWN", "boolean", "false", "filters frames that come from ETHER"),
            Arg::optional("DROP_OTHER", "boolean", "true", "filters frames to other hosts"),
            Arg::keyword("OFFSET", "bytes", "0", "where the Ethernet header begins"),
        ],
        handlers: &[Handler::both("ether", "the host's address")],
        doc: "Does what the hardware of a host with address ETHER does: sets the packet type annotation from the \
              destination address, and filters frames to other hosts. Filtered frames go to output 1 if that is \
              connected, else they are dropped: frames to others as `other_host`, the host's own as `filtered`. \
              So are frames without a whole Ethernet header, as `truncated`.",
        example: "InfiniteSource(LIMIT 5) -> HostEtherFilter(1:1:1:1:1:1) -> Discard;",
        see: &["DropBroadcasts", "SetPacketType"],
        ..Info::new("HostEtherFilter", "ethernet", "keeps frames for one host")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let address = args.required("ETHER");
        let drop_own = args.optional("DROP_OWN", false);
        let drop_other = args.optional("DROP_OTHER", true);
        HostEtherFilter { address, drop_own, drop_other, offset: args.keyword("OFFSET", 0u32) as usize }
    }
}

impl HostEtherFilter {
    fn judge(&self, p: &mut Packet) -> Option<Reason> {
        let Some(Ok((header, _))) = p.data().get(self.offset..).map(Ethernet::parse) else {
            return Some(Reason::Truncated);
        };
        let (src, dst) = (header.src(), header.dst());
        if self.drop_own && src == self.address {
            return Some(Reason::Filtered);
        }
        let kind = match dst {
            _ if dst == self.address => PacketKind::Host,
            EtherAddr::BROADCAST => PacketKind::Broadcast,
            _ if dst.is_group() => PacketKind::Multicast,
            _ => PacketKind::OtherHost,
        };
        p.set_kind(kind);
        (self.drop_other && kind == PacketKind::OtherHost).then_some(Reason::OtherHost)
    }
}

impl Element for HostEtherFilter {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.judge(p));
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(self.address.to_string())
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        self.address = value(text, handler)?;
        Ok(())
    }
}
