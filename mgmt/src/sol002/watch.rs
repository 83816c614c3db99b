//! What of the indicators has changed enough to be told. Pure: time is an argument.
use super::indicators::Indicator;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Numbers of one indicator are told at most so often.
const AT_MOST: Duration = Duration::from_secs(1);
/// Numbers that move by less than this share are the same.
const SHARE: f64 = 0.05;

/// What was told last.
#[derive(Debug, Default)]
pub struct Watch {
    told: BTreeMap<String, (Value, Duration)>,
    begun: bool,
}

/// What is new.
#[derive(Debug, Default, PartialEq)]
pub struct Changes {
    /// Indicators with another value.
    pub values: Vec<Indicator>,
    /// There are other indicators than before.
    pub set: bool,
}

impl Watch {
    /// What is new since it was told last; the first look only remembers. `now` is the monotonic clock's.
    pub fn look(&mut self, now: Duration, all: &[Indicator]) -> Changes {
        let mut changes = Changes::default();
        let before = self.told.len();
        self.told.retain(|id, _| all.iter().any(|i| i.id == *id));
        changes.set = self.begun && before != self.told.len();
        for i in all {
            let Some((value, at)) = self.told.get_mut(&i.id) else {
                self.told.insert(i.id.clone(), (i.value.clone(), now));
                changes.set |= self.begun;
                continue;
            };
            let (words, numbers) = differ(value, &i.value, i.least);
            if words || (numbers && now.saturating_sub(*at) >= AT_MOST) {
                (*value, *at) = (i.value.clone(), now);
                changes.values.push(i.clone());
            }
        }
        self.begun = true;
        changes
    }

    /// Begins anew: nobody listens any more.
    pub fn forget(&mut self) {
        *self = Watch::default();
    }
}

/// Whether two values differ: in words (texts, booleans, form), and in numbers by more than `least` and [`SHARE`].
fn differ(a: &Value, b: &Value, least: f64) -> (bool, bool) {
    let either = |x: (bool, bool), y: (bool, bool)| (x.0 || y.0, x.1 || y.1);
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(0.0), b.as_f64().unwrap_or(0.0));
            (false, (a - b).abs() > least.max(SHARE * a.abs().max(b.abs())))
        }
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => a.iter().fold((false, false), |sum, (key, v)| {
            either(sum, b.get(key).map_or((true, false), |w| differ(v, w, least)))
        }),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).fold((false, false), |sum, (v, w)| either(sum, differ(v, w, least)))
        }
        _ => (a != b, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn indicator(id: &str, value: Value) -> Indicator {
        Indicator { id: id.into(), name: String::new(), value, least: 1.0 }
    }
    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn words_are_told_at_once_and_numbers_once_a_second_when_they_move_enough() {
        let mut watch = Watch::default();
        let mut at = |now, rate: f64, state: &str| {
            let all = [indicator("received", json!({"rate": rate})), indicator("state", json!({"state": state}))];
            watch.look(ms(now), &all).values.iter().map(|i| i.id.clone()).collect::<Vec<_>>()
        };
        assert!(at(0, 100.0, "running").is_empty());
        assert!(at(2000, 104.0, "running").is_empty());
        assert_eq!(at(2250, 106.0, "stopped"), ["received", "state"]);
        assert_eq!(at(2500, 200.0, "running"), ["state"]);
        assert_eq!(at(3250, 200.0, "running"), ["received"]);
        assert!(at(9000, 200.0, "running").is_empty());
        assert_eq!(at(9250, 0.0, "running"), ["received"]);
        assert!(at(20_000, 0.9, "running").is_empty());
    }

    #[test]
    fn indicators_that_come_and_go_change_the_set() {
        let mut watch = Watch::default();
        let (a, b, c) = (indicator("a", json!({})), indicator("b", json!({})), indicator("c", json!({})));
        assert!(!watch.look(ms(0), &[a.clone(), b.clone()]).set);
        assert!(!watch.look(ms(1), &[a.clone(), b.clone()]).set);
        assert!(watch.look(ms(2), &[a.clone(), c]).set);
        assert!(watch.look(ms(3), std::slice::from_ref(&a)).set);
        assert!(watch.look(ms(4), &[a, b]).set);
    }
}
