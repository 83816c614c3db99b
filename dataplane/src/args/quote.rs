//! Quoting and unquoting of arguments (Click's `cp_unquote` and `cp_quote`).

use super::split::{skip_comment, uncomment};
use alloc::{string::String, vec::Vec};

/// Removes one level of quotes and, inside double quotes, backslash escapes. `\<48 65>` gives
/// bytes also outside quotes. The result is bytes: escapes may give any.
///
/// ```
/// use sluice_dataplane::args::unquote;
/// assert_eq!(unquote(r#""a\tb" 'c\t'\<2044>"#), b"a\tb c\\t D");
/// ```
pub fn unquote(text: &str) -> Vec<u8> {
    let plain = uncomment(text);
    let b = plain.as_bytes();
    let mut out = Vec::with_capacity(b.len());
    let mut quote = 0;
    let mut i = 0;
    while i < b.len() {
        let c = b[i];
        if (c == b'"' || c == b'\'') && (quote == 0 || quote == c) {
            quote = if quote == 0 { c } else { 0 };
            i += 1;
        } else if c == b'\\' && i + 1 < b.len() && (quote == b'"' || (quote == 0 && b[i + 1] == b'<')) {
            i = escape(b, i, &mut out);
        } else {
            out.push(c);
            i += 1;
        }
    }
    out
}

/// Like [`unquote`], as text: bytes that are no UTF-8 become U+FFFD.
pub fn unquote_text(text: &str) -> String {
    String::from_utf8(unquote(text)).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

fn hex(c: u8) -> Option<u8> {
    char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// Appends what the escape at `i` stands for and returns its end. There is a byte after the backslash.
fn escape(b: &[u8], i: usize, out: &mut Vec<u8>) -> usize {
    let simple = match b[i + 1] {
        b'\n' => return i + 2,
        b'\r' => return if b.get(i + 2) == Some(&b'\n') { i + 3 } else { i + 2 },
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'0'..=b'7' => {
            let digits = b[i + 1..].iter().take(3).take_while(|c| (b'0'..=b'7').contains(c));
            let (n, value) = digits.fold((0, 0u8), |(n, v), d| (n + 1, v.wrapping_mul(8).wrapping_add(d - b'0')));
            out.push(value);
            return i + 1 + n;
        }
        b'x' => {
            let digits = b[i + 2..].iter().map_while(|c| hex(*c));
            let (n, value) = digits.fold((0, 0u8), |(n, v), d| (n + 1, v.wrapping_mul(16).wrapping_add(d)));
            out.push(value);
            return i + 2 + n;
        }
        b'<' => return hex_data(b, i + 2, out),
        other => other,
    };
    out.push(simple);
    i + 2
}

/// The bytes of `\<...>`, whose inside starts at `i`. Spaces and comments do not count.
fn hex_data(b: &[u8], mut i: usize, out: &mut Vec<u8>) -> usize {
    let mut half: Option<u8> = None;
    while i < b.len() {
        if b[i] == b'>' {
            return i + 1;
        }
        if b[i] == b'/' && matches!(b.get(i + 1), Some(b'/' | b'*')) {
            i = skip_comment(b, i).0;
            continue;
        }
        if let Some(d) = hex(b[i]) {
            match half.take() {
                Some(high) => out.push(high << 4 | d),
                None => half = Some(d),
            }
        }
        i += 1;
    }
    b.len()
}

/// Puts bytes in double quotes so that [`unquote`] gives them back.
///
/// ```
/// use sluice_dataplane::args::quote;
/// assert_eq!(quote(b"say \"$5\"\n"), r#""say \"\$5\"\n""#);
/// assert_eq!(quote(b""), r#""""#);
/// ```
pub fn quote(data: &[u8]) -> String {
    let mut out = String::with_capacity(data.len() + 2);
    out.push('"');
    for &c in data {
        match c {
            b'\\' | b'"' | b'$' => {
                out.push('\\');
                out.push(c.into());
            }
            b'\t' => out.push_str("\\t"),
            b'\r' => out.push_str("\\r"),
            b'\n' => out.push_str("\\n"),
            32..=126 => out.push(c.into()),
            _ => {
                out.push('\\');
                [c >> 6, c >> 3 & 7, c & 7].iter().for_each(|d| out.push(char::from(b'0' + d)));
            }
        }
    }
    out.push('"');
    out
}

/// Whether a text is one of Click's words: printable ASCII without quotes, backslash and comma.
pub fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| (33..=126).contains(&c) && !matches!(c, b'"' | b'\'' | b'\\' | b','))
}
