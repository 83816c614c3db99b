//! What is wrong, and what was.
use super::session::{Done, Session, Trouble};
use super::table::{Table, plain};
use serde::Serialize;
use sluice_mgmt::alarms::Alarm;
use std::cmp::Reverse;

/// Alarms that are active, the worst first.
#[derive(clap::Args)]
pub(crate) struct Alarms {
    /// Those that are over.
    #[arg(long)]
    history: bool,
}

pub(super) fn alarms(s: &Session, args: &Alarms) -> Done {
    let path = if args.history { "/v1/alarms/history" } else { "/v1/alarms" };
    s.show(&s.get(path)?, |all| -> Result<String, Trouble> {
        let nothing = if args.history { "no alarm is over" } else { "no alarm is active" };
        Ok(table(&s.as_type::<Vec<Alarm>>(all)?, nothing))
    })
}

/// A line for each.
pub(super) fn table(all: &[Alarm], nothing: &str) -> String {
    let mut t = Table::new(&["id", "severity", "object", "cause", "raised", "cleared", "what"], &[0]);
    let mut all: Vec<&Alarm> = all.iter().collect();
    // Those that are over stay in the order in which they ended.
    all.sort_by_key(|a| Reverse(a.cleared.is_none().then_some(a.severity)));
    for a in all {
        let cleared = a.cleared.clone().unwrap_or("-".into());
        let (object, text) = (plain(&a.object), plain(&a.text));
        t.row([a.id.to_string(), word(&a.severity), object, word(&a.cause), a.raised.clone(), cleared, text]);
    }
    t.or(nothing)
}

/// A value by the name that the API has for it.
fn word(of: &impl Serialize) -> String {
    serde_json::to_value(of).ok().and_then(|v| v.as_str().map(str::to_string)).unwrap_or_default()
}
