//! The management network of the machine, for as long as it runs: one interface, its addresses, routes and DNS.
//!
//! Static values, DHCPv4, and DHCPv6 are ours; routers and SLAAC (RFC 4862) are the kernel's, and of those this only
//! takes what the kernel has no use for: DNS (RFC 8106), and whether DHCPv6 is to be asked (RFC 4861 section 4.2).
//! Nothing that comes from the network can stop it: what is broken is counted, and what is missing is asked for again
//! and again.
//!
//! Reading order: `worker` (the loop), `plan` (what the interface should have), `apply` (making it so), `report` (what is
//! told); then the protocols, which know neither clock nor socket: `dhcp4`, `dhcp6`, `router`.
mod apply;
mod bytes;
mod dhcp4;
mod dhcp6;
mod plan;
mod random;
mod report;
mod resolver;
mod router;
mod settings;
mod socket;
#[cfg(test)]
mod tests;
mod worker;

use crate::boot::{Problem, Setting, Severity};
use std::fmt;
use std::io::{self, PipeWriter};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Whether DHCPv6 is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dhcp6 {
    /// Never.
    No,
    /// For an address, whatever routers say.
    Yes,
    /// As the flags M and O of routers say (RFC 4861 section 4.2).
    #[default]
    Auto,
}

/// What is wanted of the management interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Whether DHCPv4 is asked.
    pub dhcp4: bool,
    /// Whether addresses are made from the prefixes that routers advertise.
    pub slaac: bool,
    /// Whether DHCPv6 is asked.
    pub dhcp6: Dhcp6,
    /// Static addresses, with the lengths of their prefixes in bits.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Static default gateways: the first of each family counts.
    pub gateways: Vec<IpAddr>,
    /// DNS servers.
    pub dns: Vec<IpAddr>,
    /// Search domains of the resolver.
    pub search: Vec<String>,
    /// Bytes; as the device has it if not said.
    pub mtu: Option<u32>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            dhcp4: true,
            slaac: true,
            dhcp6: Dhcp6::Auto,
            addresses: Vec::new(),
            gateways: Vec::new(),
            dns: Vec::new(),
            search: Vec::new(),
            mtu: None,
        }
    }
}

/// Where things lie.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The proc file system: `/proc`.
    pub proc: PathBuf,
    /// What the resolver reads: `/etc/resolv.conf`. Its folder has to be there.
    pub resolver: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Self { proc: "/proc".into(), resolver: "/etc/resolv.conf".into() }
    }
}

/// Who gave an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The configuration.
    Static,
    /// A server.
    Dhcp4 {
        /// Its address.
        server: Ipv4Addr,
    },
    /// The prefix of a router.
    Slaac,
    /// A server.
    Dhcp6,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static => f.write_str("static"),
            Self::Dhcp4 { server } => write!(f, "DHCPv4 of {server}"),
            Self::Slaac => f.write_str("router advertisement"),
            Self::Dhcp6 => f.write_str("DHCPv6"),
        }
    }
}

/// An address that the interface has and that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Never link-local.
    pub ip: IpAddr,
    /// The length of its prefix in bits.
    pub prefix: u8,
    /// Who gave it.
    pub source: Source,
}

/// What is to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    addresses: Vec<Address>,
    problems: Vec<Problem>,
    ignored: u64,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The running management network. It stops looking after it when this is dropped; what the interface has then it keeps.
#[derive(Debug)]
pub struct Handle {
    shared: Arc<Shared>,
    /// Its end tells the thread to stop.
    alive: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

/// Switches an interface on, and leaves it alone otherwise: a data port.
///
/// # Errors
/// There is no such interface, or it cannot be switched on.
pub fn raise(interface: &str) -> io::Result<()> {
    let mut kernel = sluice_netlink::Netlink::open()?;
    let link = kernel.link(interface)?;
    Ok(kernel.set_up(link.index)?)
}

/// Starts it in a thread of its own, which has the name `net`. The interface may turn up later. `host`: the name that is
/// told to DHCPv4's server; may be empty. Whatever goes wrong is found in [`Handle::problems`].
pub fn start(interface: &str, wanted: Network, host: &str, paths: Paths) -> Handle {
    let shared = Arc::new(Shared::default());
    match spawn(interface, wanted, host, paths, &shared) {
        Ok((alive, thread)) => Handle { shared, alive: Some(alive), thread: Some(thread) },
        Err(error) => {
            shared.lock().problems.push(stopped(&error.to_string()));
            Handle { shared, alive: None, thread: None }
        }
    }
}

fn spawn(
    interface: &str,
    wanted: Network,
    host: &str,
    paths: Paths,
    shared: &Arc<Shared>,
) -> io::Result<(PipeWriter, JoinHandle<()>)> {
    let (stop, alive) = io::pipe()?;
    let (interface, host, shared) = (interface.to_owned(), host.to_owned(), Arc::clone(shared));
    let run = move || worker::run(interface, wanted, host, paths, &shared, &stop);
    Ok((alive, thread::Builder::new().name("net".into()).spawn(run)?))
}

fn stopped(why: &str) -> Problem {
    let detail = format!("the management network is not looked after: {why}. Start the machine again");
    Problem { object: "management".into(), severity: Severity::Critical, detail }
}

impl Handle {
    /// The addresses that can be used now.
    #[must_use]
    pub fn addresses(&self) -> Vec<Address> {
        self.shared.lock().addresses.clone()
    }

    /// The addresses as settings `management.address`.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        let setting = |address: Address| Setting {
            name: "management.address".into(),
            value: format!("{}/{}", address.ip, address.prefix),
            from: address.source.to_string(),
        };
        self.addresses().into_iter().map(setting).collect()
    }

    /// What is wrong now.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.shared.lock().problems.clone();
        if self.thread.as_ref().is_some_and(JoinHandle::is_finished) {
            problems.push(stopped("its thread has ended"));
        }
        problems
    }

    /// Messages from the network that were broken, or not for this machine.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        self.shared.lock().ignored
    }

    /// Waits until there is an address, at most as long as `limit`. Whether there is one.
    #[must_use]
    pub fn wait(&self, limit: Duration) -> bool {
        let none = |state: &mut State| state.addresses.is_empty();
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), limit, none);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
