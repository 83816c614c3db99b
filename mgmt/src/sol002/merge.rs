//! What a wanted `VnfConfigModifications` (SOL 002 clause 9.5.2.2) means for the functions. Pure: it takes values and says
//! which function is to become what.
//!
//! Objects are merged as RFC 7396 says; lists are matched by `cpId` and `vnfcInstanceId`, so what a list does not name stays.
use super::cps::{Assignment, cps};
use crate::functions::{Change, Function};
use crate::problem::Problem;
use crate::vnf::{MAIN, Port};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The configuration of a VNF as `VnfConfiguration` (clause 9.5.2.3).
pub fn show(ports: &[Port], functions: &[Function]) -> Value {
    let mut data = Map::new();
    let cps: Vec<Value> = cps(ports, functions).iter().map(super::cps::Cp::show).collect();
    if !cps.is_empty() {
        data.insert("extCpConfig".into(), cps.into());
    }
    if let Some(main) = functions.iter().find(|f| f.name == MAIN) {
        data.insert("vnfSpecificData".into(), text_of(main).into());
    }
    let vnfc = |f: &Function| {
        let mut specific = Map::from_iter([("framework".to_string(), json!(f.framework))]);
        if f.name != MAIN {
            specific.extend(text_of(f));
        }
        json!({"vnfcInstanceId": f.name, "vnfcSpecificData": specific})
    };
    let vnfcs: Vec<Value> = functions.iter().map(vnfc).collect();
    json!({"vnfConfigurationData": data, "vnfcConfigurationData": vnfcs})
}

fn text_of(f: &Function) -> Map<String, Value> {
    let configuration = &f.configuration;
    Map::from_iter([
        ("function".to_string(), json!(configuration.text)),
        ("parameters".to_string(), json!(configuration.parameters)),
    ])
}

/// What is to be changed of one function.
#[derive(Debug, Default)]
struct Wish {
    text: Option<String>,
    comment: Option<String>,
    /// Parameters that get another value, or none.
    parameters: BTreeMap<String, Option<String>>,
}

/// The function that a modification changes, and how; nothing when all of it is so already.
///
/// # Errors
/// 400 when it is not a `VnfConfigModifications`; 422 when it wants what cannot be changed, or more than one function.
pub fn wanted(patch: &Value, ports: &[Port], functions: &[Function]) -> Result<Option<(String, Change)>, Problem> {
    let patch = object(patch, "the body")?;
    let part = |name: &str| patch.get(name).filter(|v| !v.is_null());
    if part("vnfConfigurationData").is_none() && part("vnfcConfigurationData").is_none() {
        return Err(Problem::bad_request("give vnfConfigurationData or vnfcConfigurationData (or both)"));
    }
    let mut wishes: Vec<Wish> = functions.iter().map(|_| Wish::default()).collect();
    for (key, value) in patch {
        match key.as_str() {
            _ if value.is_null() => {}
            "vnfConfigurationData" => vnf(object(value, key)?, ports, functions, &mut wishes)?,
            "vnfcConfigurationData" => vnfcs(list(value, key)?, functions, &mut wishes)?,
            "vnfcConfigurationDataDeleteIds" => deleted(list(value, key)?, functions)?,
            _ => return Err(Problem::bad_request(format!("there is no attribute ‘{key}’"))),
        }
    }
    let mut changed = functions.iter().zip(wishes).filter_map(|(f, w)| w.change(f).map(|c| (f.name.clone(), c)));
    let first = changed.next();
    match changed.next() {
        Some((second, _)) => {
            let first = first.map(|(name, _)| name).unwrap_or_default();
            let detail = format!(
                "one request changes one function, so that all of it happens or nothing; these are {first} and {second}"
            );
            Err(Problem::unprocessable(detail))
        }
        None => Ok(first),
    }
}

fn vnf(data: &Map<String, Value>, ports: &[Port], functions: &[Function], wishes: &mut [Wish]) -> Result<(), Problem> {
    let all = cps(ports, functions);
    for (key, value) in data {
        match key.as_str() {
            "extCpConfig" => {
                for entry in list(value, key)? {
                    let id = identifier(entry, "cpId", key)?;
                    let cp = all.iter().find(|cp| cp.id == id);
                    let cp =
                        cp.ok_or_else(|| Problem::unprocessable(format!("extCpConfig: there is no port ‘{id}’")))?;
                    cp.wanted(entry)?.into_iter().try_for_each(|a| assign(wishes, a))?;
                }
            }
            "vnfSpecificData" => {
                let main = functions.iter().position(|f| f.name == MAIN);
                let main = main.ok_or_else(|| Problem::unprocessable(format!("this VNF has no function ‘{MAIN}’")))?;
                specific(object(value, key)?, main, functions, wishes)?;
            }
            _ => return Err(Problem::unprocessable(format!("vnfConfigurationData: {key} cannot be changed"))),
        }
    }
    Ok(())
}

fn vnfcs(entries: &[Value], functions: &[Function], wishes: &mut [Wish]) -> Result<(), Problem> {
    for entry in entries {
        let id = identifier(entry, "vnfcInstanceId", "vnfcConfigurationData")?;
        let at = functions.iter().position(|f| f.name == id);
        let none =
            || Problem::unprocessable(format!("vnfcConfigurationData: there is no VNFC ‘{id}’, and none can be added"));
        let at = at.ok_or_else(none)?;
        for (key, value) in object(entry, "vnfcConfigurationData")? {
            match key.as_str() {
                "vnfcInstanceId" => {}
                "intCpConfig" if value.as_array().is_some_and(Vec::is_empty) => {}
                "vnfcSpecificData" => {
                    let mut data = object(value, key)?.clone();
                    if data.get("framework") == Some(&json!(functions[at].framework)) {
                        data.shift_remove("framework");
                    }
                    if id == MAIN && !data.is_empty() {
                        let detail = "the function ‘main’ is changed through vnfConfigurationData.vnfSpecificData";
                        return Err(Problem::unprocessable(detail));
                    }
                    specific(&data, at, functions, wishes)?;
                }
                _ => {
                    return Err(Problem::unprocessable(format!("vnfcConfigurationData {id}: {key} cannot be changed")));
                }
            }
        }
    }
    Ok(())
}

/// Functions are part of the VNF: they stay. To delete what is not there changes nothing.
fn deleted(ids: &[Value], functions: &[Function]) -> Result<(), Problem> {
    for id in ids {
        let id = id.as_str().ok_or_else(|| Problem::bad_request("vnfcConfigurationDataDeleteIds must be texts"))?;
        if functions.iter().any(|f| f.name == id) {
            return Err(Problem::unprocessable(format!("the configuration of VNFC ‘{id}’ cannot be deleted")));
        }
    }
    Ok(())
}

/// `{"function": text, "parameters": {name: value}, "comment": text}`.
fn specific(data: &Map<String, Value>, at: usize, functions: &[Function], wishes: &mut [Wish]) -> Result<(), Problem> {
    let has = &functions[at].configuration;
    for (key, value) in data {
        match (key.as_str(), value) {
            ("function", Value::String(text)) => wishes[at].text = Some(text.clone()).filter(|t| *t != has.text),
            ("comment", Value::String(text)) => wishes[at].comment = Some(text.clone()),
            ("parameters", Value::Null) => {
                has.parameters.keys().try_for_each(|name| wishes[at].set(name, None))?;
            }
            ("parameters", Value::Object(parameters)) => {
                for (name, value) in parameters {
                    let value = match value {
                        Value::Null => None,
                        Value::String(text) => Some(text.clone()),
                        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
                        _ => return Err(Problem::bad_request(format!("parameter {name} must be a text or a number"))),
                    };
                    if has.parameters.get(name) != value.as_ref() {
                        wishes[at].set(name, value)?;
                    }
                }
            }
            ("function" | "comment" | "parameters", _) => {
                return Err(Problem::bad_request(format!("{key} is of a wrong type")));
            }
            _ => {
                return Err(Problem::unprocessable(format!(
                    "there is no ‘{key}’; there are function, parameters, comment"
                )));
            }
        }
    }
    Ok(())
}

fn assign(wishes: &mut [Wish], (at, name, value): Assignment) -> Result<(), Problem> {
    wishes.get_mut(at).map_or(Ok(()), |w| w.set(&name, Some(value)))
}

impl Wish {
    fn set(&mut self, name: &str, value: Option<String>) -> Result<(), Problem> {
        match self.parameters.insert(name.into(), value.clone()) {
            Some(other) if other != value => {
                Err(Problem::unprocessable(format!("parameter {name} is given two values, one of them by extCpConfig")))
            }
            _ => Ok(()),
        }
    }

    /// A comment alone changes nothing.
    fn change(self, of: &Function) -> Option<Change> {
        if self.text.is_none() && self.parameters.is_empty() {
            return None;
        }
        let mut parameters = of.configuration.parameters.clone();
        for (name, value) in self.parameters {
            match value {
                Some(value) => parameters.insert(name, value),
                None => parameters.remove(&name),
            };
        }
        Some(Change { text: self.text, parameters: Some(parameters), comment: self.comment, ..Change::default() })
    }
}

fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, Problem> {
    value.as_object().ok_or_else(|| Problem::bad_request(format!("{what} must be an object")))
}

fn list<'a>(value: &'a Value, what: &str) -> Result<&'a [Value], Problem> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| Problem::bad_request(format!("{what} must be a list")))
}

fn identifier<'a>(entry: &'a Value, name: &str, of: &str) -> Result<&'a str, Problem> {
    let id = entry.get(name).and_then(Value::as_str);
    id.ok_or_else(|| Problem::bad_request(format!("{of}: each entry needs a {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vnf::Configuration;

    fn functions() -> Vec<Function> {
        let function = |name: &str, parameters: &[(&str, &str)]| Function {
            name: name.into(),
            framework: "click".into(),
            revision: 1,
            etag: format!("\"{name}\""),
            confirm_by: None,
            configuration: Configuration {
                confined: true,
                text: format!("text of {name}"),
                parameters: parameters.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
            },
        };
        vec![function(MAIN, &[("IN", "eth1")]), function("second", &[("OUT", "eth2"), ("OUT_ADDR", "fd00::1/64")])]
    }

    #[test]
    fn every_function_is_shown_and_what_is_shown_changes_nothing() {
        let shown = show(&[], &functions());
        assert_eq!(shown["vnfcConfigurationData"][1]["vnfcSpecificData"]["function"], "text of second");
        assert_eq!(shown["vnfConfigurationData"]["extCpConfig"][0]["addresses"][0]["address"]["ipAddress"], "fd00::1");
        assert_eq!(wanted(&shown, &[], &functions()), Ok(None));
    }

    #[test]
    fn a_vnfc_and_the_address_of_its_port_are_one_change_of_its_function() {
        let patch = json!({
            "vnfConfigurationData": {"extCpConfig": [{"cpId": "eth2", "addresses": [{"address": {"ipAddress": "fd00::2"}}]}]},
            "vnfcConfigurationData": [{"vnfcInstanceId": "second", "vnfcSpecificData": {"function": "new"}}],
        });
        let (name, change) = wanted(&patch, &[], &functions()).unwrap().unwrap();
        assert_eq!((name.as_str(), change.text.as_deref()), ("second", Some("new")));
        let parameters = change.parameters.unwrap();
        assert_eq!((parameters["OUT"].as_str(), parameters["OUT_ADDR"].as_str()), ("eth2", "fd00::2/64"));
    }

    #[test]
    fn two_functions_in_one_request_are_refused() {
        let patch = json!({
            "vnfConfigurationData": {"vnfSpecificData": {"function": "a"}},
            "vnfcConfigurationData": [{"vnfcInstanceId": "second", "vnfcSpecificData": {"function": "b"}}],
        });
        assert_eq!(wanted(&patch, &[], &functions()).unwrap_err().status, 422);
    }
}
