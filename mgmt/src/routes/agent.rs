//! The structural agent: its connection points, rules and service paths. The whole of it is the function `agent`.
use super::functions::TermsQuery;
use super::register::{Routes, routes};
use super::{Ask, Shared};
use crate::agent::{ConnectionPoint, CountedPath, CountedRule, Rule, ServicePath};
use crate::command::{Answer, Command, Wanted};
use crate::functions::{Changed, FunctionSummary};
use crate::problem::Problem;
use crate::routes::vnf::StateRequest;
use axum::Json;
use axum::extract::{self, Query};
use axum::http::HeaderMap;

pub(super) fn routes() -> Routes<Shared> {
    Routes::new()
        .routes(routes!(list_interfaces))
        .routes(routes!(list_rules, put_rules))
        .routes(routes!(list_paths, put_paths))
        .routes(routes!(put_function_state))
}

/// The six connection points: management, accelerated and direct network, and those inside.
#[utoipa::path(get, path = "/v1/agent/interfaces", tag = "agent", responses(
    (status = 200, description = "Each with its counters", body = Vec<ConnectionPoint>),
))]
async fn list_interfaces(ask: Ask) -> Result<Answer, Problem> {
    ask.for_(Command::Interfaces).await
}

/// Which frames without NSH go on which service path: the first rule that matches counts.
#[utoipa::path(get, path = "/v1/agent/rules", tag = "agent", responses(
    (status = 200, description = "The rules, and how many packets each matched; `ETag` is that of the function `agent`", body = Vec<CountedRule>),
    (status = 404, description = "The VNF has no structural agent", body = Problem),
))]
async fn list_rules(ask: Ask) -> Result<Answer, Problem> {
    ask.for_(Command::Rules).await
}

/// Replaces all rules, while packets flow: a revision of the function `agent`.
#[utoipa::path(put, path = "/v1/agent/rules", tag = "agent",
    params(TermsQuery, ("If-Match" = Option<String>, Header, description = "Only if the agent is still this one")),
    request_body = Vec<Rule>, responses(
        (status = 200, description = "They count now, or would", body = Changed),
        (status = 404, description = "The VNF has no structural agent", body = Problem),
        (status = 409, description = "Another change is being made, or waits for its confirmation", body = Problem),
        (status = 412, description = "The agent is not what `If-Match` says", body = Problem),
        (status = 422, description = "They cannot be: all reasons are in `findings`", body = Problem),
        (status = 507, description = "They cannot be saved; what was before counts again", body = Problem),
    ))]
async fn put_rules(
    ask: Ask,
    Query(query): Query<TermsQuery>,
    headers: HeaderMap,
    Json(rules): Json<Vec<Rule>>,
) -> Result<Answer, Problem> {
    ask.for_(Command::ChangeRules(rules, query.terms(&headers))).await
}

/// Service paths: what comes one after the other.
#[utoipa::path(get, path = "/v1/agent/paths", tag = "agent", responses(
    (status = 200, description = "The paths, and how many packets came to each hop and next hop; `ETag` is that of the function `agent`", body = Vec<CountedPath>),
    (status = 404, description = "The VNF has no structural agent", body = Problem),
))]
async fn list_paths(ask: Ask) -> Result<Answer, Problem> {
    ask.for_(Command::Paths).await
}

/// Replaces all service paths, while packets flow: a revision of the function `agent`.
#[utoipa::path(put, path = "/v1/agent/paths", tag = "agent",
    params(TermsQuery, ("If-Match" = Option<String>, Header, description = "Only if the agent is still this one")),
    request_body = Vec<ServicePath>, responses(
        (status = 200, description = "They count now, or would", body = Changed),
        (status = 404, description = "The VNF has no structural agent", body = Problem),
        (status = 409, description = "Another change is being made, or waits for its confirmation", body = Problem),
        (status = 412, description = "The agent is not what `If-Match` says", body = Problem),
        (status = 422, description = "They cannot be: all reasons are in `findings`", body = Problem),
        (status = 507, description = "They cannot be saved; what was before counts again", body = Problem),
    ))]
async fn put_paths(
    ask: Ask,
    Query(query): Query<TermsQuery>,
    headers: HeaderMap,
    Json(paths): Json<Vec<ServicePath>>,
) -> Result<Answer, Problem> {
    ask.for_(Command::ChangePaths(paths, query.terms(&headers))).await
}

/// Lets one of several functions run, or stops it: its packets pass by it or are dropped then, as its description says. It stays
/// so when the VNF starts again. A program is ended and started with its function; one that has failed is tried again.
#[utoipa::path(put, path = "/v1/functions/{name}/state", tag = "functions", params(("name", description = "Its name")),
    request_body = StateRequest, responses(
        (status = 200, description = "It is in this state", body = Vec<FunctionSummary>),
        (status = 404, description = "There is none of this name", body = Problem),
        (status = 409, description = "It is the VNF's only function, or the agent, or the VNF does not run", body = Problem),
        (status = 422, description = "It does not start", body = Problem),
        (status = 507, description = "It cannot be saved; the function is in the state that it was in", body = Problem),
    ))]
async fn put_function_state(
    ask: Ask,
    extract::Path(name): extract::Path<String>,
    Json(wanted): Json<StateRequest>,
) -> Result<Answer, Problem> {
    let wanted: Wanted = wanted.state;
    ask.for_(Command::SetFunctionState(name, wanted)).await
}
