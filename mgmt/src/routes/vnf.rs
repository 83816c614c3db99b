//! The VNF itself: who it is, whether it runs.
use super::register::{Routes, routes};
use super::{Ask, Shared};
use crate::command::{Answer, Command, Vnf, Wanted};
use crate::problem::Problem;
use crate::vnf::Identity;
use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(get_vnf)).routes(routes!(get_identity)).routes(routes!(put_state))
}

/// The state that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StateRequest {
    /// The state.
    pub(super) state: Wanted,
}

/// Who it is, its state, uptime, revisions and versions.
#[utoipa::path(get, path = "/v1/vnf", tag = "vnf", responses((status = 200, description = "The VNF", body = Vnf)))]
async fn get_vnf(ask: Ask) -> Result<Answer, Problem> {
    ask.for_(Command::Vnf).await
}

/// Who it is. An EMS that waits for its first token (`without_token` in its settings) shows this to anybody.
#[utoipa::path(get, path = "/v1/vnf/identity", tag = "vnf", responses((status = 200, description = "Its identity", body = Identity)))]
async fn get_identity(ask: Ask) -> Result<Answer, Problem> {
    ask.for_(Command::Identity).await
}

/// Lets it run, or stops it. Asking for the state that it has changes nothing.
#[utoipa::path(put, path = "/v1/vnf/state", tag = "vnf", request_body = StateRequest, responses(
    (status = 200, description = "It is in this state", body = Vnf),
    (status = 409, description = "It boots", body = Problem),
    (status = 422, description = "Its function does not start", body = Problem),
))]
async fn put_state(ask: Ask, Json(wanted): Json<StateRequest>) -> Result<Answer, Problem> {
    ask.for_(Command::SetState(wanted.state)).await
}
