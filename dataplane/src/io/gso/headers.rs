//! Where the headers of a super-frame are, and how each segment's copy of them differs.
use super::{GsoError, MAX_HEAD, Place, fold, nonzero, put_u16, sum};

const TCP: u8 = 6;
const UDP: u8 = 17;
/// TCP flags, RFC 9293 section 3.1.
const CWR: u8 = 0x80;
const PSH: u8 = 0x08;
const FIN: u8 = 0x01;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    V4,
    V6,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Udp,
}

impl Transport {
    /// Bytes from the start of the transport header to its checksum.
    pub(super) fn checksum_offset(self) -> usize {
        match self {
            Self::Tcp => 16,
            Self::Udp => 6,
        }
    }

    fn protocol(self) -> u8 {
        match self {
            Self::Tcp => TCP,
            Self::Udp => UDP,
        }
    }
}

/// Offsets into an Ethernet frame. Invariant: `network_at < transport_at < payload_at <= end <= frame length`.
pub(super) struct Headers {
    pub(super) network: Network,
    transport: Transport,
    network_at: usize,
    pub(super) transport_at: usize,
    payload_at: usize,
    /// Behind the last byte of the IP packet; padding follows.
    end: usize,
}

impl Headers {
    /// Finds the headers of an Ethernet frame that carries `transport`.
    pub(super) fn parse(frame: &[u8], transport: Transport) -> Result<Self, GsoError> {
        let mut at = 12;
        let mut ethertype = get_u16(frame, at)?;
        // IEEE 802.1Q: each tag is a protocol identifier and 2 bytes, before the EtherType.
        while matches!(ethertype, 0x8100 | 0x88a8 | 0x9100) {
            at += 4;
            ethertype = get_u16(frame, at)?;
        }
        let network_at = at + 2;
        let (network, transport_at, end) = match ethertype {
            0x0800 => Self::parse_v4(frame, network_at, transport)?,
            0x86dd => Self::parse_v6(frame, network_at, transport)?,
            _ => return Err(GsoError::Mismatch),
        };
        let transport_len = match transport {
            Transport::Tcp => match usize::from(get_u8(frame, transport_at + 12)? >> 4) * 4 {
                len @ 20.. => len,
                _ => return Err(GsoError::Mismatch),
            },
            Transport::Udp => 8,
        };
        let payload_at = transport_at + transport_len;
        if end > frame.len() || payload_at > end {
            return Err(GsoError::Truncated);
        }
        if payload_at > MAX_HEAD {
            return Err(GsoError::UnsupportedHeaders);
        }
        Ok(Self { network, transport, network_at, transport_at, payload_at, end })
    }

    /// IPv4, RFC 791 section 3.1: where the transport header begins and the packet ends.
    fn parse_v4(frame: &[u8], at: usize, transport: Transport) -> Result<(Network, usize, usize), GsoError> {
        let first = get_u8(frame, at)?;
        let header_len = usize::from(first & 15) * 4;
        if first >> 4 != 4 || header_len < 20 || get_u8(frame, at + 9)? != transport.protocol() {
            return Err(GsoError::Mismatch);
        }
        // A fragment (more to come, or an offset) has no whole datagram to cut.
        if get_u16(frame, at + 6)? & 0x3fff != 0 {
            return Err(GsoError::Mismatch);
        }
        let end = match usize::from(get_u16(frame, at + 2)?) {
            // Linux writes 0 where a packet is too large for the field.
            0 => frame.len(),
            len => at + len,
        };
        Ok((Network::V4, at + header_len, end))
    }

    /// IPv6 with extension headers, RFC 8200 section 4.
    fn parse_v6(frame: &[u8], at: usize, transport: Transport) -> Result<(Network, usize, usize), GsoError> {
        const HOP_BY_HOP: u8 = 0;
        const ROUTING: u8 = 43;
        const DESTINATION: u8 = 60;
        if get_u8(frame, at)? >> 4 != 6 {
            return Err(GsoError::Mismatch);
        }
        let payload_len = usize::from(get_u16(frame, at + 4)?);
        let mut next = get_u8(frame, at + 6)?;
        let mut header_at = at + 40;
        while next != transport.protocol() {
            match next {
                // RFC 2675: a jumbogram's option cannot stand in its segments.
                HOP_BY_HOP if payload_len == 0 => return Err(GsoError::UnsupportedHeaders),
                // On the way to an intermediate node the checksum is over another destination (RFC 8200 section 8.1).
                ROUTING if get_u8(frame, header_at + 3)? != 0 => return Err(GsoError::UnsupportedHeaders),
                HOP_BY_HOP | ROUTING | DESTINATION => {}
                _ => return Err(GsoError::Mismatch),
            }
            next = get_u8(frame, header_at)?;
            header_at += (usize::from(get_u8(frame, header_at + 1)?) + 1) * 8;
        }
        let end = if payload_len == 0 { frame.len() } else { at + 40 + payload_len };
        Ok((Network::V6, header_at, end))
    }

    /// The headers, and the payload without padding.
    pub(super) fn split<'a>(&self, frame: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), GsoError> {
        frame.get(..self.end).and_then(|packet| packet.split_at_checked(self.payload_at)).ok_or(GsoError::Truncated)
    }

    /// Bytes of the IP packet that carries `part_len` bytes of payload.
    pub(super) fn largest_packet(&self, part_len: usize) -> usize {
        self.payload_at - self.network_at + part_len
    }

    /// Whether segments have a checksum: UDP over IPv4 may go without (RFC 768).
    pub(super) fn has_checksum(&self, frame: &[u8]) -> bool {
        match (self.transport, self.network) {
            (Transport::Udp, Network::V4) => get_u16(frame, self.transport_at + 6) != Ok(0),
            _ => true,
        }
    }

    /// Whether the checksum is the sum of the pseudo-header alone, not complemented: what a sender leaves for hardware, which
    /// adds the rest.
    pub(super) fn is_unfilled(&self, frame: &[u8]) -> bool {
        let field = get_u16(frame, self.transport_at + self.transport.checksum_offset());
        field == Ok(fold(self.pseudo_header(frame, self.end - self.transport_at)))
    }

    /// Makes `head`, a copy of the super-frame's headers, those of the segment that carries `part`.
    pub(super) fn patch(&self, head: &mut [u8], part: &[u8], place: Place, checksum: bool) {
        let segment_len = head.len() - self.transport_at + part.len();
        match self.network {
            Network::V4 => self.patch_v4(head, segment_len, place),
            Network::V6 => {
                put_u16(head, self.network_at + 4, (self.transport_at - self.network_at - 40 + segment_len) as u16);
            }
        }
        match self.transport {
            Transport::Tcp => self.patch_tcp(head, place),
            Transport::Udp => put_u16(head, self.transport_at + 4, segment_len as u16),
        }
        let field = self.transport_at + self.transport.checksum_offset();
        put_u16(head, field, 0);
        if checksum {
            let transport_header = head.get(self.transport_at..).unwrap_or(&[]);
            let total = self.pseudo_header(head, segment_len) + sum(transport_header) + sum(part);
            let value = !fold(total);
            put_u16(head, field, if self.transport == Transport::Udp { nonzero(value) } else { value });
        }
    }

    /// Length, identification (each segment its own, RFC 6864 section 4), header checksum.
    fn patch_v4(&self, head: &mut [u8], segment_len: usize, place: Place) {
        let at = self.network_at;
        put_u16(head, at + 2, (self.transport_at - at + segment_len) as u16);
        let id = get_u16(head, at + 4).unwrap_or(0);
        put_u16(head, at + 4, id.wrapping_add(place.number as u16));
        put_u16(head, at + 10, 0);
        let checksum = !fold(sum(head.get(at..self.transport_at).unwrap_or(&[])));
        put_u16(head, at + 10, checksum);
    }

    /// Sequence number; FIN and PSH on the last segment only, CWR on the first only (RFC 3168 section 6.1.2).
    fn patch_tcp(&self, head: &mut [u8], place: Place) {
        let at = self.transport_at;
        if let Some([a, b, c, d]) = head.get_mut(at + 4..at + 8) {
            let sequence = u32::from_be_bytes([*a, *b, *c, *d]).wrapping_add(place.offset as u32);
            [*a, *b, *c, *d] = sequence.to_be_bytes();
        }
        if let Some(flags) = head.get_mut(at + 13) {
            if !place.last {
                *flags &= !(FIN | PSH);
            }
            if place.number > 0 {
                *flags &= !CWR;
            }
        }
    }

    /// Sum of the pseudo-header: RFC 9293 section 3.1, RFC 8200 section 8.1.
    fn pseudo_header(&self, head: &[u8], segment_len: usize) -> u64 {
        let addresses = match self.network {
            Network::V4 => self.network_at + 12..self.network_at + 20,
            Network::V6 => self.network_at + 8..self.network_at + 40,
        };
        sum(head.get(addresses).unwrap_or(&[])) + u64::from(self.transport.protocol()) + segment_len as u64
    }
}

fn get_u8(bytes: &[u8], at: usize) -> Result<u8, GsoError> {
    bytes.get(at).copied().ok_or(GsoError::Truncated)
}

fn get_u16(bytes: &[u8], at: usize) -> Result<u16, GsoError> {
    match bytes.get(at..at + 2) {
        Some([high, low]) => Ok(u16::from_be_bytes([*high, *low])),
        _ => Err(GsoError::Truncated),
    }
}
