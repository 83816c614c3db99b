//! A batch goes into the area of a guest's memory, and what the guest made of it comes back.
//!
//! Bytes are copied once on the way in, and on the way out where the guest changed them. Everything that the guest says
//! is checked, for all packets, before any packet is touched.
use crate::abi::{
    ALIGN, Answer, DESCRIPTOR, DESCRIPTORS, DROP, Descriptor, HEADROOM, MAX_PACKETS, MODIFIED, TAILROOM, UNKNOWN, room,
};
use crate::fault::Fault;
use sluice_dataplane::packet::Packet;

/// What becomes of a packet: the number of an output, or one of these.
pub type Verdict = u16;

/// The guest drops the packet.
pub const DROPPED: Verdict = DROP;
/// The guest put something before it, and there is no room for that in its buffer.
pub const NO_HEADROOM: Verdict = DROP - 1;
/// The guest made it longer than its buffer.
pub const OVERSIZE: Verdict = DROP - 2;
/// The guest changed it, its buffer is shared, and there is none for a copy.
pub const NO_BUFFER: Verdict = DROP - 3;
/// The guest failed while it had the batch: it trapped, ran for too long, or lied.
pub(crate) const TRAPPED: Verdict = DROP - 4;
pub(crate) const TOO_LONG: Verdict = DROP - 5;
pub(crate) const LIED: Verdict = DROP - 6;
/// Most outputs of an element.
pub const MAX_OUTPUTS: u16 = 1024;

/// Where the packets of a batch lie in the area, one after the other. The host computes it before and after the call, for
/// what the guest may have written is not to be relied on.
struct Rooms {
    next: usize,
}

impl Rooms {
    /// They begin behind the descriptors.
    fn new() -> Rooms {
        Rooms { next: DESCRIPTORS }
    }
    /// Start of the room of the next packet, and where its bytes begin.
    #[inline]
    fn place(&mut self, len: usize) -> (usize, usize) {
        let at = self.next;
        self.next += room(len);
        (at, at + HEADROOM)
    }
}

/// Writes descriptors and bytes of `packets`, [`MAX_PACKETS`] at most, into the area, which lies at `base` in the memory.
///
/// # Errors
/// They do not fit. Cannot be, for the area has room for the longest packets.
#[inline]
pub(crate) fn hand_over(area: &mut [u8], base: u32, packets: &[Packet]) -> Result<(), Fault> {
    let too_small = || Fault::invalid("the area is too small");
    let (descriptors, bytes) = area.split_at_mut_checked(DESCRIPTORS).ok_or_else(too_small)?;
    let (descriptors, _) = descriptors.as_chunks_mut::<DESCRIPTOR>();
    if packets.len() > MAX_PACKETS {
        return Err(Fault::invalid("more packets than a batch may have"));
    }
    let mut rooms = Rooms::new();
    for (p, d) in packets.iter().zip(descriptors) {
        let data = p.data();
        let (_, start) = rooms.place(data.len());
        let to = bytes.get_mut(start - DESCRIPTORS..).ok_or_else(too_small)?;
        copy(data, to).ok_or_else(too_small)?;
        let described = Descriptor {
            offset: base + start as u32,
            length: data.len() as u32,
            headroom: HEADROOM as u16,
            tailroom: (room(data.len()) - HEADROOM - data.len()) as u16,
            input: 0,
            output: 0,
            flags: 0,
            network: p.net_off().and_then(|n| u16::try_from(n).ok()).unwrap_or(UNKNOWN),
            paint: p.paint(),
        };
        *d = described.to_bytes();
    }
    Ok(())
}

/// Copies `data` to the start of `to`.
#[inline]
fn copy(data: &[u8], to: &mut [u8]) -> Option<()> {
    to.get_mut(..data.len())?.copy_from_slice(data);
    Some(())
}

/// Reads what the guest says of `packets` and does it: verdicts, and changed bytes.
///
/// # Errors
/// The guest lies about one of them. Then no packet was touched.
#[inline]
pub(crate) fn take_back(
    area: &[u8],
    base: u32,
    packets: &mut [Packet],
    outputs: u16,
    verdicts: &mut [Verdict],
) -> Result<(), Fault> {
    let (descriptors, _) = area.as_chunks::<DESCRIPTOR>();
    let mut rooms = Rooms::new();
    let mut changes = false;
    for ((p, d), verdict) in packets.iter().zip(descriptors).zip(verdicts.iter_mut()) {
        let (at, start) = rooms.place(p.len());
        let answer = Answer::read(d);
        let same = (answer.offset == base + start as u32) & (answer.length == p.len() as u32) & (answer.flags == 0);
        if !same {
            check(&answer, base as usize + at, room(p.len()))?;
            changes = true;
        }
        if answer.output >= outputs && answer.output != DROP {
            return Err(Fault::Invalid(format!("output {} of {outputs}", answer.output)));
        }
        *verdict = answer.output;
    }
    if changes {
        apply(area, base, packets, verdicts);
    }
    Ok(())
}

/// Whether the packet that the guest describes lies in its room.
fn check(answer: &Answer, room_at: usize, room: usize) -> Result<(), Fault> {
    let (offset, length) = (answer.offset as usize, answer.length as usize);
    if answer.flags & !MODIFIED != 0 {
        return Err(Fault::Invalid(format!("flags {:#06x}", answer.flags)));
    }
    if offset < room_at || offset > room_at + room {
        return Err(Fault::Invalid(format!("a packet begins at {offset:#x}, outside its room")));
    }
    if length > room_at + room - offset {
        return Err(Fault::Invalid(format!("a packet of {length} bytes does not end in its room")));
    }
    Ok(())
}

/// Makes the packets what the guest made of them. All that it says was checked.
#[cold]
fn apply(area: &[u8], base: u32, packets: &mut [Packet], verdicts: &mut [Verdict]) {
    let (descriptors, _) = area.as_chunks::<DESCRIPTOR>();
    let mut rooms = Rooms::new();
    for ((p, d), verdict) in packets.iter_mut().zip(descriptors).zip(verdicts) {
        let (_, start) = rooms.place(p.len());
        let answer = Answer::read(d);
        let from = (answer.offset - base) as usize;
        let Some(bytes) = area.get(from..).and_then(|b| b.get(..answer.length as usize)) else { continue };
        if *verdict != DROPPED
            && let Err(why) = change(p, bytes, from as isize - start as isize, answer.flags & MODIFIED != 0)
        {
            *verdict = why;
        }
    }
}

/// Gives a packet its new bytes, of which the first lies `shift` bytes behind the old first one.
fn change(p: &mut Packet, bytes: &[u8], shift: isize, modified: bool) -> Result<(), Verdict> {
    let longer = shift < 0 || shift as usize + bytes.len() > p.len();
    match usize::try_from(shift) {
        Ok(strip) => p.strip(strip.min(p.len())),
        Err(_) if p.push(shift.unsigned_abs()) => true,
        Err(_) => return Err(NO_HEADROOM),
    };
    if p.len() >= bytes.len() {
        p.truncate(bytes.len());
    } else if bytes.len() - p.len() > p.tailroom() {
        return Err(OVERSIZE);
    } else if !p.grow(bytes.len() - p.len()) {
        return Err(NO_BUFFER);
    }
    if modified || longer {
        p.data_mut().ok_or(NO_BUFFER)?.copy_from_slice(bytes);
    }
    Ok(())
}

const _: () = assert!(TAILROOM >= ALIGN && HEADROOM.is_multiple_of(ALIGN));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::AREA;
    use sluice_dataplane::pool::Pool;

    const BASE: u32 = 4096;

    fn packets(pool: &Pool, lengths: &[usize]) -> Vec<Packet> {
        let make = |(i, &len): (usize, &usize)| {
            let mut p = pool.alloc().expect("a buffer");
            let bytes: Vec<u8> = (0..len).map(|b| (b + i) as u8).collect();
            assert!(p.set_data(&bytes));
            p
        };
        lengths.iter().enumerate().map(make).collect()
    }

    /// Hands packets over, lets `guest` work on the descriptors (as bytes) and the area, and takes them back.
    fn round(packets: &mut [Packet], outputs: u16, guest: impl FnOnce(&mut [u8])) -> Result<Vec<Verdict>, Fault> {
        let mut area = vec![0; AREA];
        hand_over(&mut area, BASE, packets)?;
        guest(&mut area);
        let mut verdicts = vec![0; packets.len()];
        take_back(&area, BASE, packets, outputs, &mut verdicts)?;
        Ok(verdicts)
    }

    fn set32(area: &mut [u8], packet: usize, field: usize, value: u32) {
        area[packet * DESCRIPTOR + field..][..4].copy_from_slice(&value.to_le_bytes());
    }
    fn get32(area: &[u8], packet: usize, field: usize) -> u32 {
        u32::from_le_bytes(area[packet * DESCRIPTOR + field..][..4].try_into().expect("four"))
    }
    fn set16(area: &mut [u8], packet: usize, field: usize, value: u16) {
        area[packet * DESCRIPTOR + field..][..2].copy_from_slice(&value.to_le_bytes());
    }

    #[test]
    fn the_guest_sees_every_byte_and_untouched_packets_stay_as_they_are() {
        let pool = Pool::new(64);
        let lengths = [0, 1, 60, 64, 65, 1514, 2112];
        let mut all = packets(&pool, &lengths);
        let verdicts = round(&mut all, 1, |area| {
            for (i, &len) in lengths.iter().enumerate() {
                let at = (get32(area, i, 0) - BASE) as usize;
                assert_eq!((get32(area, i, 4) as usize, at % ALIGN), (len, 0));
                assert!(area[at..at + len].iter().enumerate().all(|(b, &v)| v == (b + i) as u8));
                area[at..at + len].fill(0xee); // without the flag: it does not count
            }
        });
        assert_eq!(verdicts, Ok(vec![0; lengths.len()]));
        assert_eq!(all[3].data(), (0..64).map(|b| b + 3).collect::<Vec<u8>>());
    }

    #[test]
    fn a_full_batch_of_the_longest_packets_fits() {
        let pool = Pool::new(MAX_PACKETS);
        let mut all = packets(&pool, &[sluice_dataplane::pool::MAX_FRAME; MAX_PACKETS]);
        for p in &mut all {
            assert!(p.push(p.headroom()));
        }
        assert_eq!(round(&mut all, 1, |_| ()), Ok(vec![0; MAX_PACKETS]));
    }

    #[test]
    fn verdicts_and_changed_bytes_come_back() {
        let pool = Pool::new(8);
        let mut all = packets(&pool, &[60, 60, 60, 60, 60]);
        let verdicts = round(&mut all, 3, |area| {
            set16(area, 0, 14, DROP);
            set16(area, 1, 14, 2);
            let at = (get32(area, 2, 0) - BASE) as usize;
            area[at] = 0x77;
            set16(area, 2, 16, MODIFIED);
            let at = get32(area, 3, 0); // 14 bytes put before it
            area[(at - 14 - BASE) as usize..(at - BASE) as usize].fill(0xaa);
            set32(area, 3, 0, at - 14);
            set32(area, 3, 4, 74);
            let at = get32(area, 4, 0); // 14 taken off, 4 more behind
            area[(at + 60 - BASE) as usize..][..4].fill(0xbb);
            set32(area, 4, 0, at + 14);
            set32(area, 4, 4, 50);
        });
        assert_eq!(verdicts, Ok(vec![DROPPED, 2, 0, 0, 0]));
        assert_eq!((all[2].data()[0], all[2].data()[1]), (0x77, 3));
        assert_eq!((all[3].len(), &all[3].data()[12..16]), (74, &[0xaa, 0xaa, 3, 4][..]));
        assert_eq!(
            (all[4].len(), all[4].data()[0], &all[4].data()[44..]),
            (50, 18, &[62, 63, 0xbb, 0xbb, 0xbb, 0xbb][..])
        );
    }

    #[test]
    fn header_offsets_move_with_the_packet() {
        let pool = Pool::new(8);
        let mut all = packets(&pool, &[60]);
        all[0].set_net_off(14);
        let verdicts = round(&mut all, 1, |area| {
            assert_eq!(area[18], 14);
            let at = get32(area, 0, 0);
            set32(area, 0, 0, at - 4);
            set32(area, 0, 4, 64);
        });
        assert_eq!((verdicts, all[0].net_off()), (Ok(vec![0]), Some(18)));
    }

    #[test]
    fn lies_are_found_and_leave_every_packet_alone() {
        let lie = |guest: fn(&mut [u8])| {
            let pool = Pool::new(8);
            let mut all = packets(&pool, &[60, 60, 60]);
            let result = round(&mut all, 2, |area| {
                let at = (get32(area, 0, 0) - BASE) as usize;
                area[at] = 0xcc; // an honest change before the lie
                set16(area, 0, 16, MODIFIED);
                guest(area);
            });
            assert_eq!(all[0].data()[0], 0, "nothing was done");
            match result {
                Err(Fault::Invalid(why)) => why,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(lie(|a| set16(a, 2, 14, 2)), "output 2 of 2");
        assert_eq!(lie(|a| set16(a, 1, 16, 6)), "flags 0x0006");
        assert!(lie(|a| set32(a, 1, 4, u32::MAX)).contains("does not end in its room"));
        assert!(lie(|a| set32(a, 1, 4, 60 + 64 + 4 + 1)).contains("does not end in its room"));
        assert!(lie(|a| set32(a, 1, 0, u32::MAX)).contains("outside its room"));
        assert!(lie(|a| set32(a, 1, 0, 0)).contains("outside its room"));
        assert!(lie(|a| set32(a, 1, 0, get32(a, 0, 0))).contains("outside its room"), "another packet's room");
        assert!(lie(|a| set32(a, 1, 0, get32(a, 1, 0) - 65)).contains("outside its room"));
    }

    #[test]
    fn a_packet_may_fill_its_room_and_what_the_buffer_cannot_take_is_dropped() {
        let pool = Pool::new(8);
        let mut all = packets(&pool, &[60, 60, 2112]);
        let headroom = all[1].headroom();
        assert!(all[1].push(headroom), "none is left in the buffer");
        let lengths: Vec<u32> = all.iter().map(|p| p.len() as u32).collect();
        let verdicts = round(&mut all, 1, |area| {
            for (i, length) in lengths.iter().enumerate().take(2) {
                let at = get32(area, i, 0);
                set32(area, i, 0, at - 64);
                set32(area, i, 4, length + 64);
            }
            set32(area, 2, 4, 2112 + 64);
        });
        assert_eq!(verdicts.as_deref().map(|v| (v[0], v[2])), Ok((0, OVERSIZE)));
        assert_eq!(all[0].len(), 124);
        assert_eq!(all[1].len(), 188 + 64, "it was moved in its buffer");
    }

    #[test]
    fn whatever_a_guest_writes_the_host_survives() {
        let pool = Pool::new(8);
        let mut seed = 1u64;
        let mut random = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as u32
        };
        let (mut taken, mut refused) = (0, 0);
        for _ in 0..20_000 {
            let mut all = packets(&pool, &[60, 100, 1514]);
            let result = round(&mut all, 4, |area| {
                for i in 0..3 {
                    match random() % 8 {
                        0 => set32(area, i, 0, random()),
                        1 => set32(area, i, 4, random()),
                        2 => set32(area, i, 0, get32(area, i, 0).wrapping_add(random() % 160).wrapping_sub(80)),
                        3 => set32(area, i, 4, random() % 1700),
                        4 => set16(area, i, 14, random() as u16),
                        5 => set16(area, i, 16, (random() % 4) as u16),
                        _ => set16(area, i, 14, (random() % 4) as u16),
                    }
                }
            });
            match result {
                Ok(_) => taken += 1,
                Err(Fault::Invalid(_)) => refused += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
        assert!(taken > 100 && refused > 100, "{taken} {refused}");
    }
}
