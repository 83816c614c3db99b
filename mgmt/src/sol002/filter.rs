//! Attribute-based filters of queries (SOL 013 clause 5.2): `filter=(gt,value/bitsPerSecond,1000);(neq,id,state)`, and the
//! form that was before it (SOL 002 v2.4.1 clause 4.3.2): `name=load` or `name.neq=load,memory`.
use crate::problem::Problem;
use axum::extract::Query;
use axum::http::Uri;
use serde_json::Value;
use std::cmp::Ordering;

/// The query parameter that is not a filter.
pub const MARKER: &str = "nextpage_opaque_marker";
/// Most expressions in one filter.
const MOST: usize = 32;

/// A filter: an entry passes when it fits all expressions.
#[derive(Debug, Default)]
pub struct Filter(Vec<Expression>);

#[derive(Debug, PartialEq)]
struct Expression {
    op: Op,
    /// Names from the outside in.
    path: Vec<String>,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Eq,
    Neq,
    In,
    Nin,
    Gt,
    Gte,
    Lt,
    Lte,
    Cont,
    Ncont,
}

impl Op {
    fn named(name: &str) -> Option<Op> {
        Some(match name {
            "eq" => Op::Eq,
            "neq" => Op::Neq,
            "in" => Op::In,
            "nin" => Op::Nin,
            "gt" => Op::Gt,
            "gte" => Op::Gte,
            "lt" => Op::Lt,
            "lte" => Op::Lte,
            "cont" => Op::Cont,
            "ncont" => Op::Ncont,
            _ => return None,
        })
    }

    fn fits(self, has: &Value, values: &[String]) -> bool {
        let has = text(has);
        let order = |v: &String| compare(&has, v);
        match self {
            Op::Eq | Op::In => values.iter().any(|v| order(v) == Ordering::Equal),
            Op::Neq | Op::Nin => values.iter().all(|v| order(v) != Ordering::Equal),
            Op::Gt => values.iter().any(|v| order(v) == Ordering::Greater),
            Op::Gte => values.iter().any(|v| order(v) != Ordering::Less),
            Op::Lt => values.iter().any(|v| order(v) == Ordering::Less),
            Op::Lte => values.iter().any(|v| order(v) != Ordering::Greater),
            Op::Cont => values.iter().any(|v| has.contains(v.as_str())),
            Op::Ncont => values.iter().all(|v| !has.contains(v.as_str())),
        }
    }
}

impl Filter {
    /// The filter in a query. `attributes` are those of the resource, as paths: `value/*` stands for all beneath `value`.
    ///
    /// # Errors
    /// 400 for what cannot be understood, or an attribute that is not there.
    pub fn of(uri: &Uri, attributes: &[&str]) -> Result<Filter, Problem> {
        let query = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let Query(query) = query.map_err(|e| Problem::bad_request(format!("the query cannot be read: {e}")))?;
        let mut all = Vec::new();
        for (key, value) in query {
            match key.as_str() {
                MARKER => {}
                "filter" => all.extend(expressions(&value)?),
                _ => all.push(older(&key, &value, attributes)?),
            }
        }
        if all.len() > MOST {
            return Err(Problem::bad_request(format!("filter: more than {MOST} expressions")));
        }
        for e in &all {
            known(&e.path, attributes)?;
        }
        Ok(Filter(all))
    }

    /// Whether an entry passes. What it does not have fits nothing.
    pub fn fits(&self, entry: &Value) -> bool {
        self.0.iter().all(|e| {
            let found = reach(entry, &e.path);
            match e.op {
                Op::Neq | Op::Nin | Op::Ncont => !found.is_empty() && found.iter().all(|v| e.op.fits(v, &e.values)),
                _ => found.iter().any(|v| e.op.fits(v, &e.values)),
            }
        })
    }
}

fn known(path: &[String], attributes: &[&str]) -> Result<(), Problem> {
    let whole = path.join("/");
    let fits = |a: &&str| match a.strip_suffix('*') {
        Some(start) => whole.len() > start.len() && whole.starts_with(start),
        None => *a == whole,
    };
    if attributes.iter().any(fits) {
        return Ok(());
    }
    Err(Problem::bad_request(format!(
        "there is no attribute ‘{whole}’ to filter by; there are {}",
        attributes.join(", ")
    )))
}

/// Values of an attribute: of all entries, where there is a list on the way.
fn reach<'a>(from: &'a Value, path: &[String]) -> Vec<&'a Value> {
    match (from, path.split_first()) {
        (Value::Array(list), _) => list.iter().flat_map(|v| reach(v, path)).collect(),
        (leaf, None) => vec![leaf],
        (Value::Object(o), Some((name, rest))) => o.get(name).map_or(Vec::new(), |v| reach(v, rest)),
        _ => Vec::new(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

/// Numbers as numbers, everything else as text (times of RFC 3339 in UTC sort as text).
fn compare(a: &str, b: &str) -> Ordering {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(x), Ok(y)) => x.partial_cmp(&y).unwrap_or_else(|| a.cmp(b)),
        _ => a.cmp(b),
    }
}

/// `name=value,value` or `name.op=value`; names inside names are parted by dots.
fn older(key: &str, value: &str, attributes: &[&str]) -> Result<Expression, Problem> {
    let path = |key: &str| key.split('.').map(str::to_string).collect::<Vec<_>>();
    let values = value.split(',').map(str::to_string).collect();
    if let Some((name, op)) = key.rsplit_once('.')
        && let Some(op) = Op::named(op)
        && known(&path(name), attributes).is_ok()
    {
        return Ok(Expression { op, path: path(name), values });
    }
    Ok(Expression { op: Op::Eq, path: path(key), values })
}

/// `(op,attribute,value,value);(...)`.
fn expressions(text: &str) -> Result<Vec<Expression>, Problem> {
    let wrong =
        |what: &str| Problem::bad_request(format!("filter: {what} in ‘{text}’; write (op,attribute,value);..."));
    let mut all = Vec::new();
    let mut rest = text;
    loop {
        let inner = rest.strip_prefix('(').ok_or_else(|| wrong("‘(’ expected"))?;
        let (words, after) = words(inner).ok_or_else(|| wrong("no ‘)’"))?;
        let [op, attribute, values @ ..] = words.as_slice() else { return Err(wrong("too few parts")) };
        let op = Op::named(op).ok_or_else(|| wrong(&format!("no operator ‘{op}’")))?;
        let many = matches!(op, Op::In | Op::Nin | Op::Cont | Op::Ncont);
        if values.is_empty() || (values.len() > 1 && !many) {
            return Err(wrong("a wrong number of values"));
        }
        let path = attribute.split('/').map(str::to_string).collect();
        all.push(Expression { op, path, values: values.to_vec() });
        match after.strip_prefix(';') {
            Some(more) => rest = more,
            None if after.is_empty() => return Ok(all),
            None => return Err(wrong("‘;’ expected")),
        }
    }
}

/// Words up to the closing parenthesis, and what follows it. A word with commas or parentheses stands between apostrophes;
/// an apostrophe in it is written twice.
fn words(text: &str) -> Option<(Vec<String>, &str)> {
    let mut words = vec![String::new()];
    let mut chars = text.char_indices().peekable();
    let mut quoted = false;
    while let Some((at, c)) = chars.next() {
        let word = words.last_mut()?;
        match c {
            '\'' if quoted && chars.peek().is_some_and(|(_, c)| *c == '\'') => {
                chars.next();
                word.push('\'');
            }
            '\'' => quoted = !quoted,
            _ if quoted => word.push(c),
            ',' => words.push(String::new()),
            ')' => return Some((words, &text[at + 1..])),
            _ => word.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KNOWN: &[&str] = &["id", "name", "value/*", "tags"];

    fn passes(query: &str) -> Vec<usize> {
        let uri: Uri = format!("/x?{query}").parse().unwrap();
        let entries = [
            json!({"id": "a", "name": "x,(y)'s", "value": {"rate": 9.5, "deep": {"on": true}}, "tags": ["p", "q"]}),
            json!({"id": "b", "name": "load", "value": {"rate": 10}}),
            json!({"id": "c", "value": {"rate": 100}, "tags": ["q"]}),
        ];
        let filter = Filter::of(&uri, KNOWN).unwrap();
        (0..3).filter(|i| filter.fits(&entries[*i])).collect()
    }

    #[test]
    fn every_operator_does_what_its_name_says() {
        for (query, fit) in [
            ("", vec![0, 1, 2]),
            ("filter=(eq,id,a)", vec![0]),
            ("filter=(neq,id,a)", vec![1, 2]),
            ("filter=(in,id,a,c)", vec![0, 2]),
            ("filter=(nin,id,a,c)", vec![1]),
            ("filter=(gt,value/rate,10)", vec![2]),
            ("filter=(gte,value/rate,10)", vec![1, 2]),
            ("filter=(lt,value/rate,10.0)", vec![0]),
            ("filter=(lte,value/rate,10.0)", vec![0, 1]),
            ("filter=(cont,name,oa,zz)", vec![1]),
            ("filter=(ncont,name,oa)", vec![0]),
            ("filter=(eq,value/deep/on,true)", vec![0]),
            ("filter=(eq,tags,q)", vec![0, 2]),
            ("filter=(neq,tags,p)", vec![2]),
            ("filter=(eq,tags,q);(gt,value/rate,50)", vec![2]),
            ("filter=(eq,name,%27x,(y)%27%27s%27)", vec![0]),
        ] {
            assert_eq!(passes(query), fit, "{query}");
        }
    }

    #[test]
    fn the_older_form_is_understood() {
        for (query, fit) in [
            ("id=a", vec![0]),
            ("id=a,b", vec![0, 1]),
            ("id.neq=a", vec![1, 2]),
            ("value.rate.gt=10", vec![2]),
            ("id=b&name=load", vec![1]),
        ] {
            assert_eq!(passes(query), fit, "{query}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_400() {
        for query in [
            "filter=eq,id,a",
            "filter=(eq,id,a",
            "filter=(eq,id)",
            "filter=(is,id,a)",
            "filter=(eq,id,a,b)",
            "filter=(eq,id,a)(eq,id,a)",
            "filter=(eq,wrong,a)",
            "filter=(eq,value,a)",
            "wrongName=any",
            "filter=",
        ] {
            let uri: Uri = format!("/x?{query}").parse().unwrap();
            assert_eq!(Filter::of(&uri, KNOWN).unwrap_err().status, 400, "{query}");
        }
    }
}
