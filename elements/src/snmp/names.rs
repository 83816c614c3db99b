//! Names that have numbers, to be found in a few steps however many there are.
//!
//! Its ends and its length tell a name of up to 16 octets from all others, so that no octet need be looked at by itself. They
//! are hashed into a table that is at most a quarter full. Names that are looked for do not get into it: how long that takes is in
//! the hands of those who wrote the rules.
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

/// Names of as many octets are told apart by their ends.
const ENDS: usize = 16;

/// Names, numbered from 1 on.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// By number less 1.
    names: Vec<Box<[u8]>>,
    /// Two to the power of `64 - shift`, or none.
    slots: Box<[Slot]>,
    shift: u32,
}

/// A name.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    ends: Ends,
    /// 0 if there is none.
    number: u32,
}

/// What tells names apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Ends {
    first: u64,
    last: u64,
    length: u32,
}

impl Ends {
    #[inline(always)]
    fn of(name: &[u8]) -> Ends {
        let length = name.len() as u32; // a datagram is shorter
        let short = |first: u32, last: u32| (u64::from(first), u64::from(last));
        let (first, last) = match (name.first_chunk(), name.last_chunk()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => match (name.first_chunk(), name.last_chunk()) {
                (Some(first), Some(last)) => short(u32::from_le_bytes(*first), u32::from_le_bytes(*last)),
                _ => match *name {
                    [a, b, c] => short(u32::from_le_bytes([a, b, c, 0]), 0),
                    [a, b] => short(u32::from_le_bytes([a, b, 0, 0]), 0),
                    [a] => short(a.into(), 0),
                    _ => (0, 0),
                },
            },
        };
        Ends { first, last, length }
    }

    /// A hash, of which the upper bits are good: Fibonacci hashing (Knuth, The Art of Computer Programming, section 6.4).
    #[inline]
    fn hash(&self) -> u64 {
        let mixed = self.first.rotate_left(29) ^ self.last ^ u64::from(self.length) << 40;
        mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

impl Names {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The number of a name, or 0.
    #[inline(always)] // into the loop over a batch
    pub(super) fn number(&self, name: &[u8]) -> u32 {
        let ends = Ends::of(name);
        let mut at = (ends.hash() >> self.shift) as usize;
        while let Some(slot) = self.slots.get(at) {
            if slot.number == 0 || slot.ends == ends && (name.len() <= ENDS || self.is(slot.number, name)) {
                return slot.number;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        0
    }

    #[inline(never)] // names so long are few
    fn is(&self, number: u32, name: &[u8]) -> bool {
        self.names.get(number as usize - 1).is_some_and(|n| **n == *name)
    }

    /// The number of a name, which has one from now on.
    pub(super) fn add(&mut self, name: &[u8]) -> u32 {
        let known = self.number(name);
        if known != 0 {
            return known;
        }
        self.names.push(name.into());
        if self.names.len() * 4 > self.slots.len() {
            self.slots = vec![Slot::default(); (self.names.len() * 8).next_power_of_two()].into();
            self.shift = u64::BITS - self.slots.len().trailing_zeros();
            (1..=self.names.len()).for_each(|n| self.place(n));
        } else {
            self.place(self.names.len());
        }
        self.names.len() as u32 // each takes some bytes of text
    }

    /// Puts a name into the first free slot from its place on.
    fn place(&mut self, number: usize) {
        let ends = Ends::of(&self.names[number - 1]);
        let (from, last) = ((ends.hash() >> self.shift) as usize, self.slots.len() - 1);
        let free = (from..).map(|at| at & last).find(|at| self.slots[*at].number == 0);
        free.into_iter().for_each(|at| self.slots[at] = Slot { ends, number: number as u32 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    /// Names of all lengths, of each several that differ in one octet.
    fn similar() -> Vec<Vec<u8>> {
        let of = |length: usize| {
            let name: Vec<u8> = (0..length).map(|i| b'a' + i as u8 % 3).collect();
            let others = (0..length).map(|at| {
                let mut other = name.clone();
                other[at] ^= 0x80;
                other
            });
            others.chain([name.clone()]).collect::<Vec<_>>()
        };
        (0..40).flat_map(of).collect()
    }

    #[test]
    fn each_name_has_the_number_that_it_got_and_no_other_has_one() {
        let (mut names, all) = (Names::default(), similar());
        let known = || all.iter().step_by(2);
        known().zip(1..).for_each(|(name, number)| assert_eq!(names.add(name), number));
        known().zip(1..).for_each(|(name, number)| assert_eq!(names.number(name), number, "{name:?}"));
        known().zip(1..).for_each(|(name, number)| assert_eq!(names.add(name), number));
        all.iter().skip(1).step_by(2).for_each(|name| assert_eq!(names.number(name), 0, "{name:?}"));
        assert_eq!(names.len(), known().count());
    }

    #[test]
    fn numbered_names_are_found_after_few_steps() {
        for kind in ["community-", "user-", "", "a longer name than the ends "] {
            let mut names = Names::default();
            let all: Vec<String> = (0..10_000).map(|i| format!("{kind}{i}")).collect();
            all.iter().zip(1..).for_each(|(name, number)| assert_eq!(names.add(name.as_bytes()), number));
            let free = names.slots.iter().filter(|s| s.number == 0).count();
            assert!(free * 4 >= names.slots.len() * 3, "{free}");
            let longest = names.slots.chunk_by(|a, b| (a.number == 0) == (b.number == 0));
            let longest = longest.filter(|s| s[0].number != 0).map(<[Slot]>::len).max();
            assert!(longest < Some(64), "{kind} {longest:?}");
        }
    }

    #[test]
    fn nothing_is_found_among_no_names() {
        assert_eq!(Names::default().number(b"public"), 0);
        assert_eq!(Names::default().number(b""), 0);
    }
}
