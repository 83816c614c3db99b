//! TLS 1.2 and 1.3 (RFC 5246, RFC 8446): the certificate, which is made at first boot if there is none, and clients'.
use super::certificate;
use crate::auth::files::{self, Watched};
use crate::encoding::sha256;
use crate::settings::{Settings, Tls};
use crate::store::write_atomically;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What a TLS connection is made with.
pub struct Config {
    rustls: Arc<ServerConfig>,
    fingerprint: String,
}

impl Config {
    /// SHA-256 of our certificate, hexadecimal: for a client that trusts this one and no other.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Greets a client: the connection, and the names in its certificate, which was verified.
    pub(crate) async fn accept<S>(&self, socket: S) -> io::Result<(TlsStream<S>, Vec<String>)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = TlsAcceptor::from(self.rustls.clone()).accept(socket).await?;
        let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let names = certificate.map(certificate::names).unwrap_or_default();
        Ok((stream, names))
    }
}

/// Reads certificate and key, and again when they change; makes them first if they are not there and none are named.
///
/// # Errors
/// What is wrong with a file, or with the settings.
pub(crate) fn watch(tls: &Tls, settings: &Settings, name: &str) -> Result<Watched<Config>, String> {
    let kept = |named: &Option<PathBuf>, file: &str| {
        let path = named.clone().or_else(|| Some(settings.folder.as_ref()?.join(file)));
        path.ok_or("TLS without a certificate: set ‘folder’ in [ems], or ‘certificate’ and ‘key’ in [ems.tls]")
    };
    if tls.certificate.is_some() != tls.key.is_some() {
        return Err("[ems.tls]: ‘certificate’ and ‘key’ belong together".into());
    }
    let (certificate, key) = (kept(&tls.certificate, "certificate.pem")?, kept(&tls.key, "key.pem")?);
    if tls.certificate.is_none() && !certificate.exists() {
        let listen = settings.listen.ip();
        let own = (!listen.is_unspecified()).then(|| listen.to_string());
        let mut names = tls.names.clone();
        names.extend(["localhost", "127.0.0.1", "::1"].map(String::from).into_iter().chain(own));
        names.sort();
        names.dedup();
        make(name, names, &certificate, &key)?;
    }
    let authority = tls.client_ca.clone();
    let files = [Some(certificate.clone()), Some(key.clone()), authority.clone()].into_iter().flatten().collect();
    Watched::new(files, Box::new(move |_| load(&certificate, &key, authority.as_deref())))
}

/// A certificate that signs itself, with a key on the curve P-256.
fn make(name: &str, names: Vec<String>, certificate: &Path, key: &Path) -> Result<(), String> {
    let wrong = |e: rcgen::Error| format!("cannot make a certificate: {e}");
    let pair = KeyPair::generate().map_err(wrong)?;
    let mut params = CertificateParams::new(names).map_err(wrong)?;
    params.distinguished_name.push(DnType::CommonName, if name.is_empty() { "sluice" } else { name });
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // The clock of a machine that boots for the first time may be wrong, and nobody renews it: no end that means
    // something (RFC 5280 section 4.1.2.5). Whoever trusts it trusts this very certificate.
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(9999, 12, 31);
    let made = params.self_signed(&pair).map_err(wrong)?;
    // The certificate last: when it is there, so is its key.
    for (path, pem) in [(key, pair.serialize_pem()), (certificate, made.pem())] {
        write_atomically(path, pem.as_bytes(), 0o600).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

fn load(certificate: &Path, key: &Path, authority: Option<&Path>) -> Result<Config, String> {
    let chain = certificates(certificate)?;
    let first = chain.first().ok_or_else(|| format!("{}: no certificate in it", certificate.display()))?;
    let fingerprint = sha256(first);
    let secret = PrivateKeyDer::from_pem_slice(files::read(key, true)?.as_bytes());
    let secret = secret.map_err(|_| format!("{}: no private key in it", key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|e| e.to_string())?;
    let builder = match authority {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let wrong = |e: String| format!("{}: {e}", path.display());
            let mut roots = RootCertStore::empty();
            for one in certificates(path)? {
                roots.add(one).map_err(|e| wrong(e.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            // A client without one may give a token.
            builder
                .with_client_cert_verifier(verifier.allow_unauthenticated().build().map_err(|e| wrong(e.to_string()))?)
        }
    };
    let wrong = |e: rustls::Error| format!("{} and {}: {e}", certificate.display(), key.display());
    let mut config = builder.with_single_cert(chain, secret).map_err(wrong)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Config { rustls: Arc::new(config), fingerprint })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = files::read(path, false)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    all.map_err(|_| format!("{}: not PEM", path.display()))
}
