//! Revisions: what a function was, who changed what, and the way back.
use super::functions::TermsQuery;
use super::register::{Routes, routes};
use super::{Ask, Shared, wants_json};
use crate::command::{Answer, Command};
use crate::functions::{Changed, FunctionSummary};
use crate::problem::Problem;
use crate::store::history::{Shown, Summary};
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

pub(super) fn routes() -> Routes<Shared> {
    Routes::new()
        .routes(routes!(list_functions))
        .routes(routes!(list_revisions))
        .routes(routes!(get_revision))
        .routes(routes!(restore_revision))
}

/// All functions; a plain VNF has one, `main`.
#[utoipa::path(get, path = "/v1/functions", tag = "functions", responses(
    (status = 200, description = "Name, framework, revision and state of each", body = Vec<FunctionSummary>),
))]
async fn list_functions(ask: Ask) -> Result<Answer, Problem> {
    ask.for_(Command::Functions).await
}

/// The history of a function, the oldest revision first. A revision is a configuration that ran and that nobody took back;
/// a change that waits for its confirmation is none yet.
#[utoipa::path(get, path = "/v1/functions/{name}/revisions", tag = "functions", params(("name", description = "Its name")), responses(
    (status = 200, description = "The revisions that are kept, without their texts", body = Vec<Summary>),
    (status = 404, description = "There is no function of this name", body = Problem),
))]
async fn list_revisions(ask: Ask, Path(name): Path<String>) -> Result<Answer, Problem> {
    ask.for_(Command::Revisions(name)).await
}

/// What is shown of a revision.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ShownQuery {
    /// Only what it changed: a unified diff against the revision before it.
    #[serde(default)]
    diff: bool,
}

/// A revision: its text (`text/plain`), with `Accept: application/json` all of it, with `diff=true` what it changed.
#[utoipa::path(get, path = "/v1/functions/{name}/revisions/{number}", tag = "functions",
    params(("name", description = "Name of the function"), ("number" = u64, Path, description = "Number of the revision"), ShownQuery),
    responses(
        (status = 200, description = "The revision; `ETag` names what it contains", content(
            (String = "text/plain"), (Shown = "application/json"), (String = "text/x-diff"))),
        (status = 404, description = "There is none, or it is not kept any more", body = Problem),
    ))]
async fn get_revision(
    ask: Ask,
    Path((name, number)): Path<(String, String)>,
    Query(query): Query<ShownQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(match ask.for_(Command::Revision(name, parsed(&number)?)).await? {
        Answer::Revision(r) if query.diff => {
            ([(header::CONTENT_TYPE, "text/x-diff; charset=utf-8")], r.diff).into_response()
        }
        Answer::Revision(r) if !wants_json(&headers) => {
            let plain = "text/plain; charset=utf-8";
            let fields = [(header::CONTENT_TYPE, plain), (header::ETAG, r.etag.as_str())];
            (fields, r.revision.configuration.text).into_response()
        }
        other => other.into_response(),
    })
}

/// Lets an old revision run again: its text and its parameters. It is checked and changed over to as any other change, and
/// becomes a new revision.
#[utoipa::path(post, path = "/v1/functions/{name}/revisions/{number}/restore", tag = "functions",
    params(("name", description = "Name of the function"), ("number" = u64, Path, description = "Number of the revision"), TermsQuery,
        ("If-Match" = Option<String>, Header, description = "Only if the function is still this one")),
    responses(
        (status = 200, description = "It runs now, or would", body = Changed),
        (status = 404, description = "There is none, or it is not kept any more", body = Problem),
        (status = 409, description = "Another change is being made, or waits for its confirmation", body = Problem),
        (status = 412, description = "The function is not what `If-Match` says", body = Problem),
        (status = 422, description = "It cannot run any more: all reasons are in `findings`; what ran goes on", body = Problem),
        (status = 507, description = "It cannot be saved; what ran before runs again", body = Problem),
    ))]
async fn restore_revision(
    ask: Ask,
    Path((name, number)): Path<(String, String)>,
    Query(query): Query<TermsQuery>,
    headers: HeaderMap,
) -> Result<Answer, Problem> {
    ask.for_(Command::Restore(name, parsed(&number)?, query.terms(&headers))).await
}

fn parsed(number: &str) -> Result<u64, Problem> {
    number.parse().map_err(|_| Problem::bad_request(format!("‘{number}’ is no number of a revision")))
}
