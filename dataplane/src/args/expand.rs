//! Substituting `$X`, `${X}`, `${X[1]}` and `${X-default}` in a configuration string.
//!
//! As in Click: nothing happens inside single quotes, a value put inside double quotes is escaped,
//! an unknown variable stays as it is (Script's variables look the same), and the text inside
//! `$(...)` is expanded but the call itself stays. `${X[1]}` is the second word of the value, empty if
//! there is none; variables inside the braces are replaced first.

use super::{
    int::parse_int,
    quote::quote,
    split::{cut, skip_comment_space, split_words},
};
use alloc::{borrow::Cow, format, string::String};

/// How deep `$(...)` and `${...}` may nest before their inside is left alone.
const DEEPEST: usize = 16;

/// Puts the values that `value` knows into a configuration string.
///
/// ```
/// use sluice_dataplane::args::expand;
/// let value = |name: &str| (name == "A").then_some("x y");
/// assert_eq!(expand(r#"$A ${A} "$A" '$A' $B ${B-7}"#, &value), r#"x y x y "x y" '$A' $B 7"#);
/// assert_eq!(expand("${A[0]}.${A[1]}.${A[2]}.", &value), "x.y..");
/// ```
pub fn expand<'t, 'v>(config: &'t str, value: &dyn Fn(&str) -> Option<&'v str>) -> Cow<'t, str> {
    expand_up_to(config, value, usize::MAX).unwrap_or(Cow::Borrowed(config))
}

/// Like [`expand`]; `None` if the result would be longer than `most` bytes.
pub(crate) fn expand_up_to<'t, 'v>(
    config: &'t str,
    value: &dyn Fn(&str) -> Option<&'v str>,
    most: usize,
) -> Option<Cow<'t, str>> {
    expand_within(config, value, most, 0)
}

fn is_name(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'_'
}

fn expand_within<'t, 'v>(
    config: &'t str,
    value: &dyn Fn(&str) -> Option<&'v str>,
    most: usize,
    depth: usize,
) -> Option<Cow<'t, str>> {
    if !config.contains('$') {
        return Some(Cow::Borrowed(config));
    }
    let b = config.as_bytes();
    let (mut out, mut copied, mut quoted, mut i) = (String::new(), 0, 0u8, 0);
    while i < b.len() {
        match b[i] {
            b'\\' if quoted == b'"' => i += 2,
            c @ (b'\'' | b'"') => {
                if quoted == 0 {
                    quoted = c;
                } else if quoted == c {
                    quoted = 0;
                }
                i += 1;
            }
            b'/' if quoted == 0 && matches!(b.get(i + 1), Some(b'/' | b'*')) => i = skip_comment_space(b, i),
            b'$' if quoted != b'\'' => {
                let Some((end, reference)) = reference(config, i) else { break };
                let text = match reference {
                    Reference::None => None,
                    Reference::Name(name) => value(name).map(|v| inside(v, quoted)),
                    Reference::Braces(text) if depth < DEEPEST && text.contains('$') => {
                        let text = expand_within(text, value, most, depth + 1)?;
                        Some(Cow::Owned(match in_braces(&text, value) {
                            Some(v) => inside(v, quoted).into_owned(),
                            None => format!("${{{text}}}"),
                        }))
                    }
                    Reference::Braces(text) => in_braces(text, value).map(|v| inside(v, quoted)),
                    Reference::Call(call) if depth < DEEPEST && call.contains('$') => {
                        let call = expand_within(call, value, most, depth + 1)?;
                        Some(Cow::Owned(format!("$({call})")))
                    }
                    Reference::Call(_) => None,
                };
                if let Some(text) = text {
                    if out.len() + text.len() + (i - copied) > most {
                        return None;
                    }
                    out.push_str(cut(config, copied, i));
                    out.push_str(&text);
                    copied = end;
                }
                i = end;
            }
            _ => i += 1,
        }
    }
    if copied == 0 && out.is_empty() {
        return Some(Cow::Borrowed(config));
    }
    out.push_str(cut(config, copied, b.len()));
    Some(Cow::Owned(out))
}

/// What `NAME`, `NAME[INDEX]` or either with `-DEFAULT` stands for.
fn in_braces<'r, 'v: 'r>(text: &'r str, value: &dyn Fn(&str) -> Option<&'v str>) -> Option<&'r str> {
    let text = text.trim_start();
    let (name, mut rest) = text.split_at(text.bytes().take_while(|c| is_name(*c)).count());
    let mut index = None;
    if let Some((number, behind)) = rest.trim_start().strip_prefix('[').and_then(|r| r.split_once(']')) {
        (index, rest) = (parse_int::<usize>(number.trim()).ok(), behind);
    }
    let default = rest.trim_start().strip_prefix('-');
    if default.is_none() && !rest.trim().is_empty() {
        return None;
    }
    match (value(name), index) {
        (Some(v), Some(i)) => Some(split_words(v).get(i).copied().unwrap_or_default()),
        (Some(v), None) => Some(v),
        (None, _) => default,
    }
}

enum Reference<'t> {
    None,
    Name(&'t str),
    Braces(&'t str),
    Call(&'t str),
}

/// What the dollar at `i` refers to and where that ends; `None` if a bracket is never closed.
fn reference(text: &str, i: usize) -> Option<(usize, Reference<'_>)> {
    let b = text.as_bytes();
    match b.get(i + 1) {
        Some(b'{') => {
            let end = i + 2 + b[i + 2..].iter().position(|c| *c == b'}')?;
            Some((end + 1, Reference::Braces(cut(text, i + 2, end))))
        }
        Some(b'(') => {
            let end = call_end(b, i + 2)?;
            Some((end, Reference::Call(cut(text, i + 2, end - 1))))
        }
        Some(c) if is_name(*c) => {
            let end = i + 1 + b[i + 1..].iter().take_while(|c| is_name(**c)).count();
            Some((end, Reference::Name(cut(text, i + 1, end))))
        }
        _ => Some((i + 1, Reference::None)),
    }
}

/// The end of the call whose inside starts at `i`, after its closing parenthesis.
fn call_end(b: &[u8], mut i: usize) -> Option<usize> {
    let (mut level, mut quoted) = (1usize, 0u8);
    while i < b.len() {
        match b[i] {
            b'(' if quoted == 0 => level += 1,
            b')' if quoted == 0 => level -= 1,
            c @ (b'\'' | b'"') if quoted == 0 || quoted == c => quoted = if quoted == 0 { c } else { 0 },
            b'\\' if quoted != b'\'' => i += 1,
            _ => {}
        }
        i += 1;
        if level == 0 {
            return Some(i);
        }
    }
    None
}

/// A value as it must look at a place with this quotation.
fn inside(value: &str, quoted: u8) -> Cow<'_, str> {
    if quoted != b'"' || value.bytes().all(|c| is_name(c) || c == b'.') {
        return Cow::Borrowed(value);
    }
    let q = quote(value.as_bytes());
    Cow::Owned(String::from(cut(&q, 1, q.len() - 1)))
}
