//! Longest prefix match in tables that are indexed by bits of the address: the first 16 or 24 at once,
//! then 8 at a time. With 24 this is DIR-24-8 (Gupta, Lin, McKeown: "Routing Lookups in Hardware at
//! Memory Access Speeds", INFOCOM 1998): one load for prefixes of up to 24 bits, two for longer ones,
//! 64 MB of addresses, of which the system gives as much memory as is written to.
//!
//! Prefixes are pushed to the leaves: an entry is that of the longest prefix of its addresses.
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use sluice_dataplane::pages;

/// Bits of each further table.
const STRIDE: u32 = 8;
const WIDTH: usize = 1 << STRIDE;
/// An entry with this bit is a group's number.
const GROUP: u32 = 1 << 31;
/// Where the length is.
const LENGTH: u32 = 24;

/// What a directory knows of a prefix: its length, and a number of 1 to 2^24 - 1; or nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Leaf(u32);

impl Leaf {
    /// # Panics
    /// In debug builds, when the number or the length is out of range.
    pub(super) fn new(number: u32, length: u32) -> Leaf {
        debug_assert!(number > 0 && number < 1 << LENGTH && length <= 32);
        Leaf(length << LENGTH | number)
    }
    /// 0: there is no prefix.
    #[inline]
    pub(super) fn number(self) -> u32 {
        self.0 & ((1 << LENGTH) - 1)
    }
    /// Length of the prefix; 0 if there is none, too.
    fn length(self) -> u32 {
        self.0 >> LENGTH
    }
}

/// Which size the first table has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Size {
    /// 16 bits: 256 KB.
    Small,
    /// 24 bits: 64 MB.
    Large,
}

/// A table from prefixes to leaves.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    /// What is left of an address behind the bits of the first table.
    shift: u32,
    first: Box<[u32]>,
    /// Of WIDTH entries each.
    groups: Vec<u32>,
    free: Vec<u32>,
    /// The prefix of length 0, which would fill everything.
    default: Leaf,
}

/// Which table an entry is in, and where.
#[derive(Clone, Copy)]
enum Table {
    First,
    Group(usize),
}

impl Directory {
    pub(super) fn new(size: Size) -> Directory {
        let shift = if size == Size::Large { 8 } else { 16 };
        let first = vec![0; 1 << (32 - shift)].into_boxed_slice();
        if size == Size::Large {
            pages::prefer_huge(&first);
        }
        Directory { shift, first, groups: Vec::new(), free: Vec::new(), default: Leaf::default() }
    }

    pub(super) fn size(&self) -> Size {
        if self.shift == 8 { Size::Large } else { Size::Small }
    }

    /// The first step of a look-up: an entry of the first table.
    #[inline]
    pub(super) fn begin(&self, addr: u32) -> u32 {
        self.first.get((addr >> self.shift) as usize).copied().unwrap_or(0)
    }

    /// The rest of a look-up that [`begin`](Self::begin) began: the leaf of the longest prefix.
    #[inline]
    pub(super) fn finish(&self, mut entry: u32, addr: u32) -> Leaf {
        let mut shift = self.shift;
        while entry & GROUP != 0 {
            shift = shift.wrapping_sub(STRIDE);
            let slot = addr.wrapping_shr(shift) as usize % WIDTH;
            entry = self.groups.get((entry & !GROUP) as usize * WIDTH + slot).copied().unwrap_or(0);
        }
        if entry == 0 { self.default } else { Leaf(entry) }
    }

    /// Enters a prefix, of which the host bits are 0, or replaces its leaf.
    pub(super) fn insert(&mut self, prefix: u32, length: u32, leaf: Leaf) {
        self.change(prefix, length, leaf, &|old| old.length() <= length);
    }

    /// Takes a prefix out; `covering`: the leaf of the next shorter one.
    pub(super) fn remove(&mut self, prefix: u32, length: u32, covering: Leaf) {
        self.change(prefix, length, covering, &|old| old.length() == length);
    }

    fn change(&mut self, prefix: u32, length: u32, leaf: Leaf, wins: &impl Fn(Leaf) -> bool) {
        if length == 0 {
            self.default = leaf;
        } else {
            // The default is not entered: what it covers is empty.
            let leaf = if leaf.length() == 0 { Leaf::default() } else { leaf };
            self.descend(Table::First, self.shift, prefix, length, leaf, wins);
        }
    }

    /// Changes what is below a prefix in a table that leaves `shift` bits of an address over.
    fn descend(
        &mut self,
        table: Table,
        shift: u32,
        prefix: u32,
        length: u32,
        leaf: Leaf,
        wins: &impl Fn(Leaf) -> bool,
    ) {
        let width = match table {
            Table::First => self.first.len(),
            Table::Group(_) => WIDTH,
        };
        let at = (prefix >> shift) as usize % width;
        if length <= 32 - shift {
            for i in at..at + (1 << (32 - shift - length)) {
                self.fill(table, i, leaf, wins);
            }
            return;
        }
        let entry = self.get(table, at);
        let group = if entry & GROUP != 0 { (entry & !GROUP) as usize } else { self.make(table, at, entry) };
        self.descend(Table::Group(group), shift - STRIDE, prefix, length, leaf, wins);
        self.collapse(table, at, group);
    }

    /// Changes an entry and all that is below it.
    fn fill(&mut self, table: Table, at: usize, leaf: Leaf, wins: &impl Fn(Leaf) -> bool) {
        let entry = self.get(table, at);
        if entry & GROUP != 0 {
            let group = (entry & !GROUP) as usize;
            (0..WIDTH).for_each(|i| self.fill(Table::Group(group), i, leaf, wins));
            self.collapse(table, at, group);
        } else if wins(Leaf(entry)) {
            self.put(table, at, leaf.0);
        }
    }

    #[inline]
    fn get(&self, table: Table, at: usize) -> u32 {
        match table {
            Table::First => self.first[at],
            Table::Group(g) => self.groups[g * WIDTH + at],
        }
    }

    #[inline]
    fn put(&mut self, table: Table, at: usize, entry: u32) {
        match table {
            Table::First => self.first[at] = entry,
            Table::Group(g) => self.groups[g * WIDTH + at] = entry,
        }
    }

    /// A group in the place of an entry, all of whose entries are that one.
    fn make(&mut self, table: Table, at: usize, entry: u32) -> usize {
        let group = self.free.pop().map_or(self.groups.len() / WIDTH, |g| g as usize);
        match self.groups.get_mut(group * WIDTH..(group + 1) * WIDTH) {
            Some(g) => g.fill(entry),
            None => self.groups.resize(self.groups.len() + WIDTH, entry),
        }
        self.put(table, at, group as u32 | GROUP);
        group
    }

    /// Puts one entry in the place of a group that has no other.
    fn collapse(&mut self, table: Table, at: usize, group: usize) {
        let entries = &self.groups[group * WIDTH..(group + 1) * WIDTH];
        let entry = entries[0];
        if entry & GROUP == 0 && entries.iter().all(|e| *e == entry) {
            self.put(table, at, entry);
            self.free.push(group as u32);
        }
    }

    /// Memory, bytes; of the first table, as much as it may come to.
    pub(super) fn bytes(&self) -> usize {
        (self.first.len() + self.free.len()) * 4 + self.groups.len() * 4
    }
}
