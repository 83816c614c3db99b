//! What a `vnf.toml` says of the EMS: its table `[ems]`.
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

pub mod snmp;

/// The table `[ems]`. Every key may be left out; one that is not known is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where it listens. An address that is not loopback needs TLS, or `plain`, and a source of credentials.
    pub listen: SocketAddr,
    /// HTTP without TLS is meant, also beyond loopback: the network there is trusted with tokens. They are needed all the
    /// same, and made at first boot as with TLS.
    pub plain: bool,
    /// No token is made at first boot. As long as there is no file of tokens, or one that is wrong, and no other source of
    /// credentials, the EMS shows nothing but whether it lives and who the VNF is, and answers 401 with this text to
    /// everything else: how a token is supplied. The file counts as soon as it is there.
    pub without_token: Option<String>,
    /// Where tokens, certificates and the audit log lie; made with mode 0700. Without one, nothing is written.
    pub folder: Option<PathBuf>,
    /// File with hashes of tokens, and roles of client certificates; `tokens.toml` in the folder if not said. If it is
    /// named here, or with TLS and no other source of credentials, it is made at first boot, with one token.
    pub tokens: Option<PathBuf>,
    /// TLS; it is on when the table is there.
    pub tls: Option<Tls>,
    /// Tokens that an issuer signs; taken when the table is there.
    pub jwt: Option<Jwt>,
    /// How the callbacks of SOL 002's subscribers are called.
    pub callbacks: Callbacks,
    /// A request of SOL 002 without the header field `Version` is one for the newest version. SOL 013 makes the field
    /// mandatory, so without this it is refused; but ETSI's conformance suite for SOL 002 v2.6.1, and managers, send none.
    pub assume_version: bool,
    /// How much clients may ask.
    pub limits: Limits,
    /// Where Click-on-OSv's paths are served too, to clients that know no tokens. Not at all if not said.
    pub click_on_osv: Option<SocketAddr>,
    /// The SNMP agent; it runs when the table is there.
    pub snmp: Option<snmp::Snmp>,
}

/// The table `[ems.tls]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Chain of certificates, PEM. If not said, `certificate.pem` in the folder, made at first boot.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM. If not said, `key.pem` in the folder.
    pub key: Option<PathBuf>,
    /// Names and addresses in a certificate that is made at first boot, besides loopback and the address of `listen`.
    pub names: Vec<String>,
    /// Certificates that sign those of clients, PEM. A client without a certificate still may give a token.
    pub client_ca: Option<PathBuf>,
}

/// The table `[ems.callbacks]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Callbacks {
    /// Certificates of whoever vouches for `https` callbacks, PEM; the system's if not said.
    pub authorities: Option<PathBuf>,
    /// The client certificate of the EMS, for subscribers that ask for `TLS_CERT`, PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
}

/// The table `[ems.jwt]`: JSON web tokens (RFC 7519).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwt {
    /// What the claim `iss` must be.
    pub issuer: String,
    /// What the claim `aud` must be, or contain.
    pub audience: String,
    /// The issuer's public keys: a JWK set (RFC 7517 section 5), or PEM.
    pub keys: PathBuf,
    /// The claim that holds the role, or a list in which it is.
    #[serde(default = "role")]
    pub roles_claim: String,
}

fn role() -> String {
    "role".into()
}

/// The table `[ems.limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Longest body of a request, bytes. A backup may have 32 MiB all the same.
    pub body_bytes: usize,
    /// Longest time for a request, seconds: for its header fields, for its body, and for the answer to begin.
    pub request_seconds: u64,
    /// Connections at the same time. One client address has at most half of them.
    pub connections: usize,
    /// Requests a second from one client address; so many may come at once.
    pub requests_per_second: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            listen: (Ipv4Addr::LOCALHOST, 8000).into(),
            plain: false,
            without_token: None,
            folder: None,
            tokens: None,
            tls: None,
            jwt: None,
            callbacks: Callbacks::default(),
            assume_version: false,
            limits: Limits::default(),
            click_on_osv: None,
            snmp: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits { body_bytes: 4 << 20, request_seconds: 30, connections: 256, requests_per_second: 2_000 }
    }
}

impl Settings {
    /// All its paths, so that they can be made whole.
    pub fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let Settings { folder, tokens, tls, jwt, callbacks, snmp, .. } = self;
        let Callbacks { authorities, certificate, key } = callbacks;
        let tls = tls.iter_mut().flat_map(|t| [&mut t.certificate, &mut t.key, &mut t.client_ca]);
        let snmp = snmp.iter_mut().flat_map(|s| [&mut s.users, &mut s.communities]);
        let keys = jwt.iter_mut().map(|j| &mut j.keys);
        [folder, tokens, authorities, certificate, key].into_iter().chain(tls).chain(snmp).flatten().chain(keys)
    }

    /// What cannot be meant.
    ///
    /// # Errors
    /// The key, and what it may be.
    pub fn check(&self) -> Result<(), String> {
        let Limits { body_bytes, request_seconds, connections, requests_per_second } = self.limits;
        if body_bytes == 0 || request_seconds == 0 || connections == 0 || requests_per_second == 0 {
            return Err("[ems.limits]: each is at least 1".into());
        }
        if self.plain && self.tls.is_some() {
            return Err("[ems]: ‘plain’ is HTTP without TLS, and [ems.tls] is TLS; keep one of them".into());
        }
        if self.without_token.is_some() && self.tokens_file().is_none() {
            return Err("[ems]: ‘without_token’ waits for a file of tokens: set ‘folder’ or ‘tokens’, too".into());
        }
        if self.snmp.is_some() && self.folder.is_none() {
            return Err(
                "[ems.snmp]: users' keys are of an engine that outlives the process: set ‘folder’ in [ems]".into()
            );
        }
        if self.snmp.is_some() && !cfg!(feature = "snmp") {
            return Err("[ems.snmp]: this program was built without SNMP".into());
        }
        Ok(())
    }

    /// The file of tokens, if there is a place for one.
    pub fn tokens_file(&self) -> Option<PathBuf> {
        self.tokens.clone().or_else(|| Some(self.folder.as_ref()?.join("tokens.toml")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_default_and_an_unknown_one_is_an_error() {
        assert_eq!(toml::from_str::<Settings>("").unwrap(), Settings::default());
        let some = "listen = '0.0.0.0:443'\nfolder = '/var/lib/sluice'\n[tls]\n[limits]\nconnections = 8\n\
                    [jwt]\nissuer = 'i'\naudience = 'a'\nkeys = 'k.json'\n";
        let some: Settings = toml::from_str(some).unwrap();
        assert_eq!((some.tls, some.limits.connections, some.limits.body_bytes), (Some(Tls::default()), 8, 4 << 20));
        assert_eq!(some.jwt.map(|j| j.roles_claim).as_deref(), Some("role"));
        assert!(toml::from_str::<Settings>("lisen = '0.0.0.0:443'").is_err());
        assert!(Settings::default().check().is_ok());
        for wrong in ["limits.connections = 0", "plain = true\n[tls]", "without_token = 'ask'", "[snmp]"] {
            assert!(toml::from_str::<Settings>(wrong).unwrap().check().is_err(), "{wrong}");
        }
        let waits = "plain = true\nwithout_token = 'ask'\nfolder = 'ems'\n[limits]\n";
        let waits: Settings = toml::from_str(waits).unwrap();
        assert!(waits.check().is_ok());
        assert_eq!(toml::from_str::<Settings>(&toml::to_string(&waits).unwrap()).unwrap(), waits);
    }
}
