//! What SOL 013 asks of every resource: versions, methods, errors, filters, pages.
#![allow(clippy::unwrap_used)] // helpers of tests, too
mod callback;
#[allow(missing_docs)]
mod fake;
mod schemas;
#[cfg(feature = "tls")]
#[allow(missing_docs)]
mod wire;
use fake::{Rig, identity};
use serde_json::json;
use sluice_mgmt::auth::{Actor, Role};
use sluice_mgmt::command::Command;

/// Each resource: API, its version, path, and methods that it has.
fn resources() -> Vec<(&'static str, String, &'static [&'static str])> {
    let instance = identity().id;
    vec![
        ("1.3.0", "/vnfconfig/v1/configuration".into(), &["GET", "PATCH"]),
        ("1.4.0", "/vnfind/v1/indicators".into(), &["GET"]),
        ("1.4.0", format!("/vnfind/v1/indicators/{instance}"), &["GET"]),
        ("1.4.0", format!("/vnfind/v1/indicators/{instance}/state"), &["GET"]),
        ("1.4.0", "/vnfind/v1/subscriptions".into(), &["GET", "POST"]),
        ("1.4.0", "/vnfind/v1/subscriptions/1".into(), &["GET", "DELETE"]),
        ("1.0.0", "/lcmcoord/v1/coordinations".into(), &["POST"]),
        ("1.1.0", "/lcmcoord/v1/coordinations/1".into(), &["GET"]),
        ("1.0.0", "/lcmcoord/v1/coordinations/1/cancel".into(), &["POST"]),
    ]
}

#[tokio::test]
async fn the_version_must_be_given_and_understood_and_is_echoed() {
    let rig = Rig::new();
    for (version, path, methods) in resources() {
        for method in methods {
            let missing = rig.send(method, &path, &[], "{}").await;
            assert_eq!(missing.status, 400, "{method} {path}");
            schemas::fits(&schemas::problem(), &missing.json());
            assert!(!missing.header("version").is_empty());
            let wrong = rig.send(method, &path, &["version: 9.9.9"], "{}").await;
            assert_eq!((wrong.status.as_u16(), wrong.header("content-type")), (406, "application/problem+json"));
            for field in [format!("version: {version}"), format!("version: {version}-impl:example.com:product:2")] {
                let got = rig.send(method, &path, &[&field, "content-type: application/json"], "{}").await;
                assert_eq!(got.header("version"), version, "{method} {path}: {}", got.text());
            }
        }
    }
    let xml = rig.send("GET", "/vnfind/v1/indicators", &["version: 1.4.0", "accept: application/xml"], "").await;
    assert_eq!(xml.status, 406);
}

#[cfg(feature = "tls")]
#[test]
fn a_version_that_was_not_given_is_the_newest_if_that_is_set() {
    let served = wire::Served::start("assume_version = true");
    let get = |fields: &[&str]| served.ask("GET", "/vnfind/v1/indicators", fields, "");
    for (fields, status) in [(&[][..], 200), (&["Version: 1.4.0"], 200), (&["Version: 9.9.9"], 406)] {
        let said = get(fields);
        assert_eq!((said.status, said.field("version")), (status, "1.4.0"), "{fields:?}");
    }
    assert_eq!(served.ask("GET", "/v1/vnf", &[], "").field("version"), "");
    let stranger = served.ask("GET", "/vnfind/v1/indicators", &["Authorization: Bearer guess"], "");
    assert_eq!((stranger.status, stranger.field("version")), (401, "1.4.0"));
    assert_eq!(wire::Served::start("").ask("GET", "/vnfind/v1/indicators", &[], "").status, 400);
}

#[tokio::test]
async fn methods_that_a_resource_does_not_have_are_405_with_allow() {
    let rig = Rig::new();
    let versions =
        ["lcmcoord", "vnfconfig", "vnfind"].map(|api| ("1.0.0", format!("/{api}/api_versions"), &["GET"] as &[&str]));
    let deep = ["lcmcoord", "vnfconfig", "vnfind"]
        .map(|api| ("1.0.0", format!("/{api}/v1/api_versions"), &["GET"] as &[&str]));
    for (_, path, methods) in resources().into_iter().chain(versions).chain(deep) {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().filter(|m| !methods.contains(m)) {
            // The conformance suite gives no version here.
            let got = rig.send(method, &path, &[], "").await;
            assert_eq!(got.status, 405, "{method} {path}");
            assert_eq!(got.header("content-type"), "application/problem+json");
            assert!(got.header("allow").contains(methods[0]), "{method} {path}: {:?}", got.headers);
            assert!(!got.header("version").is_empty(), "{method} {path}");
            schemas::fits(&schemas::problem(), &got.json());
        }
    }
    let none = rig.send("GET", "/vnfind/v1/subscription", &["version: 1.4.0"], "").await;
    assert_eq!((none.status.as_u16(), none.header("content-type")), (404, "application/problem+json"));
}

#[tokio::test]
async fn versions_of_each_api_are_listed_without_a_version() {
    let rig = Rig::new();
    for (api, versions) in [("lcmcoord", &["1.0.0", "1.1.0"][..]), ("vnfconfig", &["1.3.0"]), ("vnfind", &["1.4.0"])] {
        for path in [format!("/{api}/api_versions"), format!("/{api}/v1/api_versions")] {
            let got = rig.send("GET", &path, &["host: vnf.example:8000"], "").await;
            assert_eq!(got.status, 200);
            schemas::fits(&schemas::api_versions(), &got.json());
            assert_eq!(got.json()["uriPrefix"], format!("http://vnf.example:8000/{api}/v1/"));
            let listed: Vec<String> = got.json()["apiVersions"]
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v["version"].as_str().unwrap().to_string())
                .collect();
            assert_eq!(listed, versions);
        }
    }
}

#[tokio::test]
async fn long_lists_come_in_pages_that_a_marker_without_state_connects() {
    let rig = Rig::new();
    let subscriber = callback::Subscriber::new();
    let headers = ["version: 1.4.0", "content-type: application/json", "host: vnf.example"];
    for n in 0..45 {
        let body = json!({"callbackUri": subscriber.uri(&format!("/ok{n}"))}).to_string();
        let made = rig.send("POST", "/vnfind/v1/subscriptions", &headers, &body).await;
        assert_eq!(made.status, 201, "{}", made.text());
    }
    let filter = "filter=(cont,callbackUri,ok)";
    let mut next = Some(format!("/vnfind/v1/subscriptions?{filter}"));
    let (mut ids, mut sizes) = (Vec::new(), Vec::new());
    while let Some(path) = next {
        let got = rig.send("GET", &path, &headers, "").await;
        assert_eq!(got.status, 200, "{}", got.text());
        schemas::fits(&schemas::list_of(schemas::subscription()), &got.json());
        let page: Vec<String> =
            got.json().as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap().to_string()).collect();
        sizes.push(page.len());
        ids.extend(page);
        let link = got.header("link");
        next = link
            .strip_prefix("<http://vnf.example")
            .and_then(|l| l.strip_suffix(">; rel=\"next\""))
            .map(str::to_string);
        assert_eq!(link.is_empty(), next.is_none(), "{link}");
        assert!(next.as_ref().is_none_or(|n| n.contains(filter) && n.contains("nextpage_opaque_marker=")));
    }
    assert_eq!(sizes, [20, 20, 5]);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 45);
    for marker in ["", "x", "p", "p0", "pzz", "pff", "p%C3%A9"] {
        let path = format!("/vnfind/v1/subscriptions?nextpage_opaque_marker={marker}");
        assert_eq!(rig.send("GET", &path, &headers, "").await.status, 400, "{marker}");
    }
}

#[tokio::test]
async fn who_may_only_read_changes_nothing() {
    let rig = Rig::new();
    let subscriber = callback::Subscriber::new();
    let reader = || Some(Actor { name: "reader".into(), role: Role::ReadOnly });
    let wanted = serde_json::from_value(json!({"callbackUri": subscriber.uri("/ok")})).unwrap();
    let link = json!({"href": "/"});
    let coordinate = serde_json::from_value(json!({
        "vnfInstanceId": "1", "vnfLcmOpOccId": "2", "lcmOperationType": "HEAL", "coordinationActionName": "quiesce",
        "_links": {"vnfLcmOpOcc": link, "vnfInstance": link},
    }));
    for command in [
        Command::Subscribe(Box::new(wanted), String::new()),
        Command::Unsubscribe("1".into()),
        Command::Coordinate(Box::new(coordinate.unwrap())),
        Command::CancelCoordination("1".into()),
    ] {
        assert_eq!(rig.ems.execute(reader(), command.clone()).await.unwrap_err().status, 403);
        assert!(command.audited().is_some());
    }
    for command in [Command::Indicators, Command::Subscriptions] {
        assert!(rig.ems.execute(reader(), command).await.is_ok());
    }
    assert!(subscriber.so_far("GET").is_empty());
    assert_eq!(rig.get("/v1/vnf").await.json()["state"], "running");
}
