//! Classic capture files (`pcap-savefile(5)`, draft-ietf-opsawg-pcap): both byte orders, micro- and nanoseconds.
use super::capture::{CaptureError, MAX_RECORD, Order, Record, Source};
use std::io::{Read, Write};

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;

/// Reads a classic file, made by [`super::capture::Reader`].
#[derive(Debug)]
pub struct Reader<R> {
    source: Source<R>,
    order: Order,
    /// Nanoseconds per unit of a record's fraction of a second.
    unit: u64,
    snap_len: u32,
    link_type: u16,
    data: Vec<u8>,
}

impl<R: Read> Reader<R> {
    pub(super) fn after_magic(mut source: Source<R>, magic: [u8; 4]) -> Result<Self, CaptureError> {
        let (order, unit) = match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
            (MICROSECONDS, _) => (Order::Little, 1000),
            (NANOSECONDS, _) => (Order::Little, 1),
            (_, MICROSECONDS) => (Order::Big, 1000),
            (_, NANOSECONDS) => (Order::Big, 1),
            _ => return Err(CaptureError::UnknownFormat(magic)),
        };
        let mut header = [0; 20];
        source.fill(&mut header)?;
        let [major_a, major_b, _, _, _, _, _, _, _, _, _, _, s0, s1, s2, s3, t0, t1, t2, t3] = header;
        if order.u16([major_a, major_b]) != 2 {
            return Err(source.malformed("a version other than 2"));
        }
        let snap_len = order.u32([s0, s1, s2, s3]);
        // The upper half tells of frame check sequences.
        let link_type = order.u32([t0, t1, t2, t3]) as u16;
        Ok(Self { source, order, unit, snap_len, link_type, data: Vec::new() })
    }

    /// One of `LINK_*`, or another number of the tcpdump group's list.
    pub fn link_type(&self) -> u16 {
        self.link_type
    }

    /// Most bytes of a packet that were captured, as the file says; 0 and very large numbers mean no limit.
    pub fn snap_len(&self) -> u32 {
        self.snap_len
    }

    /// Bytes from the start of the file to what will be read next.
    pub fn position(&self) -> u64 {
        self.source.position()
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
        let mut header = [0; 16];
        if !self.source.begin() || !self.source.fill(&mut header)? {
            return Ok(None);
        }
        let [s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, o0, o1, o2, o3] = header;
        let seconds = u64::from(self.order.u32([s0, s1, s2, s3]));
        let fraction = u64::from(self.order.u32([f0, f1, f2, f3]));
        let len = self.order.u32([c0, c1, c2, c3]) as usize;
        if len > MAX_RECORD {
            return Err(self.source.malformed("a packet of more than 262144 bytes"));
        }
        self.data.resize(len, 0);
        self.source.fill(&mut self.data)?;
        Ok(Some(Record {
            link_type: self.link_type,
            timestamp_ns: seconds * 1_000_000_000 + fraction * self.unit,
            original_len: self.order.u32([o0, o1, o2, o3]),
            data: &self.data,
        }))
    }
}

/// How finely a written file tells time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// As every reader knows it.
    Micro,
    /// Exact.
    Nano,
}

/// Writes a classic file, in the host's byte order.
#[derive(Debug)]
pub struct Writer<W> {
    file: W,
    resolution: Resolution,
    snap_len: u32,
}

impl<W: Write> Writer<W> {
    /// Begins a file of packets of one link type, each cut to `snap_len` bytes (1 to 262144; 0 means 262144).
    pub fn new(mut file: W, link_type: u16, snap_len: u32, resolution: Resolution) -> Result<Self, CaptureError> {
        let snap_len = match snap_len {
            1..=0x4_0000 => snap_len,
            _ => MAX_RECORD as u32,
        };
        let magic = match resolution {
            Resolution::Micro => MICROSECONDS,
            Resolution::Nano => NANOSECONDS,
        };
        let mut header = [0; 24];
        // Version 2.4; time zone and accuracy are 0 by rule.
        let fields = [magic, u32::from_ne_bytes(version()), 0, 0, snap_len, u32::from(link_type)];
        for (to, from) in header.chunks_exact_mut(4).zip(fields) {
            to.copy_from_slice(&from.to_ne_bytes());
        }
        file.write_all(&header)?;
        Ok(Self { file, resolution, snap_len })
    }

    /// Appends a packet, cut to the snap length. `original_len` is the length it had. Times from 2106 on wrap around.
    pub fn write(&mut self, timestamp_ns: u64, original_len: u32, data: &[u8]) -> Result<(), CaptureError> {
        let data = data.get(..self.snap_len as usize).unwrap_or(data);
        let fraction = timestamp_ns % 1_000_000_000;
        let fraction = match self.resolution {
            Resolution::Micro => fraction / 1000,
            Resolution::Nano => fraction,
        };
        let fields = [(timestamp_ns / 1_000_000_000) as u32, fraction as u32, data.len() as u32, original_len];
        let mut header = [0; 16];
        for (to, from) in header.chunks_exact_mut(4).zip(fields) {
            to.copy_from_slice(&from.to_ne_bytes());
        }
        self.file.write_all(&header)?;
        Ok(self.file.write_all(data)?)
    }

    /// Passes everything on that the file below holds back.
    pub fn flush(&mut self) -> Result<(), CaptureError> {
        Ok(self.file.flush()?)
    }

    /// The file below.
    pub fn into_inner(self) -> W {
        self.file
    }
}

/// Version 2.4: two 16-bit numbers.
fn version() -> [u8; 4] {
    let ([a, b], [c, d]) = (2_u16.to_ne_bytes(), 4_u16.to_ne_bytes());
    [a, b, c, d]
}
