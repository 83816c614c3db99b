//! The compiled form of rules, and how a packet goes through it.
use super::expr::{Base, Expr, Test};
use super::look::View;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What a packet is looked up by.
#[derive(Debug)]
pub(super) enum Source {
    /// Bits of a word.
    Bits { base: Base, offset: u16, end: u8, shift: u32, highest: u32 },
    /// 1 if it passes, else 0.
    Test(Test),
    /// 1 if it matches, else 0.
    Expr(Expr),
}

/// From a value to a row: by value where there are few, else by binary search among the starts of
/// ranges that share the value's top eight bits.
#[derive(Debug)]
enum Map {
    ByValue(Box<[u32]>),
    Search { shift: u32, index: Box<[u32]>, starts: Box<[u32]>, rows: Box<[u32]> },
}

/// One field.
#[derive(Debug)]
pub(super) struct Lookup {
    source: Source,
    map: Map,
    /// The row of packets that do not have the field.
    short: u32,
}

impl Lookup {
    /// From the ascending starts of ranges, the first of which is 0, and their rows.
    pub(super) fn new(source: Source, starts: Vec<u32>, rows: Vec<u32>, short: u32) -> Lookup {
        let highest = match source {
            Source::Bits { highest, .. } => highest,
            _ => 1,
        };
        let range = |v: u32| starts.partition_point(|s| *s <= v).saturating_sub(1);
        let map = if highest < 256 {
            Map::ByValue((0..=highest).map(|v| rows[range(v)]).collect())
        } else {
            let shift = 24 - highest.leading_zeros();
            let index = (0..256).map(|top: u32| range(top << shift) as u32).chain([starts.len() as u32 - 1]).collect();
            Map::Search { shift, index, starts: starts.into(), rows: rows.into() }
        };
        Lookup { source, map, short }
    }

    /// Where the packet's row begins.
    #[inline(always)] // once for each field of each packet, and left out of line otherwise
    fn row(&self, view: &View<'_>) -> u32 {
        let value = match &self.source {
            Source::Bits { base, offset, end, shift, highest } => match view.word(*base, *offset, *end) {
                Some(word) => (word >> shift) & highest,
                None => return self.short,
            },
            Source::Test(t) => t.eval(view).into(),
            Source::Expr(e) => e.eval(view).into(),
        };
        match &self.map {
            Map::ByValue(rows) => rows.get(value as usize).copied().unwrap_or(self.short),
            Map::Search { shift, index, starts, rows } => {
                let top = (value >> shift) as usize;
                let first = index.get(top).map_or(0, |i| *i as usize);
                let last = index.get(top + 1).map_or(first, |i| *i as usize);
                let more = starts.get(first + 1..=last).map_or(0, |s| s.partition_point(|s| *s <= value));
                rows.get(first + more).copied().unwrap_or(self.short)
            }
        }
    }

    fn bytes(&self) -> usize {
        match &self.map {
            Map::ByValue(rows) => rows.len() * 4,
            Map::Search { index, starts, rows, .. } => (index.len() + starts.len() + rows.len()) * 4,
        }
    }
}

/// Compiled rules.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) lookups: Vec<Lookup>,
    /// The rule of every conjunct, ascending.
    rule: Vec<u32>,
    rules: u32,
    /// Rows of `summary + words` words. A bit of the summary says that a word of the row is not 0.
    rows: Vec<u64>,
    words: usize,
    summary: usize,
}

/// Rows longer than this many words get a summary.
const UNSUMMARIZED: usize = 4;

impl Program {
    /// Of `rules` rules whose conjuncts belong to the rules `rule`.
    pub(super) fn new(rule: Vec<u32>, rules: u32) -> Program {
        let words = rule.len().div_ceil(64);
        let summary = if words > UNSUMMARIZED { words.div_ceil(64) } else { 0 };
        Program { lookups: Vec::new(), rule, rules, rows: Vec::new(), words, summary }
    }

    /// Adds a row; says where it begins.
    pub(super) fn add_row(&mut self, row: &[u64]) -> u32 {
        let at = self.rows.len() as u32;
        let summary = row.chunks(64).map(|words| words.iter().rev().fold(0, |s, w| s << 1 | u64::from(*w != 0)));
        self.rows.extend(summary.take(self.summary));
        self.rows.extend(row);
        at
    }

    /// Memory, bytes.
    pub(super) fn bytes(&self) -> usize {
        self.rows.len() * 8 + self.rule.len() * 4 + self.lookups.iter().map(Lookup::bytes).sum::<usize>()
    }

    /// Number of fields that a packet is looked up in.
    pub(super) fn fields(&self) -> usize {
        self.lookups.len()
    }

    /// Whether some packet may reach the rule.
    pub(super) fn reaches(&self, rule: usize) -> bool {
        self.rule.binary_search(&(rule as u32)).is_ok()
    }

    /// The first rule that matches, or the number of rules when none does.
    #[inline]
    pub(super) fn classify(&self, view: &View<'_>) -> usize {
        match self.lookups.len() {
            0 => self.rule.first().map_or(self.rules, |r| *r) as usize,
            _ if self.words == 1 => self.run_short(view),
            1..=8 => self.run::<8>(view),
            9..=32 => self.run::<32>(view),
            _ => self.run::<{ super::MAX_FIELDS }>(view),
        }
    }

    /// Rows of one word.
    fn run_short(&self, view: &View<'_>) -> usize {
        let mut bits = u64::MAX;
        for lookup in &self.lookups {
            bits &= self.rows.get(lookup.row(view) as usize).copied().unwrap_or(0);
            if bits == 0 {
                return self.rules as usize;
            }
        }
        self.rule.get(bits.trailing_zeros() as usize).map_or(self.rules, |r| *r) as usize
    }

    fn run<const N: usize>(&self, view: &View<'_>) -> usize {
        let mut rows = [0u32; N];
        let n = self.lookups.len().min(N);
        rows.iter_mut().zip(&self.lookups).for_each(|(r, l)| *r = l.row(view));
        let rows = &rows[..n];
        let all = |word: usize| {
            rows.iter().fold(u64::MAX, |bits, r| bits & self.rows.get(*r as usize + word).copied().unwrap_or(0))
        };
        let found = |word: usize| {
            let bits = all(self.summary + word);
            (bits != 0).then(|| word * 64 + bits.trailing_zeros() as usize)
        };
        let conjunct = if self.summary == 0 {
            (0..self.words).find_map(found)
        } else {
            (0..self.summary).find_map(|s| {
                let mut left = all(s);
                while left != 0 {
                    if let Some(c) = found(s * 64 + left.trailing_zeros() as usize) {
                        return Some(c);
                    }
                    left &= left - 1;
                }
                None
            })
        };
        conjunct.and_then(|c| self.rule.get(c)).map_or(self.rules, |r| *r) as usize
    }
}
