//! Names that every configuration may use for the addresses of the host's interfaces: `eth0:ip`,
//! `eth0:eth`, `eth0:ipnet`.
use super::sys::interface;
use crate::args::{Ipv4Prefix, NameDb, Named};
use crate::wire::EtherAddr;
use std::net::IpAddr;

/// The names of all interfaces there are. Interfaces that cannot be read are left out.
pub fn of_interfaces() -> NameDb {
    let mut names = NameDb::new();
    for name in interface::names().unwrap_or_default() {
        let Ok(i) = interface::read(&name) else { continue };
        names.insert("", &name, Named::Ether(EtherAddr(i.mac)));
        for a in &i.addresses {
            if let IpAddr::V4(addr) = a.address {
                names.insert("", &name, Named::Ip(addr));
                names.insert("", &name, Named::Prefix(Ipv4Prefix::new(addr, a.prefix_len.into())));
            }
        }
    }
    names
}
