//! A capture file that packets are read from: where it is, and what was read before it was wanted.
use super::files;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use sluice_dataplane::files::Files;
use sluice_dataplane::io::capture::{CaptureError, Reader, Record};
use std::io::{Read, Seek, SeekFrom};

/// Bytes of the header of a classic capture file.
const HEADER: u64 = 24;

type Source = Box<dyn Read + Send>;

/// A capture file, as far as it was read.
#[derive(Default)]
pub struct CaptureFile {
    /// Opened, but nothing of it is read yet: pipes are read when packets are wanted.
    source: Option<Source>,
    reader: Option<Reader<Source>>,
    /// A record that was read before it was wanted, where it begins, and how that went.
    pub ahead: Option<(u64, Result<Owned, String>)>,
    /// Length, bytes; unknown for pipes.
    pub size: Option<u64>,
    /// What to add to the reader's position; without a reader the position itself.
    base: u64,
    /// Where the current record begins, bytes from the start of the file.
    pub record: u64,
    /// Of the packet that was read last, or of the whole file.
    pub link_type: Option<u16>,
    /// The end was reached, and what happens then was done.
    pub ended: bool,
}

/// A record that is kept for later.
pub struct Owned {
    link_type: u16,
    timestamp_ns: u64,
    original_len: u32,
    data: Vec<u8>,
}

impl Owned {
    /// Copies a record.
    pub fn of(r: &Record<'_>) -> Owned {
        Owned {
            link_type: r.link_type,
            timestamp_ns: r.timestamp_ns,
            original_len: r.original_len,
            data: r.data.to_vec(),
        }
    }
    fn record(&self) -> Record<'_> {
        Record {
            link_type: self.link_type,
            timestamp_ns: self.timestamp_ns,
            original_len: self.original_len,
            data: &self.data,
        }
    }
}

fn text(e: &CaptureError) -> String {
    match e {
        CaptureError::Io(e) => files::reason(e),
        other => format!("{other}"),
    }
}

impl CaptureFile {
    /// A file that will be read from a place, bytes from its start.
    pub fn starting_at(record: u64) -> CaptureFile {
        CaptureFile { record, ..CaptureFile::default() }
    }

    /// Opens a file, at a place in the middle of it if `at` is not 0.
    ///
    /// # Errors
    /// It cannot be opened, or is no capture file.
    pub fn open(&mut self, files: &Files, name: &str, at: u64) -> Result<(), String> {
        if name == "-" {
            self.source = Some(Box::new(std::io::stdin()));
            return Ok(());
        }
        let fail = |e: std::io::Error| format!("{name}: {}", super::files::reason(&e));
        let mut file = super::files::open(files, name)?;
        let about = file.metadata().map_err(fail)?;
        if !about.is_file() {
            self.source = Some(Box::new(file));
            return Ok(());
        }
        self.size = Some(about.len());
        if about.len() == 0 {
            return Err(format!("{name}: empty file"));
        }
        let source: Source = if at == 0 {
            Box::new(file)
        } else {
            let mut head = Vec::new();
            (&mut file).take(HEADER).read_to_end(&mut head).map_err(fail)?;
            file.seek(SeekFrom::Start(at)).map_err(fail)?;
            self.base = at.wrapping_sub(HEADER);
            Box::new(std::io::Cursor::new(head).chain(file))
        };
        self.source = Some(source);
        self.begin().map_err(|e| format!("{name}: {e}"))?;
        match &mut self.reader {
            Some(Reader::PcapNg(_)) if at != 0 => return Err(format!("{name}: FILEPOS needs a classic capture file")),
            // The link type of such a file comes with its packets.
            Some(Reader::PcapNg(r)) => {
                let at = r.position();
                let first = r.next().map(|r| r.map(|r| Owned::of(&r)));
                let first = first.map_err(|e| text(&e)).transpose();
                self.link_type = first.as_ref().and_then(|a| a.as_ref().ok()).map(|r| r.link_type);
                self.ahead = first.map(|r| (at, r));
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads the header.
    fn begin(&mut self) -> Result<(), String> {
        if let Some(source) = self.source.take() {
            let reader = Reader::new(source).map_err(|e| text(&e))?;
            if let Reader::Pcap(r) = &reader {
                self.link_type = Some(r.link_type());
            }
            self.reader = Some(reader);
        }
        Ok(())
    }

    /// Bytes from the start of the file to what will be read next.
    pub fn position(&self) -> u64 {
        self.reader.as_ref().map_or(self.base, |r| r.position().wrapping_add(self.base))
    }

    /// Hands the next record to `take`; `None` at the end.
    ///
    /// # Errors
    /// The file is damaged, and at its end; all whole records before that were handed over.
    pub fn next<T>(&mut self, take: impl FnOnce(&Record<'_>) -> T) -> Result<Option<T>, String> {
        self.begin()?;
        let ahead = self.ahead.take();
        self.record = ahead.as_ref().map_or(self.position(), |a| a.0);
        let result = match ahead {
            Some((_, Ok(r))) => return Ok(Some(take(&r.record()))),
            Some((_, Err(e))) => Err(e),
            None => match self.reader.as_mut().map(Reader::next) {
                Some(Ok(Some(r))) => {
                    self.link_type = Some(r.link_type);
                    return Ok(Some(take(&r)));
                }
                Some(Err(e)) => Err(text(&e)),
                Some(Ok(None)) | None => Ok(None),
            },
        };
        (self.base, self.reader) = (self.position(), None);
        result
    }
}
