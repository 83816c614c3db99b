//! Backups: what comes back, and what is refused without a trace.
#![allow(clippy::unwrap_used)] // helpers of tests, too
#[allow(missing_docs)]
mod fake;
use axum::body::Body;
use axum::http::Request;
use fake::{Got, Rig};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http_body_util::BodyExt as _;
use sluice_mgmt::encoding::sha256;
use std::io::{Read as _, Write as _};
use tower::ServiceExt as _;

const MAIN: &str = "/v1/functions/main";

async fn restore(rig: &Rig, query: &str, archive: Vec<u8>) -> Got {
    let request = Request::put(format!("/v1/backup{query}")).body(Body::from(archive)).unwrap();
    let (parts, body) = rig.app.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Got { status: parts.status, headers: parts.headers, body }
}

/// A backup of a function `kept` with a parameter, and two revisions.
async fn backup() -> Vec<u8> {
    let rig = Rig::new();
    let change = r#"{"text": "kept", "parameters": {"RATE": "100"}}"#;
    assert_eq!(rig.send("PUT", MAIN, &["content-type: application/json"], change).await.status, 200);
    let got = rig.get("/v1/backup").await;
    assert_eq!((got.status.as_u16(), got.header("content-type")), (200, "application/gzip"));
    got.body
}

type Files = Vec<(String, Vec<u8>)>;

/// What is inside of gzip, if its checksum fits (RFC 1952 section 2.3.1).
fn unpacked(archive: &[u8]) -> Option<Vec<u8>> {
    let mut tar = Vec::new();
    GzDecoder::new(archive).read_to_end(&mut tar).ok().map(|_| tar)
}

fn unpack(archive: &[u8]) -> Files {
    let mut tar = tar::Archive::new(GzDecoder::new(archive));
    let read = |entry: std::io::Result<tar::Entry<'_, GzDecoder<&[u8]>>>| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().to_str().unwrap().to_string(), content)
    };
    tar.entries().unwrap().map(read).collect()
}

fn pack(files: &Files) -> Vec<u8> {
    let mut out = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes()); // set_path would refuse some
        header.set_cksum();
        out.append(&header, &content[..]).unwrap();
    }
    out.into_inner().unwrap().finish().unwrap()
}

/// Puts another content into a file, and its checksum into the manifest.
fn replace(files: &mut Files, name: &str, content: &[u8]) {
    let file = files.iter_mut().find(|f| f.0 == name).unwrap();
    file.1 = content.to_vec();
    edit(files, |manifest| {
        let all = manifest["files"].as_array_mut().unwrap();
        let entry = all.iter_mut().find(|f| f["name"] == name).unwrap();
        entry["bytes"] = content.len().into();
        entry["sha256"] = sha256(content).into();
    });
}

fn edit(files: &mut Files, change: impl FnOnce(&mut serde_json::Value)) {
    let manifest = &mut files.last_mut().unwrap().1;
    let mut value = serde_json::from_slice(manifest).unwrap();
    change(&mut value);
    *manifest = serde_json::to_vec(&value).unwrap();
}

async fn unchanged(rig: &Rig) {
    assert_eq!(rig.get(MAIN).await.text(), "first");
    assert!(rig.vnf.0.lock().unwrap().applied.is_empty());
    assert_eq!(rig.ems.store.revisions("main").len(), 1);
}

#[tokio::test]
async fn a_backup_comes_back_with_texts_and_parameters() {
    let archive = backup().await;
    let names: Vec<_> = unpack(&archive).into_iter().map(|f| f.0).collect();
    let all = [
        "identity.json",
        "functions/main/function.click",
        "functions/main/parameters.json",
        "functions/main/revisions.json",
        "manifest.json",
    ];
    assert_eq!(names, all);
    let rig = Rig::new();
    let look = restore(&rig, "?dry-run=true", archive.clone()).await;
    assert_eq!((look.status.as_u16(), look.json()["dry_run"].as_bool()), (200, Some(true)), "{}", look.text());
    unchanged(&rig).await;
    let done = restore(&rig, "", archive.clone()).await;
    assert_eq!((done.status.as_u16(), done.json()["functions"][0]["revision"].as_u64()), (200, Some(2)));
    let now = rig.ems.store.last("main").unwrap();
    assert_eq!((now.configuration.text.as_str(), now.configuration.parameters["RATE"].as_str()), ("kept", "100"));
    let comment = now.comment.unwrap();
    assert_eq!(comment, format!("restored from a backup of {}", done.json()["time"].as_str().unwrap()));
    let again = restore(&rig, "", archive).await;
    assert_eq!(again.json()["functions"][0]["changed"], false);
    assert_eq!(rig.ems.store.revisions("main").len(), 2);
}

#[tokio::test]
async fn a_change_that_waits_for_its_confirmation_is_not_in_a_backup_and_not_overwritten() {
    let rig = Rig::new();
    rig.put("/v1/functions/main?confirm-within=60", "second").await;
    let files = unpack(&rig.get("/v1/backup").await.body);
    assert_eq!(files[1].1, b"first");
    assert_eq!(restore(&rig, "", backup().await).await.status, 409);
    assert_eq!(rig.get(MAIN).await.text(), "second");
}

#[tokio::test]
async fn an_archive_that_is_cut_off_anywhere_changes_nothing() {
    let (rig, archive) = (Rig::new(), backup().await);
    for end in 0..archive.len() {
        let got = restore(&rig, "", archive[..end].to_vec()).await;
        assert_eq!(got.status, 400, "{end}: {}", got.text());
    }
    assert_eq!(restore(&rig, "", [archive, vec![0]].concat()).await.status, 400);
    unchanged(&rig).await;
}

#[tokio::test]
async fn a_byte_that_is_not_right_is_noticed_or_makes_no_difference() {
    let (rig, archive) = (Rig::new(), backup().await);
    let whole = unpacked(&archive).unwrap();
    for at in 0..archive.len() {
        let mut damaged = archive.clone();
        damaged[at] ^= 0x41;
        let got = restore(&rig, "?dry-run=true", damaged.clone()).await;
        // Time, level and system in the head of a gzip file (RFC 1952 section 2.3) say nothing of what is in it; and zeros
        // can be copied from other zeros.
        let harmless = (4..10).contains(&at) || unpacked(&damaged).is_some_and(|tar| tar == whole);
        assert_eq!(got.status.as_u16(), if harmless { 200 } else { 400 }, "{at}: {}", got.text());
    }
    unchanged(&rig).await;
}

#[tokio::test]
async fn bombs_are_not_unpacked() {
    let rig = Rig::new();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        gzip.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let bomb = gzip.finish().unwrap();
    assert!(bomb.len() < 100_000);
    assert_eq!(restore(&rig, "", bomb).await.status, 413);
    let many = (0..5000).map(|n| (format!("f{n}"), Vec::new())).collect();
    assert_eq!(restore(&rig, "", pack(&many)).await.status, 413);
    assert_eq!(restore(&rig, "", vec![0; (32 << 20) + 1]).await.status, 413);
    // A tar that claims more than it has.
    let mut header = tar::Header::new_ustar();
    header.set_path("manifest.json").unwrap();
    header.set_size(1 << 40);
    header.set_cksum();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(header.as_bytes()).unwrap();
    assert_eq!(restore(&rig, "", gzip.finish().unwrap()).await.status, 400);
    unchanged(&rig).await;
}

#[tokio::test]
async fn another_version_or_another_kind_is_refused() {
    let (rig, files) = (Rig::new(), unpack(&backup().await));
    for (key, value) in [("format", serde_json::json!(2)), ("kind", "something".into())] {
        let mut other = files.clone();
        edit(&mut other, |m| m[key] = value);
        let got = restore(&rig, "", pack(&other)).await;
        assert_eq!(got.status, 422, "{}", got.text());
    }
    assert_eq!(restore(&rig, "", pack(&files[..3].to_vec())).await.status, 400);
    let bundle = rig.get("/v1/support-bundle").await.body;
    assert_ne!(restore(&rig, "", bundle).await.status, 200);
    unchanged(&rig).await;
}

#[tokio::test]
async fn files_that_do_not_belong_there_are_refused() {
    let (rig, files) = (Rig::new(), unpack(&backup().await));
    assert_eq!(restore(&rig, "?dry-run=true", pack(&files)).await.status, 200);
    for name in ["../../etc/cron.d/x", "/etc/passwd", "functions/main/../main/function.click", "identity.json"] {
        let mut more = files.clone();
        more.insert(0, (name.into(), b"x".to_vec()));
        assert_eq!(restore(&rig, "", pack(&more)).await.status, 400, "{name}");
        edit(&mut more, |m| {
            let file = serde_json::json!({"name": name, "bytes": 1, "sha256": sha256(b"x")});
            m["files"].as_array_mut().unwrap().push(file);
        });
        assert_eq!(restore(&rig, "", pack(&more)).await.status, 400, "{name}");
    }
    let mut other = files.clone();
    other[1].1 = b"changed".to_vec();
    assert_eq!(restore(&rig, "", pack(&other)).await.status, 400);
    let mut link = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    link.append_link(&mut header, "manifest.json", "/etc/passwd").unwrap();
    assert_eq!(restore(&rig, "", link.into_inner().unwrap().finish().unwrap()).await.status, 400);
    unchanged(&rig).await;
}

#[tokio::test]
async fn a_function_that_does_not_compile_changes_nothing() {
    let (rig, mut files) = (Rig::new(), unpack(&backup().await));
    replace(&mut files, "functions/main/function.click", b"bad");
    for query in ["", "?dry-run=true"] {
        let got = restore(&rig, query, pack(&files)).await;
        assert_eq!(got.status, 422);
        assert_eq!(got.json()["findings"][0]["place"], "main:1:1");
    }
    replace(&mut files, "functions/main/function.click", &vec![b' '; (4 << 20) + 1]);
    assert_eq!(restore(&rig, "", pack(&files)).await.status, 413);
    replace(&mut files, "functions/main/function.click", &[0xff]);
    assert_eq!(restore(&rig, "", pack(&files)).await.status, 400);
    unchanged(&rig).await;
}

#[tokio::test]
async fn of_two_functions_none_is_restored_when_the_second_does_not_start() {
    let two = || {
        let rig = Rig::new();
        rig.vnf.0.lock().unwrap().others.insert("side".into(), Default::default());
        rig
    };
    let (source, rig) = (two(), two());
    source.put(MAIN, "kept").await;
    source.put("/v1/functions/side", "kept too").await;
    let mut files = unpack(&source.get("/v1/backup").await.body);
    assert_eq!(restore(&rig, "", pack(&files)).await.status, 200);
    assert_eq!(rig.get("/v1/functions/side").await.text(), "kept too");
    replace(&mut files, "functions/main/function.click", b"other");
    replace(&mut files, "functions/side/function.click", b"too late");
    let got = restore(&rig, "", pack(&files)).await;
    assert_eq!(got.status, 422);
    assert!(got.json()["detail"].as_str().unwrap().ends_with("; everything is as before"), "{}", got.text());
    assert_eq!(rig.get(MAIN).await.text(), "kept");
    assert_eq!(rig.vnf.0.lock().unwrap().applied, ["kept", "kept too", "other", "kept"]);
    assert!(rig.ems.alarms.active().is_empty());
    // A backup of one function leaves the other one alone, but not the other way round.
    let one = restore(&rig, "", backup().await).await;
    assert_eq!((one.status.as_u16(), one.json()["untouched"][0].as_str()), (200, Some("side")));
    assert_eq!(restore(&Rig::new(), "", pack(&files)).await.status, 422);
}
