//! Longest prefix match in a multi-bit trie: 12 bits, then five times 4.
//!
//! Prefixes are pushed to the leaves, so that a look-up is one load for every level and no
//! backtracking. A node is 64 bytes, a cache line: 1,000 unrelated /24 routes take 200 KB.
use alloc::vec;
use alloc::vec::Vec;

/// Bits of the root.
const ROOT: u32 = 12;
/// Bits of each further level.
const STRIDE: u32 = 4;
const WIDTH: usize = 1 << STRIDE;
/// An entry with this bit is a node's number, any other one a value (0: none).
const NODE: u32 = 1 << 31;

/// A trie from prefixes to values of 1 to 2^31 - 1.
#[derive(Clone, Debug)]
pub(super) struct Trie {
    root: Vec<u32>,
    nodes: Vec<[u32; WIDTH]>,
    free: Vec<u32>,
}

/// Where an entry is: in the root, or in a node.
#[derive(Clone, Copy)]
enum At {
    Root(usize),
    Node(usize, usize),
}

impl Trie {
    pub(super) fn new() -> Trie {
        Trie { root: vec![0; 1 << ROOT], nodes: Vec::new(), free: Vec::new() }
    }

    /// The value of the longest prefix of `addr`, 0 if there is none.
    #[inline]
    pub(super) fn lookup(&self, addr: u32) -> u32 {
        let mut entry = self.root.get((addr >> (32 - ROOT)) as usize).copied().unwrap_or(0);
        let mut shift = 32 - ROOT;
        while entry & NODE != 0 {
            shift = shift.wrapping_sub(STRIDE);
            let slot = addr.wrapping_shr(shift) as usize % WIDTH;
            entry = self.nodes.get((entry & !NODE) as usize).map_or(0, |n| n[slot]);
        }
        entry
    }

    /// Gives `prefix/length` the value `new`, where `wins` says that it replaces a value that is
    /// there: one of a shorter prefix when inserting, the removed one when removing.
    pub(super) fn change(&mut self, prefix: u32, length: u32, new: u32, wins: &impl Fn(u32) -> bool) {
        let first = (prefix >> (32 - ROOT)) as usize;
        if length <= ROOT {
            for i in first..(first + (1 << (ROOT - length))).min(self.root.len()) {
                self.fill(At::Root(i), new, wins);
            }
        } else {
            self.descend(At::Root(first), prefix, length, 32 - ROOT, new, wins);
        }
    }

    fn get(&self, at: At) -> u32 {
        match at {
            At::Root(i) => self.root[i],
            At::Node(n, i) => self.nodes[n][i],
        }
    }

    fn put(&mut self, at: At, entry: u32) {
        match at {
            At::Root(i) => self.root[i] = entry,
            At::Node(n, i) => self.nodes[n][i] = entry,
        }
    }

    /// The prefix ends below `at`, whose children look at the bits below `shift`.
    fn descend(&mut self, at: At, prefix: u32, length: u32, shift: u32, new: u32, wins: &impl Fn(u32) -> bool) {
        let entry = self.get(at);
        let node = if entry & NODE != 0 { (entry & !NODE) as usize } else { self.make(at, entry) };
        let shift = shift - STRIDE;
        let first = (prefix >> shift) as usize % WIDTH;
        if length <= 32 - shift {
            for i in first..first + (1 << (32 - shift - length)) {
                self.fill(At::Node(node, i), new, wins);
            }
        } else {
            self.descend(At::Node(node, first), prefix, length, shift, new, wins);
        }
        self.collapse(at, node);
    }

    /// Changes an entry and all that is below it.
    fn fill(&mut self, at: At, new: u32, wins: &impl Fn(u32) -> bool) {
        let entry = self.get(at);
        if entry & NODE != 0 {
            let node = (entry & !NODE) as usize;
            (0..WIDTH).for_each(|i| self.fill(At::Node(node, i), new, wins));
            self.collapse(at, node);
        } else if wins(entry) {
            self.put(at, new);
        }
    }

    /// A new node whose entries are all `entry`.
    fn make(&mut self, at: At, entry: u32) -> usize {
        let node = self.free.pop().map_or(self.nodes.len(), |n| n as usize);
        match self.nodes.get_mut(node) {
            Some(n) => *n = [entry; WIDTH],
            None => self.nodes.push([entry; WIDTH]),
        }
        self.put(at, node as u32 | NODE);
        node
    }

    /// Puts one value in the place of a node that has no other.
    fn collapse(&mut self, at: At, node: usize) {
        let entries = self.nodes[node];
        if entries[0] & NODE == 0 && entries.iter().all(|e| *e == entries[0]) {
            self.put(at, entries[0]);
            self.free.push(node as u32);
        }
    }

    /// Memory, bytes.
    pub(super) fn bytes(&self) -> usize {
        (self.root.len() + self.free.len()) * 4 + self.nodes.len() * WIDTH * 4
    }
}
