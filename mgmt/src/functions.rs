//! How functions are replaced: one writer at a time, with entity tags, revisions, and changes that must be confirmed.
//!
//! Invariant: what the store calls the last good revision has run, and nobody takes it back any more. A change that waits
//! for its confirmation is not in the store, so a power cut takes it back too.
use crate::alarms::{Alarms, Cause, Severity};
use crate::clock;
use crate::events::{Events, What};
use crate::problem::Problem;
use crate::store::digest;
use crate::store::history::{self, Shown, Summary};
use crate::store::{Draft, Origin, Revision, Store, etag};
use crate::vnf::{Applied, Configuration, Finding, ManagedVnf, State};
use axum::http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use utoipa::ToSchema;

mod together;

/// Longest time that a confirmation may take.
pub const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Longest text of a function, bytes.
pub const LONGEST_TEXT: usize = 4 << 20;

/// What somebody wants to change of a function. What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Change {
    /// Its text.
    pub text: Option<String>,
    /// All its parameters.
    pub parameters: Option<std::collections::BTreeMap<String, String>>,
    /// Why, for the history.
    pub comment: Option<String>,
    /// It is what ran before, so it may do what it could.
    #[serde(skip)]
    pub trusted: bool,
    /// It may open files beneath the VNF's folder only, wherever it comes from.
    #[serde(skip)]
    pub confined: bool,
}

impl Change {
    /// To all of a configuration.
    pub fn to(configuration: Configuration) -> Change {
        let Configuration { text, parameters, confined } = configuration;
        Change { text: Some(text), parameters: Some(parameters), comment: None, trusted: !confined, confined }
    }
}

/// How it is to be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Entity tags of which one must be the current one (`If-Match`); `*` fits any.
    pub if_match: Option<String>,
    /// Only look whether it would do.
    pub dry_run: bool,
    /// Take it back if nobody confirms it in this time.
    pub confirm_within: Option<Duration>,
}

/// A function as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What runs it.
    pub framework: String,
    /// Number of its revision.
    pub revision: u64,
    /// The entity tag, for `If-Match`.
    pub etag: String,
    /// Until when it must be confirmed, RFC 3339; absent when it need not be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm_by: Option<String>,
    /// What runs.
    pub configuration: Configuration,
}

/// A function without what runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FunctionSummary {
    /// Its name.
    pub name: String,
    /// What runs it.
    pub framework: String,
    /// Number of its revision.
    pub revision: u64,
    /// The entity tag, for `If-Match`.
    pub etag: String,
    /// Until when it must be confirmed, RFC 3339; absent when it need not be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm_by: Option<String>,
    /// Whether it moves packets.
    pub state: State,
    /// Why it does not, or what it waits for, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// The function.
    pub function: String,
    /// Number of the revision that runs now.
    pub revision: u64,
    /// Its entity tag.
    pub etag: String,
    /// Whether anything was changed: not by a dry run, nor by a configuration that ran already.
    pub changed: bool,
    /// Until when it must be confirmed, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm_by: Option<String>,
    /// What is suspicious in it.
    pub findings: Vec<Finding>,
    /// How long packets waited on each worker, nanoseconds.
    pub pauses_ns: Vec<u64>,
}

/// A change that waits for its confirmation.
#[derive(Debug)]
struct Pending {
    draft: Draft,
    /// What ran before. The store may have no revision of it.
    was: Configuration,
    number: u64,
    /// On the monotonic clock.
    deadline: Duration,
    /// The same for people.
    until: String,
}

/// The functions of a VNF.
pub struct Functions {
    vnf: Arc<dyn ManagedVnf>,
    store: Arc<Store>,
    events: Arc<Events>,
    alarms: Arc<Alarms>,
    /// Held while a function is changed.
    changing: Mutex<()>,
    pending: Mutex<HashMap<String, Pending>>,
}

impl Functions {
    /// The functions of `vnf`.
    pub fn new(vnf: Arc<dyn ManagedVnf>, store: Arc<Store>, events: Arc<Events>, alarms: Arc<Alarms>) -> Functions {
        Functions { vnf, store, events, alarms, changing: Mutex::default(), pending: Mutex::default() }
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<String, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A function as it is now.
    ///
    /// # Errors
    /// 404
    pub fn get(&self, name: &str) -> Result<Function, Problem> {
        let info = self.vnf.functions().into_iter().find(|f| f.name == name);
        let info = info.ok_or_else(|| Problem::not_found(format!("there is no function ‘{name}’")))?;
        if let Some(p) = self.pending().get(name) {
            return Ok(Function {
                name: info.name,
                framework: info.framework,
                revision: p.number,
                etag: etag(p.number, &p.draft.configuration),
                confirm_by: Some(p.until.clone()),
                configuration: p.draft.configuration.clone(),
            });
        }
        let (revision, configuration) = match self.store.last(name) {
            Some(r) => (r.number, r.configuration),
            None => (0, self.vnf.configuration(name)?),
        };
        let etag = etag(revision, &configuration);
        Ok(Function { name: info.name, framework: info.framework, revision, etag, confirm_by: None, configuration })
    }

    /// Number of the revision of a function that runs; 0 when it has none.
    pub fn current(&self, name: &str) -> u64 {
        let pending = self.pending().get(name).map(|p| p.number);
        pending.or_else(|| self.store.last(name).map(|r| r.number)).unwrap_or(0)
    }

    /// All functions.
    pub fn list(&self) -> Vec<FunctionSummary> {
        let one = |info: crate::vnf::FunctionInfo| {
            let Function { name, framework, revision, etag, confirm_by, .. } = self.get(&info.name).ok()?;
            let crate::vnf::FunctionInfo { state, detail, .. } = info;
            Some(FunctionSummary { name, framework, revision, etag, confirm_by, state, detail })
        };
        self.vnf.functions().into_iter().filter_map(one).collect()
    }

    /// Its revisions without their texts, the oldest first.
    ///
    /// # Errors
    /// 404
    pub fn history(&self, name: &str) -> Result<Vec<Summary>, Problem> {
        let current = self.get(name)?.revision;
        Ok(history::summaries(&self.store.revisions(name), current))
    }

    /// One of them, and what it changed.
    ///
    /// # Errors
    /// 404
    pub fn revision(&self, name: &str, number: u64) -> Result<Shown, Problem> {
        let current = self.get(name)?.revision;
        let all = self.store.revisions(name);
        let at = all.iter().position(|r| r.number == number);
        let at = at.ok_or_else(|| Problem::not_found(format!("‘{name}’ has no revision {number} (any more)")))?;
        let before = at.checked_sub(1).map(|i| &*all[i]);
        Ok(history::shown((*all[at]).clone(), before, current))
    }

    /// Changes a function: checks the new configuration, builds it aside, and changes over to it.
    ///
    /// # Errors
    /// 404; 409 while another change is made or waits for its confirmation; 412 when `If-Match` does not fit; 413 for too much
    /// text; 422 with all findings when it cannot run; 507 when it cannot be saved. Then everything is as before.
    pub fn change(
        &self,
        name: &str,
        change: Change,
        terms: &Terms,
        author: &str,
        origin: Origin,
    ) -> Result<Changed, Problem> {
        if change.text.as_ref().is_some_and(|t| t.len() > LONGEST_TEXT) {
            let detail = format!("the text has more than {LONGEST_TEXT} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        if terms.confirm_within.is_some_and(|t| t.is_zero() || t > LONGEST) {
            return Err(Problem::bad_request(format!("confirm-within: 1 to {} seconds", LONGEST.as_secs())));
        }
        let busy = || Problem::conflict(format!("another change of ‘{name}’ is being made; try again"));
        let _alone = self.changing.try_lock().map_err(|_| busy())?;
        self.change_alone(name, change, terms, author, origin)
    }

    /// The same, for who holds the lock.
    fn change_alone(
        &self,
        name: &str,
        change: Change,
        terms: &Terms,
        author: &str,
        origin: Origin,
    ) -> Result<Changed, Problem> {
        let now = self.get(name)?;
        if let Some(wanted) = &terms.if_match
            && !matches(wanted, &now.etag)
        {
            let detail = format!("‘{name}’ is at {} now, not at {wanted}", now.etag);
            return Err(Problem::precondition_failed(detail).header(header::ETAG, now.etag));
        }
        let Change { text, parameters, comment, trusted, confined } = change;
        let was = now.configuration;
        let text = text.unwrap_or_else(|| was.text.clone());
        let parameters = parameters.unwrap_or_else(|| was.parameters.clone());
        // What is as it was may do what it could.
        let same = (&text, &parameters) == (&was.text, &was.parameters);
        let confined = if same { was.confined } else { confined || origin == Origin::Api && !trusted };
        let configuration = Configuration { text, parameters, confined };
        let function = name.to_string();
        let unchanged = |findings| Changed {
            function: function.clone(),
            revision: now.revision,
            etag: now.etag.clone(),
            changed: false,
            confirm_by: now.confirm_by.clone(),
            findings,
            pauses_ns: Vec::new(),
        };
        if terms.dry_run {
            return Ok(unchanged(self.vnf.check(name, &configuration)?));
        }
        if let Some(until) = &now.confirm_by {
            let detail = format!("revision {} of ‘{name}’ waits for its confirmation until {until}", now.revision);
            return Err(Problem::conflict(detail));
        }
        if same && now.revision > 0 && origin == Origin::Api {
            return Ok(unchanged(Vec::new()));
        }
        let Applied { findings, pauses_ns } = self.vnf.apply(name, &configuration)?;
        let draft = Draft { author: author.into(), comment, origin, configuration };
        let mut confirm_by = None;
        let (revision, etag) = match terms.confirm_within {
            Some(time) => {
                let number = self.store.next(name);
                let until = clock::rfc3339(clock::wall() + time.as_nanos() as u64);
                confirm_by = Some(until.clone());
                let etag = etag(number, &draft.configuration);
                let pending = Pending { draft, was, number, deadline: clock::monotonic() + time, until };
                self.pending().insert(name.into(), pending);
                (number, etag)
            }
            None => {
                let revision = self.save(name, draft, &was)?;
                (revision.number, revision.etag())
            }
        };
        let pause_ns = pauses_ns.iter().copied().max().unwrap_or(0);
        self.events.tell(What::Swap { function: name.into(), revision, author: author.into(), pause_ns });
        Ok(Changed { function: name.into(), revision, etag, changed: true, confirm_by, findings, pauses_ns })
    }

    /// Makes what runs the last good revision, or goes back to what ran before.
    fn save(&self, name: &str, draft: Draft, was: &Configuration) -> Result<Revision, Problem> {
        self.append(name, draft).map_err(|why| {
            let back = self.vnf.apply(name, was);
            let then = if back.is_ok() { "what ran before runs again" } else { "what ran before does not start" };
            Problem::new(StatusCode::INSUFFICIENT_STORAGE, format!("{why}; {then}"))
        })
    }

    /// Saves a revision, with an alarm while that fails.
    fn append(&self, name: &str, draft: Draft) -> std::io::Result<Revision> {
        let object = "store";
        let saved = self.store.append(name, draft);
        let saved =
            saved.map_err(|e| std::io::Error::new(e.kind(), format!("a revision of ‘{name}’ cannot be saved: {e}")));
        match &saved {
            Ok(_) => self.alarms.clear(object, Cause::StorageCapacityProblem),
            Err(e) => self.alarms.raise(object, Cause::StorageCapacityProblem, Severity::Major, &e.to_string()),
        }
        saved
    }

    /// Takes over what a function's file says and what runs since the boot, as a revision of [`Origin::File`].
    ///
    /// # Errors
    /// It cannot be saved; an alarm says so. It runs all the same, and after the next boot again.
    pub fn adopt(&self, name: &str, configuration: Configuration, author: &str) -> std::io::Result<Revision> {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.append(name, Draft { author: author.into(), comment: None, origin: Origin::File, configuration })
    }

    /// Confirms a change: it becomes the last good revision.
    ///
    /// # Errors
    /// 404; 409 when there is nothing to confirm; 507 when it cannot be saved: then it runs on, and still waits.
    pub fn confirm(&self, name: &str) -> Result<Changed, Problem> {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.get(name)?;
        let waits = self.pending().get(name).map(|p| (p.draft.clone(), p.until.clone()));
        let (draft, until) = waits.ok_or_else(|| nothing_waits(name))?;
        let revision = self.append(name, draft).map_err(|why| {
            let detail = format!("{why}; the change runs, and waits for its confirmation until {until}");
            Problem::new(StatusCode::INSUFFICIENT_STORAGE, detail)
        })?;
        self.pending().remove(name);
        Ok(Changed {
            function: name.into(),
            revision: revision.number,
            etag: revision.etag(),
            changed: true,
            confirm_by: None,
            findings: Vec::new(),
            pauses_ns: Vec::new(),
        })
    }

    /// What a function is when nothing waits for its confirmation.
    ///
    /// # Errors
    /// 404
    pub fn last_good(&self, name: &str) -> Result<Configuration, Problem> {
        let was = self.pending().get(name).map(|p| p.was.clone());
        was.map_or_else(|| Ok(self.get(name)?.configuration), Ok)
    }

    /// Takes a change back that waits for its confirmation.
    ///
    /// # Errors
    /// 404; 409 when there is none; 422 when what ran before does not start: then the change still waits.
    pub fn revert(&self, name: &str) -> Result<Changed, Problem> {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.get(name)?;
        self.take_back(name)
    }

    fn take_back(&self, name: &str) -> Result<Changed, Problem> {
        let was = self.pending().get(name).map(|p| p.was.clone()).ok_or_else(|| nothing_waits(name))?;
        let object = format!("function/{name}");
        // Until that is done, the change waits: if it fails, the next tick tries again.
        let applied = self.vnf.apply(name, &was).inspect_err(|why| {
            let text = format!("the last good revision of ‘{name}’ does not start: {why}");
            self.alarms.raise(&object, Cause::ConfigurationOrCustomizationError, Severity::Critical, &text);
        })?;
        self.pending().remove(name);
        self.alarms.clear(&object, Cause::ConfigurationOrCustomizationError);
        let now = self.get(name)?;
        self.events.tell(What::Reverted { function: name.into(), revision: now.revision });
        Ok(Changed {
            function: name.into(),
            revision: now.revision,
            etag: now.etag,
            changed: true,
            confirm_by: None,
            findings: applied.findings,
            pauses_ns: applied.pauses_ns,
        })
    }

    /// Takes back every change whose time is over. `now` is the monotonic clock's. Names of the functions that went back.
    pub fn tick(&self, now: Duration) -> Vec<String> {
        let due: Vec<String> =
            self.pending().iter().filter(|(_, p)| p.deadline <= now).map(|(name, _)| name.clone()).collect();
        if due.is_empty() {
            return due;
        }
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have been confirmed while we waited.
        let still = |name: &String| self.pending().get(name).is_some_and(|p| p.deadline <= now);
        due.into_iter().filter(still).filter(|name| self.take_back(name).is_ok()).collect::<Vec<_>>()
    }
}

/// What a function runs when the VNF boots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// What is to run.
    pub configuration: Configuration,
    /// The file has it, and the store does not yet: once it runs, [`Functions::adopt`] it.
    pub is_new: bool,
}

/// Decides what a function runs when the VNF boots: what its file says if that was edited since the file was last adopted
/// (or never was), else the last good revision. Nothing if there is neither.
///
/// A file that does not run is not adopted, so the decision is the same at the next boot; meanwhile the last good revision
/// is what can run.
pub fn at_boot(store: &Store, name: &str, from_file: Option<Configuration>) -> Option<Boot> {
    let last = store.last(name);
    match (last, from_file) {
        (Some(last), Some(file)) if last.file.as_ref() != Some(&digest(&file)) => {
            Some(Boot { configuration: file, is_new: true })
        }
        (Some(last), _) => Some(Boot { configuration: last.configuration, is_new: false }),
        (None, file) => file.map(|configuration| Boot { configuration, is_new: true }),
    }
}

fn nothing_waits(name: &str) -> Problem {
    Problem::conflict(format!("no change of ‘{name}’ waits for its confirmation"))
}

/// Whether an `If-Match` field (RFC 9110 section 13.1.1) fits an entity tag.
fn matches(field: &str, etag: &str) -> bool {
    field.split(',').map(str::trim).any(|t| t == "*" || t == etag)
}
