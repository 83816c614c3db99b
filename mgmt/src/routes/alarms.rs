//! Alarms: what is wrong now, and what was.
use super::register::{Routes, routes};
use super::{Ask, Shared};
use crate::alarms::{Alarm, Severity};
use crate::command::{Answer, Command};
use crate::problem::Problem;
use axum::extract::Query;
use serde::Deserialize;
use utoipa::IntoParams;

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(list_alarms)).routes(routes!(list_past_alarms))
}

/// Which alarms.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Only those of this severity.
    severity: Option<Severity>,
}

impl Which {
    fn of(&self, answer: Answer) -> Answer {
        match answer {
            Answer::Alarms(mut list) => {
                list.retain(|a| self.severity.is_none_or(|s| a.severity == s));
                Answer::Alarms(list)
            }
            other => other,
        }
    }
}

/// The alarms that are active, in the order in which they were raised.
#[utoipa::path(get, path = "/v1/alarms", tag = "alarms", params(Which), responses(
    (status = 200, description = "The alarms", body = [Alarm]),
    (status = 400, description = "There is no such severity", body = Problem),
))]
async fn list_alarms(ask: Ask, Query(which): Query<Which>) -> Result<Answer, Problem> {
    Ok(which.of(ask.for_(Command::Alarms).await?))
}

/// The alarms that are over, the one that was cleared last first; the last 1024 are kept.
#[utoipa::path(get, path = "/v1/alarms/history", tag = "alarms", params(Which), responses(
    (status = 200, description = "The alarms", body = [Alarm]),
    (status = 400, description = "There is no such severity", body = Problem),
))]
async fn list_past_alarms(ask: Ask, Query(which): Query<Which>) -> Result<Answer, Problem> {
    Ok(which.of(ask.for_(Command::AlarmHistory).await?))
}
