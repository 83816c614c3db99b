//! The loop of the management network: looks at the kernel, lets the clients speak, makes the interface what it should
//! be, tells what is, and waits.
use super::apply::Applied;
use super::plan::Plan;
use super::random::Random;
use super::report::{Known, is_link_local};
use super::router::RouterDns;
use super::{Dhcp6, Network, Paths, Shared, State, dhcp4, dhcp6, report, resolver, settings, socket};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use sluice_netlink::{Address, Events, Link, Netlink};
use std::io::{self, PipeReader};
use std::net::UdpSocket;
use std::time::Duration;

/// What failed is tried again after this.
const RETRY: Duration = Duration::from_secs(5);
/// The kernel is looked at again after this, even if nothing seems to have changed.
const IDLE: Duration = Duration::from_secs(60);

/// Since boot, sleep included: leases run on meanwhile.
fn clock() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// Until `stop` is at its end.
pub(super) fn run(interface: String, wanted: Network, host: String, paths: Paths, shared: &Shared, stop: &PipeReader) {
    loop {
        let error = match Worker::new(&interface, &wanted, &host, &paths) {
            Ok(mut worker) => loop {
                worker.turn(shared);
                if worker.wait(stop) {
                    return;
                }
            },
            Err(error) => error,
        };
        shared.lock().problems = vec![super::stopped(&format!("rtnetlink: {error}"))];
        if sleep(stop, &[], RETRY) {
            return;
        }
    }
}

/// Waits for any of `sources`. True if it is time to stop.
fn sleep(stop: &PipeReader, sources: &[PollFd<'_>], limit: Duration) -> bool {
    let mut all = vec![PollFd::new(stop, PollFlags::IN)];
    all.extend_from_slice(sources);
    // Rounded up: a timer must be due when this ends.
    let limit = Timespec::try_from(limit + Duration::from_millis(1)).ok();
    let _ = poll(&mut all, limit.as_ref());
    !all[0].revents().is_empty()
}

/// The clients and sockets of an interface that is there.
#[derive(Debug)]
struct Port {
    link: Link,
    dhcp4: Option<(dhcp4::Client, UdpSocket)>,
    dhcp6: Option<(dhcp6::Client, UdpSocket)>,
    applied: Applied,
    /// Whether the kernel's settings are made.
    settled: bool,
    /// Whether the clients know of a carrier, and of one with a usable link-local address.
    ready4: bool,
    ready6: bool,
}

#[derive(Debug)]
struct Worker<'a> {
    interface: &'a str,
    wanted: &'a Network,
    host: &'a str,
    paths: &'a Paths,
    netlink: Netlink,
    events: Events,
    port: Option<Port>,
    router: RouterDns,
    held: Vec<Address>,
    /// The text of `resolv.conf` that was written.
    resolver: String,
    /// Since when there is no address.
    without: Option<Duration>,
    failures: Vec<String>,
    ignored: u64,
    next: Duration,
}

impl<'a> Worker<'a> {
    fn new(interface: &'a str, wanted: &'a Network, host: &'a str, paths: &'a Paths) -> io::Result<Self> {
        let (events, mut netlink) = (Events::open()?, Netlink::open()?);
        // Without it, not even this machine reaches itself.
        let _ = netlink.link("lo").and_then(|lo| netlink.set_up(lo.index));
        Ok(Self {
            interface,
            wanted,
            host,
            paths,
            netlink,
            events,
            port: None,
            router: RouterDns::default(),
            held: Vec::new(),
            resolver: String::new(),
            without: None,
            failures: Vec::new(),
            ignored: 0,
            next: Duration::ZERO,
        })
    }

    /// Everything that is due.
    fn turn(&mut self, shared: &Shared) {
        let now = clock();
        self.failures.clear();
        self.router.expire(now);
        self.look();
        self.follow(now);
        let plan = self.plan();
        if let Some(port) = &mut self.port {
            let index = port.link.index;
            if port.applied.apply(now, &mut self.netlink, index, &self.held, plan.clone(), &mut self.failures) {
                self.held = self.netlink.addresses(index).unwrap_or_default();
            }
            // Afterwards: what is sent must not come from an address that is over.
            port.speak(now);
        }
        self.resolve(&plan);
        self.tell(now, &plan, shared);
        self.next = self.deadline(now);
    }

    /// The kernel's view.
    fn look(&mut self) {
        let link = match self.netlink.link(self.interface) {
            Ok(link) => link,
            Err(error) => {
                if error != Errno::NODEV {
                    self.failures.push(format!("it cannot be asked for ({error})"));
                }
                self.port = None;
                self.held.clear();
                return;
            }
        };
        let same = self.port.as_ref().is_some_and(|port| (port.link.index, port.link.mac) == (link.index, link.mac));
        if !same {
            self.router = RouterDns::default();
            self.port = Some(Port::new(link.clone()));
        }
        if let Some(port) = &mut self.port {
            if !port.settled {
                match settings::apply(&self.paths.proc, self.interface, self.wanted) {
                    Ok(()) => port.settled = true,
                    Err(error) => self.failures.push(format!("a setting of IPv6 cannot be made ({error})")),
                }
            }
            port.open(self.interface, self.wanted, self.host, &mut self.failures);
        }
        if !link.up
            && let Err(error) = self.netlink.set_up(link.index)
        {
            self.failures.push(format!("the link cannot be switched on ({error})"));
        }
        self.held = self.netlink.addresses(link.index).unwrap_or_default();
        if let Some(port) = &mut self.port {
            // The kernel may tell of a carrier that went and came at once only that it is there.
            if (link.up, link.carrier, link.drops) != (port.link.up, port.link.carrier, port.link.drops) {
                port.applied.lose_routes();
                if link.carrier {
                    (port.ready4, port.ready6) = (false, false);
                }
            }
            port.link = link;
        }
    }

    /// Tells the clients what became of the link.
    fn follow(&mut self, now: Duration) {
        let Some(port) = &mut self.port else { return };
        port.dhcp4.iter_mut().for_each(|(client, _)| client.expire(now));
        port.dhcp6.iter_mut().for_each(|(client, _)| client.expire(now));
        let ready4 = port.link.carrier;
        let local = |held: &Address| is_link_local(held.ip) && !held.tentative && !held.duplicate;
        let ready6 = ready4 && self.held.iter().any(local);
        if let Some((client, _)) = &mut port.dhcp4
            && ready4 != port.ready4
        {
            if ready4 { client.link_up(now) } else { client.link_down() }
        }
        if let Some((client, _)) = &mut port.dhcp6 {
            if ready6 != port.ready6 {
                if ready6 { client.link_up(now) } else { client.link_down() }
            }
            let mode = match self.wanted.dhcp6 {
                Dhcp6::Yes => dhcp6::Mode::Stateful,
                Dhcp6::Auto if port.link.managed => dhcp6::Mode::Stateful,
                Dhcp6::Auto if port.link.other => dhcp6::Mode::Stateless,
                _ => dhcp6::Mode::Off,
            };
            client.want(mode, now);
        }
        (port.ready4, port.ready6) = (ready4, ready6);
    }

    fn plan(&self) -> Plan {
        let port = self.port.as_ref();
        let lease4 = port.and_then(|port| port.dhcp4.as_ref()).and_then(|(client, _)| client.lease());
        let lease6 = port.and_then(|port| port.dhcp6.as_ref()).and_then(|(client, _)| client.lease());
        Plan::new(self.wanted, lease4, lease6, &self.router)
    }

    fn resolve(&mut self, plan: &Plan) {
        let text = resolver::text(&plan.dns, &plan.search, self.interface);
        if text == self.resolver {
            return;
        }
        match resolver::write(&self.paths.resolver, &text) {
            Ok(()) => self.resolver = text,
            Err(error) => self.failures.push(format!("{} cannot be written ({error})", self.paths.resolver.display())),
        }
    }

    fn tell(&mut self, now: Duration, plan: &Plan, shared: &Shared) {
        let mut known = Known {
            interface: self.interface,
            wanted: self.wanted,
            link: self.port.as_ref().map(|port| &port.link),
            held: &self.held,
            plan,
            without: Duration::ZERO,
            failures: &self.failures,
        };
        let addresses = known.addresses();
        self.without = if addresses.is_empty() { self.without.or(Some(now)) } else { None };
        known.without = self.without.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        let ignored = self.ignored + self.port.as_ref().map_or(0, Port::ignored);
        let state = State { addresses, problems: known.problems(), ignored };
        let mut told = shared.lock();
        if *told != state {
            *told = state;
            shared.changed.notify_all();
        }
    }

    fn deadline(&self, now: Duration) -> Duration {
        let mut next = now + if self.failures.is_empty() { IDLE } else { RETRY };
        if let Some(since) = self.without
            && now < since + report::PATIENCE
        {
            next = next.min(since + report::PATIENCE);
        }
        if let Some(until) = self.router.deadline() {
            next = next.min(until);
        }
        if let Some(port) = &self.port {
            next = port.dhcp4.iter().map(|(client, _)| client.deadline()).fold(next, Duration::min);
            next = port.dhcp6.iter().map(|(client, _)| client.deadline()).fold(next, Duration::min);
        }
        next
    }

    /// Waits until something happens or is due, and takes in what came. True if it is time to stop.
    fn wait(&mut self, stop: &PipeReader) -> bool {
        let limit = self.next.saturating_sub(clock());
        let mut sources = vec![PollFd::new(&self.events, PollFlags::IN)];
        if let Some(port) = &self.port {
            sources.extend(port.dhcp4.iter().map(|(_, socket)| PollFd::new(socket, PollFlags::IN)));
            sources.extend(port.dhcp6.iter().map(|(_, socket)| PollFd::new(socket, PollFlags::IN)));
        }
        if sleep(stop, &sources, limit) {
            return true;
        }
        let now = clock();
        let index = self.port.as_ref().map_or(0, |port| port.link.index);
        self.events.drain(index, |options| self.ignored += u64::from(!self.router.receive(now, options)));
        if let Some(port) = &mut self.port {
            if let Some((client, socket)) = &mut port.dhcp4 {
                socket::drain(socket, |bytes| client.receive(now, bytes));
            }
            if let Some((client, socket)) = &mut port.dhcp6 {
                socket::drain(socket, |bytes| client.receive(now, bytes));
            }
        }
        false
    }
}

impl Port {
    fn new(link: Link) -> Self {
        let applied = Applied::default();
        Self { link, dhcp4: None, dhcp6: None, applied, settled: false, ready4: false, ready6: false }
    }

    /// Makes the clients that are wanted, unless they are there.
    fn open(&mut self, interface: &str, wanted: &Network, host: &str, failures: &mut Vec<String>) {
        let mac = self.link.mac.unwrap_or_default();
        let mut open = |protocol: &str, socket: io::Result<UdpSocket>| {
            socket.inspect_err(|error| failures.push(format!("{protocol} cannot be used ({error})"))).ok()
        };
        if wanted.dhcp4 && self.dhcp4.is_none() {
            let client = dhcp4::Client::new(mac, host, Random::new(&mac));
            self.dhcp4 = open("DHCPv4", socket::dhcp4(interface)).map(|socket| (client, socket));
            self.ready4 = false;
        }
        if wanted.dhcp6 != Dhcp6::No && self.dhcp6.is_none() {
            let client = dhcp6::Client::new(mac, Random::new(&mac));
            self.dhcp6 = open("DHCPv6", socket::dhcp6(interface)).map(|socket| (client, socket));
            self.ready6 = false;
        }
    }

    /// Sends what the clients have to say. That the network is not ready for it is no matter, as they repeat it.
    fn speak(&mut self, now: Duration) {
        if let Some((client, socket)) = &mut self.dhcp4
            && let Some(packet) = client.poll(now)
        {
            let _ = socket.send_to(&packet.bytes, (packet.to, 67));
        }
        if let Some((client, socket)) = &mut self.dhcp6
            && let Some(bytes) = client.poll(now)
        {
            let _ = socket.send_to(&bytes, socket::dhcp6_servers(self.link.index));
        }
    }

    fn ignored(&self) -> u64 {
        self.dhcp4.iter().map(|(client, _)| client.ignored).sum::<u64>()
            + self.dhcp6.iter().map(|(client, _)| client.ignored).sum::<u64>()
    }
}
