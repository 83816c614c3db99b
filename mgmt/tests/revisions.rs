//! Revisions over HTTP: the list, one of them, what it changed, and the way back.
#![allow(clippy::unwrap_used)] // a test that cannot go on panics
#[allow(missing_docs)]
mod fake;
#[path = "../src/store/scratch.rs"]
mod scratch;
use fake::Rig;
use scratch::Scratch;
use sluice_mgmt::alarms::Cause;
use sluice_mgmt::clock;
use sluice_mgmt::functions::at_boot;
use sluice_mgmt::store::Store;
use sluice_mgmt::vnf::{Configuration, ManagedVnf as _};
use std::sync::Arc;
use std::time::Duration;

const MAIN: &str = "/v1/functions/main";
const ALL: &str = "/v1/functions/main/revisions";

fn one(number: u64) -> String {
    format!("{ALL}/{number}")
}

#[tokio::test]
async fn functions_are_listed_with_framework_revision_and_state() {
    let rig = Rig::new();
    rig.put(MAIN, "second").await;
    let got = rig.get("/v1/functions").await;
    let etag = rig.get(MAIN).await.header("etag").to_string();
    let wanted = serde_json::json!([
        {"name": "main", "framework": "click", "revision": 2, "etag": etag, "state": "running"}
    ]);
    assert_eq!((got.status.as_u16(), got.json()), (200, wanted));
    rig.put("/v1/functions/main?confirm-within=60", "third").await;
    rig.vnf.0.lock().unwrap().stopped = true;
    let now = rig.get("/v1/functions").await.json();
    assert_eq!((&now[0]["revision"], &now[0]["state"]), (&3.into(), &"stopped".into()));
    assert!(now[0]["confirm_by"].is_string());
}

#[tokio::test]
async fn the_history_says_who_changed_how_much_and_what_runs() {
    let rig = Rig::new();
    rig.put(MAIN, "first\nand\nmore\n").await;
    let change = r#"{"text": "first\nor\nmore\n", "parameters": {"RATE": "10"}, "comment": "rather"}"#;
    rig.send("PUT", MAIN, &["content-type: application/json"], change).await;
    let got = rig.get(ALL).await;
    assert_eq!(got.status, 200);
    let list = got.json();
    let numbers: Vec<_> = list.as_array().unwrap().iter().map(|r| r["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3]);
    let lines = |n: usize| (list[n]["added"].as_u64().unwrap(), list[n]["removed"].as_u64().unwrap());
    assert_eq!([lines(0), lines(1), lines(2)], [(1, 0), (3, 1), (2, 1)], "{list:#}");
    assert_eq!((&list[0]["origin"], &list[0]["author"]), (&"file".into(), &"file".into()));
    assert_eq!((&list[2]["origin"], &list[2]["comment"]), (&"api".into(), &"rather".into()));
    assert_eq!((&list[1]["current"], &list[2]["current"]), (&false.into(), &true.into()));
    assert_eq!(list[2]["etag"], rig.get(MAIN).await.header("etag"));
    assert!(list[2]["time"].as_str().unwrap().ends_with('Z'));
    assert!(list[2].get("configuration").is_none(), "texts are not listed");
    assert_eq!(rig.get("/v1/functions/other/revisions").await.status, 404);
}

#[tokio::test]
async fn a_change_that_waits_for_its_confirmation_is_no_revision() {
    let rig = Rig::new();
    let waits = rig.put("/v1/functions/main?confirm-within=60", "second").await;
    let list = rig.get(ALL).await.json();
    assert_eq!((list.as_array().unwrap().len(), &list[0]["current"]), (1, &false.into()));
    assert_eq!(rig.get(&one(2)).await.status, 404);
    assert_eq!(rig.post("/v1/functions/main/revisions/1/restore", "").await.status, 409);
    rig.post("/v1/functions/main/confirm", "").await;
    assert_eq!(rig.get(ALL).await.json()[1]["etag"], waits.header("etag"));
}

#[tokio::test]
async fn a_revision_is_a_text_or_json_or_a_diff() {
    let rig = Rig::new();
    let change = r#"{"text": "second\n", "parameters": {"RATE": "10"}}"#;
    rig.send("PUT", MAIN, &["content-type: application/json"], change).await;
    rig.put(MAIN, "third\n").await;

    let text = rig.get(&one(2)).await;
    assert_eq!((text.text().as_str(), text.header("content-type")), ("second\n", "text/plain; charset=utf-8"));
    let json = rig.send("GET", &one(2), &["accept: application/json"], "").await;
    assert_eq!(json.header("etag"), text.header("etag"));
    let body = json.json();
    assert_eq!((&body["number"], &body["current"]), (&2.into(), &false.into()));
    assert_eq!(body["configuration"]["parameters"]["RATE"], "10");
    let wanted = "--- text of revision 1\n+++ text of revision 2\n@@ -1 +1 @@\n-first\n\\ No newline at end of file\n+second\n\
                  --- parameters of revision 1\n+++ parameters of revision 2\n@@ -0,0 +1 @@\n+RATE=10\n";
    assert_eq!(body["diff"], wanted);

    let diff = rig.get(&format!("{}?diff=true", one(3))).await;
    assert_eq!(diff.header("content-type"), "text/x-diff; charset=utf-8");
    let wanted = "--- text of revision 2\n+++ text of revision 3\n@@ -1 +1 @@\n-second\n+third\n";
    assert_eq!(diff.text(), wanted, "the parameters are the same");
    let oldest = rig.get(&format!("{}?diff=true", one(1))).await.text();
    assert!(oldest.starts_with("--- /dev/null\n+++ text of revision 1\n@@ -0,0 +1 @@\n+first\n"), "{oldest}");

    assert_eq!(rig.get(&one(4)).await.status, 404);
    let wrong = rig.get(&format!("{ALL}/latest")).await;
    assert_eq!((wrong.status.as_u16(), wrong.header("content-type")), (400, "application/problem+json"));
}

#[tokio::test]
async fn a_revision_that_is_restored_becomes_a_new_one() {
    let rig = Rig::new();
    let change = r#"{"text": "second", "parameters": {"RATE": "10"}}"#;
    rig.send("PUT", MAIN, &["content-type: application/json"], change).await;
    let path = format!("{}/restore", one(1));
    let tag = format!("if-match: {}", rig.get(&one(1)).await.header("etag"));
    assert_eq!(rig.send("POST", &path, &[&tag], "").await.status, 412);
    let would = rig.post(&format!("{path}?dry-run=true"), "").await;
    assert_eq!((would.status.as_u16(), would.json()["changed"].as_bool()), (200, Some(false)));
    assert_eq!(rig.get(MAIN).await.text(), "second");

    let done = rig.post(&path, "").await;
    assert_eq!((done.status.as_u16(), done.json()["revision"].as_u64()), (200, Some(3)), "{}", done.text());
    let now = rig.send("GET", &one(3), &["accept: application/json"], "").await.json();
    assert_eq!((&now["current"], &now["comment"]), (&true.into(), &"restored from revision 1".into()));
    assert_eq!(now["configuration"], serde_json::json!({"text": "first", "parameters": {}, "confined": false}));
    let again = rig.post(&path, "").await;
    assert_eq!((again.json()["changed"].as_bool(), again.json()["revision"].as_u64()), (Some(false), Some(3)));
    assert_eq!(rig.post(&format!("{}/restore", one(9)), "").await.status, 404);

    rig.post(&format!("{}/restore?confirm-within=60", one(2)), "").await;
    assert_eq!(rig.get(MAIN).await.text(), "second");
    assert_eq!(rig.ems.functions.tick(clock::monotonic() + Duration::from_secs(61)), ["main"]);
    assert_eq!(rig.get(MAIN).await.text(), "first");
}

#[tokio::test]
async fn a_change_that_cannot_be_saved_is_507_and_what_ran_runs_again() {
    let scratch = Scratch::new();
    let folder = scratch.path().join("revisions");
    let rig = Rig::with(Arc::new(Store::open(&folder).unwrap().0));
    let (main, away) = (folder.join("main"), scratch.path().join("away"));
    std::fs::rename(&main, &away).unwrap();
    std::fs::write(&main, "in the way").unwrap();
    let failed = rig.put(MAIN, "second").await;
    assert_eq!(failed.status, 507);
    assert!(failed.json()["detail"].as_str().unwrap().ends_with("what ran before runs again"), "{}", failed.text());
    assert_eq!(rig.vnf.0.lock().unwrap().applied, ["second", "first"]);
    assert_eq!(
        (rig.get(MAIN).await.text().as_str(), rig.get(ALL).await.json().as_array().unwrap().len()),
        ("first", 1)
    );
    assert_eq!(rig.ems.alarms.active()[0].cause, Cause::StorageCapacityProblem);

    std::fs::remove_file(&main).unwrap();
    std::fs::rename(&away, &main).unwrap();
    assert_eq!(rig.put(MAIN, "second").await.json()["revision"], 2);
    assert!(rig.ems.alarms.active().is_empty());
}

#[tokio::test]
async fn a_confirmation_that_cannot_be_saved_is_507_and_the_change_still_waits() {
    let scratch = Scratch::new();
    let folder = scratch.path().join("revisions");
    let rig = Rig::with(Arc::new(Store::open(&folder).unwrap().0));
    let confirm = "/v1/functions/main/confirm";
    let (main, away) = (folder.join("main"), scratch.path().join("away"));
    rig.put("/v1/functions/main?confirm-within=60", "second").await;
    std::fs::rename(&main, &away).unwrap();
    std::fs::write(&main, "in the way").unwrap();
    let failed = rig.post(confirm, "").await;
    assert_eq!(failed.status, 507);
    assert!(failed.json()["detail"].as_str().unwrap().contains("waits for its confirmation until"));
    let now = rig.send("GET", MAIN, &["accept: application/json"], "").await.json();
    assert!(now["confirm_by"].is_string() && now["configuration"]["text"] == "second", "{now}");
    assert_eq!(rig.ems.alarms.active()[0].cause, Cause::StorageCapacityProblem);

    std::fs::remove_file(&main).unwrap();
    std::fs::rename(&away, &main).unwrap();
    assert_eq!(rig.post(confirm, "").await.json()["revision"], 2);
    assert!(rig.ems.alarms.active().is_empty());
    assert!(rig.ems.functions.tick(clock::monotonic() + Duration::from_secs(61)).is_empty());
    assert_eq!((rig.get(MAIN).await.text().as_str(), rig.vnf.0.lock().unwrap().applied.len()), ("second", 1));
}

#[tokio::test]
async fn a_damaged_revision_raises_an_alarm_and_the_one_before_it_is_the_last_good_one() {
    let scratch = Scratch::new();
    let rig = Rig::with(Arc::new(Store::open(scratch.path()).unwrap().0));
    rig.put(MAIN, "second").await;
    drop(rig);
    std::fs::write(scratch.path().join("main/2.revision"), "").unwrap();
    let rig = Rig::with(Arc::new(Store::open(scratch.path()).unwrap().0));
    let alarms = rig.ems.alarms.active();
    assert_eq!((alarms.len(), alarms[0].cause), (1, Cause::CorruptData));
    assert!(alarms[0].text.starts_with("revision 2 of ‘main’: "), "{}", alarms[0].text);
    assert_eq!((rig.get(MAIN).await.text().as_str(), rig.get(&one(2)).await.status.as_u16()), ("first", 404));
    assert_eq!(rig.put(MAIN, "second").await.json()["revision"], 3, "a number is never used twice");
}

#[tokio::test]
async fn a_file_that_was_edited_becomes_a_revision_once_it_runs() {
    let rig = Rig::new();
    rig.put(MAIN, "second").await;
    let edited = Configuration { text: "edited".into(), ..Configuration::default() };
    let boot = at_boot(&rig.ems.store, "main", Some(edited.clone())).unwrap();
    assert!(boot.is_new);
    rig.vnf.apply("main", &boot.configuration).unwrap();
    assert_eq!(rig.ems.functions.adopt("main", boot.configuration, "file").unwrap().number, 3);
    assert_eq!(rig.get(MAIN).await.text(), "edited");
    let now = &rig.get(ALL).await.json()[2];
    assert_eq!((&now["origin"], &now["author"], &now["current"]), (&"file".into(), &"file".into(), &true.into()));
    assert!(!at_boot(&rig.ems.store, "main", Some(edited)).unwrap().is_new);
}
