//! Names of header fields as the standards spell them: their case does not matter (RFC 9110 section 5.1), but there are
//! clients for which it does, ETSI's conformance suite among them.
use axum::http::Extensions;
use axum::response::Response;
use futures_util::FutureExt as _;
use hyper::body::Incoming;
use hyper::{Request, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::Mutex;

/// What is not merely a capital at the beginning of each word, in a request.
const SPELT: &[u8] = b"GET / HTTP/1.1\r\nETag: -\r\nWWW-Authenticate: -\r\n\r\n";

/// What makes the server write names of fields so in an answer that carries it.
///
/// hyper writes names as they were in the request that an answer's extensions come from, as a proxy would: this is such a
/// request, which nobody sent.
pub(super) fn standard() -> Extensions {
    let learnt = Mutex::new(Extensions::new());
    let service = service_fn(|request: Request<Incoming>| {
        if let Ok(mut learnt) = learnt.lock() {
            *learnt = request.extensions().clone();
        }
        async { Ok::<_, Infallible>(Response::<String>::default()) }
    });
    let socket = TokioIo::new(tokio::io::join(SPELT, tokio::io::sink()));
    // Nothing in it can wait. If it fails, only the capitals are lost.
    let _ = http1::Builder::new().preserve_header_case(true).serve_connection(socket, service).now_or_never();
    learnt.into_inner().unwrap_or_default()
}
