//! Messages in the form that senders usually give them, read in one pass.
//!
//! That is: one octet for each length inside the head, at most three for the length of the message, of its data and of its PDU; and
//! the user-based security model. What is read here has the meaning that [`Message::any`] finds, for it is as strict. `None`
//! says that the form is another one, which that reader is there for.
//!
//! A value that goes beyond the one that it is in is not noticed at once, but where that one should end: places only go up.
use super::ber::{INTEGER, OCTET_STRING, SEQUENCE};
use super::message::{AUTHENTICATED, LEAST_MAX_SIZE, MAX_USER, Message, PRIVATE, Pdu, USM, Version};

/// A version, and the identifier octet of what follows.
const V1: [u8; 4] = [INTEGER, 1, 0, OCTET_STRING];
const V2C: [u8; 4] = [INTEGER, 1, 1, OCTET_STRING];
const V3: [u8; 4] = [INTEGER, 1, 3, SEQUENCE];
/// From the flags to the length of the engine in the security parameters, what is not a length or the flags.
const USM_FORM: [u8; 8] = [OCTET_STRING, 1, INTEGER, 1, USM as u8, OCTET_STRING, SEQUENCE, OCTET_STRING];
/// The lengths that have one octet are below.
const LONG: u8 = 0x80;

/// What is in the clear of a message of the usual form.
pub(super) struct Usual<'a> {
    pub(super) version: Version,
    /// `None` if it is encrypted.
    pub(super) pdu: Option<Pdu>,
    /// The community, or the user of version 3.
    pub(super) name: &'a [u8],
    /// The context of version 3, and its engine, unless they are encrypted.
    pub(super) context: &'a [u8],
    pub(super) engine: &'a [u8],
}

impl<'a> Usual<'a> {
    /// The same in the form that all messages have.
    pub(super) fn message(&self) -> Message<'a> {
        let is_v3 = self.version == Version::V3;
        let scoped = |name: &'a [u8]| Some(name).filter(|_| is_v3 && self.pdu.is_some());
        Message {
            version: self.version,
            community: Some(self.name).filter(|_| !is_v3),
            user: Some(self.name).filter(|_| is_v3),
            engine: scoped(self.engine),
            context: scoped(self.context),
            pdu: self.pdu,
        }
    }

    /// Reads a message of the usual form.
    #[inline(always)] // as all that follows: a call costs as much as a field or two
    pub(super) fn read(datagram: &[u8]) -> Option<Usual<'_>> {
        let mut r = Reader { bytes: datagram, at: 0 };
        if r.last()? != SEQUENCE {
            return None;
        }
        let [kind @ .., length] = *r.next::<5>()?;
        if length >= LONG {
            return None;
        }
        r.at += 5;
        match kind {
            V1 => r.community(Version::V1, length),
            V2C => r.community(Version::V2c, length),
            V3 => r.v3(length),
            _ => None,
        }
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
        let length = match first {
            0x81 => {
                let [_, _, length] = *self.next()?;
                self.at += 1;
                length.into()
            }
            0x82 => {
                let [_, _, high, low] = *self.next()?;
                self.at += 2;
                u32::from(high) << 8 | u32::from(low)
            }
            LONG.. => return None,
            short => short.into(),
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

    /// What follows the length of the community.
    #[inline(always)]
    fn community(mut self, version: Version, length: u8) -> Option<Usual<'a>> {
        let community = (self.at, length);
        self.at += u32::from(length);
        let pdu = Pdu::of(self.last()?, version)?;
        Some(Usual { version, pdu: Some(pdu), name: self.at(community), context: &[], engine: &[] })
    }

    /// What follows the length of the head of version 3 (RFC 3412 section 6).
    #[inline(always)]
    fn v3(mut self, length: u8) -> Option<Usual<'a>> {
        let end = self.at + u32::from(length);
        self.u31()?;
        let size = self.u31()?;
        // Flags and security model, to the length of the engine in the security parameters.
        let [a, b, flags, c, d, model, e, parameters, f, usm, g, engine] = *self.next()?;
        let lengths = u32::from(parameters) == 2 + u32::from(usm) && parameters < LONG && engine < LONG;
        if [a, b, c, d, model, e, f, g] != USM_FORM || size < LEAST_MAX_SIZE || self.at + 6 != end || !lengths {
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
            let pdu = Pdu::of(self.last()?, Version::V3)?;
            let (context, engine) = (self.at(context), self.at(engine));
            return Some(Usual { version: Version::V3, pdu: Some(pdu), name: self.at(user), context, engine });
        }
        let both = PRIVATE | AUTHENTICATED;
        if flags & both != both || data != OCTET_STRING {
            return None;
        }
        Some(Usual { version: Version::V3, pdu: None, name: self.at(user), context: &[], engine: &[] })
    }
}
