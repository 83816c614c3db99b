//! TCP header (RFC 9293 section 3.1; options RFC 7323, RFC 2018; ECN flags RFC 3168).
//!
//! ```text
//! | source port 2 | destination port 2 | sequence number 4 | acknowledgement number 4 |
//! | data offset 4 bits (words), reserved 4, flags 8 | window 2 | checksum 2 | urgent pointer 2 | options 0 to 40 |
//! ```
//! The checksum covers a pseudo-header: see [`super::checksum::verify_transport`].

use super::options::{Options, RawOption};
use super::{Malformed, checksum, view, view_full, view_full_mut};
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of the header without options, bytes.
pub const LEN: usize = 20;
/// Longest header, bytes.
pub const MAX_LEN: usize = 60;
/// No more data from the sender.
pub const FIN: u8 = 0x01;
/// Synchronize sequence numbers.
pub const SYN: u8 = 0x02;
/// Reset the connection.
pub const RST: u8 = 0x04;
/// Push.
pub const PSH: u8 = 0x08;
/// The acknowledgement number is valid.
pub const ACK: u8 = 0x10;
/// The urgent pointer is valid.
pub const URG: u8 = 0x20;
/// ECN echo.
pub const ECE: u8 = 0x40;
/// Congestion window reduced.
pub const CWR: u8 = 0x80;
/// Option: maximum segment size.
pub const OPTION_MSS: u8 = 2;
/// Option: window scale.
pub const OPTION_WINDOW_SCALE: u8 = 3;
/// Option: selective acknowledgements permitted.
pub const OPTION_SACK_PERMITTED: u8 = 4;
/// Option: selective acknowledgement.
pub const OPTION_SACK: u8 = 5;
/// Option: time stamps.
pub const OPTION_TIMESTAMPS: u8 = 8;

/// A TCP header in place, without its options.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub struct Tcp {
    src_port: U16,
    dst_port: U16,
    seq: U32,
    ack: U32,
    offset: u8,
    flags: u8,
    window: U16,
    checksum: U16,
    urgent: U16,
}

impl Tcp {
    /// A header without options: all numbers, flags and the checksum 0.
    #[inline]
    pub fn new(src_port: u16, dst_port: u16) -> Self {
        Self {
            src_port: src_port.into(),
            dst_port: dst_port.into(),
            seq: 0.into(),
            ack: 0.into(),
            offset: 0x50,
            flags: 0,
            window: 0.into(),
            checksum: 0.into(),
            urgent: 0.into(),
        }
    }

    /// The header at the start of `bytes`, and its payload. The checksum is not looked at.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] if `bytes` end before the header does; [`Malformed::BadLength`] for a data offset below 5.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        let (tcp, _, payload) = Self::parse_full(bytes)?;
        Ok((tcp, payload))
    }

    /// As [`Tcp::parse`], writable.
    ///
    /// # Errors
    /// As [`Tcp::parse`].
    #[inline]
    pub fn parse_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        let (tcp, _, payload) = Self::parse_full_mut(bytes)?;
        Ok((tcp, payload))
    }

    /// Header, options ([`options`]) and payload.
    ///
    /// # Errors
    /// As [`Tcp::parse`].
    #[inline]
    pub fn parse_full(bytes: &[u8]) -> Result<(&Self, &[u8], &[u8]), Malformed> {
        let header = Self::check(bytes)?;
        view_full(bytes, header, bytes.len())
    }

    /// Header, options and payload, writable.
    ///
    /// # Errors
    /// As [`Tcp::parse`].
    #[inline]
    pub fn parse_full_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8], &mut [u8]), Malformed> {
        let header = Self::check(bytes)?;
        let end = bytes.len();
        view_full_mut(bytes, header, end)
    }

    /// Length of the header, bytes.
    #[inline]
    fn check(bytes: &[u8]) -> Result<usize, Malformed> {
        let header = view::<Self>(bytes)?.0.header_len();
        if header < LEN { Err(Malformed::BadLength) } else { Ok(header) }
    }

    /// Source port.
    #[inline]
    pub fn src_port(&self) -> u16 {
        self.src_port.get()
    }

    /// Destination port.
    #[inline]
    pub fn dst_port(&self) -> u16 {
        self.dst_port.get()
    }

    /// Sequence number.
    #[inline]
    pub fn seq(&self) -> u32 {
        self.seq.get()
    }

    /// Acknowledgement number; valid with [`ACK`].
    #[inline]
    pub fn ack(&self) -> u32 {
        self.ack.get()
    }

    /// Length of the header with options, bytes, 20 to 60.
    #[inline]
    pub fn header_len(&self) -> usize {
        usize::from(self.offset >> 4) * 4
    }

    /// The four reserved bits, behind the data offset.
    #[inline]
    pub fn reserved(&self) -> u8 {
        self.offset & 0xf
    }

    /// The flags, [`FIN`] to [`CWR`].
    #[inline]
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// Window, bytes before scaling.
    #[inline]
    pub fn window(&self) -> u16 {
        self.window.get()
    }

    /// Checksum as received.
    #[inline]
    pub fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// Urgent pointer, bytes from the sequence number; valid with [`URG`].
    #[inline]
    pub fn urgent(&self) -> u16 {
        self.urgent.get()
    }

    /// Sets the source port.
    #[inline]
    pub fn set_src_port(&mut self, port: u16) {
        self.src_port.set(port);
    }

    /// Sets the destination port.
    #[inline]
    pub fn set_dst_port(&mut self, port: u16) {
        self.dst_port.set(port);
    }

    /// Sets the sequence number.
    #[inline]
    pub fn set_seq(&mut self, seq: u32) {
        self.seq.set(seq);
    }

    /// Sets the acknowledgement number.
    #[inline]
    pub fn set_ack(&mut self, ack: u32) {
        self.ack.set(ack);
    }

    /// Sets the header's length, bytes: a multiple of 4 from 20 to 60 (other values are rounded down and cut to 4 bits).
    #[inline]
    pub fn set_header_len(&mut self, len: usize) {
        self.offset = ((len / 4) << 4) as u8 | self.reserved();
    }

    /// Sets the flags.
    #[inline]
    pub fn set_flags(&mut self, flags: u8) {
        self.flags = flags;
    }

    /// Sets the window, bytes before scaling.
    #[inline]
    pub fn set_window(&mut self, window: u16) {
        self.window.set(window);
    }

    /// Sets the checksum.
    #[inline]
    pub fn set_checksum(&mut self, checksum: u16) {
        self.checksum.set(checksum);
    }

    /// Sets the urgent pointer.
    #[inline]
    pub fn set_urgent(&mut self, urgent: u16) {
        self.urgent.set(urgent);
    }

    /// Updates the checksum after a 32-bit field under it (an IPv4 address, both ports) changed.
    #[inline]
    pub fn update_checksum(&mut self, old: u32, new: u32) {
        self.set_checksum(checksum::update_u32(self.checksum(), old, new));
    }
}

/// A TCP option, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpOption<'a> {
    /// One byte of padding.
    Nop,
    /// Maximum segment size, bytes.
    Mss(u16),
    /// Window scale: shift count (values above 14 mean 14, RFC 7323 section 2.3).
    WindowScale(u8),
    /// Selective acknowledgements permitted.
    SackPermitted,
    /// Blocks of selectively acknowledged bytes, 8 bytes each: left edge, right edge.
    Sack(&'a [[u8; 8]]),
    /// Time stamp value and echo reply.
    Timestamps(u32, u32),
    /// Another option, or a known one of a length that it must not have.
    Other(RawOption<'a>),
}

impl<'a> From<RawOption<'a>> for TcpOption<'a> {
    fn from(raw: RawOption<'a>) -> Self {
        match (raw.kind, raw.data) {
            (super::options::NOP, _) => Self::Nop,
            (OPTION_MSS, &[a, b]) => Self::Mss(u16::from_be_bytes([a, b])),
            (OPTION_WINDOW_SCALE, &[shift]) => Self::WindowScale(shift),
            (OPTION_SACK_PERMITTED, []) => Self::SackPermitted,
            (OPTION_SACK, data) if !data.is_empty() && data.len().is_multiple_of(8) => Self::Sack(data.as_chunks().0),
            (OPTION_TIMESTAMPS, &[a, b, c, d, e, f, g, h]) => {
                Self::Timestamps(u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
            }
            _ => Self::Other(raw),
        }
    }
}

/// The options in the variable part that [`Tcp::parse_full`] returns; turn each into a [`TcpOption`].
#[inline]
pub fn options(variable: &[u8]) -> Options<'_> {
    Options::new(variable)
}

#[cfg(test)]
mod tests;
