//! Paths to commands: one file for each resource. A route reads a request, gives one command, and shows the answer; it
//! decides nothing.
use crate::auth::{Actor, Role};
use crate::command::{Answer, Command};
use crate::ems::Ems;
use crate::problem::Problem;
use crate::vnf::Drawing;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub mod functions;
pub mod health;
pub mod stats;
pub mod vnf;

/// What all routes share.
pub type Shared = Arc<Ems>;

#[derive(OpenApi)]
#[openapi(info(title = "Sluice EMS", description = "Life cycle, statistics and live reconfiguration of a VNF."))]
struct Api;

/// All paths with their documentation.
pub fn api() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Api::openapi())
        .merge(health::routes())
        .merge(vnf::routes())
        .merge(functions::routes())
        .merge(stats::routes())
        .merge(crate::sol002::routes())
}

/// The service.
pub fn app(ems: Shared) -> Router {
    let (router, openapi) = api().split_for_parts();
    let openapi = Arc::new(openapi);
    router
        .route("/openapi.json", axum::routing::get(move || async move { Json((*openapi).clone()) }))
        .fallback(|| async { Problem::not_found("there is no such path; see /openapi.json") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path has no such method; see /openapi.json")
        })
        .layer(axum::middleware::from_fn(crate::sol002::version::echo))
        .with_state(ems)
}

/// Who asks and the EMS, for routes.
#[derive(Clone)]
pub struct Ask {
    ems: Shared,
    actor: Option<Actor>,
}

impl FromRequestParts<Shared> for Ask {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, ems: &Shared) -> Result<Ask, Self::Rejection> {
        // Put there by the middleware that knows tokens.
        let actor = parts.extensions.get::<Actor>().cloned();
        let actor = actor.or_else(|| Some(Actor { name: "anonymous".into(), role: Role::Admin }));
        Ok(Ask { ems: ems.clone(), actor })
    }
}

impl Ask {
    /// Has a command done.
    pub async fn for_(self, command: Command) -> Result<Answer, Problem> {
        self.ems.execute(self.actor, command).await
    }
}

impl IntoResponse for Answer {
    /// As the native API shows it.
    fn into_response(self) -> Response {
        let text = |mime: &'static str, body: String| ([(header::CONTENT_TYPE, mime)], body).into_response();
        match self {
            Answer::Done => StatusCode::ACCEPTED.into_response(),
            Answer::Vnf(v) => Json(v).into_response(),
            Answer::Functions(list) => Json(list).into_response(),
            Answer::Function(f) => ([(header::ETAG, f.etag.clone())], Json(f)).into_response(),
            Answer::Changed(c) => ([(header::ETAG, c.etag.clone())], Json(c)).into_response(),
            Answer::Revisions(list) => Json(list).into_response(),
            Answer::Revision(r) => Json(r.0).into_response(),
            Answer::Elements(list) => Json(list).into_response(),
            Answer::Element(e) => Json(e).into_response(),
            Answer::Text(body) => text("text/plain; charset=utf-8", body),
            Answer::Graph(g) => Json(g).into_response(),
            Answer::Drawing(Drawing::Svg, body) => text("image/svg+xml", body),
            Answer::Drawing(Drawing::Dot, body) => text("text/vnd.graphviz; charset=utf-8", body),
            Answer::Stats(snapshot, rates) => Json(stats::Stats { snapshot, rates }).into_response(),
            Answer::Log(lines) => Json(lines).into_response(),
            Answer::Trace(t) => Json(t).into_response(),
            Answer::Alarms(list) => Json(list).into_response(),
            Answer::Stream(_) | Answer::Events(_) => {
                Problem::internal("a stream is shown by its own route").into_response()
            }
            Answer::Indicators(..) | Answer::Subscriptions(_) | Answer::Subscribed(..) | Answer::Coordination(_) => {
                Problem::internal("SOL 002 shows its answers itself").into_response()
            }
        }
    }
}
