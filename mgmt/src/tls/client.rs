//! TLS of the client: who is trusted, and who we are.
use crate::client::{Builder, Tls};
use crate::problem::Problem;
use crate::settings::Callbacks;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use ureq::tls::{
    Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, TlsConfigBuilder, TlsProvider, parse_pem,
};

/// Where most systems keep their bundle of authorities.
const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// TLS 1.2 and 1.3. Nobody is trusted who is not named: an EMS makes its own certificate at first boot.
pub(crate) fn secure(builder: Builder, files: &Tls) -> Result<Builder, String> {
    let ca = files
        .ca
        .as_ref()
        .ok_or("https needs the certificate that is trusted: give --ca FILE (the EMS's own, or its authority's)")?;
    let (roots, _) = read(ca)?;
    if roots.is_empty() {
        return Err(format!("{}: there is no certificate in it", ca.display()));
    }
    let own = client(files.cert.as_deref(), files.key.as_deref())?;
    Ok(builder.tls_config(trusting(&roots).client_cert(own).build()))
}

/// Who is trusted where callbacks lead, and who we are there.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The client certificate of the EMS, for `TLS_CERT`.
    pub certificate: Option<ClientCert>,
    /// Who vouches for `https` callbacks. If there is none, whoever the system's bundle names.
    pub authorities: Vec<Certificate<'static>>,
    /// The system's bundle of authorities, PEM (RFC 7468).
    pub bundle: PathBuf,
}

impl Default for Trust {
    fn default() -> Trust {
        Trust { certificate: None, authorities: Vec::new(), bundle: BUNDLE.into() }
    }
}

impl Trust {
    /// As settings say it.
    pub(crate) fn of(settings: &Callbacks) -> Result<Trust, String> {
        let authorities = settings.authorities.as_ref().map(|file| read(file).map(|read| read.0)).transpose()?;
        if authorities.as_ref().is_some_and(Vec::is_empty) {
            return Err("[ems.callbacks]: there is no certificate in ‘authorities’".into());
        }
        let certificate = client(settings.certificate.as_deref(), settings.key.as_deref())?;
        Ok(Trust { certificate, authorities: authorities.unwrap_or_default(), ..Trust::default() })
    }

    /// Whether there is a client certificate.
    pub(crate) fn proves_who_we_are(&self) -> bool {
        self.certificate.is_some()
    }

    /// `https`: it is going to be spoken. `show`: with our certificate.
    pub(crate) fn secure(&self, builder: Builder, https: bool, show: bool) -> Result<Builder, Problem> {
        let mut tls = if https { trusting(&self.trusted()?) } else { trusting(&[]) };
        if show {
            tls = tls.client_cert(self.certificate.clone());
        }
        Ok(builder.tls_config(tls.build()))
    }

    fn trusted(&self) -> Result<Cow<'_, [Certificate<'static>]>, Problem> {
        if !self.authorities.is_empty() {
            return Ok(Cow::Borrowed(&self.authorities));
        }
        let none = |why| {
            Problem::unprocessable(format!(
                "https: nobody can vouch for the callback, for the EMS knows no authorities ({why})"
            ))
        };
        match read(&self.bundle) {
            Ok((roots, _)) if roots.is_empty() => Err(none(format!("{}: no certificate in it", self.bundle.display()))),
            Ok((roots, _)) => Ok(Cow::Owned(roots)),
            Err(why) => Err(none(why)),
        }
    }
}

/// A client certificate, if a file with one is named; both files or none.
fn client(certificate: Option<&Path>, key: Option<&Path>) -> Result<Option<ClientCert>, String> {
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
fn trusting(roots: &[Certificate<'static>]) -> TlsConfigBuilder {
    TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::new_with_certs(roots))
}

/// Certificates and the last key of a file, or what is wrong with it.
fn read(file: &Path) -> Result<(Vec<Certificate<'static>>, Option<PrivateKey<'static>>), String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_be_followed_are_told_with_the_file() {
        let nothing = Trust::of(&Callbacks::default()).unwrap();
        assert!(nothing.certificate.is_none() && nothing.authorities.is_empty());
        let missing = Some(PathBuf::from("/no/such.pem"));
        let why = |callbacks: Callbacks| Trust::of(&callbacks).unwrap_err();
        let authorities = why(Callbacks { authorities: missing.clone(), ..Callbacks::default() });
        assert!(authorities.starts_with("/no/such.pem: "), "{authorities}");
        let alone = why(Callbacks { certificate: missing.clone(), ..Callbacks::default() });
        assert_eq!(alone, "a certificate and its private key belong together");
        let pair = why(Callbacks { certificate: missing.clone(), key: missing, ..Callbacks::default() });
        assert!(pair.starts_with("/no/such.pem: "), "{pair}");
    }
}
