//! Names of next protocols, in arguments and in print.
use alloc::format;
use alloc::string::{String, ToString};
use sluice_dataplane::args::{FromArg, NameDb, parse_int};
use sluice_dataplane::wire::nsh;

/// Each with its names; the first is printed.
const NAMES: [(u8, &[&str]); 7] = [
    (nsh::NEXT_NONE, &["none"]),
    (nsh::NEXT_IPV4, &["ipv4", "ip"]),
    (nsh::NEXT_IPV6, &["ipv6", "ip6"]),
    (nsh::NEXT_ETHERNET, &["ethernet", "ether"]),
    (nsh::NEXT_NSH, &["nsh"]),
    (nsh::NEXT_MPLS, &["mpls"]),
    (nsh::NEXT_IOAM, &["ioam"]),
];

/// A next protocol: a name or a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Next(pub(crate) u8);

impl FromArg for Next {
    fn from_arg(text: &str, _: &NameDb) -> Result<Self, String> {
        let text = text.trim();
        let named = NAMES.iter().find(|(_, names)| names.contains(&text)).map(|n| n.0);
        let number = named.or_else(|| parse_int(text).ok());
        number.map(Next).ok_or_else(|| {
            let names: alloc::vec::Vec<&str> = NAMES.iter().filter_map(|(_, names)| names.first().copied()).collect();
            format!("should be a next protocol: {}, or 0 to 255", names.join(", "))
        })
    }
    fn blank() -> Self {
        Next(nsh::NEXT_IPV4)
    }
}

impl core::fmt::Display for Next {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match NAMES.iter().find(|n| n.0 == self.0).and_then(|n| n.1.first()) {
            Some(name) => f.write_str(name),
            None => f.write_str(&self.0.to_string()),
        }
    }
}
