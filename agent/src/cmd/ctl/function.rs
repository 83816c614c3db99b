//! The function: reading it, and replacing it while packets flow.
use super::session::{Done, Session, Trouble, findings, print};
use crate::cmd::run::duration;
use crate::driver::{Source, defines};
use serde_json::Value;
use sluice_mgmt::client::{Call, Failure, path};
use sluice_mgmt::functions::{Change, Changed};
use std::path::PathBuf;
use std::time::Duration;

/// The text of the function that runs, or of an old revision.
#[derive(clap::Args)]
pub(crate) struct Get {
    /// The same as --function.
    name: Option<String>,
    /// A revision by its number; the one that runs if not given.
    #[arg(long, value_name = "N")]
    revision: Option<u64>,
}

pub(super) fn get(s: &Session, args: &Get) -> Done {
    let name = args.name.as_ref().unwrap_or(&s.function);
    let number = args.revision.map(|n| n.to_string());
    let path = match &number {
        Some(n) => path::v1(&["functions", name, "revisions", n]),
        None => path::v1(&["functions", name]),
    };
    if s.json {
        return s.show(&s.get(&path)?, |_| Ok(String::new()));
    }
    let text = s.send(&Call::get(path).accept("text/plain"))?.text()?;
    print(&if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" })
}

/// Replaces the function: it is checked, built aside, and packets go on without a loss. What is wrong with it changes
/// nothing.
#[derive(clap::Args)]
pub(crate) struct Apply {
    /// The function; `-` is standard input.
    file: PathBuf,
    #[command(flatten)]
    terms: Terms,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// A parameter of the function. Those that are given replace all it has; without any, they stay.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
}

/// How a change is made.
#[derive(clap::Args)]
pub(crate) struct Terms {
    /// Only looks whether it would do.
    #[arg(long)]
    dry_run: bool,
    /// Takes the change back unless `sluice ctl confirm` comes in this time, 1 s to 24 h.
    #[arg(long, value_name = "TIME", value_parser = whole_seconds)]
    confirm_within: Option<u64>,
    /// Only if the function is still this one: an entity tag from `get --json`, or `*`.
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
}

fn whole_seconds(text: &str) -> Result<u64, String> {
    let time = duration(text)?;
    if time < Duration::from_secs(1) || time > sluice_mgmt::functions::LONGEST {
        return Err("give a time from 1s to 24h".into());
    }
    Ok(time.as_millis().div_ceil(1000) as u64)
}

impl Terms {
    /// Nothing is to be changed.
    pub(super) fn is_dry(&self) -> bool {
        self.dry_run
    }
    /// The path with these terms.
    pub(super) fn query(&self, path: &str) -> String {
        let dry_run = self.dry_run.then(|| "true".to_string());
        path::query(path, &[("dry-run", dry_run), ("confirm-within", self.confirm_within.map(|s| s.to_string()))])
    }
    /// The request with these terms. Shells eat the quotes that belong to an entity tag.
    pub(super) fn on(&self, call: Call) -> Call {
        let quoted = |tag: &str| if tag == "*" || tag.contains('"') { tag.to_string() } else { format!("\"{tag}\"") };
        self.if_match.iter().fold(call, |call, tag| call.if_match(&quoted(tag)))
    }
}

pub(super) fn apply(s: &Session, args: &Apply) -> Done {
    let source = Source::read(&args.file).map_err(|e| Trouble::Usage(format!("{e:#}")))?;
    let parameters = defines(&args.parameters).map_err(|e| Trouble::Usage(format!("--param: {e:#}")))?;
    let parameters = (!parameters.is_empty()).then(|| parameters.into_iter().collect());
    let change = Change { text: Some(source.text), parameters, comment: args.comment.clone(), ..Change::default() };
    let change = serde_json::to_value(change).map_err(|e| Trouble::Usage(e.to_string()))?;
    let call = Call::put(args.terms.query(&s.of_function(&[]))).json(&change);
    changed(s, &args.terms.on(call), &source.file, args.terms.dry_run)
}

pub(super) fn confirm(s: &Session) -> Done {
    changed(s, &Call::post(s.of_function(&["confirm"])), &s.function, false)
}

pub(super) fn revert(s: &Session) -> Done {
    changed(s, &Call::post(s.of_function(&["revert"])), &s.function, false)
}

/// Sends what changes the function, and tells what became of it.
pub(super) fn changed(s: &Session, call: &Call, file: &str, dry_run: bool) -> Done {
    let answer = match s.client.send(call) {
        Err(Failure::Refused(problem)) => {
            return Err(Trouble::Refused { problem, function: s.function.clone(), file: file.into() });
        }
        other => other?.json()?,
    };
    s.show(&answer, |answer| tell(s, answer, file, dry_run))
}

fn tell(s: &Session, answer: &Value, file: &str, dry_run: bool) -> Result<String, Trouble> {
    let c: Changed = s.as_type(answer)?;
    eprint!("{}", findings(&c.findings, &c.function, file));
    let Changed { function, revision, etag, .. } = &c;
    let longest = c.pauses_ns.iter().max().map(|ns| format!("; packets waited {:.1} us at most", *ns as f64 / 1e3));
    let mut text = match (dry_run, c.changed) {
        (true, _) => format!("{file}: no error; {function} stays at revision {revision}\n"),
        (_, false) => format!("{function} is that already, at revision {revision} ({etag})\n"),
        _ => format!("{function} is at revision {revision} now ({etag}){}\n", longest.unwrap_or_default()),
    };
    if let Some(until) = &c.confirm_by {
        text += &format!("it is taken back at {until} unless you run: sluice ctl confirm\n");
    }
    Ok(text)
}
