//! Capture files: what pcap and pcapng have in common, and a reader that takes either.
//!
//! Lengths in files are bounded before anything is allocated. A file that was cut gives all its whole records, then an error.
use super::{pcap, pcapng};
use std::io::{self, Read};

/// BSD loopback: a 4-byte address family in the byte order of the host that captured.
pub const LINK_NULL: u16 = 0;
/// Ethernet.
pub const LINK_ETHERNET: u16 = 1;
/// IPv4 or IPv6 without a link header.
pub const LINK_RAW: u16 = 101;
/// OpenBSD loopback: as [`LINK_NULL`], but big-endian.
pub const LINK_LOOP: u16 = 108;
/// Linux "cooked" capture: 16 bytes before the packet.
pub const LINK_LINUX_SLL: u16 = 113;
/// IPv4 only, without a link header.
pub const LINK_IPV4: u16 = 228;
/// IPv6 only, without a link header.
pub const LINK_IPV6: u16 = 229;
/// Linux "cooked" capture, version 2: 20 bytes before the packet.
pub const LINK_LINUX_SLL2: u16 = 276;

/// Largest record that is read, in bytes: as in libpcap. More is taken for a broken file.
pub const MAX_RECORD: usize = 256 * 1024;

/// One packet of a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// One of `LINK_*`, or another number of the tcpdump group's list.
    pub link_type: u16,
    /// Nanoseconds since 1970-01-01 UTC; 0 where the file does not say.
    pub timestamp_ns: u64,
    /// Bytes that the packet had; at least `data.len()` in an honest file.
    pub original_len: u32,
    /// The bytes that were captured.
    pub data: &'a [u8],
}

/// Why a capture file cannot be read on.
#[derive(Debug)]
pub enum CaptureError {
    /// Reading or writing failed.
    Io(io::Error),
    /// Neither pcap nor pcapng; the first four bytes.
    UnknownFormat([u8; 4]),
    /// The file ends inside a record or header.
    Truncated {
        /// Length of the file, bytes.
        at: u64,
        /// Where the record that is cut begins, bytes from the start of the file.
        record: u64,
    },
    /// The file contradicts itself or its format.
    Malformed {
        /// Where the record concerned begins, bytes from the start of the file.
        record: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl std::fmt::Display for CaptureError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::UnknownFormat(magic) => {
                write!(f, "neither a pcap nor a pcapng file: it begins with the bytes {magic:02x?}")
            }
            Self::Truncated { at, record } => {
                write!(
                    f,
                    "the capture file is cut: it ends at byte {at}, inside the record that begins at byte {record}"
                )
            }
            Self::Malformed { record, reason } => {
                write!(f, "broken capture file: {reason}, in the record at byte {record}")
            }
        }
    }
}

impl std::error::Error for CaptureError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for CaptureError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads a capture file of either format. After an error it is at its end.
#[derive(Debug)]
pub enum Reader<R> {
    /// A classic file.
    Pcap(pcap::Reader<R>),
    /// A file of the next generation.
    PcapNg(pcapng::Reader<R>),
}

impl<R: Read> Reader<R> {
    /// Looks at the beginning of the file to find out its format. Reads in large pieces; no buffer is needed before it.
    ///
    /// # Errors
    /// [`CaptureError::UnknownFormat`], also for an empty file [`CaptureError::Truncated`], or what the file's header has.
    pub fn new(file: R) -> Result<Self, CaptureError> {
        let mut source = Source::new(file);
        source.begin();
        let mut magic = [0; 4];
        if !source.fill(&mut magic)? {
            return Err(source.truncated());
        }
        if magic == pcapng::SECTION_HEADER.to_ne_bytes() {
            Ok(Self::PcapNg(pcapng::Reader::after_magic(source)?))
        } else {
            Ok(Self::Pcap(pcap::Reader::after_magic(source, magic)?))
        }
    }

    /// Bytes from the start of the file to what will be read next.
    pub fn position(&self) -> u64 {
        match self {
            Self::Pcap(reader) => reader.position(),
            Self::PcapNg(reader) => reader.position(),
        }
    }

    /// The next record, `None` at the end of the file.
    ///
    /// # Errors
    /// [`CaptureError`]; all whole records before the fault were returned.
    #[expect(
        clippy::should_implement_trait,
        reason = "a record borrows the reader's buffer, an iterator's item cannot"
    )]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        match self {
            Self::Pcap(reader) => reader.next(),
            Self::PcapNg(reader) => reader.next(),
        }
    }
}

/// Byte order of a file's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    pub(super) fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    pub(super) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    /// The number `at` bytes into `bytes`, if they are that long.
    pub(super) fn u16_at(self, bytes: &[u8], at: usize) -> Option<u16> {
        bytes.get(at..)?.first_chunk().map(|field| self.u16(*field))
    }

    /// The number `at` bytes into `bytes`, if they are that long.
    pub(super) fn u32_at(self, bytes: &[u8], at: usize) -> Option<u32> {
        bytes.get(at..)?.first_chunk().map(|field| self.u32(*field))
    }
}

/// A file read from the front, with the places that errors speak of.
#[derive(Debug)]
pub(super) struct Source<R> {
    file: io::BufReader<R>,
    at: u64,
    record: u64,
    /// Set by an error: what follows it cannot be found.
    ended: bool,
}

impl<R: Read> Source<R> {
    fn new(file: R) -> Self {
        Self { file: io::BufReader::with_capacity(64 * 1024, file), at: 0, record: 0, ended: false }
    }

    /// A record begins here. `false` if an error was found before.
    pub(super) fn begin(&mut self) -> bool {
        self.record = self.at;
        !self.ended
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> u64 {
        self.at
    }

    /// Fills `bytes`; `false` at a clean end: there is not a single byte more and a record begins here.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> Result<bool, CaptureError> {
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read(rest) {
                Ok(0) if filled == 0 && self.at == self.record => return Ok(false),
                Ok(0) => return Err(self.truncated()),
                Ok(count) => {
                    filled += count;
                    self.at += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    return Err(error.into());
                }
            }
        }
        Ok(true)
    }

    /// Passes over bytes.
    pub(super) fn skip(&mut self, mut count: u64) -> Result<(), CaptureError> {
        let mut sink = [0; 4096];
        while count > 0 {
            let step = count.min(sink.len() as u64);
            if let Some(part) = sink.get_mut(..step as usize) {
                self.fill(part)?;
            }
            count -= step;
        }
        Ok(())
    }

    pub(super) fn truncated(&mut self) -> CaptureError {
        self.ended = true;
        CaptureError::Truncated { at: self.at, record: self.record }
    }

    pub(super) fn malformed(&mut self, reason: &'static str) -> CaptureError {
        self.ended = true;
        CaptureError::Malformed { record: self.record, reason }
    }
}

#[cfg(test)]
mod tests;
