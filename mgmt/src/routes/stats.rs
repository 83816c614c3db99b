//! What is counted.
use super::register::{Routes, routes};
use super::{Ask, Shared};
use crate::command::{Answer, Command};
use crate::problem::Problem;
use crate::rates::Rates;
use crate::vnf::Snapshot;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(get_stats))
}

/// Counters and rates.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Stats {
    /// Counters of one moment.
    #[serde(flatten)]
    #[schema(inline, value_type = Snapshot)]
    pub snapshot: Arc<Snapshot>,
    /// What they did in the last second.
    #[schema(value_type = Rates)]
    pub rates: Arc<Rates>,
}

/// Everything that is counted, and rates.
#[utoipa::path(get, path = "/v1/stats", tag = "statistics", responses((status = 200, description = "Counters and rates", body = Stats)))]
async fn get_stats(ask: Ask) -> Result<Answer, Problem> {
    ask.for_(Command::Stats).await
}
