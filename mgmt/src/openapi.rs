//! The OpenAPI 3.1 document. It is kept in the repository (`openapi.json`), and packed into the program; a test
//! makes it anew from the routes (feature `document`), and they must agree.
#[cfg(feature = "document")]
mod complete;
#[cfg(feature = "document")]
pub use complete::complete;

use flate2::read::DeflateDecoder;
use serde_json::{Map, Value};

/// Methods of HTTP that a path can have, as OpenAPI writes them.
pub const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The document as it is kept.
pub fn kept() -> Value {
    let packed: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.deflate"));
    serde_json::from_reader(DeflateDecoder::new(packed)).unwrap_or_default() // it was read when it was packed
}

/// Whether an operation takes a token: all but those with an empty requirement.
pub fn needs_token(operation: &Value) -> bool {
    let security = operation.get("security").and_then(Value::as_array);
    !security.is_some_and(|all| all.is_empty() || all.iter().any(|r| r.as_object().is_some_and(Map::is_empty)))
}

/// Every operation of a document: path, method, and itself.
pub fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    paths.flat_map(|(path, item)| {
        let all = item.as_object().into_iter().flatten();
        let all = all.filter(|(method, _)| METHODS.contains(&method.as_str()));
        all.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}
