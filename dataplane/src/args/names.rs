//! Names that elements such as AddressInfo and PortInfo give to addresses and ports.

use super::{EtherAddr, Ipv4Prefix, Ipv6Prefix};
use alloc::{format, string::String, sync::Arc, vec::Vec};
use core::net::{Ipv4Addr, Ipv6Addr};
use hashbrown::HashMap;

/// What a name stands for. One name may stand for one value of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// An IPv4 address.
    Ip(Ipv4Addr),
    /// An IPv4 network; the address may be that of a host in it.
    Prefix(Ipv4Prefix),
    /// An IPv6 address.
    Ip6(Ipv6Addr),
    /// An IPv6 network.
    Prefix6(Ipv6Prefix),
    /// An Ethernet address.
    Ether(EtherAddr),
    /// The IPv4 gateway of a device.
    Gateway(Ipv4Addr),
    /// A TCP port.
    Tcp(u16),
    /// A UDP port.
    Udp(u16),
    /// A packet annotation: byte offset and size.
    Anno(u16, u16),
}

#[derive(Clone, Debug, Default)]
struct Values {
    all: Vec<Named>,
}

/// The names of a graph, seen from one element.
///
/// A name given inside a compound element holds in it and in all compounds inside it: an element
/// `a/b/c` finds what was named in `a/b`, then in `a`, then at the top. Copies are cheap.
#[derive(Clone, Debug, Default)]
pub struct NameDb {
    table: Arc<HashMap<String, Values>>,
    scope: String,
}

impl NameDb {
    /// No names yet, seen from the top.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same names, seen from an element.
    pub fn for_element(&self, element: &str) -> Self {
        let scope = element.rsplit_once('/').map_or("", |(compound, _)| compound);
        NameDb { table: self.table.clone(), scope: scope.into() }
    }

    /// Names a value as `element` does: for itself and all that is in the same compound.
    /// Replaces a value of the same kind.
    pub fn insert(&mut self, element: &str, name: &str, value: Named) {
        let key = match element.rsplit_once('/') {
            Some((compound, _)) => format!("{compound}/{name}"),
            None => name.into(),
        };
        let all = &mut Arc::make_mut(&mut self.table).entry(key).or_default().all;
        all.retain(|v| core::mem::discriminant(v) != core::mem::discriminant(&value));
        all.push(value);
    }

    /// The first value of a name that `pick` takes, from the innermost compound outwards.
    pub fn find<T>(&self, name: &str, pick: impl Fn(&Named) -> Option<T>) -> Option<T> {
        let mut scope = &*self.scope;
        loop {
            let found =
                if scope.is_empty() { self.table.get(name) } else { self.table.get(&*format!("{scope}/{name}")) };
            if let Some(value) = found.and_then(|v| v.all.iter().find_map(&pick)) {
                return Some(value);
            }
            if scope.is_empty() {
                return None;
            }
            scope = scope.rsplit_once('/').map_or("", |(outer, _)| outer);
        }
    }

    fn prefix(&self, name: &str) -> Option<Ipv4Prefix> {
        self.find(name, |v| if let Named::Prefix(p) = v { Some(*p) } else { None })
    }

    /// An IPv4 address by name: `NAME`, `NAME:ip`, `NAME:ip4`; `NAME:bcast` is the last address
    /// of its network, `NAME:gw` its gateway, without one the first address of its network.
    pub fn ip(&self, name: &str) -> Option<Ipv4Addr> {
        let (name, suffix) = split_suffix(name);
        match &*suffix {
            "" | "ip" | "ip4" => self.find(name, |v| if let Named::Ip(a) = v { Some(*a) } else { None }),
            "bcast" => self.prefix(name).map(|p| Ipv4Addr::from(u32::from(p.addr) | !u32::from(p.mask))),
            "gw" => self
                .find(name, |v| if let Named::Gateway(a) = v { Some(*a) } else { None })
                .or_else(|| self.prefix(name).map(|p| Ipv4Addr::from(u32::from(p.addr) & u32::from(p.mask) | 1))),
            _ => None,
        }
    }

    /// An IPv4 network by name: `NAME`, `NAME:net`, `NAME:ipnet`, `NAME:ip4net`.
    pub fn ip_prefix(&self, name: &str) -> Option<Ipv4Prefix> {
        let (name, suffix) = split_suffix(name);
        matches!(&*suffix, "" | "net" | "ipnet" | "ip4net").then(|| self.prefix(name)).flatten()
    }

    /// An IPv6 address by name: `NAME`, `NAME:ip6`.
    pub fn ip6(&self, name: &str) -> Option<Ipv6Addr> {
        let (name, suffix) = split_suffix(name);
        let pick = |v: &Named| if let Named::Ip6(a) = v { Some(*a) } else { None };
        matches!(&*suffix, "" | "ip6").then(|| self.find(name, pick)).flatten()
    }

    /// An IPv6 network by name: `NAME`, `NAME:net`, `NAME:ip6net`.
    pub fn ip6_prefix(&self, name: &str) -> Option<Ipv6Prefix> {
        let (name, suffix) = split_suffix(name);
        let pick = |v: &Named| if let Named::Prefix6(p) = v { Some(*p) } else { None };
        matches!(&*suffix, "" | "net" | "ip6net").then(|| self.find(name, pick)).flatten()
    }

    /// An Ethernet address by name: `NAME`, `NAME:eth`, `NAME:ethernet`.
    pub fn ether(&self, name: &str) -> Option<EtherAddr> {
        let (name, suffix) = split_suffix(name);
        let pick = |v: &Named| if let Named::Ether(a) = v { Some(*a) } else { None };
        matches!(&*suffix, "" | "eth" | "ethernet").then(|| self.find(name, pick)).flatten()
    }
}

/// A name without what follows its last colon, and that in small letters.
fn split_suffix(name: &str) -> (&str, String) {
    name.rsplit_once(':').map_or((name, String::new()), |(n, s)| (n, s.to_ascii_lowercase()))
}
