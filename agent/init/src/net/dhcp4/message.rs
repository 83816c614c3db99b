//! The messages of DHCP for IPv4 (RFC 2131 section 2, RFC 2132).
use crate::net::bytes::{Reader, is_domain, names};
use std::net::Ipv4Addr;

/// RFC 2131 section 3: what tells options from the vendor area of BOOTP.
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Bytes before the cookie.
const FIXED: usize = 236;
/// BOOTP relays may drop what is shorter (RFC 1542 section 2.1).
const SHORTEST: usize = 300;
/// The longest message that is taken; told to the server in option 57.
pub(super) const LONGEST: usize = 1472;
/// More routers, servers or routes than this are not kept.
const MANY: usize = 16;

mod option {
    pub(super) const MASK: u8 = 1;
    pub(super) const ROUTER: u8 = 3;
    pub(super) const DNS: u8 = 6;
    pub(super) const HOST: u8 = 12;
    pub(super) const DOMAIN: u8 = 15;
    pub(super) const MTU: u8 = 26;
    pub(super) const REQUESTED: u8 = 50;
    pub(super) const LEASE: u8 = 51;
    pub(super) const OVERLOAD: u8 = 52;
    pub(super) const KIND: u8 = 53;
    pub(super) const SERVER: u8 = 54;
    pub(super) const WANTED: u8 = 55;
    pub(super) const LONGEST: u8 = 57;
    pub(super) const T1: u8 = 58;
    pub(super) const T2: u8 = 59;
    pub(super) const CLIENT: u8 = 61;
    pub(super) const SEARCH: u8 = 119;
    pub(super) const ROUTES: u8 = 121;
    pub(super) const END: u8 = 255;
}

/// Option 53 (RFC 2132 section 9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Discover = 1,
    Offer = 2,
    Request = 3,
    Ack = 5,
    Nak = 6,
}

/// What a client sends.
#[derive(Debug)]
pub(super) struct Query<'a> {
    pub(super) kind: Kind,
    pub(super) xid: u32,
    /// Since the exchange began.
    pub(super) seconds: u16,
    pub(super) mac: [u8; 6],
    /// `ciaddr`: the address that the client has and answers ARP for; unspecified if none. Without one the answer has
    /// to be a broadcast.
    pub(super) client: Ipv4Addr,
    /// Option 50.
    pub(super) requested: Option<Ipv4Addr>,
    /// Option 54.
    pub(super) server: Option<Ipv4Addr>,
    /// Option 12; empty if none.
    pub(super) host: &'a str,
}

impl Query<'_> {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![1, 1, 6, 0]; // BOOTREQUEST, Ethernet
        bytes.extend(self.xid.to_be_bytes());
        bytes.extend(self.seconds.to_be_bytes());
        bytes.extend(if self.client.is_unspecified() { [0x80, 0] } else { [0, 0] });
        bytes.extend(self.client.octets());
        bytes.resize(28, 0);
        bytes.extend(self.mac);
        bytes.resize(FIXED, 0);
        bytes.extend(COOKIE);
        let mut put = |code: u8, value: &[u8]| {
            bytes.extend([code, value.len() as u8]);
            bytes.extend(value);
        };
        put(option::KIND, &[self.kind as u8]);
        put(option::CLIENT, &[&[1][..], &self.mac].concat());
        if let Some(address) = self.requested {
            put(option::REQUESTED, &address.octets());
        }
        if let Some(server) = self.server {
            put(option::SERVER, &server.octets());
        }
        put(option::LONGEST, &(LONGEST as u16).to_be_bytes());
        if (1..=63).contains(&self.host.len()) {
            put(option::HOST, self.host.as_bytes());
        }
        // RFC 3442: routes before the router.
        let wanted = [option::MASK, option::ROUTES, option::ROUTER, option::DNS, option::DOMAIN, option::MTU];
        put(option::WANTED, &[&wanted[..], &[option::SEARCH, option::T1, option::T2]].concat());
        bytes.push(option::END);
        bytes.resize(bytes.len().max(SHORTEST), 0);
        bytes
    }
}

/// A route of RFC 3442; an unspecified gateway means that the destination is on the link.
pub(in crate::net) type Route = (Ipv4Addr, u8, Ipv4Addr);

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) kind: Kind,
    pub(super) address: Ipv4Addr,
    pub(super) server: Ipv4Addr,
    pub(super) prefix: u8,
    /// Seconds; `u32::MAX` for ever. 0 if not said, which only a NAK may.
    pub(super) lease: u32,
    pub(super) t1: Option<u32>,
    pub(super) t2: Option<u32>,
    pub(super) routes: Vec<Route>,
    pub(super) dns: Vec<Ipv4Addr>,
    pub(super) search: Vec<String>,
    pub(super) mtu: Option<u16>,
}

impl Reply {
    /// Nothing if it is broken, or not the answer to `xid` of `mac`.
    pub(super) fn parse(bytes: &[u8], xid: u32, mac: [u8; 6]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let (head, id) = (reader.array::<4>()?, reader.u32()?);
        reader.take(8)?;
        let address = reader.ipv4()?;
        reader.take(8)?;
        let (chaddr, name, file) = (reader.take(16)?, reader.take(64)?, reader.take(128)?);
        if head[..3] != [2, 1, 6] || id != xid || chaddr.get(..6)? != mac || reader.array()? != COOKIE {
            return None;
        }
        let options = Options::read(reader.0, name, file)?;
        let kind = match options.get(option::KIND)? {
            [2] => Kind::Offer,
            [5] => Kind::Ack,
            [6] => Kind::Nak,
            _ => return None,
        };
        let number = |code| options.get(code).and_then(|bytes| Reader(bytes).u32());
        let reply = Self {
            kind,
            address,
            server: options.addresses(option::SERVER).next().filter(is_host)?,
            prefix: options.prefix()?,
            lease: number(option::LEASE).unwrap_or(0),
            t1: number(option::T1),
            t2: number(option::T2),
            routes: options.routes(),
            dns: options.addresses(option::DNS).filter(is_host).take(MANY).collect(),
            search: options.search(),
            mtu: options.get(option::MTU).and_then(|bytes| Reader(bytes).u16()),
        };
        (kind == Kind::Nak || is_host(&address) && reply.lease > 0).then_some(reply)
    }
}

/// Whether a machine can have this address.
fn is_host(address: &Ipv4Addr) -> bool {
    !(address.octets()[0] == 0 || address.is_loopback() || address.octets()[0] >= 224)
}

/// The options of a message, by their codes. Those that come twice are joined (RFC 3396).
struct Options(Vec<(u8, Vec<u8>)>);

impl Options {
    /// From the field `options` and, where option 52 says so, from `file` and `sname` (RFC 2131 section 4.1).
    fn read(bytes: &[u8], name: &[u8], file: &[u8]) -> Option<Self> {
        let mut options = Self(Vec::new());
        options.add(bytes)?;
        let overload = options.get(option::OVERLOAD).and_then(|bytes| bytes.first().copied()).unwrap_or(0);
        for (bit, field) in [(1, file), (2, name)] {
            if overload & bit != 0 {
                options.add(field)?;
            }
        }
        Some(options)
    }

    fn add(&mut self, bytes: &[u8]) -> Option<()> {
        let mut reader = Reader(bytes);
        while !reader.is_empty() {
            match reader.u8()? {
                0 => {}
                option::END => break,
                code => {
                    let length = reader.u8()?;
                    let value = reader.take(usize::from(length))?;
                    match self.0.iter_mut().find(|(other, _)| *other == code) {
                        Some((_, so_far)) => so_far.extend(value),
                        None => self.0.push((code, value.to_vec())),
                    }
                }
            }
        }
        Some(())
    }

    fn get(&self, code: u8) -> Option<&[u8]> {
        self.0.iter().find(|(other, _)| *other == code).map(|(_, value)| value.as_slice())
    }

    fn addresses(&self, code: u8) -> impl Iterator<Item = Ipv4Addr> {
        let mut reader = Reader(self.get(code).unwrap_or_default());
        std::iter::from_fn(move || reader.ipv4())
    }

    /// Option 1. Without it the machine is alone in its subnet and sends everything to the router. Nothing if the mask
    /// has holes.
    fn prefix(&self) -> Option<u8> {
        let mask = self.addresses(option::MASK).next().map_or(u32::MAX, u32::from);
        (mask.leading_ones() + mask.trailing_zeros() >= 32).then_some(mask.leading_ones() as u8)
    }

    /// Option 121, or else option 3 (RFC 3442: a client that knows 121 ignores 3 then).
    fn routes(&self) -> Vec<Route> {
        let Some(bytes) = self.get(option::ROUTES) else {
            let routers = self.addresses(option::ROUTER).filter(is_host).take(1);
            return routers.map(|router| (Ipv4Addr::UNSPECIFIED, 0, router)).collect();
        };
        let mut reader = Reader(bytes);
        let mut routes = Vec::new();
        while let Some(route) = route(&mut reader)
            && routes.len() < MANY
        {
            routes.push(route);
        }
        routes
    }

    /// Option 119 (RFC 3397), or else option 15.
    fn search(&self) -> Vec<String> {
        let names = self.get(option::SEARCH).map(names).unwrap_or_default();
        if !names.is_empty() {
            return names;
        }
        let domain = self.get(option::DOMAIN).map(String::from_utf8_lossy).unwrap_or_default();
        let domain = domain.trim_end_matches(['\0', '.']);
        if is_domain(domain) { vec![domain.to_owned()] } else { Vec::new() }
    }
}

/// RFC 3442: the width of the prefix, as many octets of it as it needs, the router.
fn route(reader: &mut Reader<'_>) -> Option<Route> {
    let prefix = reader.u8().filter(|prefix| *prefix <= 32)?;
    let significant = reader.take(usize::from(prefix.div_ceil(8)))?;
    let mut octets = [0; 4];
    octets[..significant.len()].copy_from_slice(significant);
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    Some((Ipv4Addr::from(u32::from_be_bytes(octets) & mask), prefix, reader.ipv4()?))
}
