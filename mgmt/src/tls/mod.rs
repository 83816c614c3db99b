//! Whatever needs cryptography with keys: TLS on both sides, client certificates, and JSON web tokens. In a program without
//! the feature `tls`, `no_tls.rs` stands for all of it.
mod certificate;
pub mod client;
pub mod jwt;
pub mod server;

/// Whether it is TLS that failed, as the HTTP library says it.
pub(crate) fn failed(error: &ureq::Error) -> bool {
    match error {
        // Not the connection below it.
        ureq::Error::Io(e) => e.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => true,
        _ => false,
    }
}
