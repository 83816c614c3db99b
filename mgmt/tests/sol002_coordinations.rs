//! Coordination of the VNF manager's operations with the VNF.
#![allow(clippy::unwrap_used)] // helpers of tests, too
#[allow(missing_docs)]
mod fake;
mod schemas;
use fake::{Got, Rig, identity};
use serde_json::{Value, json};
use sluice_mgmt::vnf::{Connection, Element, ElementCounters, Graph, HandlerInfo, State};
use std::time::Duration;

const HERE: &str = "/lcmcoord/v1/coordinations";

fn request(action: &str) -> Value {
    json!({
        "vnfInstanceId": identity().id,
        "vnfLcmOpOccId": "53c48a92-5c4d-4b25-a5f2-9a2b5d2c7a11",
        "lcmOperationType": "CHANGE_VNFPKG",
        "coordinationActionName": action,
        "_links": {
            "vnfLcmOpOcc": {"href": "http://vnfm.example/vnflcm/v2/vnf_lcm_op_occs/53c48a92-5c4d-4b25-a5f2-9a2b5d2c7a11"},
            "vnfInstance": {"href": "http://vnfm.example/vnflcm/v2/vnf_instances/1"},
        },
    })
}

async fn send(rig: &Rig, method: &str, path: &str, body: &str) -> Got {
    let headers = ["version: 1.0.0", "content-type: application/json", "accept: application/json", "host: vnf.example"];
    rig.send(method, path, &headers, body).await
}

async fn post(rig: &Rig, body: &Value) -> Got {
    send(rig, "POST", HERE, &body.to_string()).await
}

/// A VNF with an entrance that can be closed, one that cannot, and a queue behind them.
fn rig(held: u64) -> Rig {
    let rig = Rig::new();
    let element = |name: &str, class: &str, active: bool| Element {
        name: name.into(),
        class: class.into(),
        config: String::new(),
        live: false,
        handlers: vec![HandlerInfo {
            name: if active { "active" } else { "count" }.into(),
            read: true,
            write: active,
            doc: String::new(),
        }],
        counters: ElementCounters::default(),
    };
    let connection = |from: &str, to: &str| {
        let (from, to, flow) = (from.into(), to.into(), "push".into());
        Connection { from, output: 0, to, input: 0, flow, packets: 0 }
    };
    let mut inner = rig.vnf.0.lock().unwrap();
    inner.elements =
        vec![element("in", "FromDevice", true), element("tun", "KernelTun", false), element("move", "Unqueue", true)];
    let connections =
        vec![connection("in", "q"), connection("tun", "q"), connection("q", "move"), connection("move", "out")];
    inner.graph = Some(Graph { elements: Vec::new(), connections });
    inner.snapshot.totals.held = held;
    drop(inner);
    rig
}

fn written(rig: &Rig) -> Vec<(String, String)> {
    rig.vnf.0.lock().unwrap().written.clone()
}

fn closes(value: &str) -> (String, String) {
    ("in.active".into(), value.into())
}

/// Polls as Tacker's client does: the last segment of `Location`, until 200.
async fn result(rig: &Rig, begun: &Got) -> Value {
    assert_eq!(begun.status, 202, "{}", begun.text());
    assert_eq!((begun.header("retry-after"), begun.text().as_str()), ("1", ""));
    let id = begun.header("location").rsplit('/').next().unwrap().to_string();
    loop {
        let got = send(rig, "GET", &format!("{HERE}/{id}"), "").await;
        if got.status == 200 {
            schemas::fits(&schemas::coordination(), &got.json());
            assert_eq!(got.json()["id"], id);
            return got.json();
        }
        assert_eq!((got.status.as_u16(), got.header("retry-after"), got.text().as_str()), (202, "1", ""));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn quiesce_stops_the_vnf_and_resume_lets_it_run() {
    let rig = rig(0);
    for (action, state) in [("quiesce", "stopped"), ("prv.example.quiesce", "stopped"), ("resume", "running")] {
        let got = post(&rig, &request(action)).await;
        assert_eq!(got.status, 201, "{}", got.text());
        schemas::fits(&schemas::coordination(), &got.json());
        let body = got.json();
        assert_eq!((&body["coordinationResult"], &body["outputParams"]["state"]), (&json!("CONTINUE"), &json!(state)));
        for copied in ["vnfInstanceId", "vnfLcmOpOccId", "lcmOperationType", "coordinationActionName"] {
            assert_eq!(body[copied], request(action)[copied]);
        }
        let location = got.header("location");
        assert_eq!(location, body["_links"]["self"]["href"]);
        let again = send(&rig, "GET", location.strip_prefix("http://vnf.example").unwrap(), "").await;
        assert_eq!((again.status.as_u16(), again.json()), (200, body));
        assert_eq!(rig.get("/v1/vnf").await.json()["state"], state);
    }
    assert_eq!(written(&rig), [closes("true")]);
}

#[tokio::test]
async fn a_snapshot_tells_configuration_revisions_and_counters() {
    let rig = rig(3);
    let got = post(&rig, &request("snapshot")).await;
    assert_eq!(got.status, 201, "{}", got.text());
    let body = got.json();
    schemas::fits(&schemas::coordination(), &body);
    let out = &body["outputParams"];
    assert_eq!(
        (&out["functions"]["main"]["revision"], &out["functions"]["main"]["configuration"]["text"]),
        (&json!(1), &json!("first"))
    );
    assert_eq!((&out["counters"]["totals"]["held"], &out["vnf"]["state"]), (&json!(3), &json!("running")));
    assert_eq!(body.get("warnings"), None);
}

#[tokio::test]
async fn drain_closes_the_entrances_and_goes_on_until_nothing_is_inside() {
    let rig = rig(5);
    let begun = post(&rig, &request("drain")).await;
    assert_eq!(written(&rig), [closes("false")]);
    let path = begun.header("location").strip_prefix("http://vnf.example").unwrap();
    assert_eq!(send(&rig, "GET", path, "").await.status, 202);
    // One at a time.
    assert_eq!(post(&rig, &request("quiesce")).await.status, 409);
    rig.vnf.0.lock().unwrap().snapshot.totals.held = 0;
    let body = result(&rig, &begun).await;
    assert_eq!((&body["coordinationResult"], &body["outputParams"]["held"]), (&json!("CONTINUE"), &json!(0)));
    assert_eq!(body["outputParams"]["closed"], json!(["in :: FromDevice"]));
    assert_eq!(body["warnings"], json!(["tun :: KernelTun cannot be closed"]));
    assert_eq!(written(&rig), [closes("false")]);
    assert_eq!(send(&rig, "POST", &format!("{path}/cancel"), "").await.status, 409);
}

#[tokio::test]
async fn a_drain_that_takes_too_long_is_aborted_and_opens_the_entrances_again() {
    let rig = rig(5);
    let mut late = request("drain");
    late["inputParams"] = json!({"timeoutSeconds": 1});
    let body = result(&rig, &post(&rig, &late).await).await;
    assert_eq!((&body["coordinationResult"], &body["error"]["status"]), (&json!("ABORT"), &json!(504)));
    assert_eq!(written(&rig), [closes("false"), closes("true")]);
    for wrong in [json!(0), json!(9999), json!("x"), json!([])] {
        late["inputParams"] = json!({"timeoutSeconds": wrong});
        assert_eq!(post(&rig, &late).await.status, 422);
    }
}

#[tokio::test]
async fn a_drain_that_is_cancelled_opens_the_entrances_again() {
    let rig = rig(5);
    let begun = post(&rig, &request("drain")).await;
    let path = begun.header("location").strip_prefix("http://vnf.example").unwrap();
    let cancelled = send(&rig, "POST", &format!("{path}/cancel"), "").await;
    assert_eq!((cancelled.status.as_u16(), cancelled.text().as_str()), (202, ""));
    assert_eq!(result(&rig, &begun).await["coordinationResult"], "CANCELLED");
    assert_eq!(written(&rig), [closes("false"), closes("true")]);
    for path in ["/none", "/none/cancel"] {
        let method = if path.ends_with("cancel") { "POST" } else { "GET" };
        let none = send(&rig, method, &format!("{HERE}{path}"), "").await;
        assert_eq!(none.status, 404);
        schemas::fits(&schemas::problem(), &none.json());
    }
}

#[tokio::test]
async fn what_cannot_be_coordinated_is_refused() {
    let rig = rig(0);
    let unknown = post(&rig, &request("prv.example.unknown")).await;
    assert_eq!((unknown.status.as_u16(), unknown.header("location")), (403, ""));
    schemas::fits(&schemas::problem(), &unknown.json());
    rig.vnf.0.lock().unwrap().elements.clear();
    assert_eq!(post(&rig, &request("drain")).await.status, 403);
    rig.vnf.set_status(State::Starting, "ports");
    let early = post(&rig, &request("snapshot")).await;
    assert_eq!((early.status.as_u16(), early.header("retry-after")), (503, "1"));
    for missing in ["vnfInstanceId", "vnfLcmOpOccId", "lcmOperationType", "coordinationActionName", "_links"] {
        let mut body = request("snapshot");
        body.as_object_mut().unwrap().remove(missing);
        assert_eq!(post(&rig, &body).await.status, 400, "{missing}");
    }
    let mut body = request("snapshot");
    body["lcmOperationType"] = json!("EXPLODE");
    assert_eq!(post(&rig, &body).await.status, 400);
    body = request("snapshot");
    body["inputParams"] = json!({"x": "y".repeat(70_000)});
    assert_eq!(post(&rig, &body).await.status, 413);
    assert_eq!(send(&rig, "POST", HERE, "{").await.status, 400);
}

#[tokio::test]
async fn a_manager_that_knows_the_vnf_by_another_name_is_told_so() {
    let rig = rig(0);
    let mut body = request("snapshot");
    body["vnfInstanceId"] = json!("other");
    let got = post(&rig, &body).await;
    assert_eq!((got.status.as_u16(), got.json()["warnings"].as_array().map(Vec::len)), (201, Some(1)));
}
