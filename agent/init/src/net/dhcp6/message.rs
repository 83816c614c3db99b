//! The messages of DHCP for IPv6 (RFC 8415 sections 8 and 21).
use crate::net::bytes::{Reader, names};
use std::net::Ipv6Addr;

/// More addresses or servers than this are not kept.
const MANY: usize = 8;
/// RFC 8415 section 11.1: 2 bytes and at most 128.
const DUID: usize = 130;

mod option {
    pub(super) const CLIENT: u16 = 1;
    pub(super) const SERVER: u16 = 2;
    pub(super) const IA_NA: u16 = 3;
    pub(super) const ADDRESS: u16 = 5;
    pub(super) const WANTED: u16 = 6;
    pub(super) const PREFERENCE: u16 = 7;
    pub(super) const ELAPSED: u16 = 8;
    pub(super) const STATUS: u16 = 13;
    /// RFC 3646.
    pub(super) const DNS: u16 = 23;
    /// RFC 3646.
    pub(super) const SEARCH: u16 = 24;
    pub(super) const REFRESH: u16 = 32;
    pub(super) const SOL_MAX_RT: u16 = 82;
    pub(super) const INF_MAX_RT: u16 = 83;
}

/// RFC 8415 section 7.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Solicit = 1,
    Request = 3,
    Renew = 5,
    Rebind = 6,
    Information = 11,
}

/// RFC 8415 section 21.13.
pub(super) mod status {
    pub(in crate::net::dhcp6) const SUCCESS: u16 = 0;
    pub(in crate::net::dhcp6) const NO_BINDING: u16 = 3;
    pub(in crate::net::dhcp6) const NOT_ON_LINK: u16 = 4;
}

/// DUID-LL (RFC 8415 section 11.4): it is the same at every boot without anything being stored.
pub(super) fn duid(mac: [u8; 6]) -> [u8; 10] {
    let [a, b, c, d, e, f] = mac;
    [0, 3, 0, 1, a, b, c, d, e, f]
}

/// What a client sends.
#[derive(Debug)]
pub(super) struct Query<'a> {
    pub(super) kind: Kind,
    /// 24 bits.
    pub(super) xid: u32,
    pub(super) duid: [u8; 10],
    /// Hundredths of a second since the exchange began.
    pub(super) elapsed: u16,
    /// The server's DUID.
    pub(super) server: Option<&'a [u8]>,
    /// IA_NA with these addresses; None: none.
    pub(super) addresses: Option<&'a [Address]>,
}

impl Query<'_> {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.xid.to_be_bytes().to_vec();
        bytes[0] = self.kind as u8;
        let mut put = |code: u16, value: &[u8]| put(&mut bytes, code, value);
        put(option::CLIENT, &self.duid);
        if let Some(server) = self.server {
            put(option::SERVER, server);
        }
        put(option::ELAPSED, &self.elapsed.to_be_bytes());
        if let Some(addresses) = self.addresses {
            // IAID from the Ethernet address, T1 and T2 as the server likes.
            let mut ia = [&self.duid[6..], &[0; 8]].concat();
            for address in addresses {
                self::put(&mut ia, option::ADDRESS, &[&address.ip.octets()[..], &[0; 8]].concat());
            }
            put(option::IA_NA, &ia);
        }
        let maximum = if self.kind == Kind::Information { option::INF_MAX_RT } else { option::SOL_MAX_RT };
        let mut wanted = vec![option::DNS, option::SEARCH, maximum];
        if self.kind == Kind::Information {
            wanted.push(option::REFRESH);
        }
        put(option::WANTED, &wanted.iter().flat_map(|code| code.to_be_bytes()).collect::<Vec<_>>());
        bytes
    }
}

fn put(bytes: &mut Vec<u8>, code: u16, value: &[u8]) {
    bytes.extend(code.to_be_bytes());
    bytes.extend((value.len() as u16).to_be_bytes());
    bytes.extend(value);
}

/// An address with its lifetimes, in seconds; `u32::MAX` for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) ip: Ipv6Addr,
    pub(super) preferred: u32,
    pub(super) valid: u32,
}

/// What a server answers. An option that is not there is empty or 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) advertise: bool,
    pub(super) server: Vec<u8>,
    pub(super) preference: u8,
    /// The worse of the message's and of the IA's.
    pub(super) status: u16,
    pub(super) t1: u32,
    pub(super) t2: u32,
    pub(super) addresses: Vec<Address>,
    pub(super) dns: Vec<Ipv6Addr>,
    pub(super) search: Vec<String>,
    pub(super) refresh: Option<u32>,
    pub(super) sol_max_rt: Option<u32>,
    pub(super) inf_max_rt: Option<u32>,
}

impl Reply {
    /// Nothing if it is broken, or not the answer to `xid` of `duid` (RFC 8415 sections 16.3 and 16.10).
    pub(super) fn parse(bytes: &[u8], xid: u32, duid: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let head = reader.u32()?;
        let advertise = match head >> 24 {
            2 => true,
            7 => false,
            _ => return None,
        };
        if head & 0xFF_FFFF != xid {
            return None;
        }
        let mut reply = Self { advertise, ..Self::default() };
        let mut client = None;
        each(reader, |code, mut value| {
            match code {
                option::CLIENT => client = Some(value.0),
                option::SERVER if (3..=DUID).contains(&value.0.len()) => reply.server = value.0.to_vec(),
                option::PREFERENCE => reply.preference = value.u8()?,
                option::STATUS => reply.fail(value.u16()?),
                option::IA_NA => reply.association(value, duid)?,
                option::DNS => {
                    while let Some(server) = value.ipv6()
                        && reply.dns.len() < MANY
                    {
                        reply.dns.push(server);
                    }
                }
                option::SEARCH => reply.search = names(value.0),
                option::REFRESH => reply.refresh = Some(value.u32()?),
                option::SOL_MAX_RT => reply.sol_max_rt = Some(value.u32()?),
                option::INF_MAX_RT => reply.inf_max_rt = Some(value.u32()?),
                _ => {}
            }
            Some(())
        })?;
        reply.dns.retain(|server| !server.is_multicast() && !server.is_unspecified());
        (client == Some(duid) && !reply.server.is_empty()).then_some(reply)
    }

    fn fail(&mut self, status: u16) {
        self.status = self.status.max(status);
    }

    /// RFC 8415 section 21.4. One of another IAID is not ours.
    fn association(&mut self, mut value: Reader<'_>, duid: &[u8]) -> Option<()> {
        if value.take(4)? != duid.get(6..10)? {
            return Some(());
        }
        (self.t1, self.t2) = (value.u32()?, value.u32()?);
        each(value, |code, mut value| {
            match code {
                option::STATUS => self.fail(value.u16()?),
                option::ADDRESS => {
                    let address = Address { ip: value.ipv6()?, preferred: value.u32()?, valid: value.u32()? };
                    let usable = !address.ip.is_multicast()
                        && !address.ip.is_unspecified()
                        && !address.ip.is_loopback()
                        && !address.ip.is_unicast_link_local();
                    // RFC 8415 section 21.6: preferred longer than valid makes it invalid.
                    if usable && address.preferred <= address.valid && self.addresses.len() < MANY {
                        self.addresses.push(address);
                    }
                }
                _ => {}
            }
            Some(())
        })
    }
}

/// Calls `take` with each option; stops with nothing at one that is broken.
fn each<'a>(mut reader: Reader<'a>, mut take: impl FnMut(u16, Reader<'a>) -> Option<()>) -> Option<()> {
    while !reader.is_empty() {
        let (code, length) = (reader.u16()?, reader.u16()?);
        take(code, Reader(reader.take(usize::from(length))?))?;
    }
    Some(())
}
