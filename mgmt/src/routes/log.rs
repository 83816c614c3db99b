//! The log.
use super::accept::{VARY, preferred};
use super::register::{Routes, routes};
use super::{Ask, Shared};
use crate::command::{Answer, Command};
use crate::journal::Line;
use crate::problem::Problem;
use axum::extract::Query;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::fmt::Write as _;
use utoipa::{IntoParams, ToSchema};

const PLAIN: &str = "text/plain";

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(get_log))
}

/// A form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Form {
    /// Lines with their numbers.
    Json,
    /// A line of text for each.
    Text,
}

/// Which lines, and how.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LogQuery {
    /// Only lines behind this number.
    #[serde(default)]
    #[param(required = false)]
    after: u64,
    /// At most so many, the last ones; 500 if absent. The last 4096 lines are kept.
    #[serde(default = "some")]
    #[param(required = false)]
    limit: usize,
    /// The form; what `Accept` says if absent, else JSON.
    #[param(inline)]
    format: Option<Form>,
}

fn some() -> usize {
    500
}

/// The last lines of the log, the oldest first: of the VNF, of the EMS, and of elements.
#[utoipa::path(get, path = "/v1/log", tag = "system", params(LogQuery), responses(
    (status = 200, description = "The lines; a gap in their numbers shows lines that are not kept any more", content(
        (Vec<Line> = "application/json"), (String = "text/plain"))),
    (status = 400, description = "A parameter is wrong", body = Problem),
))]
async fn get_log(ask: Ask, Query(query): Query<LogQuery>, headers: HeaderMap) -> Result<Response, Problem> {
    let accepted = || match preferred(&headers, &["application/json", PLAIN]) {
        PLAIN => Form::Text,
        _ => Form::Json,
    };
    let form = query.format.unwrap_or_else(accepted);
    let answer = ask.for_(Command::Log(query.after, query.limit)).await?;
    Ok(match answer {
        Answer::Log(lines) if form == Form::Text => {
            ([VARY, (header::CONTENT_TYPE, "text/plain; charset=utf-8")], text(&lines)).into_response()
        }
        other => ([VARY], other).into_response(),
    })
}

/// One line each. Control characters are escaped: what an element says moves no cursor and forges no line.
fn text(lines: &[Line]) -> String {
    let mut all = String::new();
    for Line { time, source, text, .. } in lines {
        let _ = write!(all, "{time} {source}: "); // a String takes all
        for c in text.chars() {
            if c.is_control() && c != '\t' {
                all.extend(c.escape_default());
            } else {
                all.push(c);
            }
        }
        all.push('\n');
    }
    all
}
