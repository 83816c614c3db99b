//! The routing table: which routes there are, and which of them an address takes.
//!
//! The list of routes is the truth; what packets are looked up in is derived from it and hidden
//! behind [`Fib`], so that another structure can take its place for large tables.
use super::trie::Trie;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use hashbrown::HashMap;

/// A route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// First address of the network, as a number.
    pub addr: u32,
    /// Length of the prefix, 0 to 32.
    pub length: u32,
    /// Next hop; 0.0.0.0 when the destination is on the link.
    pub gateway: Ipv4Addr,
    /// Output.
    pub output: u16,
}

/// What a packet needs of its route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hop {
    /// Next hop; 0.0.0.0 when the destination is on the link.
    pub gateway: Ipv4Addr,
    /// Output.
    pub output: u16,
}

/// Why a table was not changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// There is a route for this prefix: that one.
    Exists(Route),
    /// There is no such route.
    Missing,
    /// The table holds as many routes as it can.
    Full,
}

/// Most routes of one table.
pub const MAX_ROUTES: usize = 1 << 24;

/// A routing table with longest prefix match.
#[derive(Clone, Debug)]
pub struct Fib {
    /// The routes, in places that stay theirs; places of removed routes are used again, last first.
    routes: Vec<Option<Route>>,
    /// What look-ups need, in the same places.
    hops: Vec<Hop>,
    free: Vec<usize>,
    by_prefix: HashMap<(u32, u32), usize>,
    trie: Trie,
}

impl Default for Fib {
    fn default() -> Self {
        Fib::new()
    }
}

impl Fib {
    /// No route.
    pub fn new() -> Fib {
        Fib { routes: Vec::new(), hops: Vec::new(), free: Vec::new(), by_prefix: HashMap::new(), trie: Trie::new() }
    }

    /// Number of routes.
    pub fn len(&self) -> usize {
        self.by_prefix.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_prefix.is_empty()
    }
    /// The routes, in the order of their places.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().flatten()
    }
    /// Memory of the structure for look-ups, bytes.
    pub fn bytes(&self) -> usize {
        self.trie.bytes() + self.hops.len() * size_of::<Hop>()
    }

    /// Where packets to `addr` go.
    #[inline]
    pub fn lookup(&self, addr: Ipv4Addr) -> Option<Hop> {
        let value = self.trie.lookup(addr.into());
        self.hops.get((value as usize).wrapping_sub(1)).copied()
    }

    /// Adds a route.
    ///
    /// # Errors
    /// There is one for this prefix, or the table is full.
    pub fn add(&mut self, route: Route) -> Result<(), Refused> {
        if let Some(r) = self.find(&route) {
            return Err(Refused::Exists(r));
        }
        if self.len() >= MAX_ROUTES {
            return Err(Refused::Full);
        }
        let place = self.free.pop().unwrap_or(self.routes.len());
        self.place(place, route);
        let routes = &self.routes;
        let shorter = |v: u32| length_of(routes, v).is_none_or(|l| l < route.length);
        self.trie.change(route.addr, route.length, place as u32 + 1, &shorter);
        Ok(())
    }

    /// Adds a route in the place of the one for its prefix, if there is one; returns that.
    ///
    /// # Errors
    /// The table is full.
    pub fn set(&mut self, route: Route) -> Result<Option<Route>, Refused> {
        match self.by_prefix.get(&(route.addr, route.length)) {
            Some(&place) => {
                let old = self.routes[place];
                self.place(place, route);
                Ok(old)
            }
            None => self.add(route).map(|()| None),
        }
    }

    /// Removes the route for a prefix, if `matches` says that it is the one that is meant.
    ///
    /// # Errors
    /// There is no such route.
    pub fn remove(&mut self, addr: u32, length: u32, matches: impl Fn(&Route) -> bool) -> Result<Route, Refused> {
        let place = self.by_prefix.get(&(addr, length)).copied().ok_or(Refused::Missing)?;
        let route = self.routes[place].filter(|r| matches(r)).ok_or(Refused::Missing)?;
        self.by_prefix.remove(&(addr, length));
        let value = place as u32 + 1;
        self.trie.change(addr, length, self.covering(addr, length), &|v| v == value);
        self.routes[place] = None;
        self.free.push(place);
        Ok(route)
    }

    /// Removes all routes.
    pub fn flush(&mut self) {
        *self = Fib::new();
    }

    /// The route for the prefix of `route`.
    pub fn find(&self, route: &Route) -> Option<Route> {
        self.by_prefix.get(&(route.addr, route.length)).and_then(|p| self.routes[*p])
    }

    fn place(&mut self, place: usize, route: Route) {
        let hop = Hop { gateway: route.gateway, output: route.output };
        if place == self.routes.len() {
            self.routes.push(Some(route));
            self.hops.push(hop);
        } else {
            (self.routes[place], self.hops[place]) = (Some(route), hop);
        }
        self.by_prefix.insert((route.addr, route.length), place);
    }

    /// The trie's value for the longest prefix that is shorter than this one.
    fn covering(&self, addr: u32, length: u32) -> u32 {
        let shorter = (0..length).rev().map(|l| (addr & u32::MAX.checked_shl(32 - l).unwrap_or(0), l));
        shorter.filter_map(|key| self.by_prefix.get(&key)).next().map_or(0, |p| *p as u32 + 1)
    }
}

/// Length of the prefix of the route with this value in the trie.
fn length_of(routes: &[Option<Route>], value: u32) -> Option<u32> {
    routes.get((value as usize).wrapping_sub(1)).copied().flatten().map(|r| r.length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn route(addr: u32, length: u32, output: u16) -> Route {
        let addr = addr & u32::MAX.checked_shl(32 - length).unwrap_or(0);
        Route { addr, length, gateway: Ipv4Addr::from(u32::from(output) << 8), output }
    }

    /// The longest of all routes that contain the address.
    fn plainly(routes: &[Route], addr: u32) -> Option<Hop> {
        let contains = |r: &&Route| r.length == 0 || (addr ^ r.addr) >> (32 - r.length) == 0;
        let best = routes.iter().filter(contains).max_by_key(|r| r.length)?;
        Some(Hop { gateway: best.gateway, output: best.output })
    }

    #[derive(Clone, Debug)]
    enum Change {
        Add(u32, u32, u16),
        Set(u32, u32, u16),
        Remove(u32, u32),
        Flush,
    }

    /// Addresses that share their high bits, so that prefixes lie in each other.
    fn addr() -> impl Strategy<Value = u32> {
        prop_oneof![
            any::<u32>().prop_map(|a| 0x0a00_0000 | a & 0x0003_0307),
            any::<u32>().prop_map(|a| a & 0xc000_0001)
        ]
    }
    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            8 => (addr(), 0u32..33, 0u16..9).prop_map(|(a, l, o)| Change::Add(a, l, o)),
            2 => (addr(), 0u32..33, 0u16..9).prop_map(|(a, l, o)| Change::Set(a, l, o)),
            5 => (addr(), 0u32..33).prop_map(|(a, l)| Change::Remove(a, l)),
        ]
    }

    proptest! {
        #[test]
        fn lookups_find_the_longest_prefix_through_any_changes(
            changes in prop::collection::vec(prop_oneof![60 => change(), 1 => Just(Change::Flush)], 1..120),
            asked in prop::collection::vec(addr(), 20),
        ) {
            let mut fib = Fib::new();
            let mut routes: Vec<Route> = Vec::new();
            for c in changes {
                match c {
                    Change::Add(a, l, o) => {
                        let r = route(a, l, o);
                        let known = routes.iter().any(|k| (k.addr, k.length) == (r.addr, r.length));
                        prop_assert_eq!(fib.add(r).is_err(), known);
                        if !known {
                            routes.push(r);
                        }
                    }
                    Change::Set(a, l, o) => {
                        let r = route(a, l, o);
                        routes.retain(|k| (k.addr, k.length) != (r.addr, r.length));
                        routes.push(r);
                        prop_assert!(fib.set(r).is_ok());
                    }
                    Change::Remove(a, l) => {
                        let r = route(a, l, 0);
                        let known = routes.iter().any(|k| (k.addr, k.length) == (r.addr, r.length));
                        prop_assert_eq!(fib.remove(r.addr, l, |_| true).is_ok(), known);
                        routes.retain(|k| (k.addr, k.length) != (r.addr, r.length));
                    }
                    Change::Flush => {
                        fib.flush();
                        routes.clear();
                    }
                }
                prop_assert_eq!(fib.len(), routes.len());
            }
            let own = routes.iter().map(|r| r.addr);
            for a in asked.into_iter().chain(own.clone()).chain(own.map(|a| a.wrapping_sub(1))) {
                prop_assert_eq!(fib.lookup(a.into()), plainly(&routes, a), "{}", Ipv4Addr::from(a));
            }
        }
    }

    #[test]
    fn removing_all_routes_frees_all_nodes() {
        let mut fib = Fib::new();
        let empty = fib.bytes();
        let all: Vec<Route> = (0..1000u32).map(|i| route(i.wrapping_mul(0x0101_0900), 20 + i % 13, 1)).collect();
        let added: Vec<&Route> = all.iter().filter(|r| fib.add(**r).is_ok()).collect();
        assert!(fib.bytes() < 512 * 1024, "{} bytes", fib.bytes());
        let held = fib.bytes();
        added.iter().for_each(|r| assert!(fib.remove(r.addr, r.length, |_| true).is_ok()));
        let again: Vec<&Route> = all.iter().filter(|r| fib.add(**r).is_ok()).collect();
        assert_eq!(again.len(), added.len());
        // Nodes and places are used again; only the list of free nodes stays.
        assert!(fib.bytes() <= held + 4 * 4096, "{} after {held}, {empty} when empty", fib.bytes());
    }
}
