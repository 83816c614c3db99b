//! "Did you mean": the closest of a set of names.
//!
//! The measure is the Damerau-Levenshtein distance in its restricted form (optimal string
//! alignment): insert, delete, replace, and swap of neighbours cost 1 each.

use alloc::{format, string::String, vec, vec::Vec};

/// Names longer than this are only compared ignoring case.
const LONGEST: usize = 48;

/// The name closest to `word`: one that differs in case only, else one at most a third of the
/// letters (and at most 3) away. `None` if no name is close, or the word itself is among them.
///
/// ```
/// use sluice_dataplane::lang::closest;
/// assert_eq!(closest("Quee", ["Print", "Queue"]), Some("Queue"));
/// assert_eq!(closest("queue", ["Quay", "Queue"]), Some("Queue"));
/// assert_eq!(closest("x", ["y"]), None);
/// ```
pub fn closest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters: Vec<char> = word.chars().take(LONGEST + 1).collect();
    let limit = (letters.len() / 3).min(3).max(usize::from(letters.len() > 2));
    let mut best: Option<(usize, &str)> = None;
    for name in names {
        if name == word {
            continue;
        }
        if name.eq_ignore_ascii_case(word) {
            // Nothing is closer; of several the first in the alphabet, for a stable answer.
            best = best.filter(|b| *b <= (0, name)).or(Some((0, name)));
            continue;
        }
        if letters.len() > LONGEST || name.len().abs_diff(word.len()) > 4 * limit {
            continue;
        }
        let other: Vec<char> = name.chars().take(LONGEST + 1).collect();
        let d = distance(&letters, &other);
        if d <= limit && best.is_none_or(|(b, n)| (d, name) < (b, n)) {
            best = Some((d, name));
        }
    }
    best.map(|(_, n)| n)
}

/// The hint that goes with [`closest`]: `did you mean ‘Queue’?`
pub fn did_you_mean<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(word, names).map(|n| format!("did you mean ‘{n}’?"))
}

fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, y) in b.iter().enumerate() {
            let replace = last[j] + usize::from(x != y);
            let mut d = replace.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                d = d.min(before[j - 1] + 1);
            }
            row[j + 1] = d;
        }
        before = core::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_swapped_cost_one() {
        let (a, b): (Vec<char>, Vec<char>) = ("Qeueu".chars().collect(), "Queue".chars().collect());
        assert_eq!(distance(&a, &b), 2);
        assert_eq!(closest("Prnit", ["Print", "Paint"]), Some("Print"));
    }

    #[test]
    fn nothing_close_means_no_answer() {
        assert_eq!(closest("Classifier", ["Print", "Queue"]), None);
        assert_eq!(closest("", ["Print"]), None);
        assert_eq!(closest("ab", ["cd"]), None);
        assert_eq!(did_you_mean("Idel", ["Idle"]).as_deref(), Some("did you mean ‘Idle’?"));
    }
}
