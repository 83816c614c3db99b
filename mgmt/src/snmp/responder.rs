//! What becomes of each message (RFC 3412 section 7.2, RFC 3584 section 5).
use super::access::Access;
use super::answer::{self, Answer};
use super::counters::{Counters, LONGEST};
use super::engine::Engine;
use super::keeper::Keeper;
use super::set;
use super::snapshot::Snapshots;
use super::tree::Tree;
use super::usm::{Asked, STRICT, Taken, Usm};
use crate::auth::{Actor, Call};
use crate::ems::Ems;
use crate::settings::snmp::Snmp;
use async_snmp::ber::Decoder;
use async_snmp::message::CommunityMessage;
use async_snmp::pdu::{ErrorIndex, OutboundErrorStatus};
use async_snmp::v3::SaltCounter;
use async_snmp::{ErrorStatus, Oid, Pdu, PduType, ResponsePdu, Version};
use bytes::Bytes;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// The files in the folder of the EMS.
const ENGINE: &str = "snmp-engine.toml";
const USERS: &str = "snmp-users.toml";

/// `snmpUnknownPDUHandlers` and `snmpUnknownContexts`.
const UNKNOWN_PDU_HANDLERS: &[u32] = &[1, 3, 6, 1, 6, 3, 11, 2, 1, 3, 0];
const UNKNOWN_CONTEXTS: &[u32] = &[1, 3, 6, 1, 6, 3, 12, 1, 5, 0];

/// Answers messages.
pub struct Responder {
    pub(super) ems: Arc<Ems>,
    pub(super) engine: Arc<Engine>,
    pub(super) access: Arc<Access>,
    pub(super) keeper: Arc<Keeper>,
    pub(super) counters: Arc<Counters>,
    pub(super) salts: Arc<SaltCounter>,
    pub(super) snapshots: Arc<Snapshots>,
}

impl Responder {
    /// Reads the files; the engine starts once more.
    ///
    /// # Errors
    /// The settings are wrong, or the file of the engine is damaged.
    pub fn open(ems: &Arc<Ems>, snmp: &Snmp, folder: &Path) -> io::Result<Responder> {
        let access = Arc::new(Access::new(snmp).map_err(wrong)?);
        let engine = Arc::new(Engine::start(&folder.join(ENGINE))?);
        let users = snmp.users.clone().unwrap_or_else(|| folder.join(USERS));
        let keeper = Keeper::open(ems, users, snmp.communities.clone(), engine.clone(), access.clone());
        let keeper = Arc::new(keeper);
        let counters = Arc::new(Counters::default());
        let snapshots = Arc::new(Snapshots::new(ems.clone(), engine.clone(), counters.clone(), snmp));
        let salts = Arc::new(SaltCounter::new().map_err(|e| io::Error::other(e.to_string()))?);
        let _ = ems.snmp.set(keeper.clone()); // there is one agent
        Ok(Responder { ems: ems.clone(), engine, access, keeper, counters, salts, snapshots })
    }

    /// What is answered to a message, if anything.
    pub async fn take(&self, bytes: Bytes, from: SocketAddr) -> Option<Bytes> {
        self.counters.packets.count();
        match version(&bytes) {
            Some(3) => self.take_v3(bytes, from).await,
            Some(0 | 1) if self.keeper.communities.is_some() => self.take_community(bytes).await,
            Some(_) => {
                self.counters.bad_versions.count();
                None
            }
            None => {
                self.counters.parse_errors.count();
                None
            }
        }
    }

    async fn take_v3(&self, bytes: Bytes, from: SocketAddr) -> Option<Bytes> {
        let users = self.keeper.users.get();
        let usm = Usm { engine: &self.engine, users: &users, counters: &self.counters, salts: &self.salts };
        let asked = match usm.take(&bytes) {
            Taken::Asked(asked) => asked,
            Taken::Report(report) => return Some(report),
            Taken::Nothing => return None,
        };
        let Asked { user, level, most, ref scoped, .. } = asked;
        let user = users.0.get(user)?;
        let pdu = &scoped.pdu;
        let handled = matches!(
            pdu.pdu_type(),
            PduType::GetRequest | PduType::GetNextRequest | PduType::GetBulkRequest | PduType::SetRequest
        );
        if !handled || scoped.context_engine_id != self.engine.id() {
            return usm.report(&asked, &self.counters.unknown_pdu_handlers, Oid::from_slice(UNKNOWN_PDU_HANDLERS));
        }
        if !scoped.context_name.is_empty() {
            return usm.report(&asked, &self.counters.unknown_contexts, Oid::from_slice(UNKNOWN_CONTEXTS));
        }
        let rights = self.access.user(&user.group, level);
        let write = |answer| usm.answer(&asked, response(Version::V3, pdu, answer)?.into_raw());
        let answer = if pdu.pdu_type() == PduType::SetRequest {
            // What is done cannot be too big any more.
            let fits = write(Answer::Bindings(pdu.varbinds().to_vec())).is_some_and(|answer| answer.len() <= most);
            match self.access.role(&user.group) {
                _ if !fits => Answer::Wrong(ErrorStatus::TooBig, 0),
                Some(role) => {
                    let actor = Actor { name: format!("snmp/{}", user.name), role };
                    let call = Call { request: None, client: Some(from.ip().to_canonical()) };
                    set::set(&self.ems, &self.snapshots.kept, rights, actor, call, pdu.varbinds()).await
                }
                None => Answer::Wrong(ErrorStatus::AuthorizationError, 0),
            }
        } else {
            answer::read(&self.tree().await?, rights, Version::V3, pdu, most)
        };
        self.fit(write, answer, most)
    }

    async fn take_community(&self, bytes: Bytes) -> Option<Bytes> {
        let Ok(message) = CommunityMessage::decode(bytes, STRICT) else {
            self.counters.parse_errors.count();
            return None;
        };
        let message = message.value;
        let (version, community) = (message.version(), message.community().clone());
        if self.keeper.communities.as_ref()?.get().find(community.as_bytes()).is_none() {
            self.counters.bad_community_names.count();
            return None;
        }
        let pdu = message.into_pdu()?;
        let answer = match pdu.pdu_type() {
            PduType::GetRequest | PduType::GetNextRequest | PduType::GetBulkRequest => {
                answer::read(&self.tree().await?, self.access.community(), version, &pdu, LONGEST)
            }
            PduType::SetRequest => {
                self.counters.bad_community_uses.count();
                Answer::Wrong(ErrorStatus::NoAccess, usize::from(!pdu.varbinds().is_empty()))
            }
            _ => return None,
        };
        let write = |answer| {
            let response = response(version, &pdu, answer)?.into_raw();
            let message = match version {
                Version::V1 => CommunityMessage::v1(community.clone(), response),
                _ => CommunityMessage::v2c(community.clone(), response),
            };
            message.ok()?.encode().ok()
        };
        self.fit(write, answer, LONGEST)
    }

    /// The answer as a message; if that is too long, that it is.
    fn fit(&self, write: impl Fn(Answer) -> Option<Bytes>, answer: Answer, most: usize) -> Option<Bytes> {
        let fits = |bytes: &Bytes| bytes.len() <= most;
        let written = write(answer).filter(fits).or_else(|| write(Answer::Wrong(ErrorStatus::TooBig, 0)).filter(fits));
        if written.is_none() {
            self.counters.silent_drops.count();
        }
        written
    }

    async fn tree(&self) -> Option<Tree> {
        if let Some(tree) = self.snapshots.fresh() {
            return Some(tree);
        }
        let snapshots = self.snapshots.clone();
        tokio::task::spawn_blocking(move || snapshots.fresh().unwrap_or_else(|| snapshots.make())).await.ok()
    }
}

/// The error of a setting that cannot be.
pub(super) fn wrong(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("[ems.snmp]: {why}"))
}

/// The version of a message.
fn version(bytes: &Bytes) -> Option<i32> {
    Decoder::new(bytes.clone()).with_decode_config(STRICT).read_sequence().ok()?.read_integer().ok()
}

/// The answer to a request.
fn response(version: Version, asked: &Pdu, answer: Answer) -> Option<ResponsePdu> {
    let number = asked.clone().into_raw_parts().0;
    let (status, at) = match answer {
        Answer::Bindings(bindings) => return ResponsePdu::success(version, number, bindings).ok(),
        Answer::Wrong(status, at) => (answer::status(version, status), at),
    };
    let asked = asked.varbinds().to_vec();
    if status == ErrorStatus::TooBig {
        let bindings = if version == Version::V1 { asked } else { Vec::new() };
        return ResponsePdu::too_big(version, number, bindings).ok();
    }
    let outbound = OutboundErrorStatus::try_from(status).ok()?;
    let index = match status {
        ErrorStatus::AuthorizationError | ErrorStatus::UndoFailed => None,
        // The library wants one: with an empty list there is none to blame, and none to be wrong.
        _ => Some(ErrorIndex::new(u32::try_from(at.max(1)).ok()?, asked.len()).ok()?),
    };
    ResponsePdu::new(version, number, outbound, index, asked).ok()
}
