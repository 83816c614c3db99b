//! Telling: traps and informs (RFC 3413 section 3) for what happens.
use super::access::Access;
use super::engine::Engine;
use super::mib;
use super::snapshot::Snapshots;
use super::users::{User, Users};
use super::usm::{self, Header};
use crate::auth::files::Watched;
use crate::clock;
use crate::ems::Ems;
use crate::events::{Follower, Heard};
use crate::settings::snmp::Target;
use async_snmp::message::ScopedPdu;
use async_snmp::pdu::{NotificationPdu, PduBody};
use async_snmp::v3::SaltCounter;
use async_snmp::{Oid, PduType, SecurityLevel, StandardPduType, VarBind, Version};
use bytes::Bytes;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// `coldStart` (RFC 3418): the engine started, and its configuration may be another one.
const COLD_START: &[u32] = &[1, 3, 6, 1, 6, 3, 1, 1, 5, 1];
/// An inform is sent so often, each time after twice the time.
const TRIES: u32 = 5;
/// The first time.
const PATIENCE: Duration = Duration::from_secs(1);
/// What waits for a receiver that does not answer.
const WAITING: usize = 64;
/// Longest answer, bytes.
const LONGEST: usize = 65_535;

/// Something to tell.
#[derive(Clone, Debug)]
pub(super) struct Notification {
    /// What it is called.
    pub(super) name: Oid,
    /// What belongs to it.
    pub(super) bindings: Vec<VarBind>,
    /// `sysUpTime` when it happened.
    up_time: u32,
}

/// Who tells.
pub(super) struct Teller {
    /// Who is told.
    pub(super) targets: Vec<Target>,
    /// The engine here.
    pub(super) engine: Arc<Engine>,
    /// By whose keys.
    pub(super) users: Arc<Watched<Users>>,
    /// With which rights.
    pub(super) access: Arc<Access>,
    /// See there.
    pub(super) salts: Arc<SaltCounter>,
    /// What is known of the VNF.
    pub(super) snapshots: Arc<Snapshots>,
    /// Where it is said that somebody could not be told.
    pub(super) ems: Arc<Ems>,
    /// Numbers of messages.
    pub(super) number: AtomicI32,
}

impl Teller {
    /// Tells what happens until the EMS ends.
    pub(super) async fn tell(self: Arc<Self>, mut follower: Follower) {
        let mut informed = Vec::new();
        for (n, _) in self.targets.iter().enumerate().filter(|(_, t)| t.inform) {
            let (queue, waiting) = mpsc::channel(WAITING);
            tokio::spawn(self.clone().inform_one(n, waiting));
            informed.push((n, queue));
        }
        self.out(&informed, Oid::from_slice(COLD_START), Vec::new()).await;
        while let Some(heard) = follower.next().await {
            let event = match heard {
                Heard::Event(event) => event,
                Heard::Missed(n) => {
                    self.ems.journal.say("snmp", &format!("{n} events went by too fast to tell of them"));
                    continue;
                }
            };
            let told = mib::notification(&self.ems, &self.snapshots.kept, &event.what);
            if let Some((name, bindings)) = told {
                self.out(&informed, name, bindings).await;
            }
        }
    }

    async fn out(&self, informed: &[(usize, mpsc::Sender<Notification>)], name: Oid, bindings: Vec<VarBind>) {
        let what = Notification { name, bindings, up_time: self.engine.up_time() };
        for target in self.targets.iter().filter(|t| !t.inform) {
            if let Err(why) = self.trap(target, &what).await {
                self.lost(target, &why.to_string());
            }
        }
        for (n, queue) in informed {
            if queue.try_send(what.clone()).is_err()
                && let Some(target) = self.targets.get(*n)
            {
                self.lost(target, "it does not answer, and too much waits for it");
            }
        }
    }

    fn lost(&self, target: &Target, why: &str) {
        self.ems.journal.say("snmp", &format!("{} was not told: {why}", target.address));
    }

    async fn trap(&self, target: &Target, what: &Notification) -> io::Result<()> {
        let users = self.users.get();
        let Some(user) = self.may_be_told(&users, target, what)? else { return Ok(()) };
        let (boots, time) = (self.engine.boots(), self.engine.time());
        let header = Header { engine: self.engine.id(), boots, time, id: self.next_number(), reportable: false };
        let message = self.message(header, user, what, PduType::TrapV2).ok_or_else(too_large)?;
        socket(target.address).await?.send(&message).await.map(drop)
    }

    /// The user of a target, if it may be told this; an error if there is none.
    fn may_be_told<'u>(&self, users: &'u Users, target: &Target, what: &Notification) -> io::Result<Option<&'u User>> {
        let none = || {
            let kind = if target.inform { "with keys of another engine" } else { "of this engine" };
            io::Error::new(io::ErrorKind::NotFound, format!("there is no user ‘{}’ {kind}", target.user))
        };
        let user = users.find_for(&target.user, target.inform).ok_or_else(none)?;
        let rights = self.access.user(&user.group, SecurityLevel::AuthPriv);
        let may = rights.is_some_and(|r| r.notify(&what.name) && what.bindings.iter().all(|b| r.notify(&b.oid)));
        Ok(may.then_some(user))
    }

    fn message(&self, header: Header<'_>, user: &User, what: &Notification, kind: PduType) -> Option<Bytes> {
        let (name, bindings) = (what.name.clone(), what.bindings.clone());
        let pdu = match kind {
            PduType::TrapV2 => NotificationPdu::trap_v2(Version::V3, header.id, what.up_time, &name, bindings),
            _ => NotificationPdu::inform(Version::V3, header.id, what.up_time, &name, bindings),
        };
        // RFC 3412 section 6: the context is of the engine that tells, also when the receiver is the authority.
        let scoped = ScopedPdu::new(self.engine.id().clone(), Bytes::new(), pdu.ok()?.into_raw());
        usm::protect(header, (Some(user), SecurityLevel::AuthPriv), &self.salts, scoped)
    }

    fn next_number(&self) -> i32 {
        self.number.fetch_add(1, Ordering::Relaxed) & i32::MAX
    }

    /// Tells one receiver all that is for it, one after the other.
    async fn inform_one(self: Arc<Self>, target: usize, mut waiting: mpsc::Receiver<Notification>) {
        let Some(target) = self.targets.get(target) else { return };
        // Of the receiver's engine: its starts, its time, and when it was that.
        let mut clock = None;
        while let Some(what) = waiting.recv().await {
            if let Err(why) = self.inform(target, &what, &mut clock).await {
                self.lost(target, &why.to_string());
            }
        }
    }

    async fn inform(&self, target: &Target, what: &Notification, clock: &mut Option<Clock>) -> io::Result<()> {
        let socket = socket(target.address).await?;
        let mut said = "it does not answer".to_string();
        let (mut patience, mut corrected) = (PATIENCE, false);
        let mut tries = 0;
        while tries < TRIES {
            let users = self.users.get();
            let Some(user) = self.may_be_told(&users, target, what)? else { return Ok(()) };
            let Some(engine) = &user.engine else { return Ok(()) };
            let (boots, time) = clock.map_or((0, 0), Clock::now);
            let header = Header { engine, boots, time, id: self.next_number(), reportable: true };
            let message = self.message(header, user, what, PduType::InformRequest).ok_or_else(too_large)?;
            let conversation = async {
                socket.send(&message).await?;
                answer(&socket, header, user).await
            };
            let heard = tokio::time::timeout(patience, conversation).await;
            let waited = patience;
            (tries, patience) = (tries + 1, patience * 2);
            let usm::Back { clock: theirs, pdu, .. } = match heard {
                Err(_) => continue,
                Ok(Err(why)) => {
                    said = why.to_string(); // nobody listens there yet, say
                    tokio::time::sleep(waited).await;
                    continue;
                }
                Ok(Ok(back)) => back,
            };
            if let Some((boots, time)) = theirs {
                *clock = Some(Clock { boots, time, at: clock::monotonic() });
            }
            match pdu.into_raw_parts() {
                (_, PduBody::Standard { pdu_type: StandardPduType::Response, .. }, _) if theirs.is_some() => {
                    return Ok(());
                }
                (_, _, bindings) => {
                    let oid = bindings.first().map(|b| b.oid.to_string()).unwrap_or_default();
                    said = format!("it reports {oid}");
                    // It told its time: that was not a try.
                    if theirs.is_some() && !corrected {
                        (tries, patience, corrected) = (tries - 1, PATIENCE, true);
                    } else {
                        tokio::time::sleep(waited).await;
                    }
                }
            }
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, said))
    }
}

/// The clock of another engine.
#[derive(Clone, Copy, Debug)]
struct Clock {
    boots: u32,
    time: u32,
    at: Duration,
}

impl Clock {
    fn now(self) -> (u32, u32) {
        let passed = (clock::monotonic() - self.at).as_secs();
        (self.boots, self.time.saturating_add(passed.try_into().unwrap_or(u32::MAX)).min(i32::MAX as u32))
    }
}

/// Waits for what is about this message.
async fn answer(socket: &UdpSocket, header: Header<'_>, user: &User) -> io::Result<usm::Back> {
    let mut buffer = vec![0; LONGEST];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let bytes = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
        if let Some(back) = usm::back(&bytes, header.engine, user).filter(|b| b.id == header.id) {
            return Ok(back);
        }
    }
}

async fn socket(to: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr =
        if to.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(to).await?;
    Ok(socket)
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is too large for a message")
}
