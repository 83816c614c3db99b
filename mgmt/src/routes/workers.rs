//! Workers: the threads that move packets.
use super::register::{Routes, routes};
use super::{Ask, Shared};
use crate::command::{Answer, Command};
use crate::problem::Problem;
use crate::workers::WorkerStats;

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(list_workers))
}

/// All workers: how busy they are, and the size of their bursts.
#[utoipa::path(get, path = "/v1/workers", tag = "statistics", responses((status = 200, description = "The workers", body = [WorkerStats])))]
async fn list_workers(ask: Ask) -> Result<Answer, Problem> {
    ask.for_(Command::Workers).await
}
