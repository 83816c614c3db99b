//! Every error is a problem: what was refused before it reached a route becomes one here.
use crate::problem::Problem;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Longest reason that is taken over, bytes.
const LONGEST: usize = 16 << 10;

/// Makes problems out of errors without a form: those of extractors (malformed JSON, a wrong type, a bad query or path, and
/// where it is).
pub(crate) async fn dress(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let plain = |t: &axum::http::HeaderValue| t.as_bytes().starts_with(b"text/plain");
    if !response.headers().get(header::CONTENT_TYPE).is_none_or(plain) {
        return response;
    }
    let allow = response.headers().get(header::ALLOW).cloned();
    let reason = to_bytes(response.into_body(), LONGEST).await.unwrap_or_default();
    let reason = String::from_utf8_lossy(&reason).trim().to_string();
    let title = || status.canonical_reason().unwrap_or("error").to_lowercase();
    let problem = Problem::new(status, if reason.is_empty() { title() } else { reason });
    let mut response = problem.into_response();
    if let Some(allow) = allow {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}
