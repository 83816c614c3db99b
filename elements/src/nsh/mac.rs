//! The message authentication code of RFC 9145: HMAC-SHA-256-128 over NSH and its packet.
//!
//! ```text
//! TLV value: | key id length 1 | key id | timestamp 8 | nonce length 1 | nonce | MAC 16 |
//! ```
//! Metadata is not encrypted, so the nonce is empty when written (RFC 9145 section 5). The code covers the service path header,
//! all TLVs but itself, and the inner packet; MAC#2 covers the base header, too, with the time to live: whoever changes
//! that signs again.
use super::header::header;
use super::tlv::{Kind, hex};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sluice_dataplane::args::{FromArg, NameDb, split_words};
use sluice_dataplane::files::Files;
use sluice_dataplane::info::Arg;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::nsh::{self, CLASS_IETF};

/// Length of the code, bytes: HMAC-SHA-256 cut to 128 bits (RFC 4868 section 2.6).
pub(super) const MAC: usize = 16;
/// Longest key identifier, bytes.
const ID_MAX: usize = 64;
/// A value's length without its key identifier, bytes.
const FIXED: usize = 1 + 8 + 1 + MAC;

/// `LEVEL`, as both elements document it.
pub(super) const LEVEL: Arg = Arg::keyword("LEVEL", "1 or 2", "1", "MAC#1, without the base header, or MAC#2, with it");

/// How much a code covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Level {
    /// MAC#1: not the base header.
    One,
    /// MAC#2: all.
    Two,
}

impl Level {
    /// Which TLV it is.
    pub(super) fn kind(self) -> Kind {
        let kind = if self == Level::One { nsh::TLV_MAC1 } else { nsh::TLV_MAC2 };
        Kind { class: CLASS_IETF, kind }
    }
}

impl FromArg for Level {
    fn from_arg(text: &str, _: &NameDb) -> Result<Self, String> {
        match text.trim() {
            "1" => Ok(Level::One),
            "2" => Ok(Level::Two),
            _ => Err("should be 1 or 2".into()),
        }
    }
    fn blank() -> Self {
        Level::One
    }
}

/// A key: its identifier, and what it is made of.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) id: Vec<u8>,
    source: Source,
    /// Ready to take data; `None` until the file was read.
    hmac: Option<Hmac<Sha256>>,
}

#[derive(Clone)]
enum Source {
    Given,
    File(String),
}

impl FromArg for Key {
    fn from_arg(text: &str, _: &NameDb) -> Result<Self, String> {
        let [id, key] = split_words(text)[..] else { return Err("should be `ID KEY` or `ID @FILE`".into()) };
        let id = hex(id).filter(|id| !id.is_empty() && id.len() <= ID_MAX);
        let id = id.ok_or_else(|| format!("the identifier should be 1 to {ID_MAX} bytes in hexadecimal digits"))?;
        match key.strip_prefix('@') {
            Some(file) => Ok(Key { id, source: Source::File(file.into()), hmac: None }),
            None => Ok(Key { id, source: Source::Given, hmac: Some(hmac(key)?) }),
        }
    }
    fn blank() -> Self {
        Key { id: Vec::new(), source: Source::Given, hmac: None }
    }
}

fn hmac(digits: &str) -> Result<Hmac<Sha256>, String> {
    let key = hex(digits).filter(|key| (16..=64).contains(&key.len()));
    let key = key.ok_or("the key should be 16 to 64 bytes in hexadecimal digits")?;
    Hmac::new_from_slice(&key).map_err(|_| "the key has a bad length".into())
}

impl Key {
    /// Reads the key's file, if it comes from one.
    ///
    /// # Errors
    /// It cannot be read, or has no key in it.
    pub(super) fn load(&mut self, files: &Files) -> Result<(), String> {
        let Source::File(name) = &self.source else { return Ok(()) };
        self.hmac = Some(read(files, name)?);
        Ok(())
    }

    /// A value for the TLV, its code 0.
    pub(super) fn value(&self, now: u64) -> Vec<u8> {
        let id = [&[self.id.len() as u8][..], &self.id].concat();
        [&id[..], &timestamp(now), &[0], &[0; MAC]].concat()
    }

    /// The state that a packet's code is made with.
    fn over(&self, p: &Packet, level: Level, code: &Code) -> Result<Hmac<Sha256>, Reason> {
        let mut hmac = self.hmac.clone().ok_or(Reason::NshIntegrity)?;
        let network = p.network().ok_or(Reason::BadNsh)?;
        let from = if level == Level::One { 4 } else { 0 };
        hmac.update(network.get(from..code.at).ok_or(Reason::NshTlv)?);
        hmac.update(network.get(code.end..).ok_or(Reason::NshTlv)?);
        Ok(hmac)
    }

    /// The code of a packet.
    ///
    /// # Errors
    /// [`Reason::NshIntegrity`] if there is no key; [`Reason::NshTlv`].
    pub(super) fn sign(&self, p: &Packet, level: Level, code: &Code) -> Result<[u8; MAC], Reason> {
        let whole = self.over(p, level, code)?.finalize().into_bytes();
        whole.first_chunk().copied().ok_or(Reason::NshIntegrity)
    }

    /// Whether a packet's code is right; takes as long whatever is wrong.
    ///
    /// # Errors
    /// [`Reason::NshIntegrity`] if not.
    pub(super) fn verify(&self, p: &Packet, level: Level, code: &Code) -> Result<(), Reason> {
        let hmac = self.over(p, level, code)?;
        hmac.verify_truncated_left(&code.mac).map_err(|_| Reason::NshIntegrity)
    }
}

#[cfg(feature = "std")]
fn read(files: &Files, name: &str) -> Result<Hmac<Sha256>, String> {
    let bytes = files.read(name).map_err(|e| format!("{name}: {}", crate::io::files::reason(&e)))?;
    let digits: String = String::from_utf8_lossy(&bytes).split_whitespace().collect();
    hmac(&digits).map_err(|why| format!("{name}: {why}"))
}
#[cfg(not(feature = "std"))]
fn read(_files: &Files, name: &str) -> Result<Hmac<Sha256>, String> {
    Err(format!("{name}: there are no files here"))
}

/// Seconds since 1970 (UTC) in 32 bits, then their fraction in units of 2^-32 (RFC 9145 section 6).
fn timestamp(now: u64) -> [u8; 8] {
    let (seconds, rest) = (now / 1_000_000_000, now % 1_000_000_000);
    ((seconds << 32) | ((rest << 32) / 1_000_000_000)).to_be_bytes()
}

/// The code in a packet, and where.
#[derive(Clone, Debug)]
pub(super) struct Code {
    /// Where it begins, bytes from the NSH header's first.
    pub(super) at: usize,
    /// Where its TLV ends.
    end: usize,
    mac: [u8; MAC],
    /// When it was made: seconds and their fraction.
    timestamp: u64,
    /// Where the key's identifier is, bytes from the NSH header's first.
    id: (usize, usize),
}

impl Code {
    /// The code of a packet with a marked header.
    ///
    /// # Errors
    /// [`Reason::NshMdType`] if it has no TLVs; [`Reason::NshTlv`]; [`Reason::NshIntegrity`] if there is none, or two.
    pub(super) fn find(p: &Packet, level: Level) -> Result<Code, Reason> {
        let (nsh, context, _) = header(p)?;
        if nsh.md_type() != nsh::MD_TLV {
            return Err(Reason::NshMdType);
        }
        let mut found = None;
        for tlv in nsh::tlvs(context) {
            let tlv = tlv.map_err(|_| Reason::NshTlv)?;
            if level.kind().is(&tlv) && found.replace(tlv).is_some() {
                return Err(Reason::NshIntegrity);
            }
        }
        let tlv = found.ok_or(Reason::NshIntegrity)?;
        Self::read(tlv.value, nsh::LEN + tlv.offset + 4).ok_or(Reason::NshIntegrity)
    }

    /// A value that begins `start` bytes from the header's first.
    fn read(value: &[u8], start: usize) -> Option<Code> {
        let (&id, rest) = value.split_first()?;
        let rest = rest.get(usize::from(id)..)?;
        let (timestamp, rest) = rest.split_first_chunk::<8>()?;
        let (&nonce, rest) = rest.split_first()?;
        let mac = <[u8; MAC]>::try_from(rest.get(usize::from(nonce)..)?).ok()?;
        let end = start + value.len();
        let id = (start + 1, start + 1 + usize::from(id));
        // The padding is not read (RFC 8300 section 2.5.1).
        Some(Code { at: end - MAC, end: end.next_multiple_of(4), mac, timestamp: u64::from_be_bytes(*timestamp), id })
    }

    /// The identifier of the key it was made with.
    pub(super) fn key_id<'a>(&self, p: &'a Packet) -> &'a [u8] {
        p.network().and_then(|bytes| bytes.get(self.id.0..self.id.1)).unwrap_or_default()
    }

    /// How far its time is from `now`, nanoseconds.
    pub(super) fn age(&self, now: u64) -> u64 {
        let (seconds, fraction) = (self.timestamp >> 32, self.timestamp & 0xffff_ffff);
        let at = seconds * 1_000_000_000 + ((fraction * 1_000_000_000) >> 32);
        at.abs_diff(now)
    }
}

const _: () = assert!(FIXED + ID_MAX <= nsh::TLV_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_seconds_and_fractions() {
        assert_eq!(timestamp(1_500_000_000), [0, 0, 0, 1, 0x80, 0, 0, 0]);
        let key = Key::from_arg("0a 000102030405060708090a0b0c0d0e0f", &NameDb::default()).unwrap();
        let value = key.value(1_500_000_000);
        assert_eq!(value.len(), FIXED + 1);
        let code = Code::read(&value, 12).unwrap();
        assert_eq!((code.at, code.end, code.id, code.age(2_000_000_000)), (23, 40, (13, 14), 500_000_000));
    }

    #[test]
    fn lengths_that_lie_are_no_code() {
        let good = Key::from_arg("0a 000102030405060708090a0b0c0d0e0f", &NameDb::default()).unwrap().value(0);
        for end in 0..good.len() {
            assert!(Code::read(&good[..end], 12).is_none(), "{end}");
        }
        for (at, value) in [(0, 2), (0, 255), (10, 1), (10, 255)] {
            let mut bad = good.clone();
            bad[at] = value;
            assert!(Code::read(&bad, 12).is_none(), "{at} {value}");
        }
    }

    #[test]
    fn keys_are_of_a_length_that_is_safe() {
        for wrong in ["", "0a", "0a 00", "00112233445566778899aabbccddeeff", "0a 000102030405060708090a0b0c0d0e0f 1"] {
            assert!(Key::from_arg(wrong, &NameDb::default()).is_err(), "{wrong}");
        }
    }
}
