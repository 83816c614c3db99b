//! The machine around the VNF.
use super::{Ask, Shared};
use crate::command::{Answer, Command};
use crate::problem::Problem;
use crate::system::System;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(get_system)).routes(routes!(shutdown)).routes(routes!(reboot))
}

/// How it was set up and from where, its network interfaces, and what went wrong when it booted.
#[utoipa::path(get, path = "/v1/system", tag = "system", responses((status = 200, description = "The system", body = System)))]
async fn get_system(ask: Ask) -> Result<Answer, Problem> {
    ask.for_(Command::System).await
}

/// Ends it for good.
#[utoipa::path(post, path = "/v1/system/shutdown", tag = "system", responses((status = 202, description = "It will end")))]
async fn shutdown(ask: Ask) -> Result<Answer, Problem> {
    ask.for_(Command::Shutdown).await
}

/// Ends it, and lets it begin again.
#[utoipa::path(post, path = "/v1/system/reboot", tag = "system", responses((status = 202, description = "It will end and begin again")))]
async fn reboot(ask: Ask) -> Result<Answer, Problem> {
    ask.for_(Command::Reboot).await
}
