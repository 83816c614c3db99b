//! The CRC that SetCRC32 and CheckCRC32 use: the polynomial of IEEE 802.3 clause 3.2.9, but as Click
//! computes it: high bit first, all ones to begin with, not inverted at the end.
//!
//! So it is not what a NIC appends to a frame, which takes the low bit first and inverts.

const POLYNOMIAL: u32 = 0x04c1_1db7;

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let (mut crc, mut bit) = ((i as u32) << 24, 0);
        while bit < 8 {
            crc = if crc & 1 << 31 != 0 { crc << 1 ^ POLYNOMIAL } else { crc << 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
};

/// The CRC of `bytes`, as it is appended: low byte first.
pub(crate) fn crc32(bytes: &[u8]) -> [u8; 4] {
    let step = |crc: u32, &b: &u8| crc << 8 ^ TABLE[((crc >> 24) as u8 ^ b) as usize];
    bytes.iter().fold(u32::MAX, step).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_check_value_of_crc_32_mpeg_2() {
        // The catalogue of parametrised CRC algorithms gives 0x0376e6e7 for "123456789".
        assert_eq!(crc32(b"123456789"), 0x0376_e6e7u32.to_le_bytes());
        assert_eq!(crc32(b""), [0xff; 4]);
    }
}
