//! The compiled form of rules, and how a packet goes through it.
//!
//! A packet has a class in every field. Classes of several fields are put together in tables, two at a time
//! (Gupta and McKeown: "Packet Classification on Multiple Fields", SIGCOMM 1999), as long as the tables stay
//! small enough for the cache: a *chain*. If one chain takes all fields, it ends in the number of the rule. If it takes
//! several, each ends in a row of bits, one for each conjunct that its fields accept; the first bit that is in all
//! rows names the rule (Lakshman and Stiliadis, SIGCOMM 1998).
use super::expr::{Base, Expr, Test};
use super::look::Words;
use super::map::Map;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use hashbrown::HashMap;
use sluice_dataplane::batch::MAX_BURST;

/// Most entries of a table of two classes (64 K entries are 256 KB).
const MAX_ENTRIES: usize = 1 << 16;
/// Most words of the rows of a chain that goes on.
const MAX_ROW_WORDS: usize = 1 << 17;

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

/// What the rules make of one field.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) source: Source,
    /// Ascending starts of ranges, the first of which is 0, and their classes.
    pub(super) starts: Vec<u32>,
    pub(super) classes: Vec<u32>,
    /// The class of packets that do not have the field.
    pub(super) short: u32,
    /// By class: a bit for each conjunct that accepts it.
    pub(super) rows: Vec<Vec<u64>>,
}

/// One field in a chain.
#[derive(Debug)]
struct Step {
    source: Source,
    map: Map,
    short: u32,
    /// Number of the field's classes.
    classes: u32,
    /// By the class of the fields before, then by that of this one.
    table: Box<[u32]>,
}

impl Step {
    /// Takes packets with these classes one field further.
    fn follow(&self, views: &[impl Words], classes: &mut [u32]) {
        match &self.source {
            Source::Bits { base, offset, end, shift, highest } => {
                let words = views.iter().map(|v| v.word(*base, *offset, *end));
                self.look_up(words.map(|w| Some((w? >> shift) & highest)), classes);
            }
            Source::Test(t) => self.look_up(views.iter().map(|v| Some(t.eval(v).into())), classes),
            Source::Expr(e) => self.look_up(views.iter().map(|v| Some(e.eval(v).into())), classes),
        }
    }

    /// The next classes, from the values of this field (`None`: the packet does not have it).
    #[inline]
    fn look_up(&self, values: impl Iterator<Item = Option<u32>>, classes: &mut [u32]) {
        let mut own = [0; MAX_BURST];
        let mut missing = 0u64;
        for (i, (own, value)) in own.iter_mut().zip(values).enumerate() {
            match value {
                Some(value) => *own = value,
                None => missing |= 1 << i,
            }
        }
        let own = &mut own[..classes.len()];
        self.map.classes(own);
        if missing != 0 {
            let gaps = own.iter_mut().enumerate().filter(|(i, _)| missing >> i & 1 != 0);
            gaps.for_each(|(_, class)| *class = self.short);
        }
        for (class, own) in classes.iter_mut().zip(own) {
            let at = *class * self.classes + *own;
            *class = self.table.get(at as usize).copied().unwrap_or(0);
        }
    }
}

/// Fields whose classes are put together.
type Chain = Vec<Step>;

/// Compiled rules.
#[derive(Debug, Default)]
pub(super) struct Program {
    chains: Vec<Chain>,
    /// The rule of every conjunct, ascending.
    rule: Vec<u32>,
    rules: u32,
    /// Rows of `summary + words` words. A bit of the summary says that a word of the row is not 0.
    rows: Vec<u64>,
    words: usize,
    summary: usize,
}

/// Chains of which a whole batch is taken through at once.
const FEW_CHAINS: usize = 4;
/// Rows longer than this many words get a summary.
const UNSUMMARIZED: usize = 4;

/// A chain while it is put together.
struct Unfinished {
    steps: Chain,
    /// By class of the chain so far.
    rows: Vec<Vec<u64>>,
}

impl Program {
    /// Of `rules` rules whose conjuncts belong to the rules `rule`, and look at `columns`.
    pub(super) fn new(rule: Vec<u32>, rules: u32, mut columns: Vec<Column>) -> Program {
        let words = rule.len().div_ceil(64);
        let summary = if words > UNSUMMARIZED { words.div_ceil(64) } else { 0 };
        // Fields with few classes first: they go far together.
        columns.sort_by_key(|c| c.rows.len());
        let mut program = Program { chains: Vec::new(), rule, rules, rows: Vec::new(), words, summary };
        let start = || Unfinished { steps: Vec::new(), rows: vec![vec![u64::MAX; words]] };
        let (mut chain, mut last) = (start(), columns.len());
        for column in columns {
            last -= 1;
            // What a single chain ends in is a rule, which needs no rows.
            let ends = last == 0 && program.chains.is_empty();
            if let Err(column) = chain.add(column, ends) {
                program.finish(core::mem::replace(&mut chain, start()));
                let _ = chain.add(column, false); // a first field always fits
            }
        }
        if !chain.steps.is_empty() {
            program.finish(chain);
        }
        if let [only] = &mut program.chains[..]
            && let Some(step) = only.last_mut()
        {
            // Its values are rows: each becomes its first rule.
            let first = |at: &u32| {
                let row = &program.rows[*at as usize + summary..][..words];
                let conjunct = row.iter().enumerate().find(|w| *w.1 != 0);
                conjunct.and_then(|(i, w)| program.rule.get(i * 64 + w.trailing_zeros() as usize)).map_or(rules, |r| *r)
            };
            step.table = step.table.iter().map(first).collect();
            program.rows = Vec::new();
        }
        program
    }

    /// Keeps a chain; its values become the places of its rows.
    fn finish(&mut self, mut chain: Unfinished) {
        let places: Vec<u32> = chain.rows.iter().map(|row| self.add_row(row)).collect();
        if let Some(step) = chain.steps.last_mut() {
            step.table.iter_mut().for_each(|class| *class = places[*class as usize]);
        }
        self.chains.push(chain.steps);
    }

    fn add_row(&mut self, row: &[u64]) -> u32 {
        let at = self.rows.len() as u32;
        let summary = row.chunks(64).map(|words| words.iter().rev().fold(0, |s, w| s << 1 | u64::from(*w != 0)));
        self.rows.extend(summary.take(self.summary));
        self.rows.extend(row);
        at
    }

    /// Memory, bytes.
    pub(super) fn bytes(&self) -> usize {
        let steps = self.chains.iter().flatten().map(|s| s.map.bytes() + s.table.len() * 4);
        self.rows.len() * 8 + self.rule.len() * 4 + steps.sum::<usize>()
    }

    /// Number of fields that a packet is looked up in.
    #[cfg(test)]
    pub(super) fn fields(&self) -> usize {
        self.chains.iter().map(Vec::len).sum()
    }

    /// The rules that some packet may reach, ascending.
    pub(super) fn reached(&self) -> Vec<u32> {
        self.rule.clone()
    }

    /// For each packet the first rule that matches, or the number of rules when none does. At most
    /// [`MAX_BURST`] packets: field by field over all of them, so that what a field needs is decided once.
    pub(super) fn classify(&self, views: &[impl Words], found: &mut [u32]) {
        match &self.chains[..] {
            [] => found.fill(self.rule.first().map_or(self.rules, |r| *r)),
            [only] => {
                found.fill(0);
                only.iter().for_each(|step| step.follow(views, found));
            }
            chains if chains.len() <= FEW_CHAINS => self.combine::<FEW_CHAINS, MAX_BURST>(views, found),
            _ => self.combine::<{ super::MAX_FIELDS }, 1>(views, found),
        }
    }

    /// Up to `C` chains, for `N` packets at a time.
    fn combine<const C: usize, const N: usize>(&self, views: &[impl Words], found: &mut [u32]) {
        for (views, found) in views.chunks(N).zip(found.chunks_mut(N)) {
            let mut places = [[0; N]; C];
            for (chain, places) in self.chains.iter().zip(&mut places) {
                chain.iter().for_each(|step| step.follow(views, &mut places[..views.len()]));
            }
            for (i, found) in found.iter_mut().enumerate() {
                let mut rows = [0; C];
                rows.iter_mut().zip(&places).for_each(|(r, p)| *r = p[i]);
                *found = self.first_in_all(&rows[..self.chains.len().min(C)]);
            }
        }
    }

    /// The rule of the first conjunct that is in all these rows.
    fn first_in_all(&self, rows: &[u32]) -> u32 {
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
        conjunct.and_then(|c| self.rule.get(c)).map_or(self.rules, |r| *r)
    }
}

impl Unfinished {
    /// Adds a field to the chain; gives it back if the table would be too large. `ends`: no field follows.
    fn add(&mut self, column: Column, ends: bool) -> Result<(), Column> {
        let (before, classes) = (self.rows.len(), column.rows.len());
        let entries = before * classes;
        let words = self.rows[0].len();
        let first = self.steps.is_empty();
        if !first && (entries > MAX_ENTRIES || !ends && entries * words > 16 * MAX_ROW_WORDS) {
            return Err(column);
        }
        let mut known: HashMap<Vec<u64>, u32> = HashMap::new();
        let mut rows: Vec<Vec<u64>> = Vec::new();
        let mut table = Vec::with_capacity(entries);
        for (a, b) in self.rows.iter().flat_map(|a| column.rows.iter().map(move |b| (a, b))) {
            let mut row: Vec<u64> = a.iter().zip(b).map(|(a, b)| a & b).collect();
            if ends {
                keep_first_bit(&mut row);
            }
            if let Some(class) = known.get(&row) {
                table.push(*class);
                continue;
            }
            let class = rows.len() as u32;
            if !first && rows.len() * words > MAX_ROW_WORDS {
                return Err(column);
            }
            known.insert(row.clone(), class);
            rows.push(row);
            table.push(class);
        }
        let highest = match column.source {
            Source::Bits { highest, .. } => highest,
            _ => 1,
        };
        let map = Map::new(&column.starts, &column.classes, highest);
        self.steps.push(Step {
            source: column.source,
            map,
            short: column.short,
            classes: classes as u32,
            table: table.into(),
        });
        self.rows = rows;
        Ok(())
    }
}

/// When no field follows, only the first conjunct counts.
fn keep_first_bit(row: &mut [u64]) {
    let mut rest = row.iter_mut().skip_while(|w| **w == 0);
    if let Some(word) = rest.next() {
        *word &= word.wrapping_neg();
    }
    rest.for_each(|w| *w = 0);
}
