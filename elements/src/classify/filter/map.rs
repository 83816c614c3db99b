//! From the value of a field to its class: which of the field's ranges the value is in.
use alloc::boxed::Box;
use alloc::vec::Vec;
use sluice_dataplane::batch::MAX_BURST;

/// Ranges that are told apart by comparing with the ends of all but the last.
const FEW: usize = 9;
/// Values that a table has an entry for each of.
const DIRECT: u32 = 1 << 12;
/// Bits of each further table.
const STRIDE: u32 = 8;
/// An entry with this bit is where a group begins; any other one is a class.
const GROUP: u32 = 1 << 31;

/// The classes of all values of a field.
#[derive(Debug)]
pub(super) enum Map {
    /// Few ranges: the ends of all but the last, and their classes.
    Few(Vec<u32>, [u32; FEW]),
    /// By value.
    Direct(Box<[u32]>),
    /// By some of the value's first bits, then 8 at a time: the class where a block of values lies in
    /// one range, a group of up to 256 blocks where it does not. Before the groups there is a place for each class
    /// that leads to itself: all values take the same steps, as how deep one is could not be predicted.
    Blocks { shift: u32, first: Box<[u32]>, groups: Vec<u32> },
}

impl Map {
    /// From the ascending starts of ranges, the first of which is 0, and their classes; the field's
    /// values end at `highest`.
    pub(super) fn new(starts: &[u32], classes: &[u32], highest: u32) -> Map {
        let range = |v: u32| starts.partition_point(|s| *s <= v).saturating_sub(1);
        let class = |r: usize| classes.get(r).copied().unwrap_or(0);
        if starts.len() <= FEW {
            let ends = starts.iter().skip(1).map(|s| s - 1).collect();
            let mut list = [0; FEW];
            list.iter_mut().zip(classes).for_each(|(l, c)| *l = *c);
            return Map::Few(ends, list);
        }
        if highest < DIRECT {
            return Map::Direct((0..=highest).map(|v| class(range(v))).collect());
        }
        let width = u32::BITS - highest.leading_zeros();
        // The more ranges, the less is left to the groups.
        let bits = if starts.len() < 64 { 12 } else { 16 };
        let shift = width.saturating_sub(bits);
        let mut groups: Vec<u32> = (0..=classes.iter().copied().max().unwrap_or(0)).collect();
        let blocks = 0..=highest >> shift;
        let first = blocks.map(|b| block(b << shift, shift, &range, &class, &mut groups)).collect();
        Map::Blocks { shift, first, groups }
    }

    /// Puts the classes of up to [`MAX_BURST`] values in their place.
    #[inline]
    pub(super) fn classes(&self, values: &mut [u32]) {
        match self {
            Map::Few(ends, classes) => {
                let mut ranges = [0; MAX_BURST];
                for end in ends {
                    let count = |(range, value): (&mut u32, &u32)| *range += u32::from(value > end);
                    ranges.iter_mut().zip(values.iter()).for_each(count);
                }
                for (value, range) in values.iter_mut().zip(ranges) {
                    *value = classes.get(range as usize).copied().unwrap_or(0);
                }
            }
            Map::Direct(classes) => {
                for value in values {
                    *value = classes.get(*value as usize).copied().unwrap_or(0);
                }
            }
            Map::Blocks { shift, first, groups } => {
                let mut entries = [0; MAX_BURST];
                for (entry, value) in entries.iter_mut().zip(values.iter()) {
                    *entry = first.get((value >> shift) as usize).copied().unwrap_or(0);
                }
                let mut above = *shift;
                while above > 0 {
                    let below = above.saturating_sub(STRIDE);
                    let slots = !(u32::MAX << (above - below));
                    for (entry, value) in entries.iter_mut().zip(values.iter()) {
                        let if_group = (*entry as i32 >> 31) as u32; // all bits or none
                        let at = (*entry & !GROUP) + ((value >> below) & slots & if_group);
                        *entry = groups.get(at as usize).copied().unwrap_or(0);
                    }
                    above = below;
                }
                values.iter_mut().zip(entries).for_each(|(value, entry)| *value = entry);
            }
        }
    }

    /// Memory, bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Map::Few(ends, _) => ends.len() * 4,
            Map::Direct(classes) => classes.len() * 4,
            Map::Blocks { first, groups, .. } => (first.len() + groups.len()) * 4,
        }
    }
}

/// The entry of the `2^shift` values from `from` on.
fn block(
    from: u32,
    shift: u32,
    range: &impl Fn(u32) -> usize,
    class: &impl Fn(usize) -> u32,
    groups: &mut Vec<u32>,
) -> u32 {
    let first = range(from);
    if shift == 0 || range(from | !(u32::MAX << shift)) == first {
        return class(first);
    }
    let below = shift.saturating_sub(STRIDE);
    let slots = 1u32 << (shift - below);
    let at = groups.len();
    groups.resize(at + slots as usize, 0);
    for slot in 0..slots {
        groups[at + slot as usize] = block(from | slot << below, below, range, class, groups);
    }
    at as u32 | GROUP
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_value_has_the_class_of_its_range(
            bits in 1u32..=32,
            cuts in prop::collection::vec(any::<u32>(), 0..1000),
            values in prop::collection::vec(any::<u32>(), 50),
        ) {
            let highest = u32::MAX >> (32 - bits);
            let mut starts: Vec<u32> = cuts.iter().map(|c| c & highest).chain([0]).collect();
            starts.sort_unstable();
            starts.dedup();
            let classes: Vec<u32> = (0..starts.len() as u32).map(|c| c ^ 5).collect();
            let map = Map::new(&starts, &classes, highest);
            let near = starts.iter().flat_map(|s| [*s, s.wrapping_sub(1) & highest]);
            let values: Vec<u32> = values.iter().map(|v| v & highest).chain(near).collect();
            let mut got = values.clone();
            got.chunks_mut(MAX_BURST).for_each(|some| map.classes(some));
            for (v, got) in values.iter().zip(got) {
                let expected = classes[starts.partition_point(|s| s <= v) - 1];
                prop_assert_eq!(got, expected, "{}", v);
            }
        }
    }
}
