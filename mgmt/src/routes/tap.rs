//! Taps: packets as they pass, for `curl -sN ... | tshark -i -`.
use super::register::{Routes, routes};
use super::{Ask, Shared};
use crate::command::{Answer, Command};
use crate::problem::Problem;
use crate::tap::{COUNT, SECONDS, SNAP};
use crate::vnf::TapRequest;
use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;
use utoipa::IntoParams;

/// IANA knows only the older format (`application/vnd.tcpdump.pcap`). This is the name that the desktops' shared MIME
/// database has for pcapng.
const PCAPNG: &str = "application/x-pcapng";

pub(super) fn routes() -> Routes<Shared> {
    Routes::new().routes(routes!(tap_packets))
}

/// What is tapped.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TapQuery {
    /// An output, as `element[0]`; or `drops`: all packets that are dropped.
    edge: String,
    /// Ends after so many packets, 1 to 1000000; 1000 if absent.
    #[serde(default = "count")]
    #[param(required = false, minimum = 1, maximum = 1_000_000)]
    count: u64,
    /// Bytes of each packet, 1 to 65535; 65535 if absent.
    #[serde(default = "snap")]
    #[param(required = false, minimum = 1, maximum = 65_535)]
    snap: u32,
    /// Ends after so many seconds, 1 to 3600; 60 if absent.
    #[serde(default = "seconds")]
    #[param(required = false, minimum = 1, maximum = 3_600)]
    seconds: u64,
}

fn count() -> u64 {
    COUNT.0
}
fn snap() -> u32 {
    SNAP.0
}
fn seconds() -> u64 {
    SECONDS.0
}

/// Streams packets as pcapng, from now on until there were enough, the time is over, or the client goes away. A client that
/// reads too slowly loses packets; the VNF does not wait. At most 4 at a time.
#[utoipa::path(get, path = "/v1/tap", tag = "packets", params(TapQuery), responses(
    (status = 200, description = "The packets", body = Vec<u8>, content_type = "application/x-pcapng"),
    (status = 400, description = "A parameter is wrong or out of its range", body = Problem),
    (status = 404, description = "There is no such output", body = Problem),
    (status = 409, description = "The VNF does not run", body = Problem),
    (status = 422, description = "The edge cannot be read", body = Problem),
    (status = 503, description = "There are 4 taps already, or the VNF cannot answer now; try again after `Retry-After` seconds", body = Problem),
))]
async fn tap_packets(ask: Ask, Query(query): Query<TapQuery>) -> Result<Response, Problem> {
    let TapQuery { edge, count, snap, seconds } = query;
    let command = Command::Tap(TapRequest { edge, count, snap }, Duration::from_secs(seconds));
    Ok(match ask.for_(command).await? {
        Answer::Stream(stream) => {
            let pieces = unfold(stream, |mut stream| async move {
                let piece = stream.next().await?;
                Some((Ok::<_, Infallible>(Bytes::from(piece)), stream))
            });
            let headers = [(header::CONTENT_TYPE, PCAPNG), (header::CACHE_CONTROL, "no-store")];
            (headers, Body::from_stream(pieces)).into_response()
        }
        other => other.into_response(),
    })
}
