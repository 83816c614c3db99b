//! The bytes of rtnetlink (rtnetlink(7), netlink(7)): numbers are in the byte order of the machine, everything is aligned
//! to 4 bytes.
use rustix::fd::{AsRawFd as _, BorrowedFd};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// Kinds of messages and attributes, as in `linux/rtnetlink.h`, `linux/if_link.h`, `linux/if_addr.h`.
pub(super) mod code {
    pub(crate) const ERROR: u16 = 2;
    pub(crate) const DONE: u16 = 3;
    pub(crate) const NEW_LINK: u16 = 16;
    pub(crate) const DELETE_LINK: u16 = 17;
    pub(crate) const GET_LINK: u16 = 18;
    pub(crate) const NEW_ADDRESS: u16 = 20;
    pub(crate) const DELETE_ADDRESS: u16 = 21;
    pub(crate) const GET_ADDRESS: u16 = 22;
    pub(crate) const NEW_ROUTE: u16 = 24;
    pub(crate) const DELETE_ROUTE: u16 = 25;
    pub(crate) const ND_OPTIONS: u16 = 68;

    pub(crate) const REQUEST: u16 = 1;
    pub(crate) const ACK: u16 = 4;
    pub(crate) const DUMP: u16 = 0x300;
    pub(crate) const REPLACE: u16 = 0x100;
    pub(crate) const EXCLUSIVE: u16 = 0x200;
    pub(crate) const CREATE: u16 = 0x400;
}

/// Attributes of links, as in `linux/if_link.h` and `linux/veth.h`.
pub(super) mod attribute {
    pub(crate) const NAME: u16 = 3;
    pub(crate) const MTU: u16 = 4;
    pub(crate) const LINK_INFO: u16 = 18;
    pub(crate) const ALIAS: u16 = 20;
    pub(crate) const NAMESPACE: u16 = 28;
    pub(crate) const INFO_KIND: u16 = 1;
    pub(crate) const INFO_DATA: u16 = 2;
    pub(crate) const VETH_PEER: u16 = 1;
}

const HEADER: usize = 16;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IFF_UP: u32 = 1;
const IFF_RUNNING: u32 = 0x40;
const IFF_LOWER_UP: u32 = 0x10000;
const IFA_F_NOPREFIXROUTE: u32 = 0x200;
const IFA_F_DADFAILED: u32 = 0x08;
const IFA_F_TENTATIVE: u32 = 0x40;
const IF_RA_OTHERCONF: u32 = 0x80;
const IF_RA_MANAGED: u32 = 0x40;
const IF_RA_RCVD: u32 = 0x20;
/// `linux/rtnetlink.h`: who made a route.
const RTPROT_STATIC: u8 = 4;

/// A message to the kernel.
#[derive(Debug)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new(kind: u16, flags: u16, sequence: u32) -> Self {
        let mut bytes = vec![0; 4];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((flags | code::REQUEST).to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend([0; 4]);
        Self(bytes)
    }

    /// `struct ifinfomsg`. `flags`: those of IFF_UP that are to change, all to 1.
    pub(super) fn link(mut self, index: u32, flags: u32) -> Self {
        self.0.extend([0; 4]);
        self.0.extend(index.to_ne_bytes());
        self.0.extend(flags.to_ne_bytes());
        self.0.extend(flags.to_ne_bytes());
        self
    }

    /// `struct ifaddrmsg`; the address and its lifetimes.
    pub(super) fn address(mut self, index: u32, address: &Address) -> Self {
        let family = if address.ip.is_ipv4() { AF_INET } else { AF_INET6 };
        self.0.extend([family, address.prefix, 0, 0]);
        self.0.extend(index.to_ne_bytes());
        self = self.ip(1, address.ip).ip(2, address.ip);
        if let IpAddr::V4(ip) = address.ip
            && address.prefix < 31
        {
            let host = u32::MAX >> address.prefix;
            self = self.attribute(4, &(u32::from(ip) | host).to_be_bytes());
        }
        if address.ip.is_ipv6() && address.prefix == 128 {
            self = self.attribute(8, &IFA_F_NOPREFIXROUTE.to_ne_bytes());
        }
        let seconds =
            |time: Option<Duration>| time.map_or(u32::MAX, |time| time.as_secs().min(u64::from(u32::MAX)) as u32);
        // The kernel refuses a valid lifetime of 0 and a preferred one that is longer.
        let valid = seconds(address.valid).max(1);
        let preferred = seconds(address.preferred).min(valid);
        let cache = [preferred, valid, 0, 0].map(u32::to_ne_bytes).concat();
        self.attribute(6, &cache)
    }

    /// `struct rtmsg`; the gateway is on the link, whatever the addresses say.
    pub(super) fn route(mut self, index: u32, route: &Route) -> Self {
        const TABLE_MAIN: u8 = 254;
        const SCOPE_LINK: u8 = 253;
        const UNICAST: u8 = 1;
        const ONLINK: u32 = 4;
        let family = if route.to.is_ipv4() { AF_INET } else { AF_INET6 };
        let (scope, flags) = if route.gateway.is_some() { (0, ONLINK) } else { (SCOPE_LINK, 0) };
        self.0.extend([family, route.prefix, 0, 0, TABLE_MAIN, RTPROT_STATIC, scope, UNICAST]);
        self.0.extend(flags.to_ne_bytes());
        if route.prefix > 0 {
            self = self.ip(1, route.to);
        }
        self = self.attribute(4, &index.to_ne_bytes());
        if route.to.is_ipv6() {
            // Before those that the kernel has from routers (1024), which must not be replaced by it.
            self = self.attribute(6, &512_u32.to_ne_bytes());
        }
        match route.gateway {
            Some(gateway) => self.ip(5, gateway),
            None => self,
        }
    }

    fn ip(self, kind: u16, ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => self.attribute(kind, &ip.octets()),
            IpAddr::V6(ip) => self.attribute(kind, &ip.octets()),
        }
    }

    pub(super) fn name(self, name: &str) -> Self {
        self.attribute(attribute::NAME, &[name.as_bytes(), &[0]].concat())
    }

    pub(super) fn mtu(self, mtu: u32) -> Self {
        self.attribute(attribute::MTU, &mtu.to_ne_bytes())
    }

    pub(super) fn namespace(self, namespace: BorrowedFd<'_>) -> Self {
        self.attribute(attribute::NAMESPACE, &namespace.as_raw_fd().to_ne_bytes())
    }

    /// An attribute of what `fill` writes.
    pub(super) fn nest(self, kind: u16, fill: impl FnOnce(Self) -> Self) -> Self {
        let inner = fill(Self(Vec::new())).0;
        self.attribute(kind, &inner)
    }

    pub(super) fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        self.0.extend((value.len() as u16 + 4).to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        let length = (self.0.len() as u32).to_ne_bytes();
        self.0[..4].copy_from_slice(&length);
        self.0
    }
}

/// An address to be set, or one that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Of IPv4 or IPv6.
    pub ip: IpAddr,
    /// Bits of the network's prefix.
    pub prefix: u8,
    /// How long it may be used for what is new, from now on; None: for ever.
    pub preferred: Option<Duration>,
    /// How long it may be used at all, from now on; None: for ever.
    pub valid: Option<Duration>,
    /// Another machine may have it: it is not used yet (RFC 4862 section 5.4).
    pub tentative: bool,
    /// Another machine has it.
    pub duplicate: bool,
}

/// A route through the interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The destination's network.
    pub to: IpAddr,
    /// Bits of its prefix.
    pub prefix: u8,
    /// None: the destination is on the link.
    pub gateway: Option<IpAddr>,
}

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The kernel's number for it, at least 1.
    pub index: u32,
    /// None if it is not Ethernet.
    pub mac: Option<[u8; 6]>,
    /// Switched on.
    pub up: bool,
    /// Has a carrier.
    pub carrier: bool,
    /// Frames can be sent (RFC 2863: operational status up, or unknown).
    pub running: bool,
    /// How often the carrier went away.
    pub drops: u32,
    /// A router advertisement has come.
    pub router: bool,
    /// It says that addresses come by DHCPv6 (RFC 4861 section 4.2).
    pub managed: bool,
    /// It says that other settings do.
    pub other: bool,
    /// The text beside it; empty if there is none.
    pub alias: String,
}

/// A message from the kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    pub(super) sequence: u32,
    pub(super) body: &'a [u8],
}

/// The messages in what was read.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = number(bytes, 0)? as usize;
        let message = bytes.get(..length)?;
        let (kind, sequence) = (half(message, 4)?, number(message, 8)?);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Message { kind, sequence, body: message.get(HEADER..)? })
    })
}

impl Message<'_> {
    /// The error of an acknowledgement: 0 if there is none, otherwise an errno.
    pub(super) fn error(&self) -> i32 {
        number(self.body, 0).map_or(0, |error| (error as i32).wrapping_neg())
    }

    pub(super) fn link(&self) -> Option<Link> {
        let flags = number(self.body, 8)?;
        let mut link = Link {
            index: number(self.body, 4)?,
            up: flags & IFF_UP != 0,
            carrier: flags & IFF_LOWER_UP != 0,
            running: flags & IFF_RUNNING != 0,
            ..Link::default()
        };
        for (kind, value) in attributes(self.body.get(16..)?) {
            match kind {
                1 => link.mac = value.try_into().ok(),
                attribute::ALIAS => {
                    let text = String::from_utf8_lossy(value);
                    link.alias = text.trim_end_matches('\0').to_owned();
                }
                // IFLA_CARRIER_DOWN_COUNT.
                48 => link.drops = number(value, 0).unwrap_or(0),
                // IFLA_AF_SPEC, in it AF_INET6, in it IFLA_INET6_FLAGS.
                26 => {
                    let v6 = attributes(value).find(|(family, _)| *family == u16::from(AF_INET6));
                    let flags = attributes(v6.map_or(&[], |(_, value)| value)).find(|(kind, _)| *kind == 1);
                    let flags = flags.and_then(|(_, value)| number(value, 0)).unwrap_or(0);
                    link.router = flags & IF_RA_RCVD != 0;
                    link.managed = flags & IF_RA_MANAGED != 0;
                    link.other = flags & IF_RA_OTHERCONF != 0;
                }
                _ => {}
            }
        }
        Some(link)
    }

    /// The address, and the interface that has it.
    pub(super) fn address(&self) -> Option<(u32, Address)> {
        let (prefix, index) = (*self.body.get(1)?, number(self.body, 4)?);
        let mut flags = u32::from(*self.body.get(2)?);
        let (mut remote, mut local) = (None, None);
        for (kind, value) in attributes(self.body.get(8..)?) {
            match kind {
                1 => remote = ip(value),
                2 => local = ip(value),
                8 => flags = number(value, 0)?,
                _ => {}
            }
        }
        let duplicate = flags & IFA_F_DADFAILED != 0;
        let tentative = flags & IFA_F_TENTATIVE != 0;
        let ip = local.or(remote)?;
        Some((index, Address { ip, prefix, preferred: None, valid: None, tentative, duplicate }))
    }

    /// `struct nduseroptmsg`: the options of a router advertisement, and the interface that it came to.
    pub(super) fn router_options(&self) -> Option<(u32, &[u8])> {
        const ROUTER_ADVERTISEMENT: u8 = 134;
        let length = usize::from(half(self.body, 2)?);
        (*self.body.get(8)? == ROUTER_ADVERTISEMENT).then_some(())?;
        Some((number(self.body, 4)?, self.body.get(16..16 + length)?))
    }
}

fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    const NESTED: u16 = 0x8000;
    std::iter::from_fn(move || {
        let length = usize::from(half(bytes, 0)?);
        let (kind, value) = (half(bytes, 2)? & !NESTED, bytes.get(4..length)?);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(bytes).ok().map(|octets| Ipv6Addr::from(octets).into()),
    }
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}
