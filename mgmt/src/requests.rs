//! What was asked of the EMS: requests by path, method and status, and how long they took.
//!
//! Invariant: whoever asks for whatever, the number of series is bounded.
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the buckets, seconds, inclusive. What took longer is in one more bucket.
pub const BOUNDS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];
/// Number of buckets.
pub const BUCKETS: usize = BOUNDS.len() + 1;
/// Series that are kept. What does not fit is counted as path and method [`OTHER`], with its status.
pub const MOST: usize = 1024;
/// The path and the method of what has no place of its own.
pub const OTHER: &str = "other";

/// Requests of one path, method and status.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The path as its route is written: `/v1/functions/{name}`.
    pub path: String,
    /// The method.
    pub method: String,
    /// The status of the answers.
    pub status: u16,
    /// How many there were.
    pub count: u64,
    /// How many of them took no longer than the bound of the same place in [`BOUNDS`], and longer than the one before; the
    /// last: longer than all bounds.
    pub buckets: [u64; BUCKETS],
    /// How long they took together, seconds.
    pub seconds: f64,
}

#[derive(Debug, Default)]
struct Sum {
    count: u64,
    buckets: [u64; BUCKETS],
    seconds: f64,
}

/// All that was counted.
#[derive(Debug, Default)]
pub struct Requests(Mutex<BTreeMap<(String, String, u16), Sum>>);

impl Requests {
    /// Counts a request that was answered. `path` is the path of the route that matched, never what a client wrote.
    pub fn count(&self, path: &str, method: &str, status: u16, took: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (path.to_string(), known(method).to_string(), status.min(999));
        if all.len() >= MOST && !all.contains_key(&key) {
            key = (OTHER.into(), OTHER.into(), status.min(999));
        }
        let seconds = took.as_secs_f64();
        let sum = all.entry(key).or_default();
        sum.count += 1;
        sum.buckets[BOUNDS.partition_point(|bound| *bound < seconds)] += 1;
        sum.seconds += seconds;
    }

    /// All series by path, then method, then status.
    pub fn all(&self) -> Vec<Series> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let series = |((path, method, status), sum): (&(String, String, u16), &Sum)| Series {
            path: path.clone(),
            method: method.clone(),
            status: *status,
            count: sum.count,
            buckets: sum.buckets,
            seconds: sum.seconds,
        };
        all.iter().map(series).collect()
    }
}

/// A client may invent methods (RFC 9110 section 16.1); those that a route can have are told apart.
fn known(method: &str) -> &str {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method,
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_in_the_bucket_of_its_time() {
        let requests = Requests::default();
        for micros in [1, 500, 501, 5_000_000, 5_000_001] {
            requests.count("/livez", "GET", 200, Duration::from_micros(micros));
        }
        requests.count("/livez", "BREW", 405, Duration::ZERO);
        let [get, other] = requests.all().try_into().unwrap();
        assert_eq!((get.count, get.buckets[0], get.buckets[1]), (5, 2, 1));
        assert_eq!((get.buckets[BUCKETS - 2], get.buckets[BUCKETS - 1]), (1, 1));
        assert!((get.seconds - 10.001003).abs() < 1e-9);
        assert_eq!((other.method.as_str(), other.status, other.count), (OTHER, 405, 1));
    }

    #[test]
    fn the_number_of_series_is_bounded_and_nothing_goes_uncounted() {
        let requests = Requests::default();
        for n in 0..2 * MOST as u64 {
            requests.count(&format!("/{n}"), "GET", [200, 404][n as usize % 2], Duration::ZERO);
        }
        let all = requests.all();
        assert_eq!(all.len(), MOST + 2);
        assert_eq!(all.iter().map(|s| s.count).sum::<u64>(), 2 * MOST as u64);
        assert_eq!(all.iter().filter(|s| s.path == OTHER).map(|s| s.status).collect::<Vec<_>>(), [200, 404]);
    }
}
