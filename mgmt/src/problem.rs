//! What an error looks like: problem details (RFC 9457), the one place where a failure gets its HTTP status.
use crate::vnf::{Finding, Refusal};
use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Problem details. `status` and `detail` are always there, as SOL 013 wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The status of the answer again.
    pub status: u16,
    /// Words for the status.
    pub title: String,
    /// What is wrong, where, and what to do about it.
    pub detail: String,
    /// The request that failed, by its number in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// All that is wrong with a configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Header fields of the answer.
    #[serde(skip)]
    pub headers: Vec<(HeaderName, String)>,
}

impl Problem {
    /// A problem with this status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        let title = status.canonical_reason().unwrap_or("Error").to_string();
        let (status, detail) = (status.as_u16(), detail.into());
        Problem { status, title, detail, instance: None, findings: Vec::new(), headers: Vec::new() }
    }
    /// The same with a header field.
    pub fn header(mut self, name: HeaderName, value: impl Into<String>) -> Problem {
        self.headers.push((name, value.into()));
        self
    }
    /// 400: the request cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, detail)
    }
    /// 401: nobody knows who asks.
    pub fn unauthorized(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, detail).header(header::WWW_AUTHENTICATE, "Bearer realm=\"sluice\"")
    }
    /// 403: who asks may not do it.
    pub fn forbidden(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, detail)
    }
    /// 404
    pub fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, detail)
    }
    /// 409: not now.
    pub fn conflict(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::CONFLICT, detail)
    }
    /// 412: somebody else changed it.
    pub fn precondition_failed(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::PRECONDITION_FAILED, detail)
    }
    /// 422: understood, but wrong.
    pub fn unprocessable(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }
    /// 429: too often; try again after so many seconds.
    pub fn too_many(detail: impl Into<String>, after: u64) -> Problem {
        Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).header(header::RETRY_AFTER, after.to_string())
    }
    /// 500: our fault.
    pub fn internal(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }
    /// 503: try again after so many seconds.
    pub fn unavailable(detail: impl Into<String>, after: u64) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).header(header::RETRY_AFTER, after.to_string())
    }
    /// The status.
    pub fn code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.status, self.title, self.detail)
    }
}
impl std::error::Error for Problem {}

impl From<Refusal> for Problem {
    fn from(why: Refusal) -> Problem {
        let detail = why.to_string();
        match why {
            Refusal::NotFound(_) => Problem::not_found(detail),
            Refusal::Conflict(_) => Problem::conflict(detail),
            Refusal::NotAllowed(_, can) => {
                let allow = if can == "read" { "GET" } else { "PUT" };
                Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).header(header::ALLOW, allow)
            }
            Refusal::Wrong(findings) => Problem { findings, ..Problem::unprocessable(detail) },
            Refusal::Invalid(_) => Problem::unprocessable(detail),
            Refusal::Unavailable(_) => Problem::unavailable(detail, 1),
            Refusal::NotKept(_) => Problem::new(StatusCode::INSUFFICIENT_STORAGE, detail),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, headers) = (self.code(), self.headers.clone());
        let mut response = (status, Json(&self)).into_response();
        let all = response.headers_mut();
        all.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                all.insert(name, value);
            }
        }
        response.extensions_mut().insert(self); // for the layer that adds the request's number
        response
    }
}
