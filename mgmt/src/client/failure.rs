//! What can go wrong between a client and an EMS.
use super::Problem;
use crate::tls;
use serde_json::Value;
use std::io::ErrorKind;
use ureq::http::StatusCode;
use ureq::{Error, Timeout};

/// Why there is no answer, or none that helps.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// The EMS says no.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// Nothing was sent: there is no connection.
    #[error("no EMS answers at {url}: {why}")]
    Unreachable {
        /// Where it was tried.
        url: String,
        /// What the system says.
        why: String,
    },
    /// There is a connection, but no trust: TLS failed. Nothing was sent.
    #[error("no secure connection to {url}: {why}")]
    Untrusted {
        /// Where it was tried.
        url: String,
        /// What TLS says.
        why: String,
    },
    /// The connection broke, or nothing came in time. The request may have been done.
    #[error("the EMS at {url} did not finish its answer: {why}; the request may have been done")]
    Broken {
        /// Where it is.
        url: String,
        /// What happened.
        why: String,
    },
    /// What answers speaks in another way.
    #[error("{url} does not answer as an EMS of this version: {why}")]
    Strange {
        /// Where it is.
        url: String,
        /// What is strange.
        why: String,
    },
    /// It was asked for something that cannot be.
    #[error("{0}")]
    Options(String),
}

impl Failure {
    pub(super) fn strange(url: &str, why: String) -> Failure {
        Failure::Strange { url: url.into(), why }
    }

    /// From what the HTTP library says.
    pub(super) fn of(url: &str, error: Error) -> Failure {
        let (url, why, tls) = (url.to_string(), error.to_string(), tls::failed(&error));
        match error {
            Error::Io(e) if tls => Failure::Untrusted { url, why: e.to_string() },
            _ if tls => Failure::Untrusted { url, why },
            Error::Io(e) if is_lookup(&e) => Failure::Unreachable { url, why },
            Error::Io(e) => match e.kind() {
                ErrorKind::ConnectionRefused
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::AddrNotAvailable => Failure::Unreachable { url, why: e.to_string() },
                _ => Failure::Broken { url, why: e.to_string() },
            },
            Error::ConnectionFailed | Error::HostNotFound => Failure::Unreachable { url, why },
            Error::Timeout(Timeout::Resolve | Timeout::Connect) => Failure::Unreachable { url, why },
            Error::Timeout(_) => Failure::Broken { url, why },
            Error::BadUri(_) | Error::Http(_) | Error::RequireHttpsOnly(_) => Failure::Options(why),
            _ => Failure::Strange { url, why },
        }
    }

    /// From an answer that is no success. Problem details that lack members are filled up from the status.
    pub(super) fn refused(status: StatusCode, body: &str) -> Failure {
        let value: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_string);
        let first_line =
            || body.lines().next().filter(|l| !l.is_empty() && !l.starts_with(['<', '{'])).map(str::to_string);
        let mut problem = Problem::new(status, "");
        problem.detail = text("detail").or_else(first_line).unwrap_or_else(|| "it does not say why".into());
        problem.title = text("title").unwrap_or(problem.title);
        problem.instance = text("instance");
        let findings = value.get("findings").cloned().unwrap_or_default();
        problem.findings = serde_json::from_value(findings).unwrap_or_default();
        Failure::Refused(Box::new(problem))
    }
}

/// Whether the name of a host could not be looked up. The standard library gives that error a kind that only it can make,
/// and no name for it; errors of sockets have a number.
fn is_lookup(error: &std::io::Error) -> bool {
    error.raw_os_error().is_none() && format!("{:?}", error.kind()) == "Uncategorized"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16, body: &str) -> Problem {
        let Failure::Refused(p) = Failure::refused(StatusCode::from_u16(status).unwrap(), body) else { panic!() };
        *p
    }

    #[test]
    fn problem_details_are_read_as_far_as_they_are_there() {
        let full = problem(
            422,
            r#"{"status":422,"title":"Unprocessable","detail":"wrong","findings":[{"grade":"error","message":"m"}]}"#,
        );
        assert_eq!((full.detail.as_str(), full.findings[0].message.as_str()), ("wrong", "m"));
        assert_eq!(problem(409, r#"{"detail":"not now"}"#).to_string(), "409 Conflict: not now");
        assert_eq!(problem(404, "nothing here\nmore").to_string(), "404 Not Found: nothing here");
        assert_eq!(problem(502, "<html>").detail, "it does not say why");
        assert_eq!(problem(500, "").status, 500);
    }
}
