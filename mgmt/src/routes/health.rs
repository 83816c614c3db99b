//! Whether it lives, and whether it is ready: for whoever supervises it, without a token.
use super::Shared;
use super::register::{Routes, routes};
use crate::problem::Problem;
use crate::vnf::{State, Status};
use axum::Json;
use axum::extract::State as From;

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(livez)).routes(routes!(readyz))
}

/// The EMS answers.
#[utoipa::path(get, path = "/livez", tag = "health", responses((status = 200, description = "It lives", body = String)), security(()))]
async fn livez() -> &'static str {
    "ok\n"
}

/// The VNF has started: its EMS can be asked for everything. A VNF that was stopped on purpose is ready, too.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses(
    (status = 200, description = "It is ready", body = Status),
    (status = 503, description = "It is not: `detail` names the phase that is missing; try again after `Retry-After` seconds", body = Problem),
))]
async fn readyz(From(ems): From<Shared>) -> Result<Json<Status>, Problem> {
    let status = ems.vnf.status();
    match status.state {
        State::Running | State::Stopped => Ok(Json(status)),
        State::Starting => Err(Problem::unavailable(format!("starting: {}", status.phase), 1)),
        State::Failed => {
            let why = status.detail.unwrap_or_default();
            Err(Problem::unavailable(format!("failed: {}: {why}", status.phase), 5))
        }
    }
}
