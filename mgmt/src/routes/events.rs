//! What happens, as server-sent events (HTML, section 9.2).
use super::register::{Routes, routes};
use super::{Ask, Shared};
use crate::command::{Answer, Command};
use crate::events::{Event, Follower, Heard};
use crate::problem::Problem;
use axum::http::HeaderMap;
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use std::convert::Infallible;
use std::time::Duration;

/// A comment is sent when nothing happened for so long: who is gone is noticed.
const QUIET: Duration = Duration::from_secs(15);
/// A client that lost the connection comes back after this.
const BACK_AFTER: Duration = Duration::from_secs(1);

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(watch_events))
}

/// Server-sent events: `id` is the event's number, `event` its type (`state`, `swap`, `reverted`, `link`, `alarm-raised`,
/// `alarm-cleared`, `threshold`), `data` all of it as JSON. A client that comes back with `Last-Event-ID` gets what
/// happened meanwhile, as far as it is kept: the last 1024. Who missed some gets `missed`, with `{"missed": <number>}`.
/// At most 32 listen at a time.
#[utoipa::path(get, path = "/v1/events", tag = "alarms",
    params(("Last-Event-ID" = Option<u64>, Header, description = "Number of the last event that the client has")),
    responses(
        (status = 200, description = "The events", body = Event, content_type = "text/event-stream"),
        (status = 400, description = "`Last-Event-ID` is no number", body = Problem),
        (status = 503, description = "32 listen already; try again after `Retry-After` seconds", body = Problem),
    ))]
async fn watch_events(ask: Ask, headers: HeaderMap) -> Result<Response, Problem> {
    let after = match headers.get("last-event-id").map(|v| v.to_str().unwrap_or("?").trim()) {
        None | Some("") => None,
        Some(text) => {
            let wrong = |_| Problem::bad_request("Last-Event-ID: this is not the number of an event");
            Some(text.parse().map_err(wrong)?)
        }
    };
    Ok(match ask.for_(Command::Events(after)).await? {
        Answer::Events(follower) => stream(follower).into_response(),
        other => other.into_response(),
    })
}

fn stream(follower: Follower) -> impl IntoResponse {
    // Something is sent at once, so that a client knows that it is heard.
    let hello = Message::default().retry(BACK_AFTER);
    let messages = unfold((Some(hello), follower), |(hello, mut follower)| async move {
        let message = match hello {
            Some(hello) => hello,
            None => message(&follower.next().await?),
        };
        Some((Ok::<_, Infallible>(message), (None, follower)))
    });
    Sse::new(messages).keep_alive(KeepAlive::new().interval(QUIET))
}

fn message(heard: &Heard) -> Message {
    match heard {
        Heard::Event(event) => {
            let data = serde_json::to_string(event).unwrap_or_default(); // it has nothing that JSON cannot say
            Message::default().id(event.id.to_string()).event(event.what.name()).data(data)
        }
        // Without a number: who comes back now asks for what it really has.
        Heard::Missed(n) => Message::default().event("missed").data(format!("{{\"missed\":{n}}}")),
    }
}
