//! The API for people: every operation and schema is on the page, and a browser has nothing to fetch from elsewhere.
#[allow(missing_docs)]
mod fake;
use fake::Rig;
use sluice_mgmt::openapi::operations;
use sluice_mgmt::routes::docs::document;
use std::collections::BTreeSet;

/// Values of an attribute, in order.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    page.split(&start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn every_operation_and_schema_is_there_and_every_link_leads_to_one() {
    let page = Rig::new().get("/docs").await.text();
    let ids: Vec<_> = values(&page, "id");
    let unique: BTreeSet<_> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len(), "an id twice: {ids:?}");
    for (path, method, o) in operations(document()) {
        assert!(unique.contains(o["operationId"].as_str().unwrap()), "{method} {path}");
    }
    for name in document()["components"]["schemas"].as_object().unwrap().keys() {
        assert!(unique.contains(format!("schema-{name}").as_str()), "{name}");
    }
    for to in values(&page, "href") {
        match to.strip_prefix('#') {
            Some(id) => assert!(unique.contains(id), "#{id} leads nowhere"),
            None => assert!(["/openapi.json", "/docs/style.css"].contains(&to), "{to}"),
        }
    }
}

#[tokio::test]
async fn the_page_keeps_to_its_content_security_policy() {
    let rig = Rig::new();
    let got = rig.get("/docs").await;
    assert_eq!(got.header("content-type"), "text/html; charset=utf-8");
    let policy = got.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let page = got.text();
    for word in ["<script", "<style", " style=", " src=", " onclick=", "javascript:", "@import", "<img", "<iframe"] {
        assert!(!page.contains(word), "{word}");
    }
    let style = rig.get("/docs/style.css").await;
    assert_eq!((style.status.as_u16(), style.header("content-type")), (200, "text/css; charset=utf-8"));
    assert!(!style.text().contains("url(") && style.text().contains("prefers-color-scheme: dark"));
}

#[tokio::test]
async fn every_element_of_the_page_is_closed_where_it_was_opened() {
    let page = Rig::new().get("/docs").await.text();
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("the end of a tag");
        let name = tag.trim_start_matches('/').split(' ').next().unwrap();
        match name {
            "!DOCTYPE" | "meta" | "link" | "br" => {}
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "</{name}>"),
            _ => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}
