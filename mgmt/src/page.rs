//! The OpenAPI document as a page of HTML: made on the server, without script, and readable without a style sheet, too.
use crate::openapi::{needs_token, operations};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};

/// The style sheet of the page.
pub(crate) const STYLE: &str = include_str!("page.css");

/// The page.
pub(crate) fn render(document: &Value) -> String {
    let mut out = String::new();
    let _ = write(&mut out, document); // a String takes everything
    out
}

/// A text in which no character has a meaning in HTML, in attributes neither.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Text of a description: `code` between back quotes, and empty lines between paragraphs.
struct Prose<'a>(&'a str);

impl Display for Prose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let even = self.0.matches('`').count().is_multiple_of(2);
        for (n, part) in self.0.split('`').enumerate() {
            match n % 2 == 1 && even {
                true => write!(f, "<code>{}</code>", Escaped(part))?,
                false => write!(f, "{}", Escaped(part))?,
            }
        }
        Ok(())
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn entries<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.get(key).and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

fn write(out: &mut String, document: &Value) -> fmt::Result {
    let info = &document["info"];
    let title = Escaped(text(info, "title"));
    let mut groups: BTreeMap<&str, Vec<(&str, &str, &Value)>> = BTreeMap::new();
    for operation in operations(document) {
        let tag = list(operation.2, "tags").next().and_then(Value::as_str).unwrap_or("other");
        groups.entry(tag).or_default().push(operation);
    }
    write!(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")?;
    writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>")?;
    write!(out, "<link rel=\"stylesheet\" href=\"/docs/style.css\">\n</head>\n<body>\n")?;
    contents(out, document, &groups)?;
    writeln!(out, "<main>\n<h1>{title} <span class=\"soft\">{}</span></h1>", Escaped(text(info, "version")))?;
    writeln!(out, "<p>{}</p>", Prose(text(info, "description")))?;
    let all = "The whole as <a href=\"/openapi.json\">OpenAPI 3.1</a>. Errors are <a href=\"#schema-Problem\">problem details</a> (RFC 9457).";
    writeln!(
        out,
        "<p>{all} Examples take the address from <code>$EMS</code> and the token from <code>$TOKEN</code>.</p>"
    )?;
    for (tag, operations) in &groups {
        writeln!(out, "<h2 id=\"tag-{0}\">{0}</h2>", Escaped(tag))?;
        operations.iter().try_for_each(|o| operation(out, o))?;
    }
    writeln!(out, "<h2 id=\"schemas\">Schemas</h2>")?;
    for (name, schema) in entries(&document["components"], "schemas") {
        writeln!(out, "<section id=\"schema-{0}\">\n<h3>{0}</h3>", Escaped(name))?;
        described(out, schema)?;
        schema_body(out, schema)?;
        writeln!(out, "</section>")?;
    }
    writeln!(out, "</main>\n</body>\n</html>")
}

fn contents(out: &mut String, document: &Value, groups: &BTreeMap<&str, Vec<(&str, &str, &Value)>>) -> fmt::Result {
    writeln!(out, "<nav aria-label=\"Contents\">")?;
    for (tag, operations) in groups {
        writeln!(out, "<h2><a href=\"#tag-{0}\">{0}</a></h2>\n<ul>", Escaped(tag))?;
        for (path, method, operation) in operations {
            let (id, path) = (Escaped(text(operation, "operationId")), Escaped(path));
            writeln!(out, "<li><a href=\"#{id}\"><span class=\"method {method}\">{method}</span>{path}</a></li>")?;
        }
        writeln!(out, "</ul>")?;
    }
    writeln!(out, "<h2><a href=\"#schemas\">Schemas</a></h2>\n<ul>")?;
    for (name, _) in entries(&document["components"], "schemas") {
        writeln!(out, "<li><a href=\"#schema-{0}\">{0}</a></li>", Escaped(name))?;
    }
    writeln!(out, "</ul>\n</nav>")
}

fn described(out: &mut String, of: &Value) -> fmt::Result {
    let paragraphs = text(of, "description").split("\n\n").filter(|p| !p.trim().is_empty());
    paragraphs.map(Prose).try_for_each(|p| writeln!(out, "<p>{p}</p>"))
}

fn operation(out: &mut String, (path, method, operation): &(&str, &str, &Value)) -> fmt::Result {
    let id = Escaped(text(operation, "operationId"));
    writeln!(out, "<section id=\"{id}\">\n<h3><span class=\"method {method}\">{method}</span>{}</h3>", Escaped(path))?;
    writeln!(out, "<p>{}</p>", Prose(text(operation, "summary")))?;
    described(out, operation)?;
    if !needs_token(operation) {
        writeln!(out, "<p class=\"soft\">Takes no token.</p>")?;
    }
    if list(operation, "parameters").next().is_some() {
        writeln!(out, "<h4>Parameters</h4>\n<table>\n<tr><th>Name</th><th>In</th><th>Type</th><th>What</th></tr>")?;
        for p in list(operation, "parameters") {
            let must = if p["required"] == true { "" } else { ", optional" };
            let (name, place, what) = (Escaped(text(p, "name")), Escaped(text(p, "in")), Prose(text(p, "description")));
            let kind = kind(&p["schema"]);
            writeln!(out, "<tr><td><code>{name}</code></td><td>{place}{must}</td><td>{kind}</td><td>{what}</td></tr>")?;
        }
        writeln!(out, "</table>")?;
    }
    if let Some(body) = operation.get("requestBody") {
        writeln!(out, "<h4>Body</h4>")?;
        described(out, body)?;
        writeln!(out, "<table>\n<tr><th>Media type</th><th>Type</th></tr>")?;
        for (media, content) in entries(body, "content") {
            writeln!(out, "<tr><td>{}</td><td>{}</td></tr>", Escaped(media), kind(&content["schema"]))?;
        }
        writeln!(out, "</table>")?;
    }
    writeln!(out, "<h4>Answers</h4>\n<table>\n<tr><th>Status</th><th>What</th><th>Body</th></tr>")?;
    for (status, answer) in entries(operation, "responses") {
        let bodies =
            entries(answer, "content").map(|(media, c)| format!("{} ({})", kind(&c["schema"]), Escaped(media)));
        let bodies = bodies.collect::<Vec<_>>().join("<br>");
        let what = Prose(text(answer, "description"));
        writeln!(out, "<tr><td>{}</td><td>{what}</td><td>{bodies}</td></tr>", Escaped(status))?;
    }
    writeln!(out, "</table>\n<h4>Example</h4>\n<pre>{}</pre>\n</section>", Escaped(&curl(path, method, operation)))
}

/// The command line that does an operation.
fn curl(path: &str, method: &str, operation: &Value) -> String {
    let mut line = String::from("curl");
    if method != "get" {
        line += &format!(" -X {}", method.to_uppercase());
    }
    if needs_token(operation) {
        line += " -H \"Authorization: Bearer $TOKEN\"";
    }
    let media = operation.get("requestBody").and_then(|b| b["content"].as_object()?.keys().next());
    if let Some(media) = media {
        let data = if media.contains("json") { "@body.json" } else { "@body" };
        line += &format!(" \\\n  -H 'Content-Type: {media}' --data-binary {data}");
    }
    let query = list(operation, "parameters").filter(|p| p["in"] == "query" && p["required"] == true);
    let query: Vec<String> = query.map(|p| format!("{0}={{{0}}}", text(p, "name"))).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    // Without -g, curl takes braces for a list.
    let path = path.replace("{name}", "main").replace("{function}", "main");
    let plain = if path.contains('{') || query.contains('{') { " -g" } else { "" };
    format!("{line}{plain} \"$EMS{path}{query}\"")
}

/// The type of a schema in a few words, with a link to what it is made of.
fn kind(schema: &Value) -> String {
    if let Some(name) = text(schema, "$ref").strip_prefix("#/components/schemas/") {
        return format!("<a href=\"#schema-{0}\">{0}</a>", Escaped(name));
    }
    let choices = ["oneOf", "anyOf", "allOf"].into_iter().find(|k| schema.get(k).is_some());
    if let Some(how) = choices {
        let joint = if how == "allOf" { " and " } else { " or " };
        return list(schema, how).map(kind).collect::<Vec<_>>().join(joint);
    }
    if schema.get("enum").is_some() {
        return list(schema, "enum")
            .map(|v| format!("<code>{}</code>", Escaped(&v.to_string())))
            .collect::<Vec<_>>()
            .join(" or ");
    }
    let one = |name: &str| match name {
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("object of {}", kind(&schema["additionalProperties"]))
        }
        "object" if schema["properties"].is_object() => {
            let fields = entries(schema, "properties").map(|(name, s)| format!("{}: {}", Escaped(name), kind(s)));
            format!("object ({})", fields.collect::<Vec<_>>().join(", "))
        }
        name => Escaped(name).to_string(),
    };
    match &schema["type"] {
        Value::String(name) => one(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).map(one).collect::<Vec<_>>().join(" or "),
        _ => "anything".into(),
    }
}

/// The fields of a schema, or its values.
fn schema_body(out: &mut String, schema: &Value) -> fmt::Result {
    for part in list(schema, "allOf") {
        schema_body(out, part)?;
    }
    for how in ["oneOf", "anyOf"] {
        if schema.get(how).is_some() {
            writeln!(out, "<h4>One of</h4>")?;
        }
        for choice in list(schema, how) {
            described(out, choice)?;
            schema_body(out, choice)?;
        }
    }
    if schema.get("properties").is_none() {
        let plain = ["allOf", "oneOf", "anyOf"].iter().all(|k| schema.get(k).is_none());
        return if plain { writeln!(out, "<p>{}</p>", kind(schema)) } else { Ok(()) };
    }
    let must: Vec<&Value> = list(schema, "required").collect();
    writeln!(out, "<table>\n<tr><th>Field</th><th>Type</th><th>What</th></tr>")?;
    for (name, field) in entries(schema, "properties") {
        let optional = if must.iter().any(|m| *m == name) { "" } else { " <span class=\"soft\">optional</span>" };
        let (name, what) = (Escaped(name), Prose(text(field, "description")));
        writeln!(out, "<tr><td><code>{name}</code>{optional}</td><td>{}</td><td>{what}</td></tr>", kind(field))?;
    }
    writeln!(out, "</table>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_document_becomes_markup() {
        let evil = "<script>'\"&`<b>`";
        let schema = serde_json::json!({ "type": "object", "description": evil, "properties": { evil: { "type": "string", "description": evil } } });
        let operation = serde_json::json!({ "operationId": evil, "summary": evil, "tags": [evil], "responses": { evil: { "description": evil } },
            "parameters": [{ "name": evil, "in": evil, "description": evil, "schema": { "enum": [evil] } }],
            "requestBody": { "content": { evil: { "schema": { "$ref": format!("#/components/schemas/{evil}") } } } } });
        let document = serde_json::json!({ "info": { "title": evil, "version": evil, "description": evil },
            "paths": { evil: { "get": operation } }, "components": { "schemas": { evil: schema } } });
        let page = render(&document);
        assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
        assert!(page.contains("&lt;script&gt;&#39;&quot;&amp;<code>&lt;b&gt;</code>"), "{page}");
    }
}
