//! The documentation of the API: the OpenAPI document, and the same for people.
//!
//! Both are the same in every VNF and tell nothing of this one, so they take no token.
use super::Shared;
use super::register::{Routes, routes};
use crate::openapi;
use crate::page;
use axum::http::header;
use axum::response::IntoResponse;
use bytes::Bytes;
use std::sync::LazyLock;

/// Nothing but its own style sheet: no script, nothing from elsewhere, not inside another page.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(get_openapi)).routes(routes!(get_docs)).routes(routes!(get_docs_style))
}

/// The document.
pub fn document() -> &'static serde_json::Value {
    static DOCUMENT: LazyLock<serde_json::Value> = LazyLock::new(openapi::kept);
    &DOCUMENT
}

/// What the routes say now: what the document is to be.
#[cfg(feature = "document")]
pub fn made() -> serde_json::Value {
    openapi::complete(&super::api().into_openapi())
}

/// This API as an OpenAPI 3.1 document.
#[utoipa::path(get, path = "/openapi.json", tag = "documentation", security(()), responses(
    (status = 200, description = "The document", body = Object)))]
async fn get_openapi() -> impl IntoResponse {
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| document().to_string().into());
    ([(header::CONTENT_TYPE, "application/json")], TEXT.clone())
}

/// This API for people.
#[utoipa::path(get, path = "/docs", tag = "documentation", security(()), responses(
    (status = 200, description = "A page that needs no script and nothing from elsewhere", body = String, content_type = "text/html")))]
async fn get_docs() -> impl IntoResponse {
    static PAGE: LazyLock<Bytes> = LazyLock::new(|| page::render(document()).into());
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, PAGE.clone())
}

/// The style sheet of the page.
#[utoipa::path(get, path = "/docs/style.css", tag = "documentation", security(()), responses(
    (status = 200, description = "It", body = String, content_type = "text/css")))]
async fn get_docs_style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], page::STYLE)
}
