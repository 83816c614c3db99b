//! Ethernet addresses.

use super::{FromArg, NameDb};
use alloc::string::{String, ToString};
use core::{fmt, str::FromStr};

/// An Ethernet address, in the order of the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EtherAddr(pub [u8; 6]);

impl fmt::Display for EtherAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02X}-{b:02X}-{c:02X}-{d:02X}-{e:02X}-{g:02X}")
    }
}

/// Six bytes of one or two hexadecimal digits, all separated by `-` or all by `:`.
impl FromStr for EtherAddr {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let separator = if text.contains('-') { '-' } else { ':' };
        let mut out = [0; 6];
        let mut parts = text.split(separator);
        for byte in &mut out {
            let part = parts.next().filter(|p| (1..=2).contains(&p.len())).ok_or(())?;
            let digits = part.bytes().all(|c| c.is_ascii_hexdigit());
            *byte = u8::from_str_radix(part, 16).ok().filter(|_| digits).ok_or(())?;
        }
        if parts.next().is_none() { Ok(EtherAddr(out)) } else { Err(()) }
    }
}

impl FromArg for EtherAddr {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        text.parse().ok().or_else(|| names.ether(text)).ok_or_else(|| "parse error".to_string())
    }
    fn blank() -> Self {
        EtherAddr::default()
    }
}
