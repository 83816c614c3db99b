//! Secrets taken out of what leaves for an engineer's desk.
//!
//! Three nets, because none catches all: values of parameters whose names look secret are removed wherever they occur;
//! values behind a name that looks secret are removed whatever they are; so are bearer tokens, user names in URLs and
//! private keys. Too much is removed rather than too little.
use serde_json::Value;
use std::collections::BTreeSet;

/// What stands where a secret was.
pub const MASK: &str = "***";

/// A name with one of these in it, whatever is around it, is a secret's.
const STEMS: [&str; 9] =
    ["password", "passwd", "passphrase", "secret", "token", "credential", "psk", "community", "privatekey"];
/// So is a name with one of these as a word of its own.
const WORDS: [&str; 6] = ["key", "pass", "pwd", "pin", "auth", "apikey"];
/// A value of fewer characters is removed only where it stands alone.
const LONG: usize = 6;
/// Values that are looked for at most, so that this takes bounded time. Behind its name, any other is removed too.
const MOST: usize = 500;
const KEY_BEGIN: &str = "-----BEGIN ";
const KEY_END: &str = "PRIVATE KEY-----";

/// Whether a name looks like a secret's.
pub fn looks_secret(name: &str) -> bool {
    is_surely_secret(name)
        || name.split(|c: char| !c.is_ascii_alphanumeric()).any(|w| WORDS.iter().any(|s| w.eq_ignore_ascii_case(s)))
}

fn is_surely_secret(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    STEMS.iter().any(|s| letters.contains(s))
}

/// The secrets that are known by their values.
#[derive(Clone, Default)]
pub struct Secrets(BTreeSet<String>);

impl Secrets {
    /// Learns the values of parameters whose names look secret.
    pub fn learn<'a>(&mut self, parameters: impl IntoIterator<Item = (&'a String, &'a String)>) {
        for (_, value) in parameters.into_iter().filter(|(name, v)| looks_secret(name) && !v.trim().is_empty()) {
            if self.0.len() >= MOST {
                return;
            }
            let bare = value.trim().trim_matches('"');
            let escaped = bare.replace('\\', "\\\\").replace('"', "\\\"");
            self.0.extend([value.clone(), bare.into(), escaped].into_iter().filter(|v| !v.is_empty()));
        }
    }

    /// A text without secrets.
    pub fn mask(&self, text: &str) -> String {
        let mut text = text.to_string();
        // The longest first: one may be the beginning of another.
        let mut values: Vec<&String> = self.0.iter().collect();
        values.sort_by_key(|v| std::cmp::Reverse(v.len()));
        for value in values {
            text = if value.chars().count() >= LONG { text.replace(value, MASK) } else { mask_alone(&text, value) };
        }
        mask_behind_names(&mask_urls(&mask_private_keys(&text)))
    }

    /// The same of everything in a JSON value. Numbers stay.
    pub fn mask_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.mask(text),
            Value::Array(list) => list.iter_mut().for_each(|v| self.mask_json(v)),
            Value::Object(map) => map.iter_mut().for_each(|(name, v)| match v {
                Value::String(text) if looks_secret(name) && !text.is_empty() => *text = MASK.into(),
                Value::Array(list) if looks_secret(name) => *list = vec![MASK.into(); list.len()],
                v => self.mask_json(v),
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Removes a short value where no letter or digit is beside it.
fn mask_alone(text: &str, value: &str) -> String {
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    for (at, _) in text.match_indices(value) {
        let beside = [text[..at].chars().next_back(), text[at + value.len()..].chars().next()];
        if beside.into_iter().flatten().any(is_word) {
            continue;
        }
        out.push_str(&text[from..at]);
        out.push_str(MASK);
        from = at + value.len();
    }
    out.push_str(&text[from..]);
    out
}

/// Removes PEM private keys (RFC 7468 section 10). One that does not end goes to the end.
fn mask_private_keys(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(KEY_BEGIN) {
        let label = at + KEY_BEGIN.len();
        let line_end = rest[label..].find('\n').map_or(rest.len(), |e| label + e);
        let Some(body) = rest[label..line_end].find(KEY_END).map(|e| label + e + KEY_END.len()) else {
            out.push_str(&rest[..line_end]);
            rest = &rest[line_end..];
            continue;
        };
        out.push_str(&rest[..at]);
        out.push_str(MASK);
        rest = rest[body..].find(KEY_END).map_or("", |e| &rest[body + e + KEY_END.len()..]);
    }
    out.push_str(rest);
    out
}

/// Removes the user information of URLs (RFC 3986 section 3.2.1).
fn mask_urls(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("://").map(|at| at + 3) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(|c: char| c.is_whitespace() || "/\"'?#<>".contains(c)).unwrap_or(rest.len());
        if let Some(user) = rest[..end].rfind('@') {
            out.push_str(MASK);
            rest = &rest[user..];
        }
    }
    out.push_str(rest);
    out
}

/// Removes values behind names that look secret: `name=value`, `"name": "value"`, `NAME value`, `Bearer value`.
fn mask_behind_names(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    let is_name = |c: char| is_word(c) || c == '-';
    while let Some(at) = rest.find(is_name) {
        let end = rest[at..].find(|c| !is_name(c)).map_or(rest.len(), |e| at + e);
        let name = &rest[at..end];
        out.push_str(&rest[..end]);
        rest = &rest[end..];
        let Some(skip) = gap(name, rest) else { continue };
        let long = value_length(&rest[skip..]);
        if long == 0 {
            continue;
        }
        let value = &rest[skip..skip + long];
        out.push_str(&rest[..skip]);
        rest = &rest[skip + long..];
        if is_scheme(value) {
            // `Authorization: Bearer ...`: the next word is the secret.
            out.push_str(value);
            let blank = rest.len() - rest.trim_start_matches(' ').len();
            let long = value_length(&rest[blank..]);
            out.push_str(&rest[..blank]);
            rest = &rest[blank + long..];
            if long == 0 {
                continue;
            }
        }
        out.push_str(MASK);
    }
    out.push_str(rest);
    out
}

fn is_scheme(word: &str) -> bool {
    word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic")
}

/// Bytes between a name and its value, if the name looks secret and a value follows.
fn gap(name: &str, rest: &str) -> Option<usize> {
    let blanks = |s: &str| s.len() - s.trim_start_matches([' ', '\t']).len();
    let first = blanks(rest);
    if is_scheme(name) {
        return (first > 0).then_some(first);
    }
    let quote = rest.starts_with(['"', '\'']) as usize;
    let at = quote + blanks(&rest[quote..]);
    let mark = &rest[at..];
    // `key :: Class` declares an element. What follows is looked at first: few words have one of these behind them.
    if mark.starts_with('=') || (mark.starts_with(':') && !mark.starts_with("::")) {
        let secret = looks_secret(name) || name.eq_ignore_ascii_case("authorization");
        return secret.then(|| at + 1 + blanks(&rest[at + 1..]));
    }
    // A keyword argument of Click.
    let keyword = first > 0 && !name.contains(|c: char| c.is_ascii_lowercase()) && is_surely_secret(name);
    keyword.then_some(first)
}

/// How long the value is that a text begins with; a quoted one with its quotes.
fn value_length(text: &str) -> usize {
    let Some(quote) = text.chars().next().filter(|c| *c == '"' || *c == '\'') else {
        return text.find(|c: char| c.is_whitespace() || ",;)]}\"'".contains(c)).unwrap_or(text.len());
    };
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_tell_what_is_secret() {
        for name in ["PASSWORD", "db_password", "API-KEY", "private_key", "SnmpCommunity", "accessToken", "psk2", "PIN"]
        {
            assert!(looks_secret(name), "{name}");
        }
        for name in ["RATE", "keyboard", "monkey", "compass", "PREFIX", "author", ""] {
            assert!(!looks_secret(name), "{name}");
        }
    }

    #[test]
    fn values_of_secret_parameters_are_removed_wherever_they_are() {
        let mut secrets = Secrets::default();
        let parameters = [("PASSWORD", "hunter2"), ("PIN", "42"), ("SECRET", "a\"b\\cdef"), ("RATE", "1000")];
        let owned: Vec<(String, String)> = parameters.map(|(n, v)| (n.into(), v.into())).into();
        secrets.learn(owned.iter().map(|(n, v)| (n, v)));
        assert_eq!(
            secrets.mask("Login(hunter2x, 42, 420, 1000) \"a\\\"b\\\\cdef\""),
            "Login(***x, ***, 420, 1000) \"***\""
        );
        let mut value = json!({"n": 42, "list": ["hunter2"], "password": "other", "keys": 1, "tokens": ["x"]});
        secrets.mask_json(&mut value);
        assert_eq!(value, json!({"n": 42, "list": ["***"], "password": "***", "keys": 1, "tokens": ["***"]}));
    }

    #[test]
    fn values_behind_secret_names_are_removed() {
        let none = Secrets::default();
        for (text, masked) in [
            ("password=abc, user=me", "password=***, user=me"),
            ("{\"token\": \"a\\\"bc\", \"n\": 1}", "{\"token\": ***, \"n\": 1}"),
            ("Auth(USER me, PASSWORD abc def)", "Auth(USER me, PASSWORD *** def)"),
            ("Authorization: Bearer abc.def-1\nnext", "Authorization: Bearer ***\nnext"),
            ("sent Bearer abcdef to b", "sent Bearer *** to b"),
            ("api-key : 'x y' z", "api-key : *** z"),
            ("key :: Queue; the token was good", "key :: Queue; the token was good"),
            ("http://me:abc@host/p?a@b tcp://x", "http://***@host/p?a@b tcp://x"),
            ("é password=", "é password="),
            ("password=\"abc", "password=***"),
        ] {
            assert_eq!(none.mask(text), masked);
        }
    }

    #[test]
    fn private_keys_are_removed() {
        let text =
            "a -----BEGIN CERTIFICATE-----\nx\n-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----\nb";
        assert_eq!(Secrets::default().mask(text), "a -----BEGIN CERTIFICATE-----\nx\n***\nb");
        assert_eq!(Secrets::default().mask("-----BEGIN PRIVATE KEY-----\nabc"), "***");
    }
}
