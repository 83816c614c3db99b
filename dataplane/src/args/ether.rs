//! Ethernet addresses.

use super::{FromArg, NameDb};
pub use crate::wire::EtherAddr;
use alloc::string::{String, ToString};

impl FromArg for EtherAddr {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        text.parse().ok().or_else(|| names.ether(text)).ok_or_else(|| "parse error".to_string())
    }
    fn blank() -> Self {
        EtherAddr::default()
    }
}
