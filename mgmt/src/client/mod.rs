//! The client of the native API, behind `sluice ctl`: requests, answers, and what can go wrong between.
//!
//! Its types are those of the server: [`crate::functions::Changed`], [`crate::vnf::Trace`], [`Problem`] and so on.
use crate::clock;
use crate::problem::Problem;
use crate::tls;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::{BufReader, Read};
use std::path::PathBuf;
use std::time::Duration;
use ureq::Agent;
use ureq::http::{HeaderName, Method, Request, header};

mod failure;
pub mod path;
pub mod sse;

pub use failure::Failure;

/// Between two attempts to reach an EMS that is not there yet.
const RETRY_EVERY: Duration = Duration::from_millis(100);
/// Longest answer that is read as a whole, bytes.
const LONGEST: u64 = 64 << 20;

/// Whom to talk to, and how.
#[derive(Clone, Default)]
pub struct Options {
    /// Where the EMS listens: `http://127.0.0.1:8000`.
    pub url: String,
    /// The bearer token (RFC 6750).
    pub token: Option<String>,
    /// Who is trusted, and who we are.
    pub tls: Tls,
    /// Longest time that a request may take; of a stream, until it begins.
    pub timeout: Duration,
    /// An EMS that cannot be reached is tried again for so long.
    pub retry_for: Duration,
}

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

/// How an HTTP client is set up.
pub(crate) type Builder = ureq::config::ConfigBuilder<ureq::typestate::AgentScope>;

/// A client of one EMS.
pub struct Client {
    agent: Agent,
    url: String,
    bearer: Option<String>,
    timeout: Duration,
    retry_for: Duration,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, String)>,
    body: Vec<u8>,
    stream: bool,
}

impl Call {
    fn new(method: Method, path: impl Into<String>) -> Call {
        Call { method, path: path.into(), headers: Vec::new(), body: Vec::new(), stream: false }
    }
    /// GET of a path; see [`path`] for how to make one.
    pub fn get(path: impl Into<String>) -> Call {
        Call::new(Method::GET, path)
    }
    /// PUT
    pub fn put(path: impl Into<String>) -> Call {
        Call::new(Method::PUT, path)
    }
    /// POST
    pub fn post(path: impl Into<String>) -> Call {
        Call::new(Method::POST, path)
    }
    /// DELETE
    pub fn delete(path: impl Into<String>) -> Call {
        Call::new(Method::DELETE, path)
    }
    /// A field of the head.
    pub fn header(mut self, name: HeaderName, value: impl Into<String>) -> Call {
        self.headers.push((name, value.into()));
        self
    }
    /// The type of answer that is wanted.
    pub fn accept(self, mime: &str) -> Call {
        self.header(header::ACCEPT, mime)
    }
    /// Only if the entity tag still fits (RFC 9110 section 13.1.1).
    pub fn if_match(self, etag: &str) -> Call {
        self.header(header::IF_MATCH, etag)
    }
    /// A body.
    pub fn body(mut self, mime: &str, body: impl Into<Vec<u8>>) -> Call {
        self.body = body.into();
        self.header(header::CONTENT_TYPE, mime)
    }
    /// A body in JSON.
    pub fn json(self, body: &Value) -> Call {
        self.body("application/json", body.to_string())
    }
    /// The answer goes on for as long as it likes.
    pub fn stream(mut self) -> Call {
        self.stream = true;
        self
    }
}

/// What came back, status 200 to 299. Its body is still on its way.
pub struct Reply {
    body: ureq::Body,
    url: String,
}

impl Reply {
    fn bytes(&mut self) -> Result<Vec<u8>, Failure> {
        let read = self.body.with_config().limit(LONGEST).read_to_vec();
        read.map_err(|e| Failure::of(&self.url, e))
    }
    /// The body as text. What is no UTF-8 is replaced.
    ///
    /// # Errors
    /// The answer breaks off, or is longer than 64 MiB.
    pub fn text(mut self) -> Result<String, Failure> {
        Ok(String::from_utf8_lossy(&self.bytes()?).into_owned())
    }
    /// The body as a JSON value; null if there is none.
    ///
    /// # Errors
    /// The same, or it is no JSON.
    pub fn json(mut self) -> Result<Value, Failure> {
        let bytes = self.bytes()?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|e| Failure::strange(&self.url, format!("no JSON: {e}")))
    }
    /// The body as it comes, without an end.
    pub fn reader(self) -> impl Read {
        self.body.into_with_config().limit(u64::MAX).reader()
    }
    /// The body as server-sent events.
    pub fn events(self) -> sse::Events<impl std::io::BufRead> {
        sse::Events::new(BufReader::new(self.reader()))
    }
}

impl Client {
    /// A client; nothing is connected yet.
    ///
    /// # Errors
    /// [`Failure::Options`]: the address is none, a certificate cannot be used.
    pub fn new(options: Options) -> Result<Client, Failure> {
        let Options { url, token, tls, timeout, retry_for } = options;
        let url = url.trim_end_matches('/').to_string();
        let uri: ureq::http::Uri = url.parse().map_err(|e| Failure::Options(format!("‘{url}’ is no address: {e}")))?;
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(Failure::Options(format!("‘{url}’: give the address as http://HOST:PORT or https://..."))),
        };
        let bearer = token.map(|t| format!("Bearer {t}"));
        // An EMS is near: no proxy is asked, and no redirection followed that could take the token elsewhere.
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("sluice-ctl/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(timeout));
        if secure {
            config = tls::client::secure(config.https_only(true), &tls).map_err(Failure::Options)?;
        }
        Ok(Client { agent: config.build().new_agent(), url, bearer, timeout, retry_for })
    }

    /// Where the EMS is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a request. An EMS that is not there is tried again for as long as the options say; a request that may have
    /// arrived is never sent twice.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn send(&self, call: &Call) -> Result<Reply, Failure> {
        let until = clock::monotonic() + self.retry_for;
        loop {
            match self.once(call) {
                Err(Failure::Unreachable { .. }) if clock::monotonic() < until => std::thread::sleep(RETRY_EVERY),
                other => return other,
            }
        }
    }

    fn once(&self, call: &Call) -> Result<Reply, Failure> {
        let mut request = Request::builder().method(call.method.clone()).uri(format!("{}{}", self.url, call.path));
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        if let Some(bearer) = &self.bearer {
            request = request.header(header::AUTHORIZATION, bearer);
        }
        let wrong = |e: ureq::http::Error| Failure::Options(format!("this cannot be asked: {e}"));
        let timeout = Some(self.timeout);
        let sent = if call.method == Method::GET {
            let request = self.agent.configure_request(request.body(()).map_err(wrong)?);
            let request = match call.stream {
                true => request.timeout_global(None).timeout_connect(timeout).timeout_recv_response(timeout),
                false => request,
            };
            self.agent.run(request.build())
        } else {
            self.agent.run(request.body(&call.body[..]).map_err(wrong)?)
        };
        let (head, mut body) = sent.map_err(|e| Failure::of(&self.url, e))?.into_parts();
        if head.status.is_success() {
            return Ok(Reply { body, url: self.url.clone() });
        }
        let text = body.with_config().limit(LONGEST).read_to_string().unwrap_or_default();
        Err(Failure::refused(head.status, &text))
    }

    /// GET, answered in JSON.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn get(&self, path: &str) -> Result<Value, Failure> {
        self.send(&Call::get(path).accept("application/json"))?.json()
    }

    /// An answer in JSON as one of the API's types.
    ///
    /// # Errors
    /// [`Failure::Strange`]: it is none.
    pub fn read<T: DeserializeOwned>(&self, value: &Value) -> Result<T, Failure> {
        T::deserialize(value).map_err(|e| Failure::strange(&self.url, e.to_string()))
    }
}
