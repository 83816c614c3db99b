//! Collects diagnostics while a configuration is read, and knows the files' names.

use super::{
    diag::Diagnostic,
    place::{Place, Spot},
};
use alloc::{string::String, sync::Arc, vec::Vec};
use hashbrown::HashMap;

/// After so many diagnostics reading stops: nobody reads on, and garbage makes millions.
const MOST: usize = 1000;
/// How many names may be compared with misspelt ones; beyond that no more hints.
const MOST_COMPARED: usize = 1 << 20;

#[derive(Default)]
pub(super) struct Sink {
    compared: usize,
    files: Vec<Arc<str>>,
    indices: HashMap<String, u32>,
    pub(super) found: Vec<Diagnostic>,
}

impl Sink {
    pub(super) fn file(&mut self, name: &str) -> u32 {
        if let Some(i) = self.indices.get(name) {
            return *i;
        }
        let i = self.files.len() as u32;
        self.files.push(name.into());
        self.indices.insert(name.into(), i);
        i
    }

    pub(super) fn place(&self, s: Spot) -> Place {
        let file = self.files.get(s.file as usize).cloned().unwrap_or_else(|| Arc::from(""));
        Place { file, line: s.line, column: s.column }
    }

    /// Whether reading should stop.
    pub(super) fn full(&self) -> bool {
        self.found.len() > MOST
    }

    /// Whether it is still worth looking for similar names among about `count`.
    pub(super) fn suggesting(&mut self, count: usize) -> bool {
        self.compared = self.compared.saturating_add(count).saturating_add(256);
        self.compared < MOST_COMPARED
    }

    pub(super) fn push(&mut self, d: Diagnostic) {
        if self.found.len() < MOST {
            self.found.push(d);
        } else if self.found.len() == MOST {
            let at = d.at.clone();
            self.found.push(Diagnostic::error(at, "too many errors"));
        }
    }

    pub(super) fn error(&mut self, at: Spot, message: impl Into<String>) {
        self.error_hint(at, message, None);
    }

    pub(super) fn error_hint(&mut self, at: Spot, message: impl Into<String>, hint: Option<String>) {
        let d = Diagnostic::error(Some(self.place(at)), message).hint(hint);
        self.push(d);
    }

    pub(super) fn warning(&mut self, at: Spot, message: impl Into<String>) {
        let d = Diagnostic::warning(Some(self.place(at)), message);
        self.push(d);
    }
}
