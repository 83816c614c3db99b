//! Capture files of the next generation (draft-ietf-opsawg-pcapng): several interfaces and sections, nanoseconds, comments.
use super::capture::{CaptureError, MAX_RECORD, Order, Record, Source};
use std::io::{Read, Write};

pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const OPTION_COMMENT: u16 = 1;
const OPTION_FLAGS: u16 = 2;
const OPTION_DROP_COUNT: u16 = 4;
const OPTION_APPLICATION: u16 = 4;
const OPTION_NAME: u16 = 2;
const OPTION_RESOLUTION: u16 = 9;
const OPTION_OFFSET: u16 = 14;

/// Largest block that is looked into: a packet and its options.
const MAX_BLOCK: usize = MAX_RECORD + 128 * 1024;

/// What an interface description says, as far as records need it.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: u16,
    snap_len: u32,
    /// Units of a time stamp per second; `None` where a unit is far below a nanosecond.
    units: Option<u128>,
    /// Seconds to add to each time stamp.
    offset: i64,
}

impl Interface {
    fn nanoseconds(&self, high: u32, low: u32) -> u64 {
        let stamp = u128::from(u64::from(high) << 32 | u64::from(low));
        let ns = self.units.map_or(0, |units| stamp * 1_000_000_000 / units);
        let ns = i128::try_from(ns).unwrap_or(i128::MAX).saturating_add(i128::from(self.offset) * 1_000_000_000);
        u64::try_from(ns.max(0)).unwrap_or(u64::MAX)
    }
}

/// Reads a file of the next generation, made by [`super::capture::Reader`].
#[derive(Debug)]
pub struct Reader<R> {
    source: Source<R>,
    order: Order,
    /// Those of the current section, by their number.
    interfaces: Vec<Interface>,
    body: Vec<u8>,
}

impl<R: Read> Reader<R> {
    /// Goes on behind the type of the first section header.
    pub(super) fn after_magic(source: Source<R>) -> Result<Self, CaptureError> {
        let mut reader = Self { source, order: Order::Little, interfaces: Vec::new(), body: Vec::new() };
        let mut len = [0; 4];
        reader.source.fill(&mut len)?;
        reader.section(len)?;
        Ok(reader)
    }

    /// Bytes from the start of the file to what will be read next.
    pub fn position(&self) -> u64 {
        self.source.position()
    }

    /// The next record, `None` at the end of the file. Blocks that hold no packet are passed over.
    ///
    /// # Errors
    /// [`CaptureError`]; all whole records before the fault were returned.
    #[expect(
        clippy::should_implement_trait,
        reason = "a record borrows the reader's buffer, an iterator's item cannot"
    )]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        loop {
            let mut head = [0; 8];
            if !self.source.begin() || !self.source.fill(&mut head)? {
                return Ok(None);
            }
            let [t0, t1, t2, t3, l0, l1, l2, l3] = head;
            let len = [l0, l1, l2, l3];
            let packet = match self.order.u32([t0, t1, t2, t3]) {
                // The same in both byte orders: a new section may have the other one.
                SECTION_HEADER => {
                    self.section(len)?;
                    continue;
                }
                INTERFACE => {
                    self.body(len)?;
                    let interface = self.interface()?;
                    self.interfaces.push(interface);
                    continue;
                }
                kind @ (ENHANCED_PACKET | OBSOLETE_PACKET | SIMPLE_PACKET) => {
                    self.body(len)?;
                    match kind {
                        ENHANCED_PACKET => self.packet(true),
                        OBSOLETE_PACKET => self.packet(false),
                        _ => self.simple_packet(),
                    }
                }
                _ => {
                    let total = self.order.u32(len);
                    self.check_len(total)?;
                    self.source.skip(u64::from(total) - 12)?;
                    self.end(total)?;
                    continue;
                }
            };
            let (interface, high, low, original_len, range) = match packet {
                Ok(found) => found,
                Err(reason) => return Err(self.source.malformed(reason)),
            };
            let Some(data) = self.body.get(range) else {
                return Err(self.source.malformed("a packet beyond its block"));
            };
            let timestamp_ns = interface.nanoseconds(high, low);
            return Ok(Some(Record { link_type: interface.link_type, timestamp_ns, original_len, data }));
        }
    }

    /// The rest of a section header, behind its type and length.
    fn section(&mut self, len: [u8; 4]) -> Result<(), CaptureError> {
        let mut fixed = [0; 16];
        self.source.fill(&mut fixed)?;
        let [m0, m1, m2, m3, v0, v1, ..] = fixed;
        self.order = match [m0, m1, m2, m3] {
            magic if u32::from_le_bytes(magic) == BYTE_ORDER_MAGIC => Order::Little,
            magic if u32::from_be_bytes(magic) == BYTE_ORDER_MAGIC => Order::Big,
            _ => return Err(self.source.malformed("a section without byte-order magic")),
        };
        if self.order.u16([v0, v1]) != 1 {
            return Err(self.source.malformed("a version other than 1"));
        }
        let total = self.order.u32(len);
        if total < 28 || !total.is_multiple_of(4) {
            return Err(self.source.malformed("an impossible block length"));
        }
        self.interfaces.clear();
        self.source.skip(u64::from(total) - 28)?;
        self.end(total)
    }

    fn check_len(&mut self, total: u32) -> Result<(), CaptureError> {
        if total < 12 || !total.is_multiple_of(4) {
            return Err(self.source.malformed("an impossible block length"));
        }
        Ok(())
    }

    /// Reads what a block has between its lengths.
    fn body(&mut self, len: [u8; 4]) -> Result<(), CaptureError> {
        let total = self.order.u32(len);
        self.check_len(total)?;
        let len = total as usize - 12;
        if len > MAX_BLOCK {
            return Err(self.source.malformed("a block of more than 393216 bytes"));
        }
        self.body.resize(len, 0);
        self.source.fill(&mut self.body)?;
        self.end(total)
    }

    /// The length that ends a block must be the one that began it.
    fn end(&mut self, total: u32) -> Result<(), CaptureError> {
        let mut again = [0; 4];
        self.source.fill(&mut again)?;
        if self.order.u32(again) != total {
            return Err(self.source.malformed("two different lengths of one block"));
        }
        Ok(())
    }

    fn interface(&mut self) -> Result<Interface, CaptureError> {
        let (Some(link_type), Some(snap_len)) = (self.order.u16_at(&self.body, 0), self.order.u32_at(&self.body, 4))
        else {
            return Err(self.source.malformed("an interface description that is too short"));
        };
        let mut interface = Interface { link_type, snap_len, units: Some(1_000_000), offset: 0 };
        let mut options = self.body.get(8..).unwrap_or(&[]);
        while let (Some(code), Some(len)) = (self.order.u16_at(options, 0), self.order.u16_at(options, 2)) {
            let len = usize::from(len);
            let Some(value) = options.get(4..4 + len) else { break };
            match (code, value) {
                (0, _) => break,
                (OPTION_RESOLUTION, [power, ..]) if power & 0x80 != 0 => {
                    interface.units = 2_u128.checked_pow(u32::from(power & 0x7f));
                }
                (OPTION_RESOLUTION, [power, ..]) => interface.units = 10_u128.checked_pow(u32::from(*power)),
                (OPTION_OFFSET, _) => {
                    if let Some(bytes) = value.first_chunk() {
                        interface.offset = match self.order {
                            Order::Little => i64::from_le_bytes(*bytes),
                            Order::Big => i64::from_be_bytes(*bytes),
                        };
                    }
                }
                _ => {}
            }
            options = options.get(4 + len.next_multiple_of(4)..).unwrap_or(&[]);
        }
        Ok(interface)
    }

    /// Interface, time stamp, original length and place of the data of a packet block, enhanced or obsolete.
    fn packet(&self, enhanced: bool) -> Result<Found, &'static str> {
        let number = |at| self.order.u32_at(&self.body, at).ok_or("a packet block that is too short");
        // The obsolete block has a drop count in the upper half.
        let id = match self.order.u16_at(&self.body, 0) {
            Some(id) if !enhanced => u32::from(id),
            _ => number(0)?,
        };
        let interface = self.interfaces.get(id as usize).ok_or("a packet of an interface that is not described")?;
        let (high, low, len, original_len) = (number(4)?, number(8)?, number(12)? as usize, number(16)?);
        if len > MAX_RECORD {
            return Err("a packet of more than 262144 bytes");
        }
        Ok((*interface, high, low, original_len, 20..20 + len))
    }

    /// The same for a simple packet: no time, and cut to what the first interface says.
    fn simple_packet(&self) -> Result<Found, &'static str> {
        let interface = self.interfaces.first().ok_or("a packet of an interface that is not described")?;
        let original_len = self.order.u32_at(&self.body, 0).ok_or("a packet block that is too short")?;
        let limit = if interface.snap_len == 0 { u32::MAX } else { interface.snap_len };
        let len = original_len.min(limit) as usize;
        if len > MAX_RECORD {
            return Err("a packet of more than 262144 bytes");
        }
        Ok((Interface { offset: 0, ..*interface }, 0, 0, original_len, 4..4 + len))
    }
}

type Found = (Interface, u32, u32, u32, std::ops::Range<usize>);

/// What is told of a packet beside its bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct PacketInfo<'a> {
    /// Number of its interface, from [`Writer::add_interface`].
    pub interface: u32,
    /// Nanoseconds since 1970-01-01 UTC.
    pub timestamp_ns: u64,
    /// Bytes that it had.
    pub original_len: u32,
    /// Text for the reader of the file; cut to 65,535 bytes.
    pub comment: Option<&'a str>,
    /// Direction and more: draft-ietf-opsawg-pcapng, `epb_flags`.
    pub flags: Option<u32>,
    /// Packets lost since the last one of this interface.
    pub drop_count: Option<u64>,
}

/// Writes a file of one section, in the host's byte order, with nanoseconds. Each block is written in one piece.
#[derive(Debug)]
pub struct Writer<W> {
    file: W,
    block: Vec<u8>,
    snap_lens: Vec<u32>,
}

impl<W: Write> Writer<W> {
    /// Begins a file.
    pub fn new(file: W) -> Result<Self, CaptureError> {
        let mut writer = Self { file, block: Vec::new(), snap_lens: Vec::new() };
        writer.begin(SECTION_HEADER);
        writer.put(&BYTE_ORDER_MAGIC.to_ne_bytes());
        writer.put(&1_u16.to_ne_bytes());
        writer.put(&0_u16.to_ne_bytes());
        // The section's length is not known while packets come.
        writer.put(&u64::MAX.to_ne_bytes());
        writer.option(OPTION_APPLICATION, b"sluice");
        writer.end_options();
        writer.finish()?;
        Ok(writer)
    }

    /// Describes an interface of which packets are cut to `snap_len` bytes (0: not cut), and returns its number.
    pub fn add_interface(&mut self, name: &str, link_type: u16, snap_len: u32) -> Result<u32, CaptureError> {
        self.begin(INTERFACE);
        self.put(&link_type.to_ne_bytes());
        self.put(&[0; 2]);
        self.put(&snap_len.to_ne_bytes());
        self.option(OPTION_NAME, name.as_bytes());
        self.option(OPTION_RESOLUTION, &[9]);
        self.end_options();
        self.finish()?;
        let number = self.snap_lens.len() as u32;
        self.snap_lens.push(if snap_len == 0 { MAX_RECORD as u32 } else { snap_len.min(MAX_RECORD as u32) });
        Ok(number)
    }

    /// Appends a packet.
    ///
    /// # Errors
    /// [`CaptureError::Malformed`] for an interface that was not added; what writing has.
    pub fn write(&mut self, info: &PacketInfo<'_>, data: &[u8]) -> Result<(), CaptureError> {
        let Some(limit) = self.snap_lens.get(info.interface as usize) else {
            return Err(CaptureError::Malformed { record: 0, reason: "a packet of an interface that was not added" });
        };
        let data = data.get(..*limit as usize).unwrap_or(data);
        self.begin(ENHANCED_PACKET);
        let (high, low) = ((info.timestamp_ns >> 32) as u32, info.timestamp_ns as u32);
        for number in [info.interface, high, low, data.len() as u32, info.original_len] {
            self.put(&number.to_ne_bytes());
        }
        self.put(data);
        self.pad();
        if let Some(comment) = info.comment {
            self.option(OPTION_COMMENT, comment.as_bytes());
        }
        if let Some(flags) = info.flags {
            self.option(OPTION_FLAGS, &flags.to_ne_bytes());
        }
        if let Some(count) = info.drop_count {
            self.option(OPTION_DROP_COUNT, &count.to_ne_bytes());
        }
        if info.comment.is_some() || info.flags.is_some() || info.drop_count.is_some() {
            self.end_options();
        }
        self.finish()
    }

    /// Passes everything on that the file below holds back.
    pub fn flush(&mut self) -> Result<(), CaptureError> {
        Ok(self.file.flush()?)
    }

    /// The file below, to take from it what was written.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.file
    }

    /// The file below.
    pub fn into_inner(self) -> W {
        self.file
    }

    fn begin(&mut self, kind: u32) {
        self.block.clear();
        self.put(&kind.to_ne_bytes());
        self.put(&[0; 4]);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.block.extend_from_slice(bytes);
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    /// Appends an option; text that is too long for one is cut before the character that does not fit.
    fn option(&mut self, code: u16, value: &[u8]) {
        let mut len = value.len().min(usize::from(u16::MAX));
        while value.get(len).is_some_and(|byte| byte & 0xc0 == 0x80) {
            len -= 1;
        }
        self.put(&code.to_ne_bytes());
        self.put(&(len as u16).to_ne_bytes());
        self.put(value.get(..len).unwrap_or(value));
        self.pad();
    }

    fn end_options(&mut self) {
        self.put(&[0; 4]);
    }

    fn finish(&mut self) -> Result<(), CaptureError> {
        let total = (self.block.len() as u32 + 4).to_ne_bytes();
        self.put(&total);
        if let Some(field) = self.block.get_mut(4..8) {
            field.copy_from_slice(&total);
        }
        Ok(self.file.write_all(&self.block)?)
    }
}
