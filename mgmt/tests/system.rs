//! The machine around the VNF: what it is told of, and images that are installed.
#![allow(clippy::unwrap_used)] // helpers of tests, too
#[allow(missing_docs)]
mod fake;
#[allow(missing_docs)]
mod wire;
use fake::Rig;
use wire::Served;

#[tokio::test]
async fn where_each_value_came_from_is_told() {
    let system = Rig::new().get("/v1/system").await.json();
    assert_eq!((&system["appliance"], &system["data"]), (&true.into(), &"memory".into()), "{system}");
    assert_eq!(system["settings"][0]["from"], "image");
    assert!(system.get("last_words").is_none(), "{system}");
}

#[tokio::test]
async fn an_image_is_installed_by_an_administrator_and_the_audit_log_says_so() {
    let rig = Rig::new();
    let got = rig.send("PUT", "/v1/system/image", &["content-type: application/x-tar"], "bundle").await;
    assert_eq!((got.status.as_u16(), &got.json()["slot"]), (200, &"b".into()));
    let damaged = rig.put("/v1/system/image", "").await;
    assert_eq!((damaged.status.as_u16(), &damaged.json()["detail"]), (422, &"the bundle ended too early".into()));
    let audit = rig.get("/v1/audit").await.json();
    let entry = audit.as_array().unwrap().iter().find(|e| e["what"] == "install an image");
    assert_eq!(entry.map(|e| e["outcome"].clone()), Some("done".into()), "{audit}");
}

#[test]
fn an_image_may_be_longer_than_other_bodies_and_goes_on_over_a_socket() {
    let served = Served::start("limits.body_bytes = 1000");
    assert_eq!(served.ask("PUT", "/v1/system/image", &[], &"x".repeat(1 << 20)).status, 200);
    assert_eq!(served.ask("PUT", "/v1/functions/main", &[], &"x".repeat(1 << 20)).status, 413);
}
