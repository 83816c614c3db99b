//! The history of a function as it is shown: what each revision changed.
use super::{Origin, Revision};
use crate::vnf::Configuration;
use imara_diff::{Algorithm, Diff, InternedInput};
use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::ops::Range;
use utoipa::ToSchema;

/// Lines around a change.
const CONTEXT: u32 = 3;

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
    let mut before = None;
    let mut list = Vec::with_capacity(revisions.len());
    for revision in revisions {
        let r = revision.borrow();
        let (added, removed) = lines_changed(before, &r.configuration);
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

fn lines_changed(before: Option<&Configuration>, after: &Configuration) -> (usize, usize) {
    let (mut added, mut removed) = (0, 0);
    for (old, new) in documents(before).iter().zip(&documents(Some(after))) {
        let diff = Diff::compute(Algorithm::Histogram, &InternedInput::new(old.as_str(), new.as_str()));
        added += diff.count_additions() as usize;
        removed += diff.count_removals() as usize;
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
            all += &format!("--- {from}\n+++ {what} of revision {}\n", after.number);
            unify(old, new, &mut all);
        }
    }
    all
}

/// The hunks of a unified diff (POSIX, `diff -u`).
fn unify(old: &str, new: &str, to: &mut String) {
    let input = InternedInput::new(old, new);
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let hunks: Vec<_> = diff.hunks().collect();
    // Changes share a hunk where their contexts touch.
    for near in hunks.chunk_by(|a, b| b.before.start - a.before.end <= 2 * CONTEXT) {
        let (Some(first), Some(last)) = (near.first(), near.last()) else { continue };
        let lead = first.before.start.min(CONTEXT);
        let trail = (old.len() as u32 - last.before.end).min(CONTEXT);
        let place = |start: u32, end: u32| {
            let (start, count) = (start - lead, end + trail - (start - lead));
            // An empty range is named by the line before it.
            if count == 1 { format!("{}", start + 1) } else { format!("{},{count}", start + u32::from(count > 0)) }
        };
        let (from, at) = (place(first.before.start, last.before.end), place(first.after.start, last.after.end));
        *to += &format!("@@ -{from} +{at} @@\n");
        let mut next = first.before.start - lead;
        for hunk in near {
            lines(' ', &old, next..hunk.before.start, to);
            lines('-', &old, hunk.before.clone(), to);
            lines('+', &new, hunk.after.clone(), to);
            next = hunk.before.end;
        }
        lines(' ', &old, next..next + trail, to);
    }
}

fn lines(mark: char, of: &[&str], which: Range<u32>, to: &mut String) {
    for line in of.get(which.start as usize..which.end as usize).unwrap_or_default() {
        to.push(mark);
        *to += line;
        if !line.ends_with('\n') {
            *to += "\n\\ No newline at end of file\n";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Applies a unified diff; every line of it must be where it says it is.
    fn patched(old: &str, diff: &str) -> String {
        let old: Vec<&str> = old.split_inclusive('\n').collect();
        let (mut new, mut next) = (Vec::<String>::new(), 0);
        let mut counted = [(0, 0); 2];
        for line in diff.split_inclusive('\n') {
            if let Some(range) = line.strip_prefix("@@ -").and_then(|l| l.strip_suffix(" @@\n")) {
                assert_eq!(counted[0].0, counted[0].1, "{diff}");
                assert_eq!(counted[1].0, counted[1].1, "{diff}");
                let (from, to) = range.split_once(" +").unwrap();
                let numbers = |text: &str| -> (usize, usize) {
                    let (start, count) = text.split_once(',').unwrap_or((text, "1"));
                    (start.parse().unwrap(), count.parse().unwrap())
                };
                let ((from, gone), (to, come)) = (numbers(from), numbers(to));
                let start = from - usize::from(gone > 0);
                new.extend(old[next..start].iter().map(|l| l.to_string()));
                next = start;
                assert_eq!(new.len(), to - usize::from(come > 0), "{diff}");
                counted = [(0, gone), (0, come)];
                continue;
            }
            let (mark, text) = line.split_at(1);
            match mark {
                "\\" => continue,
                "+" => {}
                _ => {
                    assert_eq!(old[next].trim_end_matches('\n'), text.trim_end_matches('\n'), "{diff}");
                    next += 1;
                    counted[0].0 += 1;
                }
            }
            if mark != "-" {
                new.push(text.into());
                counted[1].0 += 1;
            }
        }
        new.extend(old[next..].iter().map(|l| l.to_string()));
        new.concat()
    }

    proptest! {
        #[test]
        fn a_diff_makes_one_text_of_the_other(old in "([abc]\n){0,30}", new in "([abc]\n){0,30}") {
            let mut diff = String::new();
            unify(&old, &new, &mut diff);
            prop_assert_eq!(patched(&old, &diff), new);
        }
    }
}
