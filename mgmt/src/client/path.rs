//! Paths and queries: names from people become parts of an address.
use crate::encoding::percent;

/// `/v1/` and these names, each one segment.
pub fn v1(segments: &[&str]) -> String {
    segments.iter().fold("/v1".to_string(), |path, s| path + "/" + &percent(s))
}

/// The path with these parameters; those without a value are left out.
pub fn query(path: &str, parameters: &[(&str, Option<String>)]) -> String {
    let given = parameters.iter().filter_map(|(n, v)| Some((n, v.as_ref()?)));
    let pairs: Vec<String> = given.map(|(name, value)| format!("{}={}", percent(name), percent(value))).collect();
    if pairs.is_empty() { path.to_string() } else { format!("{path}?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_slashes_is_one_segment() {
        assert_eq!(v1(&["elements", "a/q", "handlers", "länge"]), "/v1/elements/a%2Fq/handlers/l%C3%A4nge");
        let wanted = [("edge", Some("q[0]&x".to_string())), ("count", None), ("snap", Some("64".into()))];
        assert_eq!(query("/v1/tap", &wanted), "/v1/tap?edge=q%5B0%5D%26x&snap=64");
        assert_eq!(query("/v1/log", &[("after", None)]), "/v1/log");
    }
}
