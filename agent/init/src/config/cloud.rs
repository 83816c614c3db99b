//! What cloud-init's drives say beside the network: `meta-data` and `user-data`.
use super::yaml;
use super::{Config, Function, set};
use crate::boot::Severity;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Where `write_files` may put something.
const FOLDER: &str = "/etc/sluice/";

/// NoCloud's `meta-data`, or OpenStack's `meta_data.json`.
pub(super) fn meta_data(text: &str, from: &str, config: &mut Config) -> Value {
    let all = yaml::read(text).unwrap_or_else(|why| {
        config.problem("meta-data", Severity::Minor, format!("meta-data ({from}) is left out: {why}"));
        Value::Null
    });
    let first = |keys: &[&str]| keys.iter().find_map(|k| all.get(*k).filter(|v| !v.is_null())).map(yaml::plain);
    if let Some(name) = first(&["local-hostname", "hostname", "name"]) {
        set(&mut config.name, name, from);
    }
    let is_uuid = |t: &String| t.len() == 36 && t.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if let Some(id) = first(&["instance-id", "uuid"]).filter(is_uuid) {
        set(&mut config.id, id, from);
    }
    all
}

/// `user-data`: by how it begins, cloud-init's own format, a description, or a function.
pub(super) fn user_data(text: &str, from: &str, config: &mut Config) {
    let first = text.lines().next().unwrap_or_default().trim_end();
    match first {
        "#cloud-config" => cloud_config(text, from, config),
        _ if first.starts_with("#sluice") => config.file("vnf.toml", text.into(), from),
        _ if first.starts_with("//") => set(&mut config.function, Function::Text(text.into()), from),
        _ if text.trim().is_empty() => {}
        _ => {
            let detail = format!(
                "user-data ({from}) is left out: it begins neither with #cloud-config, nor with #sluice \
                                  (a vnf.toml), nor with // (a function)"
            );
            config.problem("user-data", Severity::Major, detail);
        }
    }
}

fn cloud_config(text: &str, from: &str, config: &mut Config) {
    let all = match yaml::read(text) {
        Ok(all) => all,
        Err(why) => {
            let detail = format!("user-data ({from}) is left out: {why}");
            return config.problem("user-data", Severity::Major, detail);
        }
    };
    if let Some(name) = all.get("hostname").and_then(Value::as_str) {
        set(&mut config.name, name.into(), from);
    }
    for file in all.get("write_files").and_then(Value::as_array).into_iter().flatten() {
        let path = file.get("path").and_then(Value::as_str).unwrap_or_default();
        let content = file.get("content").map(yaml::plain).unwrap_or_default();
        let Some(name) = path.strip_prefix(FOLDER).or((!path.starts_with('/')).then_some(path)) else {
            let detail = format!("user-data ({from}): {path} is left out: files belong beneath {FOLDER}");
            config.problem("user-data", Severity::Warning, detail);
            continue;
        };
        match decode(&content, file.get("encoding").and_then(Value::as_str)) {
            Ok(bytes) => config.file(name, bytes, from),
            Err(why) => {
                config.problem("user-data", Severity::Major, format!("user-data ({from}): {path} is left out: {why}"));
            }
        }
    }
}

fn decode(content: &str, encoding: Option<&str>) -> Result<Vec<u8>, String> {
    match encoding {
        None | Some("text/plain") => Ok(content.into()),
        Some("b64" | "base64") => {
            let plain: String = content.split_whitespace().collect();
            STANDARD.decode(plain).map_err(|e| format!("its content is not base64: {e}"))
        }
        Some(other) => Err(format!("the encoding ‘{other}’ is not taken: give text, or base64")),
    }
}
