//! Elements and their handlers over HTTP: names of any kind, who may be read, who may be written.
#[allow(missing_docs)]
mod fake;
use fake::{ELEMENTS, Rig};

/// A name as it is written in a path.
fn encoded(name: &str) -> String {
    name.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { (b as char).to_string() } else { format!("%{b:02X}") })
        .collect()
}

#[tokio::test]
async fn elements_are_listed_and_found_by_names_of_any_kind() {
    let rig = Rig::new();
    let list = rig.get("/v1/elements?function=main").await;
    let names: Vec<String> =
        list.json().as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap().to_string()).collect();
    assert_eq!(names, ELEMENTS);
    for name in ELEMENTS {
        let got = rig.get(&format!("/v1/elements/{}", encoded(name))).await;
        assert_eq!((got.status.as_u16(), got.json()["name"].as_str()), (200, Some(name)), "{}", got.text());
        assert_eq!(got.json()["handlers"][0]["name"], "length");
        let got = rig.get(&format!("/v1/elements/{}/handlers/length", encoded(name))).await;
        assert_eq!((got.status.as_u16(), got.text().as_str()), (200, "7\n"));
    }
}

#[tokio::test]
async fn a_name_that_is_not_encoded_is_another_path() {
    let rig = Rig::new();
    assert_eq!(rig.get("/v1/elements/fw/q").await.status, 404);
    assert_eq!(rig.get("/v1/elements/fw/q/handlers/length").await.status, 404);
}

#[tokio::test]
async fn what_is_unknown_is_404_with_its_name() {
    let rig = Rig::new();
    for path in [
        "/v1/elements?function=other",
        "/v1/elements/q?function=other",
        "/v1/elements/r",
        "/v1/elements/q/handlers/none",
        "/v1/elements/r/handlers/length",
        "/v1/elements/q/handlers/length?function=other",
    ] {
        let got = rig.get(path).await;
        assert_eq!(got.status, 404, "{path}");
        assert_eq!(got.header("content-type"), "application/problem+json");
    }
    assert!(rig.get("/v1/elements/r").await.json()["detail"].as_str().unwrap().contains("‘r’"));
    assert_eq!(rig.put("/v1/elements/r/handlers/capacity", "5").await.status, 404);
    assert_eq!(rig.get("/v1/elements?functoin=main").await.status, 400);
}

#[tokio::test]
async fn a_handler_is_read_as_text_or_json_with_its_parameter() {
    let rig = Rig::new();
    let path = "/v1/elements/q/handlers/capacity?parameter=%20%26x";
    let got = rig.get(path).await;
    assert_eq!((got.text().as_str(), got.header("content-type")), ("100 &x", "text/plain; charset=utf-8"));
    let got = rig.send("GET", path, &["accept: application/json"], "").await;
    assert_eq!((got.json()["value"].as_str(), got.header("content-type")), (Some("100 &x"), "application/json"));
    assert_eq!(got.header("vary"), "Accept");
    assert_eq!(rig.send("GET", path, &["accept: */*"], "").await.text(), "100 &x");
}

#[tokio::test]
async fn a_handler_is_written_with_text_or_json() {
    let rig = Rig::new();
    let path = "/v1/elements/fw%2Fq/handlers/capacity";
    let got = rig.put(path, "5\n").await;
    assert_eq!((got.status.as_u16(), got.text().as_str()), (200, ""));
    let json = ["content-type: application/json", "accept: application/json"];
    let got = rig.send("PUT", path, &json, r#"{"value": "6"}"#).await;
    assert_eq!((got.status.as_u16(), got.json()["value"].as_str()), (200, Some("")));
    let written = |value: &str| ("fw/q.capacity".to_string(), value.to_string());
    assert_eq!(rig.vnf.0.lock().unwrap().written, [written("5\n"), written("6")]);
}

#[tokio::test]
async fn a_handler_that_cannot_be_used_so_is_405_and_says_how() {
    let rig = Rig::new();
    let got = rig.put("/v1/elements/q/handlers/length", "5").await;
    assert_eq!((got.status.as_u16(), got.header("allow")), (405, "GET"));
    let got = rig.get("/v1/elements/q/handlers/reset").await;
    assert_eq!((got.status.as_u16(), got.header("allow")), (405, "PUT"));
    assert_eq!(rig.send("DELETE", "/v1/elements/q/handlers/reset", &[], "").await.status, 405);
    assert!(rig.vnf.0.lock().unwrap().written.is_empty());
}

#[tokio::test]
async fn a_value_that_is_wrong_changes_nothing() {
    let rig = Rig::new();
    let path = "/v1/elements/q/handlers/capacity";
    assert_eq!(rig.put(path, "many").await.status, 422);
    let json = ["content-type: application/json"];
    for (body, status) in [("{", 400), ("5", 422), (r#"{"value": 5}"#, 422), (r#"{"value": "5", "more": 1}"#, 422)] {
        assert_eq!(rig.send("PUT", path, &json, body).await.status, status, "{body}");
    }
    assert!(rig.vnf.0.lock().unwrap().written.is_empty());
}

#[tokio::test]
async fn a_value_may_have_a_mebibyte_and_no_more() {
    let rig = Rig::new();
    let path = "/v1/elements/q/handlers/reset";
    assert_eq!(rig.put(path, &"x".repeat(1 << 20)).await.status, 200);
    assert_eq!(rig.put(path, &"x".repeat((1 << 20) + 1)).await.status, 413);
    assert_eq!(rig.vnf.0.lock().unwrap().written.len(), 1);
}

#[tokio::test]
async fn a_wildcard_names_no_element() {
    let rig = Rig::new();
    for name in ["*", "%2A", "q*", "fw%2F*", "q,fw%2Fq", "q%20", "Q"] {
        assert_eq!(rig.get(&format!("/v1/elements/{name}")).await.status, 404, "{name}");
        assert_eq!(rig.put(&format!("/v1/elements/{name}/handlers/capacity"), "5").await.status, 404, "{name}");
    }
    assert_eq!(rig.put("/v1/elements/q/handlers/*", "5").await.status, 404);
    assert!(rig.vnf.0.lock().unwrap().written.is_empty());
}

#[tokio::test]
async fn a_name_that_is_no_utf_8_is_400() {
    let rig = Rig::new();
    assert_eq!(rig.get("/v1/elements/%FF").await.status, 400);
    assert_eq!(rig.get("/v1/elements/q/handlers/%C3").await.status, 400);
}
