//! The backup: the whole configuration in one archive.
use super::register::{Routes, routes};
use super::{Ask, Shared};
use crate::archive::LARGEST;
use crate::backup::Restored;
use crate::command::{Answer, Command};
use crate::problem::Problem;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Query};
use serde::Deserialize;
use utoipa::IntoParams;

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(get_backup, put_backup)).layer(DefaultBodyLimit::max(LARGEST))
}

/// How it is restored.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RestoreQuery {
    /// Only look whether it would do.
    #[serde(default, rename = "dry-run")]
    dry_run: bool,
}

/// The functions with their parameters and the revisions that are kept, and the identity. Values of parameters are in it as
/// they are: keep it as safe as they must be.
#[utoipa::path(get, path = "/v1/backup", tag = "system", responses(
    (status = 200, description = "A gzip tar; `manifest.json` in it has the SHA-256 of each file", body = Vec<u8>,
        content_type = "application/gzip"),
    (status = 403, description = "It takes an operator", body = Problem),
))]
async fn get_backup(ask: Ask) -> Result<Answer, Problem> {
    ask.for_(Command::Backup).await
}

/// Restores a backup: all functions that are in it, or none. The archive and each function are checked before anything is
/// changed. Functions that it does not have stay as they are; so does the identity. The revisions in it are for reading: the
/// history goes on, with a revision that names the backup.
#[utoipa::path(put, path = "/v1/backup", tag = "system", params(RestoreQuery),
    request_body(content = Vec<u8>, content_type = "application/gzip"),
    responses(
        (status = 200, description = "It runs now, or would", body = Restored),
        (status = 400, description = "The archive is damaged", body = Problem),
        (status = 403, description = "It takes an administrator", body = Problem),
        (status = 409, description = "Another change is being made, or waits for its confirmation", body = Problem),
        (status = 413, description = "There is more in it than in any backup", body = Problem),
        (status = 503, description = "Others are being restored; try again after `Retry-After` seconds", body = Problem),
        (status = 422, description = "It is of another version, or a function cannot run: all reasons are in `findings`; everything is as before", body = Problem),
    ))]
async fn put_backup(
    ask: Ask,
    Query(query): Query<RestoreQuery>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Answer, Problem> {
    let body = body.map_err(|e| Problem::new(e.status(), e.body_text()))?;
    ask.for_(Command::RestoreBackup(body, query.dry_run)).await
}
