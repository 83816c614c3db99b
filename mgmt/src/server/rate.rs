//! How often a client may ask: a token bucket for each address.
use super::Layers;
use crate::auth::security::Peer;
use crate::clock;
use crate::problem::Problem;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Clients that are told apart; all others share a bucket while there are so many.
const CLIENTS: usize = 4096;

/// Who a client is to limits: an IPv4 address, or 64 bits of an IPv6 address, of which one machine has all the rest.
pub(super) fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(a) => IpAddr::V6(Ipv6Addr::from_bits(a.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

/// The buckets. Of each, only the time is kept at which it will be full again (the generic cell rate algorithm, ITU-T
/// I.371 section 6.2.4.1): then it says nothing any more, and can go.
#[derive(Debug)]
pub(super) struct Rates {
    /// Between two requests.
    every: Duration,
    full: Mutex<HashMap<Option<IpAddr>, Duration>>,
}

impl Rates {
    /// So many a second, and so many at once.
    pub(super) fn new(per_second: u32) -> Rates {
        Rates { every: Duration::from_secs(1) / per_second.max(1), full: Mutex::default() }
    }

    /// Takes one out of a client's bucket. Or how long it has to wait.
    fn take(&self, from: IpAddr, now: Duration) -> Result<(), Duration> {
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = Some(client(from));
        if full.len() >= CLIENTS && !full.contains_key(&key) {
            full.retain(|_, at| *at > now);
            if full.len() >= CLIENTS {
                key = None;
            }
        }
        let at = full.entry(key).or_default();
        let next = now.max(*at) + self.every;
        match next.checked_sub(now + Duration::from_secs(1)) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                *at = next;
                Ok(())
            }
        }
    }
}

/// 429 to whoever asks too often.
pub(super) async fn limit(State(layers): State<Layers>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>();
    match peer.map_or(Ok(()), |p| layers.rates.take(p.address.ip(), clock::monotonic())) {
        Ok(()) => next.run(request).await,
        Err(wait) => Problem::too_many("too many requests from this address", wait.as_secs() + 1).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again_and_is_one_clients_own() {
        let rates = Rates::new(10);
        let (a, b) = (IpAddr::from([10, 0, 0, 1]), "2001:db8::1".parse().unwrap());
        let at = |ms| Duration::from_secs(5) + Duration::from_millis(ms);
        assert_eq!((0..20).filter(|_| rates.take(a, at(0)).is_ok()).count(), 10);
        assert_eq!(rates.take(a, at(0)), Err(Duration::from_millis(100)));
        assert!(rates.take(b, at(0)).is_ok());
        assert_eq!((0..20).filter(|_| rates.take(a, at(200)).is_ok()).count(), 2);
        assert_eq!((0..20).filter(|_| rates.take(a, at(9000)).is_ok()).count(), 10);
        let neighbour = "2001:db8::ffff:1".parse().unwrap();
        assert_eq!((0..20).filter(|_| rates.take(neighbour, at(0)).is_ok()).count(), 9);
    }

    #[test]
    fn more_clients_than_can_be_told_apart_share_a_bucket() {
        let rates = Rates::new(2);
        let now = Duration::from_secs(1);
        for n in 0..CLIENTS as u32 {
            assert!(rates.take(IpAddr::from(n.to_be_bytes()), now).is_ok());
        }
        let other = |n: u8| IpAddr::from([250, 0, 0, n]);
        assert_eq!((0..9).filter(|n| rates.take(other(*n), now).is_ok()).count(), 2);
        assert!(rates.take(other(77), now + Duration::from_secs(2)).is_ok());
        assert_eq!(rates.full.lock().unwrap().len(), 1);
    }
}
