//! Who asks: tokens, JSON web tokens, certificates, and what is asked without any of them on loopback.
use super::credentials::Shown;
use super::failures::Failures;
use super::files::{self, Watched};
use super::tokens::{self, Tokens};
use super::{Actor, Call, Role};
use crate::alarms::{Alarms, Cause, Severity};
use crate::audit::Audit;
use crate::clock;
use crate::ems::Ems;
use crate::settings::{Jwt, Settings};
use crate::tls;
use crate::tls::jwt::Keys;
use axum::http::{HeaderMap, HeaderValue, header};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

/// A client, as its connection shows it.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Names in its certificate, which was verified; none without one.
    pub names: Arc<[String]>,
}

/// Why somebody was not recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// Nothing was shown.
    NoCredentials,
    /// Something was, and it is not known, or not any more.
    WrongCredentials,
    /// A browser sent it for another site.
    Foreign(&'static str),
}

/// What the EMS was set up with.
pub struct SetUp {
    /// Who may ask.
    pub security: Arc<Security>,
    /// The token of the first boot, if this is it. It is kept nowhere: show it once.
    pub first_token: Option<String>,
}

/// All sources of credentials.
pub struct Security {
    tokens: Option<Watched<Tokens>>,
    jwt: Option<(Watched<Keys>, Jwt)>,
    pub(crate) tls: Option<Watched<tls::server::Config>>,
    /// HTTP without TLS is meant, with tokens.
    plain: bool,
    /// What everybody is told while nobody has a credential.
    without_token: Option<String>,
    failures: Failures,
}

impl Security {
    /// Makes the folder, continues the audit log in it, and reads or makes tokens and certificates.
    ///
    /// # Errors
    /// A file is wrong, or others can read it; or the settings would let strangers in.
    pub fn set_up(settings: &Settings, ems: &Ems) -> io::Result<SetUp> {
        let wrong = |e: String| io::Error::new(io::ErrorKind::InvalidInput, e);
        settings.check().map_err(wrong)?;
        let shown = toml::to_string(settings).map_err(|e| wrong(e.to_string()))?;
        ems.support.add("settings.toml", move || shown.clone());
        if let Some(folder) = &settings.folder {
            files::make_folder(folder)?;
            ems.audit.open(&folder.join("audit.jsonl"), &ems.alarms)?;
        }
        let jwt = settings.jwt.clone().map(|jwt| {
            let of = jwt.clone();
            Ok((Watched::new(vec![jwt.keys.clone()], Box::new(move |_| Keys::load(&of)))?, jwt))
        });
        let jwt = jwt.transpose().map_err(wrong)?;
        let file = settings.tokens_file();
        let tls = settings
            .tls
            .as_ref()
            .map(|t| tls::server::watch(t, settings, &ems.identity.name))
            .transpose()
            .map_err(wrong)?;
        let mut first_token = None;
        let needed = settings.tokens.is_some() || ((tls.is_some() || settings.plain) && jwt.is_none());
        if needed && settings.without_token.is_none() {
            let none =
                || wrong("an EMS for others without tokens: set ‘folder’ or ‘tokens’ in [ems], or [ems.jwt]".into());
            let path = file.as_ref().ok_or_else(none)?;
            if !path.exists() {
                first_token = Some(tokens::add(path, "first-boot", Role::Admin)?);
                let what = "make the token of the first boot";
                ems.audit.record(&ems.alarms, &Actor::itself(), &Call::default(), what, "done");
            }
        }
        let tokens = file.map(|path| watch_tokens(path, settings.without_token.is_some(), ems)).transpose();
        let security = Security {
            tokens: tokens.map_err(wrong)?,
            jwt,
            tls,
            plain: settings.plain,
            without_token: settings.without_token.clone(),
            failures: Failures::default(),
        };
        security.may_listen(settings.listen)?;
        if let Some(tls) = &security.tls {
            let tls = tls.get();
            let certificate = tls.fingerprint();
            ems.journal.say("ems", &format!("the certificate has the SHA-256 fingerprint {certificate}"));
        }
        Ok(SetUp { security: Arc::new(security), first_token })
    }

    /// On loopback, without credentials: whoever is on this machine is an administrator.
    pub fn open() -> Arc<Security> {
        let failures = Failures::default();
        Arc::new(Security { tokens: None, jwt: None, tls: None, plain: false, without_token: None, failures })
    }

    /// Whether nobody has a credential, so that whoever asks from this machine may.
    fn is_open(&self) -> bool {
        let meant_for_others = self.tls.is_some() || self.plain || self.without_token.is_some();
        let tokens = self.tokens.as_ref().is_some_and(|t| t.get().there_is_a_file());
        self.jwt.is_none() && !meant_for_others && !tokens
    }

    /// While nobody has a credential, and the settings provide for that: what everybody is told.
    pub(crate) fn waits_for_tokens(&self) -> Option<&str> {
        let nobody = self.jwt.is_none() && self.tokens.as_ref().is_none_or(|t| t.get().is_empty());
        self.without_token.as_deref().filter(|_| nobody)
    }

    /// Others than this machine are listened to only with TLS, or without if that is meant, and when there are credentials.
    pub(crate) fn may_listen(&self, address: SocketAddr) -> io::Result<()> {
        if address.ip().is_loopback() || ((self.tls.is_some() || self.plain) && !self.is_open()) {
            return Ok(());
        }
        let credentials = "and credentials ([ems] ‘folder’ or ‘tokens’, or [ems.jwt])";
        let text = format!(
            "{address} can be reached from outside: set TLS ([ems.tls]) {credentials}, or listen on 127.0.0.1; ‘plain = true’ in [ems] does without TLS"
        );
        Err(io::Error::new(io::ErrorKind::InvalidInput, text))
    }

    /// Who asks.
    pub(crate) fn recognise(&self, headers: &HeaderMap, peer: &Peer) -> Result<Actor, Stranger> {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        if let Some(first) = given.next() {
            let shown = if given.next().is_none() { Shown::of(first) } else { None };
            let shown = shown.ok_or(Stranger::WrongCredentials)?;
            let actor = self.holder(&shown.token).ok_or(Stranger::WrongCredentials)?;
            if shown.by_itself {
                ours(headers, false)?;
            }
            return Ok(actor);
        }
        let by_name = self.tokens.as_ref().and_then(|t| t.get().find_certificate(&peer.names));
        let local = || {
            let here = self.is_open() && peer.address.ip().to_canonical().is_loopback();
            here.then(|| Actor { name: "local".into(), role: Role::Admin })
        };
        if by_name.is_none() && !peer.names.is_empty() {
            return Err(Stranger::WrongCredentials);
        }
        // These two, too, come with every request of a browser, whatever page made it.
        let open = by_name.is_none();
        let actor = by_name.or_else(local).ok_or(Stranger::NoCredentials)?;
        ours(headers, open)?;
        Ok(actor)
    }

    fn holder(&self, token: &str) -> Option<Actor> {
        match &self.jwt {
            Some((keys, wants)) if token.matches('.').count() == 2 => {
                keys.get().verify(token, wants, clock::wall() as f64 / 1e9)
            }
            _ => self.tokens.as_ref()?.get().find(token.as_bytes()),
        }
    }

    /// Records an attempt with wrong credentials. May wait for the disk.
    pub(crate) fn refused(&self, call: &Call, audit: &Audit, alarms: &Alarms) {
        self.failures.record(clock::monotonic(), call, audit, alarms);
    }

    /// Reads files again that changed. One that is wrong raises an alarm, and what was read before stays.
    pub fn tick(&self, ems: &Ems) {
        let looked = [
            ("tokens", self.tokens.as_ref().and_then(Watched::look)),
            ("jwt-keys", self.jwt.as_ref().and_then(|j| j.0.look())),
            ("certificate", self.tls.as_ref().and_then(Watched::look)),
        ];
        for (object, looked) in looked {
            match looked {
                None => {}
                Some(Ok(())) => {
                    ems.alarms.clear(object, Cause::CorruptData);
                    ems.journal.say("ems", &format!("{object}: read again"));
                }
                Some(Err(why)) => {
                    let text = format!("{why}; what was there before still counts");
                    ems.alarms.raise(object, Cause::CorruptData, Severity::Major, &text);
                    ems.journal.say("ems", &format!("{object}: {text}"));
                }
            }
        }
        self.failures.tick(clock::monotonic(), &ems.audit, &ems.alarms);
    }
}

/// Reads the file of tokens. `lenient`: one that is wrong is an alarm, and there are none until it is right.
fn watch_tokens(path: PathBuf, lenient: bool, ems: &Ems) -> Result<Watched<Tokens>, String> {
    let of = path.clone();
    let load = Box::new(move |before: Option<&Tokens>| Tokens::load(&of, before));
    if !lenient {
        return Watched::new(vec![path], load);
    }
    let (watched, wrong) = Watched::or_default(vec![path], load);
    if let Some(why) = wrong {
        let text = format!("{why}; until it is right, nobody has a token");
        ems.alarms.raise("tokens", Cause::CorruptData, Severity::Major, &text);
        ems.journal.say("ems", &format!("tokens: {text}"));
    }
    Ok(watched)
}

/// Whether a request was meant for us. A page of another site can make a browser send requests here (CSRF); it names the
/// site in `Origin` (RFC 6454 section 7). It may also have its own name lead here (DNS rebinding): then `Host` is that
/// name, which no one would use for this machine. `open`: nothing but the address says who it is.
fn ours(headers: &HeaderMap, open: bool) -> Result<(), Stranger> {
    let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    if open && !is_loopback(host) {
        return Err(Stranger::Foreign("without tokens, ‘Host’ must be a loopback address or localhost"));
    }
    if headers.contains_key(header::ORIGIN) {
        let origin = text(header::ORIGIN).and_then(|o| o.split_once("://")).map(|(_, authority)| authority);
        if origin != Some(host) {
            return Err(Stranger::Foreign("‘Origin’ is another site"));
        }
    }
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        _ => Err(Stranger::Foreign("‘Sec-Fetch-Site’ is another site")),
    }
}

/// Whether an authority (`host`, `host:port`, `[::1]:port`) is this machine.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|a| a.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for good in ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.1.2.3:1", "[::1]", "[::1]:8000"] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in
            ["", "localhost.evil.example", "evil.example:8000", "127.0.0.1.evil.example", "[::2]", "10.0.0.1", "::1"]
        {
            assert!(!is_loopback(bad), "{bad}");
        }
    }

    #[test]
    fn what_a_browser_sends_for_another_site_is_refused() {
        let asked = |fields: &[(&'static str, &'static str)]| {
            let all = fields.iter().map(|(n, v)| ((*n).parse().unwrap(), HeaderValue::from_static(v)));
            ours(&all.collect(), true).is_ok()
        };
        let host = ("host", "127.0.0.1:8000");
        assert!(
            asked(&[host]) && asked(&[host, ("origin", "http://127.0.0.1:8000"), ("sec-fetch-site", "same-origin")])
        );
        assert!(!asked(&[]));
        assert!(!asked(&[("host", "rebound.example:8000"), ("origin", "http://rebound.example:8000")]));
        for origin in ["http://evil.example", "null", "http://127.0.0.1:9000", "http://localhost:8000"] {
            assert!(!asked(&[host, ("origin", origin)]), "{origin}");
        }
        assert!(!asked(&[host, ("sec-fetch-site", "cross-site")]));
        assert!(!asked(&[host, ("sec-fetch-site", "same-site")]));
    }
}
