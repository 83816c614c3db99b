//! The whole configuration in one archive, and back.
//!
//! Restoring changes all functions or none. Nothing of an archive is written to a disk: names in it are only compared with
//! those that a backup of its functions would have.
use crate::archive::{Damage, File, MANIFEST, Reader, Writer, part, pretty};
use crate::clock;
use crate::ems::Ems;
use crate::functions::{Change, Changed, LONGEST_TEXT};
use crate::problem::Problem;
use crate::store::Revision;
use crate::vnf::{Configuration, Identity};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use utoipa::ToSchema;

/// Version of the archive's layout.
const FORMAT: u32 = 1;
/// What a manifest calls it, so that no other archive is taken for one.
const KIND: &str = "sluice-backup";
const IDENTITY: &str = "identity.json";

/// What a backup has.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    kind: String,
    format: u32,
    /// When it was made, RFC 3339.
    time: String,
    /// Names of the functions.
    functions: Vec<String>,
    files: Vec<File>,
}

/// What is read first of a manifest: the rest may look different in another version.
#[derive(Deserialize)]
struct Version {
    kind: String,
    format: u32,
}

/// What became of a restored backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Restored {
    /// It was only looked whether it would do.
    pub dry_run: bool,
    /// When the backup was made, RFC 3339.
    pub time: String,
    /// Whose backup it is.
    pub identity: Identity,
    /// What became of each function.
    pub functions: Vec<Changed>,
    /// Functions that the backup does not have.
    pub untouched: Vec<String>,
}

/// A backup that was read, and is whole.
#[derive(Debug)]
struct Backup {
    time: String,
    identity: Identity,
    functions: Vec<(String, String, BTreeMap<String, String>)>,
}

/// Names of a function's files: its text, its parameters, its revisions.
fn names(function: &str) -> [String; 3] {
    ["function.click", "parameters.json", "revisions.json"].map(|file| format!("functions/{}/{file}", part(function)))
}

/// Makes a backup: what each function is, a change that waits for its confirmation aside, and the newest of its revisions,
/// as many as there is room for.
///
/// # Errors
/// 404 when a function has gone meanwhile; 507 when the functions do not fit.
pub fn make(ems: &Ems) -> Result<Vec<u8>, Problem> {
    let full = |e: io::Error| {
        Problem::new(StatusCode::INSUFFICIENT_STORAGE, format!("the configuration does not fit into a backup: {e}"))
    };
    let mut out = Writer::default();
    out.add(IDENTITY, &pretty(&ems.identity).map_err(full)?).map_err(full)?;
    let functions: Vec<String> = ems.vnf.functions().into_iter().map(|f| f.name).collect();
    for name in &functions {
        let Configuration { text, parameters, .. } = ems.functions.last_good(name)?;
        let [text_name, parameters_name, _] = names(name);
        out.add(&text_name, text.as_bytes()).map_err(full)?;
        out.add(&parameters_name, &pretty(&parameters).map_err(full)?).map_err(full)?;
    }
    for (n, name) in functions.iter().enumerate() {
        let room = out.room() / (functions.len() - n); // each its share
        let revisions = newest(ems.store.revisions(name), room);
        out.add(&names(name)[2], &pretty(&revisions).map_err(full)?).map_err(full)?;
    }
    let manifest =
        Manifest { kind: KIND.into(), format: FORMAT, time: clock::now(), functions, files: out.files.clone() };
    out.finish(&manifest).map_err(full)
}

/// The newest revisions that take no more than so many bytes, the oldest first.
fn newest(mut revisions: Vec<std::sync::Arc<Revision>>, room: usize) -> Vec<std::sync::Arc<Revision>> {
    let mut left = room.saturating_sub(16);
    let from = revisions.iter().rposition(|r| {
        // Each is indented by two spaces in the list; lines of JSON are few, for the text is one of them.
        let size = pretty(r).map_or(usize::MAX, |t| t.len() + 2 * t.iter().filter(|b| **b == b'\n').count() + 4);
        let fits = size <= left;
        left = left.saturating_sub(size);
        !fits
    });
    revisions.drain(..from.map_or(0, |n| n + 1));
    revisions
}

/// Restores a backup.
///
/// # Errors
/// 400 when the archive is damaged; 413 when there is too much in it; 422 when it is of another version, or of functions
/// that this VNF does not have, or one of them cannot run; 409 as [`crate::functions::Functions::change`]. Nothing is
/// changed then.
pub fn restore(ems: &Ems, archive: &[u8], dry_run: bool, author: &str) -> Result<Restored, Problem> {
    let Backup { time, identity, functions } = read(archive)?;
    let here: Vec<String> = ems.vnf.functions().into_iter().map(|f| f.name).collect();
    if let Some((name, ..)) = functions.iter().find(|(name, ..)| !here.contains(name)) {
        return Err(Problem::unprocessable(format!(
            "the backup has a function ‘{name}’; this VNF has none of this name"
        )));
    }
    let untouched = here.into_iter().filter(|n| !functions.iter().any(|(name, ..)| name == n)).collect();
    let comment = format!("restored from a backup of {time}");
    let change = |(name, text, parameters)| {
        let change = Change {
            text: Some(text),
            parameters: Some(parameters),
            comment: Some(comment.clone()),
            ..Change::default()
        };
        (name, change)
    };
    let wanted = functions.into_iter().map(change).collect();
    let functions = ems.functions.change_together(wanted, dry_run, author)?;
    Ok(Restored { dry_run, time, identity, functions, untouched })
}

/// Reads a backup, and checks all of it.
fn read(archive: &[u8]) -> Result<Backup, Problem> {
    let damaged = |e: Damage| match e {
        Damage::TooLarge => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("no backup: {e}")),
        Damage::Broken(_) => Problem::bad_request(format!("the backup is damaged: {e}")),
    };
    let bad = |what: String| Problem::bad_request(format!("the backup is damaged: {what}"));
    let archive = Reader::new(archive).map_err(damaged)?;
    let manifest = archive.get(MANIFEST).ok_or_else(|| bad(format!("‘{MANIFEST}’ is missing")))?;
    let version: Version = parse(MANIFEST, manifest)?;
    if version.kind != KIND || version.format != FORMAT {
        let found: String = version.kind.chars().take(40).collect();
        let detail = format!("this is ‘{found}’ of format {}; ‘{KIND}’ of format {FORMAT} is known", version.format);
        return Err(Problem::unprocessable(detail));
    }
    let manifest: Manifest = parse(MANIFEST, manifest)?;
    archive.verify(&manifest.files).map_err(damaged)?;
    let mut known: BTreeSet<String> = manifest.functions.iter().flat_map(|f| names(f)).collect();
    known.insert(IDENTITY.into());
    if known.len() != 1 + 3 * manifest.functions.len() || manifest.files.iter().any(|f| !known.contains(&f.name)) {
        return Err(bad("its files are not those of its functions".into()));
    }
    let file = |name: &str| archive.get(name).ok_or_else(|| bad(format!("‘{name}’ is missing")));
    let mut functions = Vec::new();
    for name in &manifest.functions {
        let [text_name, parameters_name, revisions_name] = names(name);
        let text = std::str::from_utf8(file(&text_name)?).map_err(|e| bad(format!("‘{text_name}’: {e}")))?;
        if text.len() > LONGEST_TEXT {
            let detail = format!("the text of ‘{name}’ has more than {LONGEST_TEXT} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        parse::<Vec<Revision>>(&revisions_name, file(&revisions_name)?)?;
        functions.push((name.clone(), text.to_string(), parse(&parameters_name, file(&parameters_name)?)?));
    }
    Ok(Backup {
        time: manifest.time.chars().take(40).collect(),
        identity: parse(IDENTITY, file(IDENTITY)?)?,
        functions,
    })
}

fn parse<'a, T: Deserialize<'a>>(name: &str, content: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(content).map_err(|e| Problem::bad_request(format!("the backup is damaged: ‘{name}’: {e}")))
}
