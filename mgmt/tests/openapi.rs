//! The OpenAPI document: the same as in the repository, and right.
#[allow(missing_docs)]
mod fake;
use fake::Rig;
use serde_json::{Value, json};
use sluice_mgmt::openapi::{needs_token, operations};
use sluice_mgmt::routes::docs::{document, made};
use std::collections::BTreeSet;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
const RENEW: &str = "UPDATE=1 cargo test -p sluice-mgmt --test openapi";

#[test]
fn the_document_in_the_repository_is_what_the_routes_say() {
    let now = serde_json::to_string_pretty(&made()).unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(GOLDEN, &now).unwrap();
    }
    let kept = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    let line = kept
        .lines()
        .zip(now.lines())
        .position(|(a, b)| a != b)
        .unwrap_or(kept.lines().count().min(now.lines().count()));
    assert!(kept == now, "mgmt/openapi.json is not up to date (line {}); renew it: {RENEW}", line + 1);
}

#[tokio::test]
async fn it_is_served_without_a_token_as_json() {
    let got = Rig::new().get("/openapi.json").await;
    assert_eq!((got.status.as_u16(), got.header("content-type")), (200, "application/json"));
    assert_eq!(got.json(), *document());
}

#[test]
fn the_document_has_the_structure_of_openapi_3_1() {
    let d = document();
    assert!(d["openapi"].as_str().unwrap().starts_with("3.1."), "{}", d["openapi"]);
    for field in ["title", "version", "description"] {
        assert!(d["info"][field].as_str().is_some_and(|t| !t.is_empty()), "info.{field}");
    }
    let bearer = &d["components"]["securitySchemes"]["bearer"];
    assert_eq!((&bearer["type"], &bearer["scheme"]), (&json!("http"), &json!("bearer")));
    assert_eq!(d["components"]["securitySchemes"]["basic"]["scheme"], "basic");
    assert_eq!(d["security"], json!([{ "bearer": [] }, { "basic": [] }, { "certificate": [] }]));
    let known = ["openapi", "info", "servers", "paths", "components", "security", "tags"];
    for key in d.as_object().unwrap().keys() {
        assert!(known.contains(&key.as_str()), "{key}");
    }
    let item =
        ["get", "put", "post", "delete", "options", "head", "patch", "trace", "parameters", "summary", "description"];
    for (path, methods) in d["paths"].as_object().unwrap() {
        assert!(path.starts_with('/') && !path.ends_with("//"), "{path}");
        for key in methods.as_object().unwrap().keys() {
            assert!(item.contains(&key.as_str()), "{path}: {key}");
        }
    }
}

#[test]
fn every_operation_says_who_it_is_and_what_it_answers() {
    let tags: BTreeSet<&str> =
        document()["tags"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    let mut ids = BTreeSet::new();
    for (path, method, o) in operations(document()) {
        let at = format!("{method} {path}");
        let id = o["operationId"].as_str().unwrap_or_else(|| panic!("{at}: no operationId"));
        assert!(ids.insert(id), "{at}: operationId {id} twice");
        assert!(o["summary"].as_str().is_some_and(|s| !s.trim().is_empty()), "{at}: no summary");
        let own = o["tags"].as_array().unwrap_or_else(|| panic!("{at}: no tag"));
        assert!(!own.is_empty() && own.iter().all(|t| tags.contains(t.as_str().unwrap())), "{at}: tags {own:?}");
        let responses = o["responses"].as_object().unwrap_or_else(|| panic!("{at}: no responses"));
        assert!(responses.keys().any(|s| s.starts_with('2') || s.starts_with('3')), "{at}: no success");
        for (status, answer) in responses {
            assert!(status.parse().is_ok_and(|s: u16| (100..600).contains(&s)), "{at}: status {status}");
            assert!(answer["description"].as_str().is_some_and(|s| !s.trim().is_empty()), "{at}: {status}");
            if status.starts_with(['4', '5']) {
                let media: Vec<_> = answer["content"].as_object().into_iter().flat_map(|c| c.keys()).collect();
                assert!(media.is_empty() || media == ["application/problem+json"], "{at}: {status}: {media:?}");
            }
        }
        if needs_token(o) {
            assert!(["401", "403"].iter().all(|s| responses.contains_key(*s)), "{at}: 401, 403");
        }
    }
}

#[test]
fn only_health_and_documentation_go_without_a_token() {
    let free: Vec<_> = operations(document()).filter(|(.., o)| !needs_token(o)).map(|(path, ..)| path).collect();
    for path in free {
        let allowed = ["/livez", "/readyz", "/openapi.json", "/docs"].iter().any(|a| path.starts_with(a));
        assert!(allowed, "{path}");
    }
}

#[test]
fn parameters_in_a_path_are_those_that_are_described() {
    for (path, method, o) in operations(document()) {
        let in_path: BTreeSet<&str> =
            path.split('{').skip(1).filter_map(|p| p.split('}').next()).map(|p| p.trim_start_matches('*')).collect();
        let all = o["parameters"].as_array().cloned().unwrap_or_default();
        let mut seen = BTreeSet::new();
        for p in &all {
            let (name, place) = (p["name"].as_str().unwrap(), p["in"].as_str().unwrap());
            assert!(seen.insert((name, place)), "{method} {path}: {name} twice");
            assert!(["path", "query", "header", "cookie"].contains(&place), "{method} {path}: {name} in {place}");
            assert!(p["schema"].is_object(), "{method} {path}: {name} has no schema");
            assert!(place != "path" || p["required"] == true, "{method} {path}: {name} is not required");
        }
        let described: BTreeSet<&str> = seen.iter().filter(|(_, place)| *place == "path").map(|(n, _)| *n).collect();
        assert_eq!(described, in_path, "{method} {path}");
    }
}

#[test]
fn every_schema_is_valid_and_every_reference_leads_somewhere() {
    let schemas = document()["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        if let Err(e) = jsonschema::draft202012::meta::validate(schema) {
            panic!("{name}: {e}");
        }
        let bundle = json!({ "$ref": format!("#/components/schemas/{name}"), "components": { "schemas": schemas } });
        jsonschema::draft202012::new(&bundle).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    fn references(value: &Value, all: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| match value.as_str() {
                Some(to) if key == "$ref" => all.push(to.into()),
                _ => references(value, all),
            }),
            Value::Array(list) => list.iter().for_each(|v| references(v, all)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    references(document(), &mut all);
    assert!(!all.is_empty());
    for to in all {
        let pointer = to.strip_prefix('#').unwrap_or_else(|| panic!("{to} leads out of the document"));
        assert!(document().pointer(pointer).is_some(), "{to} leads nowhere");
    }
}
