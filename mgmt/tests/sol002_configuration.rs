//! The VNF's configuration over SOL 002: the function, its parameters, and the ports' addresses are one truth.
#![allow(clippy::unwrap_used)] // helpers of tests, too
#[allow(missing_docs)]
mod fake;
mod schemas;
use fake::{Got, Rig};
use serde_json::{Value, json};
use sluice_mgmt::vnf::Port;

const HERE: &str = "/vnfconfig/v1/configuration";
const V: &str = "version: 1.3.0";

/// A VNF whose ports are parameters of its function.
async fn rig() -> Rig {
    let rig = Rig::new();
    let parameters =
        json!({"IN": "eth1", "IN_ADDR": "10.0.1.1/24", "OUT": "eth2", "OUT_MAC": "02:00:00:00:00:02", "RATE": "10"});
    let body = json!({"text": "first", "parameters": parameters}).to_string();
    let set = rig.send("PUT", "/v1/functions/main", &["content-type: application/json"], &body).await;
    assert_eq!(set.status, 200, "{}", set.text());
    let port = |name: &str, mac: &str| Port { name: name.into(), mac: Some(mac.into()), up: true, ..Port::default() };
    rig.vnf.0.lock().unwrap().snapshot.ports =
        vec![port("eth1", "02:00:00:00:00:01"), port("eth2", "02:00:00:00:00:ff"), port("eth3", "02:00:00:00:00:03")];
    rig
}

async fn show(rig: &Rig) -> Got {
    let got = rig.send("GET", HERE, &[V], "").await;
    assert_eq!(got.status, 200, "{}", got.text());
    schemas::fits(&schemas::configuration(), &got.json());
    got
}

async fn patch(rig: &Rig, headers: &[&str], body: &Value) -> Got {
    let headers = [&[V, "content-type: application/merge-patch+json"], headers].concat();
    let got = rig.send("PATCH", HERE, &headers, &body.to_string()).await;
    if got.status != 200 {
        assert_eq!(got.header("content-type"), "application/problem+json");
        schemas::fits(&schemas::problem(), &got.json());
    }
    got
}

fn parameters(rig: &Rig) -> Value {
    json!(rig.vnf.0.lock().unwrap().configuration.parameters)
}

fn revisions(rig: &Rig) -> usize {
    rig.ems.store.revisions("main").len()
}

#[tokio::test]
async fn the_configuration_shows_function_parameters_and_ports() {
    let rig = rig().await;
    let got = show(&rig).await;
    assert_eq!((got.header("content-type"), got.header("version")), ("application/json", "1.3.0"));
    assert!(got.header("last-modified").ends_with(" GMT"), "{}", got.header("last-modified"));
    let native = rig.get("/v1/functions/main").await;
    assert_eq!(got.header("etag"), native.header("etag"));
    let body = got.json();
    let data = &body["vnfConfigurationData"];
    assert_eq!(data["vnfSpecificData"]["function"], "first");
    assert_eq!(data["vnfSpecificData"]["parameters"]["RATE"], "10");
    let cp =
        |cp: &str, cpd: &str, address: Value| json!({"cpId": cp, "cpdId": cpd, "addresses": [{"address": address}]});
    let expected = json!([
        cp("eth1", "IN", json!({"macAddress": "02:00:00:00:00:01", "ipAddress": "10.0.1.1"})),
        cp("eth2", "OUT", json!({"macAddress": "02:00:00:00:00:02"})),
        cp("eth3", "eth3", json!({"macAddress": "02:00:00:00:00:03"})),
    ]);
    assert_eq!(data["extCpConfig"], expected);
    assert_eq!(body["vnfcConfigurationData"][0]["vnfcInstanceId"], "main");
}

#[tokio::test]
async fn ports_of_a_stopped_vnf_are_known_from_the_parameters() {
    let rig = rig().await;
    rig.vnf.0.lock().unwrap().snapshot.ports.clear();
    let body = show(&rig).await.json();
    let ids: Vec<&Value> =
        body["vnfConfigurationData"]["extCpConfig"].as_array().unwrap().iter().map(|cp| &cp["cpId"]).collect();
    assert_eq!(ids, ["eth1", "eth2"]);
}

#[tokio::test]
async fn what_was_read_can_be_written_back_and_changes_nothing() {
    let rig = rig().await;
    let was = show(&rig).await;
    let got = patch(&rig, &[], &was.json()).await;
    assert_eq!((got.status.as_u16(), got.header("etag")), (200, was.header("etag")), "{}", got.text());
    assert_eq!(got.json(), was.json());
    assert_eq!(revisions(&rig), 2);
}

#[tokio::test]
async fn a_patch_of_function_parameters_and_addresses_is_one_revision() {
    let rig = rig().await;
    let was = show(&rig).await;
    let body = json!({
        "vnfConfigurationData": {
            "extCpConfig": [
                {"cpId": "eth1", "cpdId": "IN", "addresses": [{"address": {"ipAddress": "10.0.2.1"}}]},
                {"cpId": "eth2", "addresses": [{"address": {"macAddress": "02-00-00-00-00-AA"}, "useDynamicAddress": false}]},
            ],
            "vnfSpecificData": {"function": "second", "parameters": {"RATE": 20, "NEW": "x"}, "comment": "why"},
        },
        "vnfcConfigurationDataDeleteIds": ["none"],
    });
    let got = patch(&rig, &[&format!("if-match: {}", was.header("etag"))], &body).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(got.json(), body);
    assert_ne!(got.header("etag"), was.header("etag"));
    let expected = json!({"IN": "eth1", "IN_ADDR": "10.0.2.1/24", "NEW": "x", "OUT": "eth2", "OUT_MAC": "02:00:00:00:00:aa", "RATE": "20"});
    assert_eq!(parameters(&rig), expected);
    assert_eq!(rig.get("/v1/functions/main").await.text(), "second");
    let last = rig.ems.store.last("main").unwrap();
    assert_eq!((last.number, last.comment.as_deref()), (3, Some("why")));
    let now = show(&rig).await;
    assert_eq!(now.header("etag"), got.header("etag"));
    let removed =
        patch(&rig, &[], &json!({"vnfConfigurationData": {"vnfSpecificData": {"parameters": {"NEW": null}}}})).await;
    assert_eq!((removed.status.as_u16(), &parameters(&rig)["NEW"]), (200, &Value::Null));
}

#[tokio::test]
async fn a_function_that_does_not_compile_is_422_with_findings_and_changes_nothing() {
    let rig = rig().await;
    let was = show(&rig).await;
    let body = json!({"vnfConfigurationData": {"vnfSpecificData": {"function": "bad", "parameters": {"RATE": "1"}}}});
    let got = patch(&rig, &[], &body).await;
    assert_eq!((got.status.as_u16(), got.json()["findings"][0]["place"].as_str()), (422, Some("main:1:1")));
    assert_eq!((show(&rig).await.header("etag"), revisions(&rig)), (was.header("etag"), 2));
}

#[tokio::test]
async fn preconditions_that_fail_are_412() {
    let rig = rig().await;
    let was = show(&rig).await;
    let change = |text: &str| json!({"vnfConfigurationData": {"vnfSpecificData": {"function": text}}});
    assert_eq!(patch(&rig, &["if-match: \"7-none\""], &change("second")).await.status, 412);
    assert_eq!(patch(&rig, &["if-match: \"7-none\""], &was.json()).await.status, 412);
    let early = "if-unmodified-since: Mon, 01 Jan 2001 00:00:00 GMT";
    assert_eq!(patch(&rig, &[early], &change("second")).await.status, 412);
    assert_eq!(revisions(&rig), 2);
    let tag = format!("if-match: {}", was.header("etag"));
    // If-Match decides alone when there are both.
    assert_eq!(patch(&rig, &[&tag, early], &change("second")).await.status, 200);
    assert_eq!(patch(&rig, &[&tag], &change("third")).await.status, 412);
    let since = format!("if-unmodified-since: {}", show(&rig).await.header("last-modified"));
    assert_eq!(patch(&rig, &[&since], &change("third")).await.status, 200);
    assert_eq!(rig.get("/v1/functions/main").await.text(), "third");
}

#[tokio::test]
async fn what_is_no_modification_is_400() {
    let rig = rig().await;
    for body in [
        json!({}),
        json!([]),
        json!({"vnfcConfigurationDataDeleteIds": ["main"]}),
        json!({"vnfConfigurationData": 7}),
        json!({"vnfConfigurationData": {}, "other": 1}),
        json!({"vnfConfigurationData": {"extCpConfig": {}}}),
        json!({"vnfConfigurationData": {"extCpConfig": [{"addresses": []}]}}),
        json!({"vnfConfigurationData": {"vnfSpecificData": {"function": 7}}}),
        json!({"vnfConfigurationData": {"vnfSpecificData": {"parameters": {"RATE": []}}}}),
    ] {
        assert_eq!(patch(&rig, &[], &body).await.status, 400, "{body}");
    }
    assert_eq!(rig.send("PATCH", HERE, &[V, "content-type: application/merge-patch+json"], "{").await.status, 400);
    assert_eq!(rig.send("PATCH", HERE, &[V, "content-type: text/plain"], "{}").await.status, 415);
    let plain = rig.send("PATCH", HERE, &[V, "content-type: application/json"], &show(&rig).await.text()).await;
    assert_eq!(plain.status, 200);
    assert_eq!(revisions(&rig), 2);
}

#[tokio::test]
async fn what_cannot_be_changed_is_422_and_says_so() {
    let rig = rig().await;
    let cp = |cp: Value| json!({"vnfConfigurationData": {"extCpConfig": [cp]}});
    let address = |id: &str, a: Value| cp(json!({"cpId": id, "addresses": [{"address": a}]}));
    for (body, says) in [
        (address("eth9", json!({})), "no port"),
        (address("eth1", json!({"ipAddress": "10.0.2.1/8"})), "no IP address"),
        (address("eth1", json!({"ipAddress": "fd00::1"})), "different families"),
        (address("eth1", json!({"macAddress": "02:00:00:00:00:77"})), "IN_MAC"),
        (address("eth2", json!({"macAddress": "02:00"})), "no Ethernet address"),
        (address("eth2", json!({"ipAddress": "10.0.2.1"})), "OUT_ADDR"),
        (cp(json!({"cpId": "eth1", "cpdId": "OUT"})), "cpdId"),
        (cp(json!({"cpId": "eth1", "addresses": [{"useDynamicAddress": true}]})), "DHCP"),
        (json!({"vnfConfigurationData": {"dhcpServer": "10.0.0.1"}}), "dhcpServer"),
        (json!({"vnfConfigurationData": {"vnfSpecificData": {"x": 1}}}), "‘x’"),
        (json!({"vnfcConfigurationData": [{"vnfcInstanceId": "other"}]}), "no VNFC"),
        (
            json!({"vnfcConfigurationData": [{"vnfcInstanceId": "main", "vnfcSpecificData": {"function": "x"}}]}),
            "vnfSpecificData",
        ),
        (json!({"vnfConfigurationData": {}, "vnfcConfigurationDataDeleteIds": ["main"]}), "deleted"),
        (
            json!({"vnfConfigurationData": {
                "extCpConfig": [{"cpId": "eth1", "addresses": [{"address": {"ipAddress": "10.0.2.1"}}]}],
                "vnfSpecificData": {"parameters": {"IN_ADDR": "10.0.3.1/24"}},
            }}),
            "two values",
        ),
    ] {
        let got = patch(&rig, &[], &body).await;
        assert_eq!(got.status, 422, "{body}: {}", got.text());
        assert!(got.json()["detail"].as_str().unwrap().contains(says), "{says}: {}", got.text());
    }
    assert_eq!(revisions(&rig), 2);
}
