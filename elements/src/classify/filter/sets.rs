//! Sets of field values, and rules as alternatives of such sets: the step between expressions and
//! the compiled form.
use alloc::vec;
use alloc::vec::Vec;

/// Values of a field, as sorted ranges with gaps between them, and whether a packet that does not
/// have the field is in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Set {
    pub(super) ranges: Vec<(u32, u32)>,
    pub(super) short: bool,
}

impl Set {
    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty() && !self.short
    }
    pub(super) fn is_all(&self, highest: u32) -> bool {
        self.short && self.ranges == [(0, highest)]
    }

    /// Joins ranges that touch; they must be sorted by their starts.
    pub(super) fn of(ranges: impl IntoIterator<Item = (u32, u32)>, short: bool) -> Set {
        let mut out: Vec<(u32, u32)> = Vec::new();
        for (low, high) in ranges {
            match out.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                _ => out.push((low, high)),
            }
        }
        Set { ranges: out, short }
    }

    /// All values up to `highest` that are not in the set; being there or not stays as it is.
    pub(super) fn complement(&self, highest: u32) -> Vec<(u32, u32)> {
        let mut out = Vec::new();
        let mut next = Some(0u32);
        for &(low, high) in &self.ranges {
            if let Some(from) = next.filter(|&n| n < low) {
                out.push((from, low - 1));
            }
            next = high.checked_add(1);
        }
        if let Some(from) = next.filter(|&n| n <= highest) {
            out.push((from, highest));
        }
        out
    }

    pub(super) fn union(&self, other: &Set) -> Set {
        let mut all: Vec<(u32, u32)> = self.ranges.iter().chain(&other.ranges).copied().collect();
        all.sort_unstable();
        Set::of(all, self.short || other.short)
    }

    pub(super) fn intersection(&self, other: &Set) -> Set {
        let mut out = Vec::new();
        let (mut a, mut b) = (self.ranges.iter().peekable(), other.ranges.iter().peekable());
        while let (Some(&&x), Some(&&y)) = (a.peek(), b.peek()) {
            let (low, high) = (x.0.max(y.0), x.1.min(y.1));
            if low <= high {
                out.push((low, high));
            }
            if x.1 <= y.1 {
                a.next()
            } else {
                b.next()
            };
        }
        Set { ranges: out, short: self.short && other.short }
    }

    pub(super) fn contains(&self, other: &Set) -> bool {
        self.intersection(other) == *other
    }
}

/// Sets of several fields, all of which a packet must be in; sorted by field.
pub(super) type Conjunct = Vec<(usize, Set)>;

/// What is in both; `None` when that is nothing.
pub(super) fn both(a: &Conjunct, b: &Conjunct) -> Option<Conjunct> {
    let mut out: Conjunct = Vec::with_capacity(a.len() + b.len());
    let (mut x, mut y) = (a.iter().peekable(), b.iter().peekable());
    loop {
        let next = match (x.peek(), y.peek()) {
            (Some(p), Some(q)) if p.0 == q.0 => {
                let s = p.1.intersection(&q.1);
                let field = p.0;
                x.next();
                y.next();
                if s.is_empty() {
                    return None;
                }
                (field, s)
            }
            (Some(p), Some(q)) if p.0 > q.0 => y.next().cloned()?,
            (Some(_), _) => x.next().cloned()?,
            (None, Some(_)) => y.next().cloned()?,
            (None, None) => return Some(out),
        };
        out.push(next);
    }
}

/// Whether every packet of `b` is in `a`.
pub(super) fn covers(a: &Conjunct, b: &Conjunct) -> bool {
    let mut rest = b.iter();
    a.iter()
        .all(|(field, set)| rest.by_ref().find(|(f, _)| f >= field).is_some_and(|(f, s)| f == field && set.contains(s)))
}

/// One conjunct for two, if they differ in one field only or one covers the other.
fn merged(a: &Conjunct, b: &Conjunct, highest: &impl Fn(usize) -> u32) -> Option<Conjunct> {
    if covers(a, b) {
        return Some(a.clone());
    }
    if covers(b, a) {
        return Some(b.clone());
    }
    if a.len() != b.len() || a.iter().zip(b).any(|(x, y)| x.0 != y.0) {
        return None;
    }
    let mut different = a.iter().zip(b).enumerate().filter(|(_, (x, y))| x.1 != y.1).map(|(i, _)| i);
    let (at, None) = (different.next()?, different.next()) else { return None };
    let union = a[at].1.union(&b[at].1);
    let mut out = a.clone();
    if union.is_all(highest(a[at].0)) {
        out.remove(at);
    } else {
        out[at].1 = union;
    }
    Some(out)
}

/// Adds an alternative, merging it with others where that is exact.
pub(super) fn add(all: &mut Vec<Conjunct>, new: Conjunct, highest: &impl Fn(usize) -> u32) {
    let mut new = new;
    while let Some((at, m)) = all.iter().enumerate().find_map(|(i, c)| merged(c, &new, highest).map(|m| (i, m))) {
        all.swap_remove(at);
        new = m;
    }
    all.push(new);
}

/// Alternatives that hold for every packet.
pub(super) fn always() -> Vec<Conjunct> {
    vec![Conjunct::new()]
}
