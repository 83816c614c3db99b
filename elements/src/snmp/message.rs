//! What is in the clear of an SNMP message: the keys by which messages are told apart.
//!
//! ```text
//! v1 (RFC 1157 section 4), v2c (RFC 1901 section 3):  { version, community, PDU }
//! v3 (RFC 3412 section 6):    { version, { id, max size, flags, security model }, security parameters, data }
//! USM (RFC 3414 section 2.4): { engine id, boots, time, user name, authentication, privacy }, as security parameters
//! data:                       { context engine id, context name, PDU }, or that encrypted, as octets
//! ```
//! A message is read to the identifier and the length of its PDU. What is in the PDU is its receiver's matter.
use super::ber::Reader;
use super::usual::Usual;

/// The user-based security model (RFC 3411 section 5, `SnmpSecurityModel`).
pub(super) const USM: u32 = 3;
/// RFC 3414 section 2.4: the length of a user's name, octets, at most.
pub const MAX_USER: usize = 32;
/// RFC 3412 section 6: what every receiver of messages takes, octets.
pub(super) const LEAST_MAX_SIZE: u32 = 484;
/// RFC 3412 section 6.4: bits of `msgFlags`; the others are for the future, and receivers ignore them.
pub(super) const AUTHENTICATED: u8 = 1;
pub(super) const PRIVATE: u8 = 2;

/// A version of SNMP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Version {
    /// RFC 1157.
    V1 = 1,
    /// RFC 1901.
    V2c = 2,
    /// RFC 3411 to 3418.
    V3 = 3,
}

/// What a message asks or says, by the identifier octet of its PDU (RFC 3416 section 3; RFC 1157 section 4.1.6 for a trap of v1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Pdu {
    /// GetRequest.
    Get = 0xa0,
    /// GetNextRequest.
    GetNext = 0xa1,
    /// Response (v1: GetResponse).
    Response = 0xa2,
    /// SetRequest.
    Set = 0xa3,
    /// Trap of v1.
    TrapV1 = 0xa4,
    /// GetBulkRequest.
    GetBulk = 0xa5,
    /// InformRequest.
    Inform = 0xa6,
    /// SNMPv2-Trap.
    Trap = 0xa7,
    /// Report.
    Report = 0xa8,
}

impl Pdu {
    /// `None` if the version has none of this identifier octet.
    #[inline]
    pub(super) const fn of(tag: u8, version: Version) -> Option<Pdu> {
        let v1 = matches!(version, Version::V1);
        Some(match tag {
            0xa0 => Pdu::Get,
            0xa1 => Pdu::GetNext,
            0xa2 => Pdu::Response,
            0xa3 => Pdu::Set,
            0xa4 if v1 => Pdu::TrapV1,
            0xa5 if !v1 => Pdu::GetBulk,
            0xa6 if !v1 => Pdu::Inform,
            0xa7 if !v1 => Pdu::Trap,
            0xa8 if !v1 => Pdu::Report,
            _ => return None,
        })
    }
}

/// What is in the clear of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    /// Its version.
    pub version: Version,
    /// The community of v1 and v2c.
    pub community: Option<&'a [u8]>,
    /// The user of v3 (`msgUserName`); `None` if the security model is not USM. Empty while an engine is being discovered.
    pub user: Option<&'a [u8]>,
    /// The engine that the context of v3 belongs to, unless it is encrypted.
    pub engine: Option<&'a [u8]>,
    /// The name of the context of v3, unless it is encrypted; empty for the default one.
    pub context: Option<&'a [u8]>,
    /// What it asks or says, unless it is encrypted.
    pub pdu: Option<Pdu>,
}

impl<'a> Message<'a> {
    /// Reads a datagram. `None` if it is not one whole message and nothing else, as the standards write it down.
    #[inline]
    pub fn parse(datagram: &'a [u8]) -> Option<Message<'a>> {
        Usual::read(datagram).map(|m| m.message()).or_else(|| Message::any(datagram))
    }

    /// As [`parse`](Self::parse), value by value, in whatever form they are.
    #[inline(never)]
    pub fn any(datagram: &'a [u8]) -> Option<Message<'a>> {
        let mut datagram = Reader::new(datagram);
        let mut message = datagram.sequence()?;
        datagram.end()?;
        let version = match message.u31()? {
            0 => Version::V1,
            1 => Version::V2c,
            3 => Version::V3,
            _ => return None,
        };
        let mut found = Message { version, community: None, user: None, engine: None, context: None, pdu: None };
        if version == Version::V3 {
            found.read_v3(&mut message)?;
        } else {
            found.community = Some(message.octets()?);
            found.read_pdu(&mut message)?;
        }
        message.end()?;
        Some(found)
    }

    #[inline]
    fn read_pdu(&mut self, reader: &mut Reader<'a>) -> Option<()> {
        self.pdu = Some(Pdu::of(reader.value()?.0, self.version)?);
        Some(())
    }

    #[inline]
    fn read_v3(&mut self, message: &mut Reader<'a>) -> Option<()> {
        let mut head = message.sequence()?;
        head.u31()?;
        head.u31().filter(|size| *size >= LEAST_MAX_SIZE)?;
        let &[flags] = head.octets()? else { return None };
        let model = head.u31().filter(|model| *model > 0)?;
        head.end()?;
        let private = flags & PRIVATE != 0;
        // RFC 3412 section 7.2 step 5: privacy without authentication is no message.
        if private && flags & AUTHENTICATED == 0 {
            return None;
        }
        let parameters = message.octets()?;
        if model == USM {
            self.user = Some(usm_user(parameters)?);
        }
        if private {
            message.octets()?;
            return Some(());
        }
        let mut scoped = message.sequence()?;
        self.engine = Some(scoped.octets()?);
        self.context = Some(scoped.octets()?);
        self.read_pdu(&mut scoped)?;
        scoped.end()
    }
}

/// RFC 3414 section 2.4: the user's name in the security parameters.
#[inline]
fn usm_user(parameters: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(parameters);
    let mut usm = reader.sequence()?;
    reader.end()?;
    usm.octets()?; // the authoritative engine
    usm.u31()?; // its boots
    usm.u31()?; // its time
    let user = usm.octets().filter(|user| user.len() <= MAX_USER)?;
    usm.octets()?; // authentication parameters
    usm.octets()?; // privacy parameters
    usm.end()?;
    Some(user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// A value with contents of fewer than 128 octets.
    fn value(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
        let contents = contents.concat();
        [&[tag, contents.len() as u8], &contents[..]].concat()
    }

    fn v3(flags: u8, model: u8, data: &[u8]) -> Vec<u8> {
        let head = value(0x30, &[&[2, 1, 9, 2, 2, 5, 0xdc, 4, 1, flags, 2, 1, model]]);
        let usm = value(0x30, &[&value(4, &[b"engine"]), &[2, 1, 1, 2, 1, 2], &value(4, &[b"admin"]), &[4, 0, 4, 0]]);
        value(0x30, &[&[2, 1, 3], &head, &value(4, &[&usm]), data])
    }

    fn scoped(pdu: u8) -> Vec<u8> {
        value(0x30, &[&value(4, &[b"engine"]), &value(4, &[b"billing"]), &[pdu, 0]])
    }

    #[test]
    fn a_community_and_a_pdu_are_found_in_version_1_and_2c() {
        let message = |version: u8, pdu: u8| value(0x30, &[&[2, 1, version], &value(4, &[b"public"]), &[pdu, 0]]);
        let found = |version, pdu| {
            Message::parse(&message(version, pdu)).map(|m| (m.version, m.community.map(<[u8]>::to_vec), m.pdu))
        };
        let public = Some(b"public".to_vec());
        assert_eq!(found(0, 0xa0), Some((Version::V1, public.clone(), Some(Pdu::Get))));
        assert_eq!(found(1, 0xa5), Some((Version::V2c, public.clone(), Some(Pdu::GetBulk))));
        assert_eq!(found(0, 0xa4), Some((Version::V1, public, Some(Pdu::TrapV1))));
        // PDUs of the other version, of none, and versions that are none.
        for (version, pdu) in [(0, 0xa5), (1, 0xa4), (1, 0xa9), (1, 0x30), (2, 0xa0), (4, 0xa0)] {
            assert_eq!(found(version, pdu), None, "{version} {pdu:x}");
        }
    }

    #[test]
    fn a_message_is_all_that_a_datagram_holds() {
        let whole = value(0x30, &[&[2, 1, 1], &value(4, &[b"public"]), &[0xa0, 0]]);
        assert!(Message::parse(&whole).is_some());
        assert_eq!(Message::parse(&[&whole[..], &[0]].concat()), None);
        (0..whole.len()).for_each(|n| assert_eq!(Message::parse(&whole[..n]), None, "{n}"));
        let more = value(0x30, &[&[2, 1, 1], &value(4, &[b"public"]), &[0xa0, 0, 5, 0]]);
        assert_eq!(Message::parse(&more), None);
    }

    #[test]
    fn user_and_context_are_found_in_version_3() {
        let bytes = v3(4, 3, &scoped(0xa1));
        let m = Message::parse(&bytes).expect("a message");
        assert_eq!((m.version, m.community, m.pdu), (Version::V3, None, Some(Pdu::GetNext)));
        assert_eq!((m.user, m.engine, m.context), (Some(&b"admin"[..]), Some(&b"engine"[..]), Some(&b"billing"[..])));
    }

    #[test]
    fn of_an_encrypted_message_the_user_alone_is_found() {
        let bytes = v3(3, 3, &value(4, &[b"secret"]));
        let m = Message::parse(&bytes).expect("a message");
        assert_eq!((m.user, m.engine, m.context, m.pdu), (Some(&b"admin"[..]), None, None, None));
        // What is encrypted is octets, what is not is a sequence; and there is no privacy without authentication.
        assert_eq!(Message::parse(&v3(3, 3, &scoped(0xa0))), None);
        assert_eq!(Message::parse(&v3(1, 3, &value(4, &[b"secret"]))), None);
        assert_eq!(Message::parse(&v3(2, 3, &value(4, &[b"secret"]))), None);
    }

    #[test]
    fn other_security_models_have_no_user_that_is_known() {
        let bytes = v3(0, 4, &scoped(0xa0));
        let m = Message::parse(&bytes).expect("a message");
        assert_eq!((m.user, m.context), (None, Some(&b"billing"[..])));
        assert_eq!(Message::parse(&v3(0, 0, &scoped(0xa0))), None);
    }
}
