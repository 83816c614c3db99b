//! Versions of the APIs: the header field `Version`, and the resource that lists them (SOL 013 clauses 9.1 to 9.3).
use super::links::Base;
use crate::problem::Problem;
use crate::routes::{Ask, Shared};
use axum::Json;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::{Value, json};

/// An API and its versions.
#[derive(Debug)]
pub struct Api {
    /// Its name: the first segment of its paths.
    pub name: &'static str,
    /// The versions that are understood, the newest last.
    pub versions: &'static [&'static str],
}

/// All of them, by name.
pub const APIS: [Api; 3] = [
    Api { name: "lcmcoord", versions: &["1.0.0", "1.1.0"] },
    Api { name: "vnfconfig", versions: &["1.3.0"] },
    Api { name: "vnfind", versions: &["1.4.0"] },
];

/// The header field.
pub const VERSION: HeaderName = HeaderName::from_static("version");

impl Api {
    /// The API that a path belongs to.
    pub fn of(path: &str) -> Option<&'static Api> {
        let first = path.strip_prefix('/')?.split('/').next()?;
        APIS.iter().find(|a| a.name == first)
    }

    /// The version that a request asks for. A vendor's suffix (`1.4.0-impl:example.com:product:2`) does not matter.
    fn asked(&self, headers: &HeaderMap) -> Result<&'static str, Problem> {
        let known = self.versions.join(", ");
        let Some(field) = headers.get(VERSION) else {
            return Err(Problem::bad_request(format!("give the header field Version, for {}: {known}", self.name)));
        };
        let asked = field.to_str().unwrap_or_default().split("-impl:").next().unwrap_or_default().trim();
        self.versions.iter().copied().find(|v| *v == asked).ok_or_else(|| {
            let detail = format!("{} has no version ‘{asked}’; there is: {known}", self.name);
            Problem::new(StatusCode::NOT_ACCEPTABLE, detail)
        })
    }
}

/// Takes a request of these APIs that has no version for one of the newest.
pub async fn assume(mut request: Request, next: Next) -> Response {
    let newest = Api::of(request.uri().path()).and_then(|api| api.versions.last());
    if let Some(version) = newest {
        request.headers_mut().entry(VERSION).or_insert(HeaderValue::from_static(version));
    }
    next.run(request).await
}

/// Puts the version that was used on every answer of these APIs: the one asked for, or the newest.
pub async fn echo(request: Request, next: Next) -> Response {
    let Some(api) = Api::of(request.uri().path()) else { return next.run(request).await };
    let newest = api.versions.last().copied().unwrap_or_default();
    let version = api.asked(request.headers()).unwrap_or(newest);
    let mut response = next.run(request).await;
    response.headers_mut().insert(VERSION, HeaderValue::from_static(version));
    response
}

/// Who calls a resource of SOL 002, in a version that is understood.
pub struct Caller {
    /// For commands.
    pub ask: Ask,
    /// What links begin with.
    pub base: Base,
    /// The whole path and query.
    pub uri: Uri,
    /// The header fields.
    pub headers: HeaderMap,
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, ems: &Shared) -> Result<Caller, Problem> {
        let uri = parts.uri.clone();
        let api = Api::of(uri.path()).ok_or_else(|| Problem::not_found("there is no such API"))?;
        api.asked(&parts.headers)?;
        acceptable(&parts.headers)?;
        let base = Base::of(parts);
        let Ok(ask) = Ask::from_request_parts(parts, ems).await;
        Ok(Caller { ask, base, uri, headers: parts.headers.clone() })
    }
}

/// SOL 013 clause 4.2: all bodies are JSON.
fn acceptable(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(accept) = headers.get(header::ACCEPT) else { return Ok(()) };
    let accept = accept.to_str().unwrap_or_default();
    let json = |t: &str| matches!(t, "*/*" | "application/*" | "application/json" | "application/problem+json");
    if accept.split(',').any(|t| json(t.split(';').next().unwrap_or_default().trim())) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "answers are application/json"))
}

/// The versions of an API, for whoever does not know them yet: without the header field `Version`.
pub(super) async fn versions(uri: Uri, base: Base) -> Result<Json<Value>, Problem> {
    let api = Api::of(uri.path()).ok_or_else(|| Problem::not_found("there is no such API"))?;
    let versions: Vec<Value> = api.versions.iter().map(|v| json!({"version": v, "isDeprecated": false})).collect();
    Ok(Json(json!({"uriPrefix": base.link(&format!("/{}/v1/", api.name)), "apiVersions": versions})))
}
