//! Paths to commands: one file for each resource. A route reads a request, gives one command, and shows the answer; it
//! decides nothing.
use crate::auth::{Actor, Call, Role};
use crate::command::{Answer, Command};
use crate::ems::Ems;
use crate::problem::Problem;
use crate::vnf::Drawing;
use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router};
use std::sync::Arc;

mod accept;
pub mod agent;
pub mod alarms;
pub mod audit;
pub mod backup;
pub mod bundle;
pub mod docs;
pub mod elements;
pub mod events;
pub mod functions;
pub mod graph;
pub mod handlers;
pub mod health;
pub mod log;
pub mod metrics;
pub mod ports;
pub(crate) mod problems;
pub(crate) mod register;
pub mod revisions;
pub mod snmp;
pub mod stats;
pub mod system;
pub mod tap;
pub mod trace;
pub mod vnf;
pub mod workers;

/// What all routes share.
pub type Shared = Arc<Ems>;

#[cfg(feature = "document")]
#[derive(utoipa::OpenApi)]
#[openapi(info(title = "Sluice EMS", description = "Life cycle, statistics and live reconfiguration of a VNF."))]
struct Api;

/// All paths with their documentation.
fn api() -> register::Routes<Shared> {
    #[cfg(feature = "document")]
    let all = register::Routes::with_openapi(<Api as utoipa::OpenApi>::openapi());
    #[cfg(not(feature = "document"))]
    let all = register::Routes::new();
    all.merge(health::routes())
        .merge(vnf::routes())
        .merge(system::routes())
        .merge(functions::routes())
        .merge(revisions::routes())
        .merge(agent::routes())
        .merge(stats::routes())
        .merge(bundle::routes())
        .merge(backup::routes())
        .merge(metrics::routes())
        .merge(docs::routes())
        .merge(elements::routes())
        .merge(handlers::routes())
        .merge(graph::routes())
        .merge(ports::routes())
        .merge(workers::routes())
        .merge(log::routes())
        .merge(trace::routes())
        .merge(tap::routes())
        .merge(alarms::routes())
        .merge(events::routes())
        .merge(audit::routes())
        .merge(snmp::routes())
}

/// The service for whoever calls it in this process: an administrator, who needs no token.
pub fn app(ems: Shared) -> Router {
    let local = Actor { name: "local".into(), role: Role::Admin };
    router(ems).layer(Extension(local)).layer(axum::middleware::from_fn(crate::sol002::version::echo))
}

/// The service. Nobody may do anything in it, but whom a layer around it has recognised: it puts an [`Actor`] into the
/// request's extensions, and a [`Call`].
pub fn router(ems: Shared) -> Router {
    #[cfg(feature = "document")]
    let (router, _) = api().split_for_parts();
    #[cfg(not(feature = "document"))]
    let router = api().into_router();
    router
        .merge(crate::sol002::routes())
        .fallback(|| async { Problem::not_found("there is no such path; see /openapi.json") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path has no such method; see /openapi.json")
        })
        // axum's own limit is shorter than a function's text. Whoever serves this bounds all bodies; some routes do, too.
        .layer(DefaultBodyLimit::disable())
        .layer(axum::middleware::from_fn(problems::dress))
        .with_state(ems)
}

/// Who asks and the EMS, for routes.
#[derive(Clone)]
pub struct Ask {
    ems: Shared,
    actor: Option<Actor>,
    call: Call,
}

impl FromRequestParts<Shared> for Ask {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, ems: &Shared) -> Result<Ask, Self::Rejection> {
        let actor = parts.extensions.get::<Actor>().cloned();
        let call = parts.extensions.get::<Call>().cloned().unwrap_or_default();
        Ok(Ask { ems: ems.clone(), actor, call })
    }
}

impl Ask {
    /// Has a command done.
    pub async fn for_(self, command: Command) -> Result<Answer, Problem> {
        self.ems.execute_call(self.actor, self.call, command).await
    }
}

/// Whether the client wants JSON where a text is shown otherwise.
fn wants_json(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).is_some_and(|v| v.to_str().is_ok_and(|v| v.contains("application/json")))
}

impl IntoResponse for Answer {
    /// As the native API shows it.
    fn into_response(self) -> Response {
        let text = |mime: &'static str, body: String| ([(header::CONTENT_TYPE, mime)], body).into_response();
        match self {
            Answer::Done => StatusCode::ACCEPTED.into_response(),
            Answer::Identity(i) => Json(i).into_response(),
            Answer::Vnf(v) => Json(v).into_response(),
            Answer::Functions(list) => Json(list).into_response(),
            Answer::Function(f) => ([(header::ETAG, f.etag.clone())], Json(f)).into_response(),
            Answer::Changed(c) => ([(header::ETAG, c.etag.clone())], Json(c)).into_response(),
            Answer::Revisions(list) => Json(list).into_response(),
            Answer::Revision(r) => ([(header::ETAG, r.etag.clone())], Json(r)).into_response(),
            Answer::Elements(list) => Json(list).into_response(),
            Answer::Element(e) => Json(e).into_response(),
            Answer::Text(body) => text("text/plain; charset=utf-8", body),
            Answer::Graph(g) => Json(g).into_response(),
            Answer::Drawing(Drawing::Svg, body) => text("image/svg+xml", body),
            Answer::Drawing(Drawing::Dot, body) => text("text/vnd.graphviz; charset=utf-8", body),
            Answer::Stats(snapshot, rates) => Json(stats::Stats { snapshot, rates }).into_response(),
            Answer::Metrics(format, body) => {
                ([(header::CONTENT_TYPE, format.media_type()), (header::VARY, "accept")], body).into_response()
            }
            Answer::Ports(list) => Json(list).into_response(),
            Answer::Port(p) => Json(p).into_response(),
            Answer::System(system) => Json(system).into_response(),
            Answer::Interfaces(list) => Json(list).into_response(),
            Answer::Rules(list, etag) => ([(header::ETAG, etag)], Json(list)).into_response(),
            Answer::Paths(list, etag) => ([(header::ETAG, etag)], Json(list)).into_response(),
            Answer::Installed(image) => Json(image).into_response(),
            Answer::Workers(list) => Json(list).into_response(),
            Answer::Log(lines) => Json(lines).into_response(),
            Answer::Trace(t) => Json(t).into_response(),
            Answer::Alarms(list) => Json(list).into_response(),
            Answer::Archive(name, bytes) => {
                let disposition = format!("attachment; filename=\"{name}\"");
                let headers =
                    [(header::CONTENT_TYPE, "application/gzip"), (header::CONTENT_DISPOSITION, disposition.as_str())];
                (headers, bytes).into_response()
            }
            Answer::Restored(done) => Json(done).into_response(),
            Answer::Audit(list) => Json(list).into_response(),
            Answer::SnmpUsers(list) => Json(list).into_response(),
            Answer::KeyedUser(user) => Json(user).into_response(),
            Answer::Stream(_) | Answer::Events(_) => {
                Problem::internal("a stream is shown by its own route").into_response()
            }
            Answer::Indicators(..) | Answer::Subscriptions(_) | Answer::Subscribed(..) | Answer::Coordination(_) => {
                Problem::internal("SOL 002 shows its answers itself").into_response()
            }
        }
    }
}
