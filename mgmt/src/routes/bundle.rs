//! The support bundle.
use super::register::{Routes, routes};
use super::{Ask, Shared};
use crate::command::{Answer, Command};
use crate::problem::Problem;

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(get_support_bundle))
}

/// Everything that an engineer asks for, in one archive of at most 32 MiB unpacked: identity, state, functions and their
/// revisions, counters, graph, alarms, events, log. Secrets are removed; `manifest.json` says what is in it, and what is not.
#[utoipa::path(get, path = "/v1/support-bundle", tag = "system", responses(
    (status = 200, description = "A gzip tar", body = Vec<u8>, content_type = "application/gzip"),
    (status = 403, description = "It takes an operator", body = Problem),
))]
async fn get_support_bundle(ask: Ask) -> Result<Answer, Problem> {
    ask.for_(Command::SupportBundle).await
}
