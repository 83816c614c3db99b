//! Indicators over SOL 002.
#![allow(clippy::unwrap_used)] // helpers of tests, too
#[allow(missing_docs)]
mod fake;
mod schemas;
use fake::{Got, Rig, identity};
use serde_json::Value;
use sluice_mgmt::vnf::{Port, PortSide};

async fn get(rig: &Rig, path: &str) -> Got {
    rig.send("GET", &format!("/vnfind/v1/indicators{path}"), &["version: 1.4.0", "host: vnf.example"], "").await
}

fn ids(got: &Got) -> Vec<String> {
    let list = got.json();
    list.as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap().to_string()).collect()
}

/// A VNF that has moved 1,000 frames through `eth 1` in a second.
fn rig() -> Rig {
    let rig = Rig::new();
    for n in [1u64, 2] {
        let side = |packets| Some(PortSide { packets, bytes: packets * 100, ..PortSide::default() });
        let port =
            Port { name: "eth 1".into(), up: true, received: side(n * 1000), sent: side(n * 500), ..Port::default() };
        let mut inner = rig.vnf.0.lock().unwrap();
        inner.snapshot.monotonic = n * 1_000_000_000;
        inner.snapshot.ports = vec![port];
        inner.snapshot.totals.dropped = n * 7;
        inner.snapshot.buffers = [10, 100];
        drop(inner);
        rig.ems.tick();
    }
    rig
}

#[tokio::test]
async fn indicators_tell_state_rates_drops_load_buffers_and_memory() {
    let rig = rig();
    let got = get(&rig, "").await;
    assert_eq!((got.status.as_u16(), got.header("content-type")), (200, "application/json"));
    schemas::fits(&schemas::list_of(schemas::indicator()), &got.json());
    assert_eq!(ids(&got), ["buffers", "drops", "link-eth 1", "load", "memory", "received", "state", "transmitted"]);
    let value = |id: &str| got.json().as_array().unwrap().iter().find(|i| i["id"] == id).unwrap()["value"].clone();
    assert_eq!(value("received")["packetsPerSecond"], 1000.0);
    assert_eq!(value("received")["bitsPerSecond"], 800_000.0);
    assert_eq!(value("transmitted")["packetsPerSecond"], 500.0);
    assert_eq!(value("drops")["packetsPerSecond"], 7.0);
    assert_eq!(value("state")["state"], "running");
    assert_eq!(value("buffers")["share"], 0.1);
    assert_eq!(value("link-eth 1")["up"], true);
}

#[tokio::test]
async fn links_of_an_indicator_lead_to_it() {
    let rig = rig();
    for i in get(&rig, "").await.json().as_array().unwrap() {
        let link = i["_links"]["self"]["href"].as_str().unwrap();
        let path = link.strip_prefix("http://vnf.example").unwrap();
        let one = rig.send("GET", path, &["version: 1.4.0", "host: vnf.example"], "").await;
        assert_eq!(one.status, 200, "{path}");
        schemas::fits(&schemas::indicator(), &one.json());
        assert_eq!(one.json()["id"], i["id"]);
        let vnf = i["_links"]["vnfInstance"]["href"].as_str().unwrap();
        assert_eq!(rig.get(vnf.strip_prefix("http://vnf.example").unwrap()).await.status, 200);
    }
}

#[tokio::test]
async fn only_this_instance_and_its_indicators_are_found() {
    let rig = rig();
    let instance = identity().id;
    assert_eq!(get(&rig, &format!("/{instance}")).await.json(), get(&rig, "").await.json());
    for path in ["/erroneousVnfInstanceId".into(), format!("/{instance}/none"), "/other/state".into()] {
        let none = get(&rig, &path).await;
        assert_eq!((none.status.as_u16(), none.header("content-type")), (404, "application/problem+json"), "{path}");
        schemas::fits(&schemas::problem(), &none.json());
    }
}

#[tokio::test]
async fn filters_choose_indicators_and_wrong_ones_are_400() {
    let rig = rig();
    let instance = identity().id;
    for (query, expected) in [
        ("filter=(gt,value/packetsPerSecond,600)", vec!["received"]),
        ("filter=(in,id,state,load);(neq,id,load)", vec!["state"]),
        ("filter=(eq,value/state,running)", vec!["state"]),
        ("filter=(eq,value/up,true)", vec!["link-eth 1"]),
        ("id=state,load", vec!["load", "state"]),
        ("name=vnfIndicator&vnfInstanceId=80b0deba-c398-445b-bef0-ac0fe733e3d0", vec![]),
        ("value.packetsPerSecond.lt=100", vec!["drops"]),
    ] {
        for at in [String::new(), format!("/{instance}")] {
            let got = get(&rig, &format!("{at}?{query}")).await;
            assert_eq!(
                (got.status.as_u16(), ids(&got)),
                (200, expected.iter().map(|s| s.to_string()).collect::<Vec<_>>()),
                "{query}"
            );
        }
    }
    for query in ["wrongName=wrongValue", "filter=(eq,wrong,1)", "filter=eq,id,1", "filter=(xx,id,1)"] {
        for at in [String::new(), format!("/{instance}")] {
            let got = get(&rig, &format!("{at}?{query}")).await;
            assert_eq!(got.status, 400, "{query}");
            schemas::fits(&schemas::problem(), &got.json());
            assert_ne!(got.json()["detail"], Value::Null);
        }
    }
}
