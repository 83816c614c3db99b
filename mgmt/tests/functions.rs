//! Functions over HTTP: who wins, what is refused, what is taken back.
#[allow(missing_docs)]
mod fake;
use fake::Rig;
use sluice_mgmt::clock;
use sluice_mgmt::functions::LONGEST_TEXT;
use sluice_mgmt::vnf::Configuration;
use std::time::Duration;

const MAIN: &str = "/v1/functions/main";

#[tokio::test]
async fn a_text_replaces_the_function_and_becomes_a_revision() {
    let rig = Rig::new();
    let was = rig.get(MAIN).await;
    assert_eq!((was.status.as_u16(), was.text().as_str()), (200, "first"));
    let done = rig.put(MAIN, "second").await;
    assert_eq!((done.status.as_u16(), done.json()["revision"].as_u64()), (200, Some(2)), "{}", done.text());
    assert_ne!(done.header("etag"), was.header("etag"));
    assert_eq!(rig.get(MAIN).await.text(), "second");
    let again = rig.put(MAIN, "second").await;
    assert_eq!((again.json()["changed"].as_bool(), again.header("etag")), (Some(false), done.header("etag")));
    assert_eq!(rig.vnf.0.lock().unwrap().applied, ["second"]);
}

#[tokio::test]
async fn what_does_not_compile_is_422_with_its_place_and_changes_nothing() {
    let rig = Rig::new();
    for path in [MAIN, "/v1/functions/main?dry-run=true"] {
        let got = rig.put(path, "bad").await;
        assert_eq!(got.status, 422);
        assert_eq!(got.header("content-type"), "application/problem+json");
        assert!(got.json()["detail"].as_str().unwrap().contains("main:1:1"), "{}", got.text());
    }
    assert_eq!(rig.get(MAIN).await.text(), "first");
    assert_eq!(rig.get("/v1/functions/other").await.status, 404);
}

#[tokio::test]
async fn of_two_writers_with_one_entity_tag_the_second_gets_412() {
    let rig = Rig::new();
    let tag = format!("if-match: {}", rig.get(MAIN).await.header("etag"));
    assert_eq!(rig.send("PUT", MAIN, &[&tag], "second").await.status, 200);
    let late = rig.send("PUT", MAIN, &[&tag], "third").await;
    assert_eq!(late.status, 412);
    assert_eq!(rig.get(MAIN).await.text(), "second");
    assert_eq!(rig.send("PUT", MAIN, &["if-match: *"], "third").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::await_holding_lock)] // that is what is tested
async fn of_two_writers_at_the_same_time_one_gets_409() {
    let rig = std::sync::Arc::new(Rig::new());
    let gate = rig.vnf.0.lock().unwrap().gate.clone();
    let held = gate.lock().unwrap();
    let first = tokio::spawn({
        let rig = rig.clone();
        async move { rig.put(MAIN, "second").await.status }
    });
    while std::sync::Arc::strong_count(&gate) < 3 {
        tokio::task::yield_now().await; // until the first one waits at the gate
    }
    assert_eq!(rig.put(MAIN, "third").await.status, 409);
    drop(held);
    assert_eq!(first.await.unwrap(), 200);
    assert_eq!(rig.get(MAIN).await.text(), "second");
}

#[tokio::test]
async fn a_change_that_nobody_confirms_is_taken_back() {
    let rig = Rig::new();
    let done = rig.put("/v1/functions/main?confirm-within=60", "second").await;
    assert!(done.json()["confirm_by"].is_string());
    assert_eq!(rig.get(MAIN).await.text(), "second");
    assert_eq!(rig.put(MAIN, "third").await.status, 409);
    let now = clock::monotonic();
    assert!(rig.ems.functions.tick(now + Duration::from_secs(59)).is_empty());
    assert_eq!(rig.ems.functions.tick(now + Duration::from_secs(61)), ["main"]);
    assert_eq!(rig.get(MAIN).await.text(), "first");
    assert_eq!(rig.post("/v1/functions/main/confirm", "").await.status, 409);
    assert_eq!(rig.vnf.0.lock().unwrap().applied, ["second", "first"]);
}

#[tokio::test]
async fn a_change_that_is_confirmed_stays() {
    let rig = Rig::new();
    rig.put("/v1/functions/main?confirm-within=60", "second").await;
    assert_eq!(rig.ems.store.revisions("main").len(), 1);
    assert_eq!(rig.post("/v1/functions/main/confirm", "").await.status, 200);
    assert!(rig.ems.functions.tick(clock::monotonic() + Duration::from_secs(61)).is_empty());
    assert_eq!((rig.get(MAIN).await.text().as_str(), rig.ems.store.revisions("main").len()), ("second", 2));
    rig.put("/v1/functions/main?confirm-within=60", "third").await;
    assert_eq!(rig.post("/v1/functions/main/revert", "").await.status, 200);
    assert_eq!(rig.get(MAIN).await.text(), "second");
}

#[tokio::test]
async fn the_longest_text_is_taken_and_one_byte_more_is_413() {
    let rig = Rig::new();
    assert_eq!(rig.put(MAIN, &"x".repeat(LONGEST_TEXT)).await.status, 200);
    assert_eq!(rig.put(MAIN, &"x".repeat(LONGEST_TEXT + 1)).await.status, 413);
    let patch = format!(r#"{{"vnfConfigurationData": {{"text": "{}"}}}}"#, "x".repeat(3 << 20));
    let headers = ["version: 1.3.0", "content-type: application/merge-patch+json"];
    assert_ne!(rig.send("PATCH", "/vnfconfig/v1/configuration", &headers, &patch).await.status, 413);
}

#[tokio::test]
async fn a_function_without_a_revision_goes_back_to_what_ran_or_gets_its_first_one() {
    let rig = Rig::new();
    rig.vnf.0.lock().unwrap().others.insert("side".into(), Configuration { text: "was".into(), ..Default::default() });
    let (side, waits) = ("/v1/functions/side", "/v1/functions/side?confirm-within=60");
    for back in [false, true] {
        assert_eq!(rig.put(waits, "tried").await.json()["revision"], 1);
        assert_eq!(rig.get(side).await.text(), "tried");
        let done = if back {
            rig.ems.functions.tick(clock::monotonic() + Duration::from_secs(61)) == ["side"]
        } else {
            rig.post("/v1/functions/side/revert", "").await.status == 200
        };
        assert!(done);
        assert_eq!((rig.get(side).await.text().as_str(), rig.ems.functions.current("side")), ("was", 0));
    }
    rig.put(waits, "kept").await;
    let kept = rig.post("/v1/functions/side/confirm", "").await;
    assert_eq!((kept.status.as_u16(), kept.json()["revision"].as_u64()), (200, Some(1)));
    assert_eq!(rig.ems.store.last("side").unwrap().configuration.text, "kept");
}
