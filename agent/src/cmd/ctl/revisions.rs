//! The history of the function, and the way back.
use super::function::{Terms, changed};
use super::session::{Done, Session, Trouble, text};
use super::table::{Table, plain};
use serde_json::Value;
use sluice_mgmt::client::Call;

/// Lets an old revision run again; it becomes a new revision.
#[derive(clap::Args)]
pub(crate) struct Rollback {
    /// Number of the revision; the one before the one that runs if not given.
    number: Option<u64>,
    #[command(flatten)]
    terms: Terms,
}

/// What a revision changed, as a unified diff against the one before it.
#[derive(clap::Args)]
pub(crate) struct Diff {
    /// Number of the revision.
    number: u64,
}

pub(super) fn list(s: &Session) -> Done {
    s.show(&s.get(&s.of_function(&["revisions"]))?, |all| {
        let mut t = Table::new(&["", "number", "time", "author", "from", "lines", "comment"], &[1]);
        for r in all.as_array().into_iter().flatten() {
            let mark = if r["current"] == true { "*" } else { "" };
            let lines = format!("+{} -{}", count(r, "added"), count(r, "removed"));
            let [number, time, author, origin, comment] =
                ["number", "time", "author", "origin", "comment"].map(|n| plain(&text(r, n)));
            t.row([mark.into(), number, time, author, origin, lines, comment]);
        }
        Ok(t.or("there is no revision yet"))
    })
}

fn count(revision: &Value, name: &str) -> u64 {
    revision[name].as_u64().unwrap_or(0)
}

pub(super) fn rollback(s: &Session, args: &Rollback) -> Done {
    let number = match args.number {
        Some(n) => n,
        None => previous(&s.get(&s.of_function(&["revisions"]))?)
            .ok_or_else(|| Trouble::Missing(format!("there is no revision of {} before this one", s.function)))?,
    };
    let path = s.of_function(&["revisions", &number.to_string(), "restore"]);
    let call = args.terms.on(Call::post(args.terms.query(&path)));
    changed(s, &call, &format!("revision {number}"), args.terms.is_dry())
}

/// The number before the one that runs.
fn previous(all: &Value) -> Option<u64> {
    let all = all.as_array()?;
    let at = all.iter().position(|r| r["current"] == true).unwrap_or(all.len().checked_sub(1)?);
    let current = count(&all[at], "number");
    all.iter().map(|r| count(r, "number")).filter(|n| *n < current).max()
}

pub(super) fn diff(s: &Session, args: &Diff) -> Done {
    let path = s.of_function(&["revisions", &args.number.to_string()]);
    let revision = s.get(&path)?;
    s.show(&revision, |r| {
        let diff = plain(&text(r, "diff"));
        Ok(if diff.is_empty() { format!("revision {} changed nothing in the text\n", args.number) } else { diff })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_way_back_leads_to_the_number_before_the_one_that_runs() {
        let all = json!([{"number": 3, "current": false}, {"number": 5, "current": true}, {"number": 6}]);
        assert_eq!(previous(&all), Some(3));
        assert_eq!(previous(&json!([{"number": 1, "current": true}])), None);
        assert_eq!(previous(&json!([{"number": 1}, {"number": 2}])), Some(1));
        assert_eq!(previous(&json!([])), None);
    }
}
