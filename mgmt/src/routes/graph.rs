//! The running graph.
use super::accept::{VARY, preferred};
use super::elements::main;
use super::register::{Routes, routes};
use super::{Ask, Shared};
use crate::command::Command;
use crate::problem::Problem;
use crate::vnf::{Drawing, Graph};
use axum::extract::Query;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(get_graph))
}

/// A form of the graph.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Form {
    /// Elements, connections and counters.
    Json,
    /// The language of Graphviz.
    Dot,
    /// A picture.
    Svg,
}

/// Which graph, and how.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct GraphQuery {
    /// The function; `main` if absent.
    #[serde(default = "main")]
    #[param(required = false)]
    function: String,
    /// The form; what `Accept` says if absent, else JSON.
    #[param(inline)]
    format: Option<Form>,
}

/// The running graph with its counters, for programs or as a picture.
#[utoipa::path(get, path = "/v1/graph", tag = "elements", params(GraphQuery), responses(
    (status = 200, description = "The graph", content(
        (Graph = "application/json"), (String = "text/vnd.graphviz"), (String = "image/svg+xml"))),
    (status = 400, description = "A parameter is wrong", body = Problem),
    (status = 404, description = "There is no such function", body = Problem),
    (status = 409, description = "It does not run", body = Problem),
    (status = 503, description = "The VNF cannot answer now", body = Problem),
))]
async fn get_graph(ask: Ask, Query(query): Query<GraphQuery>, headers: HeaderMap) -> Result<Response, Problem> {
    let accepted = || match preferred(&headers, &["application/json", "image/svg+xml", "text/vnd.graphviz"]) {
        "image/svg+xml" => Form::Svg,
        "text/vnd.graphviz" => Form::Dot,
        _ => Form::Json,
    };
    let command = match query.format.unwrap_or_else(accepted) {
        Form::Json => Command::Graph(query.function),
        Form::Dot => Command::Drawing(query.function, Drawing::Dot),
        Form::Svg => Command::Drawing(query.function, Drawing::Svg),
    };
    Ok(([VARY], ask.for_(command).await?).into_response())
}
