//! The revisions of functions, kept so that the last good one survives a power cut at any moment.
//!
//! Invariant: a revision that [`Store::append`] returned is the last good one until the next one is returned, whatever
//! happens to the process or its power in between. Numbers never repeat, not even one whose file is damaged.
//!
//! Reading order: `file` (whole files), `record` (what is in one), `folder` (where they lie), [`history`] (how they
//! are shown).
use crate::clock;
use crate::encoding::hex;
use crate::vnf::Configuration;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use utoipa::ToSchema;

mod file;
mod folder;
pub mod history;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod power;
mod record;
#[cfg(test)]
mod scratch;

#[cfg(test)]
pub(crate) use scratch::Scratch;

use file::{Steps, Unwatched};
pub use file::{read_at_most, write_atomically};
use folder::Folder;

/// Revisions of a function that are kept.
pub const KEPT: usize = 50;
/// Revisions that are kept however long they are.
pub const KEPT_ALWAYS: usize = 20;
/// Texts of a function's revisions that are kept beyond those, bytes.
pub const KEPT_BYTES: usize = 8 << 20;
/// Longest name of a function, bytes.
pub const LONGEST_NAME: usize = 64;

/// Where a revision came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The file that the VNF was started with.
    File,
    /// A request to the EMS.
    Api,
}

/// A configuration that ran, and who wanted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Revision {
    /// Its number, from 1; they count up.
    pub number: u64,
    /// When it became the last good one, RFC 3339.
    pub time: String,
    /// Who wanted it.
    pub author: String,
    /// Why, in the author's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Where it came from.
    pub origin: Origin,
    /// SHA-256 of what the function's file said when this was made. At the next start it tells whether somebody has edited
    /// the file since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What runs.
    pub configuration: Configuration,
}

impl Revision {
    /// The entity tag (RFC 9110 section 8.8.3) of its configuration: never the same for another one.
    pub fn etag(&self) -> String {
        etag(self.number, &self.configuration)
    }
}

/// `"7-1f2e3d4c"`: the number of a revision, and what it contains.
pub fn etag(number: u64, of: &Configuration) -> String {
    format!("\"{number}-{}\"", &digest(of)[..8])
}

/// SHA-256 of a configuration, hexadecimal.
pub(crate) fn digest(of: &Configuration) -> String {
    let mut hash = Sha256::new();
    hash.update(of.text.as_bytes());
    for (name, value) in &of.parameters {
        for part in [name, value] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    hex(&hash.finalize())
}

/// A configuration that is to become a revision.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Who wants it.
    pub author: String,
    /// Why.
    pub comment: Option<String>,
    /// Where it came from.
    pub origin: Origin,
    /// What runs.
    pub configuration: Configuration,
}

/// The revisions of one function.
#[derive(Debug, Default)]
struct Kept {
    /// Those that are kept, the oldest first.
    revisions: Vec<Arc<Revision>>,
    /// The highest number that was ever used.
    highest: u64,
}

impl Kept {
    /// Forgets what is too old. Numbers of what was forgotten.
    fn prune(&mut self) -> Vec<u64> {
        let (mut count, mut bytes) = (0, 0);
        for revision in self.revisions.iter().rev() {
            bytes += revision.configuration.text.len();
            if count == KEPT || (count >= KEPT_ALWAYS && bytes > KEPT_BYTES) {
                break;
            }
            count += 1;
        }
        let over = self.revisions.len() - count;
        self.revisions.drain(..over).map(|r| r.number).collect()
    }
}

/// The revisions of all functions.
#[derive(Debug, Default)]
pub struct Store {
    /// Never held while a disk is waited for.
    all: Mutex<BTreeMap<String, Kept>>,
    /// Functions that were stopped on purpose.
    stopped: Mutex<BTreeSet<String>>,
    /// Held while something is written.
    writing: Mutex<()>,
    folder: Option<Folder>,
    damaged: Vec<String>,
}

impl Store {
    /// A store that lives as long as the process.
    pub fn in_memory() -> Store {
        Store::default()
    }

    /// A store in a folder, which is made if there is none; and what was found damaged there, for people. The last good
    /// revision of a function is the one with the highest number whose checksum fits.
    ///
    /// # Errors
    /// The folder cannot be made or read, or another process has it ([`io::ErrorKind::ResourceBusy`]).
    pub fn open(folder: &Path) -> io::Result<(Store, Vec<String>)> {
        Store::open_watched(folder, Arc::new(Unwatched))
    }

    fn open_watched(folder: &Path, steps: Arc<dyn Steps>) -> io::Result<(Store, Vec<String>)> {
        let (folder, found) = Folder::open(folder, steps)?;
        let (all, stopped, damaged) = (Mutex::new(found.all), Mutex::new(found.stopped), found.damaged.clone());
        Ok((Store { all, stopped, writing: Mutex::default(), folder: Some(folder), damaged }, found.damaged))
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a configuration the last good one of a function. When this returns, it survives a power cut. Readers do not
    /// wait for it.
    ///
    /// # Errors
    /// It cannot be written, or the function's name is none ([`check_name`]); the last good one is what it was.
    pub fn append(&self, function: &str, draft: Draft) -> io::Result<Revision> {
        check_name(function)?;
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, before) = (self.next(function), self.last(function));
        let Draft { author, comment, origin, configuration } = draft;
        let file = match origin {
            Origin::File => Some(digest(&configuration)),
            Origin::Api => before.and_then(|r| r.file),
        };
        let revision = Revision { number, time: clock::now(), author, comment, origin, file, configuration };
        if let Some(folder) = &self.folder {
            folder.write(function, &revision)?;
        }
        let over = {
            let mut all = self.all();
            let kept = all.entry(function.into()).or_default();
            kept.highest = number;
            kept.revisions.push(Arc::new(revision.clone()));
            kept.prune()
        };
        if let Some(folder) = &self.folder {
            over.into_iter().for_each(|number| folder.remove(function, number));
        }
        Ok(revision)
    }

    /// The number that the next revision of a function gets.
    pub fn next(&self, function: &str) -> u64 {
        self.all().get(function).map_or(0, |kept| kept.highest) + 1
    }

    /// The last good revision of a function.
    pub fn last(&self, function: &str) -> Option<Revision> {
        let last = self.all().get(function)?.revisions.last().cloned();
        last.map(Arc::unwrap_or_clone)
    }

    /// The revisions of a function that are kept, the oldest first.
    pub fn revisions(&self, function: &str) -> Vec<Arc<Revision>> {
        self.all().get(function).map(|kept| kept.revisions.clone()).unwrap_or_default()
    }

    /// One of them.
    pub fn get(&self, function: &str, number: u64) -> Option<Revision> {
        self.revisions(function).into_iter().find(|r| r.number == number).map(Arc::unwrap_or_clone)
    }

    /// The functions that were stopped on purpose, and are to stay so at the next start.
    pub fn stopped(&self) -> BTreeSet<String> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers which functions are stopped. When this returns, it survives a power cut.
    ///
    /// # Errors
    /// It cannot be written; those that were remembered before are.
    pub fn set_stopped(&self, functions: &BTreeSet<String>) -> io::Result<()> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = &self.folder {
            folder.write_stopped(functions)?;
        }
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = functions.clone();
        Ok(())
    }

    /// Whether revisions outlive the machine: they are in a folder, and that is not in memory.
    pub fn is_durable(&self) -> bool {
        self.folder.as_ref().is_some_and(Folder::is_durable)
    }

    /// What was found damaged when the folder was opened, for people.
    pub fn damaged(&self) -> &[String] {
        &self.damaged
    }
}

/// Whether a function may have this name: 1 to 64 letters, digits, `_` and `-` (not the first one). Only such a name
/// becomes one of a folder, so no other part of the file system can be reached through it.
///
/// # Errors
/// It may not ([`io::ErrorKind::InvalidInput`]).
pub fn check_name(function: &str) -> io::Result<()> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if (1..=LONGEST_NAME).contains(&function.len()) && function.bytes().all(fits) && !function.starts_with('-') {
        return Ok(());
    }
    let shown: String = function.chars().take(LONGEST_NAME).collect();
    let why = format!("‘{shown}’ is no name of a function: 1 to {LONGEST_NAME} letters, digits, ‘_’ and ‘-’");
    Err(io::Error::new(io::ErrorKind::InvalidInput, why))
}
