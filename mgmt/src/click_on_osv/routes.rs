//! Their paths to our commands.
use super::{header, metrics};
use crate::auth::{Actor, Role};
use crate::clock;
use crate::command::{Answer, Command, Vnf, Wanted};
use crate::ems::Ems;
use crate::functions::{Change, Function, LONGEST_TEXT, Terms};
use crate::problem::Problem;
use crate::vnf::{MAIN, State};
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, FromRequestParts, RawQuery};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header as field};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use std::sync::Arc;

/// Lines of the log that are shown.
const LOG_LINES: usize = 1000;
/// Longest body, bytes. A longer function than this cannot be written, however it is encoded.
const LONGEST_BODY: usize = LONGEST_TEXT + 1024;

/// The service: nine paths, with or without a slash at their end, and nothing else.
pub fn app(ems: Arc<Ems>) -> Router {
    let paths: [(&str, MethodRouter<Arc<Ems>>); 9] = [
        ("version", get(|| async { json("2.0") })),
        ("running", get(running)),
        ("start", post(start)),
        ("stop", post(stop)),
        ("read_file", get(read_file)),
        ("write_file", post(write_file)),
        ("vnf_identification", get(vnf_identification)),
        ("metrics", get(show_metrics)),
        ("log", get(log)),
    ];
    let add = |router: Router<Arc<Ems>>, (name, method): (&str, MethodRouter<Arc<Ems>>)| {
        let path = format!("/click_plugin/{name}");
        router.route(&format!("{path}/"), method.clone()).route(&path, method)
    };
    let none = || async { Failure(Problem::not_found("Not found")) };
    paths
        .into_iter()
        .fold(Router::new(), add)
        .fallback(none)
        .method_not_allowed_fallback(none) // theirs does not tell them apart
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(ems)
}

/// An error as the HTTP server of OSv shows it. Its status is the real one.
struct Failure(Problem);

impl std::convert::From<Problem> for Failure {
    fn from(problem: Problem) -> Failure {
        Failure(problem)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = format!("{{\"message\": {}, \"code\": {}}}", quoted(&self.0.detail), self.0.status);
        (self.0.code(), [(field::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

type Result<T = Response> = std::result::Result<T, Failure>;

/// Who asks: whoever a middleware recognised, or the platform's clients, which may change the function.
struct Ask(Arc<Ems>, Actor);

impl FromRequestParts<Arc<Ems>> for Ask {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, ems: &Arc<Ems>) -> std::result::Result<Ask, Self::Rejection> {
        let known = parts.extensions.get::<Actor>().cloned();
        let actor = known.unwrap_or_else(|| Actor { name: "click-on-osv".into(), role: Role::Operator });
        Ok(Ask(ems.clone(), actor))
    }
}

impl Ask {
    async fn for_(&self, command: Command) -> Result<Answer> {
        Ok(self.0.execute(Some(self.1.clone()), command).await?)
    }
    async fn vnf(&self) -> Result<Vnf> {
        match self.for_(Command::Vnf).await? {
            Answer::Vnf(vnf) => Ok(*vnf),
            _ => Err(unexpected()),
        }
    }
    async fn function(&self) -> Result<Function> {
        match self.for_(Command::Function(MAIN.into())).await? {
            Answer::Function(function) => Ok(*function),
            _ => Err(unexpected()),
        }
    }
}

fn unexpected() -> Failure {
    Failure(Problem::internal("the answer does not belong to the command"))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A word as theirs: a JSON string.
fn json(text: &str) -> Response {
    raw(quoted(text))
}

fn raw(body: String) -> Response {
    ([(field::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn running(ask: Ask) -> Result {
    Ok(raw((ask.vnf().await?.state == State::Running).to_string()))
}

async fn start(ask: Ask) -> Result {
    if ask.vnf().await?.state == State::Running {
        return Ok(json("Click is already running"));
    }
    if let Err(wrong) = header::parse(&ask.function().await?.configuration.text) {
        // The word says nothing; who reads the log learns why.
        wrong.iter().for_each(|w| ask.0.journal.say("ems", &format!("header of {MAIN}: {w}")));
        return Ok(json("Invalid VNF Header"));
    }
    ask.for_(Command::SetState(Wanted::Running)).await?;
    Ok(json(&format!("Sucess: PID {}", std::process::id()))) // spelt as theirs
}

async fn stop(ask: Ask) -> Result {
    if ask.vnf().await?.state == State::Stopped {
        return Ok(json("Click is not running"));
    }
    ask.for_(Command::SetState(Wanted::Stopped)).await?;
    Ok(json("Success"))
}

async fn read_file(ask: Ask) -> Result {
    Ok(json(&ask.function().await?.configuration.text))
}

type Pairs = Vec<(String, String)>;

/// The content comes in the query, in a form, or as the body. `path` is not looked at: there is one file.
async fn write_file(
    ask: Ask,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: std::result::Result<Bytes, BytesRejection>,
) -> Result {
    let bad = |what: String| Failure(Problem::bad_request(what));
    let body = body.map_err(|e| Failure(Problem::new(e.status(), e.body_text())))?;
    let parse = |bytes: &[u8]| form_urlencoded::parse(bytes).into_owned().collect::<Pairs>();
    let mut pairs = parse(query.unwrap_or_default().as_bytes());
    let mime = headers.get(field::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("text/plain");
    let mime = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match mime.as_str() {
        _ if body.is_empty() => {}
        "application/x-www-form-urlencoded" => pairs.extend(parse(&body)),
        "text/plain" | "application/octet-stream" => {
            let text = String::from_utf8(body.into()).map_err(|e| bad(format!("the body is not UTF-8: {e}")))?;
            pairs.push(("content".into(), text));
        }
        _ => {
            let what = format!("‘{mime}’ is not understood; send a form or text/plain");
            return Err(Failure(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, what)));
        }
    }
    let text = content(pairs).map_err(bad)?;
    let change = Change { text: Some(text), ..Change::default() };
    ask.for_(Command::ChangeFunction(MAIN.into(), change, Terms::default())).await?;
    Ok(([(field::CONTENT_TYPE, "text/plain")], "OK!!").into_response())
}

/// The one content. A `&` that was not encoded would end it early, and with it, say, a firewall's rules: that is an error.
fn content(pairs: Pairs) -> std::result::Result<String, String> {
    let mut found = None;
    for (name, value) in pairs {
        match name.as_str() {
            "path" => {}
            "content" if found.is_none() => found = Some(value),
            "content" => return Err("there is more than one ‘content’".into()),
            _ => {
                let name: String = name.chars().take(40).collect();
                return Err(format!("parameter ‘{name}’ is not known; in ‘content’, write & as %26"));
            }
        }
    }
    found.filter(|text| !text.is_empty()).ok_or_else(|| "Missing mandatory parameter 'content'".into())
}

async fn vnf_identification(ask: Ask) -> Result {
    let (vnf, function) = (ask.vnf().await?, ask.function().await?);
    let header = header::parse(&function.configuration.text).unwrap_or_else(|_| header::Header {
        provider: vnf.identity.provider,
        description: vnf.identity.description,
        version: vnf.identity.version,
        id: vnf.identity.id,
        name: vnf.identity.name,
        ..header::Header::default()
    });
    let framework = header.framework.unwrap_or_else(|| "Click".into());
    let fields = [
        ("provider", header.provider),
        ("description", header.description),
        ("version", header.version),
        ("id", header.id),
        ("name", header.name),
        ("framework", framework),
    ];
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\": {}", quoted(value))).collect();
    Ok(raw(format!("{{{}}}", fields.join(", "))))
}

async fn show_metrics(ask: Ask) -> Result {
    let Answer::Stats(snapshot, rates) = ask.for_(Command::Stats).await? else { return Err(unexpected()) };
    let machine = tokio::task::spawn_blocking(metrics::Machine::look).await.unwrap_or_default();
    let figure = |(id, (name, value)): (usize, (&str, u64))| {
        format!("{{\"id\": {id}, \"value\": {value}, \"name\": {}}}", quoted(name))
    };
    let list: Vec<_> = metrics::figures(machine, &snapshot, &rates).into_iter().enumerate().map(figure).collect();
    let time = clock::wall() / 1_000_000;
    Ok(raw(format!("{{\"time_ms\": {time}, \"list\": [{}]}}", list.join(","))))
}

async fn log(ask: Ask) -> Result {
    let Answer::Log(lines) = ask.for_(Command::Log(0, LOG_LINES)).await? else { return Err(unexpected()) };
    if lines.is_empty() && ask.vnf().await?.state != State::Running {
        return Ok(json("Click is not running"));
    }
    let text: String = lines.iter().map(|l| format!("{} {}: {}\n", l.time, l.source, l.text)).collect();
    Ok(json(&text))
}
