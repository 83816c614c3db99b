//! Users of SNMPv3. Their keys are never shown; passwords that the EMS made are, once.
use super::register::{Routes, routes};
use super::{Ask, Shared};
use crate::command::{Answer, Command};
use crate::problem::Problem;
use crate::snmp::directory::{KeyedUser, Rotation, SnmpUser, WantedUser};
use axum::Json;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(list, create)).routes(routes!(rotate)).routes(routes!(remove))
}

/// Which of the users of a name.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// The engine that its keys are of, hexadecimal; if not said, the one here.
    engine: Option<String>,
}

/// The users of SNMPv3.
#[utoipa::path(get, path = "/v1/snmp/users", tag = "snmp", responses(
    (status = 200, description = "All of them", body = Vec<SnmpUser>),
    (status = 404, description = "There is no SNMP agent", body = Problem),
))]
async fn list(ask: Ask) -> Result<Answer, Problem> {
    ask.for_(Command::SnmpUsers).await
}

/// Adds a user. It counts at once. Without passwords, the EMS makes them.
#[utoipa::path(post, path = "/v1/snmp/users", tag = "snmp", request_body = WantedUser, responses(
    (status = 201, description = "It is there; passwords that were made are shown this once", body = KeyedUser),
    (status = 404, description = "There is no SNMP agent", body = Problem),
    (status = 409, description = "There is one of this name", body = Problem),
    (status = 422, description = "Its name, its group, a protocol or a password is wrong", body = Problem),
))]
async fn create(ask: Ask, Json(wanted): Json<WantedUser>) -> Result<Response, Problem> {
    let answer = ask.for_(Command::CreateSnmpUser(Box::new(wanted))).await?;
    Ok((StatusCode::CREATED, answer).into_response())
}

/// Gives a user other keys; the old ones end at once.
#[utoipa::path(post, path = "/v1/snmp/users/{name}/rotate", tag = "snmp", params(("name", description = "Its name")),
    request_body = Rotation, responses(
        (status = 200, description = "It has other keys; passwords that were made are shown this once", body = KeyedUser),
        (status = 404, description = "There is no SNMP agent, or no such user", body = Problem),
        (status = 422, description = "A password is wrong", body = Problem),
    ))]
async fn rotate(ask: Ask, Path(name): Path<String>, Json(rotation): Json<Rotation>) -> Result<Answer, Problem> {
    ask.for_(Command::RotateSnmpUser(name, rotation)).await
}

/// Takes a user out. It may nothing any more at once.
#[utoipa::path(delete, path = "/v1/snmp/users/{name}", tag = "snmp", params(Which, ("name", description = "Its name")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "There is no SNMP agent, or no such user", body = Problem),
        (status = 422, description = "The engine is none", body = Problem),
    ))]
async fn remove(ask: Ask, Path(name): Path<String>, Query(which): Query<Which>) -> Result<StatusCode, Problem> {
    ask.for_(Command::RemoveSnmpUser(name, which.engine)).await?;
    Ok(StatusCode::NO_CONTENT)
}
