//! Which of the latest sequence numbers have been seen: a ring of bits, in constant memory.

/// Numbers that are told apart, behind the highest seen: at 10 million frames a second 0.4 s, in half a megabyte.
pub(super) const SIZE: u64 = 1 << 22;
const WORDS: usize = (SIZE / 64) as usize;

/// What a number is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seen {
    /// It is the next one or beyond: so many in between have not been seen.
    Ahead(u64),
    /// It comes for the first time, behind a higher one: so far below the next one.
    Late(u64),
    /// It has been seen.
    Again,
    /// It is so far behind that nobody knows.
    TooLate,
}

impl Seen {
    /// Whether it is known to come for the first time.
    #[inline]
    pub(super) fn is_first(self) -> bool {
        matches!(self, Seen::Ahead(_) | Seen::Late(_))
    }
}

/// The ring.
pub(super) struct Window {
    bits: Box<[u64]>,
    /// One more than the highest that was seen.
    next: u64,
}

impl Window {
    /// Nothing was seen.
    pub(super) fn new() -> Window {
        Window { bits: vec![0; WORDS].into_boxed_slice(), next: 0 }
    }

    /// One more than the highest that was seen (RFC 4737 section 3.3: NextExp).
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Sees a number.
    #[inline]
    pub(super) fn see(&mut self, number: u64) -> Seen {
        if number >= self.next {
            let gap = number - self.next;
            self.clear_up_to(number);
            self.next = number + 1;
            self.set(number);
            return Seen::Ahead(gap);
        }
        let behind = self.next - number;
        // Bits of the word that the ring writes to next belong to the newest numbers.
        match behind < SIZE - 64 {
            false => Seen::TooLate,
            true if self.set(number) => Seen::Again,
            true => Seen::Late(behind),
        }
    }

    /// Sets a bit; says whether it was set.
    #[inline]
    fn set(&mut self, number: u64) -> bool {
        let (word, bit) = ((number / 64) as usize % WORDS, 1 << (number % 64));
        let Some(word) = self.bits.get_mut(word) else { return false };
        let was = *word & bit != 0;
        *word |= bit;
        was
    }

    /// Makes room: clears the words behind that of the highest number, up to that of `number`.
    #[inline]
    fn clear_up_to(&mut self, number: u64) {
        let first = self.next.div_ceil(64);
        let last = number / 64;
        if last < first {
            return;
        }
        for word in first.max(last.saturating_sub(WORDS as u64 - 1))..=last {
            if let Some(word) = self.bits.get_mut(word as usize % WORDS) {
                *word = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_in_order_leave_no_gap() {
        let mut window = Window::new();
        (0..2 * SIZE + 1000).for_each(|n| assert_eq!(window.see(n), Seen::Ahead(0)));
        assert_eq!(window.next(), 2 * SIZE + 1000);
    }

    #[test]
    fn late_and_repeated_numbers_are_told_apart() {
        let mut window = Window::new();
        assert_eq!(window.see(0), Seen::Ahead(0));
        assert_eq!(window.see(200), Seen::Ahead(199));
        assert_eq!(window.see(100), Seen::Late(101));
        assert_eq!([window.see(100), window.see(200), window.see(0)], [Seen::Again; 3]);
        assert_eq!(window.see(201), Seen::Ahead(0));
        assert_eq!(window.see(SIZE * 5), Seen::Ahead(SIZE * 5 - 202));
        assert_eq!(window.see(SIZE * 4), Seen::TooLate);
        assert_eq!(window.see(SIZE * 5 - 1000), Seen::Late(1001), "nothing is left of earlier rounds");
    }

    #[test]
    fn any_disorder_is_counted_as_a_set_counts_it() {
        let (mut window, mut set, mut next, mut state) = (Window::new(), HashSet::new(), 0_u64, 1_u64);
        for round in 0..300_000_u64 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let jump = if state.is_multiple_of(1000) { 5_000 } else { 300 };
            let number = (round * 11 / 10 + state % jump).saturating_sub(150);
            let wanted = match set.insert(number) {
                true if number >= next => Seen::Ahead(number - next),
                true => Seen::Late(next - number),
                false => Seen::Again,
            };
            next = next.max(number + 1);
            assert_eq!(window.see(number), wanted, "{round}");
        }
    }
}
