//! The outer IP header of a tunnel: written before packets, and read off them.
use alloc::string::String;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use sluice_dataplane::args::{Args, FromArg, NameDb};
use sluice_dataplane::info::Arg;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::checksum::{Addresses, fill_transport, verify_transport};
use sluice_dataplane::wire::{Ipv4, Ipv6, Udp, ip_proto, ipv4, ipv6, ipv6_ext, udp, vxlan};
use zerocopy::IntoBytes;

/// First of the ports that a flow's hash chooses from (RFC 7348 section 5: the dynamic range).
const FIRST_PORT: u16 = 49152;

pub(super) const SRC: Arg = Arg::required("SRC", "IP or IPv6 address", "source address");
pub(super) const DST: Arg =
    Arg::required("DST", "address or DST_ANNO", "destination address, or the destination annotation of that version");
pub(super) const TTL: Arg = Arg::keyword("TTL", "hops", "64", "time to live, or hop limit");

/// An address of either version, or the annotation.
struct Address(Option<IpAddr>);

impl FromArg for Address {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        if text.trim() == "DST_ANNO" {
            return Ok(Address(None));
        }
        let v4 = Ipv4Addr::from_arg(text, names).map(IpAddr::V4);
        let any = v4.or_else(|_| Ipv6Addr::from_arg(text, names).map(IpAddr::V6));
        any.map(|a| Address(Some(a))).map_err(|_| "should be an IP address, an IPv6 address, or ‘DST_ANNO’".into())
    }
    fn blank() -> Self {
        Address(None)
    }
}

/// Source and destination of a tunnel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    src: IpAddr,
    /// `None`: the packet's annotation.
    dst: Option<IpAddr>,
    ttl: u8,
    /// Identification of the next IPv4 packet.
    id: u16,
}

impl Ends {
    /// Reads `SRC`, `DST` and `TTL`.
    pub(super) fn configure(args: &mut Args<'_>) -> Ends {
        let Address(src) = args.required("SRC");
        let Address(dst) = args.required("DST");
        let ttl = args.keyword("TTL", 64);
        let Some(src) = src else {
            args.error_in("SRC", "should be an address");
            return Ends { src: Ipv4Addr::UNSPECIFIED.into(), dst, ttl, id: 0 };
        };
        if dst.is_some_and(|dst| dst.is_ipv4() != src.is_ipv4()) {
            args.error("SRC and DST should be of one IP version");
        }
        Ends { src, dst, ttl, id: 0 }
    }

    pub(super) fn is_v6(&self) -> bool {
        self.src.is_ipv6()
    }

    /// Goes on counting where `old` stopped.
    pub(super) fn take(&mut self, old: &Ends) {
        self.id = old.id;
    }

    /// Puts an IP header and `inner` (a header of the tunnel's protocol, whole) before a packet, and marks both.
    ///
    /// # Errors
    /// [`Reason::Oversize`], [`Reason::NoHeadroom`] or [`Reason::NoBuffer`]; the packet stays as it is but for the last.
    pub(super) fn encap(&mut self, p: &mut Packet, protocol: u8, inner: &[u8]) -> Result<(), Reason> {
        let payload = inner.len() + p.len();
        let head = if self.is_v6() { ipv6::LEN } else { ipv4::LEN };
        if head + payload > usize::from(u16::MAX) {
            return Err(Reason::Oversize);
        }
        // A shared buffer must be copied before the bytes in front of it may be written.
        p.data_mut().ok_or(Reason::NoBuffer)?;
        let addresses = self.addresses(p);
        if !p.push(head + inner.len()) {
            return Err(Reason::NoHeadroom);
        }
        let data = p.data_mut().ok_or(Reason::NoBuffer)?;
        let (outer, rest) = data.split_at_mut_checked(head).ok_or(Reason::NoHeadroom)?;
        match addresses {
            Addresses::V4(src, dst) => {
                let mut ip = Ipv4::new(src, dst, protocol, payload);
                ip.set_ident(self.id);
                ip.set_ttl(self.ttl);
                ip.fill_checksum_20();
                self.id = self.id.wrapping_add(1);
                outer.copy_from_slice(ip.as_bytes());
            }
            Addresses::V6(src, dst) => {
                let mut ip = Ipv6::new(src, dst, protocol, payload);
                ip.set_hop_limit(self.ttl);
                outer.copy_from_slice(ip.as_bytes());
            }
        }
        rest.get_mut(..inner.len()).ok_or(Reason::NoHeadroom)?.copy_from_slice(inner);
        match addresses {
            Addresses::V4(_, dst) => p.set_dst(dst),
            Addresses::V6(_, dst) => p.set_dst6(dst),
        }
        p.set_net_off(0);
        p.set_transport_off(head);
        Ok(())
    }

    fn addresses(&self, p: &Packet) -> Addresses {
        match (self.src, self.dst) {
            (IpAddr::V4(src), Some(IpAddr::V4(dst))) => Addresses::V4(src, dst),
            (IpAddr::V4(src), _) => Addresses::V4(src, p.dst()),
            (IpAddr::V6(src), Some(IpAddr::V6(dst))) => Addresses::V6(src, dst),
            (IpAddr::V6(src), _) => Addresses::V6(src, p.dst6()),
        }
    }
}

/// The UDP header of a tunnel, and what goes before its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagrams {
    pub(super) ends: Ends,
    /// `None`: the flow's hash says.
    src_port: Option<u16>,
    dst_port: u16,
    checksum: bool,
}

pub(super) const SPORT: Arg = Arg::keyword("SPORT", "UDP port", "", "source port; without it, one by the inner flow");
pub(super) const CHECKSUM: Arg =
    Arg::keyword("CHECKSUM", "boolean", "false; true for IPv6", "whether the UDP checksum is computed");

impl Datagrams {
    /// Reads the arguments that tunnels over UDP share.
    pub(super) fn configure(args: &mut Args<'_>, dst_port: u16) -> Datagrams {
        let ends = Ends::configure(args);
        let src_port = args.keyword_some::<sluice_dataplane::args::UdpPort>("SPORT").map(|p| p.0);
        let dst_port = args.keyword("DPORT", sluice_dataplane::args::UdpPort(dst_port)).0;
        // RFC 7348 section 5: zero over IPv4; RFC 6935: over IPv6 only where the operator says so.
        let checksum = args.keyword("CHECKSUM", ends.is_v6());
        Datagrams { ends, src_port, dst_port, checksum }
    }

    /// Puts IP, UDP and the tunnel's header before a packet whose flow has this hash.
    ///
    /// # Errors
    /// As [`Ends::encap`].
    pub(super) fn encap(
        &mut self,
        p: &mut Packet,
        tunnel: [u8; 8],
        hash: impl FnOnce(&Packet) -> u32,
    ) -> Result<(), Reason> {
        let src_port = self.src_port.unwrap_or_else(|| FIRST_PORT | hash(p) as u16 & 0x3fff);
        let mut head = [0; udp::LEN + 8];
        let (first, second) = head.split_at_mut(udp::LEN);
        first.copy_from_slice(Udp::new(src_port, self.dst_port, p.len() + tunnel.len()).as_bytes());
        second.copy_from_slice(&tunnel);
        let addresses = self.ends.addresses(p);
        self.ends.encap(p, ip_proto::UDP, &head)?;
        if self.checksum {
            let segment = p.transport_mut().ok_or(Reason::NoBuffer)?;
            fill_transport(addresses, ip_proto::UDP, segment).map_err(|_| Reason::BadTransport)?;
        }
        Ok(())
    }
}

/// Reads the `VNI` of a tunnel's packets; `None`: any will do.
pub(super) fn wanted_vni(args: &mut Args<'_>) -> Option<u32> {
    let vni = args.optional_some("VNI");
    if vni.is_some_and(|vni| vni > vxlan::VNI_MAX) {
        args.error_in("VNI", "should be below 2^24");
    }
    vni
}

/// What an IP packet carries, if it is of `protocol` and no fragment: where it begins and ends, bytes from the packet's
/// first, and its addresses. The header is the marked one, else that at the start.
///
/// # Errors
/// [`Reason::BadIp`]; [`Reason::BadTunnel`] for another protocol or a fragment.
pub(super) fn payload(p: &Packet, protocol: u8) -> Result<(usize, usize, Addresses), Reason> {
    let at = p.net_off().unwrap_or(0);
    let bytes = p.data().get(at..).ok_or(Reason::BadIp)?;
    let (found, start, len, whole, addresses) = match bytes.first().map(|b| b >> 4) {
        Some(4) => {
            let (ip, payload) = Ipv4::parse(bytes).map_err(|_| Reason::BadIp)?;
            (ip.protocol(), ip.header_len(), payload.len(), !ip.is_fragment(), Addresses::V4(ip.src(), ip.dst()))
        }
        Some(6) => {
            let (ip, payload) = Ipv6::parse(bytes).map_err(|_| Reason::BadIp)?;
            let chain = ipv6_ext::walk(ip.next_header(), payload).map_err(|_| Reason::BadIp)?;
            let len = payload.len().checked_sub(chain.offset).ok_or(Reason::BadIp)?;
            (chain.next, ipv6::LEN + chain.offset, len, chain.fragment.is_none(), Addresses::V6(ip.src(), ip.dst()))
        }
        _ => return Err(Reason::BadIp),
    };
    if found != protocol || !whole {
        return Err(Reason::BadTunnel);
    }
    Ok((at + start, at + start + len, addresses))
}

/// The payload of a datagram to `port`: where it begins and ends.
///
/// # Errors
/// As [`payload`]; [`Reason::BadTransport`], [`Reason::BadChecksum`].
pub(super) fn datagram(p: &Packet, port: u16) -> Result<(usize, usize), Reason> {
    let (start, end, addresses) = payload(p, ip_proto::UDP)?;
    let segment = p.data().get(start..end).ok_or(Reason::BadIp)?;
    let (header, inner) = Udp::parse(segment).map_err(|_| Reason::BadTransport)?;
    if header.dst_port() != port {
        return Err(Reason::BadTunnel);
    }
    // RFC 6935 section 5: a tunnel's datagrams may come without a checksum over IPv6, too.
    if header.checksum() != 0 {
        verify_transport(addresses, ip_proto::UDP, segment).map_err(|_| Reason::BadChecksum)?;
    }
    Ok((start + udp::LEN, start + udp::LEN + inner.len()))
}

/// Cuts a packet to the bytes from `start` to `end`.
pub(super) fn cut(p: &mut Packet, start: usize, end: usize) {
    p.truncate(end);
    p.strip(start);
}
