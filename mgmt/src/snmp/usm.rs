//! Messages of SNMPv3 and their protection: the User-based Security Model (RFC 3414) within the message processing of RFC 3412.
use super::counters::{Counter, Counters, LONGEST};
use super::engine::Engine;
use super::users::{User, Users};
use async_snmp::ber::Decoder;
use async_snmp::message::{MsgFlags, MsgGlobalData, RawMsgData, RawV3Message, ScopedPdu, V3Message};
use async_snmp::pdu::PduBody;
use async_snmp::v3::{
    SaltCounter, UsmSecurityParams, auth::authenticate_message, auth::verify_message, in_authoritative_time_window,
    report_oids,
};
use async_snmp::{DecodeConfig, DecodeErrorKind, Error, MessageSize, Oid, Pdu, ResponsePdu, SecurityLevel, VarBind};
use bytes::Bytes;

/// What is read leniently: nothing. A message that two readers may take differently is none.
pub(super) const STRICT: DecodeConfig = DecodeConfig::STRICT;

/// A request that is what it says.
#[derive(Debug)]
pub(super) struct Asked {
    /// Whose it is; the index in the users.
    pub(super) user: usize,
    /// How it was protected: so is the answer.
    pub(super) level: SecurityLevel,
    /// Its number, which the answer has.
    pub(super) id: i32,
    /// Longest answer that is wanted, bytes.
    pub(super) most: usize,
    /// What is asked, and where.
    pub(super) scoped: ScopedPdu,
}

/// What a message turned out to be.
#[derive(Debug)]
pub(super) enum Taken {
    /// A request.
    Asked(Asked),
    /// Nothing, and its sender may be told why: a report.
    Report(Bytes),
    /// Nothing.
    Nothing,
}

/// Who is spoken to, or speaks: names and numbers in the header of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header<'a> {
    /// The engine that is the authority: whoever gets a request or an inform, and whoever sends anything else.
    pub(super) engine: &'a Bytes,
    /// Its starts.
    pub(super) boots: u32,
    /// Its time, seconds.
    pub(super) time: u32,
    /// Number of the message.
    pub(super) id: i32,
    /// The receiver may send a report.
    pub(super) reportable: bool,
}

/// Protects a message. None if it cannot be written: a value is too large, say.
pub(super) fn protect(
    header: Header<'_>,
    (user, level): (Option<&User>, SecurityLevel),
    salts: &SaltCounter,
    scoped: ScopedPdu,
) -> Option<Bytes> {
    let name = user.map_or(&[][..], |u| u.name.as_bytes());
    let mut params =
        UsmSecurityParams::new(header.engine.clone(), header.boots, header.time, Bytes::copy_from_slice(name)).ok()?;
    let size = MessageSize::new(LONGEST).ok()?;
    let global = MsgGlobalData::new(header.id, size, MsgFlags::new(level, header.reportable)).ok()?;
    let authenticated = user.filter(|_| level.requires_auth());
    if let Some(user) = authenticated {
        params = params.with_auth_placeholder(user.auth_key.mac_len()).ok()?;
    }
    let encrypted = match user.filter(|_| level.requires_priv()) {
        Some(user) => {
            let plain = scoped.encode_to_bytes().ok()?;
            let (encrypted, salt) = user.privacy_key.encrypt_aes(&plain, header.boots, header.time, salts).ok()?;
            params = params.with_priv_params(salt).ok()?;
            Some(encrypted)
        }
        None => None,
    };
    let message = match encrypted {
        Some(encrypted) => V3Message::new_with_opaque_encrypted_scoped_pdu(global, params.encode().ok()?, encrypted),
        None => V3Message::new(global, params.encode().ok()?, scoped),
    };
    let mut bytes = message.ok()?.encode().ok()?.to_vec();
    if let Some(user) = authenticated {
        let (at, length) = UsmSecurityParams::find_auth_params_offset(&bytes)?;
        authenticate_message(&user.auth_key, &mut bytes, at, length).ok()?;
    }
    Some(bytes.into())
}

/// What protects messages to this engine.
pub(super) struct Usm<'a> {
    /// The engine.
    pub(super) engine: &'a Engine,
    /// Its users.
    pub(super) users: &'a Users,
    /// What is counted.
    pub(super) counters: &'a Counters,
    /// Numbers that no two encrypted messages have in common.
    pub(super) salts: &'a SaltCounter,
}

impl Usm<'_> {
    /// Takes a message: RFC 3412 section 7.2 and RFC 3414 section 3.2, in their order.
    pub(super) fn take(&self, bytes: &Bytes) -> Taken {
        let message = match RawV3Message::decode(bytes.clone(), STRICT) {
            Ok(message) => message.value,
            Err(why) => {
                self.count_undecoded(&why).count();
                return Taken::Nothing;
            }
        };
        let Ok(params) = UsmSecurityParams::decode(message.security_params().clone(), STRICT) else {
            self.counters.parse_errors.count();
            return Taken::Nothing;
        };
        let (params, level, global) = (params.value, message.security_level(), message.global_data());
        let refuse = |why: &Counter, oid: Oid| self.refuse(&message, why, oid, None);
        if params.engine_id() != self.engine.id() {
            return refuse(&self.counters.unknown_engines, report_oids::unknown_engine_ids());
        }
        let named = |u: &User| u.engine.is_none() && u.name.as_bytes() == params.username();
        let Some((index, user)) = self.users.0.iter().enumerate().find(|(_, u)| named(u)) else {
            return refuse(&self.counters.unknown_users, report_oids::unknown_user_names());
        };
        // Each user has both keys, so there is no level that it cannot have.
        if level.requires_auth() {
            if !authentic(bytes, user) {
                return refuse(&self.counters.wrong_digests, report_oids::wrong_digests());
            }
            let (boots, time) = (params.engine_boots(), params.engine_time());
            if !in_authoritative_time_window(self.engine.boots(), self.engine.time(), boots, time) {
                let (why, oid) = (&self.counters.not_in_time_windows, report_oids::not_in_time_windows());
                return self.refuse(&message, why, oid, Some(user));
            }
        }
        let Some(plain) = plain(&message, &params, user) else {
            return refuse(&self.counters.decryption_errors, report_oids::decryption_errors());
        };
        let Some(scoped) = whole(plain) else {
            self.counters.parse_errors.count();
            return Taken::Nothing;
        };
        Taken::Asked(Asked {
            user: index,
            level,
            id: global.msg_id(),
            most: global.msg_max_size().as_usize().min(LONGEST),
            scoped,
        })
    }

    /// The answer to a request. None if it cannot be written.
    pub(super) fn answer(&self, asked: &Asked, pdu: impl Into<Pdu>) -> Option<Bytes> {
        let user = self.users.0.get(asked.user)?;
        let context = asked.scoped.context_name.clone();
        self.send(asked.id, Some(user), asked.level, ScopedPdu::new(self.engine.id().clone(), context, pdu))
    }

    /// A report about a request that was understood (RFC 3412 section 7.2.13), as it was protected.
    pub(super) fn report(&self, asked: &Asked, why: &Counter, oid: Oid) -> Option<Bytes> {
        why.count();
        let request = asked.scoped.pdu.clone().into_raw_parts().0;
        let pdu = ResponsePdu::report(request, vec![VarBind::new(oid, why.value())]).ok()?;
        self.answer(asked, pdu.into_raw())
    }

    /// Counts why a message is not taken, and says so, if its sender wants to know.
    fn refuse(&self, message: &RawV3Message, why: &Counter, oid: Oid, authenticated: Option<&User>) -> Taken {
        why.count();
        let global = message.global_data();
        // RFC 3412 section 7.1 step 3: no report to what is a report or an answer itself.
        let request = match message.msg_data() {
            RawMsgData::Plaintext { data, .. } => match whole(data.clone()).map(|s| s.pdu.into_raw_parts()) {
                Some((_, PduBody::Standard { pdu_type, .. }, _)) if !confirmed(pdu_type) => return Taken::Nothing,
                Some((request, ..)) => request,
                None => 0,
            },
            RawMsgData::Encrypted(_) => 0,
        };
        if global.msg_flags().to_byte() & 0b100 == 0 {
            return Taken::Nothing;
        }
        let level = if authenticated.is_some() { SecurityLevel::AuthNoPriv } else { SecurityLevel::NoAuthNoPriv };
        let Ok(pdu) = ResponsePdu::report(request, vec![VarBind::new(oid, why.value())]) else { return Taken::Nothing };
        let scoped = ScopedPdu::new(self.engine.id().clone(), Bytes::new(), pdu.into_raw());
        self.send(global.msg_id(), authenticated, level, scoped).map_or(Taken::Nothing, Taken::Report)
    }

    fn send(&self, id: i32, user: Option<&User>, level: SecurityLevel, scoped: ScopedPdu) -> Option<Bytes> {
        let (boots, time) = (self.engine.boots(), self.engine.time());
        let header = Header { engine: self.engine.id(), boots, time, id, reportable: false };
        protect(header, (user, level), self.salts, scoped)
    }

    fn count_undecoded(&self, why: &Error) -> &Counter {
        let Error::Decode(why) = why else { return &self.counters.parse_errors };
        match why.kind {
            DecodeErrorKind::UnknownSecurityModel(_) => &self.counters.unknown_security_models,
            DecodeErrorKind::InvalidMsgFlags | DecodeErrorKind::InvalidMsgFlagsLength { .. } => {
                &self.counters.invalid_messages
            }
            _ => &self.counters.parse_errors,
        }
    }
}

/// What a receiver of informs, who is the authority then, sends back.
#[derive(Debug)]
pub(super) struct Back {
    /// The message that it is about.
    pub(super) id: i32,
    /// Starts and time of its engine, if the message is authentic.
    pub(super) clock: Option<(u32, u32)>,
    /// What it says.
    pub(super) pdu: Pdu,
}

/// Reads an answer of an engine whose user this is. Only what can be told from noise is returned.
pub(super) fn back(bytes: &Bytes, engine: &Bytes, user: &User) -> Option<Back> {
    let message = RawV3Message::decode(bytes.clone(), STRICT).ok()?.value;
    let params = UsmSecurityParams::decode(message.security_params().clone(), STRICT).ok()?.value;
    if params.engine_id() != engine {
        return None;
    }
    let authenticated = message.security_level().requires_auth();
    if authenticated && (params.username() != user.name.as_bytes() || !authentic(bytes, user)) {
        return None;
    }
    let pdu = whole(plain(&message, &params, user)?)?.pdu;
    let clock = authenticated.then(|| (params.engine_boots(), params.engine_time()));
    Some(Back { id: message.msg_id(), clock, pdu })
}

/// Whether a message has the digest that the user's key makes.
fn authentic(bytes: &[u8], user: &User) -> bool {
    let place = UsmSecurityParams::find_auth_params_offset(bytes);
    place.filter(|(_, length)| *length == user.auth_key.mac_len()).is_some_and(|(at, length)| {
        verify_message(&user.auth_key, bytes, at, length).unwrap_or(false) // there is no such digest
    })
}

/// The scoped PDU of a message, decrypted if need be.
fn plain(message: &RawV3Message, params: &UsmSecurityParams, user: &User) -> Option<Bytes> {
    match message.msg_data() {
        RawMsgData::Plaintext { data, .. } => Some(data.clone()),
        RawMsgData::Encrypted(data) => {
            let (boots, time) = (params.engine_boots(), params.engine_time());
            user.privacy_key.decrypt(data, boots, time, params.priv_params()).ok()
        }
    }
}

/// A scoped PDU that is all there is.
fn whole(data: Bytes) -> Option<ScopedPdu> {
    let mut decoder = Decoder::new(data).with_decode_config(STRICT);
    let scoped = ScopedPdu::decode(&mut decoder).ok()?;
    decoder.is_empty().then_some(scoped)
}

/// Whether somebody waits for an answer to it (RFC 3411 section 2.8).
fn confirmed(kind: async_snmp::StandardPduType) -> bool {
    use async_snmp::StandardPduType as T;
    matches!(kind, T::GetRequest | T::GetNextRequest | T::SetRequest | T::InformRequest)
}
