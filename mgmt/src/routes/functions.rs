//! Functions: what the VNF does with packets, and how that is changed while they flow.
use super::register::{Routes, routes};
use super::{Ask, Shared, wants_json};
use crate::command::{Answer, Command};
use crate::functions::{Change, Changed, Function, Terms};
use crate::problem::Problem;
use axum::extract::{FromRequest, Path, Query, Request};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::time::Duration;
use utoipa::IntoParams;

pub(super) fn routes() -> Routes<Shared> {
    Routes::new()
        .routes(routes!(get_function, put_function))
        .routes(routes!(confirm_function))
        .routes(routes!(revert_function))
}

/// How a change is made.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TermsQuery {
    /// Only look whether it would do.
    #[serde(default, rename = "dry-run")]
    dry_run: bool,
    /// Seconds, 1 to 86400: the change is taken back if nobody confirms it in this time.
    #[serde(default, rename = "confirm-within")]
    #[param(minimum = 1, maximum = 86_400)]
    confirm_within: Option<u64>,
}

impl TermsQuery {
    pub(super) fn terms(&self, headers: &HeaderMap) -> Terms {
        let if_match = headers.get(header::IF_MATCH).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
        Terms { if_match, dry_run: self.dry_run, confirm_within: self.confirm_within.map(Duration::from_secs) }
    }
}

/// The function's text (`text/plain`), or with `Accept: application/json` all of it.
#[utoipa::path(get, path = "/v1/functions/{name}", tag = "functions", params(("name", description = "Its name; a plain VNF has one, `main`")),
    responses(
        (status = 200, description = "The function; `ETag` names what it contains", content(
            (String = "text/plain"), (Function = "application/json"))),
        (status = 404, description = "There is none of this name", body = Problem),
    ))]
async fn get_function(ask: Ask, Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    Ok(match ask.for_(Command::Function(name)).await? {
        Answer::Function(f) if !wants_json(&headers) => {
            let plain = "text/plain; charset=utf-8";
            ([(header::CONTENT_TYPE, plain), (header::ETAG, f.etag.as_str())], f.configuration.text).into_response()
        }
        other => other.into_response(),
    })
}

/// Replaces the function: checks the new one, builds it aside, and changes over to it between two bursts; counters, queues
/// and tables of elements that keep name and class go on. A text (`text/plain`, or any other type) keeps the parameters.
#[utoipa::path(put, path = "/v1/functions/{name}", tag = "functions",
    params(("name", description = "Its name"), TermsQuery, ("If-Match" = Option<String>, Header, description = "Only if the function is still this one")),
    request_body(content((String = "text/plain"), (Change = "application/json"))),
    responses(
        (status = 200, description = "It runs now, or would", body = Changed),
        (status = 404, description = "There is none of this name", body = Problem),
        (status = 409, description = "Another change is being made, or waits for its confirmation", body = Problem),
        (status = 412, description = "The function is not what `If-Match` says", body = Problem),
        (status = 413, description = "The text has more than 4 MiB", body = Problem),
        (status = 422, description = "It cannot run: all reasons are in `findings`; what ran goes on", body = Problem),
        (status = 507, description = "It cannot be saved; what ran before runs again", body = Problem),
    ))]
async fn put_function(
    ask: Ask,
    Path(name): Path<String>,
    Query(query): Query<TermsQuery>,
    request: Request,
) -> Result<Answer, Problem> {
    let terms = query.terms(request.headers());
    ask.for_(Command::ChangeFunction(name, change(request).await?, terms)).await
}

/// Reads a change: JSON, or the text alone.
async fn change(request: Request) -> Result<Change, Problem> {
    let json = |v: &axum::http::HeaderValue| v.to_str().is_ok_and(|v| v.starts_with("application/json"));
    if request.headers().get(header::CONTENT_TYPE).is_some_and(json) {
        let body = axum::Json::<Change>::from_request(request, &()).await;
        return body.map(|j| j.0).map_err(|e| Problem::new(e.status(), e.body_text()));
    }
    let text = String::from_request(request, &()).await.map_err(|e| Problem::new(e.status(), e.body_text()))?;
    Ok(Change { text: Some(text), ..Change::default() })
}

/// Keeps a change that waits for its confirmation.
#[utoipa::path(post, path = "/v1/functions/{name}/confirm", tag = "functions", params(("name", description = "Its name")), responses(
    (status = 200, description = "It stays", body = Changed),
    (status = 404, description = "There is none of this name", body = Problem),
    (status = 409, description = "No change waits", body = Problem),
    (status = 507, description = "It cannot be saved; it runs, and still waits", body = Problem),
))]
async fn confirm_function(ask: Ask, Path(name): Path<String>) -> Result<Answer, Problem> {
    ask.for_(Command::Confirm(name)).await
}

/// Takes a change back that waits for its confirmation.
#[utoipa::path(post, path = "/v1/functions/{name}/revert", tag = "functions", params(("name", description = "Its name")), responses(
    (status = 200, description = "What ran before runs again", body = Changed),
    (status = 404, description = "There is none of this name", body = Problem),
    (status = 409, description = "No change waits", body = Problem),
    (status = 422, description = "What ran before does not start; the change still waits", body = Problem),
))]
async fn revert_function(ask: Ask, Path(name): Path<String>) -> Result<Answer, Problem> {
    ask.for_(Command::Revert(name)).await
}
