//! Which values are too high: limits, and alarms that do not flap.
//!
//! Pure: it looks at a snapshot and rates, and says what crossed its limit. An alarm is raised at the limit, and cleared
//! when the value was below 80 % of it in three looks, one after the other.
use crate::alarms::Severity;
use crate::rates::Rates;
use crate::vnf::Snapshot;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Below this share of its limit a value is calm.
const CALM: f64 = 0.8;
/// Calm looks, one after the other, that clear an alarm.
const CALM_LOOKS: u8 = 3;

/// Limits, as `[thresholds]` of a VNF's description has them. 0 switches one off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Dropped packets a second, all reasons. Off by default: to drop is what a filter is for.
    pub drops_per_second: f64,
    /// Rounds of a worker with work in them, share, 0 to 1. Off by default.
    pub worker_busy: f64,
    /// Packet buffers in use, share of all, 0 to 1. 0.9 by default: without buffers nothing is received.
    pub buffers_used: f64,
    /// Memory of the process that lies in RAM, bytes. Off by default.
    pub memory_bytes: u64,
    /// A port that goes down raises an alarm. On by default.
    pub port_up: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { drops_per_second: 0.0, worker_busy: 0.0, buffers_used: 0.9, memory_bytes: 0, port_up: true }
    }
}

impl Limits {
    /// Whether they can be used.
    ///
    /// # Errors
    /// For people: which one is out of its range.
    pub fn check(&self) -> Result<(), String> {
        for (name, share) in [("worker_busy", self.worker_busy), ("buffers_used", self.buffers_used)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(format!("thresholds.{name}: {share} is not a share; give 0 (off) to 1"));
            }
        }
        let drops = self.drops_per_second;
        if !drops.is_finite() || drops < 0.0 {
            return Err(format!("thresholds.drops_per_second: {drops} is no rate; give 0 (off) or more"));
        }
        Ok(())
    }
}

/// A value that passed its limit, or that came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Crossing {
    /// The alarm's object: `drops`, `worker/0`, `buffers`, `memory`.
    pub object: String,
    /// What is measured: `drops_per_second`, `worker_busy/0`, `buffers_used`, `memory_bytes`.
    pub indicator: String,
    /// How bad it is to be above.
    pub severity: Severity,
    /// The value; of something that is no longer measured, the last one.
    pub value: f64,
    /// It is above its limit now.
    pub above: bool,
    /// The value and its limit, for people.
    pub text: String,
}

/// A value and its limit.
struct Measured {
    object: String,
    indicator: String,
    severity: Severity,
    value: f64,
    limit: f64,
    text: String,
}

/// What is known of a value that is above its limit.
#[derive(Debug)]
struct Raised {
    indicator: String,
    severity: Severity,
    value: f64,
    calm: u8,
}

/// Watches values.
#[derive(Debug, Default)]
pub struct Thresholds {
    limits: Limits,
    /// By object.
    raised: BTreeMap<String, Raised>,
}

impl Thresholds {
    /// Other limits, from the next look on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What crossed its limit since the look before. What is no longer measured is calm at once.
    pub fn look(&mut self, now: &Snapshot, rates: &Rates) -> Vec<Crossing> {
        let measured = measure(&self.limits, now, rates);
        let mut crossed = Vec::new();
        self.raised.retain(|object, raised| {
            let measured = measured.iter().any(|m| m.object == *object);
            if !measured {
                let Raised { indicator, severity, value, .. } = raised;
                let text = format!("{indicator} is no longer measured");
                let (object, indicator) = (object.clone(), indicator.clone());
                let (severity, value) = (*severity, *value);
                crossed.push(Crossing { object, indicator, severity, value, above: false, text });
            }
            measured
        });
        for m in measured {
            let Measured { object, indicator, severity, value, limit, text } = m;
            let above = match self.raised.get_mut(&object) {
                None if value >= limit => {
                    let raised = Raised { indicator: indicator.clone(), severity, value, calm: 0 };
                    self.raised.insert(object.clone(), raised);
                    true
                }
                None => continue,
                Some(raised) => {
                    raised.value = value;
                    raised.calm = if value < limit * CALM { raised.calm + 1 } else { 0 };
                    if raised.calm < CALM_LOOKS {
                        continue;
                    }
                    self.raised.remove(&object);
                    false
                }
            };
            crossed.push(Crossing { object, indicator, severity, value, above, text });
        }
        crossed
    }
}

/// All values whose limit is switched on.
fn measure(limits: &Limits, now: &Snapshot, rates: &Rates) -> Vec<Measured> {
    use Severity::{Major, Minor};
    let mut all = Vec::new();
    let mut one = |object: &str, indicator: &str, severity, value: f64, limit: f64, text: String| {
        let (object, indicator) = (object.into(), indicator.into());
        all.push(Measured { object, indicator, severity, value, limit, text });
    };
    let limit = limits.drops_per_second;
    if limit > 0.0 {
        let drops = rates.drops_per_second;
        let text = format!("{drops:.0} drops a second; the limit is {limit}");
        one("drops", "drops_per_second", Major, drops, limit, text);
    }
    let limit = limits.worker_busy;
    if limit > 0.0 {
        for (n, busy) in rates.worker_busy.iter().enumerate() {
            let text =
                format!("worker {n} has work in {} of its rounds; the limit is {}", percent(*busy), percent(limit));
            one(&format!("worker/{n}"), &format!("worker_busy/{n}"), Minor, *busy, limit, text);
        }
    }
    let (limit, [used, buffers]) = (limits.buffers_used, now.buffers);
    if limit > 0.0 && buffers > 0 {
        let text = format!("{used} of {buffers} packet buffers are in use; the limit is {}", percent(limit));
        one("buffers", "buffers_used", Major, used as f64 / buffers as f64, limit, text);
    }
    let (limit, bytes) = (limits.memory_bytes, now.resident_bytes);
    if limit > 0 {
        let text = format!("{bytes} bytes of memory are in use; the limit is {limit}");
        one("memory", "memory_bytes", Minor, bytes as f64, limit as f64, text);
    }
    all
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffers(used: u64) -> Snapshot {
        Snapshot { buffers: [used, 100], ..Snapshot::default() }
    }
    fn look(t: &mut Thresholds, used: u64) -> Option<bool> {
        let crossed = t.look(&buffers(used), &Rates::default());
        assert!(crossed.len() <= 1);
        crossed.first().map(|c| c.above)
    }

    #[test]
    fn an_alarm_is_raised_at_the_limit_and_cleared_after_three_calm_looks() {
        let mut t = Thresholds::default();
        assert_eq!(look(&mut t, 89), None);
        assert_eq!(look(&mut t, 90), Some(true));
        assert_eq!(look(&mut t, 99), None, "it is raised already");
        // 73 is above 80 % of the limit: the calm looks begin again.
        for used in [71, 71, 73, 71, 71] {
            assert_eq!(look(&mut t, used), None);
        }
        assert_eq!(look(&mut t, 71), Some(false));
        assert_eq!(look(&mut t, 71), None);
    }

    #[test]
    fn only_buffers_are_watched_without_configuration() {
        let mut t = Thresholds::default();
        let rates = Rates { drops_per_second: 1e9, worker_busy: vec![1.0], ..Rates::default() };
        let now = Snapshot { resident_bytes: u64::MAX, ..buffers(0) };
        assert_eq!(t.look(&now, &rates), []);
        assert!(t.limits().port_up);
        // A VNF that has no buffers yet.
        assert_eq!(t.look(&Snapshot::default(), &rates), []);
    }

    #[test]
    fn each_limit_has_its_object() {
        let mut t = Thresholds::default();
        let limits = Limits { drops_per_second: 10.0, worker_busy: 0.5, memory_bytes: 1000, ..Limits::default() };
        t.set_limits(limits);
        let rates = Rates { drops_per_second: 10.0, worker_busy: vec![0.1, 0.5], ..Rates::default() };
        let now = Snapshot { resident_bytes: 1000, ..buffers(95) };
        let crossed = t.look(&now, &rates);
        let objects: Vec<(&str, &str)> = crossed.iter().map(|c| (c.object.as_str(), c.indicator.as_str())).collect();
        let wanted = [
            ("drops", "drops_per_second"),
            ("worker/1", "worker_busy/1"),
            ("buffers", "buffers_used"),
            ("memory", "memory_bytes"),
        ];
        assert_eq!(objects, wanted);
        assert_eq!(crossed[0].text, "10 drops a second; the limit is 10");
        assert_eq!(crossed[2].text, "95 of 100 packet buffers are in use; the limit is 90 %");
    }

    #[test]
    fn what_is_no_longer_measured_is_cleared_at_once() {
        let mut t = Thresholds::default();
        assert_eq!(look(&mut t, 95), Some(true));
        t.set_limits(Limits { buffers_used: 0.0, ..Limits::default() });
        let crossed = t.look(&buffers(95), &Rates::default());
        assert_eq!((crossed[0].object.as_str(), crossed[0].above, crossed[0].value), ("buffers", false, 0.95));
        assert_eq!(t.look(&buffers(95), &Rates::default()), []);
    }

    #[test]
    fn a_value_that_is_no_number_raises_and_clears_nothing() {
        let mut t = Thresholds::default();
        t.set_limits(Limits { drops_per_second: 10.0, ..Limits::default() });
        let drops = |drops_per_second| Rates { drops_per_second, ..Rates::default() };
        assert_eq!(t.look(&buffers(0), &drops(f64::NAN)), []);
        assert_eq!(t.look(&buffers(0), &drops(11.0)).len(), 1);
        for _ in 0..5 {
            assert_eq!(t.look(&buffers(0), &drops(f64::NAN)), []);
        }
    }

    #[test]
    fn limits_out_of_range_are_refused_and_named() {
        assert_eq!(Limits::default().check(), Ok(()));
        for (wrong, name) in [
            (Limits { buffers_used: 90.0, ..Limits::default() }, "buffers_used"),
            (Limits { worker_busy: f64::NAN, ..Limits::default() }, "worker_busy"),
            (Limits { drops_per_second: f64::INFINITY, ..Limits::default() }, "drops_per_second"),
            (Limits { drops_per_second: -1.0, ..Limits::default() }, "drops_per_second"),
        ] {
            assert!(wrong.check().unwrap_err().contains(name));
        }
        let read: Limits = toml::from_str("drops_per_second = 1000\nport_up = false").unwrap();
        assert_eq!(read, Limits { drops_per_second: 1000.0, port_up: false, ..Limits::default() });
        assert!(toml::from_str::<Limits>("drop = 1").is_err());
    }
}
