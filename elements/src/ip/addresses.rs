//! Lists of addresses and networks, separated by spaces, as arguments.
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use sluice_dataplane::args::{FromArg, Ipv4Prefix, NameDb};

/// Any number of addresses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Addresses(pub(crate) Vec<Ipv4Addr>);

/// Any number of addresses with their networks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prefixes(pub(crate) Vec<Ipv4Prefix>);

fn list<T: FromArg>(text: &str, names: &NameDb, what: &str) -> Result<Vec<T>, String> {
    text.split_whitespace().map(|word| T::from_arg(word, names).map_err(|_| what.into())).collect()
}

impl FromArg for Addresses {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        list(text, names, "takes list of IP addresses").map(Addresses)
    }
    fn blank() -> Self {
        Addresses::default()
    }
}

impl FromArg for Prefixes {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        list(text, names, "takes list of IP prefixes").map(Prefixes)
    }
    fn blank() -> Self {
        Prefixes::default()
    }
}
