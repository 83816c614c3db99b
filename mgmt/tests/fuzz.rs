//! Every operation that the OpenAPI document names, with input that is right, almost right, and senseless.
//!
//! Whatever comes: no panic, no error of ours, every refusal is a problem with a detail and changes nothing, statuses and
//! bodies are the documented ones.
#![allow(clippy::unwrap_used)] // helpers of tests, too
#[allow(missing_docs)]
mod fake;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Uri, header};
use fake::Rig;
use http_body_util::BodyExt as _;
use serde_json::{Map, Value, json};
use sluice_mgmt::auth::{Actor, Role};
use sluice_mgmt::openapi::operations;
use sluice_mgmt::routes::docs::document;
use sluice_mgmt::vnf::{Configuration, End, MAIN};
use std::collections::BTreeMap;
use tower::ServiceExt as _;

/// Requests to each operation.
const ROUNDS: u64 = 150;
/// Refusals that need no word in the document: they come from what all operations share.
const GENERIC: [&str; 9] = ["400", "401", "403", "404", "405", "413", "415", "422", "429"];
/// Errors that are no fault of ours.
const NOT_OURS: [&str; 2] = ["503", "507"];
/// Pieces of a path or a query, as they are sent.
const ODD: [&str; 20] = [
    "%00",
    "%FF%FE",
    "%C3%28",
    "%E2%80%AE",
    "%F0%9F%92%A9",
    "..%2F..%2F..%2Fetc%2Fpasswd",
    "%2e%2e",
    ".",
    "-1",
    "0",
    "1e9",
    "18446744073709551616",
    "NaN",
    "%25%25",
    "%",
    "%zz",
    "+",
    "*",
    "a%20b%0d%0aX-Evil:%201",
    "'%22;--",
];

/// Numbers from a seed (xorshift64*; Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled").
struct Dice {
    state: u64,
    /// What comes is right, as far as the document tells what that is.
    calm: bool,
}

impl Dice {
    fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n.max(1)
    }
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A value that fits a schema.
    fn fitting(&mut self, schema: &Value, depth: usize) -> Value {
        if let Some(to) = schema["$ref"].as_str() {
            return self.fitting(document().pointer(&to[1..]).unwrap(), depth);
        }
        for choice in ["oneOf", "anyOf"] {
            if let Some(all) = schema[choice].as_array() {
                let chosen = self.pick(all);
                return self.fitting(chosen, depth + 1);
            }
        }
        if let Some(all) = schema["allOf"].as_array() {
            let mut whole = Map::new();
            for part in all {
                whole.extend(self.fitting(part, depth).as_object().cloned().unwrap_or_default());
            }
            return Value::Object(whole);
        }
        if let Some(all) = schema["enum"].as_array() {
            return self.pick(all).clone();
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => self.pick(kinds).as_str().unwrap_or("null").to_string(),
            kind => kind.as_str().unwrap_or("object").to_string(),
        };
        match kind.as_str() {
            "null" => Value::Null,
            "boolean" => json!(self.one_in(2)),
            "integer" => json!(self.below(100)),
            "number" => json!(self.below(1000) as f64 / 7.0),
            "string" => {
                json!(self.pick(&["main", "q", "running", "first", "second", "drops", "7", "", "é\u{202e}\u{0}"]))
            }
            "array" if depth > 6 => json!([]),
            "array" => (0..self.below(3)).map(|_| self.fitting(&schema["items"], depth + 1)).collect(),
            _ => {
                let must = schema["required"].as_array().cloned().unwrap_or_default();
                let mut all = Map::new();
                for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                    if must.iter().any(|m| m == name) || (depth < 6 && self.one_in(2)) {
                        all.insert(name.clone(), self.fitting(field, depth + 1));
                    }
                }
                if schema["additionalProperties"].is_object() && self.one_in(2) {
                    all.insert("x".into(), self.fitting(&schema["additionalProperties"], depth + 1));
                }
                Value::Object(all)
            }
        }
    }

    /// The same, spoilt somewhere.
    fn spoil(&mut self, value: Value) -> Value {
        let wrong = [json!(null), json!(-1), json!(1e300), json!("x"), json!([[]]), json!({ "a": {} }), json!(true)];
        match value {
            Value::Object(mut map) if !map.is_empty() && !self.one_in(5) => {
                let at = map.keys().nth(self.below(map.len())).unwrap().clone();
                match self.below(3) {
                    0 => drop(map.remove(&at)),
                    1 => drop(map.insert("no such field".into(), self.pick(&wrong).clone())),
                    _ => {
                        let inner = map[&at].clone();
                        let spoilt = self.spoil(inner);
                        map.insert(at, spoilt);
                    }
                }
                Value::Object(map)
            }
            _ => self.pick(&wrong).clone(),
        }
    }

    fn body(&mut self, operation: &Value) -> (Option<String>, Vec<u8>) {
        let content = operation["requestBody"]["content"].as_object();
        let media: Vec<(&String, &Value)> = content.into_iter().flatten().collect();
        let strange = [
            "application/json",
            "text/plain",
            "application/xml",
            "application/json; charset=utf-7",
            "",
            "\u{fffd}",
            "a/b/c;;",
        ];
        let (kind, schema) = match media.is_empty() {
            true => ("application/json".to_string(), json!({ "type": "object" })),
            false => {
                let (kind, content) = self.pick(&media);
                (kind.to_string(), content["schema"].clone())
            }
        };
        let right = self.fitting(&schema, 0);
        let text = |v: &Value, kind: &str| match v {
            Value::String(s) if !kind.contains("json") => s.clone().into_bytes(),
            v => v.to_string().into_bytes(),
        };
        if self.calm {
            return (Some(kind.clone()), text(&right, &kind));
        }
        let body = match self.below(12) {
            0..=3 => text(&right, &kind),
            4..=5 => text(&self.spoil(right), &kind),
            6 => Vec::new(),
            7 => {
                let mut cut = text(&right, &kind);
                cut.truncate(self.below(cut.len()));
                cut
            }
            8 => (0..self.below(300)).map(|_| self.next() as u8).collect(),
            9 => vec![b'['; 100_000],
            10 if self.one_in(4) => format!("{{\"text\":\"{}\"}}", "x".repeat(5 << 20)).into_bytes(),
            10 => b"{\"a\":1,\"a\":2,\"\xff\":\"\\ud800\"}".to_vec(),
            _ => b"\xef\xbb\xbf{}".to_vec(),
        };
        let kind = match self.below(8) {
            0 => None,
            1 => Some(self.pick(&strange).to_string()),
            _ => Some(kind),
        };
        (kind, body)
    }

    /// A parameter as it is written in a path or a query.
    fn parameter(&mut self, parameter: &Value) -> String {
        let known: &[&str] = match parameter["name"].as_str().unwrap() {
            "handler" => &["length", "capacity"],
            "element" => &["q"],
            "function" => &["main"],
            "name" => &["main", "q"],
            "edge" => &["drops", "q%5B0%5D"],
            _ => &["1", "true", "60", "svg", "json"],
        };
        // What is right in a path is not in its schema.
        let way = match (self.calm, parameter["in"] == "path") {
            (true, true) => 0,
            (true, false) => 4,
            _ => self.below(12),
        };
        match way {
            0..=3 => self.pick(known).to_string(),
            4..=7 => match self.fitting(&parameter["schema"], 0) {
                Value::String(s) if s.is_ascii() && !s.contains(['\0', ' ']) && !s.is_empty() => s,
                Value::Number(n) => n.to_string(),
                Value::Bool(b) => b.to_string(),
                _ => self.pick(known).to_string(),
            },
            8..=10 => self.pick(&ODD).to_string(),
            _ => self.pick(&["x", "%41"]).repeat(self.below(3000) + 1),
        }
    }

    /// A request; none if what came out is none.
    fn request(&mut self, path: &str, method: &str, operation: &Value) -> Option<(String, Request<Body>)> {
        let mut uri = path.to_string();
        let mut query: Vec<String> = Vec::new();
        let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
        for p in operation["parameters"].as_array().into_iter().flatten() {
            let name = p["name"].as_str().unwrap();
            match p["in"].as_str().unwrap() {
                "path" => {
                    let value = self.parameter(p);
                    uri = uri.replace(&format!("{{{name}}}"), &value).replace(&format!("{{*{name}}}"), &value);
                }
                "query" => (0..[0, 0, 0, 0, 1, 1, 1, 2][self.below(8)])
                    .for_each(|_| query.push(format!("{name}={}", self.parameter(p)))),
                _ if !self.calm && self.one_in(2) => {
                    let odd: [&[u8]; 6] = [b"*", b"\"1-x\"", b"\xff\xfe", b",,,", b"W/\"", b"1.0.0"];
                    headers.push((name.to_string(), self.pick(&odd).to_vec()));
                }
                _ => {}
            }
        }
        if !self.calm && self.one_in(6) {
            query.push(format!("{}={}", self.pick(&ODD), self.pick(&ODD)));
        }
        if !query.is_empty() {
            uri += &format!("?{}", query.join("&"));
        }
        if !self.calm && self.one_in(4) {
            let accept: [&[u8]; 5] =
                [b"application/json", b"text/plain;q=0", b"*/*", b"\xff", b"application/openmetrics-text"];
            headers.push(("accept".into(), self.pick(&accept).to_vec()));
        }
        let (kind, body) = self.body(operation);
        headers.extend(kind.map(|k| ("content-type".to_string(), k.into_bytes())));
        let method =
            if self.one_in(12) { *self.pick(&["DELETE", "TRACE", "BREW", "PATCH", "OPTIONS"]) } else { method };
        let said = format!("{method} {} {} bytes", uri.chars().take(160).collect::<String>(), body.len());
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = method.to_uppercase().parse().ok()?;
        *request.uri_mut() = uri.parse::<Uri>().ok()?;
        for (name, value) in headers {
            request
                .headers_mut()
                .append(name.parse::<header::HeaderName>().ok()?, HeaderValue::from_bytes(&value).ok()?);
        }
        request.extensions_mut().insert(Actor { name: "fuzz".into(), role: Role::Admin });
        Some((said, request))
    }
}

/// All that a refusal must leave as it is.
#[derive(Debug, PartialEq)]
struct Kept(bool, Option<End>, Configuration, usize, usize, usize, u64);

fn kept(rig: &Rig) -> Kept {
    let vnf = rig.vnf.0.lock().unwrap();
    let revisions = rig.ems.store.revisions(MAIN);
    let last = revisions.last().map_or(0, |r| r.number);
    let (configuration, applied, written) = (vnf.configuration.clone(), vnf.applied.len(), vnf.written.len());
    Kept(vnf.stopped, vnf.ended, configuration, applied, written, revisions.len(), last)
}

/// What is wrong with an answer, if anything is.
struct Judge {
    schemas: BTreeMap<String, jsonschema::Validator>,
}

impl Judge {
    fn fits(&mut self, schema: &Value, body: &[u8]) -> Result<(), String> {
        let body: Value = serde_json::from_slice(body).map_err(|e| format!("no JSON: {e}"))?;
        let validator = self.schemas.entry(schema.to_string()).or_insert_with(|| {
            let mut whole = json!({ "allOf": [schema] });
            whole["components"] = document()["components"].clone();
            jsonschema::draft202012::new(&whole).unwrap_or_else(|e| panic!("{schema}: {e}"))
        });
        validator.validate(&body).map_err(|e| format!("{} at {:?}", e, e.instance_path().as_str()))
    }

    /// An answer to a request of the method that the operation has, or of another one.
    async fn judge(&mut self, operation: &Value, own: bool, answer: axum::response::Response) -> Result<u16, String> {
        let status = answer.status();
        let number = status.as_u16().to_string();
        let kind = answer.headers().get(header::CONTENT_TYPE).map(|v| v.to_str().unwrap_or("?").to_string());
        let kind = kind.unwrap_or_default().split(';').next().unwrap().trim().to_string();
        let documented = &operation["responses"][&number];
        if status.is_server_error() && (documented.is_null() || !NOT_OURS.contains(&number.as_str())) {
            return Err(format!("{number}, an error of ours"));
        }
        if own && documented.is_null() && !GENERIC.contains(&number.as_str()) {
            return Err(format!("{number} is not documented"));
        }
        if status.is_client_error() || status.is_server_error() {
            let body = answer.into_body().collect().await.map_err(|e| e.to_string())?.to_bytes();
            if kind != "application/problem+json" {
                return Err(format!("{number} is {kind:?}, no problem: {}", String::from_utf8_lossy(&body)));
            }
            self.fits(&json!({ "$ref": "#/components/schemas/Problem" }), &body)
                .map_err(|e| format!("{number}: {e}"))?;
            let problem: Value = serde_json::from_slice(&body).unwrap();
            if problem["status"] != status.as_u16() || problem["detail"].as_str().is_none_or(str::is_empty) {
                return Err(format!("{number} with {problem}"));
            }
        } else if own && status.is_success() {
            let content = documented["content"].as_object().cloned().unwrap_or_default();
            if content.is_empty() && kind.is_empty() {
                return Ok(status.as_u16());
            }
            let Some(content) = content.get(&kind) else {
                return Err(format!("{number}: media type {kind:?} is not documented"));
            };
            // Others may be streams without an end.
            if kind == "application/json" {
                let body = answer.into_body().collect().await.map_err(|e| e.to_string())?.to_bytes();
                self.fits(&content["schema"], &body).map_err(|e| format!("{number}: {e}"))?;
            }
        }
        Ok(status.as_u16())
    }
}

#[tokio::test]
async fn no_input_breaks_an_operation_and_every_answer_is_a_documented_one() {
    let mut judge = Judge { schemas: BTreeMap::new() };
    let mut wrong: BTreeMap<String, String> = BTreeMap::new();
    for (n, (path, method, operation)) in operations(document()).enumerate() {
        let id = operation["operationId"].as_str().unwrap_or(path);
        let mut dice = Dice { state: 0x5EED_0000 + n as u64 + 1, calm: false };
        let mut seen: BTreeMap<u16, u32> = BTreeMap::new();
        let mut rig = Rig::new();
        for round in 0..ROUNDS {
            if round % 40 == 39 {
                rig = Rig::new(); // the old one has seen much
            }
            dice.calm = round % 3 == 0;
            let Some((said, request)) = dice.request(path, method, operation) else { continue };
            let own = request.method().as_str().eq_ignore_ascii_case(method);
            let before = kept(&rig);
            let answer = rig.app.clone().oneshot(request).await.unwrap();
            let refused = answer.status().is_client_error() || answer.status().is_server_error();
            if refused && kept(&rig) != before {
                wrong.insert(format!("{id}: refused with {}, but something changed", answer.status()), said.clone());
            }
            match judge.judge(operation, own, answer).await {
                Ok(status) => *seen.entry(status).or_default() += 1,
                Err(why) => drop(wrong.insert(format!("{id}: {why}"), said)),
            }
        }
        println!("{method} {path}: {seen:?}");
    }
    let wrong: Vec<String> = wrong.iter().map(|(why, request)| format!("{why}\n    {request}")).collect();
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
}
