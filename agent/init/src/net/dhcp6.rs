//! The client of DHCP for IPv6 (RFC 8415 section 18.2), as a state machine: time and messages go in, messages and a lease
//! come out. One IA_NA, or information only. All messages go to All_DHCP_Relay_Agents_and_Servers.
//!
//! No rapid commit, no Reconfigure, no Release: a virtual machine comes back with the same DUID and asks for the same
//! address.
mod message;
#[cfg(test)]
mod tests;

use super::random::Random;
use message::{Address, Kind, Query, Reply, duid, status};
use std::net::Ipv6Addr;
use std::time::Duration;

/// Not reached: a century after boot.
const NEVER: Duration = Duration::from_secs(100 * 365 * 86400);
/// IRT_DEFAULT and IRT_MINIMUM, in seconds (RFC 8415 section 7.6).
const REFRESH: u32 = 86400;
const REFRESH_LEAST: u32 = 600;
/// A shorter T1 is taken for this: a server must not keep us busy.
const T1_LEAST: u32 = 10;
/// REQ_MAX_RC (RFC 8415 section 7.6).
const REQUESTS: u32 = 10;
const SECOND: Duration = Duration::from_secs(1);

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    /// Nothing.
    #[default]
    Off,
    /// DNS servers and domains (RFC 8415 section 6.1).
    Stateless,
    /// An address as well (section 6.2).
    Stateful,
}

/// What a server granted. Times are since boot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lease {
    /// None of a server that was asked for information only.
    pub(super) addresses: Vec<Held>,
    pub(super) dns: Vec<Ipv6Addr>,
    pub(super) search: Vec<String>,
    server: Vec<u8>,
    t1: Duration,
    t2: Duration,
}

/// An address of the lease. None: for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) ip: Ipv6Addr,
    pub(super) preferred: Option<Duration>,
    pub(super) valid: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing is wanted, or the link is down.
    Idle,
    Soliciting,
    Requesting,
    Bound,
    Renewing,
    Rebinding,
    Informing,
    Informed,
}

/// The client of one interface.
#[derive(Debug)]
pub(super) struct Client {
    duid: [u8; 10],
    random: Random,
    mode: Mode,
    up: bool,
    state: State,
    lease: Option<Lease>,
    /// The best Advertise, then the one that is requested.
    offer: Option<Reply>,
    xid: u32,
    began: Duration,
    /// When its last message was sent.
    asked: Duration,
    next: Duration,
    /// RT of section 15.
    wait: Duration,
    tries: u32,
    sol_max: Duration,
    inf_max: Duration,
    /// Messages sent since a server said anything of use.
    pub(super) unanswered: u32,
    /// Messages that were broken, or for somebody else.
    pub(super) ignored: u64,
}

impl Client {
    pub(super) fn new(mac: [u8; 6], random: Random) -> Self {
        Self {
            duid: duid(mac),
            random,
            mode: Mode::Off,
            up: false,
            state: State::Idle,
            lease: None,
            offer: None,
            xid: 0,
            began: Duration::ZERO,
            asked: Duration::ZERO,
            next: NEVER,
            wait: Duration::ZERO,
            tries: 0,
            sol_max: Duration::from_secs(3600),
            inf_max: Duration::from_secs(3600),
            unanswered: 0,
            ignored: 0,
        }
    }

    pub(super) fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// When [`Client::poll`] is due.
    pub(super) fn deadline(&self) -> Duration {
        let held = self.lease.iter().flat_map(|lease| &lease.addresses);
        held.filter_map(|held| held.valid).fold(self.next, Duration::min)
    }

    /// At least this is wanted from now on. It never becomes less: with two routers that differ in their flags, that of
    /// the last advertisement would count.
    pub(super) fn want(&mut self, mode: Mode, now: Duration) {
        if mode > self.mode {
            self.mode = mode;
            self.start(now);
        }
    }

    /// The link can send (again). A lease that is there is asked for anew, by Rebind where section 18.2.3 has Confirm: it
    /// asks the same question and renews as well.
    pub(super) fn link_up(&mut self, now: Duration) {
        self.up = true;
        if self.has_address() {
            self.begin(State::Rebinding, now);
        } else {
            self.start(now);
        }
    }

    /// Nothing is sent until the link is back. The lease stays as long as it is valid.
    pub(super) fn link_down(&mut self) {
        self.up = false;
        self.state = State::Idle;
        self.next = NEVER;
    }

    fn has_address(&self) -> bool {
        self.lease.as_ref().is_some_and(|lease| !lease.addresses.is_empty())
    }

    fn start(&mut self, now: Duration) {
        let state = match self.mode {
            _ if !self.up => return,
            Mode::Off => return,
            Mode::Stateless => State::Informing,
            Mode::Stateful => State::Soliciting,
        };
        self.begin(state, now);
        // SOL_MAX_DELAY, INF_MAX_DELAY: machines that hear one router must not ask all at once.
        self.next = now + self.random.up_to(SECOND);
    }

    /// A new exchange, at once.
    fn begin(&mut self, state: State, now: Duration) {
        self.state = state;
        self.xid = self.random.next() & 0xFF_FFFF;
        self.began = now;
        self.next = now;
        self.tries = 0;
        if state != State::Requesting {
            self.offer = None;
        }
    }

    /// Drops addresses that are over.
    pub(super) fn expire(&mut self, now: Duration) {
        if let Some(lease) = &mut self.lease {
            lease.addresses.retain(|held| held.valid.is_none_or(|valid| now < valid));
        }
        let holds = matches!(self.state, State::Bound | State::Renewing | State::Rebinding);
        if holds && !self.has_address() {
            self.lease = None;
            self.start(now);
        }
    }

    /// What time demands: a message to port 547.
    pub(super) fn poll(&mut self, now: Duration) -> Option<Vec<u8>> {
        self.expire(now);
        if now < self.next {
            return None;
        }
        let (t1, t2) = self.lease.as_ref().map_or((NEVER, NEVER), |lease| (lease.t1, lease.t2));
        match self.state {
            State::Idle => return None,
            State::Soliciting if self.offer.is_some() => self.begin(State::Requesting, now),
            State::Requesting if self.tries >= REQUESTS => self.begin(State::Soliciting, now),
            State::Bound if now >= t1 => self.begin(State::Renewing, now),
            State::Informed => self.begin(State::Informing, now),
            _ => {}
        }
        if self.state == State::Renewing && now >= t2 {
            self.begin(State::Rebinding, now);
        }
        let message = self.query(now)?;
        self.retransmit(now);
        if self.state == State::Renewing {
            self.next = self.next.min(t2);
        }
        Some(message)
    }

    /// RFC 8415 section 15; section 7.6 has the numbers.
    fn retransmit(&mut self, now: Duration) {
        let (first, most) = match self.state {
            State::Soliciting => (SECOND, self.sol_max),
            State::Requesting => (SECOND, 30 * SECOND),
            State::Informing => (SECOND, self.inf_max),
            _ => (10 * SECOND, 600 * SECOND),
        };
        let middle = if self.tries == 0 { first } else { (self.wait * 2).min(most) };
        self.wait = self.random.around(middle);
        if self.state == State::Soliciting && self.tries == 0 {
            self.wait = self.wait.max(middle); // section 18.2.1: RAND is above 0 here
        }
        self.tries = self.tries.saturating_add(1);
        self.unanswered = self.unanswered.saturating_add(1);
        self.asked = now;
        self.next = now + self.wait;
    }

    fn query(&self, now: Duration) -> Option<Vec<u8>> {
        let held = self.lease.iter().flat_map(|lease| &lease.addresses);
        let held: Vec<_> = held.map(|held| Address { ip: held.ip, preferred: 0, valid: 0 }).collect();
        let (kind, server, addresses) = match self.state {
            State::Soliciting => (Kind::Solicit, None, Some(&[][..])),
            State::Requesting => {
                let offer = self.offer.as_ref()?;
                (Kind::Request, Some(&offer.server), Some(&offer.addresses[..]))
            }
            State::Renewing => (Kind::Renew, Some(&self.lease.as_ref()?.server), Some(&held[..])),
            State::Rebinding => (Kind::Rebind, None, Some(&held[..])),
            State::Informing => (Kind::Information, None, None),
            State::Idle | State::Bound | State::Informed => return None,
        };
        let elapsed = (now.saturating_sub(self.began).as_millis() / 10).min(u128::from(u16::MAX)) as u16;
        let server = server.map(Vec::as_slice);
        Some(Query { kind, xid: self.xid, duid: self.duid, elapsed, server, addresses }.bytes())
    }

    /// A datagram came to port 546.
    pub(super) fn receive(&mut self, now: Duration, bytes: &[u8]) {
        if self.accept(now, bytes).is_none() {
            self.ignored += 1;
        }
    }

    fn accept(&mut self, now: Duration, bytes: &[u8]) -> Option<()> {
        if self.tries == 0 {
            return None; // nothing was asked
        }
        let reply = Reply::parse(bytes, self.xid, &self.duid)?;
        let limit = |seconds: Option<u32>| seconds.filter(|n| (60..=86400).contains(n)); // sections 21.24 and 21.25
        if let Some(seconds) = limit(reply.sol_max_rt) {
            self.sol_max = Duration::from_secs(seconds.into());
        }
        if let Some(seconds) = limit(reply.inf_max_rt) {
            self.inf_max = Duration::from_secs(seconds.into());
        }
        match (self.state, reply.advertise) {
            (State::Soliciting, true) => self.consider(now, reply),
            (State::Requesting, false) => {
                (reply.server == self.offer.as_ref()?.server).then_some(())?;
                match reply.status {
                    status::SUCCESS => self.bind(reply),
                    1 => None, // UnspecFail: asked again in time
                    _ => {
                        self.begin(State::Soliciting, now);
                        self.next = now + SECOND + self.random.up_to(SECOND);
                        Some(())
                    }
                }
            }
            (State::Renewing | State::Rebinding, false) => {
                let foreign = self.state == State::Renewing && reply.server != self.lease.as_ref()?.server;
                match reply.status {
                    _ if foreign => None,
                    status::SUCCESS => self.bind(reply),
                    status::NO_BINDING => self.request_again(now, reply),
                    status::NOT_ON_LINK => {
                        self.lease = None;
                        self.start(now);
                        self.next = now + SECOND + self.random.up_to(SECOND);
                        Some(())
                    }
                    _ => None,
                }
            }
            (State::Informing, false) => {
                self.next = now + Duration::from_secs(reply.refresh.unwrap_or(REFRESH).max(REFRESH_LEAST).into());
                self.state = State::Informed;
                self.unanswered = 0;
                let (dns, search, server) = (reply.dns, reply.search, reply.server);
                self.lease = Some(Lease { dns, search, server, ..Lease::default() });
                Some(())
            }
            _ => None,
        }
    }

    /// Section 18.2.9: the first RT is for all servers to answer, unless one has the highest preference. After that the
    /// first answer is taken.
    fn consider(&mut self, now: Duration, reply: Reply) -> Option<()> {
        if reply.status != status::SUCCESS || reply.addresses.is_empty() {
            return None;
        }
        if self.offer.as_ref().is_none_or(|best| reply.preference > best.preference) {
            let at_once = reply.preference == u8::MAX || self.tries > 1;
            self.offer = Some(reply);
            if at_once {
                self.begin(State::Requesting, now);
            }
        }
        Some(())
    }

    /// Section 18.2.10.1: a server that knows nothing of the lease is asked for it.
    fn request_again(&mut self, now: Duration, reply: Reply) -> Option<()> {
        let lease = self.lease.as_ref()?;
        let addresses = lease.addresses.iter().map(|held| Address { ip: held.ip, preferred: 0, valid: 0 }).collect();
        self.offer = Some(Reply { addresses, ..reply });
        self.begin(State::Requesting, now);
        Some(())
    }

    /// Section 18.2.10.1: what the reply names is replaced, what it does not name runs out in its time.
    fn bind(&mut self, reply: Reply) -> Option<()> {
        // Section 21.4: such an IA is invalid. And one without an address in use binds nothing.
        let shortest =
            reply.addresses.iter().filter(|address| address.valid > 0).map(|address| address.preferred).min()?;
        if reply.t2 > 0 && reply.t1 > reply.t2 {
            return None;
        }
        let since = self.asked;
        let after = |seconds: u32| (seconds != u32::MAX).then(|| since + Duration::from_secs(seconds.into()));
        let part = |percent: u64| match shortest {
            u32::MAX => u32::MAX,
            seconds => (u64::from(seconds) * percent / 100) as u32,
        };
        // Section 21.4: 0 leaves it to us; 0.5 and 0.8 of the shortest preferred lifetime.
        let t1 = if reply.t1 == 0 { part(50) } else { reply.t1 }.max(T1_LEAST);
        let t2 = if reply.t2 == 0 { part(80) } else { reply.t2 }.max(t1);
        let mut addresses = self.lease.take().unwrap_or_default().addresses;
        for address in &reply.addresses {
            addresses.retain(|held| held.ip != address.ip);
            if address.valid > 0 && addresses.len() < 8 {
                let (preferred, valid) = (after(address.preferred), after(address.valid));
                addresses.push(Held { ip: address.ip, preferred, valid });
            }
        }
        let (t1, t2) = (after(t1).unwrap_or(NEVER), after(t2).unwrap_or(NEVER));
        self.lease = Some(Lease { addresses, dns: reply.dns, search: reply.search, server: reply.server, t1, t2 });
        self.state = State::Bound;
        self.next = t1;
        self.offer = None;
        self.unanswered = 0;
        Some(())
    }
}
