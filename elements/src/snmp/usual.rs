//! Messages in the form that senders usually give them, read in one pass.
//!
//! That is: one octet for each length inside the head, at most three for the length of the message, of its data and of its PDU; and
//! the user-based security model. What is read here has the meaning that [`Message::any`] finds, for it is as strict. `None`
//! says that the form is another one, which that reader is there for.
//!
//! A value that goes beyond the one that it is in is not noticed at once, but where that one should end: places only go up.
use super::ber::{INTEGER, OCTET_STRING, SEQUENCE};
use super::keys::ENCRYPTED;
use super::message::{AUTHENTICATED, LEAST_MAX_SIZE, MAX_USER, Message, PRIVATE, Pdu, USM, Version};

/// A version, and the identifier octet of what follows.
const IS_V1: u32 = u32::from_le_bytes([INTEGER, 1, 0, OCTET_STRING]);
const IS_V2C: u32 = u32::from_le_bytes([INTEGER, 1, 1, OCTET_STRING]);
const IS_V3: u32 = u32::from_le_bytes([INTEGER, 1, 3, SEQUENCE]);
/// From the flags to the length of the security parameters: what is always the same, and where. Of lengths that is the first bit.
const MODEL: u64 = u64::from_le_bytes([OCTET_STRING, 1, 0, INTEGER, 1, USM as u8, OCTET_STRING, 0]);
const MODEL_BITS: u64 = u64::from_le_bytes([0xff, 0xff, 0, 0xff, 0xff, 0xff, 0xff, LONG]);
/// What follows, to the length of the engine.
const PARAMETERS: u32 = u32::from_le_bytes([SEQUENCE, 0, OCTET_STRING, 0]);
const PARAMETERS_BITS: u32 = u32::from_le_bytes([0xff, LONG, 0xff, LONG]);
/// The lengths that have one octet are below.
const LONG: u8 = 0x80;

/// Versions, as they are in [`Usual::kind`].
const V1: u32 = Version::V1 as u32;
const V2C: u32 = Version::V2c as u32;
pub(crate) const V3: u32 = Version::V3 as u32;

/// The PDU types of a version: a bit for each, by the last four bits of its identifier octet.
const fn pdus(version: Version) -> u32 {
    let (mut bits, mut n) = (0, 0);
    while n < 16 {
        bits |= (Pdu::of(PDU | n, version).is_some() as u32) << n;
        n += 1;
    }
    bits
}
const PDUS_V1: u32 = pdus(Version::V1);
const PDUS: u32 = pdus(Version::V3);
/// The first bits of a PDU's identifier octet.
const PDU: u8 = 0xa0;

/// What is in the clear of a message of the usual form.
pub(crate) struct Usual<'a> {
    /// Sixteen times the version, and the last four bits of the PDU's identifier octet, or of [`ENCRYPTED`].
    pub(crate) kind: u32,
    /// The community, or the user of version 3.
    pub(crate) name: &'a [u8],
    /// The context of version 3, and its engine, unless they are encrypted.
    context: &'a [u8],
    engine: &'a [u8],
}

impl<'a> Usual<'a> {
    /// The same in the form that all messages have.
    pub(crate) fn message(&self) -> Message<'a> {
        let (version, last) = (self.kind >> 4, self.kind as u8 & 15);
        let pdu = |version| Pdu::of(PDU | last, version); // there is none where it is encrypted
        let none =
            Message { version: Version::V3, community: None, user: None, engine: None, context: None, pdu: None };
        let of = |version| Message { version, community: Some(self.name), pdu: pdu(version), ..none };
        match version {
            V1 => of(Version::V1),
            V2C => of(Version::V2c),
            _ => {
                let pdu = pdu(Version::V3);
                let (engine, context) = (pdu.map(|_| self.engine), pdu.map(|_| self.context));
                Message { user: Some(self.name), engine, context, pdu, ..none }
            }
        }
    }

    /// Reads a message of the usual form.
    pub(super) fn read(datagram: &'a [u8]) -> Option<Usual<'a>> {
        Usual::with_community(datagram).or_else(|| Usual::v3(datagram))
    }

    /// Reads one of version 1 or 2c.
    #[inline(always)] // as all that follows, into the loop over a batch: a call costs as much as a field or two
    pub(crate) fn with_community(datagram: &'a [u8]) -> Option<Usual<'a>> {
        let (reader, version, length) = Reader::of_message(datagram)?;
        match version {
            IS_V1 => reader.community(V1, PDUS_V1, length),
            IS_V2C => reader.community(V2C, PDUS, length),
            _ => None,
        }
    }

    /// Reads one of version 3.
    #[inline(always)]
    pub(crate) fn v3(datagram: &'a [u8]) -> Option<Usual<'a>> {
        let (reader, version, length) = Reader::of_message(datagram)?;
        if version == IS_V3 { reader.v3(length) } else { None }
    }
}

/// A datagram, and the place that it has been read to.
struct Reader<'a> {
    bytes: &'a [u8],
    at: u32,
}

/// Where some octets are.
type Place = (u32, u8);

impl<'a> Reader<'a> {
    /// In the message that a datagram holds: behind its version and the identifier octet of the next value, which are given as a word,
    /// and behind the length of that.
    #[inline(always)]
    fn of_message(bytes: &'a [u8]) -> Option<(Reader<'a>, u32, u8)> {
        let mut reader = Reader { bytes, at: 0 };
        if reader.last()? != SEQUENCE {
            return None;
        }
        let [version @ .., length] = *reader.next::<5>()?;
        reader.at += 5;
        if length < LONG { Some((reader, u32::from_le_bytes(version), length)) } else { None }
    }

    /// The octets that come next. They are not passed over.
    #[inline(always)]
    fn next<const N: usize>(&self) -> Option<&'a [u8; N]> {
        let at = self.at as usize;
        self.bytes.get(at..at + N)?.first_chunk()
    }

    /// The identifier octet of a value with which the datagram ends. Its contents come next.
    #[inline(always)]
    fn last(&mut self) -> Option<u8> {
        let [tag, first] = *self.next()?;
        let length = if first < LONG {
            first.into()
        } else if first == 0x81 {
            let [_, _, length] = *self.next()?;
            self.at += 1;
            length.into()
        } else if first == 0x82 {
            let [_, _, high, low] = *self.next()?;
            self.at += 2;
            u32::from(high) << 8 | u32::from(low)
        } else {
            return None;
        };
        self.at += 2;
        if self.at as usize + length as usize == self.bytes.len() { Some(tag) } else { None }
    }

    /// The place of the OCTET STRING that comes next.
    #[inline(always)]
    fn octets(&mut self) -> Option<Place> {
        let [tag, length] = *self.next()?;
        if tag != OCTET_STRING || length >= LONG {
            return None;
        }
        let start = self.at + 2;
        self.at = start + u32::from(length);
        Some((start, length))
    }

    /// The INTEGER that comes next, if it is 0 to 2147483647 (`u31`), in as few octets as possible.
    #[inline(always)]
    fn u31(&mut self) -> Option<u32> {
        // Something always follows it, so there are four octets where fewer are its own.
        let [tag, length, contents @ ..] = *self.next::<6>()?;
        if tag != INTEGER || !(1..=4).contains(&length) {
            return None;
        }
        let word = u32::from_be_bytes(contents);
        // X.690 section 8.3.2: the first nine bits are not all the same if there is a second octet; 8.3.3: the first one is the sign.
        let least = i32::from(length > 1) << 23;
        if word.cast_signed() < least {
            return None;
        }
        self.at += 2 + u32::from(length);
        Some(word >> (32 - 8 * u32::from(length)))
    }

    /// What is at a place that the datagram has: what was read behind it says so.
    #[inline(always)]
    fn at(&self, (start, length): Place) -> &'a [u8] {
        let start = start as usize;
        self.bytes.get(start..start + usize::from(length)).unwrap_or_default()
    }

    /// The last four bits of the identifier octet of the PDU, with which the datagram ends.
    #[inline(always)]
    fn pdu(&mut self, known: u32) -> Option<u32> {
        let last = u32::from(self.last()?.wrapping_sub(PDU));
        if last < 16 && known >> last & 1 != 0 { Some(last) } else { None }
    }

    /// What follows the length of the community.
    #[inline(always)]
    fn community(mut self, version: u32, known: u32, length: u8) -> Option<Usual<'a>> {
        let community = (self.at, length);
        self.at += u32::from(length);
        let kind = version << 4 | self.pdu(known)?;
        Some(Usual { kind, name: self.at(community), context: &[], engine: &[] })
    }

    /// What follows the length of the head of version 3 (RFC 3412 section 6).
    #[inline(always)]
    fn v3(mut self, length: u8) -> Option<Usual<'a>> {
        let end = self.at + u32::from(length);
        self.u31()?;
        if self.u31()? < LEAST_MAX_SIZE || self.at + 6 != end {
            return None;
        }
        let form = self.next::<12>()?;
        let [_, _, flags, _, _, _, _, parameters, _, usm, _, engine] = *form;
        let (Some(model), Some(rest)) = (form.first_chunk(), form.last_chunk()) else { return None };
        if u64::from_le_bytes(*model) & MODEL_BITS != MODEL
            || u32::from_le_bytes(*rest) & PARAMETERS_BITS != PARAMETERS
            || u32::from(parameters) != 2 + u32::from(usm)
        {
            return None;
        }
        let end = self.at + 8 + u32::from(parameters);
        self.at += 12 + u32::from(engine);
        self.u31()?; // boots of the engine
        self.u31()?; // its time
        let user = self.octets()?;
        self.octets()?; // authentication parameters
        self.octets()?; // privacy parameters
        if self.at != end || usize::from(user.1) > MAX_USER {
            return None;
        }
        let data = self.last()?;
        if flags & PRIVATE == 0 && data == SEQUENCE {
            let (engine, context) = (self.octets()?, self.octets()?);
            let kind = V3 << 4 | self.pdu(PDUS)?;
            let (context, engine) = (self.at(context), self.at(engine));
            return Some(Usual { kind, name: self.at(user), context, engine });
        }
        let both = PRIVATE | AUTHENTICATED;
        if flags & both != both || data != OCTET_STRING {
            return None;
        }
        let kind = V3 << 4 | u32::from(ENCRYPTED);
        Some(Usual { kind, name: self.at(user), context: &[], engine: &[] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPTURES: [&[u8]; 3] = [
        include_bytes!("../../tests/data/snmp/v1.pcap"),
        include_bytes!("../../tests/data/snmp/v2c.pcap"),
        include_bytes!("../../tests/data/snmp/v3.pcap"),
    ];
    /// Headers of a capture and of a frame in it; headers of Ethernet, IPv4 and UDP before the message.
    const BEFORE: (usize, usize, usize) = (24, 16, 14 + 20 + 8);

    /// Messages of net-snmp.
    fn messages(mut capture: &'static [u8]) -> impl Iterator<Item = &'static [u8]> {
        capture = &capture[BEFORE.0..];
        core::iter::from_fn(move || {
            let length = u32::from_le_bytes(*capture.get(8..12)?.first_chunk()?) as usize;
            let (frame, rest) = capture[BEFORE.1..].split_at(length);
            capture = rest;
            Some(&frame[BEFORE.2..])
        })
    }

    #[test]
    fn messages_of_net_snmp_are_of_the_usual_form() {
        for capture in CAPTURES {
            assert!(messages(capture).count() > 10);
            for m in messages(capture) {
                let found = Usual::read(m).map(|m| m.message());
                assert!(found.is_some(), "{m:02x?}");
                assert_eq!(found, Message::any(m), "{m:02x?}");
            }
        }
    }

    #[test]
    fn with_any_octet_of_its_head_changed_a_message_is_read_as_value_by_value_or_not_at_all() {
        for m in CAPTURES.into_iter().flat_map(messages) {
            let mut changed = m.to_vec();
            for at in 0..m.len().min(128) {
                for octet in 0..=255 {
                    changed[at] = octet;
                    if let Some(found) = Usual::read(&changed) {
                        assert_eq!(Some(found.message()), Message::any(&changed), "{changed:02x?}");
                    }
                }
                changed[at] = m[at];
            }
        }
    }

    #[test]
    fn no_part_of_a_message_is_one() {
        for m in CAPTURES.into_iter().flat_map(messages) {
            (0..m.len()).for_each(|n| assert!(Usual::read(&m[..n]).is_none(), "{n} of {m:02x?}"));
        }
    }
}
