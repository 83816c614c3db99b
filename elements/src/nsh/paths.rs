//! A table from service paths to values: what an SFF, and whoever else acts on path and index, looks up.
//!
//! Open addressing with linear probing: one cache line a look-up, mostly. Look-ups come in two steps, so that a batch
//! has all its cache misses at once. Deletion moves entries back (Knuth, "The Art of Computer Programming" volume 3,
//! section 6.4, algorithm R), so no tombstones pile up.
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use sluice_dataplane::args::{FromArg, NameDb, parse_int};
use sluice_dataplane::wire::nsh::SPI_MAX;

/// Most paths in a table.
pub const MAX_PATHS: usize = 1 << 20;

/// A service path identifier and a service index: a place on a service path. Its text is `SPI/SI`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Path(u32);

impl Path {
    /// `spi` is cut to 24 bits.
    #[inline]
    pub const fn new(spi: u32, index: u8) -> Path {
        Path(spi << 8 | index as u32)
    }
    /// From the service path header's four bytes (RFC 8300 section 2.3).
    #[inline]
    pub const fn from_wire(bytes: [u8; 4]) -> Path {
        Path(u32::from_be_bytes(bytes))
    }
    /// The service path header's four bytes.
    #[inline]
    pub const fn to_wire(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
    /// Service path identifier.
    #[inline]
    pub const fn spi(self) -> u32 {
        self.0 >> 8
    }
    /// Service index.
    #[inline]
    pub const fn index(self) -> u8 {
        self.0 as u8
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.spi(), self.index())
    }
}

impl FromArg for Path {
    fn from_arg(text: &str, _: &NameDb) -> Result<Self, String> {
        let parsed = text.trim().split_once('/').and_then(|(spi, index)| {
            let spi = parse_int::<u32>(spi).ok().filter(|spi| *spi <= SPI_MAX)?;
            Some(Path::new(spi, parse_int(index).ok()?))
        });
        parsed.ok_or_else(|| "should be SPI/SI, SPI below 2^24, SI below 256".into())
    }
    fn blank() -> Self {
        Path::default()
    }
}

/// The table is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

#[derive(Clone, Copy, Debug, Default)]
struct Slot<T> {
    value: T,
    path: Path,
    used: bool,
}

/// The first step of a look-up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Begun<T>(Slot<T>);

/// A table from paths to values, which should be small: they lie in the table itself.
#[derive(Clone, Debug)]
pub struct Paths<T> {
    /// A power of two of them; never more than 5/8 are used.
    slots: Vec<Slot<T>>,
    len: usize,
}

impl<T: Copy + Default> Default for Paths<T> {
    fn default() -> Self {
        Paths { slots: vec![Slot::default(); 16], len: 0 }
    }
}

impl<T: Copy + Default> Paths<T> {
    /// Number of paths.
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// Where a path's search begins.
    #[inline]
    fn home(&self, path: Path) -> usize {
        // The high bits of a product with 2^64 / phi spread neighbouring paths evenly.
        let hash = u64::from(path.0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash >> 32) as usize & (self.slots.len() - 1)
    }
    /// The first step of a look-up: fetches the slot where the path should be.
    #[inline]
    pub fn begin(&self, path: Path) -> Begun<T> {
        Begun(self.slots.get(self.home(path)).copied().unwrap_or_default())
    }
    /// The second step, for the path that [`begin`](Self::begin) was given.
    #[inline]
    pub fn finish(&self, begun: Begun<T>, path: Path) -> Option<T> {
        let Begun(slot) = begun;
        if slot.used && slot.path == path {
            return Some(slot.value);
        }
        if slot.used { self.search(path) } else { None }
    }
    #[cold]
    fn search(&self, path: Path) -> Option<T> {
        self.get(path).copied()
    }
    /// Where a path is, or the free slot where it would be.
    #[inline]
    fn find(&self, path: Path) -> Result<usize, usize> {
        let mut at = self.home(path);
        loop {
            match self.slots.get(at) {
                Some(slot) if slot.used && slot.path == path => return Ok(at),
                Some(slot) if slot.used => at = (at + 1) & (self.slots.len() - 1),
                _ => return Err(at),
            }
        }
    }
    /// The value of a path.
    #[inline]
    pub fn get(&self, path: Path) -> Option<&T> {
        self.find(path).ok().and_then(|at| self.slots.get(at)).map(|slot| &slot.value)
    }
    /// The value of a path, writable.
    pub fn get_mut(&mut self, path: Path) -> Option<&mut T> {
        self.find(path).ok().and_then(|at| self.slots.get_mut(at)).map(|slot| &mut slot.value)
    }
    /// Sets the value of a path; gives back the one that it had.
    ///
    /// # Errors
    /// The table has [`MAX_PATHS`] others already.
    pub fn insert(&mut self, path: Path, value: T) -> Result<Option<T>, Full> {
        if let Some(old) = self.get_mut(path) {
            return Ok(Some(core::mem::replace(old, value)));
        }
        if self.len == MAX_PATHS {
            return Err(Full);
        }
        if (self.len + 1) * 8 > self.slots.len() * 5 {
            let bigger = vec![Slot::default(); self.slots.len() * 2];
            let old = core::mem::replace(&mut self.slots, bigger);
            old.into_iter().filter(|slot| slot.used).for_each(|slot| self.place(slot));
        }
        self.place(Slot { value, path, used: true });
        self.len += 1;
        Ok(None)
    }
    /// Writes a slot whose path is not there.
    fn place(&mut self, slot: Slot<T>) {
        if let Err(at) = self.find(slot.path)
            && let Some(free) = self.slots.get_mut(at)
        {
            *free = slot;
        }
    }
    /// Takes a path out; gives back its value.
    pub fn remove(&mut self, path: Path) -> Option<T> {
        let mut hole = self.find(path).ok()?;
        let value = self.slots.get(hole)?.value;
        let mask = self.slots.len() - 1;
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let Some(slot) = self.slots.get(at).copied().filter(|slot| slot.used) else { break };
            // A slot moves back if its search passes the hole.
            let home = self.home(slot.path);
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(hole) & mask) {
                *self.slots.get_mut(hole)? = slot;
                hole = at;
            }
        }
        *self.slots.get_mut(hole)? = Slot::default();
        self.len -= 1;
        Some(value)
    }
    /// All paths with their values, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Path, &T)> {
        self.slots.iter().filter(|slot| slot.used).map(|slot| (slot.path, &slot.value))
    }
    /// All paths with their values; within a service path from the highest index, where it begins, down.
    pub fn sorted(&self) -> Vec<(Path, &T)> {
        let mut all: Vec<_> = self.iter().collect();
        all.sort_unstable_by_key(|(path, _)| (path.spi(), u8::MAX - path.index()));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_is_written_as_it_is_read() {
        let path = Path::from_arg("0x10203/255", &NameDb::default()).unwrap();
        assert_eq!((path.spi(), path.index(), path.to_wire()), (0x1_0203, 255, [1, 2, 3, 255]));
        assert_eq!(alloc::format!("{path}"), "66051/255");
        for wrong in ["16777216/1", "1/256", "1", "/", "1/2/3", "-1/2"] {
            assert!(Path::from_arg(wrong, &NameDb::default()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_table_takes_so_many_paths_and_no_more() {
        let mut table = Paths::<u8>::default();
        (0..MAX_PATHS as u32).for_each(|i| assert_eq!(table.insert(Path(i), 1), Ok(None)));
        assert_eq!(table.insert(Path(MAX_PATHS as u32), 1), Err(Full));
        assert_eq!(table.insert(Path(5), 2), Ok(Some(1)));
        assert_eq!(table.remove(Path(5)), Some(2));
        assert_eq!(table.insert(Path(u32::MAX), 3), Ok(None));
        assert_eq!((table.len(), table.get(Path(u32::MAX)), table.get(Path(5))), (MAX_PATHS, Some(&3), None));
    }

    proptest! {
        /// Few different paths, so that they collide, are replaced and removed.
        #[test]
        fn a_table_does_what_a_tree_does(
            changes in proptest::collection::vec((0u32..40, 0u8..3, any::<Option<u16>>()), 0..300),
        ) {
            let (mut table, mut tree) = (Paths::<u16>::default(), alloc::collections::BTreeMap::new());
            for (spi, index, value) in changes {
                let path = Path::new(spi, index);
                match value {
                    Some(v) => prop_assert_eq!(table.insert(path, v), Ok(tree.insert(path, v))),
                    None => prop_assert_eq!(table.remove(path), tree.remove(&path)),
                }
                prop_assert_eq!(table.len(), tree.len());
                for spi in 0..40 {
                    let path = Path::new(spi, index);
                    prop_assert_eq!(table.finish(table.begin(path), path), tree.get(&path).copied());
                }
            }
            let mut all: Vec<_> = table.iter().map(|(p, v)| (p, *v)).collect();
            all.sort_unstable();
            prop_assert_eq!(all, tree.into_iter().collect::<Vec<_>>());
        }
    }
}
