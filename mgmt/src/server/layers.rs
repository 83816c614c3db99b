//! What a request passes before it reaches its route, in order.
use super::{admit, body, rate, request_id, spelling};
use crate::auth::security::Security;
use crate::ems::Ems;
use crate::problem::Problem;
use crate::routes::{self, problems};
use crate::settings::{Limits, Settings};
use crate::sol002::version;
use axum::Router;
use axum::extract::State;
use axum::http::{Extensions, HeaderName, HeaderValue, header};
use axum::middleware::{from_fn, from_fn_with_state, map_response, map_response_with_state};
use axum::response::{IntoResponse as _, Response};
use std::any::Any;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

/// What layers need.
#[derive(Clone)]
pub(super) struct Layers {
    pub(super) ems: Arc<Ems>,
    pub(super) security: Arc<Security>,
    pub(super) limits: Limits,
    /// SOL 002 without a version is the newest.
    assume_version: bool,
    /// What answers carry so that names of their fields are spelt well.
    spelling: Extensions,
    pub(super) rates: Arc<rate::Rates>,
    /// Seats for bodies that may be longer than others.
    pub(super) long_bodies: Arc<Semaphore>,
}

impl Layers {
    pub(super) fn new(ems: Arc<Ems>, security: Arc<Security>, settings: &Settings) -> Layers {
        let Settings { limits, assume_version, .. } = *settings;
        let rates = Arc::new(rate::Rates::new(limits.requests_per_second));
        let long_bodies = Arc::new(Semaphore::new(body::LONG_BODIES));
        Layers { ems, security, limits, assume_version, spelling: spelling::standard(), rates, long_bodies }
    }
}

/// The service for clients over the network: the connection puts a [`Peer`](crate::auth::security::Peer) into each request.
pub(super) fn app(layers: &Layers) -> Router {
    let mut router = bounded(routes::router(layers.ems.clone()), layers);
    if layers.assume_version {
        router = router.layer(from_fn(version::assume));
    }
    let named = named(router.layer(from_fn_with_state(layers.clone(), admit::admit)), layers);
    named.layer(from_fn(version::echo)) // outermost: every refusal carries the version, too
}

/// A service that does not ask who comes. All limits hold for it, too.
pub(super) fn unasked(router: Router, layers: &Layers) -> Router {
    named(bounded(router, layers), layers)
}

// From the inside out: the last layer is passed first.
fn bounded(router: Router, layers: &Layers) -> Router {
    router.layer(CatchPanicLayer::custom(panicked)).layer(from_fn_with_state(layers.clone(), body::limit))
}

fn named(router: Router, layers: &Layers) -> Router {
    router
        .layer(from_fn_with_state(layers.clone(), rate::limit))
        .layer(map_response(protect))
        .layer(from_fn_with_state(layers.clone(), request_id::count))
        .layer(from_fn(problems::dress))
        .layer(from_fn(request_id::number))
        .layer(map_response_with_state(layers.clone(), spell))
}

/// A panic is an error of ours. Its text, which went to standard error, may show what it should not.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    Problem::internal("an error in the EMS; its log says more").into_response()
}

async fn spell(State(layers): State<Layers>, mut response: Response) -> Response {
    response.extensions_mut().extend(layers.spelling);
    response
}

/// Answers are not kept, not guessed at, and not shown inside of other pages. A route that has its own policy keeps it.
async fn protect(mut response: Response) -> Response {
    const POLICY: &str = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
    let fields: [(HeaderName, &'static str); 5] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in fields {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
