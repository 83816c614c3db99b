//! What lies in a guest's memory, byte by byte. `ABI.md` says it to those who write guests.

/// Version of the interface, which the guest's `sluice_abi` returns.
pub const VERSION: u32 = 1;

/// Most packets of a batch.
pub const MAX_PACKETS: usize = sluice_dataplane::batch::MAX_BURST;

/// Free bytes before a packet's first byte.
pub const HEADROOM: usize = 64;

/// Free bytes behind a packet's last byte, at least.
pub const TAILROOM: usize = 64;

/// Alignment of the area and of the room of each packet, bytes.
pub const ALIGN: usize = 16;

/// Bytes of a descriptor.
pub const DESCRIPTOR: usize = 24;

/// Bytes of all descriptors.
pub const DESCRIPTORS: usize = MAX_PACKETS * DESCRIPTOR;

/// Bytes of the area in the guest's memory: descriptors, and room for as many of the longest packets.
pub const AREA: usize = DESCRIPTORS + MAX_PACKETS * room(sluice_dataplane::pool::BUFFER as usize);

/// The output number that drops a packet.
pub const DROP: u16 = u16::MAX;

/// Flag: the guest changed bytes of the packet.
pub const MODIFIED: u16 = 1;

/// The network header's offset where none is known.
pub const UNKNOWN: u16 = u16::MAX;

/// Bytes that a packet of `len` bytes takes in the area.
pub(crate) const fn room(len: usize) -> usize {
    (HEADROOM + len + TAILROOM).next_multiple_of(ALIGN)
}

/// What host and guest tell each other of a packet. In memory: little-endian, in this order, without gaps, and a zero in
/// the last three bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Descriptor {
    /// Address of the first byte. The guest may move it.
    pub offset: u32,
    /// Bytes. The guest may change it.
    pub length: u32,
    /// Free bytes before the first one, as handed over.
    pub headroom: u16,
    /// Free bytes behind the last one, as handed over.
    pub tailroom: u16,
    /// Input of the element.
    pub input: u16,
    /// Output of the element, or [`DROP`]: the guest's verdict.
    pub output: u16,
    /// [`MODIFIED`] or nothing, by the guest.
    pub flags: u16,
    /// Offset of the network header from the first byte, or [`UNKNOWN`].
    pub network: u16,
    /// The paint annotation.
    pub paint: u8,
}

impl Descriptor {
    /// As it lies in memory.
    #[inline]
    pub fn to_bytes(self) -> [u8; DESCRIPTOR] {
        let mut bytes = [0; DESCRIPTOR];
        bytes[0..4].copy_from_slice(&self.offset.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.length.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.headroom.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.tailroom.to_le_bytes());
        bytes[12..14].copy_from_slice(&self.input.to_le_bytes());
        bytes[14..16].copy_from_slice(&self.output.to_le_bytes());
        bytes[16..18].copy_from_slice(&self.flags.to_le_bytes());
        bytes[18..20].copy_from_slice(&self.network.to_le_bytes());
        bytes[20] = self.paint;
        bytes
    }
}

/// What the guest says of a packet; the rest of a descriptor is the host's, and not read back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    pub(crate) offset: u32,
    pub(crate) length: u32,
    pub(crate) output: u16,
    pub(crate) flags: u16,
}

impl Answer {
    #[inline]
    pub(crate) fn read(b: &[u8; DESCRIPTOR]) -> Answer {
        Answer {
            offset: u32::from_le_bytes([b[0], b[1], b[2], b[3]]),
            length: u32::from_le_bytes([b[4], b[5], b[6], b[7]]),
            output: u16::from_le_bytes([b[14], b[15]]),
            flags: u16::from_le_bytes([b[16], b[17]]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_lies_in_memory_as_documented() {
        let d = Descriptor {
            offset: 0x0403_0201,
            length: 0x0807_0605,
            headroom: 0x0a09,
            tailroom: 0x0c0b,
            input: 0x0e0d,
            output: 0x100f,
            flags: 0x1211,
            network: 0x1413,
            paint: 0x15,
        };
        let expected: Vec<u8> = (1..=0x15).chain([0; 3]).collect();
        assert_eq!(d.to_bytes().as_slice(), expected);
        let said = Answer { offset: d.offset, length: d.length, output: d.output, flags: d.flags };
        assert_eq!(Answer::read(&d.to_bytes()), said);
    }

    #[test]
    fn every_packet_of_a_full_batch_has_room_in_the_area() {
        let longest = sluice_dataplane::pool::BUFFER as usize;
        assert!(DESCRIPTORS.is_multiple_of(ALIGN));
        assert_eq!(AREA, DESCRIPTORS + MAX_PACKETS * room(longest));
        assert!(u16::try_from(TAILROOM + ALIGN).is_ok());
    }
}
