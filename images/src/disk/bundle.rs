//! What a disk is upgraded with: a tar, as `sluice_init::machine::slots::bundle` reads it.
use super::{Contents, write};
use anyhow::Result;
use sluice_init::machine::slots::Manifest;
use std::path::Path;

/// The length of a header, and what contents are filled up to.
const BLOCK: usize = 512;

/// Writes a bundle. The same contents give the same bytes.
///
/// # Errors
/// A file cannot be read or written.
pub fn bundle(contents: &Contents, path: &Path) -> Result<Manifest> {
    let parts = contents.read()?;
    let mut tar = Vec::new();
    for (name, bytes) in [("manifest.json", &parts.json), ("vmlinuz", &parts.kernel), ("initrd", &parts.initramfs)] {
        tar.extend(header(name, bytes.len()));
        tar.extend(bytes);
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    }
    tar.resize(tar.len() + 2 * BLOCK, 0);
    write(path, &tar)?;
    Ok(parts.manifest)
}

/// POSIX.1-1988, "ustar": a plain file of root's, of 1970.
fn header(name: &str, size: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        "); // counted as blanks
    put(156, "0");
    put(257, "ustar\u{0}00");
    put(265, "root\0");
    put(297, "root\0");
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}
