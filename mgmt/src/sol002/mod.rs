//! ETSI GS NFV-SOL 002 (v3.7.1): what a VNF manager expects of an element manager.
//!
//! Reading order: [`version`], [`filter`], [`paging`] (the rules of SOL 013 that all resources share), then a file for each
//! resource: [`configuration`] (vnfconfig), [`indicators`] and [`subscriptions`] (vnfind), [`coordinations`] (lcmcoord).
//!
//! ETSI's conformance suite (GS NFV-TST 010, for SOL 002 up to v2.6.1) asks for other things in places than the standards of
//! today. What was decided:
//!
//! - It sends no header field `Version`, which SOL 013 makes mandatory: a 400, or with `assume_version` in `[ems]` (see
//!   [`Settings`](crate::settings::Settings)) the newest version.
//! - It looks at the case of names of header fields, which means nothing: they are spelt as in the standards (`ETag`).
//! - It PATCHes with `application/json`, which is taken like `application/merge-patch+json`.
//! - It wants a GET to show what it PATCHed and nothing else: its file must be the whole configuration, as a GET shows it.
//! - It knows `extCpConfig` as one object and the media type of problems as `application/json`; both are here as v3.7.1 has
//!   them: a list, `application/problem+json`. The same goes for `api_versions`, which it calls `api_version`.
use crate::problem::Problem;
use crate::routes::Shared;
use axum::Router;
use axum::routing::{get, post};
use std::path::PathBuf;

pub mod body;
pub mod callback;
pub mod configuration;
pub mod coordination;
pub mod coordinations;
pub mod cps;
pub mod drain;
pub mod filter;
pub mod indicators;
pub mod links;
pub mod merge;
pub mod outbox;
pub mod paging;
pub mod shelf;
pub mod subscription;
pub mod subscriptions;
pub mod version;
pub mod watch;

/// What is kept between requests.
#[derive(Debug, Default)]
pub struct Sol002 {
    /// Who is told of indicators.
    pub subscriptions: subscriptions::Subscriptions,
    /// What was coordinated.
    pub coordinations: coordinations::Coordinations,
}

/// What whoever starts the EMS decides.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The folder where subscriptions outlive the process; without it they do not.
    pub folder: Option<PathBuf>,
    /// What callbacks are called with.
    pub outgoing: callback::Outgoing,
}

/// The paths. They are not part of the native API's document: ETSI publishes theirs.
pub fn routes() -> Router<Shared> {
    let mut all = Router::new()
        .route("/vnfconfig/v1/configuration", get(configuration::show).patch(configuration::modify))
        .route("/vnfind/v1/indicators", get(indicators::list))
        .route("/vnfind/v1/indicators/{instance}", get(indicators::list_of))
        .route("/vnfind/v1/indicators/{instance}/{indicator}", get(indicators::one))
        .route("/vnfind/v1/subscriptions", get(subscriptions::list).post(subscriptions::create))
        .route("/vnfind/v1/subscriptions/{id}", get(subscriptions::one).delete(subscriptions::remove))
        .route("/lcmcoord/v1/coordinations", post(coordinations::create))
        .route("/lcmcoord/v1/coordinations/{id}", get(coordinations::one))
        .route("/lcmcoord/v1/coordinations/{id}/cancel", post(coordinations::cancel));
    for api in &version::APIS {
        for path in [format!("/{}/api_versions", api.name), format!("/{}/v1/api_versions", api.name)] {
            all = all.route(&path, get(version::versions));
        }
    }
    all
}

/// A new identifier.
///
/// # Errors
/// 500 when the system has no random bytes.
fn identifier() -> Result<String, Problem> {
    crate::id::unguessable().map_err(|e| Problem::internal(format!("no random bytes: {e}")))
}
