//! What is counted, for Prometheus.
use super::register::{Routes, routes};
use super::{Ask, Shared};
use crate::command::{Answer, Command};
use crate::metrics::Format;
use crate::problem::Problem;
use axum::http::{HeaderMap, header};

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(get_metrics))
}

/// Everything that is counted, for Prometheus: OpenMetrics if `Accept` names it, else its older text format.
#[utoipa::path(get, path = "/metrics", tag = "statistics", responses((status = 200, description = "Counters and gauges",
    content((String = "text/plain"), (String = "application/openmetrics-text")))))]
async fn get_metrics(ask: Ask, headers: HeaderMap) -> Result<Answer, Problem> {
    let accept: Vec<_> = headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok()).collect();
    ask.for_(Command::Metrics(Format::accepted(&accept.join(",")))).await
}
