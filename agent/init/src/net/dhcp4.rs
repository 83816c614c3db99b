//! The client of DHCP for IPv4 (RFC 2131 section 4.4), as a state machine: time and messages go in, messages and a lease
//! come out.
//!
//! It does not probe the address by ARP (section 2.2: SHOULD) and releases nothing at the end (section 4.4.6: MAY): a
//! virtual machine comes back with the same Ethernet address and asks for the same lease.
mod message;
#[cfg(test)]
mod tests;

use super::random::Random;
use message::{Kind, Query, Reply, Route};
use std::net::Ipv4Addr;
use std::time::Duration;

/// The longest wait before asking again (RFC 2131 section 4.1).
const SLOWEST: Duration = Duration::from_secs(64);
/// The shortest wait in RENEWING and REBINDING (RFC 2131 section 4.4.5).
const RENEW: Duration = Duration::from_secs(60);
/// A request that nobody has answered as often as this is given up.
const TRIES: u32 = 4;
/// A shorter lease is refused, in seconds: it would only be renewed all the time.
const SHORTEST: u32 = 10;
/// Not reached: a century after boot.
const NEVER: Duration = Duration::from_secs(100 * 365 * 86400);

/// What a server granted. Times are since boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) address: Ipv4Addr,
    pub(super) prefix: u8,
    pub(super) server: Ipv4Addr,
    pub(super) routes: Vec<Route>,
    pub(super) dns: Vec<Ipv4Addr>,
    pub(super) search: Vec<String>,
    /// Bytes, as the server says; not checked.
    pub(super) mtu: Option<u16>,
    /// None: never.
    pub(super) expires: Option<Duration>,
    t1: Duration,
    t2: Duration,
}

/// What is to be sent, from port 68 to port 67.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) to: Ipv4Addr,
    pub(super) bytes: Vec<u8>,
}

/// RFC 2131 figure 5.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// The link is down.
    Init,
    Selecting,
    Requesting {
        address: Ipv4Addr,
        server: Ipv4Addr,
    },
    Rebooting,
    Bound,
    Renewing,
    Rebinding,
}

/// The client of one interface.
#[derive(Debug)]
pub(super) struct Client {
    mac: [u8; 6],
    host: String,
    random: Random,
    state: State,
    lease: Option<Lease>,
    xid: u32,
    /// When the exchange began.
    began: Duration,
    /// When its last message was sent.
    asked: Duration,
    /// When there is something to do next.
    next: Duration,
    /// Messages sent in this state.
    tries: u32,
    /// Messages sent since there was a lease.
    pub(super) unanswered: u32,
    /// Messages that were broken, or for somebody else.
    pub(super) ignored: u64,
}

impl Client {
    /// `host`: the name that the server may put into its DNS; empty if none.
    pub(super) fn new(mac: [u8; 6], host: &str, random: Random) -> Self {
        Self {
            mac,
            host: host.to_owned(),
            random,
            state: State::Init,
            lease: None,
            xid: 0,
            began: Duration::ZERO,
            asked: Duration::ZERO,
            next: NEVER,
            tries: 0,
            unanswered: 0,
            ignored: 0,
        }
    }

    pub(super) fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// When [`Client::poll`] is due.
    pub(super) fn deadline(&self) -> Duration {
        let expires = self.lease.as_ref().and_then(|lease| lease.expires).unwrap_or(NEVER);
        self.next.min(expires)
    }

    /// The link has a carrier (again): it may be another network, so a lease that is there is asked for anew
    /// (RFC 2131 section 3.7).
    pub(super) fn link_up(&mut self, now: Duration) {
        let state = if self.lease.is_some() { State::Rebooting } else { State::Selecting };
        self.begin(state, now);
    }

    /// Nothing is sent until the link is back. The lease stays as long as it is valid.
    pub(super) fn link_down(&mut self) {
        self.state = State::Init;
        self.next = NEVER;
    }

    /// A new exchange, at once.
    fn begin(&mut self, state: State, now: Duration) {
        self.state = state;
        self.xid = self.random.next();
        self.began = now;
        self.next = now;
        self.tries = 0;
    }

    fn lose(&mut self, now: Duration) {
        self.lease = None;
        if self.state != State::Init {
            self.begin(State::Selecting, now);
        }
    }

    /// Drops a lease that is over.
    pub(super) fn expire(&mut self, now: Duration) {
        if self.lease.as_ref().and_then(|lease| lease.expires).is_some_and(|expires| now >= expires) {
            self.lose(now);
        }
    }

    /// What time demands.
    pub(super) fn poll(&mut self, now: Duration) -> Option<Packet> {
        self.expire(now);
        if now < self.next {
            return None;
        }
        let times = self.lease.as_ref().map(|lease| (lease.t1, lease.t2, lease.expires.unwrap_or(NEVER)));
        match (&self.state, times) {
            (State::Requesting { .. }, _) if self.tries >= TRIES => self.begin(State::Selecting, now),
            // Section 3.2, step 4: nobody objects, so the lease is used until it expires.
            (State::Rebooting, Some((t1, ..))) if self.tries >= TRIES => {
                self.state = State::Bound;
                self.next = t1;
                if now < t1 {
                    return None;
                }
                self.begin(State::Renewing, now);
            }
            (State::Bound, _) => self.begin(State::Renewing, now),
            _ => {}
        }
        if self.state == State::Renewing && times.is_some_and(|(_, t2, _)| now >= t2) {
            self.begin(State::Rebinding, now);
        }
        self.tries += 1;
        self.asked = now;
        self.unanswered = self.unanswered.saturating_add(1);
        self.next = match (&self.state, times) {
            // Half of what is left, but at least a minute.
            (State::Renewing, Some((_, t2, _))) => (now + (t2.saturating_sub(now) / 2).max(RENEW)).min(t2),
            (State::Rebinding, Some((.., expires))) => {
                (now + (expires.saturating_sub(now) / 2).max(RENEW)).min(expires)
            }
            _ => now + self.back_off(),
        };
        self.query(now)
    }

    /// Section 4.1: doubled each time, up to 64 seconds, with chance in it. It begins with 1 second where the RFC's
    /// example for 10 Mbit/s Ethernet has 4: a virtual bridge often forwards a little later than its link is up.
    fn back_off(&mut self) -> Duration {
        let delay = Duration::from_secs(1 << self.tries.saturating_sub(1).min(6)).min(SLOWEST);
        delay.mul_f64(0.75) + self.random.up_to(delay / 2)
    }

    /// The message of this state (section 4.3.6, table 4).
    fn query(&self, now: Duration) -> Option<Packet> {
        let mut query = Query {
            kind: Kind::Request,
            xid: self.xid,
            seconds: now.saturating_sub(self.began).as_secs().min(u64::from(u16::MAX)) as u16,
            mac: self.mac,
            client: Ipv4Addr::UNSPECIFIED,
            requested: None,
            server: None,
            host: &self.host,
        };
        let mut to = Ipv4Addr::BROADCAST;
        match (&self.state, &self.lease) {
            (State::Selecting, _) => query.kind = Kind::Discover,
            (State::Requesting { address, server }, _) => {
                query.requested = Some(*address);
                query.server = Some(*server);
            }
            (State::Rebooting, Some(lease)) => query.requested = Some(lease.address),
            (State::Renewing, Some(lease)) => {
                query.client = lease.address;
                to = lease.server;
            }
            (State::Rebinding, Some(lease)) => query.client = lease.address,
            _ => return None,
        }
        Some(Packet { to, bytes: query.bytes() })
    }

    /// A datagram came to port 68.
    pub(super) fn receive(&mut self, now: Duration, bytes: &[u8]) {
        if self.accept(now, bytes).is_none() {
            self.ignored += 1;
        }
    }

    fn accept(&mut self, now: Duration, bytes: &[u8]) -> Option<()> {
        let reply = Reply::parse(bytes, self.xid, self.mac)?;
        match (&self.state, reply.kind) {
            (State::Selecting, Kind::Offer) if self.tries > 0 && reply.lease >= SHORTEST => {
                self.state = State::Requesting { address: reply.address, server: reply.server };
                self.next = now;
                self.tries = 0;
            }
            (State::Requesting { address, server }, Kind::Ack | Kind::Nak) => {
                let agreed = reply.kind == Kind::Nak || reply.address == *address;
                if reply.server != *server || !agreed {
                    return None;
                }
                self.conclude(now, reply)?;
            }
            (State::Rebooting | State::Rebinding, Kind::Ack | Kind::Nak) if self.tries > 0 => {
                self.conclude(now, reply)?;
            }
            (State::Renewing, Kind::Ack | Kind::Nak) if self.tries > 0 => {
                (reply.server == self.lease.as_ref()?.server).then_some(())?;
                self.conclude(now, reply)?;
            }
            _ => return None,
        }
        Some(())
    }

    /// The server has decided.
    fn conclude(&mut self, now: Duration, reply: Reply) -> Option<()> {
        if reply.kind == Kind::Nak {
            self.lose(now);
            // Two that refuse each other's leases must not make a storm.
            self.next = now + Duration::from_secs(1) + self.random.up_to(Duration::from_secs(1));
            return Some(());
        }
        // A renewal that turns into another address would be a server's mistake.
        if reply.lease < SHORTEST || self.lease.as_ref().is_some_and(|lease| lease.address != reply.address) {
            return None;
        }
        // Section 4.4.1: it runs from when it was asked for.
        let lease = Lease::new(self.asked, reply);
        self.state = State::Bound;
        self.next = lease.t1.max(now);
        self.lease = Some(lease);
        self.unanswered = 0;
        Some(())
    }
}

impl Lease {
    fn new(since: Duration, reply: Reply) -> Self {
        let forever = reply.lease == u32::MAX;
        let all = reply.lease;
        // Section 4.4.5: one half and seven eighths unless the server says otherwise.
        let t2 = reply.t2.filter(|t2| *t2 <= all).unwrap_or(all / 8 * 7);
        let t1 = reply.t1.filter(|t1| *t1 <= t2 && *t1 > 0).unwrap_or((all / 2).min(t2));
        let after = |seconds: u32| since + Duration::from_secs(u64::from(seconds));
        Self {
            address: reply.address,
            prefix: reply.prefix,
            server: reply.server,
            routes: reply.routes,
            dns: reply.dns,
            search: reply.search,
            mtu: reply.mtu,
            expires: (!forever).then(|| after(all)),
            t1: if forever { NEVER } else { after(t1) },
            t2: if forever { NEVER } else { after(t2) },
        }
    }
}
