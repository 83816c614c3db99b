//! The bytes of a packet as text: the argument `CONTENTS`, and the two layouts.
use alloc::string::{String, ToString};
use core::fmt::Write;
use sluice_dataplane::args::{FromArg, NameDb};

/// How bytes are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Contents {
    /// Not at all.
    #[default]
    None,
    /// In hexadecimal, four bytes together.
    Hex,
    /// As characters, eight together; a dot for what cannot be printed.
    Ascii,
}

impl FromArg for Contents {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        if let Ok(on) = bool::from_arg(text, names) {
            return Ok(if on { Contents::Hex } else { Contents::None });
        }
        match &*text.to_ascii_uppercase() {
            "NONE" => Ok(Contents::None),
            "HEX" => Ok(Contents::Hex),
            "ASCII" => Ok(Contents::Ascii),
            _ => Err("should be ‘NONE’, ‘HEX’, or ‘ASCII’".to_string()),
        }
    }
    fn blank() -> Self {
        Contents::None
    }
}

/// The first bytes of `data`, at most `limit` of them; all when `limit` is negative.
pub fn limited(data: &[u8], limit: i32) -> &[u8] {
    match usize::try_from(limit) {
        Ok(n) => data.get(..n).unwrap_or(data),
        Err(_) => data,
    }
}

fn printable(b: u8) -> char {
    if (32..127).contains(&b) { b.into() } else { '.' }
}

/// On the same line, as Print shows them: characters have a space before each group, the first too.
pub fn in_line(out: &mut String, contents: Contents, data: &[u8]) {
    for (i, &b) in data.iter().enumerate() {
        match contents {
            Contents::None => {}
            Contents::Hex => {
                if i > 0 && i % 4 == 0 {
                    out.push(' ');
                }
                let _ = write!(out, "{b:02x}");
            }
            Contents::Ascii => {
                if i % 8 == 0 {
                    out.push(' ');
                }
                out.push(printable(b));
            }
        }
    }
}

/// On lines of their own, 24 bytes in hexadecimal or 48 characters each, as IPPrint shows them.
pub fn in_lines(out: &mut String, contents: Contents, data: &[u8]) {
    let (line, group) = if contents == Contents::Hex { (24, 4) } else { (48, 8) };
    for (i, &b) in data.iter().enumerate() {
        if i % line == 0 {
            out.push_str("\n  ");
        } else if i % group == 0 {
            out.push(' ');
        }
        match contents {
            Contents::None => {}
            Contents::Hex => {
                let _ = write!(out, "{b:02x}");
            }
            Contents::Ascii => out.push(printable(b)),
        }
    }
}
