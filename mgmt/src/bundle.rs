//! The support bundle: everything that an engineer asks for, in one archive, without secrets.
//!
//! Files come in a fixed order, what matters most first; what does not fit any more is left out, and the manifest says so.
use crate::archive::{File, Writer, part, pretty};
use crate::clock;
use crate::ems::Ems;
use crate::problem::Problem;
use crate::redact::{MASK, Secrets, looks_secret};
use crate::store::Revision;
use crate::vnf::Configuration;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

/// Largest file, bytes; what is longer is cut.
const LARGEST_FILE: usize = 4 << 20;
/// Version of the bundle's layout.
const FORMAT: u32 = 1;

/// Makes a text when a bundle is made.
type Source = Arc<dyn Fn() -> String + Send + Sync>;

/// What parts of the EMS that this one does not know add to a bundle: settings, the end of the audit log.
#[derive(Default)]
pub struct Sources(Mutex<Vec<(String, Source)>>);

impl Sources {
    /// From now on, every bundle has a file of this name. Secrets are removed from its text.
    pub fn add(&self, name: &str, source: impl Fn() -> String + Send + Sync + 'static) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((name.into(), Arc::new(source)));
    }

    fn all(&self) -> Vec<(String, Source)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What a bundle has, and what it has not.
#[derive(Debug, Serialize)]
struct Manifest {
    format: u32,
    /// When it was made, RFC 3339.
    time: String,
    files: Vec<File>,
    missing: Vec<Missing>,
}

/// A file that is not there.
#[derive(Debug, Serialize)]
struct Missing {
    name: String,
    why: String,
}

struct Making<'a> {
    out: Writer,
    missing: Vec<Missing>,
    secrets: &'a Secrets,
}

/// Makes a bundle.
///
/// # Errors
/// 500: it cannot be packed.
pub fn make(ems: &Ems) -> Result<Vec<u8>, Problem> {
    let secrets = known_secrets(ems);
    let mut making = Making { out: Writer::default(), missing: Vec::new(), secrets: &secrets };
    making.json("vnf.json", Ok(ems.describe()));
    let functions = ems.vnf.functions();
    for function in &functions {
        let folder = format!("functions/{}", part(&function.name));
        match ems.functions.get(&function.name) {
            Ok(now) => {
                making.text(&format!("{folder}/function.click"), &now.configuration.text);
                let about = json!({ "name": now.name, "framework": now.framework, "revision": now.revision,
                    "confirm_by": now.confirm_by, "parameters": masked(&now.configuration).parameters });
                making.json(&format!("{folder}/function.json"), Ok(about));
            }
            Err(why) => making.lacks(&format!("{folder}/function.click"), why.detail),
        }
        let graph = ems.vnf.graph(&function.name).map_err(|e| e.to_string());
        making.json(&format!("{folder}/graph.json"), graph);
    }
    making.json("stats.json", Ok(json!({ "snapshot": *ems.vnf.snapshot(), "rates": *ems.rates() })));
    making.json("alarms.json", Ok(ems.alarms.active()));
    making.json("alarms-history.json", Ok(ems.alarms.history()));
    making.json("events.json", Ok(ems.events.recent()));
    making.tail("log.txt", &log(ems));
    for (name, source) in ems.support.all() {
        making.tail(&part(&name), &source());
    }
    for (name, text) in ems.vnf.support_files() {
        making.tail(&format!("vnf/{}", part(&name)), &text);
    }
    for function in &functions {
        let kept = ems.store.revisions(&function.name);
        for revision in kept.iter().rev() {
            let name = format!("functions/{}/revisions/{:06}.json", part(&function.name), revision.number);
            let shown = Revision { configuration: masked(&revision.configuration), ..(**revision).clone() };
            making.json(&name, Ok(shown));
        }
    }
    let Making { out, missing, .. } = making;
    let manifest = Manifest { format: FORMAT, time: clock::now(), files: out.files.clone(), missing };
    out.finish(&manifest).map_err(|e| Problem::internal(format!("the bundle cannot be packed: {e}")))
}

/// The secrets in the parameters of all functions, now and before.
fn known_secrets(ems: &Ems) -> Secrets {
    let mut secrets = Secrets::default();
    for function in ems.vnf.functions() {
        if let Ok(now) = ems.functions.get(&function.name) {
            secrets.learn(&now.configuration.parameters);
        }
        for revision in ems.store.revisions(&function.name) {
            secrets.learn(&revision.configuration.parameters);
        }
    }
    secrets
}

/// The same with the values removed of parameters whose names look secret.
fn masked(configuration: &Configuration) -> Configuration {
    let mut shown = configuration.clone();
    shown.parameters.iter_mut().filter(|(name, _)| looks_secret(name)).for_each(|(_, v)| *v = MASK.into());
    shown
}

fn log(ems: &Ems) -> String {
    let lines = ems.journal.lines(0, usize::MAX);
    lines.iter().map(|l| format!("{} {} {}: {}\n", l.number, l.time, l.source, l.text)).collect()
}

impl Making<'_> {
    fn json(&mut self, name: &str, value: Result<impl Serialize, String>) {
        let value = value.and_then(|v| serde_json::to_value(v).map_err(|e| e.to_string()));
        let text = value.and_then(|mut value: Value| {
            self.secrets.mask_json(&mut value);
            pretty(&value).map_err(|e| e.to_string())
        });
        match text {
            Ok(text) => self.put(name, &text, false),
            Err(why) => self.lacks(name, why),
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        self.put(name, self.secrets.mask(text).as_bytes(), false);
    }

    /// A text whose end says the most.
    fn tail(&mut self, name: &str, text: &str) {
        // Cut before secrets are looked for, so that this takes bounded time; with some more, because one may be cut in two.
        let mut from = text.len().saturating_sub(2 * LARGEST_FILE);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        let from = if from == 0 { 0 } else { text[from..].find('\n').map_or(text.len(), |e| from + e + 1) };
        let masked = self.secrets.mask(&text[from..]);
        let keep = masked.len().saturating_sub(LARGEST_FILE);
        self.put(name, &masked.as_bytes()[keep..], from > 0 || keep > 0);
    }

    fn put(&mut self, name: &str, content: &[u8], mut cut: bool) {
        let most = self.out.room().min(LARGEST_FILE);
        if most == 0 {
            return self.lacks(name, "there is no room left".into());
        }
        cut |= content.len() > most;
        match self.out.add(name, &content[..content.len().min(most)]) {
            Ok(()) => self.out.files.last_mut().into_iter().for_each(|f| f.cut = cut),
            Err(why) => self.lacks(name, why.to_string()),
        }
    }

    fn lacks(&mut self, name: &str, why: String) {
        self.missing.push(Missing { name: name.into(), why: self.secrets.mask(&why) });
    }
}
