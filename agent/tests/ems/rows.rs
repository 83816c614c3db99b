//! Every resource of the EMS over a real socket, while traffic flows through the VNF; none of it costs a packet.
use crate::client::{Client, Got};
use crate::common::{Folder, must};
use crate::rig::Rig;

const WIRE: &str = "//VNF_HEADER\n//VNF_VERSION:1.0\n//VNF_ID:5f0a7d0e-9c40-4d5e-8a3e-0d8f3c1b2a10\n//VNF_PROVIDER:us\n//VNF_NAME:wire\n\
//VNF_RELEASE_DATE:2026-11-26\n//VNF_RELEASE_VERSION:1.0\n//VNF_RELEASE_LIFESPAN:2030-01-01\n//VNF_DESCRIPTION:a wire\n\
FromDevice($A, PROMISC true) -> in :: Counter -> q :: Queue -> ToDevice($B);\n\
FromDevice($B, PROMISC true) -> q2 :: Queue -> ToDevice($A);\n";

/// A request of SOL 002, with the version of the API.
pub(crate) fn sol(ems: &Client, method: &str, path: &str, version: &str, body: &str) -> Got {
    let body = if body.is_empty() { String::new() } else { format!("-H 'content-type: application/json' -d '{body}'") };
    ems.send(&format!("-X {method} -H 'Version: {version}' {body}"), path)
}

#[test]
fn every_resource_answers_while_traffic_flows_and_no_packet_is_lost() {
    let more = "[ems]\nclick_on_osv = '127.0.0.1:8001'\n";
    let Some(rig) = Rig::new("rows", WIRE, more) else { return };
    let sluice = rig.start_and_settle();
    let (ems, folder) = (&rig.ems, &rig.folder);
    let traffic = rig.traffic(12);
    for path in [
        "/livez",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/v1/vnf",
        "/v1/functions",
        "/v1/functions/main",
        "/v1/functions/main/revisions",
        "/v1/functions/main/revisions/1",
        "/v1/elements",
        "/v1/elements/q",
        "/v1/elements/in/handlers/count",
        "/v1/graph",
        "/v1/graph?format=dot",
        "/v1/graph?format=svg",
        "/v1/ports",
        "/v1/ports/left",
        "/v1/stats",
        "/v1/log",
        "/v1/alarms",
        "/v1/alarms/history",
        "/v1/audit",
        "/v1/support-bundle",
        "/v1/backup",
        "/v1/tap?edge=q%5B0%5D&count=3&seconds=5",
    ] {
        let got = ems.send("-o /dev/null -w '%{http_code}'", path);
        assert!(got.head.ends_with("200"), "{path}: {}", got.head);
    }
    native(ems, folder);
    etsi(ems);
    click_on_osv(ems);

    traffic.arrived();
    let audit = ems.get("/v1/audit").is(200).json();
    assert!(audit.as_array().is_some_and(|a| a.len() >= 5), "{audit}");
    rig.shut_down(sluice);
}

fn native(ems: &Client, folder: &Folder) {
    let backup = folder.file("backup.tar.gz");
    must(&ems.curl(&format!("-f -o {}", backup.display()), "/v1/backup"));
    ems.put("/v1/functions/main", &WIRE.replace("q2 ::", "more :: Counter -> q2 ::")).is(200);
    ems.post("/v1/functions/main/revisions/1/restore", "").is(200);
    let put = format!("-X PUT -H 'content-type: application/gzip' --data-binary '@{}'", backup.display());
    ems.send(&put, "/v1/backup").is(200);
    assert_eq!(ems.get("/v1/functions/main").is(200).body, WIRE);
    assert_eq!(ems.post("/v1/trace", r#"{"count":1}"#).status, 201);
    ems.put("/v1/elements/q/handlers/capacity", "777").is(200);
    // Wrong requests: each is told what was wrong, and nothing changes.
    for (arguments, path, status) in [
        ("-X PUT -H 'content-type: application/json' -d '{\"state\": 7}'", "/v1/vnf/state", 400),
        ("-X PUT -H 'content-type: application/json' -d '{\"state\": \"paused\"}'", "/v1/vnf/state", 422),
        ("-X PUT -H 'content-type: application/json' -d '{\"state\":'", "/v1/vnf/state", 400),
        ("-X PUT -H 'content-type: application/json' -d '{\"txt\": \"a\"}'", "/v1/functions/main", 422),
        ("-X DELETE", "/v1/functions/main", 405),
        ("", "/v1/functions/other", 404),
        ("", "/v1/functions/main/revisions/999", 404),
        ("", "/v1/log?limit=x", 400),
        ("", "/nothing", 404),
    ] {
        let got = ems.send(arguments, path).is(status);
        assert_eq!(got.field("content-type"), Some("application/problem+json"), "{path}");
        assert!(got.json()["detail"].as_str().is_some_and(|d| !d.is_empty()), "{path}: {}", got.body);
    }
    assert_eq!(ems.get("/v1/functions/main").is(200).body, WIRE);
}

fn etsi(ems: &Client) {
    for api in ["vnfconfig", "vnfind", "lcmcoord"] {
        let got = sol(ems, "GET", &format!("/{api}/api_versions"), "1.0.0", "").is(200);
        assert!(got.json()["apiVersions"].is_array(), "{}", got.body);
    }
    let configuration = "/vnfconfig/v1/configuration";
    assert_eq!(ems.get(configuration).status, 400); // no Version
    let now = sol(ems, "GET", configuration, "1.3.0", "").is(200);
    assert_eq!(now.field("version"), Some("1.3.0"));
    let data = now.json()["vnfConfigurationData"].clone();
    assert_eq!(data["vnfSpecificData"]["function"], WIRE, "{data}");
    let changed = r#"{"vnfConfigurationData":{"vnfSpecificData":{"parameters":{"UNUSED":"1"}}}}"#;
    let tag = now.field("etag").expect("a tag").to_string();
    let patch = |tag: &str| {
        let fields = format!(
            "-X PATCH -H 'Version: 1.3.0' -H 'If-Match: {tag}' -H 'content-type: application/merge-patch+json'"
        );
        ems.send(&format!("{fields} -d '{changed}'"), configuration)
    };
    patch(&tag).is(200);
    patch(&tag).is(412);
    assert_eq!(sol(ems, "DELETE", configuration, "1.3.0", "").status, 405);
    let list = sol(ems, "GET", "/vnfind/v1/indicators", "1.4.0", "").is(200).json();
    assert!(list.as_array().is_some_and(|l| l.len() > 3 && l.iter().all(|i| i["value"].is_object())), "{list}");
    let ask = r#"{"vnfInstanceId":"5f0a7d0e-9c40-4d5e-8a3e-0d8f3c1b2a10","vnfLcmOpOccId":"1","lcmOperationType":"OPERATE","coordinationActionName":"snapshot","_links":{"vnfLcmOpOcc":{"href":"http://localhost/1"},"vnfInstance":{"href":"http://localhost/2"}}}"#;
    let begun = sol(ems, "POST", "/lcmcoord/v1/coordinations", "1.0.0", ask).is(201);
    assert_eq!(begun.json()["coordinationResult"], "CONTINUE", "{}", begun.body);
    assert!(begun.field("location").is_some());
}

fn click_on_osv(ems: &Client) {
    let old = Client { url: "http://127.0.0.1:8001".into(), namespace: ems.namespace.clone(), more: String::new() };
    let get = |path: &str| old.get(&format!("/click_plugin/{path}")).is(200).body;
    assert_eq!(get("version"), "\"2.0\"");
    assert_eq!(get("running"), "true");
    assert_eq!(get("metrics").matches("\"name\"").count(), 5);
    assert!(get("vnf_identification").contains("wire"));
    assert!(old.post("/click_plugin/start", "").is(200).body.contains("Click is already running"));
    assert_eq!(ems.get("/click_plugin/version").status, 404);
}
