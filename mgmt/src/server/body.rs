//! How long a request may be, and how long it may take.
use super::Layers;
use crate::archive;
use crate::problem::Problem;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use std::time::Duration;
use tokio::time::timeout;

/// The paths whose body may be longer than others: an archive of all functions, an image.
const LONG: [&str; 2] = ["/v1/backup", "/v1/system/image"];
/// Bodies of that length that are taken in at a time.
pub(super) const LONG_BODIES: usize = 2;

/// Takes in the body, and has the request answered, each in the time for it. What streams afterwards has all the time.
pub(super) async fn limit(State(layers): State<Layers>, request: Request, next: Next) -> Response {
    let seconds = layers.limits.request_seconds;
    let time = Duration::from_secs(seconds);
    let (most, _seat) = if request.method() == Method::PUT && LONG.contains(&request.uri().path()) {
        let Ok(seat) = layers.long_bodies.clone().try_acquire_owned() else {
            return closing(Problem::unavailable(
                format!("{LONG_BODIES} backups or images are being taken in already"),
                1,
            ));
        };
        (layers.limits.body_bytes.max(archive::LARGEST), Some(seat))
    } else {
        (layers.limits.body_bytes, None)
    };
    let (parts, body) = request.into_parts();
    let too_long = || closing(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("body: longer than {most} bytes")));
    if body.size_hint().lower() > most as u64 {
        return too_long(); // it says so itself
    }
    let bytes = match timeout(time, Limited::new(body, most).collect()).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(e)) if e.is::<LengthLimitError>() => return too_long(),
        Ok(Err(_)) => return closing(Problem::bad_request("body: it ended too early")),
        Err(_) => {
            let text = format!("body: not complete within {seconds} s");
            return closing(Problem::new(StatusCode::REQUEST_TIMEOUT, text));
        }
    };
    match timeout(time, next.run(Request::from_parts(parts, Body::from(bytes)))).await {
        Ok(response) => response,
        Err(_) => {
            Problem::unavailable(format!("no answer within {seconds} s; it may still be done"), 1).into_response()
        }
    }
}

/// What is left of the body is not waited for.
fn closing(problem: Problem) -> Response {
    let mut response = problem.into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
