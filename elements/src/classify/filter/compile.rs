//! From expressions to the compiled form.
//!
//! Every rule becomes a few *conjuncts*: sets of values of *fields* (bits of one word) that must
//! all hold. For every field, the values are cut into ranges that the conjuncts do not tell apart,
//! and each range gets a class with a row of bits, one for each conjunct that accepts it. How packets go
//! through these is the matter of `program`. The cost grows with the number of different fields, hardly with the
//! rules.
//!
//! What does not fit this form (tests with many unrelated bits in their mask, expressions with too
//! many alternatives) becomes a field of its own with two values, found out by interpretation.
use super::expr::{Base, Expr, Test};
use super::program::{Column, Program, Source};
use super::sets::{Conjunct, Set, add, always, both, covers};
use super::{MAX_FIELDS, MAX_MEMORY, MAX_RULES, MAX_WORK};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;
use hashbrown::{HashMap, HashSet};

/// Alternatives of one rule; beyond, it is interpreted.
const MAX_ALTERNATIVES: usize = 256;
/// Bits that a mask leaves out above its lowest: a test has 2 to the power of that many ranges.
const MAX_FREE_BITS: u32 = 6;
/// Conjuncts among which covered ones are looked for: that takes the square of their number.
const MAX_COMPARED: usize = 2048;

/// Bits of a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    base: Base,
    offset: u16,
    end: u8,
    shift: u32,
    width: u32,
}

impl Place {
    /// The smallest place of all bits of a test's mask.
    fn of(t: &Test) -> Option<Place> {
        let shift = if t.mask == 0 { return None } else { t.mask.trailing_zeros() };
        let width = 32 - t.mask.leading_zeros() - shift;
        Some(Place { base: t.base, offset: t.offset, end: t.end, shift, width })
    }
    fn highest(&self) -> u32 {
        u32::MAX >> (32 - self.width)
    }

    /// The values that pass a test, apart from its negation; `None` if it does not fit here.
    fn values(&self, t: &Test) -> Option<Vec<(u32, u32)>> {
        let all = self.highest();
        let same_word = (t.base, t.offset, t.end) == (self.base, self.offset, self.end);
        if !same_word || t.mask & !(all << self.shift) != 0 || t.mask == 0 {
            return None;
        }
        let (mask, value) = (t.mask >> self.shift, t.value >> self.shift);
        let low = mask.trailing_zeros();
        let free = !mask & all & (u32::MAX << low);
        let below = (1u32 << low) - 1;
        if t.greater {
            // Bits below the mask do not take part: `value` may have some, the packet's do not count.
            let first = (u64::from(value >> low) + 1) << low;
            return (free == 0)
                .then(|| u32::try_from(first).ok().filter(|f| *f <= all).map(|f| (f, all)))
                .map(|r| r.into_iter().collect());
        }
        if free.count_ones() > MAX_FREE_BITS {
            return None;
        }
        // All ways to fill the free bits, in ascending order.
        let mut out = Vec::new();
        let mut fill = 0u32;
        loop {
            out.push((value | fill, value | fill | below));
            fill = fill.wrapping_sub(free) & free;
            if fill == 0 {
                return Some(out);
            }
        }
    }
}

/// What a packet is looked up in.
#[derive(Clone, PartialEq, Debug)]
enum Field {
    Bits(Place),
    Test(Test),
    Expr(Expr),
}

impl Field {
    fn highest(&self) -> u32 {
        match self {
            Field::Bits(p) => p.highest(),
            _ => 1,
        }
    }
}

struct Compiler {
    fields: Vec<Field>,
    /// The field of every test.
    of: HashMap<Test, usize>,
    /// Ranges and alternatives that were handled: bounds the time that compiling takes.
    work: Cell<usize>,
}

/// Compiles rules; the first that matches counts.
///
/// # Errors
/// A limit is exceeded; the message names it.
pub(super) fn compile(rules: &[Expr]) -> Result<Program, String> {
    if rules.len() > MAX_RULES {
        return Err(format!("{} rules, the limit is {MAX_RULES}", rules.len()));
    }
    let mut c = Compiler { fields: Vec::new(), of: HashMap::new(), work: Cell::new(0) };
    c.place(rules);
    let mut conjuncts: Vec<(Conjunct, u32)> = Vec::new();
    'rules: for (i, rule) in rules.iter().enumerate() {
        let alternatives = c.alternatives(rule, false).unwrap_or_else(|| vec![c.opaque(rule)]);
        if c.work.get() > MAX_WORK {
            return Err(format!("rule {i}: compiling the rules takes more than {MAX_WORK} steps, which is the limit"));
        }
        for a in alternatives {
            let last = a.is_empty();
            let seen = conjuncts.len() < MAX_COMPARED && conjuncts.iter().any(|(earlier, _)| covers(earlier, &a));
            if !seen {
                conjuncts.push((a, i as u32));
            }
            if last {
                break 'rules; // always true: what follows is never reached
            }
        }
        if conjuncts.len() > MAX_RULES {
            return Err(format!("the rules have more than {MAX_RULES} alternatives, which is the limit"));
        }
    }
    c.build(conjuncts, rules.len() as u32)
}

impl Compiler {
    /// Finds a field for every test: wide ones first, so that narrower tests join them.
    fn place(&mut self, rules: &[Expr]) {
        let mut seen = HashSet::new();
        rules.iter().for_each(|r| r.tests(&mut |t| seen.extend([*t])));
        let mut tests: Vec<Test> = seen.into_iter().collect();
        tests.sort_unstable_by_key(|t| (core::cmp::Reverse(Place::of(t).map_or(0, |p| p.width)), *t));
        // Fields by the word that they are in.
        let mut by_word: HashMap<(Base, u16, u8), Vec<usize>> = HashMap::new();
        for t in tests {
            let word = by_word.entry((t.base, t.offset, t.end)).or_default();
            let fits = |f: &Field| matches!(f, Field::Bits(p) if p.values(&t).is_some());
            let at = word.iter().copied().find(|&i| fits(&self.fields[i])).unwrap_or_else(|| {
                let own = Place::of(&t).map(Field::Bits).filter(fits).unwrap_or(Field::Test(t));
                self.fields.push(own);
                word.push(self.fields.len() - 1);
                self.fields.len() - 1
            });
            self.of.insert(t, at);
        }
    }

    fn opaque(&mut self, e: &Expr) -> Conjunct {
        self.fields.push(Field::Expr(e.clone()));
        vec![(self.fields.len() - 1, Set { ranges: vec![(1, 1)], short: false })]
    }

    fn literal(&self, t: &Test, negated: bool) -> Vec<Conjunct> {
        let Some(&at) = self.of.get(t) else { return Vec::new() };
        let field = &self.fields[at];
        let highest = field.highest();
        let mut set = match field {
            Field::Bits(p) => {
                let set = Set::of(p.values(t).unwrap_or_default(), false);
                if t.negated { Set { ranges: set.complement(highest), short: false } } else { set }
            }
            _ => Set { ranges: vec![(1, 1)], short: false },
        };
        if negated {
            // What has no such field did not pass: it passes now.
            let short = matches!(field, Field::Bits(_));
            set = Set { ranges: set.complement(highest), short };
        }
        if set.is_empty() {
            Vec::new()
        } else if set.is_all(highest) {
            always()
        } else {
            vec![vec![(at, set)]]
        }
    }

    /// The alternatives of an expression or of its opposite; `None` when there are too many.
    fn alternatives(&self, e: &Expr, negated: bool) -> Option<Vec<Conjunct>> {
        match e {
            Expr::Const(b) => Some(if *b == negated { Vec::new() } else { always() }),
            Expr::Test(t) => Some(self.literal(t, negated)),
            Expr::Not(e) => self.alternatives(e, !negated),
            Expr::And(parts) if !negated => self.all(parts, false),
            Expr::Or(parts) if negated => self.all(parts, true),
            Expr::And(parts) | Expr::Or(parts) => self.any(parts, negated),
            Expr::If(e) => {
                let [condition, then, otherwise] = &**e;
                let yes = self.product(&self.alternatives(condition, false)?, &self.alternatives(then, negated)?)?;
                let no = self.product(&self.alternatives(condition, true)?, &self.alternatives(otherwise, negated)?)?;
                self.union(yes, no)
            }
        }
    }

    fn all(&self, parts: &[Expr], negated: bool) -> Option<Vec<Conjunct>> {
        parts.iter().try_fold(always(), |all, e| self.product(&all, &self.alternatives(e, negated)?))
    }

    fn any(&self, parts: &[Expr], negated: bool) -> Option<Vec<Conjunct>> {
        parts.iter().try_fold(Vec::new(), |all, e| self.union(all, self.alternatives(e, negated)?))
    }

    fn union(&self, mut a: Vec<Conjunct>, b: Vec<Conjunct>) -> Option<Vec<Conjunct>> {
        b.into_iter().try_for_each(|c| self.add(&mut a, c))?;
        Some(a)
    }

    fn product(&self, a: &[Conjunct], b: &[Conjunct]) -> Option<Vec<Conjunct>> {
        let mut out = Vec::new();
        for (x, y) in a.iter().flat_map(|x| b.iter().map(move |y| (x, y))) {
            if let Some(c) = both(x, y) {
                self.add(&mut out, c)?;
            }
        }
        Some(out)
    }

    /// Adds an alternative; `None` when there are too many, or all of this took too long.
    fn add(&self, all: &mut Vec<Conjunct>, new: Conjunct) -> Option<()> {
        let ranges = |c: &Conjunct| c.iter().map(|(_, s)| s.ranges.len()).sum::<usize>();
        let work = self.work.get() + all.iter().map(ranges).sum::<usize>() + all.len() + 1;
        self.work.set(work);
        add(all, new, &|f| self.fields[f].highest());
        (all.len() <= MAX_ALTERNATIVES && work <= MAX_WORK).then_some(())
    }

    fn build(self, conjuncts: Vec<(Conjunct, u32)>, rules: u32) -> Result<Program, String> {
        let mut used: Vec<bool> = vec![false; self.fields.len()];
        conjuncts.iter().flat_map(|c| &c.0).for_each(|(f, _)| used[*f] = true);
        let count = used.iter().filter(|u| **u).count();
        if count > MAX_FIELDS {
            return Err(format!("the rules look at {count} different fields, the limit is {MAX_FIELDS}"));
        }
        let words = conjuncts.len().div_ceil(64);
        let mut memory = 0;
        let mut columns = Vec::with_capacity(count);
        for (i, field) in self.fields.into_iter().enumerate().filter(|(i, _)| used[*i]) {
            let sets: Vec<Option<&Set>> =
                conjuncts.iter().map(|(c, _)| c.iter().find(|(f, _)| *f == i).map(|(_, s)| s)).collect();
            let highest = field.highest();
            let source = match field {
                Field::Bits(p) => Source::Bits { base: p.base, offset: p.offset, end: p.end, shift: p.shift, highest },
                Field::Test(t) => Source::Test(t),
                Field::Expr(e) => Source::Expr(e),
            };
            columns.push(cut(source, &sets, words, &mut memory)?);
        }
        Ok(Program::new(conjuncts.iter().map(|c| c.1).collect(), rules, columns))
    }
}

/// Cuts the values of one field into ranges and gives each its class. Adds to `memory` what the rows take.
fn cut(source: Source, sets: &[Option<&Set>], words: usize, memory: &mut usize) -> Result<Column, String> {
    let set_bit = |row: &mut [u64], i: usize, on: bool| {
        let bit = 1u64 << (i % 64);
        if on { row[i / 64] |= bit } else { row[i / 64] &= !bit }
    };
    let mut row = vec![0u64; words];
    let mut short = vec![0u64; words];
    // (value, conjunct, whether it begins or ends here)
    let mut events: Vec<(u32, usize, bool)> = Vec::new();
    for (i, set) in sets.iter().enumerate() {
        set_bit(&mut row, i, set.is_none());
        set_bit(&mut short, i, set.is_none_or(|s| s.short));
        for &(low, high) in set.iter().flat_map(|s| &s.ranges) {
            events.push((low, i, true));
            events.extend(high.checked_add(1).map(|end| (end, i, false)));
        }
    }
    events.sort_unstable();
    let mut known: HashMap<Vec<u64>, u32> = HashMap::new();
    let mut list: Vec<Vec<u64>> = Vec::new();
    let mut intern = |row: &[u64]| {
        if let Some(&class) = known.get(row) {
            return Ok(class);
        }
        *memory += row.len() * 8;
        if *memory > MAX_MEMORY {
            return Err(format!("the compiled rules need more than {} MiB, which is the limit", MAX_MEMORY >> 20));
        }
        known.insert(row.to_vec(), list.len() as u32);
        list.push(row.to_vec());
        Ok(list.len() as u32 - 1)
    };
    let short = intern(&short)?;
    let (mut starts, mut classes) = (vec![0], Vec::new());
    let mut events = events.into_iter().peekable();
    loop {
        let at = starts.last().copied().unwrap_or(0);
        while let Some((_, i, on)) = events.next_if(|e| e.0 == at) {
            set_bit(&mut row, i, on);
        }
        let this = intern(&row)?;
        if classes.last() == Some(&this) {
            starts.pop();
        } else {
            classes.push(this);
        }
        match events.peek() {
            Some(e) => starts.push(e.0),
            None => break,
        }
    }
    Ok(Column { source, starts, classes, short, rows: list })
}
