//! A packet in the making: fields are put into it, and headers appear as they are needed.
use super::describe::{be16, header_len};
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use sluice_dataplane::args::NameDb;
use sluice_dataplane::wire::checksum::Addresses;
use sluice_dataplane::wire::{checksum, icmp, ip_proto, ipv4};

/// Addresses and ports for packets that do not name any (`!flowid`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flow {
    /// Source address and port.
    pub src: (Ipv4Addr, u16),
    /// Destination address and port.
    pub dst: (Ipv4Addr, u16),
}

/// A packet in the making.
pub struct Build {
    /// Its bytes so far.
    pub data: Vec<u8>,
    /// Where the Ethernet header is.
    pub mac: Option<usize>,
    /// Where the network header is.
    pub net: Option<usize>,
    /// Where the transport header is, or will be.
    pub transport: usize,
    /// False when the Ethernet type is another.
    pub is_ip: bool,
    /// Fields that were given, which change how others are understood.
    pub given: Given,
    /// Length that the packet is said to have, from its first byte; 0: unknown.
    pub want_len: usize,
    /// Annotations.
    pub anno: Anno,
    /// Protocol of packets that do not name one.
    pub protocol: u8,
    /// Addresses and ports of packets that do not name any.
    pub flow: Option<Flow>,
    /// Minor version of the file: 0 has fragment offsets in units of 8 bytes.
    pub minor_version: u32,
    /// Names of addresses.
    pub names: NameDb,
}

/// What was given for the current packet.
#[derive(Clone, Copy, Default, Debug)]
pub struct Given {
    /// An ICMP type.
    pub icmp_type: bool,
    /// An ICMP code.
    pub icmp_code: bool,
    /// A length of the IP header.
    pub ip_hl: bool,
    /// A length of the TCP header.
    pub tcp_hl: bool,
}

/// Annotations of the current packet.
#[derive(Clone, Copy, Default, Debug)]
pub struct Anno {
    /// Nanoseconds since the epoch.
    pub timestamp: u64,
    /// Of the first of several packets in one line.
    pub first_timestamp: u64,
    /// Packets beyond the first in one line.
    pub extra_packets: u32,
    /// Paint.
    pub paint: u8,
    /// Aggregate.
    pub aggregate: u32,
}

impl Build {
    /// Nothing yet; packets that do not name their protocol have `protocol`.
    pub fn new(protocol: u8, names: NameDb) -> Self {
        Build {
            data: Vec::new(),
            mac: None,
            net: None,
            transport: 0,
            is_ip: true,
            given: Given::default(),
            want_len: 0,
            anno: Anno::default(),
            protocol,
            flow: None,
            minor_version: super::VERSION.1,
            names,
        }
    }

    /// Begins the next packet.
    pub fn clear(&mut self) {
        self.data.clear();
        (self.mac, self.net, self.transport) = (None, None, 0);
        (self.is_ip, self.want_len) = (true, 0);
        (self.given, self.anno) = (Given::default(), Anno::default());
    }

    /// Bytes from the network header on.
    pub fn network(&self) -> &[u8] {
        self.net.and_then(|n| self.data.get(n..)).unwrap_or_default()
    }
    /// Bytes from the transport header on.
    pub fn behind_ip(&self) -> &[u8] {
        self.data.get(self.transport..).unwrap_or_default()
    }
    /// Makes the packet at least `end` bytes long.
    pub fn reach(&mut self, end: usize) {
        self.data.resize(self.data.len().max(end), 0);
    }
    /// Puts zeros between bytes.
    pub fn insert(&mut self, at: usize, count: usize) {
        let at = at.min(self.data.len());
        self.data.splice(at..at, core::iter::repeat_n(0, count));
    }
    fn set(&mut self, at: usize, bytes: &[u8]) {
        if let Some(to) = self.data.get_mut(at..at + bytes.len()) {
            to.copy_from_slice(bytes);
        }
    }
    /// Writes at an offset from the Ethernet header; what lies beyond the packet is lost, here and below.
    pub fn set_mac(&mut self, at: usize, bytes: &[u8]) {
        self.set(self.mac.unwrap_or(0) + at, bytes);
    }
    /// Writes at an offset from the network header.
    pub fn set_ip(&mut self, at: usize, bytes: &[u8]) {
        self.set(self.net.unwrap_or(0) + at, bytes);
    }
    /// Writes at an offset from the transport header.
    pub fn set_transport(&mut self, at: usize, bytes: &[u8]) {
        self.set(self.transport + at, bytes);
    }
    /// The IP header's byte at an offset.
    pub fn ip_byte(&self, at: usize) -> u8 {
        self.network().get(at).copied().unwrap_or(0)
    }
    /// Whether the IP header, as it is now, is no later fragment's.
    pub fn is_first_fragment(&self) -> bool {
        be16(self.network(), 6).unwrap_or(0) & ipv4::OFFSET_MASK == 0
    }
    /// Sets the length of the IP header, bytes; the header must be that long already.
    pub fn set_header_len(&mut self, len: usize) {
        self.set_ip(0, &[0x40 | (len / 4) as u8]);
        self.transport = self.net.unwrap_or(0) + len;
    }

    /// Puts an Ethernet header before an empty packet.
    pub fn make_ether(&mut self) {
        if self.mac.is_none() {
            self.insert(0, 14);
            (self.mac, self.net, self.transport) = (Some(0), Some(14), 14);
            self.set(12, &[8, 0]);
        }
    }

    /// Makes an IP header if there is none. False: the packet is no IP packet, or one of another protocol than `protocol`
    /// (0: of any).
    pub fn make_ip(&mut self, protocol: u8) -> bool {
        if !self.is_ip {
            return false;
        }
        let net = *self.net.get_or_insert(0);
        if self.network().len() < ipv4::LEN {
            self.reach(net + ipv4::LEN);
            self.set_header_len(ipv4::LEN);
            self.set_ip(8, &[100, self.protocol]);
            if let Some(flow) = self.flow {
                self.set_ip(12, &flow.src.0.octets());
                self.set_ip(16, &flow.dst.0.octets());
            }
        }
        let is = self.ip_byte(9);
        protocol == 0 || is == 0 || is == protocol
    }

    /// Makes the transport header of the IP packet's protocol if there is none. False for later fragments.
    pub fn make_transport(&mut self) -> bool {
        if !self.is_first_fragment() {
            return false;
        }
        let (protocol, have) = (self.ip_byte(9), self.behind_ip().len());
        let len = match protocol {
            _ if have >= 8 => return true,
            ip_proto::TCP => 20,
            ip_proto::UDP | ip_proto::UDP_LITE | ip_proto::ICMP => 8,
            DCCP => 12,
            _ => return true,
        };
        let room = if self.want_len > 0 { self.want_len.saturating_sub(self.transport) } else { len };
        let len = len.min(room);
        if have < len {
            self.reach(self.transport + len.max(4));
            if protocol == ip_proto::TCP && len >= 13 {
                self.set_transport(12, &[0x50]);
            }
            if let Some(flow) = self.flow {
                self.set_transport(0, &flow.src.1.to_be_bytes());
                self.set_transport(2, &flow.dst.1.to_be_bytes());
            }
            self.data.truncate(self.transport + len);
        }
        true
    }

    /// Where the payload begins: behind the transport header that is there, or would be.
    pub fn payload_off(&self) -> usize {
        if !self.is_ip {
            return 0;
        }
        let t = self.behind_ip();
        let head = match self.ip_byte(9) {
            _ if !self.is_first_fragment() => 0,
            ip_proto::TCP => t.get(12).map_or(20, |b| usize::from(b >> 4) * 4).max(20),
            ip_proto::UDP | ip_proto::UDP_LITE => 8,
            _ => 0,
        };
        self.transport + head
    }

    /// Fills in lengths and, if wanted, checksums. Afterwards the packet is complete.
    pub fn finish(&mut self, checksums: bool) {
        if self.flow.is_some() {
            self.make_ip(0);
        }
        let Some(net) = self.net.filter(|_| self.is_ip && self.network().len() >= ipv4::LEN) else { return };
        self.make_transport();
        let len = match self.want_len.saturating_sub(net).min(0xffff) {
            0 => self.network().len().min(0xffff),
            n => n,
        };
        self.set_ip(2, &(len as u16).to_be_bytes());
        let head = self.transport - net;
        if self.ip_byte(9) == ip_proto::UDP && self.is_first_fragment() && be16(self.behind_ip(), 4) == Some(0) {
            self.set_transport(4, &(len.saturating_sub(head) as u16).to_be_bytes());
        }
        if checksums {
            self.reach(net + len);
            self.fill_checksums(net);
        }
    }

    /// Writes the wanted length into the IP and UDP headers of a complete packet; checksums stay as they are.
    pub fn set_lengths(&mut self) {
        let Some(net) = self.net.filter(|_| self.is_ip && self.network().len() >= ipv4::LEN) else { return };
        let len = self.want_len.saturating_sub(net).min(0xffff);
        self.set_ip(2, &(len as u16).to_be_bytes());
        if self.ip_byte(9) == ip_proto::UDP && self.is_first_fragment() {
            self.set_transport(4, &(len.saturating_sub(self.transport - net) as u16).to_be_bytes());
        }
    }

    fn fill_checksums(&mut self, net: usize) {
        let (protocol, transport) = (self.ip_byte(9), self.transport);
        let fragment = be16(self.network(), 6).unwrap_or(0) & (ipv4::OFFSET_MASK | ipv4::FLAG_MF) != 0;
        let Some((head, segment)) = self.data.split_at_mut_checked(transport) else { return };
        let Some(head) = head.get_mut(net..) else { return };
        let (src, dst) = (address(head, 12), address(head, 16));
        if header_len(head) == head.len() && head.len() >= ipv4::LEN {
            head[10..12].copy_from_slice(&[0, 0]);
            let sum = checksum::checksum(head);
            head[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        // Headers that are cut have no place for a checksum: they stay as they are.
        let _ = match protocol {
            _ if fragment => Ok(()),
            ip_proto::TCP | ip_proto::UDP => {
                checksum::fill_transport(Addresses::V4(src, dst), protocol, segment).map(|_| ())
            }
            ip_proto::ICMP => icmp::fill_checksum(segment),
            _ => Ok(()),
        };
    }

    /// Destination address of the IP header.
    pub fn dst(&self) -> Option<Ipv4Addr> {
        (self.is_ip && self.network().len() >= ipv4::LEN).then(|| address(self.network(), 16))
    }
}

/// DCCP (RFC 4340).
pub(super) const DCCP: u8 = 33;

fn address(head: &[u8], at: usize) -> Ipv4Addr {
    super::describe::be32(head, at).unwrap_or(0).into()
}
