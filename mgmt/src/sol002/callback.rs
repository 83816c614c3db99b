//! Calls of a subscriber's callback (SOL 013 clause 8.3): a test when it subscribes, then notifications.
use super::subscription::{Authentication, Basic, Oauth2, Wanted, Way};
use super::version::Api;
use crate::clock;
use crate::problem::Problem;
use crate::settings::Callbacks;
use crate::tls::client::Trust;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use ureq::{Agent, Body};

/// Longest answer that is read, bytes.
const LONGEST: u64 = 64 << 10;
/// A token is not used in its last seconds.
const SPARE: Duration = Duration::from_secs(10);

/// What calls are made with.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// A call may take so long.
    pub within: Duration,
    /// Who is trusted, and who we are.
    pub trust: Trust,
}

impl Default for Outgoing {
    fn default() -> Outgoing {
        Outgoing { within: Duration::from_secs(5), trust: Trust::default() }
    }
}

impl Outgoing {
    /// As settings say it.
    ///
    /// # Errors
    /// A file that cannot be read, or has no certificate in it; certificates in a program without TLS.
    pub fn of(settings: &Callbacks) -> Result<Outgoing, String> {
        Ok(Outgoing { trust: Trust::of(settings)?, ..Outgoing::default() })
    }
}

/// How the EMS proves who it is.
#[derive(Debug)]
enum Proof {
    Nothing,
    Basic(Basic),
    Token(Oauth2, Mutex<Option<(String, Duration)>>),
    Certificate,
}

/// Calls one callback.
#[derive(Debug)]
pub struct Callback {
    agent: Agent,
    uri: String,
    proof: Proof,
}

/// A call that failed.
#[derive(Debug)]
pub struct Failure {
    /// It may go better later.
    pub again: bool,
    /// What happened, for people.
    pub why: String,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_in: Option<u64>,
}

impl Callback {
    /// A callback as it was wanted.
    ///
    /// # Errors
    /// 422 when the EMS can go none of the ways that it takes, or `https` is wanted and there are no authorities, or no TLS.
    pub fn new(wanted: &Wanted, outgoing: &Outgoing) -> Result<Callback, Problem> {
        let proof = match &wanted.authentication {
            None => Proof::Nothing,
            Some(a) => proof(a, outgoing)?,
        };
        let token_endpoint = if let Proof::Token(oauth2, _) = &proof { oauth2.token_endpoint.as_str() } else { "" };
        let secure = [&wanted.callback_uri, token_endpoint].into_iter().any(is_https);
        // No redirects: who may subscribe decides where the EMS calls, not whoever answers.
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(outgoing.within))
            .max_idle_connections_per_host(1)
            .user_agent("sluice");
        let config = outgoing.trust.secure(config, secure, matches!(proof, Proof::Certificate))?;
        Ok(Callback { agent: config.build().into(), uri: wanted.callback_uri.clone(), proof })
    }

    /// Whether it is there: it must answer a GET with success (204, SOL 013 clause 8.3.3).
    ///
    /// # Errors
    /// It does not.
    pub fn test(&self) -> Result<(), Failure> {
        self.call(|authorization| {
            let mut request = self.agent.get(&self.uri);
            if let Some(a) = authorization {
                request = request.header("authorization", a);
            }
            request.call()
        })
    }

    /// Tells it.
    ///
    /// # Errors
    /// It did not take it.
    pub fn tell(&self, notification: &str) -> Result<(), Failure> {
        let version = Api::of("/vnfind").and_then(|a| a.versions.last()).copied().unwrap_or_default();
        self.call(|authorization| {
            let mut request = self.agent.post(&self.uri).header("version", version).content_type("application/json");
            if let Some(a) = authorization {
                request = request.header("authorization", a);
            }
            request.send(notification)
        })
    }

    /// Calls, and once more with a new token when the old one is refused.
    fn call(
        &self,
        send: impl Fn(Option<&str>) -> Result<ureq::http::Response<Body>, ureq::Error>,
    ) -> Result<(), Failure> {
        for last in [false, true] {
            let authorization = self.authorization()?;
            let answer = send(authorization.as_deref()).map_err(|e| later(format!("{}: {e}", self.uri)))?;
            let status = answer.status();
            // Read to its end, so that the connection can be used again.
            let _ = answer.into_body().into_with_config().limit(LONGEST).read_to_vec(); // what it says does not matter
            if status.is_success() {
                return Ok(());
            }
            if let (401, Proof::Token(_, held), false) = (status.as_u16(), &self.proof, last) {
                *held.lock().unwrap_or_else(PoisonError::into_inner) = None;
                continue;
            }
            // 4xx: it will not take it later either.
            let again = !status.is_client_error() || matches!(status.as_u16(), 408 | 425 | 429);
            return Err(Failure { again, why: format!("{} answered {status}", self.uri) });
        }
        Err(Failure { again: false, why: format!("{} does not take our token", self.uri) })
    }

    fn authorization(&self) -> Result<Option<String>, Failure> {
        Ok(match &self.proof {
            Proof::Nothing | Proof::Certificate => None,
            Proof::Basic(b) => Some(basic(&b.user_name, &b.password.0)),
            Proof::Token(oauth2, held) => {
                let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                let fresh = held.as_ref().filter(|(_, until)| clock::monotonic() < *until);
                let token = match fresh {
                    Some((token, _)) => token.clone(),
                    None => held.insert(self.token(oauth2)?).0.clone(),
                };
                Some(format!("Bearer {token}"))
            }
        })
    }

    /// RFC 6749 section 4.4.2.
    fn token(&self, oauth2: &Oauth2) -> Result<(String, Duration), Failure> {
        let failed = |why: String| later(format!("{}: {why}", oauth2.token_endpoint));
        let answer = self
            .agent
            .post(&oauth2.token_endpoint)
            .header("authorization", basic(&oauth2.client_id, &oauth2.client_password.0))
            .header("accept", "application/json")
            .content_type("application/x-www-form-urlencoded")
            .send("grant_type=client_credentials");
        let mut answer = answer.map_err(|e| failed(e.to_string()))?;
        if !answer.status().is_success() {
            return Err(failed(format!("no token: {}", answer.status())));
        }
        let body = answer.body_mut().with_config().limit(LONGEST).read_to_vec().map_err(|e| failed(e.to_string()))?;
        let token: Token = serde_json::from_slice(&body).map_err(|_| failed("this is no token".into()))?;
        let holds = Duration::from_secs(token.expires_in.unwrap_or(60)).saturating_sub(SPARE);
        Ok((token.access_token, clock::monotonic().saturating_add(holds)))
    }
}

/// Whether TLS is spoken there (RFC 3986 section 3.1: the scheme's case does not matter).
fn is_https(uri: &str) -> bool {
    uri.split(':').next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}

fn proof(wanted: &Authentication, outgoing: &Outgoing) -> Result<Proof, Problem> {
    for way in &wanted.auth_type {
        match (way, &wanted.params_basic, &wanted.params_oauth2_client_credentials) {
            (Way::Basic, Some(b), _) => return Ok(Proof::Basic(b.clone())),
            (Way::Oauth2ClientCredentials, _, Some(o)) => return Ok(Proof::Token(o.clone(), Mutex::default())),
            (Way::TlsCert, ..) if outgoing.trust.proves_who_we_are() => {
                return Ok(Proof::Certificate);
            }
            _ => {}
        }
    }
    let detail = "authentication: give BASIC with paramsBasic, OAUTH2_CLIENT_CREDENTIALS with \
                  paramsOauth2ClientCredentials, or TLS_CERT if the EMS has a client certificate";
    Err(Problem::unprocessable(detail))
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{password}")))
}

fn later(why: String) -> Failure {
    Failure { again: true, why }
}
