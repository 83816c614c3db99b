//! Nobody comes in unrecognised.
use super::Layers;
use crate::auth::security::{Peer, Stranger};
use crate::auth::{Actor, Call, Role};
use crate::problem::Problem;
use axum::extract::{Request, State};
use axum::http::header::WWW_AUTHENTICATE;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// What is shown to anybody: whether it lives and, unless nobody can ask, what can be asked. Nothing of it depends on what the VNF does for whom.
const PUBLIC: [&str; 4] = ["/livez", "/readyz", "/openapi.json", "/docs"];

/// What is shown besides, while nobody can have a token: whoever supplies one sees whether this is the right VNF.
const IDENTITY: &str = "/v1/vnf/identity";

/// 401 to strangers. They do not learn what was wrong with their credentials.
pub(super) async fn admit(State(layers): State<Layers>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let waits = layers.security.waits_for_tokens();
    let shown = if waits.is_some() { &PUBLIC[..2] } else { &PUBLIC };
    if shown.contains(&path) || (waits.is_none() && path.starts_with("/docs/")) {
        return next.run(request).await;
    }
    if waits.is_some() && path == IDENTITY {
        request.extensions_mut().insert(Actor { name: "nobody".into(), role: Role::ReadOnly });
        return next.run(request).await;
    }
    let Some(peer) = request.extensions().get::<Peer>() else {
        return Problem::internal("a request without a connection").into_response();
    };
    let why = match layers.security.recognise(request.headers(), peer) {
        Ok(actor) => {
            request.extensions_mut().insert(actor);
            return next.run(request).await;
        }
        Err(why) => why,
    };
    if let Some(how) = waits {
        return Problem::unauthorized(how).into_response();
    }
    match why {
        Stranger::NoCredentials => {
            Problem::unauthorized("give a token (Authorization: Bearer ...) or a certificate").into_response()
        }
        Stranger::WrongCredentials => {
            let call = request.extensions().get::<Call>().cloned().unwrap_or_default();
            let record = move || layers.security.refused(&call, &layers.ems.audit, &layers.ems.alarms);
            let _ = tokio::task::spawn_blocking(record).await; // a panic there changes nothing here
            // RFC 6750 section 3.1, as SOL 013 clause 8.3 wants it.
            let challenge = "Bearer realm=\"sluice\", error=\"invalid_token\"";
            Problem::unauthorized("these credentials are not valid").header(WWW_AUTHENTICATE, challenge).into_response()
        }
        Stranger::Foreign(why) => Problem::forbidden(why).into_response(),
    }
}
