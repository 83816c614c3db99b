//! Writes an address into packets.
use core::net::Ipv4Addr;
use sluice_dataplane::args::{Args, FromArg, Word};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::checksum::update_u32;
use sluice_dataplane::wire::{Ipv4, Udp, ip_proto, ipv4, tcp};

/// Writes an address into packets.
pub struct StoreIPAddress {
    /// `None`: the destination annotation.
    address: Option<Ipv4Addr>,
    to: To,
}

#[derive(Clone, Copy)]
enum To {
    Offset(usize),
    Source,
    Destination,
}

impl Configure for StoreIPAddress {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        live: true,
        args: &[
            Arg::optional("ADDR", "IP address", "the destination annotation", "the address"),
            Arg::required("OFFSET", "bytes, src or dst", "where it is written"),
        ],
        doc: "Writes ADDR, or the destination annotation if only OFFSET is given, into the packet. `src` and `dst` \
              mean the fields of the marked IP header: then the IP checksum and the TCP or UDP checksum are \
              corrected. Packets that end before OFFSET, that have no header or, at an OFFSET, whose annotation is \
              0.0.0.0, go to output 1 if that is connected, else they are dropped.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader -> StoreIPAddress(10.0.0.1, src) -> Discard;",
        see: &["GetIPAddress", "SetIPAddress", "FixIPSrc"],
        ..Info::new("StoreIPAddress", "ip", "writes an address into packets")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let address = if args.left() > 1 { Some(args.required("ADDR")) } else { None };
        let Word(offset) = args.required("OFFSET");
        let to = match offset.to_ascii_lowercase().as_str() {
            "src" => To::Source,
            "dst" => To::Destination,
            text => match u32::from_arg(text, args.names()) {
                Ok(n) => To::Offset(n as usize),
                Err(_) => {
                    args.error("type mismatch: OFFSET requires integer");
                    To::Source
                }
            },
        };
        StoreIPAddress { address, to }
    }
}

impl StoreIPAddress {
    fn store(&self, p: &mut Packet) -> Result<(), Reason> {
        let address = self.address.unwrap_or(p.dst());
        match self.to {
            To::Offset(_) if self.address.is_none() && address.is_unspecified() => Err(Reason::Unmatched),
            To::Offset(at) => {
                let data = p.data_mut().ok_or(Reason::NoBuffer)?;
                let field = data.get_mut(at..).and_then(|d| d.first_chunk_mut::<4>()).ok_or(Reason::Truncated)?;
                *field = address.octets();
                Ok(())
            }
            To::Source => replace(p, address, Ipv4::src, Ipv4::set_src),
            To::Destination => replace(p, address, Ipv4::dst, Ipv4::set_dst),
        }
    }
}

/// Changes one address of the header, and the checksums that cover it.
fn replace(
    p: &mut Packet,
    new: Ipv4Addr,
    get: fn(&Ipv4) -> Ipv4Addr,
    set: fn(&mut Ipv4, Ipv4Addr),
) -> Result<(), Reason> {
    let at = p.net_off().ok_or(Reason::BadIp)?;
    let bytes = p.data_mut().ok_or(Reason::NoBuffer)?.get_mut(at..).ok_or(Reason::BadIp)?;
    // The mark is trusted, as IPv4 fields go; only a header that says it is IPv6's has its addresses elsewhere.
    let ip: &mut [u8; ipv4::LEN] = bytes.first_chunk_mut().filter(|h| h[0] >> 4 != 6).ok_or(Reason::BadIp)?;
    let ip: &mut Ipv4 = zerocopy::transmute_mut!(ip);
    let (old, new_bits) = (u32::from(get(ip)), u32::from(new));
    set(ip, new);
    ip.set_checksum(update_u32(ip.checksum(), old, new_bits));
    let (protocol, header, first) = (ip.protocol(), ip.header_len(), ip.has_transport());
    let transport = bytes.get_mut(header..).filter(|_| first).unwrap_or_default();
    match protocol {
        ip_proto::TCP if transport.len() >= tcp::LEN => {
            if let Some(sum) = transport.get_mut(16..).and_then(|t| t.first_chunk_mut::<2>()) {
                *sum = update_u32(u16::from_be_bytes(*sum), old, new_bits).to_be_bytes();
            }
        }
        ip_proto::UDP => {
            if let Ok(udp) = Udp::parse_header_mut(transport) {
                udp.update_checksum(old, new_bits);
            }
        }
        _ => {}
    }
    Ok(())
}

impl Element for StoreIPAddress {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.store(p).err());
    }
}
