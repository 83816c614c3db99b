//! What clients asked of the EMS, counted.
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the histogram, seconds. What is above the last is in the total only.
pub const BOUNDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];
/// Series that are kept: more than there are paths, so that only an error here could come near it.
const MOST: usize = 1024;

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The path as the router has it: `/v1/functions/{name}`; `none` if there is no such path.
    pub path: String,
    /// The method; `other` for one that HTTP does not know.
    pub method: &'static str,
    /// Status of the answer.
    pub status: u16,
}

/// Requests of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// How many.
    pub count: u64,
    /// Until the answer began, all together, seconds.
    pub seconds: f64,
    /// How many took at most as long as each of [`BOUNDS`] says, those of smaller bounds among them.
    pub within: [u64; BOUNDS.len()],
}

/// The counters.
#[derive(Debug, Default)]
pub struct Requests(Mutex<BTreeMap<Key, Series>>);

impl Requests {
    /// Counts an answer.
    pub fn count(&self, path: Option<&str>, method: &str, status: u16, took: Duration) {
        const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        let method = METHODS.into_iter().find(|m| *m == method).unwrap_or("other");
        let key = Key { path: path.unwrap_or("none").into(), method, status };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(&key) {
            return;
        }
        let series = all.entry(key).or_default();
        let seconds = took.as_secs_f64();
        series.count += 1;
        series.seconds += seconds;
        for (within, bound) in series.within.iter_mut().zip(BOUNDS) {
            *within += u64::from(seconds <= bound);
        }
    }

    /// All series, in the order of their keys.
    pub fn all(&self) -> BTreeMap<Key, Series> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_path_method_and_status_and_buckets_add_up() {
        let requests = Requests::default();
        requests.count(Some("/v1/vnf"), "GET", 200, Duration::from_micros(800));
        requests.count(Some("/v1/vnf"), "GET", 200, Duration::from_secs(7));
        requests.count(None, "BREW", 404, Duration::from_millis(3));
        let all = requests.all();
        let vnf = &all[&Key { path: "/v1/vnf".into(), method: "GET", status: 200 }];
        assert_eq!((vnf.count, vnf.within[0], vnf.within[BOUNDS.len() - 1]), (2, 1, 1));
        let none = &all[&Key { path: "none".into(), method: "other", status: 404 }];
        assert_eq!((none.count, none.within[1], none.within[2]), (1, 0, 1));
        (0..2 * MOST).for_each(|i| requests.count(Some(&i.to_string()), "GET", 200, Duration::ZERO));
        assert_eq!(requests.all().len(), MOST);
    }
}
