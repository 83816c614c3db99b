//! What a rule says about SNMP messages: `version 2c community public`.
use super::keys::{ENCRYPTED, Keys, Kind, is_message, is_possible, pdu_is, version_is};
use super::message::{MAX_USER, Pdu, Version};
use crate::classify::filter::Expr;
use crate::nsh::tlv::hex;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use sluice_dataplane::args::{split_words, unquote};

/// The PDU types by name: those of both versions' traps are one.
const PDUS: [(&str, &[u8]); 9] = [
    ("encrypted", &[ENCRYPTED]),
    ("get", &[Pdu::Get as u8]),
    ("getbulk", &[Pdu::GetBulk as u8]),
    ("getnext", &[Pdu::GetNext as u8]),
    ("inform", &[Pdu::Inform as u8]),
    ("report", &[Pdu::Report as u8]),
    ("response", &[Pdu::Response as u8]),
    ("set", &[Pdu::Set as u8]),
    ("trap", &[Pdu::TrapV1 as u8, Pdu::Trap as u8]),
];
const VERSIONS: [(&str, &[u8]); 3] =
    [("1", &[Version::V1 as u8]), ("2c", &[Version::V2c as u8]), ("3", &[Version::V3 as u8])];

/// Reads a pattern: terms, all of which must hold. `keys` learns the names.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str, keys: &mut Keys) -> Result<Expr, String> {
    let mut words = split_words(text).into_iter();
    let mut terms = Vec::new();
    // What is not a message has no name, so the absence of a name alone would not tell.
    let mut sure = false;
    while let Some(word) = words.next() {
        let holds = word != "not";
        let word = if holds { word } else { words.next().ok_or("nothing behind `not`")? };
        let mut value = || words.next().ok_or_else(|| format!("nothing behind `{word}`"));
        let term = match word {
            "version" => one_of(value()?, &VERSIONS, version_is),
            "pdu" => one_of(value()?, &PDUS, pdu_is),
            "community" => name(Kind::Community, unquote(value()?), keys),
            "user" => name(Kind::User, unquote(value()?), keys),
            "context" => name(Kind::Context, unquote(value()?), keys),
            "engine" => {
                let digits = value()?;
                let bytes = hex(digits).ok_or_else(|| format!("`{digits}` should be hexadecimal digits"));
                bytes.and_then(|bytes| name(Kind::Engine, bytes, keys))
            }
            other => Err(format!("`{other}` is no term: version, pdu, community, user, context or engine")),
        }?;
        sure |= holds;
        terms.push(if holds { term } else { term.not() });
    }
    if terms.is_empty() {
        return Err("empty".into());
    }
    if !sure {
        terms.insert(0, is_message());
    }
    Ok(Expr::all(terms))
}

/// `WORD` or `WORD|WORD...` of a table.
fn one_of(text: &str, table: &[(&str, &[u8])], is: fn(u8) -> Expr) -> Result<Expr, String> {
    let mut any = Vec::new();
    for word in text.split('|') {
        let found = table.iter().find(|row| row.0 == word);
        let Some((_, values)) = found else {
            let known: Vec<&str> = table.iter().map(|row| row.0).collect();
            return Err(format!("`{word}` should be one of {}", known.join(", ")));
        };
        any.extend(values.iter().map(|v| is(*v)));
    }
    Ok(Expr::any(any))
}

fn name(kind: Kind, name: Vec<u8>, keys: &mut Keys) -> Result<Expr, String> {
    if !is_possible(kind, &name) {
        return Err(format!("the name of a user has {MAX_USER} octets at most"));
    }
    Ok(keys.name_is(kind, &name))
}
