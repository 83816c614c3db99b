//! What a received frame is: a test frame in whole, one that was damaged, or something else.
//!
//! The device may have changed hops, addresses, service header and tags, with checksums that fit. All else must be as it
//! was sent: the headers' checksums, the signature's check and the filling are looked at.
use super::frame::FILLING;
use super::signature::{self, Found, Signature};
use sluice_dataplane::pool::LONGEST_FRAME;
use sluice_dataplane::wire::checksum::Sum;
use sluice_dataplane::wire::{ethernet, ip_proto, ipv4, ipv6, nsh, udp};
use std::sync::LazyLock;

/// Tags, service headers and Ethernet headers that may lie before the IP header.
const LAYERS: usize = 6;

/// The sums of the filling's first bytes, by their number.
static SUMS: LazyLock<Vec<u16>> = LazyLock::new(|| {
    (0..=LONGEST_FRAME).map(|n| Sum::new().bytes(FILLING.get(..n).unwrap_or_default()).value()).collect()
});

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Frame {
    /// A test frame as it was sent.
    Test(Signature),
    /// A test frame that was damaged; its signature where that is whole.
    Damaged(Option<Signature>),
    /// No test frame.
    Other,
}

/// Makes what reading needs, so that no frame waits for it.
pub(super) fn prepare() {
    LazyLock::force(&FILLING);
    LazyLock::force(&SUMS);
}

/// Looks at a frame without frame check sequence.
#[inline]
pub(super) fn read(data: &[u8]) -> Frame {
    let Some((ip, six)) = internet(data) else { return Frame::Other };
    let (length, sum, rest) = if six {
        let Some((h, rest)) = ip.split_first_chunk::<{ ipv6::LEN }>() else { return Frame::Other };
        if h[6] != ip_proto::UDP {
            return Frame::Other;
        }
        (usize::from(word(h, 4)), sum::<32>(&h[8..]), rest)
    } else {
        let Some((h, rest)) = ip.split_first_chunk::<{ ipv4::LEN }>() else { return Frame::Other };
        // Fragments and options are nothing that the tester sends.
        if (h[0], h[9]) != (0x45, ip_proto::UDP) || word(h, 6) & 0x3fff != 0 {
            return Frame::Other;
        }
        let whole = sum::<20>(h);
        if signature::fold(whole) != 0xffff {
            let found = rest.get(udp::LEN..).and_then(|d| d.first_chunk()).map(Signature::decode);
            return match found {
                Some(Found::Whole(s)) => Frame::Damaged(Some(s)),
                Some(Found::Broken) => Frame::Damaged(None),
                _ => Frame::Other,
            };
        }
        (usize::from(word(h, 2)).saturating_sub(ipv4::LEN), sum::<8>(&h[12..]), rest)
    };
    let Some((u, payload)) = rest.split_first_chunk::<{ udp::LEN }>() else { return Frame::Other };
    let Some((s, filling)) = payload.split_first_chunk::<{ signature::LEN }>() else { return Frame::Other };
    let signature = match Signature::decode(s) {
        Found::None => return Frame::Other,
        Found::Broken => return Frame::Damaged(None),
        Found::Whole(signature) => signature,
    };
    let datagram = usize::from(word(u, 4));
    let filled = datagram.wrapping_sub(udp::LEN + signature::LEN);
    // Behind the datagram there may be padding.
    let whole = datagram == length
        && filling.get(..filled).is_some_and(|f| FILLING.get(..filled).is_some_and(|wanted| f == wanted))
        && checksum_fits(u, sum, filled, six);
    if whole { Frame::Test(signature) } else { Frame::Damaged(Some(signature)) }
}

/// Whether the UDP checksum is right, given the sum of the addresses: the signature counts nothing, and the filling is what
/// it should be.
#[inline]
fn checksum_fits(u: &[u8; udp::LEN], addresses: u64, filled: usize, six: bool) -> bool {
    if word(u, 6) == 0 {
        return !six; // RFC 768: there is none; RFC 8200 section 8.1: there must be one
    }
    let pseudo = u64::from(ip_proto::UDP) + u64::from(word(u, 4));
    let filling = SUMS.get(filled).copied().unwrap_or(0);
    // Sums of bytes as they lie are turned to host order.
    let known = pseudo + u64::from(u16::from_be(signature::fold(addresses + sum::<8>(u)))) + u64::from(filling);
    signature::fold(known) == 0xffff
}

/// The IP header and what follows, and whether it is IPv6.
#[inline]
fn internet(frame: &[u8]) -> Option<(&[u8], bool)> {
    let (mut kind, mut rest) = (word(frame.first_chunk::<{ ethernet::LEN }>()?, 12), frame.get(ethernet::LEN..)?);
    for _ in 0..LAYERS {
        match kind {
            ethernet::TYPE_IPV4 => return Some((rest, false)),
            ethernet::TYPE_IPV6 => return Some((rest, true)),
            ethernet::TYPE_VLAN | ethernet::TYPE_QINQ => {
                (kind, rest) = (word(rest.first_chunk::<4>()?, 2), rest.get(4..)?);
            }
            ethernet::TYPE_NSH => {
                let h = rest.first_chunk::<{ nsh::LEN }>()?;
                // RFC 8300 section 2.2: the length counts words of 4 bytes.
                let inner = rest.get(4 * usize::from(h[1] & 0x3f)..)?;
                match h[3] {
                    nsh::NEXT_IPV4 => return Some((inner, false)),
                    nsh::NEXT_IPV6 => return Some((inner, true)),
                    nsh::NEXT_ETHERNET => {
                        (kind, rest) =
                            (word(inner.first_chunk::<{ ethernet::LEN }>()?, 12), inner.get(ethernet::LEN..)?);
                    }
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
    None
}

/// The word at an offset.
#[inline]
fn word<const N: usize>(bytes: &[u8; N], at: usize) -> u16 {
    bytes.get(at..).and_then(|b| b.first_chunk()).map_or(0, |b| u16::from_be_bytes(*b))
}

/// The sum of the first `N` bytes (a multiple of 4), as they lie and not folded.
#[inline]
fn sum<const N: usize>(bytes: &[u8]) -> u64 {
    let words = bytes.get(..N).unwrap_or_default().as_chunks::<4>().0;
    words.iter().map(|w| u64::from(u32::from_ne_bytes(*w))).sum()
}

#[cfg(test)]
mod tests {
    use super::super::flow::{Flows, Side};
    use super::super::frame::{FCS, Service, Shape, Template};
    use super::*;
    use crate::rfc2544::trial::Ip;
    use sluice_dataplane::pool::Pool;
    use sluice_dataplane::wire::EtherAddr;
    use sluice_dataplane::wire::checksum::{Addresses, update_u16, verify_transport};

    const SIGNATURE: Signature = Signature { mark: 9, trial: 200, sequence: 0x1234_5678_9abc, time: 0xfedc_ba98_7654 };
    const SIDES: [Side; 2] = [
        Side { number: 0, ether: EtherAddr([2, 0, 0, 0, 0, 10]) },
        Side { number: 1, ether: EtherAddr([2, 0, 0, 0, 0, 11]) },
    ];

    fn shapes() -> Vec<Shape> {
        let nsh = |context, ethernet| Some(Service { path: 0x12_3456, index: 7, context, ethernet });
        let services = [None, nsh(false, false), nsh(true, false), nsh(false, true), nsh(true, true)];
        services.into_iter().flat_map(|nsh| [Ip::V4, Ip::V6].map(|ip| Shape { ip, nsh })).collect()
    }

    fn frame(shape: Shape, size: usize, turned: bool, flow: u32) -> Vec<u8> {
        let sides = if turned { [SIDES[1], SIDES[0]] } else { SIDES };
        let template = Template::new(shape, size, sides, EtherAddr([2, 0, 0, 0, 0, 1])).unwrap();
        let mut p = Pool::for_frames(1, size).alloc().unwrap();
        let flow = Flows { count: 100_000, random: true, networks: 256 }.get(flow);
        assert!(template.write(&mut p, &flow, &SIGNATURE));
        p.data().to_vec()
    }

    #[test]
    fn the_least_sizes_are_those_of_the_documentation() {
        let least: Vec<usize> = shapes().iter().map(Shape::least).collect();
        assert_eq!(least, [64, 84, 72, 92, 88, 108, 86, 106, 102, 122]);
        for shape in shapes() {
            assert_eq!(frame(shape, shape.least(), false, 0).len(), shape.least() - FCS);
            let to = EtherAddr::ZERO;
            assert!(Template::new(shape, shape.least() - 1, SIDES, to).is_err_and(|e| e.contains("too few")));
            assert!(Template::new(shape, 10_200, SIDES, to).is_err_and(|e| e.contains("too many")));
        }
    }

    #[test]
    fn frames_of_every_shape_and_size_are_read_as_they_were_sent_and_their_checksums_are_right() {
        for shape in shapes() {
            for size in [shape.least(), 128, 255, 256, 512, 570, 1024, 1280, 1518, 2000, 9018]
                .into_iter()
                .filter(|s| *s >= shape.least())
            {
                for flow in 0..200 {
                    let bytes = frame(shape, size, flow % 2 == 1, flow);
                    assert_eq!(bytes.len(), size - FCS);
                    assert_eq!(read(&bytes), Frame::Test(SIGNATURE), "{shape:?} {size}");
                    let (ip, _) = internet(&bytes).unwrap();
                    let (addresses, segment) = match shape.ip {
                        Ip::V4 => {
                            ipv4::verify_checksum(ip).unwrap();
                            let (h, segment) = ipv4::Ipv4::parse(ip).unwrap();
                            assert_eq!(usize::from(h.total_len()), ip.len());
                            (Addresses::from(h), segment)
                        }
                        Ip::V6 => {
                            let (h, segment) = ipv6::Ipv6::parse(ip).unwrap();
                            (Addresses::from(h), segment)
                        }
                    };
                    assert_eq!(verify_transport(addresses, ip_proto::UDP, segment), Ok(()), "{shape:?} {size}");
                }
            }
        }
    }

    #[test]
    fn addresses_of_a_frame_are_those_of_its_flow_and_direction() {
        let flow = Flows { count: 100_000, random: true, networks: 256 }.get(777);
        for turned in [false, true] {
            let [from, to] = if turned { [1, 0] } else { [0, 1] };
            let v4 = frame(Shape { ip: Ip::V4, nsh: None }, 64, turned, 777);
            let (ip, segment) = ipv4::Ipv4::parse(&v4[14..]).unwrap();
            assert_eq!(ip.src(), SIDES[from].v4(flow.nets[from], flow.hosts[from]));
            assert_eq!(ip.dst(), SIDES[to].v4(flow.nets[to], flow.hosts[to]));
            let (udp, _) = udp::Udp::parse(segment).unwrap();
            assert_eq!((udp.src_port(), udp.dst_port()), (flow.ports[from], flow.ports[to]));
            let v6 = frame(Shape { ip: Ip::V6, nsh: None }, 84, turned, 777);
            let (ip, _) = ipv6::Ipv6::parse(&v6[14..]).unwrap();
            assert_eq!(ip.src(), SIDES[from].v6(flow.nets[from], flow.hosts[from]));
            assert_eq!(ip.dst(), SIDES[to].v6(flow.nets[to], flow.hosts[to]));
        }
    }

    #[test]
    fn a_damaged_bit_of_packet_or_payload_never_passes() {
        for shape in shapes() {
            let good = frame(shape, 140, false, 5);
            let ip_at = good.len() - internet(&good).unwrap().0.len();
            // Traffic class, flow label and hop limit of IPv6 are under no checksum.
            let free = |byte: usize| shape.ip == Ip::V6 && (byte < 4 || byte == 7);
            for byte in (ip_at..good.len()).filter(|b| !free(b - ip_at)) {
                for bit in 0..8 {
                    let mut bytes = good.clone();
                    bytes[byte] ^= 1 << bit;
                    assert!(!matches!(read(&bytes), Frame::Test(_)), "{shape:?} byte {}", byte - ip_at);
                }
            }
        }
    }

    #[test]
    fn a_hop_further_with_a_tag_and_padding_is_still_the_frame() {
        let mut bytes = frame(Shape { ip: Ip::V4, nsh: None }, 64, false, 5);
        let old = u16::from_be_bytes([bytes[22], bytes[23]]);
        bytes[22] -= 1;
        let new = u16::from_be_bytes([bytes[22], bytes[23]]);
        let sum = update_u16(u16::from_be_bytes([bytes[24], bytes[25]]), old, new);
        bytes[24..26].copy_from_slice(&sum.to_be_bytes());
        bytes.splice(12..12, [0x81, 0, 0, 5]);
        bytes.extend([0; 7]);
        assert_eq!(read(&bytes), Frame::Test(SIGNATURE));
        bytes[28] ^= 1; // the header's checksum is wrong now
        assert_eq!(read(&bytes), Frame::Damaged(Some(SIGNATURE)));
    }

    #[test]
    fn other_frames_and_pieces_of_frames_are_neither_taken_for_one_nor_a_danger() {
        for shape in shapes() {
            let good = frame(shape, 130, false, 5);
            (0..good.len()).for_each(|n| assert!(!matches!(read(&good[..n]), Frame::Test(_)), "{n} bytes"));
        }
        assert_eq!(read(&[0xff; 60]), Frame::Other);
        let mut lldp = vec![0; 60];
        lldp[12..14].copy_from_slice(&[0x88, 0xcc]);
        assert_eq!(read(&lldp), Frame::Other);
    }
}
