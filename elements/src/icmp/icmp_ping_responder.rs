//! Answers echo requests (RFC 792, RFC 1122 section 3.2.2.6).
use crate::ip::{header, header_mut};
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::Info;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::checksum::update_u16;
use sluice_dataplane::wire::{Icmp, Ipv4, icmp, ip_proto};

/// Answers echo requests.
pub struct ICMPPingResponder;

impl Configure for ICMPPingResponder {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        doc: "Turns echo requests into echo replies, with source and destination exchanged, a time to live of 255, no \
              fragment flags, and the destination annotation set. Other packets, fragments other than the first \
              included, go to output 1 if that is connected, else they are dropped.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader -> CheckICMPHeader -> r :: ICMPPingResponder -> Discard; \
                  r[1] -> Discard;",
        see: &["ICMPPingSource", "ICMPPingEncap", "CheckICMPHeader"],
        ..Info::new("ICMPPingResponder", "icmp", "answers echo requests")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        ICMPPingResponder
    }
}

/// Whether a packet is an echo request.
fn is_request(p: &Packet) -> bool {
    header(p).filter(|ip| ip.protocol() == ip_proto::ICMP && ip.has_transport()).is_some_and(|ip| {
        let message = p.network().and_then(|n| n.get(ip.header_len()..)).unwrap_or(&[]);
        Icmp::parse(message).is_ok_and(|(icmp, _)| icmp.kind() == icmp::ECHO)
    })
}

fn respond(p: &mut Packet, now: u64) -> Result<(), Reason> {
    if !is_request(p) {
        return Err(Reason::Unmatched);
    }
    let bytes = header_mut(p)?;
    let ip = Ipv4::parse_header_mut(bytes).map_err(|_| Reason::BadIp)?;
    let (src, dst, length) = (ip.src(), ip.dst(), ip.header_len());
    // Exchanging the addresses leaves the sum as it is.
    ip.set_src(dst);
    ip.set_dst(src);
    let hop = |ttl| u16::from_be_bytes([ttl, ip_proto::ICMP]);
    let sum = update_u16(ip.checksum(), ip.fragment_word(), 0);
    ip.set_checksum(update_u16(sum, hop(ip.ttl()), hop(255)));
    ip.set_fragment_word(0);
    ip.set_ttl(255);
    let message = bytes.get_mut(length..).unwrap_or_default();
    let (reply, _) = Icmp::parse_mut(message).map_err(|_| Reason::BadTransport)?;
    let sum = update_u16(reply.checksum(), u16::from_be_bytes([icmp::ECHO, reply.code()]), 0);
    reply.set_kind(icmp::ECHO_REPLY);
    reply.set_code(0);
    reply.set_checksum(sum);
    if sum == 0 {
        // A reply of nothing but zeros is the one whose sum cannot be updated.
        icmp::fill_checksum(message).map_err(|_| Reason::BadTransport)?;
    }
    p.set_dst(src);
    p.set_paint(0);
    p.set_timestamp(now);
    Ok(())
}

impl Element for ICMPPingResponder {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let now = cx.now();
        cx.check(batch, |p| respond(p, now).err());
    }
}
