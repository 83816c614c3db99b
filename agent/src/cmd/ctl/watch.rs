//! What happens, as it happens.
use super::session::{Done, Session, Trouble, print, text};
use super::table::plain;
use serde_json::Value;
use sluice_mgmt::client::{Call, Failure};

/// Prints what happens as it happens, until Ctrl-C: states, swaps, links, alarms, thresholds.
#[derive(clap::Args)]
pub(crate) struct Watch {
    /// Ends after so many events.
    #[arg(long, value_name = "N")]
    count: Option<usize>,
}

pub(super) fn watch(s: &Session, args: &Watch) -> Done {
    let broken = |why: String| Trouble::Failure(Failure::Broken { url: s.client.url().into(), why });
    let events = s.send(&Call::get("/v1/events").accept("text/event-stream").stream())?.events();
    for event in events.take(args.count.unwrap_or(usize::MAX)) {
        let event = event.map_err(|e| broken(e.to_string()))?;
        let line = if s.json { event.data } else { line(&event.name, &event.data) };
        print(&(line + "\n"))?;
    }
    match args.count {
        Some(_) => Ok(()),
        None => Err(broken("the stream of events ended".into())),
    }
}

/// The time, the type, and the rest as `name value`.
fn line(name: &str, data: &str) -> String {
    let Ok(Value::Object(all)) = serde_json::from_str(data) else { return plain(&format!("{name} {data}")) };
    let whole = Value::Object(all.clone());
    let rest = all.iter().filter(|(n, _)| !["id", "time", "type"].contains(&n.as_str()));
    let rest: Vec<String> = rest.map(|(n, _)| format!("{n} {}", text(&whole, n))).collect();
    plain(format!("{}  {name:<14} {}", text(&whole, "time"), rest.join(", ")).trim_end())
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn an_event_is_a_line() {
        let data = r#"{"id":7,"time":"2026-11-26T21:29:10Z","type":"link","port":"eth0","up":false}"#;
        assert_eq!(line("link", data), "2026-11-26T21:29:10Z  link           port eth0, up false");
        assert_eq!(line("note", "words"), "note words");
    }
}
