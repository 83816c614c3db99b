//! What a test frame carries at the start of its UDP payload, in 18 bytes: a minimal Ethernet frame with IPv4 has no more.
//!
//! ```text
//! | magic 2 | mark 1 | trial 1 | sequence number 6 | time of sending 6 | check 2 |    little-endian
//! mark: | phase 6 bits | measured 1 | direction 1 |
//! ```
//! The check makes the one's complement sum of all nine words 0xffff, which is zero to the Internet checksum (RFC 1071; RFC
//! 7820 does the same for active measurement). So the UDP checksum of a frame does not depend on what is written here.

/// Bytes of a signature.
pub(crate) const LEN: usize = 18;
/// The first two bytes, as they lie on the wire.
const MAGIC: [u8; 2] = [0xa5, 0x2f];
/// What fits into the fields of 6 bytes.
const MASK: u64 = (1 << 48) - 1;

/// The phase of frames that are not counted anywhere: learning frames and broadcasts.
pub(crate) const BESIDE: u8 = 63;

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    /// The port that it is sent at: 0 is A.
    pub(crate) from: u8,
    /// Its latency counts.
    pub(crate) measured: bool,
    /// Number of the phase, or [`BESIDE`].
    pub(crate) phase: u8,
}

impl Mark {
    /// As it lies on the wire.
    #[inline]
    pub(crate) fn encode(self) -> u8 {
        (self.phase << 2) | (u8::from(self.measured) << 1) | (self.from & 1)
    }

    /// Reads it.
    #[inline]
    pub(crate) fn decode(byte: u8) -> Mark {
        Mark { from: byte & 1, measured: byte & 2 != 0, phase: byte >> 2 }
    }
}

/// A frame's place in its trial.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Signature {
    /// A [`Mark`].
    pub(crate) mark: u8,
    /// Which trial, modulo 256: frames may be late.
    pub(crate) trial: u8,
    /// Frames of its direction before this one. 48 bits travel: at 100 million frames a second they last a month.
    pub(crate) sequence: u64,
    /// When it was handed to the port, nanoseconds modulo 2^48 (78 hours).
    pub(crate) time: u64,
}

/// What the first bytes of a payload are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// A whole signature.
    Whole(Signature),
    /// One with the magic, but a wrong check.
    Broken,
    /// None.
    None,
}

impl Signature {
    /// As it lies on the wire.
    #[inline]
    pub(crate) fn encode(&self) -> [u8; LEN] {
        let head = u32::from_le_bytes([MAGIC[0], MAGIC[1], self.mark, self.trial]);
        let (sequence, time) = (self.sequence & MASK, self.time & MASK);
        let check = !fold(u64::from(head) + time + sequence);
        let mut bytes = [0; LEN];
        bytes[..4].copy_from_slice(&head.to_le_bytes());
        bytes[4..12].copy_from_slice(&(sequence | (time << 48)).to_le_bytes());
        bytes[12..16].copy_from_slice(&((time >> 16) as u32).to_le_bytes());
        bytes[16..].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    /// Reads the start of a payload.
    #[inline]
    pub(crate) fn decode(bytes: &[u8; LEN]) -> Found {
        let [m0, m1, mark, trial, rest @ ..] = *bytes;
        if [m0, m1] != MAGIC {
            return Found::None;
        }
        let [low @ .., t2, t3, t4, t5, c0, c1] = rest;
        let (head, low) = (u32::from_le_bytes([m0, m1, mark, trial]), u64::from_le_bytes(low));
        let high = u32::from_le_bytes([t2, t3, t4, t5]);
        let (sequence, time) = (low & MASK, (low >> 48) | (u64::from(high) << 16));
        if fold(u64::from(head) + time + sequence + u64::from(u16::from_le_bytes([c0, c1]))) != 0xffff {
            return Found::Broken;
        }
        Found::Whole(Signature { mark, trial, sequence, time })
    }

    /// Nanoseconds from sending to `now`; 0 should the clocks of two cores differ by more than the frame took.
    #[inline]
    pub(crate) fn age(&self, now: u64) -> u64 {
        let age = now.wrapping_sub(self.time) & MASK;
        if age > MASK / 2 { 0 } else { age }
    }
}

/// A one's complement sum of 16 bits of the words of a sum: 2^16 counts as 1, so fields of several words are added whole.
#[inline]
pub(super) fn fold(sum: u64) -> u16 {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_dataplane::wire::checksum::Sum;

    fn some() -> impl Iterator<Item = Signature> {
        let numbers = [0, 1, 0xffff, 0x1_0000, 0x1234_5678_9abc, MASK];
        let pairs = numbers.into_iter().flat_map(move |sequence| numbers.map(|time| (sequence, time)));
        pairs.flat_map(|(sequence, time)| {
            [(0, 0), (1, 255), (255, 7)].map(|(mark, trial)| Signature { mark, trial, sequence, time })
        })
    }

    #[test]
    fn signatures_are_read_as_they_were_written() {
        some().for_each(|s| assert_eq!(Signature::decode(&s.encode()), Found::Whole(s)));
    }

    #[test]
    fn marks_are_read_as_they_were_written() {
        (0..=255).for_each(|byte| assert_eq!(Mark::decode(byte).encode(), byte));
        assert_eq!(Mark::decode(0b1010_1101), Mark { from: 1, measured: false, phase: 0b10_1011 });
    }

    #[test]
    fn the_internet_checksum_does_not_see_a_signature() {
        some().for_each(|s| assert_eq!(Sum::new().bytes(&s.encode()).value(), 0xffff, "{s:?}"));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        for s in some() {
            for bit in 0..LEN * 8 {
                let mut bytes = s.encode();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let wanted = if bit < 16 { Found::None } else { Found::Broken };
                assert_eq!(Signature::decode(&bytes), wanted, "{s:?}, bit {bit}");
            }
        }
    }

    #[test]
    fn the_age_of_a_frame_survives_the_end_of_its_field() {
        let s = Signature { mark: 0, trial: 0, sequence: 0, time: MASK - 9 };
        assert_eq!(s.age(MASK + 1 + 20), 30);
        assert_eq!(s.age(MASK - 10), 0, "a core whose clock is behind");
    }
}
