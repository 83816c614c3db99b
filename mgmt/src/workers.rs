//! A worker with what is counted and how busy it is.
use crate::rates::Rates;
use crate::vnf::{Snapshot, Worker};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A worker, its counters and its rates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkerStats {
    /// Its number, from 0.
    pub number: usize,
    /// Its core and its counters.
    #[serde(flatten)]
    pub worker: Worker,
    /// Processor time in the last second, share of a core, 0 to 1.
    pub load: f64,
    /// Rounds in the last second with work in them, share, 0 to 1.
    pub busy: f64,
    /// Mean size of a burst since it started, packets.
    pub burst: f64,
}

/// All workers.
pub fn all(now: &Snapshot, rates: &Rates) -> Vec<WorkerStats> {
    let with_rates = |(number, worker): (usize, &Worker)| WorkerStats {
        number,
        worker: *worker,
        load: rates.worker_load.get(number).copied().unwrap_or(0.0),
        busy: rates.worker_busy.get(number).copied().unwrap_or(0.0),
        burst: worker.packets as f64 / worker.busy_rounds.max(1) as f64,
    };
    now.workers.iter().enumerate().map(with_rates).collect()
}
