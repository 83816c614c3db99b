//! Substitution of `$x`, `${x}` and `$(handler args)` in a script's texts.
//!
//! Click's rules: nothing happens inside single quotes and comments; what is put inside double
//! quotes is escaped; what cannot be looked up stays as it is, but what was nested in it is
//! substituted.
use alloc::borrow::Cow;
use alloc::string::String;
use sluice_dataplane::args::quote;

/// How deep references may nest before a dollar is left alone.
const DEEPEST: u32 = 10;

/// What a dollar refers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reference<'a> {
    /// A variable.
    Name(&'a str),
    /// A read handler and its parameter.
    Call(&'a str),
}

/// Substitutes. `quote_plain`: also what stands outside quotes is put in quotes, so that a later
/// unquoting leaves values alone. `look_up` gives a value, or none, or ends everything with an error.
pub(super) fn expand<E>(
    text: &str,
    quote_plain: bool,
    look_up: &mut dyn FnMut(Reference<'_>) -> Result<Option<String>, E>,
) -> Result<String, E> {
    within(text, quote_plain, 0, look_up)
}

fn within<E>(
    text: &str,
    quote_plain: bool,
    depth: u32,
    look_up: &mut dyn FnMut(Reference<'_>) -> Result<Option<String>, E>,
) -> Result<String, E> {
    let b = text.as_bytes();
    let cut = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let (mut out, mut copied, mut quoted, mut i) = (String::new(), 0, 0u8, 0);
    while i < b.len() {
        match b[i] {
            b'\\' if quoted == b'"' => i += 1,
            c @ (b'\'' | b'"') if quoted == 0 || quoted == c => quoted = if quoted == 0 { c } else { 0 },
            b'/' if quoted == 0 => i = after_comment(b, i).map_or(i, |end| end - 1),
            b'$' if quoted != b'\'' && depth <= DEEPEST => match find(b, i) {
                Found::None => {}
                Found::Unclosed => break,
                Found::Reference { from, to, end, call } => {
                    let name = cut(from, to);
                    let nested = name.contains('$');
                    let name =
                        if nested { Cow::Owned(within(name, false, depth + 1, look_up)?) } else { Cow::Borrowed(name) };
                    let reference = if call { Reference::Call(&name) } else { Reference::Name(&name) };
                    out.push_str(cut(copied, i));
                    copied = end;
                    match look_up(reference)? {
                        Some(value) => put(&mut out, &value, quoted, quote_plain),
                        None if nested => {
                            out.push_str(cut(i, from));
                            out.push_str(&name);
                            out.push_str(cut(to, end));
                        }
                        None => copied = i,
                    }
                    i = end - 1;
                }
            },
            _ => {}
        }
        i += 1;
    }
    out.push_str(cut(copied, b.len()));
    Ok(out)
}

/// Writes a value as it must stand at a place with this quotation.
fn put(out: &mut String, value: &str, quoted: u8, quote_plain: bool) {
    match quoted {
        b'"' => {
            let q = quote(value.as_bytes());
            out.push_str(q.get(1..q.len() - 1).unwrap_or_default());
        }
        0 if quote_plain => out.push_str(&quote(value.as_bytes())),
        _ => out.push_str(value),
    }
}

enum Found {
    None,
    /// A brace or parenthesis that is never closed: the rest of the text stays as it is.
    Unclosed,
    Reference {
        from: usize,
        to: usize,
        end: usize,
        call: bool,
    },
}

/// What the dollar at `i` refers to.
fn find(b: &[u8], i: usize) -> Found {
    let from = i + 2;
    match b.get(i + 1) {
        Some(b'{') => match b[from..].iter().position(|c| *c == b'}') {
            Some(n) => Found::Reference { from, to: from + n, end: from + n + 1, call: false },
            None => Found::Unclosed,
        },
        Some(b'(') => match call_end(b, from) {
            Some(end) => Found::Reference { from, to: end - 1, end, call: true },
            None => Found::Unclosed,
        },
        Some(b'?' | b'#' | b'$') => Found::Reference { from: i + 1, to: from, end: from, call: false },
        Some(c) if is_name(*c) => {
            let end = i + 1 + b[i + 1..].iter().take_while(|c| is_name(**c)).count();
            Found::Reference { from: i + 1, to: end, end, call: false }
        }
        _ => Found::None,
    }
}

fn is_name(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'_'
}

/// The end of the call whose inside starts at `i`, after its parenthesis.
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

/// The end of the comment at `i`, if there is one.
fn after_comment(b: &[u8], i: usize) -> Option<usize> {
    let rest = b.get(i + 2..)?;
    let end = match b[i + 1] {
        b'/' => rest.iter().position(|c| matches!(c, b'\n' | b'\r')).map(|n| n + 1),
        b'*' => rest.windows(2).position(|w| w == b"*/").map(|n| n + 2),
        _ => return None,
    };
    Some(end.map_or(b.len(), |n| i + 2 + n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    fn all(text: &str, quote_plain: bool) -> String {
        let look_up: &mut dyn FnMut(Reference<'_>) -> Result<Option<String>, ()> = &mut |r| {
            Ok(match r {
                Reference::Name("x") => Some("a b\"".into()),
                Reference::Name("n") => Some("x".into()),
                Reference::Name("?") => Some("0".into()),
                Reference::Call(c) if c.starts_with("add ") => Some(format!("<{}>", &c[4..])),
                _ => None,
            })
        };
        expand(text, quote_plain, look_up).expect("no error")
    }

    #[test]
    fn references_are_replaced_by_their_values() {
        assert_eq!(all("$x ${x} $? $n.", false), "a b\" a b\" 0 x.");
        assert_eq!(all(r#""$x" '$x' \$x"#, false), r#""a b\"" '$x' \a b""#);
        assert_eq!(all(r#""\$x""#, false), r#""\$x""#);
        assert_eq!(all("$x", true), r#""a b\"""#);
    }

    #[test]
    fn calls_nest_and_unknown_ones_stay() {
        assert_eq!(all("$(add $(add $n 1) 2)", false), "<<x 1> 2>");
        assert_eq!(all("$(add ')' $n)", false), "<')' x>");
        assert_eq!(all("$(sub 1 $n) $y ${y}", false), "$(sub 1 x) $y ${y}");
        assert_eq!(all("$n $(add 1 $n", false), "x $(add 1 $n");
        assert_eq!(all("a $ $", false), "a $ $");
    }

    #[test]
    fn comments_are_left_alone() {
        assert_eq!(all("$n /* $n */ $n // $n\n$n /", false), "x /* $n */ x // $n\nx /");
    }

    #[test]
    fn deep_nesting_ends() {
        let deep = "$(add ".repeat(500) + &")".repeat(500);
        assert!(all(&deep, false).contains("$(add"));
        let _ = all(&"${".repeat(500), true).to_string();
    }
}
