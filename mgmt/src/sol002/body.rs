//! Bodies of requests: JSON of the media types that a resource takes.
use crate::problem::Problem;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What is POSTed.
pub const JSON: &[&str] = &["application/json"];
/// What is PATCHed (RFC 7396 section 4). Plain JSON is taken too, since some managers send it.
pub const MERGE_PATCH: &[&str] = &["application/merge-patch+json", "application/json"];

/// The JSON in a body.
///
/// # Errors
/// 413 when it is too long; 415 for another media type; 400 when it is not JSON.
pub async fn read(request: Request, types: &[&str]) -> Result<Value, Problem> {
    if let Some(given) = request.headers().get(header::CONTENT_TYPE) {
        let given = given.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !types.iter().any(|t| t.eq_ignore_ascii_case(given)) {
            let detail = format!("the body is ‘{given}’; this takes {}", types.join(" or "));
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
    }
    let bytes = Bytes::from_request(request, &()).await.map_err(|e| Problem::new(e.status(), e.body_text()))?;
    serde_json::from_slice(&bytes).map_err(|e| Problem::bad_request(format!("the body is not JSON: {e}")))
}

/// A body that is one of our types.
///
/// # Errors
/// As [`read`], and 400 when an attribute is missing or of a wrong type.
pub async fn typed<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let value = read(request, JSON).await?;
    serde_json::from_value(value).map_err(|e| Problem::bad_request(format!("the body does not fit: {e}")))
}
