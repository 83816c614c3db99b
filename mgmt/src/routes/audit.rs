//! The audit log.
use super::register::{Routes, routes};
use super::{Ask, Shared};
use crate::audit::Entry;
use crate::command::{Answer, Command};
use crate::problem::Problem;
use axum::extract::Query;
use serde::Deserialize;
use utoipa::IntoParams;

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(get_audit))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct Page {
    /// Only entries with a higher number.
    after: u64,
    /// At most so many, 1 to 1000.
    #[param(minimum = 1, maximum = 1_000)]
    limit: usize,
}

impl Default for Page {
    fn default() -> Self {
        Page { after: 0, limit: 100 }
    }
}

/// Who changed what, the oldest first. Each entry has the hash of the one before it, so the last hash stands for all.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", params(Page), responses(
    (status = 200, description = "Entries", body = Vec<Entry>),
    (status = 422, description = "`limit` is out of range", body = Problem),
))]
async fn get_audit(ask: Ask, Query(page): Query<Page>) -> Result<Answer, Problem> {
    ask.for_(Command::Audit(page.after, page.limit)).await
}
