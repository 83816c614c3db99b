//! A packet as the fields of a summary see it: headers checked, padding cut off.
use alloc::format;
use alloc::string::String;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::wire::{ip_proto, ipv4};

/// Why a packet has nothing for a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// The field does not apply to such packets.
    Silent,
    /// There is no Ethernet header.
    Ethernet,
    /// The IP header is not there, or too short.
    Ip,
    /// The transport header of these protocols is not there, or has fewer than so many bytes.
    Transport(Transport, usize),
}

/// Transport protocols that fields belong to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP.
    Icmp,
    /// Either of the first two.
    TcpOrUdp,
}

impl Transport {
    fn name(self) -> &'static str {
        match self {
            Transport::Tcp => "TCP",
            Transport::Udp => "UDP",
            Transport::Icmp => "ICMP",
            Transport::TcpOrUdp => "TCP/UDP",
        }
    }
    fn is(self, protocol: u8) -> bool {
        match self {
            Transport::Tcp => protocol == ip_proto::TCP,
            Transport::Udp => protocol == ip_proto::UDP,
            Transport::Icmp => protocol == ip_proto::ICMP,
            Transport::TcpOrUdp => matches!(protocol, ip_proto::TCP | ip_proto::UDP),
        }
    }
}

/// Big-endian 16 bits at `at`.
pub fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
/// Big-endian 32 bits at `at`.
pub fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// How packets are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// A packet that has fewer bytes than its IP length says is bad.
    pub careful: bool,
    /// The extra length annotation counts.
    pub extra_length: bool,
}

/// One packet, ready to be described.
pub struct Desc<'a> {
    /// The packet.
    pub packet: &'a Packet,
    /// Timestamp, nanoseconds since the epoch.
    pub timestamp: u64,
    /// From the IP header to the end of what its length field covers; a good header, perhaps cut.
    pub ip: Option<&'a [u8]>,
    /// Where the transport header is, from the packet's first byte.
    pub transport_off: usize,
    /// The packet's bytes without padding behind the IP packet.
    pub data: &'a [u8],
    /// Bytes that the packet had beyond those here, as far as its IP length does not tell.
    pub extra: u32,
    /// Whether `extra` counts.
    pub extra_length: bool,
    tcp_header_bad: bool,
    /// What is wrong with the packet: the first thing that was found.
    pub bad: Option<String>,
}

impl<'a> Desc<'a> {
    /// A packet whose headers are not looked at.
    pub fn new(packet: &'a Packet, look: Look) -> Self {
        Desc {
            packet,
            timestamp: packet.timestamp(),
            ip: None,
            transport_off: 0,
            data: packet.data(),
            extra: packet.extra_length(),
            extra_length: look.extra_length,
            tcp_header_bad: false,
            bad: None,
        }
    }

    /// Looks at the headers.
    pub fn prepare(&mut self, look: Look) {
        let (Some(ip), Some(net)) = (self.packet.network(), self.packet.net_off()) else { return };
        self.ip = self.check_ip(ip, net, look);
        let Some(ip) = self.ip else { return };
        let head = header_len(ip);
        self.transport_off = self.packet.transport_off().unwrap_or(net + head);
        if self.extra > 0 {
            // Lengths come from the IP header from here on.
            let full = ip.len() as u64 + u64::from(self.extra);
            let enough = be16(ip, 2) != Some(0xffff) || full <= 0xffff;
            self.extra = if enough { 0 } else { (full - 0xffff) as u32 };
        }
        if let Some(t) = self.transport(Transport::Tcp)
            && let Some(&offset) = t.get(12)
            && offset >> 4 < 5
        {
            self.note(format!("TCP header length {}", offset >> 4));
            self.tcp_header_bad = true;
        }
    }

    fn check_ip(&mut self, ip: &'a [u8], net: usize, look: Look) -> Option<&'a [u8]> {
        let (Some(&first), Some(len)) = (ip.first(), be16(ip, 2)) else {
            self.note("truncated IP header".into());
            return None;
        };
        let len = usize::from(len);
        let wrong = match first {
            b if b >> 4 != 4 => Some(format!("IP version {}", b >> 4)),
            b if b & 15 < 5 => Some(format!("IP header length {}", b & 15)),
            _ if len < header_len(ip) => Some(format!("IP length {len}")),
            _ => None,
        };
        if let Some(wrong) = wrong {
            self.note(wrong);
            return None;
        }
        if ip.len() > len {
            self.extra = self.extra.saturating_add((ip.len() - len) as u32);
            self.data = self.data.get(..net + len).unwrap_or(self.data);
        } else {
            let missing = (len - ip.len()) as u64;
            if look.careful && missing > u64::from(self.extra) {
                self.note(format!("truncated IP missing {}", missing - u64::from(self.extra)));
            }
        }
        Some(ip.get(..len).unwrap_or(ip))
    }

    fn note(&mut self, what: String) {
        self.bad.get_or_insert(what);
    }

    /// IP protocol, if the header goes that far.
    pub fn protocol(&self) -> Option<u8> {
        self.ip?.get(9).copied()
    }

    /// Whether the packet is no fragment, or the first.
    pub fn is_first_fragment(&self) -> bool {
        self.ip.and_then(|ip| be16(ip, 6)).is_some_and(|f| f & ipv4::OFFSET_MASK == 0)
    }

    /// From the transport header to the end, whatever the protocol.
    pub fn behind_ip(&self) -> &'a [u8] {
        self.data.get(self.transport_off..).unwrap_or_default()
    }

    /// The bytes of the transport header and behind, if it is one of this protocol.
    pub fn transport(&self, which: Transport) -> Option<&'a [u8]> {
        let ip = self.ip?;
        let here = ip.len() > header_len(ip)
            && self.is_first_fragment()
            && self.protocol().is_some_and(|p| which.is(p))
            && !(which == Transport::Tcp && self.tcp_header_bad);
        here.then(|| self.behind_ip())
    }

    /// At least `len` bytes of the transport header.
    ///
    /// # Errors
    /// They are not there.
    pub fn transport_bytes(&self, which: Transport, len: usize) -> Result<&'a [u8], Missing> {
        self.transport(which).filter(|t| t.len() >= len).ok_or(Missing::Transport(which, len))
    }

    /// At least `len` bytes of the IP header.
    ///
    /// # Errors
    /// They are not there.
    pub fn ip_bytes(&self, len: usize) -> Result<&'a [u8], Missing> {
        self.ip.filter(|ip| ip.len() >= len).ok_or(Missing::Ip)
    }

    /// Notes why a field has nothing, if that makes the packet a bad one.
    pub fn note_missing(&mut self, missing: Missing) {
        let what = match missing {
            Missing::Silent => return,
            Missing::Ethernet => "Ethernet header".into(),
            _ if self.ip.is_none() => "no IP header".into(),
            Missing::Ip => "truncated IP header capture".into(),
            Missing::Transport(which, len) => {
                if self.protocol().is_some_and(|p| !which.is(p)) {
                    return; // another protocol is no mistake
                }
                let name = which.name();
                if !self.is_first_fragment() {
                    format!("fragmented {name} header")
                } else if self.behind_ip().len() + self.extra as usize >= len {
                    format!("truncated {name} header capture")
                } else {
                    format!("truncated {name} header")
                }
            }
        };
        self.note(what);
    }
}

/// Length of an IPv4 header as its first byte says, bytes.
pub fn header_len(ip: &[u8]) -> usize {
    usize::from(ip.first().map_or(0, |b| b & 15)) * 4
}
