//! Every error is a problem: what was refused before it reached a route becomes one here, and each gets its instance.
use crate::auth::Call;
use crate::problem::Problem;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Longest reason that is taken over, bytes.
const LONGEST: usize = 16 << 10;

/// Makes problems out of errors without a form: those of extractors (malformed JSON, a wrong type, a bad query or path, and
/// where it is), and of the router.
pub(crate) async fn dress(request: Request, next: Next) -> Response {
    let call = request.extensions().get::<Call>().cloned().unwrap_or_default();
    let response = next.run(request).await;
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let plain = parts.headers.get(header::CONTENT_TYPE).is_none_or(|t| t.as_bytes().starts_with(b"text/plain"));
    let mut problem = match parts.extensions.remove::<Problem>() {
        Some(problem) => problem,
        None if plain => {
            let reason = to_bytes(body, LONGEST).await.unwrap_or_default();
            let title = status.canonical_reason().unwrap_or("error").to_lowercase();
            let reason = String::from_utf8_lossy(&reason).trim().to_string();
            Problem::new(status, if reason.is_empty() { title } else { reason })
        }
        None => return Response::from_parts(parts, body),
    };
    problem.instance = problem.instance.or(call.request);
    let dressed = problem.into_response();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove(header::CONTENT_TYPE);
    for (name, value) in dressed.headers() {
        parts.headers.insert(name, value.clone());
    }
    Response::from_parts(parts, Body::new(dressed.into_body()))
}
