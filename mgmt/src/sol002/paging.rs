//! Long answers in pages (SOL 013 clause 5.4). The marker is stateless: it says behind which entry the next page begins,
//! so it stays right when entries come and go.
use super::filter::{Filter, MARKER};
use super::version::Caller;
use crate::encoding::hex;
use crate::problem::Problem;
use axum::Json;
use axum::extract::Query;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// Most entries in one answer.
pub const PAGE: usize = 20;

/// The entries that fit the query, sorted by `id`, from where its marker says.
///
/// # Errors
/// 400 when the filter or the marker is wrong.
pub fn page(caller: &Caller, entries: Vec<Value>, attributes: &[&str]) -> Result<Response, Problem> {
    let filter = Filter::of(&caller.uri, attributes)?;
    let after = marker(caller)?;
    let id = |v: &Value| v["id"].as_str().unwrap_or_default().to_string();
    let fits = |v: &Value| filter.fits(v) && after.as_ref().is_none_or(|a| id(v) > *a);
    let mut entries: Vec<Value> = entries.into_iter().filter(fits).collect();
    entries.sort_by_key(id);
    let more = entries.len() > PAGE;
    entries.truncate(PAGE);
    let link = entries.last().filter(|_| more).map(|last| next(caller, &id(last)));
    let mut response = Json(entries).into_response();
    if let Some(link) = link.and_then(|l| HeaderValue::from_str(&l).ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// Entries up to which the caller has seen.
fn marker(caller: &Caller) -> Result<Option<String>, Problem> {
    let wrong = || Problem::bad_request(format!("{MARKER}: this is none that was given out"));
    let query = Query::<Vec<(String, String)>>::try_from_uri(&caller.uri).map_err(|_| wrong())?;
    let Some((_, marker)) = query.0.into_iter().find(|(key, _)| key == MARKER) else { return Ok(None) };
    let digits = marker.strip_prefix('p').filter(|d| d.len() % 2 == 0 && d.is_ascii()).ok_or_else(wrong)?;
    let byte = |i: usize| u8::from_str_radix(&digits[i..i + 2], 16).ok();
    let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
    let id = bytes.and_then(|b| String::from_utf8(b).ok()).filter(|id| !id.is_empty());
    id.map(Some).ok_or_else(wrong)
}

/// The rest of the query stays: a filter holds for all pages.
fn next(caller: &Caller, last: &str) -> String {
    let hex = hex(last.as_bytes());
    let mut query: Vec<String> = caller.uri.query().unwrap_or_default().split('&').map(str::to_string).collect();
    query.retain(|part| !part.is_empty() && part.split('=').next() != Some(MARKER));
    query.push(format!("{MARKER}=p{hex}"));
    format!("<{}?{}>; rel=\"next\"", caller.base.link(caller.uri.path()), query.join("&"))
}
