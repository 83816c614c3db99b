//! The routing table: which routes there are, and which of them an address takes.
//!
//! The list of routes is the truth; the directory in which packets are looked up is derived from it.
//! A table that grows large moves into a larger directory a few routes at a time, between batches; look-ups
//! stay in the old one until the new one is complete.
use super::directory::{Directory, Leaf, Size};
use alloc::vec;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

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
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Hop {
    /// Next hop; 0.0.0.0 when the destination is on the link.
    pub gateway: Ipv4Addr,
    /// Output.
    pub output: u16,
}

/// A look-up of which the first load is under way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Begun(u32);

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

/// Most routes of one table, and most different next hops.
pub const MAX_ROUTES: usize = (1 << 24) - 1;
/// Tables with more routes than this get the large directory. Below, the small one is as fast and fits into the
/// second-level cache (`sluice-bench --only fib`).
const LARGE: usize = 4096;
/// Routes that move into the large directory at a time.
const MOVED: usize = 16;

/// A routing table with longest prefix match.
#[derive(Clone, Debug)]
pub struct Fib {
    /// The routes, in places that stay theirs; places of removed routes are used again, last first.
    routes: Vec<Option<Route>>,
    free: Vec<usize>,
    by_prefix: HashMap<(u32, u32), usize>,
    hops: Hops,
    directory: Directory,
    /// The large directory while it is being filled, and the place of the next route for it.
    next: Option<(Directory, usize)>,
}

impl Default for Fib {
    fn default() -> Self {
        Fib::new()
    }
}

impl Fib {
    /// No route.
    pub fn new() -> Fib {
        Fib::sized(0)
    }

    /// With room for this many routes.
    fn sized(routes: usize) -> Fib {
        let size = if routes > LARGE { Size::Large } else { Size::Small };
        Fib {
            routes: Vec::with_capacity(routes),
            free: Vec::new(),
            by_prefix: HashMap::with_capacity(routes),
            hops: Hops::new(),
            directory: Directory::new(size),
            next: None,
        }
    }

    /// All these routes at once; the first of several for one prefix counts. Also returns how many
    /// were left out for that.
    ///
    /// # Errors
    /// There are more than [`MAX_ROUTES`].
    pub fn build(routes: &[Route]) -> Result<(Fib, usize), Refused> {
        let mut fib = Fib::sized(routes.len());
        let mut left_out = 0;
        for route in routes {
            match fib.list(*route) {
                Ok(_) => (),
                Err(Refused::Exists(_)) => left_out += 1,
                Err(why) => return Err(why),
            }
        }
        // In the order of their addresses the directory is written from its start to its end.
        let entry = |r: &Route| (r.addr, r.length, fib.hops.number(r));
        let mut entries: Vec<(u32, u32, u32)> = fib.routes().map(entry).collect();
        entries.sort_unstable();
        for (addr, length, number) in entries {
            fib.directory.insert(addr, length, Leaf::new(number, length));
        }
        Ok((fib, left_out))
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
    /// Memory of the structures for look-ups, bytes, as much as they may come to.
    pub fn bytes(&self) -> usize {
        self.directory.bytes() + self.next.as_ref().map_or(0, |n| n.0.bytes()) + self.hops.list.len() * size_of::<Hop>()
    }

    /// Where packets to `addr` go.
    #[inline]
    pub fn lookup(&self, addr: Ipv4Addr) -> Option<Hop> {
        self.finish(self.begin(addr), addr)
    }

    /// The first half of a look-up. To begin those of a whole batch before the first is finished lets the
    /// loads of large tables overlap, without a branch between them that may be mispredicted.
    #[inline]
    pub fn begin(&self, addr: Ipv4Addr) -> Begun {
        Begun(self.directory.begin(addr.into()))
    }

    /// The second half of a look-up of the same address in the same table.
    #[inline]
    pub fn finish(&self, begun: Begun, addr: Ipv4Addr) -> Option<Hop> {
        match self.directory.finish(begun.0, addr.into()).number() {
            0 => None,
            number => self.hops.list.get(number as usize).copied(),
        }
    }

    /// Adds a route.
    ///
    /// # Errors
    /// There is one for this prefix, or the table is full.
    pub fn add(&mut self, route: Route) -> Result<(), Refused> {
        let leaf = self.list(route)?;
        self.insert(&route, leaf);
        if self.len() > LARGE && self.next.is_none() && self.directory.size() == Size::Small {
            self.next = Some((Directory::new(Size::Large), 0));
        }
        Ok(())
    }

    /// Adds a route in the place of the one for its prefix, if there is one; returns that.
    ///
    /// # Errors
    /// The table is full.
    pub fn set(&mut self, route: Route) -> Result<Option<Route>, Refused> {
        let Some(&place) = self.by_prefix.get(&(route.addr, route.length)) else {
            return self.add(route).map(|()| None);
        };
        let leaf = self.hops.take(&route)?;
        let old = self.routes[place].replace(route);
        if let Some(old) = &old {
            self.hops.release(old);
        }
        self.insert(&route, leaf);
        Ok(old)
    }

    /// Removes the route for a prefix, if `matches` says that it is the one that is meant.
    ///
    /// # Errors
    /// There is no such route.
    pub fn remove(&mut self, addr: u32, length: u32, matches: impl Fn(&Route) -> bool) -> Result<Route, Refused> {
        let place = self.by_prefix.get(&(addr, length)).copied().ok_or(Refused::Missing)?;
        let route = self.routes[place].filter(|r| matches(r)).ok_or(Refused::Missing)?;
        self.by_prefix.remove(&(addr, length));
        let covering = self.covering(addr, length);
        self.directory.remove(addr, length, covering);
        if let Some((next, _)) = &mut self.next {
            next.remove(addr, length, covering);
        }
        self.hops.release(&route);
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

    /// Whether a move into the large directory is under way.
    #[inline]
    pub fn is_growing(&self) -> bool {
        self.next.is_some()
    }

    /// Goes on with the move into the large directory, if there is one. The caller has time for a
    /// few routes.
    #[inline]
    pub fn settle(&mut self) {
        if self.next.is_some() {
            self.move_some();
        }
    }

    #[cold]
    fn move_some(&mut self) {
        let Some((next, place)) = &mut self.next else { return };
        let end = (*place + MOVED).min(self.routes.len());
        for route in self.routes[*place..end].iter().flatten() {
            next.insert(route.addr, route.length, Leaf::new(self.hops.number(route), route.length));
        }
        *place = end;
        if end == self.routes.len()
            && let Some((complete, _)) = self.next.take()
        {
            self.directory = complete;
        }
    }

    /// Enters a route in the list of routes only.
    fn list(&mut self, route: Route) -> Result<Leaf, Refused> {
        let full = self.len() >= MAX_ROUTES;
        match self.by_prefix.entry((route.addr, route.length)) {
            Entry::Occupied(known) => Err(self.routes[*known.get()].map_or(Refused::Missing, Refused::Exists)),
            Entry::Vacant(_) if full => Err(Refused::Full),
            Entry::Vacant(new) => {
                let leaf = self.hops.take(&route)?;
                let place = self.free.pop().unwrap_or(self.routes.len());
                match self.routes.get_mut(place) {
                    Some(free) => *free = Some(route),
                    None => self.routes.push(Some(route)),
                }
                new.insert(place);
                Ok(leaf)
            }
        }
    }

    fn insert(&mut self, route: &Route, leaf: Leaf) {
        self.directory.insert(route.addr, route.length, leaf);
        if let Some((next, _)) = &mut self.next {
            next.insert(route.addr, route.length, leaf);
        }
    }

    /// The leaf of the longest prefix that is shorter than this one.
    fn covering(&self, addr: u32, length: u32) -> Leaf {
        let shorter = (0..length).rev().map(|l| (addr & u32::MAX.checked_shl(32 - l).unwrap_or(0), l));
        let route = shorter.filter_map(|key| self.by_prefix.get(&key)).next().and_then(|p| self.routes[*p]);
        route.map_or(Leaf::default(), |r| Leaf::new(self.hops.number(&r), r.length))
    }
}

/// The different next hops: far fewer than routes, so that they stay in the cache.
#[derive(Clone, Debug)]
struct Hops {
    /// By number; 0 is none.
    list: Vec<Hop>,
    /// Number and users of each.
    known: HashMap<Hop, (u32, u32)>,
    free: Vec<u32>,
}

impl Hops {
    fn new() -> Hops {
        let none = Hop { gateway: Ipv4Addr::UNSPECIFIED, output: 0 };
        Hops { list: vec![none], known: HashMap::new(), free: Vec::new() }
    }

    fn of(route: &Route) -> Hop {
        Hop { gateway: route.gateway, output: route.output }
    }

    /// The leaf of a new route.
    fn take(&mut self, route: &Route) -> Result<Leaf, Refused> {
        let hop = Hops::of(route);
        let number = match self.known.get_mut(&hop) {
            Some((number, users)) => {
                *users += 1;
                *number
            }
            None => {
                let new = self.list.len();
                let number = self.free.pop().unwrap_or(new as u32);
                match self.list.get_mut(number as usize) {
                    Some(free) => *free = hop,
                    None if new > MAX_ROUTES => return Err(Refused::Full),
                    None => self.list.push(hop),
                }
                self.known.insert(hop, (number, 1));
                number
            }
        };
        Ok(Leaf::new(number, route.length))
    }

    /// The route is gone.
    fn release(&mut self, route: &Route) {
        let hop = Hops::of(route);
        if let Some((number, users)) = self.known.get_mut(&hop) {
            *users -= 1;
            if *users == 0 {
                self.free.push(*number);
                self.known.remove(&hop);
            }
        }
    }

    /// The number of a route's next hop.
    fn number(&self, route: &Route) -> u32 {
        self.known.get(&Hops::of(route)).map_or(0, |k| k.0)
    }
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
    fn removing_all_routes_frees_all_groups_and_next_hops() {
        let mut fib = Fib::new();
        let all: Vec<Route> = (0..1000u32).map(|i| route(i.wrapping_mul(0x0101_0900), 20 + i % 13, i as u16)).collect();
        let added: Vec<&Route> = all.iter().filter(|r| fib.add(**r).is_ok()).collect();
        let held = fib.bytes();
        added.iter().for_each(|r| assert!(fib.remove(r.addr, r.length, |_| true).is_ok()));
        assert!(fib.hops.known.is_empty());
        let again: Vec<&Route> = all.iter().filter(|r| fib.add(**r).is_ok()).collect();
        assert_eq!(again.len(), added.len());
        // Groups, places and next hops are used again; only the list of free groups stays.
        assert!(fib.bytes() <= held + 4 * 4096, "{} after {held}", fib.bytes());
    }

    #[test]
    fn small_tables_are_small() {
        let mut fib = Fib::new();
        for i in 0..1000u32 {
            let _ = fib.add(route(i.wrapping_mul(0x0101_0900), 24, 1));
        }
        assert!(fib.bytes() < 1536 * 1024, "{} bytes", fib.bytes());
    }
}
