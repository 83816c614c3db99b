//! Traces: the way of single packets through the graph.
use super::register::{Routes, routes};
use super::{Ask, Shared};
use crate::command::{Answer, Command};
use crate::problem::Problem;
use crate::vnf::{Trace, TraceRequest};
use axum::Json;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(start_trace)).routes(routes!(get_trace))
}

/// Starts to follow packets. There is one trace at a time: another one that is not complete ends.
#[utoipa::path(post, path = "/v1/trace", tag = "packets", request_body = TraceRequest, responses(
    (status = 201, description = "It follows packets from now on; `Location` is where they are found", body = Trace,
        headers(("Location" = String, description = "Path of the trace"))),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 404, description = "There is no such port or element", body = Problem),
    (status = 409, description = "The VNF does not run", body = Problem),
    (status = 415, description = "The body is not declared as JSON", body = Problem),
    (status = 422, description = "The number or the filter is wrong", body = Problem),
    (status = 503, description = "The VNF cannot answer now", body = Problem),
))]
async fn start_trace(ask: Ask, Json(request): Json<TraceRequest>) -> Result<Response, Problem> {
    Ok(match ask.for_(Command::StartTrace(request)).await? {
        Answer::Trace(trace) => {
            let place = format!("/v1/trace/{}", trace.id);
            (StatusCode::CREATED, [(header::LOCATION, place)], Json(trace)).into_response()
        }
        other => other.into_response(),
    })
}

/// What a trace has recorded so far.
#[utoipa::path(get, path = "/v1/trace/{id}", tag = "packets", params(("id" = u64, Path, description = "Its number")), responses(
    (status = 200, description = "The packets and their ways; it is complete when `left` is 0", body = Trace),
    (status = 400, description = "That is no number", body = Problem),
    (status = 404, description = "There is no such trace, or it is not kept any more", body = Problem),
    (status = 503, description = "The VNF cannot answer now", body = Problem),
))]
async fn get_trace(ask: Ask, Path(id): Path<u64>) -> Result<Answer, Problem> {
    ask.for_(Command::Trace(id)).await
}
