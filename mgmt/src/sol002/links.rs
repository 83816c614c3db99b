//! Links that clients can follow.
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use std::convert::Infallible;

/// How a request came: `https` through TLS, else `http`. The server puts it into the request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Scheme(pub &'static str);

/// What the client called this server: `http://192.0.2.1:8000`, or nothing if it did not say; then links are paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base(String);

impl Base {
    /// From a request's target or its header field `Host`.
    pub fn of(parts: &Parts) -> Base {
        let host = parts.headers.get(header::HOST).and_then(|v| v.to_str().ok());
        let host = parts.uri.authority().map(|a| a.as_str()).or(host).unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]%".contains(c);
        if host.is_empty() || host.len() > 255 || !host.chars().all(plain) {
            return Base::default();
        }
        let scheme = parts.extensions.get::<Scheme>().map_or("http", |s| s.0);
        Base(format!("{scheme}://{host}"))
    }

    /// A base that was kept.
    pub fn kept(text: &str) -> Base {
        Base(text.into())
    }

    /// The base as text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// A link to a path.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Base, Infallible> {
        Ok(Base::of(parts))
    }
}
