//! NSH frames for comparisons with other implementations, mostly sound, and what the standard says of each. Read byte by byte, so
//! that the code under test is not its own judge.

/// Length of the Ethernet header before the NSH, bytes.
pub const ETHER: usize = 14;

/// A small generator of random numbers (xorshift, Marsaglia 2003).
pub struct Random(pub u64);
impl Random {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n
    }
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A frame; its number is in the source address, which no element of the chain changes.
pub fn frame(r: &mut Random, number: u32) -> Vec<u8> {
    let md = if r.once_in(12) { r.one(&[0u8, 3, 14, 15]) } else { r.one(&[1u8, 2]) };
    let mut context = Vec::new();
    match md {
        1 => context.extend((0..16).map(|_| r.below(256) as u8)),
        2 => (0..r.below(5)).for_each(|_| tlv(r, &mut context)),
        _ => context.resize(r.below(5) * 4, 0),
    }
    let words = if r.once_in(10) { r.below(64) } else { (8 + context.len()) / 4 } as u16;
    let version = if r.once_in(20) { r.below(4) as u16 } else { 0 };
    let oam = u16::from(r.once_in(20));
    let ttl = if r.once_in(4) { r.below(3) } else { r.below(64) } as u16;
    let unassigned = if r.once_in(3) { r.below(32) as u16 } else { 0 };
    let base = version << 14 | oam << 13 | (unassigned >> 4) << 12 | ttl << 6 | words;
    let next = if r.once_in(8) { r.one(&[6u8, 7, 0xfe, 0xff]) } else { r.one(&[0u8, 1, 2, 3, 5]) };
    let (spi, index) = (r.below(40) as u32, if r.once_in(30) { 0 } else { r.below(256) as u8 });
    let mut f = vec![2, 0, 0, 0, 0, 1, 2, 0];
    f.extend(number.to_be_bytes());
    f.extend([0x89, 0x4f]);
    f.extend(base.to_be_bytes());
    f.extend([(unassigned as u8 & 15) << 4 | md, next]);
    f.extend((spi << 8 | u32::from(index)).to_be_bytes());
    f.extend(context);
    if r.once_in(20) {
        f.truncate(ETHER + r.below(f.len() - ETHER + 1));
        return f;
    }
    // An inner frame of a type that nobody dissects; as IP, nobody is asked to.
    f.extend([2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 4, 0x88, 0xb5]);
    f.extend((0..r.below(40)).map(|i| i as u8));
    f
}

fn tlv(r: &mut Random, context: &mut Vec<u8>) {
    let len = r.below(13);
    let said = if r.once_in(15) { r.below(256) as u8 } else { len as u8 | if r.once_in(8) { 0x80 } else { 0 } };
    context.extend((r.one(&[0u16, 0x200, 0x1000, 0xfff6])).to_be_bytes());
    context.extend([r.below(256) as u8, said]);
    context.extend((0..len.next_multiple_of(4)).map(|_| r.below(256) as u8));
}

/// The number that a frame was made with.
pub fn number(frame: &[u8]) -> u32 {
    u32::from_be_bytes(frame[8..12].try_into().expect("four bytes"))
}

/// Why a frame must not be forwarded, by the standard alone; `None` if it must.
pub fn clause(frame: &[u8]) -> Option<&'static str> {
    let b = &frame[ETHER..];
    if b.len() < 8 {
        return Some("2.2: the packet ends before its header");
    }
    let base = u16::from_be_bytes([b[0], b[1]]);
    let (len, md) = (usize::from(base & 63) * 4, b[2] & 15);
    let tlvs_end = |mut rest: &[u8]| loop {
        match rest {
            [] => return true,
            [_, _, _, len, tail @ ..] if tail.len() >= usize::from(len & 127).next_multiple_of(4) => {
                rest = &tail[usize::from(len & 127).next_multiple_of(4)..];
            }
            _ => return false,
        }
    };
    Some(match (base >> 14, md, len) {
        (1.., _, _) => "2.2: unknown version",
        (_, 1, len) if len != 24 => "2.4: the length is 6 with MD type 1",
        (_, _, len) if len < 8 => "2.5: the length is 2 at least",
        (_, _, len) if len > b.len() => "2.2: the packet ends before its header",
        (_, 0 | 3..=14, _) => "2.2: MD type reserved or unassigned",
        (_, 15, _) => "2.2: MD type of experiments, not switched on",
        (_, 2, len) if !tlvs_end(&b[8..len]) => "2.5.1: a TLV runs past the header",
        _ if base & 0x2000 != 0 => "RFC 9451: OAM is not supported",
        _ if b[3] > 5 => "2.2: next protocol not supported",
        _ if base >> 6 & 63 == 1 => "2.2: the time to live comes to 0",
        _ if b[7] == 0 => "2.3: the service index is 0",
        _ => return None,
    })
}
