//! The block in which GRUB and Linux leave each other words: `grubenv` (GRUB manual, "Environment block").
//!
//! GRUB finds the sectors of the file when it boots and writes these, so the file keeps its length and its place.
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The length of the block, in bytes.
pub const SIZE: usize = 1024;

const SIGNATURE: &str = "# GRUB Environment Block\n";

/// The variables of a block, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(Vec<(String, String)>);

impl Environment {
    /// Takes a block apart. Nothing if it is none: another length, no signature, or not text.
    pub fn parse(block: &[u8]) -> Option<Self> {
        let mut rest = std::str::from_utf8(block).ok().filter(|t| t.len() == SIZE)?.strip_prefix(SIGNATURE)?;
        let mut environment = Self::default();
        while !rest.is_empty() {
            let (line, after) = line(rest);
            if let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
                environment.set(name, &unescape(value));
            }
            rest = after;
        }
        Some(environment)
    }

    /// The value of a variable. Nothing if it is not set; what GRUB's `save_env` wrote of an empty one is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    /// Takes a variable away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| n != name);
    }

    /// The block. Nothing if the variables do not fit.
    pub fn block(&self) -> Option<[u8; SIZE]> {
        let mut text = SIGNATURE.to_owned();
        for (name, value) in &self.0 {
            text += &format!("{name}={}\n", value.replace('\\', "\\\\").replace('\n', "\\\n"));
        }
        let mut block = [b'#'; SIZE];
        block.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(block)
    }

    /// Reads the block in a file.
    ///
    /// # Errors
    /// It cannot be read, or is no block ([`io::ErrorKind::InvalidData`]).
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut block = Vec::with_capacity(SIZE + 1);
        File::open(path)?.take(SIZE as u64 + 1).read_to_end(&mut block)?;
        Self::parse(&block).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is no GRUB environment block"))
    }

    /// Writes the block over that in a file of the same length. When this returns, it is on the disk. The variables of
    /// slots lie in its first sector of 512 bytes, which a power cut leaves old or new.
    ///
    /// # Errors
    /// There is no such file, it has another length, or it cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let block = self.block().ok_or(io::ErrorKind::StorageFull)?;
        let file = OpenOptions::new().write(true).custom_flags(rustix::fs::OFlags::SYNC.bits() as i32).open(path)?;
        if file.metadata()?.len() != SIZE as u64 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no GRUB environment block"));
        }
        file.write_all_at(&block, 0)?;
        file.sync_all()
    }
}

/// The first line, escaped newlines in it, and what is after it.
fn line(text: &str) -> (&str, &str) {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\n' if !escaped => return (&text[..at], &text[at + 1..]),
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    (text, "")
}

fn unescape(value: &str) -> String {
    let mut chars = value.chars();
    let mut plain = String::with_capacity(value.len());
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn scratch(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("sluice-grubenv-{}-{name}", std::process::id()))
    }

    /// Runs `grub-editenv`. Nothing if it is not installed.
    fn editenv(path: &Path, arguments: &[&str]) -> Option<String> {
        let Ok(out) = Command::new("grub-editenv").arg(path).args(arguments).output() else {
            println!("skipped: needs grub-editenv (package grub-common)");
            return None;
        };
        assert!(out.status.success(), "{out:?}");
        Some(String::from_utf8(out.stdout).unwrap())
    }

    #[test]
    fn what_grub_editenv_writes_is_read() {
        let path = scratch("read");
        if editenv(&path, &["create"]).is_none() {
            return;
        }
        editenv(&path, &["set", "slot=a", "trial=b", "odd=back\\slash, a = and\na line"]);
        let environment = Environment::read(&path).unwrap();
        assert_eq!(environment.get("slot"), Some("a"));
        assert_eq!(environment.get("trial"), Some("b"));
        assert_eq!(environment.get("odd"), Some("back\\slash, a = and\na line"));
        assert_eq!(environment.get("none"), None);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_is_written_grub_editenv_reads() {
        let path = scratch("written");
        if editenv(&path, &["create"]).is_none() {
            return;
        }
        editenv(&path, &["set", "theirs=kept", "trial=b"]);
        let mut environment = Environment::read(&path).unwrap();
        environment.set("slot", "b");
        environment.set("odd", "back\\slash");
        environment.remove("trial");
        environment.write(&path).unwrap();
        assert_eq!(editenv(&path, &["list"]).unwrap(), "theirs=kept\nslot=b\nodd=back\\slash\n");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 1024);
        assert_eq!(Environment::read(&path).unwrap(), environment);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_block_is_what_grub_editenv_makes_byte_for_byte() {
        let (path, mut environment) = (scratch("same"), Environment::default());
        environment.set("slot", "a");
        environment.set("lines", "one\ntwo\\");
        if editenv(&path, &["create"]).is_none() {
            return;
        }
        editenv(&path, &["set", "slot=a", "lines=one\ntwo\\"]);
        let theirs = std::fs::read(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        assert_eq!(Environment::parse(&theirs).unwrap(), environment);
        // Some versions add a line of warning after the signature; Debian 12's does.
        let without = String::from_utf8(theirs).unwrap().replacen(
            "# WARNING: Do not edit this file by tools other than grub-editenv!!!\n",
            "",
            1,
        );
        assert_eq!(
            String::from_utf8_lossy(&environment.block().unwrap()).trim_end_matches('#'),
            without.trim_end_matches('#')
        );
    }

    #[test]
    fn what_is_no_block_is_refused() {
        assert_eq!(Environment::parse(b""), None);
        assert_eq!(Environment::parse(&[b'#'; SIZE]), None);
        let block = Environment::default().block().unwrap();
        assert_eq!(Environment::parse(&block[..1023]), None);
        let mut binary = block;
        binary[100] = 0xff;
        assert_eq!(Environment::parse(&binary), None);
    }

    #[test]
    fn variables_that_do_not_fit_are_not_written() {
        let mut environment = Environment::default();
        environment.set("long", &"x".repeat(SIZE));
        assert_eq!(environment.block(), None);
        environment.set("long", &"x".repeat(SIZE - SIGNATURE.len() - "long=\n".len()));
        assert_eq!(Environment::parse(&environment.block().unwrap()).unwrap(), environment);
    }

    #[test]
    fn a_file_of_another_length_is_left_as_it_is() {
        let path = scratch("length");
        std::fs::write(&path, "short").unwrap();
        assert!(Environment::default().write(&path).is_err());
        assert!(Environment::read(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"short");
        std::fs::remove_file(path).unwrap();
    }
}
