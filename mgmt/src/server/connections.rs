//! How many connections there are, and from whom.
use crate::server::rate::client;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The connections that are open.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// One of them. It counts until it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Connections>, IpAddr);

impl Connections {
    pub(super) fn new(most: usize) -> Arc<Connections> {
        Arc::new(Connections { most, open: Mutex::default() })
    }

    /// A place for a client; none if all are taken, or this client has half of them: the other half is for others.
    pub(super) fn place(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let from = client(from);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let own = open.get(&from).copied().unwrap_or(0);
        if all >= self.most || own >= self.most.div_ceil(2) {
            return None;
        }
        open.insert(from, own + 1);
        Some(Place(self.clone(), from))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.1) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_half_of_the_places_and_gives_them_back() {
        let connections = Connections::new(4);
        let [a, b, c] = [1, 2, 3].map(|n| IpAddr::from([10, 0, 0, n]));
        let held = [connections.place(a), connections.place(a), connections.place(b), connections.place(b)];
        assert!(held.iter().all(Option::is_some));
        assert!(connections.place(c).is_none());
        let [first, second, ..] = held;
        drop(first);
        assert!(connections.place(b).is_none());
        assert!(connections.place(c).is_some());
        drop(second);
        assert_eq!(connections.open.lock().unwrap().len(), 1);
    }
}
