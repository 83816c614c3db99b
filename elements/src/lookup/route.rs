//! A route as text: `ADDR/MASK [GATEWAY] OUTPUT`.
use core::fmt;
use core::net::Ipv4Addr;
use sluice_dataplane::args::{FromArg, Ipv4Prefix, NameDb, parse_int, split_words};

use super::fib::Route;

/// A route as read; removals may leave the output out.
pub(super) struct Read {
    pub(super) prefix: Ipv4Prefix,
    pub(super) gateway: Ipv4Addr,
    pub(super) output: Option<i32>,
}

/// Reads a route; host bits of its address do not matter. `None` if it is none.
pub(super) fn read(text: &str, output_optional: bool, names: &NameDb) -> Option<Read> {
    let mut words = split_words(text).into_iter();
    let word = words.next()?;
    // A name that stands for an address too means the address.
    let bare = Ipv4Addr::from_arg(word, names).map(|a| Ipv4Prefix::new(a, 32));
    let prefix = bare.or_else(|_| Ipv4Prefix::from_arg(word, names)).ok()?;
    prefix.length()?;
    let mut word = words.next();
    let mut gateway = Ipv4Addr::UNSPECIFIED;
    if let Some(w) = word {
        let named = Ipv4Addr::from_arg(w, names).ok();
        if w == "-" || named.is_some() {
            gateway = named.unwrap_or(gateway);
            word = words.next();
        }
    }
    let output = match word {
        Some(w) => Some(parse_int(w).ok()?),
        None if output_optional => None,
        None => return None,
    };
    words.next().is_none().then_some(Read { prefix, gateway, output })
}

impl Read {
    /// The route, if its output is one of `outputs`.
    pub(super) fn route(&self, outputs: usize) -> Option<Route> {
        let output = u16::try_from(self.output?).ok().filter(|o| usize::from(*o) < outputs)?;
        let length = self.prefix.length()?;
        Some(Route { addr: self.prefix.network().into(), length, gateway: self.gateway, output })
    }
}

impl fmt::Display for Route {
    /// On one line, with spaces; with tabs, as in tables, in the alternate form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tabs = f.alternate();
        let addr = alloc::format!("{}/{}", Ipv4Addr::from(self.addr), self.length);
        let gateway = if self.gateway.is_unspecified() { "-".into() } else { alloc::format!("{}", self.gateway) };
        // Columns of 24 and 16 characters.
        let gap = |text: &str, width: usize| match (tabs, text.len() + 1 < width) {
            (false, _) => " ",
            (true, false) => "\t",
            (true, true) => "\t\t",
        };
        write!(f, "{addr}{}{gateway}{}{}", gap(&addr, 17), gap(&gateway, 9), self.output)
    }
}
