//! The table of a service function forwarder: service path and index to next hops with weights.
use super::paths::{MAX_PATHS, Path, Paths};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::net::Ipv4Addr;
use sluice_dataplane::args::{FromArg, NameDb, parse_int, split_words};

/// Most next hops of one path.
pub const MAX_HOPS: usize = 64;

/// Where packets go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hop {
    /// What the destination annotation becomes; unspecified: it stays.
    gateway: u32,
    /// The output.
    pub output: u16,
    /// The path ends: the header comes off.
    pub last: bool,
}

impl Hop {
    /// What the destination annotation becomes, if it changes.
    #[inline]
    pub fn gateway(&self) -> Option<Ipv4Addr> {
        (self.gateway != 0).then(|| self.gateway.into())
    }
}

/// One of several next hops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weighted {
    /// The next hop.
    pub hop: Hop,
    /// Its share of the flows, 1 to 65535.
    pub weight: u16,
}

/// An entry as read: the path, its hop, and whether nothing but the path was there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Read {
    /// The path.
    pub path: Path,
    /// The next hop; `None` only where it may be left out.
    pub to: Option<Weighted>,
}

/// Reads `SPI/SI [GATEWAY|last] OUTPUT [WEIGHT]`. `None` if it is none.
pub fn read(text: &str, hop_optional: bool, names: &NameDb) -> Option<Read> {
    let mut words = split_words(text).into_iter();
    let path = Path::from_arg(words.next()?, names).ok()?;
    let Some(mut word) = words.next() else { return hop_optional.then_some(Read { path, to: None }) };
    let last = word == "last";
    let mut gateway = Ipv4Addr::UNSPECIFIED;
    if last || word == "-" {
        word = words.next()?;
    } else if let Ok(named) = Ipv4Addr::from_arg(word, names) {
        gateway = named;
        word = words.next()?;
    }
    let output = parse_int(word).ok()?;
    let weight = match words.next() {
        Some(w) => parse_int(w).ok().filter(|w| *w > 0)?,
        None => 1,
    };
    let hop = Hop { gateway: gateway.into(), output, last };
    words.next().is_none().then_some(Read { path, to: Some(Weighted { hop, weight }) })
}

impl fmt::Display for Weighted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hop.gateway() {
            Some(gateway) => write!(f, "{gateway}")?,
            None => f.write_str(if self.hop.last { "last" } else { "-" })?,
        }
        write!(f, " {} {}", self.hop.output, self.weight)
    }
}

/// What a path leads to: eight bytes, so that a look-up touches one cache line.
#[derive(Clone, Copy, Debug)]
pub enum Entry {
    /// One next hop.
    Hop(Hop),
    /// Several: the number of a group.
    Group(u32),
}

impl Default for Entry {
    fn default() -> Self {
        Entry::Hop(Hop { gateway: 0, output: 0, last: false })
    }
}

/// Why a change was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The path has this next hop already.
    Exists,
    /// The path has another number of next hops than it would need: no such one is there.
    Missing,
    /// No more paths, or next hops of one path, fit.
    Full,
}

/// Which of several next hops with these weights a flow with this hash takes, from 0 on: each has its share of the 2^32
/// hashes. `None` if there is none.
#[inline]
pub(crate) fn pick(weights: impl Iterator<Item = u16> + Clone, hash: u32) -> Option<usize> {
    let total: u64 = weights.clone().map(u64::from).sum();
    let mut left = (u64::from(hash) * total) >> 32;
    for (n, weight) in weights.enumerate() {
        match left.checked_sub(u64::from(weight)) {
            Some(rest) => left = rest,
            None => return Some(n),
        }
    }
    None
}

/// The table.
#[derive(Clone, Debug, Default)]
pub struct NextHops {
    entries: Paths<Entry>,
    /// Two or more next hops each; those of free groups are empty. A hop that has no siblings is of weight 1.
    groups: Vec<Vec<Weighted>>,
    free: Vec<u32>,
    /// Weights of single next hops other than 1, which matter only when others join them.
    lone: Paths<u16>,
}

impl NextHops {
    /// The entries, for look-ups in two steps.
    #[inline]
    pub fn entries(&self) -> &Paths<Entry> {
        &self.entries
    }

    /// The next hop of a group for a flow with this hash: each has its share of the 2^32 hashes.
    #[inline]
    pub fn choose(&self, group: u32, hash: u32) -> Option<Hop> {
        let members = self.groups.get(group as usize)?;
        members.get(pick(members.iter().map(|m| m.weight), hash)?).map(|m| m.hop)
    }

    /// The next hops of a path.
    pub fn hops(&self, path: Path) -> Vec<Weighted> {
        match self.entries.get(path) {
            None => Vec::new(),
            Some(Entry::Hop(hop)) => {
                Vec::from([Weighted { hop: *hop, weight: self.lone.get(path).copied().unwrap_or(1) }])
            }
            Some(Entry::Group(group)) => self.groups.get(*group as usize).cloned().unwrap_or_default(),
        }
    }

    /// Replaces the next hops of a path.
    fn put(&mut self, path: Path, hops: Vec<Weighted>) -> Result<(), Refused> {
        if hops.len() > MAX_HOPS || (self.entries.get(path).is_none() && self.entries.len() == MAX_PATHS) {
            return Err(Refused::Full);
        }
        if let Some(Entry::Group(old)) = self.entries.remove(path) {
            self.groups.get_mut(old as usize).map(core::mem::take);
            self.free.push(old);
        }
        self.lone.remove(path);
        let entry = match hops.as_slice() {
            [] => return Ok(()),
            [one] => {
                if one.weight != 1 {
                    self.lone.insert(path, one.weight).map_err(|_| Refused::Full)?;
                }
                Entry::Hop(one.hop)
            }
            _ => {
                let group = self.free.pop().unwrap_or(self.groups.len() as u32);
                match self.groups.get_mut(group as usize) {
                    Some(slot) => *slot = hops,
                    None => self.groups.push(hops),
                }
                Entry::Group(group)
            }
        };
        self.entries.insert(path, entry).map(|_| ()).map_err(|_| Refused::Full)
    }

    /// Adds a next hop to those of a path.
    ///
    /// # Errors
    /// [`Refused::Exists`] or [`Refused::Full`].
    pub fn add(&mut self, path: Path, to: Weighted) -> Result<(), Refused> {
        let mut hops = self.hops(path);
        if hops.iter().any(|h| h.hop == to.hop) {
            return Err(Refused::Exists);
        }
        hops.push(to);
        self.put(path, hops)
    }

    /// Makes a next hop the only one of a path.
    ///
    /// # Errors
    /// [`Refused::Full`].
    pub fn set(&mut self, path: Path, to: Weighted) -> Result<(), Refused> {
        self.put(path, Vec::from([to]))
    }

    /// Takes a next hop out, or all of the path.
    ///
    /// # Errors
    /// [`Refused::Missing`].
    pub fn remove(&mut self, path: Path, hop: Option<Hop>) -> Result<(), Refused> {
        let mut hops = self.hops(path);
        let before = hops.len();
        hops.retain(|h| hop.is_some_and(|hop| h.hop != hop));
        if hops.len() == before {
            return Err(Refused::Missing);
        }
        self.put(path, hops)
    }

    /// Takes out whatever leads to an output from `outputs` on.
    pub fn limit(&mut self, outputs: usize) {
        let lost: Vec<(Path, Hop)> = self
            .entries
            .iter()
            .flat_map(|(path, _)| self.hops(path).into_iter().map(move |h| (path, h.hop)))
            .filter(|(_, hop)| usize::from(hop.output) >= outputs)
            .collect();
        for (path, hop) in lost {
            let _ = self.remove(path, Some(hop)); // it was there a moment ago
        }
    }

    /// All entries, a line each: path, gateway, output, weight.
    pub fn table(&self) -> String {
        let mut out = String::new();
        for (path, _) in self.entries.sorted() {
            for h in self.hops(path) {
                let _ = writeln!(out, "{path} {h}"); // a string takes everything
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> (Path, Weighted) {
        let read = read(text, false, &NameDb::default()).unwrap();
        (read.path, read.to.unwrap())
    }

    #[test]
    fn entries_are_small() {
        assert_eq!(size_of::<Entry>(), 8);
    }

    #[test]
    fn entries_are_read_and_what_is_none_is_refused() {
        assert_eq!(alloc::format!("{}", entry("1/2 10.0.0.1 3 9").1), "10.0.0.1 3 9");
        assert_eq!(alloc::format!("{}", entry("1/2 last 3").1), "last 3 1");
        assert_eq!(alloc::format!("{}", entry("1/2 - 3").1), "- 3 1");
        assert_eq!(alloc::format!("{}", entry("1/2 3 4").1), "- 3 4");
        for wrong in
            ["", "1/2", "1 2", "1/2 x", "1/2 - ", "1/2 last", "1/2 1 0", "1/2 1 70000", "1/2 1 2 3", "1/2 65536"]
        {
            assert_eq!(read(wrong, false, &NameDb::default()), None, "{wrong}");
        }
        assert!(read("1/2", true, &NameDb::default()).is_some_and(|r| r.to.is_none()));
    }

    #[test]
    fn flows_are_shared_out_by_weight() {
        let mut table = NextHops::default();
        for text in ["1/2 0 1", "1/2 1 2", "1/2 last 2 5"] {
            let (path, to) = entry(text);
            table.add(path, to).unwrap();
        }
        let Some(Entry::Group(group)) = table.entries().get(Path::new(1, 2)).copied() else { panic!("a group") };
        let mut counts = [0; 3];
        (0..8192u32).for_each(|i| counts[usize::from(table.choose(group, i << 19).unwrap().output)] += 1);
        assert_eq!(counts, [1024, 2048, 5120]);
        assert_eq!(table.choose(group, u32::MAX).map(|h| h.output), Some(2));
        assert_eq!(table.choose(99, 0), None);
    }

    #[test]
    fn hops_come_and_go() {
        let mut table = NextHops::default();
        let (path, one) = entry("7/255 10.0.0.1 0 3");
        let (_, two) = entry("7/255 10.0.0.2 1");
        table.add(path, one).unwrap();
        assert_eq!(table.add(path, one), Err(Refused::Exists));
        table.add(path, two).unwrap();
        assert_eq!(table.table(), "7/255 10.0.0.1 0 3\n7/255 10.0.0.2 1 1\n");
        table.limit(1);
        assert_eq!(table.hops(path), [one]);
        assert_eq!(table.remove(path, Some(two.hop)), Err(Refused::Missing));
        table.set(path, two).unwrap();
        table.remove(path, None).unwrap();
        assert_eq!(table.remove(path, None), Err(Refused::Missing));
        assert_eq!((table.table(), table.entries().len()), (String::new(), 0));
        for output in 0..MAX_HOPS as u16 {
            table.add(path, Weighted { hop: Hop { output, ..one.hop }, weight: 1 }).unwrap();
        }
        assert_eq!(table.add(path, Weighted { hop: Hop { output: 99, ..one.hop }, weight: 1 }), Err(Refused::Full));
        assert_eq!(table.hops(path).len(), MAX_HOPS);
    }
}
