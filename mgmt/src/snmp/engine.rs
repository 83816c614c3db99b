//! The SNMP engine: its identifier, how often it started, and its time (RFC 3414 section 2.2).
//!
//! Keys of users are localised to the identifier, and messages of an earlier life are told from those of this one by the
//! number of starts: both are kept in a file, which is written before the first message is taken.
use crate::clock;
use crate::encoding::{from_hex, hex};
use crate::store::{read_at_most, write_atomically};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;
use std::time::Duration;

/// The largest number of starts; an engine that has come to it takes no authenticated message any more (RFC 3414 section
/// 2.2.3), until it has another identifier.
const MOST_BOOTS: u32 = i32::MAX as u32;
/// Private enterprise number in identifiers that are made here: the one for documentation (RFC 5612).
const ENTERPRISE: u32 = 32473;
/// Format of such an identifier: octets that the enterprise chooses (RFC 3411 section 5, SnmpEngineID).
const OCTETS: u8 = 5;

/// The engine of this process.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    id: Bytes,
    boots: u32,
    started: Duration,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Hexadecimal.
    id: String,
    boots: u32,
}

impl Engine {
    /// The engine that the file keeps, started once more; or a new one, if there is no file.
    ///
    /// # Errors
    /// The file is damaged, or cannot be written. A new identifier is not made then: all keys would be lost with the old one.
    pub(super) fn start(file: &Path) -> io::Result<Engine> {
        let wrong = |why: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", file.display()));
        let mut kept = match read_at_most(file, 4096)? {
            None => Kept { id: hex(&made()?), boots: 0 },
            Some(text) => toml::from_slice(&text).map_err(|e| wrong(e.message().to_string()))?,
        };
        let id = from_hex(&kept.id).filter(|id| is_identifier(id));
        let id = id.ok_or_else(|| wrong("id: not 5 to 32 octets in hexadecimal (RFC 3411)".into()))?;
        kept.boots = kept.boots.saturating_add(1).min(MOST_BOOTS);
        let text = toml::to_string(&kept).map_err(|e| wrong(e.to_string()))?;
        write_atomically(file, text.as_bytes(), 0o600)?;
        Ok(Engine { id: id.into(), boots: kept.boots, started: clock::monotonic() })
    }

    /// `snmpEngineID`.
    pub(super) fn id(&self) -> &Bytes {
        &self.id
    }

    /// `snmpEngineBoots`.
    pub(super) fn boots(&self) -> u32 {
        self.boots
    }

    /// `snmpEngineTime`: seconds since it started.
    pub(super) fn time(&self) -> u32 {
        u32::try_from(self.up().as_secs()).unwrap_or(MOST_BOOTS).min(MOST_BOOTS)
    }

    /// How long it runs.
    pub(super) fn up(&self) -> Duration {
        clock::monotonic().saturating_sub(self.started)
    }

    /// The same as `sysUpTime`: hundredths of a second, which begin again after 497 days.
    pub(super) fn up_time(&self) -> u32 {
        (self.up().as_millis() / 10) as u32
    }
}

/// Whether these octets may identify an engine (RFC 3411 section 5, SnmpEngineID).
pub(super) fn is_identifier(id: &[u8]) -> bool {
    (5..=32).contains(&id.len()) && id.iter().any(|b| *b != 0) && id.iter().any(|b| *b != 0xff)
}

fn made() -> io::Result<Vec<u8>> {
    let mut random = [0; 12];
    getrandom::fill(&mut random).map_err(|e| io::Error::other(format!("no random numbers: {e}")))?;
    let mut id = (0x8000_0000 | ENTERPRISE).to_be_bytes().to_vec();
    id.push(OCTETS);
    id.extend(random);
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Scratch;

    #[test]
    fn an_engine_keeps_its_identifier_and_counts_its_starts() {
        let folder = Scratch::new();
        let file = folder.path().join("engine.toml");
        let first = Engine::start(&file).unwrap();
        let second = Engine::start(&file).unwrap();
        assert_eq!((first.boots(), second.boots()), (1, 2));
        assert_eq!(first.id(), second.id());
        assert!(is_identifier(first.id()));
        std::fs::write(&file, format!("id = '{}'\nboots = {MOST_BOOTS}\n", hex(first.id()))).unwrap();
        assert_eq!(Engine::start(&file).unwrap().boots(), MOST_BOOTS);
        for damaged in ["", "id = ''\nboots = 1\n", "id = '80'\nboots = 1\n", "id = '0000000000'\nboots = 1\n"] {
            std::fs::write(&file, damaged).unwrap();
            assert!(Engine::start(&file).is_err(), "{damaged}");
            assert_eq!(std::fs::read_to_string(&file).unwrap(), damaged);
        }
    }
}
