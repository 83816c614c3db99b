//! Finds checksums that the sender left for hardware to fill in, where no metadata says so.
use super::headers::{Headers, Transport};
use super::{NEEDS_CSUM, VnetHeader};

/// What is left to do to an Ethernet frame that carries TCP or UDP and, as its checksum, the pseudo-header's sum: that is how
/// Linux leaves it. One in 65,536 frames looks so with a checksum that is right, and completing that gives the same checksum
/// again; so this is safe wherever frames are not damaged on their way.
pub fn unfilled(frame: &[u8]) -> Option<VnetHeader> {
    let transport = [Transport::Tcp, Transport::Udp];
    let (transport, headers) = transport.into_iter().find_map(|t| Some((t, Headers::parse(frame, t).ok()?)))?;
    headers.is_unfilled(frame).then(|| VnetHeader {
        flags: NEEDS_CSUM,
        csum_start: headers.transport_at as u16,
        csum_offset: transport.checksum_offset() as u16,
        ..VnetHeader::default()
    })
}

#[cfg(test)]
mod tests {
    use super::super::segment;
    use super::*;
    use etherparse::PacketBuilder;

    fn frame(tcp: bool, payload: &[u8]) -> Vec<u8> {
        let ip = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
        let mut frame = Vec::new();
        if tcp {
            ip.tcp(5, 6, 7, 8).write(&mut frame, payload).unwrap();
        } else {
            ip.udp(5, 6).write(&mut frame, payload).unwrap();
        }
        frame
    }

    #[test]
    fn a_checksum_left_to_hardware_is_found_and_completed() {
        for tcp in [true, false] {
            let whole = frame(tcp, b"payload");
            assert_eq!(unfilled(&whole), None);
            let (protocol, len) = if tcp { (6, 27) } else { (17, 15) };
            let field = 34 + if tcp { 16 } else { 6 };
            let pseudo: u32 = [10 << 8, 1, 10 << 8, 2, protocol, len].into_iter().sum();
            let mut left = whole.clone();
            left[field..field + 2].copy_from_slice(&(pseudo as u16).to_be_bytes());
            let todo = unfilled(&left).unwrap();
            let mut out = Vec::new();
            segment(&left, &todo, &mut |head, payload| {
                out = [head, payload].concat();
                true
            })
            .unwrap();
            assert_eq!(out, whole);
        }
    }

    #[test]
    fn other_frames_are_left_alone() {
        let mut fragment = frame(false, b"x");
        fragment[20] |= 0x20;
        for bytes in [&[][..], &[0; 14], &[0; 60], &fragment] {
            assert_eq!(unfilled(bytes), None);
        }
    }
}
