//! The audit log: who changed what, from where, and how it ended.
//!
//! Each entry holds the SHA-256 of the one before it, and one over itself: whoever changes, removes or inserts an entry has
//! to write all that follow anew, and then the last hash is another one. A manager that remembers the last hash that it
//! saw finds out. A value that somebody wrote is never in it: it may be a secret.
use crate::alarms::{Alarms, Cause, Severity};
use crate::auth::{Actor, Call};
use crate::clock;
use crate::encoding::sha256;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use utoipa::ToSchema;

/// Entries that are kept in memory, and shown.
pub const KEPT: usize = 2048;
/// A file that is longer, bytes, is put aside, and another one begun.
pub const FILE_BYTES: u64 = 1 << 20;
/// Files that are kept: the one that is written, and those put aside, of which `audit.1.jsonl` is the newest.
pub const FILES: usize = 5;
/// Longest text in an entry, bytes.
const LONGEST: usize = 256;
/// What the alarm is about.
const OBJECT: &str = "audit";

/// An entry. In a file, it is a line of JSON with its fields in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its number; they count up without a gap, also over a restart.
    pub number: u64,
    /// When, RFC 3339.
    pub time: String,
    /// Who.
    pub actor: String,
    /// What that one may do.
    pub role: String,
    /// Number of the request (`X-Request-Id`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Address that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// What was asked.
    pub what: String,
    /// `done`, or the status that it was refused with.
    pub outcome: String,
    /// Hash of the entry before; 64 zeros where a chain begins.
    pub previous: String,
    /// SHA-256 of this entry as a line without this field, hexadecimal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
}

impl Entry {
    fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() // texts and a number: there is nothing that fails
    }
    fn sealed(mut self) -> Entry {
        self.hash = String::new();
        self.hash = sha256(self.line());
        self
    }
}

/// Where a chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The line, from 1.
    pub line: usize,
    /// Why.
    pub why: &'static str,
}

/// Checks the lines of a log, the oldest first, and gives its entries. The first one continues whatever was there before:
/// old files go.
///
/// # Errors
/// The first line that does not follow from the one before it.
pub fn verify<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Vec<Entry>, Broken> {
    let mut all: Vec<Entry> = Vec::new();
    for (i, line) in lines.into_iter().enumerate() {
        let broken = |why| Broken { line: i + 1, why };
        let entry: Entry = serde_json::from_str(line).map_err(|_| broken("no entry"))?;
        // The same bytes again, or something is in the line that the hash does not cover.
        if entry.clone().sealed().line() != line {
            return Err(broken("its hash is another one"));
        }
        if let Some(last) = all.last() {
            if entry.number != last.number + 1 {
                return Err(broken("its number does not follow"));
            }
            if entry.previous != last.hash {
                return Err(broken("it does not follow the entry before it"));
            }
        }
        all.push(entry);
    }
    Ok(all)
}

fn zeros() -> String {
    "0".repeat(64)
}

#[derive(Default)]
struct Log {
    entries: VecDeque<Entry>,
    last: Option<(u64, String)>,
    /// Lines that are not in the file yet, because it could not be written.
    unsaved: VecDeque<String>,
    file: Option<(PathBuf, File, u64)>,
}

/// The audit log. In memory, until a file is opened.
pub struct Audit {
    log: Mutex<Log>,
    file_bytes: u64,
}

impl Default for Audit {
    fn default() -> Self {
        Audit::with_files_of(FILE_BYTES)
    }
}

impl Audit {
    /// A log whose files are of this length, bytes, at most [`FILE_BYTES`].
    pub fn with_files_of(file_bytes: u64) -> Audit {
        Audit { log: Mutex::default(), file_bytes: file_bytes.min(FILE_BYTES) }
    }

    /// Continues the log in a file; what was recorded before is appended to it. A log whose chain is broken is put aside
    /// as it is, with an alarm, and the new chain says so.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn open(&self, path: &Path, alarms: &Alarms) -> io::Result<()> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let early: Vec<Entry> = log.entries.drain(..).collect();
        let (text, cut) = read_all(path)?;
        let (entries, broken) = match verify(text.split_terminator('\n')) {
            Ok(entries) => (entries, None),
            Err(broken) => (Vec::new(), Some(broken)),
        };
        if broken.is_some() {
            keep_broken(path)?;
        } else if cut {
            let file = OpenOptions::new().read(true).write(true).open(path)?;
            let mut whole = Vec::new();
            (&file).take(2 * FILE_BYTES).read_to_end(&mut whole)?;
            file.set_len(whole_lines(&whole) as u64)?;
        }
        log.last = entries.last().map(|e| (e.number, e.hash.clone()));
        let skip = entries.len().saturating_sub(KEPT);
        log.entries = entries.into_iter().skip(skip).collect();
        let file = append_to(path)?;
        let length = file.metadata()?.len();
        log.file = Some((path.to_path_buf(), file, length));
        let what = match broken {
            Some(Broken { line, why }) => {
                // Counted on from the lines that were there, so that no number comes twice.
                log.last = Some((text.lines().count() as u64, zeros()));
                let what = format!("a new chain begins: line {line} of the log before it is wrong: {why}");
                alarms.raise(OBJECT, Cause::CorruptData, Severity::Major, &what);
                what
            }
            // A power cut does that; there is nothing to be afraid of.
            None if cut => "start; the last line was incomplete, and was cut off".into(),
            None => "start".into(),
        };
        log.append(self.file_bytes, &Actor::itself(), &Call::default(), &what, "done")?;
        for entry in early {
            let (number, previous) = log.next();
            log.keep(self.file_bytes, Entry { number, previous, ..entry })?;
        }
        Ok(())
    }

    /// Records what somebody asked, and how it ended. May wait for the disk. What cannot be written raises an alarm, stays in
    /// memory, and is written with the next one.
    pub fn record(&self, alarms: &Alarms, actor: &Actor, call: &Call, what: &str, outcome: &str) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        match log.append(self.file_bytes, actor, call, what, outcome) {
            Ok(()) => alarms.clear(OBJECT, Cause::StorageCapacityProblem),
            Err(e) => {
                let text = format!("the audit log cannot be written: {}", e.kind());
                alarms.raise(OBJECT, Cause::StorageCapacityProblem, Severity::Major, &text);
            }
        }
    }

    /// The first entries behind number `after`, at most `most` of them, the oldest first; of the last [`KEPT`].
    pub fn entries(&self, after: u64, most: usize) -> Vec<Entry> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.entries.iter().filter(|e| e.number > after).take(most).cloned().collect()
    }

    /// The last [`KEPT`] entries as they are in the file, the oldest first.
    pub fn tail(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.entries.iter().map(|e| e.line() + "\n").collect()
    }
}

impl Log {
    fn next(&self) -> (u64, String) {
        self.last.as_ref().map_or((1, zeros()), |(number, hash)| (number + 1, hash.clone()))
    }

    fn append(&mut self, most: u64, actor: &Actor, call: &Call, what: &str, outcome: &str) -> io::Result<()> {
        let (number, previous) = self.next();
        let (actor, role) = (short(&actor.name), actor.role.name().to_string());
        let (request, client) = (call.request.clone(), call.client.map(|c| c.to_string()));
        let (time, what, outcome, hash) = (clock::now(), short(what), short(outcome), String::new());
        self.keep(most, Entry { number, time, actor, role, request, client, what, outcome, previous, hash })
    }

    fn keep(&mut self, most: u64, entry: Entry) -> io::Result<()> {
        let entry = entry.sealed();
        let line = entry.line() + "\n";
        self.last = Some((entry.number, entry.hash.clone()));
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
        if self.unsaved.len() == KEPT {
            self.unsaved.pop_front(); // the chain breaks here, and the next start says so
        }
        self.unsaved.push_back(line);
        self.save(most)
    }

    fn save(&mut self, most: u64) -> io::Result<()> {
        let Some((path, file, length)) = &mut self.file else {
            self.unsaved.clear();
            return Ok(());
        };
        while let Some(line) = self.unsaved.front() {
            if *length > 0 && *length + line.len() as u64 > most {
                put_aside(path)?;
                (*file, *length) = (append_to(path)?, 0);
            }
            if let Err(e) = file.write_all(line.as_bytes()) {
                let _ = file.set_len(*length); // a part of the line, if any; else it is whole already
                return Err(e);
            }
            *length += line.len() as u64;
            self.unsaved.pop_front();
        }
        file.sync_data()
    }
}

/// As much of a text as fits. What looks like a token is not a name that somebody gave on purpose.
fn short(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut all = crate::auth::without_tokens(&clean).into_owned();
    let end = (0..=LONGEST).rev().find(|at| all.is_char_boundary(*at)).unwrap_or(0);
    all.truncate(end);
    all
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// `audit.jsonl` that was put aside `n` times.
fn aside(path: &Path, n: usize) -> PathBuf {
    if n == 0 { path.to_path_buf() } else { path.with_extension(format!("{n}.jsonl")) }
}

/// Makes place for another file; the oldest one goes.
fn put_aside(path: &Path) -> io::Result<()> {
    for n in (0..FILES - 1).rev() {
        match fs::rename(aside(path, n), aside(path, n + 1)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

/// Keeps files whose chain is broken, for whoever wants to know why: `audit.broken.jsonl`, `audit.1.broken.jsonl` ...
/// Older ones of these go.
fn keep_broken(path: &Path) -> io::Result<()> {
    for n in 0..FILES {
        let from = aside(path, n);
        match fs::rename(&from, from.with_extension("broken.jsonl")) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

/// Bytes up to the end of the last whole line.
fn whole_lines(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1)
}

/// All files in one, and whether the last line is incomplete: that line is left out.
fn read_all(path: &Path) -> io::Result<(String, bool)> {
    let mut bytes = Vec::new();
    for n in (0..FILES).rev() {
        match File::open(aside(path, n)) {
            Ok(file) => file.take(2 * FILE_BYTES).read_to_end(&mut bytes).map(drop)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    let end = whole_lines(&bytes);
    let cut = end < bytes.len();
    bytes.truncate(end);
    Ok((String::from_utf8_lossy(&bytes).into_owned(), cut))
}
