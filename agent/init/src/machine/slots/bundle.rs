//! What a slot is upgraded with: an uncompressed tar of `manifest.json`, `vmlinuz` and `initrd`, in this order.
//!
//! The manifest comes first, so that whoever takes the bundle from the network knows what to expect of the rest, and
//! needs no room to keep it. POSIX.1-1988 headers ("ustar") are enough; extended headers (POSIX.1-2001) are skipped.
use serde::{Deserialize, Serialize};
use std::io::{self, Read};

/// The longest manifest, in bytes.
const LONGEST_MANIFEST: u64 = 64 * 1024;
/// The length of a header, and what contents are filled up to.
const BLOCK: usize = 512;
/// Headers that may come before the one that is wanted.
const MOST_SKIPPED: usize = 16;

/// What is in a slot, or will be: `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The image's name: that of its recipe.
    pub name: String,
    /// The version of Sluice in it.
    pub version: String,
    /// The kernel.
    pub vmlinuz: Content,
    /// The initramfs.
    pub initrd: Content,
}

/// A file, by length and hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Its length, in bytes.
    pub size: u64,
    /// Its SHA-256 (FIPS 180-4), in lower-case hexadecimal digits.
    pub sha256: String,
}

/// A bundle that is being read.
#[derive(Debug)]
pub struct Bundle<R> {
    stream: R,
    manifest: Vec<u8>,
}

impl<R: Read> Bundle<R> {
    /// Reads the manifest at the beginning of a bundle.
    ///
    /// # Errors
    /// The stream broke off, or is no bundle ([`io::ErrorKind::InvalidData`]).
    pub fn open(mut stream: R) -> io::Result<Self> {
        let size = header(&mut stream, "manifest.json")?;
        if size > LONGEST_MANIFEST {
            return Err(invalid(format!("its manifest has more than {LONGEST_MANIFEST} bytes")));
        }
        let mut manifest = Vec::new();
        (&mut stream).take(size).read_to_end(&mut manifest)?;
        if manifest.len() as u64 != size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        skip(&mut stream, padding(size))?;
        Ok(Self { stream, manifest })
    }

    /// The text of the manifest: a [`Manifest`] in JSON.
    pub fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// Reads the next file, which must have this name and length, piece by piece.
    ///
    /// # Errors
    /// The stream broke off, or something else is there ([`io::ErrorKind::InvalidData`]); or what `piece` answered.
    pub fn next(&mut self, name: &str, size: u64, mut piece: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let there = header(&mut self.stream, name)?;
        if there != size {
            return Err(invalid(format!("{name} has {there} bytes, its manifest says {size}")));
        }
        let mut buffer = vec![0; 64 * 1024];
        let mut left = size;
        while left > 0 {
            let most = left.min(buffer.len() as u64) as usize;
            match self.stream.read(&mut buffer[..most]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    piece(&buffer[..n])?;
                    left -= n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        skip(&mut self.stream, padding(size))
    }
}

/// Reads headers up to that of a file with this name; answers its length in bytes.
fn header(stream: &mut impl Read, wanted: &str) -> io::Result<u64> {
    for _ in 0..MOST_SKIPPED {
        let mut block = [0; BLOCK];
        stream.read_exact(&mut block)?;
        let sum: u32 =
            block.iter().enumerate().map(|(i, b)| if (148..156).contains(&i) { 32 } else { u32::from(*b) }).sum();
        if octal(&block[148..156]) != Some(u64::from(sum)) {
            return Err(invalid(format!("there is no tar header where {wanted} should begin")));
        }
        let size = octal(&block[124..136]).ok_or_else(|| invalid("a header has no length".into()))?;
        let name = block[..100].split(|b| *b == 0).next().unwrap_or_default();
        let name = name.strip_prefix(b"./").unwrap_or(name);
        match block[156] {
            b'0' | 0 if name == wanted.as_bytes() => return Ok(size),
            b'x' | b'g' if size <= LONGEST_MANIFEST => skip(stream, size + padding(size))?,
            _ => return Err(invalid(format!("{} is where {wanted} should be", String::from_utf8_lossy(name)))),
        }
    }
    Err(invalid(format!("too many headers before {wanted}")))
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok()
}

fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK as u64) - size
}

fn skip(stream: &mut impl Read, bytes: u64) -> io::Result<()> {
    match io::copy(&mut stream.take(bytes), &mut io::sink())? {
        n if n == bytes => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
