//! Strings, words and data.

use super::{
    FromArg, NameDb,
    quote::{is_word, unquote, unquote_text},
    split::string_end,
};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};

const BAD: &str = "parse error";

/// An argument's text is one string if it is not empty and has no space outside quotes.
fn one_string(text: &str) -> Result<&str, String> {
    if !text.is_empty() && string_end(text) >= text.len() { Ok(text) } else { Err(BAD.to_string()) }
}

/// A string, unquoted. Bytes that are no UTF-8 become U+FFFD; use [`Bytes`] for data.
impl FromArg for String {
    fn from_arg(text: &str, _: &NameDb) -> Result<Self, String> {
        one_string(text).map(unquote_text)
    }
    fn blank() -> Self {
        String::new()
    }
}

/// A string without spaces, quotes, commas and control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word(pub String);

impl FromArg for Word {
    fn from_arg(text: &str, _: &NameDb) -> Result<Self, String> {
        let word = one_string(text).map(unquote_text)?;
        if is_word(&word) { Ok(Word(word)) } else { Err(BAD.to_string()) }
    }
    fn blank() -> Self {
        Word::default()
    }
}

/// Data: a string whose escapes may give any bytes, such as `\<0800 4500>` or `"a\000"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl FromArg for Bytes {
    fn from_arg(text: &str, _: &NameDb) -> Result<Self, String> {
        one_string(text).map(|t| Bytes(unquote(t)))
    }
    fn blank() -> Self {
        Bytes::default()
    }
}

/// The whole argument as it is written, quotes and spaces and all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw(pub String);

impl FromArg for Raw {
    fn from_arg(text: &str, _: &NameDb) -> Result<Self, String> {
        Ok(Raw(text.into()))
    }
    fn blank() -> Self {
        Raw::default()
    }
}
