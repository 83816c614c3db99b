//! The support bundle: what is in it, and what must not be.
#![allow(clippy::unwrap_used)] // helpers of tests, too
#[allow(missing_docs)]
mod fake;
use fake::Rig;
use flate2::read::GzDecoder;
use sluice_mgmt::alarms::{Cause, Severity};
use sluice_mgmt::archive::LARGEST;
use sluice_mgmt::audit::verify;
use sluice_mgmt::auth::security::Security;
use sluice_mgmt::encoding::sha256;
use sluice_mgmt::functions::{Change, Terms};
use sluice_mgmt::settings::Settings;
use sluice_mgmt::store::Origin;
use sluice_mgmt::vnf::{ElementCounters, GraphElement};
use std::collections::BTreeMap;
use std::io::Read as _;

fn unpack(archive: &[u8]) -> (Vec<String>, BTreeMap<String, String>) {
    let mut tar = tar::Archive::new(GzDecoder::new(archive));
    let (mut names, mut files) = (Vec::new(), BTreeMap::new());
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        names.push(name.clone());
        files.insert(name, text);
    }
    (names, files)
}

async fn bundle(rig: &Rig) -> (Vec<String>, BTreeMap<String, String>) {
    let got = rig.get("/v1/support-bundle").await;
    assert_eq!((got.status.as_u16(), got.header("content-type")), (200, "application/gzip"));
    assert!(got.header("content-disposition").starts_with("attachment; filename=\"sluice-support-2"));
    unpack(&got.body)
}

#[tokio::test]
async fn a_bundle_has_what_an_engineer_asks_for_and_a_manifest() {
    let rig = Rig::new();
    rig.put("/v1/functions/main", "second").await;
    rig.ems.alarms.raise("port/a", Cause::LossOfSignal, Severity::Major, "a is down");
    let settings = Settings { listen: ([127, 0, 0, 1], 8123).into(), ..Settings::default() };
    Security::set_up(&settings, &rig.ems).unwrap();
    let (names, files) = bundle(&rig).await;
    let all = [
        "vnf.json",
        "functions/main/function.click",
        "functions/main/function.json",
        "functions/main/graph.json",
        "stats.json",
        "alarms.json",
        "alarms-history.json",
        "events.json",
        "log.txt",
        "audit.jsonl",
        "settings.toml",
        "vnf/versions.txt",
        "functions/main/revisions/000002.json",
        "functions/main/revisions/000001.json",
        "manifest.json",
    ];
    assert_eq!(names, all);
    assert_eq!(files["functions/main/function.click"], "second");
    assert!(files["alarms.json"].contains("a is down") && files["events.json"].contains("\"swap\""));
    assert!(files["settings.toml"].contains("127.0.0.1:8123") && files["settings.toml"].contains("body_bytes"));
    let audit = verify(files["audit.jsonl"].lines()).unwrap();
    assert_eq!((audit[0].what.as_str(), audit[0].actor.as_str()), ("change function main", "local"));
    assert!(files["log.txt"].contains("change function main: done"));
    let manifest: serde_json::Value = serde_json::from_str(&files["manifest.json"]).unwrap();
    assert_eq!(manifest["missing"].as_array().unwrap().len(), 0);
    for file in manifest["files"].as_array().unwrap() {
        assert_eq!(file["sha256"], sha256(files[file["name"].as_str().unwrap()].as_bytes()));
    }
    assert_eq!(bundle(&rig).await.0, names);
}

#[tokio::test]
async fn nothing_secret_is_in_a_bundle() {
    let rig = Rig::new();
    let secrets = ["hunter2hunter2", "tok-3fa9c", "s3cr3t-v4lue", "c0mmun1ty", "q7", "MIIprivate", "urlpass9"];
    let text = "Login(USER me, PASSWORD s3cr3t-v4lue) // see http://me:urlpass9@host/";
    let old = serde_json::json!({"text": "old", "parameters": {"DB_PASSWORD": "hunter2hunter2", "PIN": "q7", "RATE": "1234"}});
    let now = serde_json::json!({"text": text, "parameters": {"API_TOKEN": "tok-3fa9c", "RATE": "5678"}});
    for change in [old, now] {
        let got = rig.send("PUT", "/v1/functions/main", &["content-type: application/json"], &change.to_string()).await;
        assert_eq!(got.status, 200, "{}", got.text());
    }
    // What a parameter was filled in for.
    rig.vnf.0.lock().unwrap().snapshot.elements.push(GraphElement {
        name: "login".into(),
        class: "Login".into(),
        config: "tok-3fa9c, hunter2hunter2, q7".into(),
        counters: ElementCounters::default(),
    });
    rig.ems.journal.say("vnf", "login with hunter2hunter2 failed; Authorization: Bearer tok-3fa9c");
    rig.ems.alarms.raise("port/a", Cause::LossOfSignal, Severity::Major, "community=c0mmun1ty");
    rig.ems.support.add("settings.toml", || {
        "token = 'c0mmun1ty'\nkey = \"\"\"x\"\"\"\n-----BEGIN PRIVATE KEY-----\nMIIprivate\n-----END PRIVATE KEY-----\n".into()
    });
    let (_, files) = bundle(&rig).await;
    for (name, text) in &files {
        for secret in secrets {
            // A checksum may have two letters of anything.
            assert!(!text.contains(secret) || (secret == "q7" && name == "manifest.json"), "{name}: {secret}: {text}");
        }
    }
    assert!(files["functions/main/function.json"].contains("5678"));
    assert!(files["functions/main/revisions/000002.json"].contains("1234"));
    assert!(files["functions/main/function.click"].contains("Login(USER me, PASSWORD ***)"));
}

#[tokio::test]
async fn a_bundle_stays_within_its_bounds() {
    let rig = Rig::new();
    for n in 0..9 {
        let text = Some(format!("// {n}\n{}", format!("// {}\n", "-".repeat(996)).repeat(3_600)));
        let change = Change { text, ..Change::default() };
        rig.ems.functions.change("main", change, &Terms::default(), "me", Origin::Api).unwrap();
    }
    let long = format!("{}\n", "x".repeat(63)).repeat(100_000);
    rig.ems.support.add("long.log", move || long.clone());
    let (names, files) = bundle(&rig).await;
    assert!(files.values().map(String::len).sum::<usize>() <= LARGEST);
    let manifest: serde_json::Value = serde_json::from_str(&files["manifest.json"]).unwrap();
    assert!(!manifest["missing"].as_array().unwrap().is_empty());
    let long = manifest["files"].as_array().unwrap().iter().find(|f| f["name"] == "long.log").unwrap();
    assert_eq!(long["cut"], true);
    assert_eq!(names.last().unwrap(), "manifest.json");
}
