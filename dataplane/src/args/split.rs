//! Taking a configuration string apart: comments, quotes, commas, spaces.
//!
//! The rules are Click's (`cp_argvec`, `cp_spacevec`, `cp_uncomment`): a comma separates arguments
//! unless it stands in quotes, in a comment or in `\<...>`. Parentheses do not protect it.

use alloc::{borrow::Cow, string::String, vec::Vec};

/// What `isspace` takes for a space in the C locale.
pub(crate) fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// A slice that never panics: nothing if the ends do not fit.
pub(crate) fn cut(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or_default()
}

fn comment_at(b: &[u8], i: usize) -> bool {
    b.get(i) == Some(&b'/') && matches!(b.get(i + 1), Some(b'/' | b'*'))
}

/// The end of the comment that starts at `i`, and whether it was closed.
pub(crate) fn skip_comment(b: &[u8], i: usize) -> (usize, bool) {
    let rest = b.get(i + 2..).unwrap_or_default();
    if b.get(i + 1) == Some(&b'/') {
        match rest.iter().position(|c| matches!(c, b'\n' | b'\r')) {
            Some(n) if rest[n] == b'\r' && rest.get(n + 1) == Some(&b'\n') => (i + n + 4, true),
            Some(n) => (i + n + 3, true),
            None => (b.len(), true),
        }
    } else {
        match rest.windows(2).position(|w| w == b"*/") {
            Some(n) => (i + n + 4, true),
            None => (b.len(), false),
        }
    }
}

/// The end of the backslash escape at `i`: `\<...>` or one character.
pub(crate) fn skip_backslash(b: &[u8], i: usize) -> (usize, bool) {
    match b.get(i + 1) {
        None => (b.len(), true),
        Some(b'<') => {
            let mut s = i + 2;
            while s < b.len() {
                if b[s] == b'>' {
                    return (s + 1, true);
                }
                s = if comment_at(b, s) { skip_comment(b, s).0 } else { s + 1 };
            }
            (b.len(), false)
        }
        Some(b'\r') if b.get(i + 2) == Some(&b'\n') => (i + 3, true),
        Some(_) => (i + 2, true),
    }
}

/// The end of the quoted string that starts at `i`, and whether it was closed.
pub(crate) fn skip_quote(b: &[u8], i: usize) -> (usize, bool) {
    let quote = b[i];
    let mut s = i + 1;
    while s < b.len() {
        if b[s] == quote {
            return (s + 1, true);
        }
        s = if quote == b'"' && b[s] == b'\\' { skip_backslash(b, s).0 } else { s + 1 };
    }
    (b.len(), false)
}

/// The first character from `i` on that is neither space nor comment.
pub(crate) fn skip_comment_space(b: &[u8], mut i: usize) -> usize {
    while i < b.len() {
        if is_space(b[i]) {
            i += 1;
        } else if comment_at(b, i) {
            i = skip_comment(b, i).0;
        } else {
            break;
        }
    }
    i
}

/// The end of the quoted string, escape or plain character at `i`.
fn skip_one(b: &[u8], i: usize) -> usize {
    match b[i] {
        b'\'' | b'"' => skip_quote(b, i).0,
        b'\\' if b.get(i + 1) == Some(&b'<') => skip_backslash(b, i).0,
        _ => i + 1,
    }
}

/// The text from `i` on, up to a comma if `comma`: without spaces at its ends, with each comment
/// (and the spaces around it) turned into one space. Also where it ended.
fn piece(text: &str, i: usize, comma: bool) -> (Cow<'_, str>, usize) {
    let b = text.as_bytes();
    let mut s = skip_comment_space(b, i);
    let (mut left, mut right, mut closed) = (s, s, false);
    let mut out: Option<String> = None;
    while s < b.len() {
        if is_space(b[s]) {
            s += 1;
        } else if comment_at(b, s) {
            s = skip_comment(b, s).0;
            closed = true;
        } else if comma && b[s] == b',' {
            break;
        } else {
            if closed {
                let o = out.get_or_insert_default();
                o.push_str(cut(text, left, right));
                o.push(' ');
                left = s;
                closed = false;
            }
            s = skip_one(b, s);
            right = s;
        }
    }
    let last = cut(text, left, right);
    let whole = match out {
        None => Cow::Borrowed(last),
        Some(o) => Cow::Owned(o + last),
    };
    (whole, s.min(b.len()))
}

/// Removes spaces at both ends and replaces comments by single spaces.
///
/// ```
/// use sluice_dataplane::args::uncomment;
/// assert_eq!(uncomment("  a /* b */   c  "), "a c");
/// assert_eq!(uncomment(" ' /* ??? */ ' "), "' /* ??? */ '");
/// ```
pub fn uncomment(text: &str) -> Cow<'_, str> {
    piece(text, 0, false).0
}

/// Splits a configuration string at its commas. An empty last argument does not count.
///
/// ```
/// use sluice_dataplane::args::split_args;
/// assert_eq!(split_args(" a /*?*/ b, 'c, d' // e\n, "), ["a b", "'c, d'"]);
/// assert_eq!(split_args("a,,b"), ["a", "", "b"]);
/// ```
pub fn split_args(config: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut pos = 0;
    while pos < config.len() {
        let (arg, end) = piece(config, pos, true);
        if !arg.is_empty() || end < config.len() {
            out.push(arg.into_owned());
        }
        pos = end + 1;
    }
    out
}

/// The first space-separated word of a text and the rest after it.
///
/// ```
/// use sluice_dataplane::args::shift_word;
/// assert_eq!(shift_word("'a b'c /* d */ e f"), ("'a b'c", "e f"));
/// ```
pub fn shift_word(text: &str) -> (&str, &str) {
    let b = text.as_bytes();
    let from = skip_comment_space(b, 0);
    let mut to = from;
    while to < b.len() && !is_space(b[to]) && !comment_at(b, to) {
        to = skip_one(b, to);
    }
    (cut(text, from, to), cut(text, skip_comment_space(b, to), b.len()))
}

/// Splits a text at its spaces and comments.
///
/// ```
/// use sluice_dataplane::args::split_words;
/// assert_eq!(split_words(" drop 'src host' // all\n x"), ["drop", "'src host'", "x"]);
/// ```
pub fn split_words(mut text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    loop {
        let (word, rest) = shift_word(text);
        if word.is_empty() {
            return out;
        }
        out.push(word);
        text = rest;
    }
}

/// Where the string at the start of a text ends: at its first space outside quotes.
pub(crate) fn string_end(text: &str) -> usize {
    let b = text.as_bytes();
    let mut s = 0;
    while s < b.len() && !is_space(b[s]) {
        s = skip_one(b, s);
    }
    s
}
