//! One line about an IPv4 packet, as IPPrint shows it: addresses, ports, and what TCP, UDP and ICMP tell.
//!
//! Headers that are cut are shown as far as they go, so fields are read one by one, each checked.
use alloc::string::String;
use core::fmt::Write;
use core::net::Ipv4Addr;
use sluice_dataplane::wire::{icmp, ip_proto, ipv4, tcp};

/// Big-endian 16 bits at `at`.
fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
/// Big-endian 32 bits at `at`.
fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The parts of a packet that lines are made of.
pub struct IpPacket<'a> {
    head: &'a [u8; ipv4::LEN],
    /// From the transport header to the end of the packet or of what the length field covers.
    transport: &'a [u8],
    /// Length of the whole packet, bytes, link header and all.
    whole: usize,
}

impl<'a> IpPacket<'a> {
    /// From the bytes behind the network header; `None` when they are too few for an IPv4 header. `transport` begins at
    /// the transport header.
    pub fn new(network: &'a [u8], transport: &'a [u8], whole: usize) -> Option<Self> {
        let head = network.first_chunk()?;
        let mut p = IpPacket { head, transport, whole };
        let payload = usize::try_from(p.payload_len()).unwrap_or(0);
        p.transport = transport.get(..payload).unwrap_or(transport);
        Some(p)
    }
    fn byte(&self, at: usize) -> u8 {
        self.head.get(at).copied().unwrap_or(0)
    }
    fn word(&self, at: usize) -> u16 {
        be16(self.head, at).unwrap_or(0)
    }
    /// Length field, bytes.
    pub fn len_field(&self) -> u16 {
        self.word(2)
    }
    /// Identification.
    pub fn ident(&self) -> u16 {
        self.word(4)
    }
    /// Time to live.
    pub fn ttl(&self) -> u8 {
        self.byte(8)
    }
    /// Type of service.
    pub fn tos(&self) -> u8 {
        self.byte(1)
    }
    /// Protocol.
    pub fn protocol(&self) -> u8 {
        self.byte(9)
    }
    /// Whether it is no fragment, or the first one.
    pub fn is_first(&self) -> bool {
        self.word(6) & ipv4::OFFSET_MASK == 0
    }
    fn is_fragment(&self) -> bool {
        self.word(6) & (ipv4::OFFSET_MASK | ipv4::FLAG_MF) != 0
    }
    /// What the length fields leave for the payload; negative when they contradict each other.
    fn payload_len(&self) -> i32 {
        i32::from(self.len_field()) - i32::from(self.byte(0) & 15) * 4
    }
    fn src(&self) -> Ipv4Addr {
        be32(self.head, 12).unwrap_or(0).into()
    }
    fn dst(&self) -> Ipv4Addr {
        be32(self.head, 16).unwrap_or(0).into()
    }

    /// Appends the line, with `swap` false ICMP identifiers and sequence numbers in the other byte order.
    pub fn describe(&self, out: &mut String, swap: bool) {
        match self.protocol() {
            ip_proto::TCP => self.tcp(out),
            ip_proto::UDP => self.udp(out),
            ip_proto::ICMP => self.icmp(out, swap),
            other => {
                let _ = write!(out, "{} > {}: ip-proto-{other}", self.src(), self.dst());
            }
        }
        if self.is_fragment() {
            let offset = u32::from(self.word(6) & ipv4::OFFSET_MASK) * 8;
            let more = if self.word(6) & ipv4::FLAG_MF != 0 { "+" } else { "" };
            let _ = write!(out, " (frag {}:{}@{offset}{more})", self.ident(), self.payload_len());
        }
    }

    /// Addresses and ports; without ports what `name` is, and `None`.
    fn ports(&self, out: &mut String, name: &str) -> Option<()> {
        match (be16(self.transport, 0), be16(self.transport, 2)) {
            (Some(from), Some(to)) if self.is_first() => {
                let _ = write!(out, "{}.{from} > {}.{to}: ", self.src(), self.dst());
                Some(())
            }
            _ => {
                let cut = if self.is_first() { "truncated-" } else { "" };
                let _ = write!(out, "{} > {}: {cut}{name}", self.src(), self.dst());
                None
            }
        }
    }

    fn tcp(&self, out: &mut String) {
        if self.ports(out, "tcp").is_some() && self.tcp_fields(out).is_none() {
            out.push_str("truncated-tcp");
        }
    }

    fn tcp_fields(&self, out: &mut String) -> Option<()> {
        let t = self.transport;
        let (seq, ack, offset, flags) = (be32(t, 4)?, be32(t, 8)?, *t.get(12)?, *t.get(13)?);
        let mut len = self.payload_len() - i32::from(offset >> 4) * 4;
        for (flag, letter, takes) in [(tcp::SYN, 'S', 1), (tcp::FIN, 'F', 1), (tcp::RST, 'R', 0), (tcp::PSH, 'P', 0)] {
            if flags & flag != 0 {
                out.push(letter);
                len += takes;
            }
        }
        if flags & (tcp::SYN | tcp::FIN | tcp::RST | tcp::PSH) == 0 {
            out.push('.');
        }
        let end = seq.wrapping_add_signed(len);
        let _ = write!(out, " {seq}:{end}({len},{},{})", self.whole, self.len_field());
        if flags & tcp::ACK != 0 {
            let _ = write!(out, " ack {ack}");
        }
        let window = be16(t, 14)?;
        let _ = write!(out, " win {window}");
        Some(())
    }

    fn udp(&self, out: &mut String) {
        if self.ports(out, "udp").is_none() {
            return;
        }
        match be16(self.transport, 4).filter(|_| self.transport.len() >= 8) {
            Some(len) => {
                let _ = write!(out, "udp {len}");
            }
            None => out.push_str("truncated-udp"),
        }
    }

    fn icmp(&self, out: &mut String, swap: bool) {
        let _ = write!(out, "{} > {}: ", self.src(), self.dst());
        if !self.is_first() {
            out.push_str("icmp");
        } else if self.icmp_fields(out, swap).is_none() {
            out.push_str("truncated-icmp");
        }
    }

    fn icmp_fields(&self, out: &mut String, swap: bool) -> Option<()> {
        let t = self.transport;
        let (kind, code) = (*t.first()?, *t.get(1)?);
        match kind {
            icmp::ECHO | icmp::ECHO_REPLY => {
                out.push_str(if kind == icmp::ECHO { "icmp echo " } else { "icmp echo-reply " });
                let number = |at| be16(t, at).map(|n| if swap { n } else { n.swap_bytes() });
                let _ = write!(out, "({}, {})", number(4)?, number(6)?);
            }
            icmp::UNREACHABLE => self.unreachable(out, code)?,
            _ => {
                let _ = match icmp::type_name(kind) {
                    Some(name) => write!(out, "icmp {name}"),
                    None => write!(out, "icmp type {kind}"),
                };
                let _ = match icmp::code_name(kind, code) {
                    Some(name) => write!(out, " {name}"),
                    None if code != 0 => write!(out, " code {code}"),
                    None => Ok(()),
                };
            }
        }
        Some(())
    }

    /// What could not be reached, from the packet that the message quotes.
    fn unreachable(&self, out: &mut String, code: u8) -> Option<()> {
        let mut what = String::new();
        let _ = match icmp::code_name(icmp::UNREACHABLE, code) {
            Some(name) => write!(what, "{name}"),
            None => write!(what, "code {code}"),
        };
        let quoted = self.transport.get(icmp::LEN..).unwrap_or_default();
        let Some(head) = quoted.first_chunk::<{ ipv4::LEN }>() else {
            let _ = write!(out, "icmp unreachable {what} ");
            return None;
        };
        let to = Ipv4Addr::from(be32(head, 16)?);
        let _ = write!(out, "icmp {to} unreachable {what}");
        let protocol = head[9];
        let name = ip_proto::name(protocol);
        match code {
            icmp::CODE_PROTOCOL => {
                let _ = match name {
                    Some(name) => write!(out, " {name}"),
                    None => write!(out, " {protocol}"),
                };
            }
            icmp::CODE_PORT => {
                let _ = match name {
                    Some(name) => write!(out, " {name}"),
                    None => write!(out, " protocol {protocol}"),
                };
                let _ = write!(out, "/{}", be16(quoted, usize::from(head[0] & 15) * 4 + 2)?);
            }
            icmp::CODE_NEED_FRAG => {
                let mtu = be16(self.transport, 6)?;
                if mtu != 0 {
                    let _ = write!(out, " (mtu {mtu})");
                }
            }
            _ => {}
        }
        Some(())
    }

    /// What follows the transport header, for the argument `PAYLOAD`; the packet's own padding is not cut off.
    pub fn payload<'b>(&self, transport: &'b [u8]) -> &'b [u8] {
        let skip = match self.protocol() {
            ip_proto::TCP if self.is_first() => transport.get(12).map_or(0, |b| usize::from(b >> 4) * 4),
            ip_proto::UDP if self.is_first() => 8,
            _ => 0,
        };
        transport.get(skip..).unwrap_or_default()
    }
}
