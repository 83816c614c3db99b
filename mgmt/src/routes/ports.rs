//! Ports: where packets enter and leave.
use super::register::{Routes, routes};
use super::{Ask, Shared};
use crate::command::{Answer, Command};
use crate::ports::PortStats;
use crate::problem::Problem;
use axum::extract::Path;

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(list_ports)).routes(routes!(get_port))
}

/// All ports with counters and rates.
#[utoipa::path(get, path = "/v1/ports", tag = "statistics", responses((status = 200, description = "The ports", body = [PortStats])))]
async fn list_ports(ask: Ask) -> Result<Answer, Problem> {
    ask.for_(Command::Ports).await
}

/// One port.
#[utoipa::path(get, path = "/v1/ports/{name}", tag = "statistics", params(("name", description = "Its name; a slash in it is written `%2F`")),
    responses(
        (status = 200, description = "The port", body = PortStats),
        (status = 400, description = "The name is no UTF-8", body = Problem),
        (status = 404, description = "There is no such port", body = Problem),
    ))]
async fn get_port(ask: Ask, Path(name): Path<String>) -> Result<Answer, Problem> {
    ask.for_(Command::Port(name)).await
}
