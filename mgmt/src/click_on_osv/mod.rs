//! The paths of Click-on-OSv (`/click_plugin/*`), for clients that were written for it: a listener of its own, off by
//! default, because its clients know neither tokens nor TLS.
//!
//! Invariant: the words are theirs, the truth is ours. What fails is never answered with a word of success, and `path`
//! never reaches the file system. Source: the platform's plug-in and the HTTP server of OSv below it.
pub mod header;
pub mod metrics;
mod routes;

pub use routes::app;
