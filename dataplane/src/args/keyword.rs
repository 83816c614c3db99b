//! Telling keyword arguments (`LIMIT 5`) from positional ones.

use super::split::{cut, is_space};

/// The keyword that an argument starts with, and what follows it. Only a letter or `_` starts a
/// keyword, and something must follow; any first word of that form counts.
///
/// ```
/// use sluice_dataplane::args::keyword_of;
/// assert_eq!(keyword_of("LIMIT  5"), Some(("LIMIT", "5")));
/// assert_eq!(keyword_of("LIMIT"), None);
/// assert_eq!(keyword_of("12/0800 x"), None);
/// ```
pub fn keyword_of(arg: &str) -> Option<(&str, &str)> {
    let b = arg.as_bytes();
    if !b.first().is_some_and(|c| c.is_ascii_alphabetic() || *c == b'_') {
        return None;
    }
    let in_word = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b':' | b'.' | b'?' | b'!');
    let end = b.iter().take_while(|c| in_word(c)).count();
    let spaces = b[end..].iter().take_while(|c| is_space(**c)).count();
    let value = cut(arg, end + spaces, b.len());
    (spaces > 0 && !value.is_empty()).then(|| (cut(arg, 0, end), value))
}
