//! Each request has a number, which its answer, its problem and the audit log carry.
use super::Layers;
use crate::auth::security::Peer;
use crate::auth::{Call, tokens};
use crate::clock;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::atomic::{AtomicU64, Ordering};

/// Longest number that is taken over, bytes.
const LONGEST: usize = 64;
static NAME: HeaderName = HeaderName::from_static("x-request-id");

/// Takes the number that the client gave, if it is one that can stand in a log, or makes one.
pub(super) async fn number(mut request: Request, next: Next) -> Response {
    let given = request.headers().get(&NAME).and_then(|v| v.to_str().ok()).filter(|v| good(v));
    let id = given.map_or_else(make, String::from);
    let client = request.extensions().get::<Peer>().map(|p| p.address.ip().to_canonical());
    request.extensions_mut().insert(Call { request: Some(id.clone()), client });
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(NAME.clone(), value);
    }
    response
}

fn good(id: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=LONGEST).contains(&id.len()) && id.chars().all(known) && !id.contains(tokens::PREFIX)
}

/// Time and a counter: never the same twice, and sorted as the requests came.
fn make() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("{:x}-{:x}", clock::wall() / 1_000_000, LAST.fetch_add(1, Ordering::Relaxed))
}

/// Counts answers, and says in the log which ones are our fault.
pub(super) async fn count(State(layers): State<Layers>, request: Request, next: Next) -> Response {
    let began = clock::monotonic();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let call = request.extensions().get::<Call>().cloned().unwrap_or_default();
    let method = request.method().clone();
    let response = next.run(request).await;
    let status = response.status();
    let path = path.as_ref().map(MatchedPath::as_str);
    layers.ems.requests.count(
        path.unwrap_or("none"),
        method.as_str(),
        status.as_u16(),
        clock::monotonic().saturating_sub(began),
    );
    if status.is_server_error() && status != axum::http::StatusCode::SERVICE_UNAVAILABLE {
        let (path, id) = (path.unwrap_or("none"), call.request.unwrap_or_default());
        layers.ems.journal.say("ems", &format!("{status}: {method} {path}, request {id}"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_stand_in_a_log_is_taken_over() {
        assert!(good("6d5f7c0e-3a51-4b9e") && good("a.b_c"));
        for bad in ["", "a b", "a\"b", "{x}", "sluice_abc", &"x".repeat(LONGEST + 1)] {
            assert!(!good(bad), "{bad}");
        }
        assert_ne!(make(), make());
    }
}
