//! The VNF itself: who it is, whether it runs.
use super::alarms;
use super::session::{Done, Session, Trouble, print};
use super::stats::port_table;
use super::table::{plain, uptime};
use serde_json::json;
use sluice_mgmt::client::Call;
use sluice_mgmt::command::Vnf;
use sluice_mgmt::routes::stats::Stats;
use sluice_mgmt::vnf::State;

pub(super) fn status(s: &Session) -> Done {
    let [vnf, stats, active] = ["/v1/vnf", "/v1/stats", "/v1/alarms"].map(|path| s.get(path));
    let all = json!({"vnf": vnf?, "stats": stats?, "alarms": active?});
    s.show(&all, |all| {
        let (vnf, stats): (Vnf, Stats) = (s.as_type(&all["vnf"])?, s.as_type(&all["stats"])?);
        let alarms = alarms::table(&s.as_type::<Vec<_>>(&all["alarms"])?, "no alarm is active");
        Ok(format!("{}\n{}\n{alarms}", identity(&vnf), port_table(&stats)))
    })
}

/// Name and state in the first line, the rest below.
fn identity(vnf: &Vnf) -> String {
    let who = &vnf.identity;
    let mut out = format!("{}: {}", who.name, state(vnf));
    out += &format!(", up {} (since {})\n", uptime(vnf.uptime_seconds), vnf.started);
    let product = [&who.provider, &who.product, &who.version].map(String::as_str).join(" ");
    let versions: Vec<String> = vnf.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let revisions: Vec<String> = vnf.revisions.iter().map(|(name, n)| format!("{name} {n}")).collect();
    let kept = if vnf.durable { "" } else { " (kept only while it runs)" };
    let lines = [
        ("id", who.id.clone()),
        ("description", who.description.clone()),
        ("product", product.split_whitespace().collect::<Vec<_>>().join(" ")),
        ("versions", versions.join(", ")),
        ("revision", revisions.join(", ") + kept),
    ];
    for (name, value) in lines.iter().filter(|(_, v)| !v.is_empty()) {
        out += &format!("  {name:<12} {value}\n");
    }
    plain(&out)
}

/// The state, and what it is doing if it has not come so far.
fn state(vnf: &Vnf) -> String {
    let detail = vnf.detail.as_ref().map(|d| format!(": {d}")).unwrap_or_default();
    match vnf.state {
        State::Running => "running".into(),
        State::Stopped => "stopped".into(),
        State::Starting => format!("starting, {}{detail}", vnf.phase),
        State::Failed => format!("FAILED, {}{detail}", vnf.phase),
    }
}

pub(super) fn set_state(s: &Session, wanted: &str) -> Done {
    let answer = s.send(&Call::put("/v1/vnf/state").json(&json!({"state": wanted})))?.json()?;
    s.show(&answer, |answer| {
        let vnf: Vnf = s.as_type(answer)?;
        Ok(plain(&format!("{} is {}\n", vnf.identity.name, state(&vnf))))
    })
}

pub(super) fn end(s: &Session, how: &str) -> Result<(), Trouble> {
    let answer = s.send(&Call::post(format!("/v1/system/{how}")))?.json()?;
    if s.json {
        return print(&format!("{answer:#}\n"));
    }
    print(if how == "reboot" { "it ends and begins again\n" } else { "it ends\n" })
}
