//! Rates: what counters did in the last second.
use crate::vnf::Snapshot;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Frames and bits a second through one direction of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rate {
    /// Frames a second.
    pub packets_per_second: f64,
    /// Bits a second, without preamble and gap.
    pub bits_per_second: f64,
    /// Frames lost a second, before the port and at it.
    pub lost_per_second: f64,
}

/// What happened in the last second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rates {
    /// The time that was measured over, seconds; 0 before the first.
    pub seconds: f64,
    /// Into each port, by its name.
    pub received: BTreeMap<String, Rate>,
    /// Out of each port.
    pub sent: BTreeMap<String, Rate>,
    /// Drops a second, all reasons.
    pub drops_per_second: f64,
    /// Processor time of each worker, share of a core, 0 to 1.
    pub worker_load: Vec<f64>,
    /// Rounds of each worker with work in them, share, 0 to 1.
    pub worker_busy: Vec<f64>,
    /// Processor time of the process, share of one core.
    pub process_load: f64,
}

impl Rates {
    /// From one snapshot to a later one. Counters that went back (a port that was opened again) count from 0.
    pub fn between(a: &Snapshot, b: &Snapshot) -> Rates {
        let seconds = b.monotonic.saturating_sub(a.monotonic) as f64 / 1e9;
        if seconds <= 0.0 {
            return Rates::default();
        }
        let per = |from: u64, to: u64| if to >= from { (to - from) as f64 / seconds } else { to as f64 / seconds };
        let mut rates =
            Rates { seconds, drops_per_second: per(a.totals.dropped, b.totals.dropped), ..Rates::default() };
        for port in &b.ports {
            let old = a.ports.iter().find(|p| p.name == port.name).cloned().unwrap_or_default();
            let both = [(&mut rates.received, old.received, &port.received), (&mut rates.sent, old.sent, &port.sent)];
            for (list, old, new) in both {
                let Some(new) = new else { continue };
                let old = old.unwrap_or_default();
                let lost = |s: &crate::vnf::PortSide| s.lost_before + s.dropped.values().sum::<u64>();
                let rate = Rate {
                    packets_per_second: per(old.packets, new.packets),
                    bits_per_second: per(old.bytes, new.bytes) * 8.0,
                    lost_per_second: per(lost(&old), lost(new)),
                };
                list.insert(port.name.clone(), rate);
            }
        }
        for (n, w) in b.workers.iter().enumerate() {
            let old = a.workers.get(n).copied().unwrap_or_default();
            rates.worker_load.push((per(old.cpu_ns, w.cpu_ns) / 1e9).min(1.0));
            let rounds = w.rounds.saturating_sub(old.rounds).max(1) as f64;
            rates.worker_busy.push(w.busy_rounds.saturating_sub(old.busy_rounds) as f64 / rounds);
        }
        rates.process_load = per(a.process_cpu_ns, b.process_cpu_ns) / 1e9;
        rates
    }
}
