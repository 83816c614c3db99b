//! Ports on capture files, in place of a network interface: for tests and for tracing.
use super::capture::{CaptureError, LINK_ETHERNET, Reader};
use super::pcap::{Resolution, Writer};
use crate::packet::Packet;
use crate::port::{FrameMeta, Receive, Rx, Sent, Transmit};
use crate::reason::Reason;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

/// Receives the frames of a capture file, as fast as the graph takes them.
pub struct FileRx {
    name: String,
    reader: Option<Reader<BufReader<File>>>,
    failure: Option<String>,
}

impl FileRx {
    /// Opens a pcap or pcapng file.
    ///
    /// # Errors
    /// The file cannot be opened or is no capture file; the text names it.
    pub fn open(path: &Path) -> Result<FileRx, String> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|e| format!("{name}: {e}"))?;
        let reader = Reader::new(BufReader::new(file)).map_err(|e| format!("{name}: {e}"))?;
        Ok(FileRx { name, reader: Some(reader), failure: None })
    }

    /// A port that no frame ever comes through.
    pub fn empty() -> FileRx {
        FileRx { name: String::new(), reader: None, failure: None }
    }
}

impl Receive for FileRx {
    fn receive(&mut self, rx: &mut Rx<'_>) {
        while rx.room() > 0
            && let Some(reader) = &mut self.reader
        {
            match reader.next() {
                Ok(Some(r)) if r.link_type == LINK_ETHERNET => {
                    let extra_length = r.original_len.saturating_sub(r.data.len() as u32);
                    rx.frame(&[r.data], FrameMeta { timestamp: r.timestamp_ns, extra_length, ..Default::default() });
                }
                Ok(Some(r)) => rx.lose(Reason::BadEthernet, r.data.len()),
                Ok(None) => self.reader = None,
                Err(e) => {
                    self.failure = Some(format!("{}: {e}", self.name));
                    self.reader = None;
                }
            }
        }
    }

    fn exhausted(&self) -> bool {
        self.reader.is_none()
    }

    fn failure(&mut self) -> Option<String> {
        self.failure.take()
    }
}

/// Writes the frames sent through it to a pcap file, or nowhere.
pub struct FileTx {
    name: String,
    file: Option<Writer<BufWriter<File>>>,
    failure: Option<String>,
}

impl FileTx {
    /// Creates the file, with nanosecond times.
    ///
    /// # Errors
    /// The file cannot be created; the text names it.
    pub fn create(path: &Path) -> Result<FileTx, String> {
        let name = path.display().to_string();
        let file = File::create(path).map_err(|e| format!("{name}: {e}"))?;
        let writer = Writer::new(BufWriter::new(file), LINK_ETHERNET, 262_144, Resolution::Nano);
        let file = Some(writer.map_err(|e| format!("{name}: {e}"))?);
        Ok(FileTx { name, file, failure: None })
    }

    /// A port that takes everything and keeps nothing.
    pub fn sink() -> FileTx {
        FileTx { name: String::new(), file: None, failure: None }
    }

    fn fail(&mut self, why: &CaptureError) {
        self.failure.get_or_insert_with(|| format!("{}: {why}", self.name));
    }
}

impl Transmit for FileTx {
    fn transmit(&mut self, packets: &[Packet]) -> Sent {
        let Some(file) = &mut self.file else { return Sent::Some(packets.len()) };
        for (i, p) in packets.iter().enumerate() {
            let len = p.len() as u32 + p.extra_length();
            if let Err(e) = file.write(p.timestamp(), len, p.data()) {
                self.fail(&e);
                return if i > 0 { Sent::Some(i) } else { Sent::Refused(Reason::WriteFailed) };
            }
        }
        Sent::Some(packets.len())
    }

    fn flush(&mut self) {
        if let Some(Err(e)) = self.file.as_mut().map(Writer::flush) {
            self.fail(&e);
        }
    }

    fn failure(&mut self) -> Option<String> {
        self.failure.take()
    }
}

impl Drop for FileTx {
    fn drop(&mut self) {
        self.flush();
    }
}
