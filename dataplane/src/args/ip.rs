//! IP addresses and networks.

use super::{FromArg, NameDb};
use alloc::string::{String, ToString};
use core::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

const BAD: &str = "parse error";

/// Up to four decimal bytes separated by dots; leading zeros do not matter. Returns how many.
fn dotted(text: &str) -> Option<(Ipv4Addr, u32)> {
    let (mut out, mut n) = ([0u8; 4], 0);
    for part in text.split('.') {
        let digits = Some(part).filter(|p| !p.is_empty() && p.bytes().all(|c| c.is_ascii_digit()))?;
        let value = digits.bytes().try_fold(0u8, |v, d| v.checked_mul(10)?.checked_add(d.wrapping_sub(b'0')));
        *out.get_mut(n)? = value?;
        n += 1;
    }
    Some((Ipv4Addr::from(out), n as u32))
}

fn full(text: &str) -> Option<Ipv4Addr> {
    dotted(text).filter(|(_, n)| *n == 4).map(|(a, _)| a)
}

/// The mask of a prefix length of 0 to 32.
fn mask(length: u32) -> u32 {
    u32::MAX.checked_shl(32 - length.min(32)).unwrap_or(0)
}

impl FromArg for Ipv4Addr {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        full(text).or_else(|| names.ip(text)).ok_or_else(|| BAD.to_string())
    }
    fn blank() -> Self {
        Ipv4Addr::UNSPECIFIED
    }
}

/// An IPv4 network: `10.0.0.1/8`, `10/8`, `10.0.0.0/255.0.0.0`, or one address alone.
///
/// The address keeps its host part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ipv4Prefix {
    /// The address as written.
    pub addr: Ipv4Addr,
    /// The mask. Need not be contiguous if it was written as an address.
    pub mask: Ipv4Addr,
}

impl Ipv4Prefix {
    /// A network by the length of its prefix, 0 to 32.
    pub fn new(addr: Ipv4Addr, length: u32) -> Self {
        Ipv4Prefix { addr, mask: mask(length).into() }
    }

    /// The prefix length, if the mask is contiguous.
    pub fn length(&self) -> Option<u32> {
        let m = u32::from(self.mask);
        (m.leading_ones() + m.trailing_zeros() >= 32).then(|| m.leading_ones())
    }

    /// The address with its host part cleared.
    pub fn network(&self) -> Ipv4Addr {
        (u32::from(self.addr) & u32::from(self.mask)).into()
    }

    /// Whether an address is in the network.
    pub fn contains(&self, addr: Ipv4Addr) -> bool {
        (u32::from(addr) ^ u32::from(self.addr)) & u32::from(self.mask) == 0
    }
}

impl fmt::Display for Ipv4Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.length() {
            Some(n) => write!(f, "{}/{n}", self.addr),
            None => write!(f, "{}/{}", self.addr, self.mask),
        }
    }
}

fn length(text: &str, most: u32) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    text.parse().ok().filter(|n| digits && *n <= most)
}

fn with_slash(text: &str, names: &NameDb) -> Option<Ipv4Prefix> {
    let (addr, after) = text.rsplit_once('/')?;
    let (addr, bytes) = dotted(addr).or_else(|| names.ip(addr).map(|a| (a, 4)))?;
    let mask = match length(after, 32) {
        Some(n) => mask(n),
        None => u32::from(full(after).or_else(|| names.ip(after))?),
    };
    // `10/16` says less than its mask needs.
    let given = self::mask(bytes * 8);
    (mask & given == mask).then(|| Ipv4Prefix { addr, mask: mask.into() })
}

impl FromArg for Ipv4Prefix {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        let plain = || full(text).map(|a| Ipv4Prefix::new(a, 32));
        let named = || names.ip_prefix(text).or_else(|| names.ip(text).map(|a| Ipv4Prefix::new(a, 32)));
        with_slash(text, names).or_else(plain).or_else(named).ok_or_else(|| BAD.to_string())
    }
    fn blank() -> Self {
        Ipv4Prefix::new(Ipv4Addr::UNSPECIFIED, 0)
    }
}

impl FromArg for Ipv6Addr {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        text.parse().ok().or_else(|| names.ip6(text)).ok_or_else(|| BAD.to_string())
    }
    fn blank() -> Self {
        Ipv6Addr::UNSPECIFIED
    }
}

/// An IPv6 network: `2001:db8::/32`, or one address alone. The address keeps its host part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ipv6Prefix {
    /// The address as written.
    pub addr: Ipv6Addr,
    /// The prefix length, 0 to 128.
    pub length: u32,
}

impl FromArg for Ipv6Prefix {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        let slashed = text.rsplit_once('/').and_then(|(addr, after)| {
            let addr = Ipv6Addr::from_arg(addr, names).ok()?;
            Some(Ipv6Prefix { addr, length: length(after, 128)? })
        });
        let named = || names.ip6_prefix(text);
        let alone = || Ipv6Addr::from_arg(text, names).ok().map(|addr| Ipv6Prefix { addr, length: 128 });
        slashed.or_else(named).or_else(alone).ok_or_else(|| BAD.to_string())
    }
    fn blank() -> Self {
        Ipv6Prefix { addr: Ipv6Addr::UNSPECIFIED, length: 0 }
    }
}

impl fmt::Display for Ipv6Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.length)
    }
}
