//! Indicators: how the VNF does, for managers that scale or heal by it (SOL 002 clause 8.4.2 to 8.4.4).
use super::links::Base;
use super::paging::page;
use super::version::Caller;
use crate::command::{Answer, Command};
use crate::encoding::percent;
use crate::problem::Problem;
use crate::rates::{Rate, Rates};
use crate::vnf::{Snapshot, Status};
use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// What indicators can be filtered by.
const ATTRIBUTES: &[&str] = &["id", "name", "value/*", "vnfInstanceId", "_links/self/href", "_links/vnfInstance/href"];

/// An indicator and its value now.
#[derive(Clone, Debug, PartialEq)]
pub struct Indicator {
    /// Its name in the VNF's descriptor.
    pub id: String,
    /// For people.
    pub name: String,
    /// Its value: an object whose members say their unit.
    pub value: Value,
    /// Numbers in it that move by less than this are the same to whoever subscribed.
    pub least: f64,
}

/// All indicators, by `id`.
pub fn all(status: &Status, snapshot: &Snapshot, rates: &Rates) -> Vec<Indicator> {
    let mut all = Vec::new();
    let mut add = |id: &str, name: &str, value: Value, least: f64| {
        all.push(Indicator { id: id.into(), name: name.into(), value, least });
    };
    let [used, total] = snapshot.buffers;
    let share = if total == 0 { 0.0 } else { used as f64 / total as f64 };
    add("buffers", "Packet buffers in use", json!({"used": used, "total": total, "share": share}), 0.01);
    add("drops", "Packets dropped a second", json!({"packetsPerSecond": rates.drops_per_second}), 1.0);
    let busiest = rates.worker_busy.iter().copied().fold(0.0, f64::max);
    let load = json!({"cpuCores": rates.process_load, "busiestWorker": busiest, "workers": rates.worker_busy});
    add("load", "Processor time, and share of rounds with work", load, 0.05);
    add("memory", "Memory in RAM", json!({"residentBytes": snapshot.resident_bytes}), f64::from(1 << 20));
    let rate = |sides: &mut dyn Iterator<Item = &Rate>| {
        let sum = sides.fold((0.0, 0.0), |s, r| (s.0 + r.packets_per_second, s.1 + r.bits_per_second));
        json!({"packetsPerSecond": sum.0, "bitsPerSecond": sum.1})
    };
    add("received", "Traffic into the VNF", rate(&mut rates.received.values()), 1.0);
    add("transmitted", "Traffic out of the VNF", rate(&mut rates.sent.values()), 1.0);
    let mut state = json!({"state": status.state, "phase": status.phase});
    if let Some(detail) = &status.detail {
        state["detail"] = json!(detail);
    }
    add("state", "Whether it moves packets", state, 0.0);
    for port in &snapshot.ports {
        let value = json!({"port": port.name, "up": port.up});
        add(&format!("link-{}", port.name), &format!("Link of {}", port.name), value, 0.0);
    }
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all.dedup_by(|a, b| a.id == b.id);
    all
}

impl Indicator {
    /// As `VnfIndicator` (clause 8.5.2.2).
    fn show(&self, base: &Base, instance: &str) -> Value {
        let here = format!("/vnfind/v1/indicators/{}/{}", percent(instance), percent(&self.id));
        json!({
            "id": self.id,
            "name": self.name,
            "value": self.value,
            "vnfInstanceId": instance,
            "_links": {"self": {"href": base.link(&here)}, "vnfInstance": {"href": base.link("/v1/vnf")}},
        })
    }
}

async fn shown(caller: &Caller) -> Result<(String, Vec<Value>), Problem> {
    match caller.ask.clone().for_(Command::Indicators).await? {
        Answer::Indicators(instance, all) => {
            let shown = all.iter().map(|i| i.show(&caller.base, &instance)).collect();
            Ok((instance, shown))
        }
        _ => Err(Problem::internal("an answer to another command")),
    }
}

/// All indicators.
pub(super) async fn list(caller: Caller) -> Result<Response, Problem> {
    page(&caller, shown(&caller).await?.1, ATTRIBUTES)
}

/// Those of a VNF instance: this one.
pub(super) async fn list_of(caller: Caller, Path(of): Path<String>) -> Result<Response, Problem> {
    let (instance, all) = shown(&caller).await?;
    if of != instance {
        return Err(Problem::not_found(format!("there is no VNF instance ‘{of}’; this is {instance}")));
    }
    page(&caller, all, ATTRIBUTES)
}

/// One of them.
pub(super) async fn one(caller: Caller, Path((of, id)): Path<(String, String)>) -> Result<Response, Problem> {
    let (instance, all) = shown(&caller).await?;
    let found = all.into_iter().filter(|_| of == instance).find(|i| i["id"] == id.as_str());
    found.map(|i| Json(i).into_response()).ok_or_else(|| Problem::not_found(format!("{of} has no indicator ‘{id}’")))
}
