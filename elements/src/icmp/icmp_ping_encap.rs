//! Makes echo requests of packets (RFC 792).
use core::any::Any;
use core::net::Ipv4Addr;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::{Icmp, Ipv4, icmp, ip_proto, ipv4};

/// Makes echo requests of packets.
pub struct ICMPPingEncap {
    src: Ipv4Addr,
    dst: Ipv4Addr,
    ident: u16,
    /// Sequence number and IP identification of the next one; never 0.
    sequence: u16,
}

impl Configure for ICMPPingEncap {
    const INFO: &'static Info = &Info {
        state: State::Replicated,
        live: true,
        args: &[
            Arg::required("SRC", "IP address", "source address"),
            Arg::required("DST", "IP address", "destination address"),
            Arg::keyword("IDENTIFIER", "0 to 65535", "0", "ICMP identifier"),
        ],
        doc: "Puts an IP header and the header of an ICMP echo request before each packet, marks them, and sets the \
              destination annotation. Sequence numbers count up from 1.",
        example: "InfiniteSource(LIMIT 5) -> ICMPPingEncap(10.0.0.1, 10.0.0.2, IDENTIFIER 7) -> Discard;",
        see: &["ICMPIPEncap", "ICMPPingSource", "ICMPPingResponder"],
        ..Info::new("ICMPPingEncap", "icmp", "makes echo requests of packets")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let src = args.required("SRC");
        let dst = args.required("DST");
        ICMPPingEncap { src, dst, ident: args.keyword("IDENTIFIER", 0), sequence: 1 }
    }
}

/// What a request says about itself.
pub(super) struct Request {
    /// Type and code: those of an echo request, mostly.
    pub(super) kind: u8,
    pub(super) code: u8,
    pub(super) src: Ipv4Addr,
    pub(super) dst: Ipv4Addr,
    pub(super) ident: u16,
    /// Sequence number, if the type has such, and IP identification.
    pub(super) sequence: u16,
    pub(super) ttl: u8,
}

/// Length of the ICMP headers of a type: RFC 792 puts three times into those of time stamps.
fn header_len(kind: u8) -> usize {
    if matches!(kind, icmp::TIMESTAMP | icmp::TIMESTAMP_REPLY) { icmp::LEN + 12 } else { icmp::LEN }
}

impl Request {
    /// Puts the headers before the bytes of `p`.
    pub(super) fn encap(&self, p: &mut Packet) -> Result<(), Reason> {
        let len = p.len() + header_len(self.kind);
        if !p.push(ipv4::LEN + header_len(self.kind)) {
            return Err(Reason::NoHeadroom);
        }
        if u16::try_from(p.len()).is_err() {
            return Err(Reason::Oversize);
        }
        let mut ip = Ipv4::new(self.src, self.dst, ip_proto::ICMP, len);
        ip.set_ident(self.sequence);
        ip.set_ttl(self.ttl);
        ip.fill_checksum_20();
        let mut header = Icmp::new(self.kind, self.code);
        if icmp::has_ident(self.kind) {
            header.set_echo(self.ident, self.sequence);
        }
        let data = p.data_mut().ok_or(Reason::NoBuffer)?;
        let (head, message) = data.split_first_chunk_mut::<{ ipv4::LEN }>().ok_or(Reason::NoHeadroom)?;
        *head = zerocopy::transmute!(ip);
        message.get_mut(..header_len(self.kind)).ok_or(Reason::NoHeadroom)?.fill(0);
        *message.first_chunk_mut::<{ icmp::LEN }>().ok_or(Reason::NoHeadroom)? = zerocopy::transmute!(header);
        icmp::fill_checksum(message).map_err(|_| Reason::NoHeadroom)?;
        p.set_net_off(0);
        p.set_transport_off(ipv4::LEN);
        p.set_dst(self.dst);
        Ok(())
    }
}

/// The number after `sequence`: 0 is left out.
pub(super) fn following(sequence: u16) -> u16 {
    sequence.checked_add(1).unwrap_or(1)
}

impl Element for ICMPPingEncap {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| {
            let request = Request {
                kind: icmp::ECHO,
                code: 0,
                src: self.src,
                dst: self.dst,
                ident: self.ident,
                sequence: self.sequence,
                ttl: 255,
            };
            self.sequence = following(self.sequence);
            request.encap(p).err()
        });
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            self.sequence = old.sequence;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_identification_is_0() {
        assert_eq!((following(1), following(0xfffe), following(0xffff)), (2, 0xffff, 1));
    }
}
