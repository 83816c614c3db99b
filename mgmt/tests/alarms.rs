//! Alarms over HTTP: what raises them, what clears them.
#![allow(clippy::unwrap_used)] // helpers of tests, too
#[allow(missing_docs)]
mod fake;
use fake::Rig;
use serde_json::Value;
use sluice_mgmt::alarms::{Cause, Severity};
use sluice_mgmt::thresholds::Limits;
use sluice_mgmt::vnf::{News, Port, State};

async fn alarms(rig: &Rig, path: &str) -> Vec<Value> {
    rig.get(path).await.json().as_array().unwrap().clone()
}

/// A look, a second after the one before.
fn look(rig: &Rig) {
    rig.vnf.0.lock().unwrap().snapshot.monotonic += 1_000_000_000;
    rig.ems.tick();
}

/// Types of the events behind number `before`.
fn told(rig: &Rig, before: u64) -> Vec<&'static str> {
    rig.ems.events.recent().iter().filter(|e| e.id > before).map(|e| e.what.name()).collect()
}

fn port(rig: &Rig, up: bool) {
    rig.vnf.0.lock().unwrap().snapshot.ports = vec![Port { name: "eth0".into(), up, ..Port::default() }];
}

#[tokio::test]
async fn active_alarms_and_those_that_are_over_are_told_by_severity() {
    let rig = Rig::new();
    rig.ems.alarms.raise("store", Cause::StorageCapacityProblem, Severity::Major, "full");
    rig.ems.alarms.raise("port/eth0", Cause::LossOfSignal, Severity::Major, "down");
    rig.ems.alarms.raise("memory", Cause::ThresholdCrossed, Severity::Minor, "much");
    assert_eq!(alarms(&rig, "/v1/alarms").await.len(), 3);
    let minor = alarms(&rig, "/v1/alarms?severity=MINOR").await;
    assert_eq!((minor.len(), minor[0]["object"].as_str()), (1, Some("memory")));
    assert!(minor[0]["raised"].as_str().unwrap().ends_with('Z') && minor[0].get("cleared").is_none());
    assert!(alarms(&rig, "/v1/alarms/history").await.is_empty());
    rig.ems.alarms.clear("store", Cause::StorageCapacityProblem);
    rig.ems.alarms.clear("memory", Cause::ThresholdCrossed);
    let history = alarms(&rig, "/v1/alarms/history").await;
    let objects: Vec<_> = history.iter().map(|a| a["object"].as_str().unwrap()).collect();
    assert_eq!(objects, ["memory", "store"], "the newest first");
    assert_eq!(alarms(&rig, "/v1/alarms/history?severity=MAJOR").await, history[1..]);
    assert_eq!(alarms(&rig, "/v1/alarms").await.len(), 1);
    assert_eq!(rig.get("/v1/alarms?severity=BAD").await.status, 400);
    assert_eq!(rig.get("/v1/alarms/history?severity=").await.status, 400);
}

#[tokio::test]
async fn buffers_that_run_out_raise_an_alarm_that_does_not_flap() {
    let rig = Rig::new();
    let used = |n| {
        rig.vnf.0.lock().unwrap().snapshot.buffers = [n, 1000];
        look(&rig);
    };
    let before = rig.ems.events.told();
    [500, 950, 890, 950].into_iter().for_each(used);
    let raised = alarms(&rig, "/v1/alarms").await;
    assert_eq!((raised.len(), raised[0]["object"].as_str()), (1, Some("buffers")));
    assert_eq!(raised[0]["cause"], "thresholdCrossed");
    assert_eq!(raised[0]["text"], "950 of 1000 packet buffers are in use; the limit is 90 %");
    [100, 100, 100].into_iter().for_each(used);
    assert!(alarms(&rig, "/v1/alarms").await.is_empty());
    assert_eq!(told(&rig, before), ["alarm-raised", "threshold", "alarm-cleared", "threshold"]);
}

#[tokio::test]
async fn drops_raise_an_alarm_only_above_a_limit_that_was_configured() {
    let rig = Rig::new();
    let drop_more = || {
        rig.vnf.0.lock().unwrap().snapshot.totals.dropped += 200;
        look(&rig);
    };
    (0..3).for_each(|_| drop_more());
    assert!(alarms(&rig, "/v1/alarms").await.is_empty());
    rig.ems.set_limits(Limits { drops_per_second: 100.0, ..Limits::default() });
    drop_more();
    assert_eq!(alarms(&rig, "/v1/alarms").await[0]["text"], "200 drops a second; the limit is 100");
}

#[tokio::test]
async fn a_port_that_goes_down_is_an_alarm_whoever_notices() {
    let rig = Rig::new();
    port(&rig, true);
    look(&rig);
    port(&rig, false);
    let before = rig.ems.events.told();
    (0..5).for_each(|_| look(&rig));
    let raised = alarms(&rig, "/v1/alarms").await;
    assert_eq!((raised.len(), raised[0]["object"].as_str()), (1, Some("port/eth0")));
    assert_eq!(raised[0]["cause"], "lossOfSignal");
    assert_eq!(told(&rig, before), ["alarm-raised", "link"], "told once");
    // Now the VNF itself tells: the looks have nothing to add.
    port(&rig, true);
    rig.ems.news(News::Link { port: "eth0".into(), up: true });
    (0..3).for_each(|_| look(&rig));
    assert!(alarms(&rig, "/v1/alarms").await.is_empty());
    assert_eq!(told(&rig, before).len(), 4);
}

#[tokio::test]
async fn ports_that_are_closed_on_purpose_or_removed_are_not_missed() {
    let rig = Rig::new();
    port(&rig, false);
    (0..2).for_each(|_| look(&rig));
    assert_eq!(alarms(&rig, "/v1/alarms").await.len(), 1);
    rig.vnf.set_status(State::Stopped, "done");
    (0..2).for_each(|_| look(&rig));
    assert!(alarms(&rig, "/v1/alarms").await.is_empty());
    rig.vnf.set_status(State::Running, "done");
    (0..2).for_each(|_| look(&rig));
    assert_eq!(alarms(&rig, "/v1/alarms").await.len(), 1);
    rig.vnf.0.lock().unwrap().snapshot.ports.clear();
    (0..2).for_each(|_| look(&rig));
    assert!(alarms(&rig, "/v1/alarms").await.is_empty());
}

#[tokio::test]
async fn ports_are_not_watched_when_that_is_switched_off() {
    let rig = Rig::new();
    rig.ems.set_limits(Limits { port_up: false, ..Limits::default() });
    port(&rig, false);
    (0..3).for_each(|_| look(&rig));
    assert!(alarms(&rig, "/v1/alarms").await.is_empty());
}
