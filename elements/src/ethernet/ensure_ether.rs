//! Makes sure that IP packets have an Ethernet header.
use super::prepend;
use sluice_dataplane::args::Args;
use sluice_dataplane::args::EtherAddr;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::pool::HEADROOM;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::Ethernet;
use sluice_dataplane::wire::ethernet::{LEN, TYPE_IPV4, TYPE_IPV6};

/// Makes sure that IP packets have an Ethernet header.
pub struct EnsureEther(Ethernet);

impl Configure for EnsureEther {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::optional("ETHERTYPE", "0 to 0xFFFF", "0x0800", "type of the payload"),
            Arg::optional("SRC", "Ethernet address", "1:1:1:1:1:1", "source"),
            Arg::optional("DST", "Ethernet address", "2:2:2:2:2:2", "destination"),
        ],
        doc: "Packets whose IP header stands 14 bytes behind the start, after an Ethernet type of IP, pass unchanged; so \
              do packets that nobody has marked an IP header of. For the others, a header that was stripped off \
              comes back; else what is before the IP header is replaced by the header that the arguments describe.",
        example: "InfiniteSource(LIMIT 5) -> EnsureEther(0x0800, 1:1:1:1:1:1, 2:2:2:2:2:2) -> Discard;",
        see: &["EtherEncap", "EtherRewrite"],
        ..Info::new("EnsureEther", "ethernet", "makes sure that IP packets have an Ethernet header")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let kind = args.optional("ETHERTYPE", TYPE_IPV4);
        let src = args.optional("SRC", EtherAddr([1; 6]));
        EnsureEther(Ethernet::new(args.optional("DST", EtherAddr([2; 6])), src, kind))
    }
}

/// Whether the packet begins with an Ethernet header in front of IP.
fn has_header(p: &Packet) -> bool {
    matches!(Ethernet::parse(p.data()), Ok((h, _)) if matches!(h.ether_type(), TYPE_IPV4 | TYPE_IPV6))
}

/// Whether the bytes before the data were this packet's, not those of one that had the buffer before.
fn was_stripped(p: &Packet) -> bool {
    let known = p.mac_off_signed().is_some_and(|o| o <= -(LEN as isize));
    p.headroom() >= LEN && (known || p.headroom() >= HEADROOM as usize + LEN)
}

impl EnsureEther {
    fn ensure(&self, p: &mut Packet) -> Option<Reason> {
        let off = p.net_off()?;
        if off == LEN && has_header(p) {
            return None;
        }
        if off == 0 && was_stripped(p) {
            p.push(LEN);
            if has_header(p) {
                p.set_mac_off(0);
                return None;
            }
            p.strip(LEN);
        }
        if !p.strip(off) {
            return Some(Reason::Truncated);
        }
        prepend(p, &self.0)
    }
}

impl Element for EnsureEther {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.ensure(p));
    }
}
