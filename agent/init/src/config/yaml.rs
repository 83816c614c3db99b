//! YAML 1.2 as a tree. JSON is YAML, too.
//!
//! Aliases are refused: a few lines of them can stand for more than fits into memory, and nobody needs them here.
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Deepest nesting, and most values.
const DEEPEST: usize = 32;
const MOST: usize = 20_000;

/// Reads the first document of a text.
///
/// # Errors
/// It is no YAML, or more of it than anybody writes.
pub(super) fn read(text: &str) -> Result<Value, String> {
    let mut open: Vec<(Value, Option<String>)> = Vec::new();
    let mut values = 0;
    for event in Parser::new_from_str(text) {
        let (event, at) = event.map_err(|e| e.to_string())?;
        values += 1;
        if values > MOST || open.len() > DEEPEST {
            return Err(format!("more than {MOST} values, or deeper than {DEEPEST}"));
        }
        let done = match event {
            Event::Scalar(text, style, ..) => scalar(&text, style),
            Event::SequenceStart(..) => {
                open.push((Value::Array(Vec::new()), None));
                continue;
            }
            Event::MappingStart(..) => {
                open.push((Value::Object(Map::new()), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map_or(Value::Null, |o| o.0),
            Event::Alias(_) => return Err(format!("line {}: aliases are not taken", at.start.line())),
            Event::DocumentEnd | Event::StreamEnd => break,
            _ => continue,
        };
        match open.last_mut() {
            None => return Ok(done),
            Some((Value::Array(all), _)) => all.push(done),
            Some((Value::Object(all), key)) => match key.take() {
                None => *key = Some(plain(&done)),
                Some(key) => drop(all.insert(key, done)),
            },
            Some(_) => {}
        }
    }
    Ok(Value::Null)
}

/// Only what is not quoted may be something else than text (YAML 1.2 core schema).
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::String(text.into());
    }
    match text {
        "" | "~" | "null" => Value::Null,
        // `yes` and `no` are of YAML 1.1, which cloud-init reads.
        "true" | "True" | "yes" | "on" => Value::Bool(true),
        "false" | "False" | "no" | "off" => Value::Bool(false),
        _ => text.parse::<i64>().map_or_else(|_| Value::String(text.into()), Value::from),
    }
}

/// A scalar as text.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn yaml_and_json_are_read() {
        let text = "a: 1\nb:\n- x\n- {c: 'yes', d: yes, e: 10.0.0.1/24}\nf: |\n  two\n  lines\n";
        let wanted = json!({"a": 1, "b": ["x", {"c": "yes", "d": true, "e": "10.0.0.1/24"}], "f": "two\nlines\n"});
        assert_eq!(read(text), Ok(wanted));
        assert_eq!(read("{\"a\": [1, \"2\", null]}"), Ok(json!({"a": [1, "2", null]})));
        assert_eq!(read(""), Ok(Value::Null));
    }

    #[test]
    fn bombs_do_not_go_off() {
        assert!(read("a: &a [x, x]\nb: [*a, *a]\n").is_err_and(|e| e.contains("alias")));
        assert!(read(&"[".repeat(1000)).is_err());
        assert!(read(&"- x\n".repeat(MOST + 1)).is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,200}", at in 0usize..120, byte: u8) {
            let _ = read(&text);
            let mut good = b"network:\n  version: 2\n  ethernets: {a: {addresses: [10.0.0.1/24], match: {macaddress: 'x'}}}\n".to_vec();
            if let Some(b) = good.get_mut(at) { *b = byte; }
            let _ = read(&String::from_utf8_lossy(&good));
        }
    }
}
