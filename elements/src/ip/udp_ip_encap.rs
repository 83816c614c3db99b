//! Puts UDP and IP headers before packets.
use super::ip_encap::Destination;
use alloc::string::ToString;
use core::any::Any;
use core::net::Ipv4Addr;
use sluice_dataplane::args::{Args, UdpPort};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::checksum::{Addresses, fill_transport};
use sluice_dataplane::wire::{Ipv4, Udp, ip_proto, ipv4, udp};

/// Puts UDP and IP headers before packets.
pub struct UDPIPEncap {
    src: Ipv4Addr,
    src_port: u16,
    dst: Destination,
    dst_port: u16,
    checksum: bool,
    id: u16,
}

/// Time to live of the packets, hops.
const TTL: u8 = 250;

impl Configure for UDPIPEncap {
    const INFO: &'static Info = &Info {
        state: State::Replicated,
        live: true,
        args: &[
            Arg::required("SRC", "IP address", "source address"),
            Arg::required("SPORT", "UDP port", "source port"),
            Arg::required("DST", "IP address or DST_ANNO", "destination address, or the destination annotation"),
            Arg::required("DPORT", "UDP port", "destination port"),
            Arg::optional("CHECKSUM", "boolean", "true", "whether the UDP checksum is computed"),
        ],
        handlers: &[
            Handler::both("src", "source address"),
            Handler::both("sport", "source port"),
            Handler::both("dst", "destination address"),
            Handler::both("dport", "destination port"),
        ],
        doc: "Puts an IP header of 20 bytes and a UDP header before each packet, with identifications that count up \
              from 0, and marks them. A fixed destination is noted in the destination annotation.",
        example: "InfiniteSource(LIMIT 5) -> UDPIPEncap(10.0.0.1, 1234, 10.0.0.2, domain) -> Discard;",
        see: &["IPEncap", "SetUDPChecksum"],
        ..Info::new("UDPIPEncap", "ip", "puts UDP and IP headers before packets")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let src = args.required("SRC");
        let UdpPort(src_port) = args.required("SPORT");
        let dst = args.required("DST");
        let UdpPort(dst_port) = args.required("DPORT");
        let checksum = args.optional("CHECKSUM", true);
        UDPIPEncap { src, src_port, dst, dst_port, checksum, id: 0 }
    }
}

impl UDPIPEncap {
    fn encap(&mut self, p: &mut Packet) -> Result<(), Reason> {
        let payload = p.len();
        let dst = self.dst.of(p);
        if !p.push(ipv4::LEN + udp::LEN) {
            return Err(Reason::NoHeadroom);
        }
        if u16::try_from(p.len()).is_err() {
            return Err(Reason::Oversize);
        }
        let mut ip = Ipv4::new(self.src, dst, ip_proto::UDP, payload + udp::LEN);
        ip.set_ident(self.id);
        ip.set_ttl(TTL);
        ip.fill_checksum_20();
        self.id = self.id.wrapping_add(1);
        let data = p.data_mut().ok_or(Reason::NoBuffer)?;
        let (head, segment) = data.split_first_chunk_mut::<{ ipv4::LEN }>().ok_or(Reason::NoHeadroom)?;
        *head = zerocopy::transmute!(ip);
        *segment.first_chunk_mut::<{ udp::LEN }>().ok_or(Reason::NoHeadroom)? =
            zerocopy::transmute!(Udp::new(self.src_port, self.dst_port, payload));
        if self.checksum {
            fill_transport(Addresses::V4(self.src, dst), ip_proto::UDP, segment).map_err(|_| Reason::BadTransport)?;
        }
        p.set_net_off(0);
        p.set_transport_off(ipv4::LEN);
        Ok(())
    }
}

impl Element for UDPIPEncap {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.encap(p).err());
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            self.id = old.id;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "src" => self.src.to_string(),
            "sport" => self.src_port.to_string(),
            "dst" => self.dst.to_string(),
            "dport" => self.dst_port.to_string(),
            _ => return Err(HandlerError::NoHandler(handler.into())),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "src" => self.src = value(text, handler)?,
            "sport" => self.src_port = value::<UdpPort>(text, handler)?.0,
            "dst" => self.dst = value(text, handler)?,
            _ => self.dst_port = value::<UdpPort>(text, handler)?.0,
        }
        Ok(())
    }
}
