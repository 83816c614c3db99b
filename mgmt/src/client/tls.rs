//! Certificates of the client: who is trusted, and who we are.
use super::Failure;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use ureq::tls::{
    Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, TlsConfigBuilder, TlsProvider, parse_pem,
};

/// Files in PEM (RFC 7468).
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Certificates of whom is trusted: the EMS's own, or its authority's.
    pub ca: Option<PathBuf>,
    /// Our certificate, and those between it and the authority.
    pub cert: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
}

impl Tls {
    /// TLS 1.2 and 1.3. Nobody is trusted who is not named: an EMS makes its own certificate at first boot.
    pub(super) fn config(&self) -> Result<TlsConfig, Failure> {
        let ca = self.ca.as_ref().ok_or_else(|| {
            Failure::Options(
                "https needs the certificate that is trusted: give --ca FILE (the EMS's own, or its authority's)"
                    .into(),
            )
        })?;
        let (roots, _) = read(ca).map_err(Failure::Options)?;
        if roots.is_empty() {
            return Err(Failure::Options(format!("{}: there is no certificate in it", ca.display())));
        }
        Ok(trusting(&roots)
            .client_cert(client(self.cert.as_deref(), self.key.as_deref()).map_err(Failure::Options)?)
            .build())
    }
}

/// A client certificate, if a file with one is named; both files or none.
pub(crate) fn client(certificate: Option<&Path>, key: Option<&Path>) -> Result<Option<ClientCert>, String> {
    let (certificate, key) = match (certificate, key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (None, None) => return Ok(None),
        _ => return Err("a certificate and its private key belong together".into()),
    };
    let (chain, _) = read(certificate)?;
    if chain.is_empty() {
        return Err(format!("{}: there is no certificate in it", certificate.display()));
    }
    let none = || format!("{}: there is no private key in it", key.display());
    Ok(Some(ClientCert::new_with_certs(&chain, read(key)?.1.ok_or_else(none)?)))
}

/// TLS 1.2 and 1.3, by ring, with whom these certificates vouch for; with none of them, nobody is trusted.
pub(crate) fn trusting(roots: &[Certificate<'static>]) -> TlsConfigBuilder {
    TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::new_with_certs(roots))
}

/// Certificates and the last key of a file, or what is wrong with it.
pub(crate) fn read(file: &Path) -> Result<(Vec<Certificate<'static>>, Option<PrivateKey<'static>>), String> {
    let wrong = |e: &dyn std::fmt::Display| format!("{}: {e}", file.display());
    let pem = std::fs::read(file).map_err(|e| wrong(&e))?;
    let (mut certificates, mut key) = (Vec::new(), None);
    for item in parse_pem(&pem) {
        match item.map_err(|e| wrong(&e))? {
            PemItem::Certificate(c) => certificates.push(c),
            PemItem::PrivateKey(k) => key = Some(k),
            _ => {}
        }
    }
    Ok((certificates, key))
}
