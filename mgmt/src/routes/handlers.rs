//! Handlers of elements: what can be read and written while packets flow.
use super::accept::{VARY, preferred};
use super::elements::main;
use super::register::{Routes, routes};
use super::{Ask, Shared};
use crate::command::{Answer, Command};
use crate::problem::Problem;
use axum::Json;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Query, Request};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Longest body that carries a value, bytes.
const LONGEST: usize = 1 << 20;
const PLAIN: &str = "text/plain";
const JSON: &str = "application/json";

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(read_handler, write_handler)).layer(DefaultBodyLimit::max(LONGEST))
}

/// What is read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReadQuery {
    /// The function; `main` if absent.
    #[serde(default = "main")]
    #[param(required = false)]
    function: String,
    /// What the handler is given, if it takes something.
    #[serde(default)]
    #[param(required = false)]
    parameter: String,
}

/// Whose handler is written.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WriteQuery {
    /// The function; `main` if absent.
    #[serde(default = "main")]
    #[param(required = false)]
    function: String,
}

/// What a handler says, or is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HandlerValue {
    /// The text, as it is.
    value: String,
}

/// Reads a handler: the text alone (`text/plain`), or with `Accept: application/json` in an object.
#[utoipa::path(get, path = "/v1/elements/{name}/handlers/{handler}", tag = "elements",
    params(
        ("name", description = "The element; a slash in its name is written `%2F`"),
        ("handler", description = "The handler"),
        ReadQuery,
    ),
    responses(
        (status = 200, description = "What it says", content((String = "text/plain"), (HandlerValue = "application/json"))),
        (status = 400, description = "A parameter is wrong", body = Problem),
        (status = 404, description = "There is no such function, element or handler", body = Problem),
        (status = 405, description = "It can only be written; `Allow` says so", body = Problem),
        (status = 409, description = "The function does not run", body = Problem),
        (status = 422, description = "It does not take this parameter", body = Problem),
        (status = 503, description = "The VNF cannot answer now", body = Problem),
    ))]
async fn read_handler(
    ask: Ask,
    Path((element, handler)): Path<(String, String)>,
    Query(query): Query<ReadQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let command = Command::ReadHandler(query.function, element, handler, query.parameter);
    Ok(show(ask.for_(command).await?, &headers))
}

/// Writes a handler. The value is the body as it is, or with `Content-Type: application/json` the member `value` of an
/// object; at most 1 MiB. The answer is what the handler says; most say nothing.
#[utoipa::path(put, path = "/v1/elements/{name}/handlers/{handler}", tag = "elements",
    params(
        ("name", description = "The element; a slash in its name is written `%2F`"),
        ("handler", description = "The handler"),
        WriteQuery,
    ),
    request_body(content((String = "text/plain"), (HandlerValue = "application/json"))),
    responses(
        (status = 200, description = "It is written", content((String = "text/plain"), (HandlerValue = "application/json"))),
        (status = 400, description = "A parameter is wrong, or the body no UTF-8 or no JSON", body = Problem),
        (status = 404, description = "There is no such function, element or handler", body = Problem),
        (status = 405, description = "It can only be read; `Allow` says so", body = Problem),
        (status = 409, description = "The function does not run", body = Problem),
        (status = 413, description = "The value is longer than 1 MiB", body = Problem),
        (status = 422, description = "It does not take this value; nothing is changed", body = Problem),
        (status = 503, description = "The VNF cannot answer now", body = Problem),
    ))]
async fn write_handler(
    ask: Ask,
    Path((element, handler)): Path<(String, String)>,
    Query(query): Query<WriteQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let value = value(request).await?;
    let command = Command::WriteHandler(query.function, element, handler, value);
    Ok(show(ask.for_(command).await?, &headers))
}

/// Reads a value: JSON, or the text alone.
async fn value(request: Request) -> Result<String, Problem> {
    let json = |v: &HeaderValue| v.to_str().is_ok_and(|v| v.starts_with(JSON));
    if request.headers().get(header::CONTENT_TYPE).is_some_and(json) {
        let body = Json::<HandlerValue>::from_request(request, &()).await;
        return body.map(|j| j.0.value).map_err(|e| Problem::new(e.status(), e.body_text()));
    }
    String::from_request(request, &()).await.map_err(|e| Problem::new(e.status(), e.body_text()))
}

/// In the form that the client likes best.
fn show(answer: Answer, headers: &HeaderMap) -> Response {
    match answer {
        Answer::Text(value) if preferred(headers, &[PLAIN, JSON]) == JSON => {
            ([VARY], Json(HandlerValue { value })).into_response()
        }
        other => ([VARY], other).into_response(),
    }
}
