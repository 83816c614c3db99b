//! The configuration of the VNF (SOL 002 clause 9.4.2): the function and its parameters, and the data ports' addresses.
use super::version::Caller;
use super::{body, merge};
use crate::command::{Answer, Command};
use crate::encoding::hex;
use crate::functions::{Function, Terms};
use crate::problem::Problem;
use crate::routes::Ask;
use crate::vnf::Port;
use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::{OffsetDateTime, UtcOffset};

/// What it is made of, at one moment.
struct Now {
    ports: Vec<Port>,
    functions: Vec<Function>,
    /// When it was changed last, to the second; unknown while a change waits for its confirmation.
    modified: Option<OffsetDateTime>,
}

impl Now {
    async fn read(ask: &Ask) -> Result<Now, Problem> {
        let Answer::Stats(snapshot, _) = ask.clone().for_(Command::Stats).await? else { return Err(unexpected()) };
        let Answer::Functions(names) = ask.clone().for_(Command::Functions).await? else { return Err(unexpected()) };
        let (mut functions, mut times) = (Vec::new(), Vec::new());
        for name in names {
            let asked = Command::Function(name.name.clone());
            let Answer::Function(f) = ask.clone().for_(asked).await? else { return Err(unexpected()) };
            let asked = Command::Revisions(name.name);
            let Answer::Revisions(all) = ask.clone().for_(asked).await? else { return Err(unexpected()) };
            let last = all.last().filter(|r| r.number == f.revision);
            times.push(last.and_then(|r| OffsetDateTime::parse(&r.time, &Rfc3339).ok()));
            functions.push(*f);
        }
        let modified = times.into_iter().collect::<Option<Vec<_>>>().and_then(|t| t.into_iter().max());
        let modified = modified.and_then(|t| t.to_offset(UtcOffset::UTC).replace_nanosecond(0).ok());
        Ok(Now { ports: snapshot.ports.clone(), functions, modified })
    }

    /// The function's own entity tag, so that it is the same here and in the native API; one of all if there are several.
    fn etag(&self) -> String {
        if let [one] = self.functions.as_slice() {
            return one.etag.clone();
        }
        let mut hash = Sha256::new();
        self.functions.iter().for_each(|f| hash.update(format!("{} {}\n", f.name, f.etag)));
        format!("\"{}\"", hex(&hash.finalize()[..8]))
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let modified = self.modified.and_then(|t| t.format(&Rfc2822).ok());
        // RFC 9110 section 5.6.7: the zone of an HTTP date is written GMT.
        let modified = modified.map(|t| t.replace("+0000", "GMT"));
        for (name, value) in [(header::ETAG, Some(self.etag())), (header::LAST_MODIFIED, modified)] {
            if let Some(value) = value.and_then(|v| v.parse().ok()) {
                headers.insert(name, value);
            }
        }
        headers
    }

    /// RFC 9110 section 13.2.2: `If-Match` decides, and only without it `If-Unmodified-Since`. Whether there was any.
    fn precondition(&self, headers: &HeaderMap) -> Result<bool, Problem> {
        let text = |name| headers.get(name).map(|v| v.to_str().unwrap_or_default());
        let etag = self.etag();
        let failed = |why: String| {
            Problem::precondition_failed(format!("the configuration {why}; its entity tag is {etag}"))
                .header(header::ETAG, etag.clone())
        };
        if let Some(field) = text(header::IF_MATCH) {
            let fits = field.split(',').map(str::trim).any(|t| t == "*" || t == etag);
            return if fits { Ok(true) } else { Err(failed(format!("is not at {field}"))) };
        }
        let Some(field) = text(header::IF_UNMODIFIED_SINCE) else { return Ok(false) };
        // A date that cannot be read is no precondition (RFC 9110 section 13.1.4).
        let Ok(since) = OffsetDateTime::parse(field, &Rfc2822) else { return Ok(false) };
        if self.modified.is_some_and(|m| m > since) {
            return Err(failed(format!("was changed after {field}")));
        }
        Ok(true)
    }
}

fn unexpected() -> Problem {
    Problem::internal("an answer to another command")
}

/// Reads the configuration.
pub(super) async fn show(caller: Caller) -> Result<Response, Problem> {
    let now = Now::read(&caller.ask).await?;
    Ok((now.headers(), Json(merge::show(&now.ports, &now.functions))).into_response())
}

/// Modifies it. The answer is what was applied (`VnfConfigModifications`).
pub(super) async fn modify(caller: Caller, request: Request) -> Result<Response, Problem> {
    let patch = body::read(request, body::MERGE_PATCH).await?;
    let now = Now::read(&caller.ask).await?;
    let conditional = now.precondition(&caller.headers)?;
    let Some((name, change)) = merge::wanted(&patch, &now.ports, &now.functions)? else {
        return Ok((now.headers(), Json(patch)).into_response());
    };
    // It was merged with what was read: if somebody else was faster, that is not what it would change.
    let etag = now.functions.iter().find(|f| f.name == name).map(|f| f.etag.clone());
    let terms = Terms { if_match: etag, ..Terms::default() };
    let done = caller.ask.clone().for_(Command::ChangeFunction(name, change, terms)).await;
    done.map_err(|p| match p.code() {
        StatusCode::PRECONDITION_FAILED if !conditional => {
            Problem::conflict("somebody else changed the configuration meanwhile; try again")
        }
        _ => p,
    })?;
    let now = Now::read(&caller.ask).await?;
    Ok((now.headers(), Json(patch)).into_response())
}
