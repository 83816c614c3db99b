//! Ethernet addresses.

use super::{FromArg, NameDb};
pub use crate::wire::EtherAddr;
use alloc::format;
use alloc::string::{String, ToString};

impl FromArg for EtherAddr {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        let unknown = || match text.strip_suffix(":eth") {
            Some(name) => format!("no Ethernet address is known for ‘{name}’"),
            None => "parse error".to_string(),
        };
        text.parse().ok().or_else(|| names.ether(text)).ok_or_else(unknown)
    }
    fn blank() -> Self {
        EtherAddr::default()
    }
}
