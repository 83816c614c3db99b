//! JSON schemas of SOL 002 v3.7.1 and SOL 013, written from their tables; stricter than ETSI's where an attribute is ours.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)] // each test file uses its part
use serde_json::{Value, json};

/// Panics with everything that does not fit.
pub fn fits(schema: &Value, body: &Value) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(body).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{body:#}");
}

fn link() -> Value {
    json!({"type": "object", "required": ["href"], "properties": {"href": {"type": "string", "pattern": "^(https?:/)?/"}}})
}

fn links(names: &[&str]) -> Value {
    let all: serde_json::Map<String, Value> = names.iter().map(|n| (n.to_string(), link())).collect();
    json!({"type": "object", "required": names, "properties": all, "additionalProperties": false})
}

pub fn list_of(schema: Value) -> Value {
    json!({"type": "array", "items": schema})
}

/// SOL 013 clause 6.3.
pub fn problem() -> Value {
    json!({
        "type": "object", "required": ["status", "detail"],
        "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
            "detail": {"type": "string", "minLength": 1}, "instance": {"type": "string"}},
    })
}

/// SOL 013 clause 7.1.
pub fn api_versions() -> Value {
    let version = json!({
        "type": "object", "required": ["version", "isDeprecated"], "additionalProperties": false,
        "properties": {"version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"}, "isDeprecated": {"type": "boolean"},
            "retirementDate": {"type": "string"}},
    });
    json!({
        "type": "object", "required": ["uriPrefix", "apiVersions"], "additionalProperties": false,
        "properties": {"uriPrefix": {"type": "string"}, "apiVersions": {"type": "array", "minItems": 1, "items": version}},
    })
}

/// Clause 9.5.3.4 and 9.5.3.5.
fn cp_configuration() -> Value {
    let address = json!({
        "type": "object", "minProperties": 1, "additionalProperties": false,
        "properties": {
            "macAddress": {"type": "string", "pattern": "^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$"},
            "ipAddress": {"type": "string", "pattern": r"^[0-9a-fA-F:.]+$"},
        },
    });
    let entry = json!({
        "type": "object", "additionalProperties": false, "anyOf": [{"required": ["address"]}, {"required": ["useDynamicAddress"]}],
        "properties": {"address": address, "useDynamicAddress": {"type": "boolean"}, "port": {"type": "integer"}},
    });
    json!({
        "type": "object", "required": ["cpId", "cpdId", "addresses"], "additionalProperties": false,
        "properties": {"cpId": {"type": "string"}, "cpdId": {"type": "string"},
            "addresses": {"type": "array", "minItems": 1, "items": entry}},
    })
}

/// Clause 9.5.2.3.
pub fn configuration() -> Value {
    let data = json!({
        "type": "object", "additionalProperties": false,
        "properties": {"extCpConfig": list_of(cp_configuration()), "vnfSpecificData": {"type": "object"}},
    });
    let vnfc = json!({
        "type": "object", "required": ["vnfcInstanceId"], "additionalProperties": false,
        "properties": {"vnfcInstanceId": {"type": "string"}, "intCpConfig": list_of(cp_configuration()),
            "vnfcSpecificData": {"type": "object"}},
    });
    json!({
        "type": "object", "required": ["vnfConfigurationData"], "additionalProperties": false,
        "properties": {"vnfConfigurationData": data, "vnfcConfigurationData": list_of(vnfc)},
    })
}

/// Clause 8.5.2.2.
pub fn indicator() -> Value {
    json!({
        "type": "object", "required": ["id", "value", "vnfInstanceId", "_links"], "additionalProperties": false,
        "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "value": {"type": "object"},
            "vnfInstanceId": {"type": "string"}, "_links": links(&["self", "vnfInstance"])},
    })
}

/// Clause 8.5.2.4. Nothing beside these: no secrets.
pub fn subscription() -> Value {
    let strings = json!({"type": "array", "items": {"type": "string"}});
    let filter = json!({
        "type": "object", "additionalProperties": false,
        "properties": {"vnfInstanceSubscriptionFilter": {"type": "object"}, "notificationTypes": strings, "indicatorIds": strings},
    });
    json!({
        "type": "object", "required": ["id", "callbackUri", "_links"], "additionalProperties": false,
        "properties": {"id": {"type": "string"}, "filter": filter, "callbackUri": {"type": "string"}, "_links": links(&["self"])},
    })
}

/// What notifications have in common.
fn notification(kind: &str, more: Value) -> Value {
    let mut all = json!({
        "id": {"type": "string"}, "notificationType": {"const": kind}, "subscriptionId": {"type": "string"},
        "timeStamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"},
        "vnfInstanceId": {"type": "string"}, "_links": links(&["vnfInstance", "subscription"]),
    });
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let needs: Vec<&String> = all.as_object().unwrap().keys().filter(|k| *k != "name").collect();
    json!({"type": "object", "required": needs, "properties": all, "additionalProperties": false})
}

/// Clause 8.5.2.5.
pub fn value_change() -> Value {
    let more = json!({"vnfIndicatorId": {"type": "string"}, "name": {"type": "string"}, "value": {"type": "object"}});
    notification("VnfIndicatorValueChangeNotification", more)
}

/// Clause 8.5.2.6.
pub fn set_change() -> Value {
    let one = json!({"type": "object", "required": ["vnfIndicatorId"],
        "properties": {"vnfIndicatorId": {"type": "string"}, "name": {"type": "string"}}});
    notification("SupportedIndicatorsChangeNotification", json!({"supportedIndicators": list_of(one)}))
}

/// Clause 10.5.2.3.
pub fn coordination() -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "required": ["id", "coordinationResult", "vnfInstanceId", "vnfLcmOpOccId", "lcmOperationType", "coordinationActionName", "_links"],
        "properties": {
            "id": {"type": "string"}, "coordinationResult": {"enum": ["CONTINUE", "ABORT", "CANCELLED"]},
            "vnfInstanceId": {"type": "string"}, "vnfLcmOpOccId": {"type": "string"},
            "lcmOperationType": {"enum": ["INSTANTIATE", "SCALE", "SCALE_TO_LEVEL", "CHANGE_FLAVOUR", "TERMINATE", "HEAL",
                "OPERATE", "CHANGE_EXT_CONN", "MODIFY_INFO", "CREATE_SNAPSHOT", "REVERT_TO_SNAPSHOT", "CHANGE_VNFPKG"]},
            "coordinationActionName": {"type": "string"}, "outputParams": {"type": "object"},
            "warnings": {"type": "array", "items": {"type": "string"}}, "error": problem(),
            "_links": links(&["self", "vnfLcmOpOcc", "vnfInstance"]),
        },
    })
}
