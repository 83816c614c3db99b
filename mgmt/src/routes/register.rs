//! Routes, each put together from its handler and what the handler says of itself (`utoipa::path`): with feature `document`
//! the OpenAPI document is collected from them; without, only their paths and methods are, which is a megabyte less program.
#[cfg(feature = "document")]
pub(super) use utoipa_axum::{router::OpenApiRouter as Routes, routes};

/// What `utoipa_axum::router::OpenApiRouter` is, without a document.
#[cfg(not(feature = "document"))]
pub(crate) struct Plain<S>(axum::Router<S>);

#[cfg(not(feature = "document"))]
impl<S: Clone + Send + Sync + 'static> Plain<S> {
    /// There are none yet.
    pub(crate) fn new() -> Self {
        Plain(axum::Router::new())
    }
    /// One path more.
    pub(crate) fn routes(self, (path, methods): (String, axum::routing::MethodRouter<S>)) -> Self {
        Plain(self.0.route(&path, methods))
    }
    /// Those of another one, too.
    pub(crate) fn merge(self, other: Self) -> Self {
        Plain(self.0.merge(other.0))
    }
    /// All of them so far are asked through a limit of their bodies' length.
    pub(crate) fn layer(self, limit: axum::extract::DefaultBodyLimit) -> Self {
        Plain(self.0.layer(limit))
    }
    /// The service.
    pub(crate) fn into_router(self) -> axum::Router<S> {
        self.0
    }
}

/// The methods that a handler says it answers; every one says at least one.
#[cfg(not(feature = "document"))]
pub(super) fn methods<P: utoipa::Path>() -> axum::routing::MethodFilter {
    let all = P::methods().into_iter().map(|m| utoipa_axum::PathItemExt::to_method_filter(&m));
    all.reduce(axum::routing::MethodFilter::or).unwrap_or(axum::routing::MethodFilter::GET)
}

/// The path of some handlers of the same path, and what answers there.
#[cfg(not(feature = "document"))]
macro_rules! plain_routes {
    ($first:ident $(, $more:ident)* $(,)?) => {{
        let router = axum::routing::MethodRouter::new();
        let router = router.on(pastey::paste! { $crate::routes::register::methods::<[<__path_ $first>]>() }, $first);
        $(let router = router.on(pastey::paste! { $crate::routes::register::methods::<[<__path_ $more>]>() }, $more);)*
        (pastey::paste! { <[<__path_ $first>] as utoipa::Path>::path() }, router)
    }};
}
#[cfg(not(feature = "document"))]
pub(super) use {Plain as Routes, plain_routes as routes};
