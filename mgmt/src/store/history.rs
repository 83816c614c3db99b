//! The history of a function as it is shown: what each revision changed.
use super::{Origin, Revision};
use crate::vnf::Configuration;
use serde::{Deserialize, Serialize};
use similar::{ChangeTag, TextDiff};
use std::borrow::Borrow;
use std::time::Duration;
use utoipa::ToSchema;

/// A diff may take so long to be the shortest one; after that it is a longer one that is right as well.
const PATIENCE: Duration = Duration::from_millis(200);
/// Lines around a change.
const CONTEXT: usize = 3;

/// A revision without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Summary {
    /// Its number.
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
    /// The entity tag that the function has while it runs.
    pub etag: String,
    /// Lines of text and parameters that the one before it did not have; all of them for the oldest that is kept.
    pub added: usize,
    /// Lines that only the one before it had.
    pub removed: usize,
    /// It runs now.
    pub current: bool,
}

/// A revision with its text, and what it changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shown {
    /// The revision.
    #[serde(flatten)]
    pub revision: Revision,
    /// The entity tag that the function has while it runs.
    pub etag: String,
    /// It runs now.
    pub current: bool,
    /// What it changed, a unified diff against the one before it; against nothing for the oldest that is kept.
    pub diff: String,
}

/// Revisions (the oldest first) without their texts; `current` is the number of the one that runs.
pub fn summaries<R: Borrow<Revision>>(revisions: &[R], current: u64) -> Vec<Summary> {
    let each = PATIENCE / revisions.len().max(1) as u32;
    let mut before = None;
    let mut list = Vec::with_capacity(revisions.len());
    for revision in revisions {
        let r = revision.borrow();
        let (added, removed) = lines_changed(before, &r.configuration, each);
        before = Some(&r.configuration);
        list.push(Summary {
            number: r.number,
            time: r.time.clone(),
            author: r.author.clone(),
            comment: r.comment.clone(),
            origin: r.origin,
            etag: r.etag(),
            added,
            removed,
            current: r.number == current,
        });
    }
    list
}

/// A revision with what it changed.
pub fn shown(revision: Revision, before: Option<&Revision>, current: u64) -> Shown {
    let diff = unified(before, &revision);
    Shown { etag: revision.etag(), current: revision.number == current, diff, revision }
}

/// Text and parameters of a configuration, as they are compared.
fn documents(of: Option<&Configuration>) -> [String; 2] {
    let Some(of) = of else { return [String::new(), String::new()] };
    let parameters = of.parameters.iter().map(|(name, value)| format!("{name}={}\n", value.escape_debug()));
    [of.text.clone(), parameters.collect()]
}

fn lines_changed(before: Option<&Configuration>, after: &Configuration, patience: Duration) -> (usize, usize) {
    let (mut added, mut removed) = (0, 0);
    for (old, new) in documents(before).iter().zip(&documents(Some(after))) {
        for change in TextDiff::configure().timeout(patience).diff_lines(old, new).iter_all_changes() {
            match change.tag() {
                ChangeTag::Insert => added += 1,
                ChangeTag::Delete => removed += 1,
                ChangeTag::Equal => {}
            }
        }
    }
    (added, removed)
}

/// A unified diff: of the text, then of the parameters if they changed.
fn unified(before: Option<&Revision>, after: &Revision) -> String {
    let old = documents(before.map(|r| &r.configuration));
    let new = documents(Some(&after.configuration));
    let mut all = String::new();
    for ((old, new), what) in old.iter().zip(&new).zip(["text", "parameters"]) {
        if old != new {
            let from = before.map_or("/dev/null".to_string(), |r| format!("{what} of revision {}", r.number));
            let to = format!("{what} of revision {}", after.number);
            let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
            all += &diff.unified_diff().context_radius(CONTEXT).header(&from, &to).to_string();
        }
    }
    all
}
