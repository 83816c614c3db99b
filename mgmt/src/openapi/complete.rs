//! What routes say of themselves, and what is true of all of them.
//!
//! Invariant: what every operation has in common (the token, and how a request is refused before a route sees what it wants)
//! is added here, so no route can forget it.
use super::{METHODS, needs_token};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use utoipa::openapi::OpenApi;

/// The document that routes have made, completed.
pub fn complete(routes: &OpenApi) -> Value {
    let mut document = serde_json::to_value(routes).unwrap_or_default();
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    document["info"]["license"] = json!({ "name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE") });
    document["servers"] = json!([{ "url": "/" }]);
    // One of them will do.
    document["security"] = json!([{ "bearer": [] }, { "basic": [] }, { "certificate": [] }]);
    document["components"]["securitySchemes"] = json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "A token of the role that the operation takes: `read-only`, `operator` or `admin`.",
        },
        "basic": {
            "type": "http",
            "scheme": "basic",
            "description": "The same token as the password, for clients that can do nothing else. Any user name will do.",
        },
        "certificate": { "type": "mutualTLS", "description": "A client certificate that was given a role." },
    });
    let mut tags = BTreeSet::new();
    for (_, operation) in operations_mut(&mut document) {
        // RFC 9457: all problems have one media type.
        if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
            responses.values_mut().for_each(problem_type);
        }
        let refusals = refusals(operation);
        let responses = &mut operation["responses"];
        for (status, why) in refusals {
            if responses.get(status).is_none() {
                responses[status] = problem(why);
            }
        }
        sort(responses);
        let own = operation.get("tags").and_then(Value::as_array).into_iter().flatten();
        tags.extend(own.filter_map(Value::as_str).map(String::from));
    }
    open_parts(&mut document);
    unsigned(&mut document);
    document["tags"] = tags.into_iter().map(|name| json!({ "name": name })).collect();
    document
}

fn operations_mut(document: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).into_iter();
    let items = paths.flat_map(|paths| paths.values_mut().filter_map(Value::as_object_mut));
    items.flatten().filter(|(method, _)| METHODS.contains(&method.as_str()))
}

/// How a request can be refused before it becomes a command: status, and why.
fn refusals(operation: &Value) -> Vec<(&'static str, &'static str)> {
    let mut all = vec![("429", "Too many requests from this address; try again after `Retry-After` seconds")];
    if needs_token(operation) {
        all.push(("401", "No token, or one that is not known, or is over"));
        all.push(("403", "The token's role may not do this"));
    }
    let body = operation["requestBody"]["content"].as_object();
    if body.is_some() || operation["parameters"].as_array().is_some_and(|p| !p.is_empty()) {
        all.push(("400", "A parameter or the body is not what it must be"));
    }
    if let Some(body) = body {
        all.push(("408", "The body does not come to its end in time"));
        all.push(("413", "The body is too long"));
        if body.keys().all(|media| media == "application/json") {
            all.push(("415", "The body is not declared as JSON"));
        }
        if body.contains_key("application/json") {
            all.push(("422", "The body is JSON, but not of this schema"));
        }
    }
    all
}

fn problem(description: &str) -> Value {
    let schema = json!({ "schema": { "$ref": "#/components/schemas/Problem" } });
    json!({ "description": description, "content": { "application/problem+json": schema } })
}

/// Gives an answer that is a problem its media type.
fn problem_type(answer: &mut Value) {
    let Some(content) = answer.get_mut("content").and_then(Value::as_object_mut) else { return };
    let is = |body: &Value| body["schema"]["$ref"] == "#/components/schemas/Problem";
    if content.get("application/json").is_some_and(is)
        && let Some(body) = content.remove("application/json")
    {
        content.insert("application/problem+json".into(), body);
    }
}

/// Lets the parts of a whole (`allOf`) have fields that others bring: one that forbids what it does not know would fit nothing.
fn open_parts(document: &mut Value) {
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    let mut parts = BTreeSet::new();
    for part in schemas.values_mut().filter_map(|s| s.get_mut("allOf")?.as_array_mut()).flatten() {
        match part["$ref"].as_str().and_then(|to| to.rsplit('/').next()) {
            Some(name) => drop(parts.insert(name.to_string())),
            None => open(part),
        }
    }
    for name in parts {
        schemas.get_mut(&name).into_iter().for_each(open);
    }
}

/// Says of numbers without a sign that they have none (`uint64` of the OpenAPI format registry): as many bits as those with
/// one, of which the document speaks otherwise, hold half of them. And how large they may be.
fn unsigned(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("minimum").and_then(Value::as_u64).is_some() {
                let most = if map.get("format").is_some_and(|f| f == "int32") { u64::from(u32::MAX) } else { u64::MAX };
                map.entry("maximum").or_insert_with(|| most.into());
                if let Some(Value::String(format)) = map.get_mut("format")
                    && matches!(format.as_str(), "int32" | "int64")
                {
                    format.insert(0, 'u');
                }
            }
            map.values_mut().for_each(unsigned);
        }
        Value::Array(list) => list.iter_mut().for_each(unsigned),
        _ => {}
    }
}

fn open(schema: &mut Value) {
    if let Some(schema) = schema.as_object_mut()
        && schema.get("additionalProperties") == Some(&Value::Bool(false))
    {
        schema.remove("additionalProperties");
    }
}

fn sort(object: &mut Value) {
    if let Some(map) = object.as_object_mut() {
        map.sort_keys();
    }
}
