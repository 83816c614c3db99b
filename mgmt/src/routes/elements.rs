//! Elements of a running function.
use super::register::{Routes, routes};
use super::{Ask, Shared};
use crate::command::{Answer, Command};
use crate::problem::Problem;
use crate::vnf::{Element, MAIN};
use axum::extract::{Path, Query};
use serde::Deserialize;
use utoipa::IntoParams;

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(list_elements)).routes(routes!(get_element))
}

/// Whose elements.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OfFunction {
    /// The function; `main` if absent.
    #[serde(default = "main")]
    #[param(required = false)]
    function: String,
}

pub(super) fn main() -> String {
    MAIN.into()
}

/// All elements with their handlers and counters.
#[utoipa::path(get, path = "/v1/elements", tag = "elements", params(OfFunction), responses(
    (status = 200, description = "The elements", body = [Element]),
    (status = 400, description = "A parameter is wrong", body = Problem),
    (status = 404, description = "There is no such function", body = Problem),
    (status = 409, description = "It does not run", body = Problem),
    (status = 503, description = "The VNF cannot answer now", body = Problem),
))]
async fn list_elements(ask: Ask, Query(of): Query<OfFunction>) -> Result<Answer, Problem> {
    ask.for_(Command::Elements(of.function)).await
}

/// One element.
#[utoipa::path(get, path = "/v1/elements/{name}", tag = "elements",
    params(("name", description = "Its name; a slash in it is written `%2F`"), OfFunction),
    responses(
        (status = 200, description = "The element", body = Element),
        (status = 400, description = "A parameter is wrong", body = Problem),
        (status = 404, description = "There is no such element or function", body = Problem),
        (status = 409, description = "The function does not run", body = Problem),
        (status = 503, description = "The VNF cannot answer now", body = Problem),
    ))]
async fn get_element(ask: Ask, Path(name): Path<String>, Query(of): Query<OfFunction>) -> Result<Answer, Problem> {
    ask.for_(Command::Element(of.function, name)).await
}
