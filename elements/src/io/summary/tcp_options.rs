//! TCP options as text: `mss1400;wscale10;sackok;ts669063908:38382731`.
use super::Value;
use super::describe::{be16, be32};
use super::text::{Text, fit};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use sluice_dataplane::wire::options::{END, NOP};
use sluice_dataplane::wire::tcp::{
    OPTION_MSS, OPTION_SACK, OPTION_SACK_PERMITTED, OPTION_TIMESTAMPS, OPTION_WINDOW_SCALE,
};

/// Kinds of options that a field shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kinds {
    /// All but padding.
    All,
    /// All but padding and timestamps.
    NoTimestamp,
    /// Selective acknowledgments and the permission to send them.
    Sack,
}

impl Kinds {
    fn has(self, kind: u8) -> bool {
        match self {
            Kinds::All => true,
            Kinds::NoTimestamp => kind != OPTION_TIMESTAMPS,
            Kinds::Sack => matches!(kind, OPTION_SACK | OPTION_SACK_PERMITTED),
        }
    }
}

/// The option at the front and what follows it; `None` when its length is impossible.
fn split(options: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = match options {
        [NOP, ..] => 1,
        [_, len, ..] if *len >= 2 => usize::from(*len),
        _ => return None,
    };
    options.split_at_checked(len)
}

/// The options of some kinds, as they are, up to the first impossible one.
pub(super) fn select(mut options: &[u8], kinds: Kinds) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some((option, rest)) = split(options).filter(|o| o.0.first() != Some(&END)) {
        if option.first().is_some_and(|&k| k != NOP && kinds.has(k)) {
            out.extend(option);
        }
        options = rest;
    }
    // What stopped the search is kept: it makes the whole field unreadable.
    if options.first().is_some_and(|&k| k != END) {
        out.extend(options);
    }
    out
}

/// Appends options as text: `.` for none, `?` when one is impossible.
pub(super) fn print(mut options: &[u8], kinds: Kinds, out: &mut String) {
    let start = out.len();
    while options.first().is_some_and(|&k| k != END) {
        let Some(rest) = print_one(options, kinds, start, out) else {
            out.truncate(start);
            out.push('?');
            return;
        };
        options = rest;
    }
    if out.len() == start {
        out.push('.');
    }
}

fn print_one<'a>(options: &'a [u8], kinds: Kinds, start: usize, out: &mut String) -> Option<&'a [u8]> {
    let (option, rest) = split(options)?;
    let (&kind, data) = (option.first()?, option.get(2..).unwrap_or_default());
    let right = match kind {
        OPTION_MSS => option.len() == 4,
        OPTION_WINDOW_SCALE => option.len() == 3,
        OPTION_SACK_PERMITTED => option.len() == 2,
        OPTION_SACK => option.len() % 8 == 2,
        OPTION_TIMESTAMPS => option.len() == 10,
        _ => true,
    };
    if !right {
        return None;
    }
    if kind == NOP || !kinds.has(kind) {
        return Some(rest);
    }
    let separate = |out: &mut String| {
        if out.len() > start {
            out.push(';');
        }
    };
    if kind != OPTION_SACK {
        separate(out);
    }
    let _ = match kind {
        OPTION_MSS => write!(out, "mss{}", be16(data, 0)?),
        OPTION_WINDOW_SCALE => write!(out, "wscale{}", data.first()?),
        OPTION_SACK_PERMITTED => write!(out, "sackok"),
        OPTION_SACK => {
            for edges in data.chunks_exact(8) {
                separate(out);
                let _ = write!(out, "sack{}-{}", be32(edges, 0)?, be32(edges, 4)?);
            }
            Ok(())
        }
        OPTION_TIMESTAMPS => write!(out, "ts{}:{}", be32(data, 0)?, be32(data, 4)?),
        _ => print_unknown(kind, data, out),
    };
    Some(rest)
}

/// `99=0:5:10`, for options of IP as well.
pub(super) fn print_unknown(kind: u8, data: &[u8], out: &mut String) -> core::fmt::Result {
    write!(out, "{kind}")?;
    data.iter().enumerate().try_for_each(|(i, b)| write!(out, "{}{b}", if i == 0 { '=' } else { ':' }))
}

/// Options from text; `None` when it says none, too many, or something else. `;` or `,` separates them.
pub(super) fn parse(text: &str, kinds: Kinds) -> Option<Value<'static>> {
    let mut out = Vec::new();
    let mut t = Text(if text == "." { "" } else { text });
    while !t.0.is_empty() {
        parse_one(&mut t, kinds, &mut out)?;
        if !t.0.is_empty() && !t.eat(",") && !t.eat(";") {
            return None;
        }
    }
    fit(out)
}

fn parse_one(t: &mut Text<'_>, kinds: Kinds, out: &mut Vec<u8>) -> Option<()> {
    if kinds.has(OPTION_MSS) && t.eat("mss") {
        out.extend([OPTION_MSS, 4]);
        out.extend((t.number(0xffff)? as u16).to_be_bytes());
    } else if kinds.has(OPTION_WINDOW_SCALE) && t.eat("wscale") {
        out.extend([OPTION_WINDOW_SCALE, 3, t.byte()?]);
    } else if t.eat("sackok") {
        out.extend([OPTION_SACK_PERMITTED, 2]);
    } else if t.eat("sack") {
        let at = out.len();
        out.extend([OPTION_SACK, 0]);
        loop {
            out.extend(t.number(u32::MAX)?.to_be_bytes());
            if !t.eat("-") && !t.eat(":") {
                return None;
            }
            out.extend(t.number(u32::MAX)?.to_be_bytes());
            // Blocks one behind the other share an option.
            if !t.eat(",sack") && !t.eat(";sack") {
                break;
            }
        }
        *out.get_mut(at + 1)? = u8::try_from(out.len() - at).ok()?;
    } else if kinds.has(OPTION_TIMESTAMPS) && t.eat("ts") {
        if out.is_empty() {
            out.extend([NOP, NOP]);
        }
        out.extend([OPTION_TIMESTAMPS, 10]);
        out.extend(t.number(u32::MAX)?.to_be_bytes());
        if !t.eat(":") {
            return None;
        }
        out.extend(t.number(u32::MAX)?.to_be_bytes());
    } else if kinds != Kinds::Sack && t.at_digit() {
        t.unknown_option(out)?;
    } else if kinds == Kinds::All && t.eat("nop") {
        out.push(NOP);
    } else if kinds == Kinds::All && t.eat("eol") {
        out.push(END);
    } else {
        return None;
    }
    Some(())
}
