//! What was said and done: the log and the audit log.
use super::session::{Done, Session, print, text};
use super::table::plain;
use serde_json::Value;
use sluice_mgmt::client::path;
use std::time::Duration;

/// Between two looks at the log.
const EVERY: Duration = Duration::from_millis(500);

/// The last lines of the VNF's log.
#[derive(clap::Args)]
pub(crate) struct Log {
    /// How many lines at most.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    lines: u32,
    /// Goes on with lines as they come, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
}

/// Who changed what, and what became of it.
#[derive(clap::Args)]
pub(crate) struct Audit {
    /// How many entries at most.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    lines: u32,
    /// Only entries behind this number.
    #[arg(long, value_name = "N")]
    after: Option<u64>,
}

/// Entries of a log behind a number.
fn entries(s: &Session, log: &str, after: Option<u64>, limit: u32) -> Result<Value, super::session::Trouble> {
    let limit = Some(limit.to_string());
    s.get(&path::query(&path::v1(&[log]), &[("after", after.map(|n| n.to_string())), ("limit", limit)]))
}

pub(super) fn log(s: &Session, args: &Log) -> Done {
    let mut lines = entries(s, "log", None, args.lines)?;
    if !args.follow {
        return s.show(&lines, |all| Ok(shown(all, false, line)));
    }
    let mut last = 0;
    loop {
        last = lines.as_array().and_then(|l| l.last()?["number"].as_u64()).unwrap_or(last);
        let text = shown(&lines, s.json, line);
        if !text.is_empty() {
            print(&text)?;
        }
        std::thread::sleep(EVERY);
        lines = entries(s, "log", Some(last), 1000)?;
    }
}

pub(super) fn audit(s: &Session, args: &Audit) -> Done {
    s.show(&entries(s, "audit", args.after, args.lines)?, |all| Ok(shown(all, false, entry)))
}

/// An entry a line.
fn shown(all: &Value, json: bool, of: fn(&Value) -> String) -> String {
    let line = |e: &Value| if json { format!("{e}\n") } else { plain(&of(e)) + "\n" };
    all.as_array().into_iter().flatten().map(line).collect()
}

fn line(l: &Value) -> String {
    format!("{}  {:<8} {}", text(l, "time"), text(l, "source"), text(l, "text"))
}

fn entry(e: &Value) -> String {
    let from = Some(text(e, "client")).filter(|c| !c.is_empty()).map(|c| format!(" from {c}")).unwrap_or_default();
    let [number, time, actor, role, what, outcome] =
        ["number", "time", "actor", "role", "what", "outcome"].map(|n| text(e, n));
    format!("{number:>6}  {time}  {actor} ({role}){from}: {what}: {outcome}")
}
