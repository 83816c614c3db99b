//! Puts GRE and IP headers before packets (RFC 2784, RFC 2890).
use super::ends::{DST, Ends, SRC, TTL};
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::gre::{self, FLAG_CHECKSUM, FLAG_KEY, Words};
use sluice_dataplane::wire::{Gre, ethernet, ip_proto};
use zerocopy::IntoBytes;

/// Puts GRE and IP headers before packets.
pub struct GREEncap {
    ends: Ends,
    /// The header, and how much of it counts.
    header: [u8; gre::MAX_LEN],
    len: usize,
    checksum: bool,
}

impl Configure for GREEncap {
    const INFO: &'static Info = &Info {
        state: State::Replicated,
        live: true,
        args: &[
            SRC,
            DST,
            Arg::optional("TYPE", "Ethernet type", "0x894F", "what the packets are; NSH unless given"),
            Arg::keyword("KEY", "number", "", "key of the tunnel; without it there is none"),
            Arg::keyword("CHECKSUM", "boolean", "false", "whether the GRE checksum is there"),
            TTL,
        ],
        doc: "Puts an IP or IPv6 header and a GRE header before each packet. The identification counts up from 0. The outer header \
              is marked, and its destination noted in the annotation. With `DST_ANNO` a gateway that NSHForwarder or a look-up \
              element has noted is the other end.",
        example: "InfiniteSource(LIMIT 5) -> NSHEncap(10, NEXT ethernet) -> GREEncap(10.0.0.1, 10.0.0.2, KEY 7) -> Discard;",
        see: &["GREDecap", "VXLANGPEEncap", "VXLANEncap", "NSHEncap"],
        ..Info::new("GREEncap", "tunnels", "puts GRE and IP headers before packets")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let ends = Ends::configure(args);
        let kind = args.optional("TYPE", ethernet::TYPE_NSH);
        let key = args.keyword_some::<u32>("KEY");
        let checksum = args.keyword("CHECKSUM", false);
        let flags = if checksum { FLAG_CHECKSUM } else { 0 } | if key.is_some() { FLAG_KEY } else { 0 };
        let fixed = Gre::new(kind, flags);
        let mut header = [0; gre::MAX_LEN];
        let (start, words) = header.split_at_mut(gre::LEN);
        start.copy_from_slice(fixed.as_bytes());
        fixed.set_words(words, Words { key, ..Words::default() });
        GREEncap { ends, header, len: fixed.header_len(), checksum }
    }
}

impl GREEncap {
    fn encap(&mut self, p: &mut Packet) -> Result<(), Reason> {
        let header = self.header.get(..self.len).unwrap_or_default();
        self.ends.encap(p, ip_proto::GRE, header)?;
        if self.checksum {
            gre::fill_checksum(p.transport_mut().ok_or(Reason::NoBuffer)?).map_err(|_| Reason::BadTunnel)?;
        }
        Ok(())
    }
}

impl Element for GREEncap {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.encap(p).err());
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            self.ends.take(&old.ends);
        }
    }
}
