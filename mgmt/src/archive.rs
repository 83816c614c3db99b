//! Archives of small files: a gzip tar with a manifest of checksums, always in the same order, never on a disk.
//!
//! Formats: RFC 1952 (gzip), POSIX.1-1988 ustar. Reading trusts nothing: sizes are bounded before anything is kept, the
//! names are only compared, and whatever is not a plain file is an error.
use crate::clock;
use crate::encoding::sha256;
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::ops::Range;

/// Most bytes in an archive, unpacked, with the headers of its files.
pub const LARGEST: usize = 32 << 20;
/// Most files in an archive.
pub const MOST_FILES: usize = 4096;
/// The file that names all others; the last one, so that the others need not be kept in memory.
pub const MANIFEST: &str = "manifest.json";

/// Room for the manifest and the end of the archive.
const RESERVED: usize = 1 << 20;
/// Tar comes in blocks of this.
const BLOCK: usize = 512;

/// A file in a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its name, with `/` between the parts.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// It was longer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// An archive that is being made.
pub struct Writer {
    out: tar::Builder<GzEncoder<Vec<u8>>>,
    size: usize,
    /// What is in it so far.
    pub files: Vec<File>,
}

impl Default for Writer {
    fn default() -> Self {
        let gzip = GzEncoder::new(Vec::new(), Compression::default()); // no time, no name: the same bytes every time
        Writer { out: tar::Builder::new(gzip), size: 0, files: Vec::new() }
    }
}

impl Writer {
    /// Bytes that a file may still have.
    pub fn room(&self) -> usize {
        if self.files.len() + 1 >= MOST_FILES {
            return 0;
        }
        (LARGEST - RESERVED).saturating_sub(self.size + 4 * BLOCK)
    }

    /// Adds a file.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn add(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        if content.len() > self.room() {
            return Err(io::Error::new(io::ErrorKind::StorageFull, format!("there is no room for {name}")));
        }
        self.put(name, content)?;
        self.files.push(File { name: name.into(), bytes: content.len() as u64, sha256: sha256(content), cut: false });
        Ok(())
    }

    fn put(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(0);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_path(name)?;
        header.set_cksum();
        self.size += BLOCK + content.len().next_multiple_of(BLOCK);
        self.out.append(&header, content)
    }

    /// Ends the archive with this manifest.
    ///
    /// # Errors
    /// The manifest is too long.
    pub fn finish(mut self, manifest: &impl Serialize) -> io::Result<Vec<u8>> {
        let manifest = pretty(manifest)?;
        if manifest.len() > RESERVED - 8 * BLOCK {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the manifest is too long"));
        }
        self.put(MANIFEST, &manifest)?;
        self.out.into_inner()?.finish()
    }
}

/// Why an archive is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It is more than is ever made.
    #[error("it has more than {LARGEST} bytes or {MOST_FILES} files")]
    TooLarge,
    /// It is no such archive, or not all of it.
    #[error("{0}")]
    Broken(String),
}

fn broken(what: impl std::fmt::Display) -> Damage {
    Damage::Broken(what.to_string())
}

/// An archive that was unpacked.
#[derive(Debug)]
pub struct Reader {
    tar: Vec<u8>,
    files: BTreeMap<String, Range<usize>>,
}

impl Reader {
    /// Unpacks an archive in memory. At most [`LARGEST`] bytes of it are ever there, whatever it claims.
    ///
    /// # Errors
    /// [`Damage`]
    pub fn new(archive: &[u8]) -> Result<Reader, Damage> {
        let mut tar = Vec::new();
        let mut gzip = GzDecoder::new(archive).take(LARGEST as u64 + 1);
        gzip.read_to_end(&mut tar).map_err(|e| broken(format!("gzip: {e}")))?;
        if tar.len() > LARGEST {
            return Err(Damage::TooLarge);
        }
        if !gzip.into_inner().into_inner().is_empty() {
            return Err(broken("gzip: something follows the archive"));
        }
        let files = index(&tar)?;
        Ok(Reader { tar, files })
    }

    /// A file.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).and_then(|at| self.tar.get(at.clone()))
    }

    /// Whether these files, and the manifest, are all there is, and each is what the manifest says.
    ///
    /// # Errors
    /// [`Damage::Broken`]
    pub fn verify(&self, files: &[File]) -> Result<(), Damage> {
        for file in files {
            let content = self.get(&file.name).ok_or_else(|| broken(format!("‘{}’ is missing", file.name)))?;
            if content.len() as u64 != file.bytes || sha256(content) != file.sha256 {
                return Err(broken(format!("‘{}’ is not what the manifest says", file.name)));
            }
        }
        if self.files.len() != files.len() + 1 {
            return Err(broken("there are files that the manifest does not name, or names twice"));
        }
        Ok(())
    }
}

/// Where each file of a tar lies in it.
fn index(tar: &[u8]) -> Result<BTreeMap<String, Range<usize>>, Damage> {
    let mut files = BTreeMap::new();
    let mut archive = tar::Archive::new(tar);
    for entry in archive.entries().map_err(broken)?.raw(true) {
        let entry = entry.map_err(|e| broken(format!("tar: {e}")))?;
        let name = String::from_utf8(entry.path_bytes().into_owned()).map_err(|_| broken("a name is not UTF-8"))?;
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(broken(format!("‘{name}’ is no plain file")));
        }
        let from = usize::try_from(entry.raw_file_position()).map_err(broken)?;
        let to = usize::try_from(entry.size()).ok().and_then(|size| from.checked_add(size));
        let Some(to) = to.filter(|to| *to <= tar.len()) else {
            return Err(broken(format!("‘{name}’ is cut off")));
        };
        if files.insert(name.clone(), from..to).is_some() {
            return Err(broken(format!("‘{name}’ is there twice")));
        }
        if files.len() > MOST_FILES {
            return Err(Damage::TooLarge);
        }
    }
    Ok(files)
}

/// JSON for people.
///
/// # Errors
/// It cannot be written as JSON.
pub fn pretty(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

/// A part of a file's name: all that is not a letter, a digit, `.`, `_` or `-` is written as `%` and two digits, and so is
/// a dot at the beginning.
pub fn part(name: &str) -> String {
    let plain = |n: usize, b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-' || (b == b'.' && n > 0);
    let write = |(n, b): (usize, u8)| if plain(n, b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    name.bytes().enumerate().map(write).collect()
}

/// What an archive of now is called: `sluice-backup-20261126T212910Z.tar.gz`.
pub fn file_name(kind: &str) -> String {
    let time: String = clock::now().chars().take(19).filter(|c| c.is_ascii_digit() || *c == 'T').collect();
    format!("sluice-{kind}-{time}Z.tar.gz")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out_and_the_bytes_are_the_same_every_time() {
        let make = || {
            let mut out = Writer::default();
            out.add("a", b"one").unwrap();
            out.add("b/c", b"").unwrap();
            let files = out.files.clone();
            (out.finish(&files).unwrap(), files)
        };
        let (bytes, files) = make();
        assert_eq!(bytes, make().0);
        let archive = Reader::new(&bytes).unwrap();
        assert_eq!((archive.get("a"), archive.get("b/c"), archive.get("d")), (Some(&b"one"[..]), Some(&b""[..]), None));
        assert_eq!(archive.verify(&files), Ok(()));
        assert!(archive.verify(&files[1..]).is_err());
    }

    #[test]
    fn an_archive_takes_no_more_than_can_be_read_back() {
        let mut out = Writer::default();
        assert!(out.add("large", &vec![0; LARGEST]).is_err());
        let most = vec![7; out.room()];
        out.add("most", &most).unwrap();
        assert!(out.add("more", b"0123").is_err());
        let files = out.files.clone();
        let archive = Reader::new(&out.finish(&files).unwrap()).unwrap();
        assert_eq!(archive.verify(&files), Ok(()));
    }

    #[test]
    fn names_have_no_parts_that_lead_elsewhere() {
        assert_eq!(part("../etc/a b.txt"), "%2E.%2Fetc%2Fa%20b.txt");
        assert_eq!((part("main").as_str(), part("").as_str()), ("main", ""));
    }
}
