//! IPv4 options as text: `rr{10.0.0.1,20.0.0.2}+5`, `ssrr{1.0.0.1,1.0.0.2^1.0.0.3}`, `ts.ip{1.0.0.1=1}+2++3`.
use super::Value;
use super::describe::be32;
use super::tcp_options::print_unknown;
use super::text::{Text, fit};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::net::Ipv4Addr;
use sluice_dataplane::wire::ipv4::{OPTION_LOOSE_ROUTE, OPTION_RECORD_ROUTE, OPTION_STRICT_ROUTE, OPTION_TIMESTAMP};
use sluice_dataplane::wire::options::{END, NOP};

/// Timestamps beside addresses, and at addresses given beforehand (RFC 791 section 3.1).
const WITH_ADDRESS: u8 = 1;
const AT_ADDRESS: u8 = 3;
/// Bit of a timestamp that counts in another way than milliseconds since midnight.
const NONSTANDARD: u32 = 0x8000_0000;

/// Appends options as text: `.` for none, `?` when one is impossible.
pub(super) fn print(mut options: &[u8], out: &mut String) {
    let start = out.len();
    while let Some(&kind) = options.first().filter(|&&k| k != END) {
        if kind == NOP {
            options = &options[1..];
            continue;
        }
        let option = options.get(1).and_then(|&len| options.split_at_checked(len.into()));
        let separator = if out.len() > start { ";" } else { "" };
        let printed = option.and_then(|(option, rest)| {
            out.push_str(separator);
            print_one(kind, option, out).map(|()| rest)
        });
        match printed {
            Some(rest) => options = rest,
            None => {
                out.truncate(start);
                out.push('?');
                return;
            }
        }
    }
    if out.len() == start {
        out.push('.');
    }
}

fn print_one(kind: u8, option: &[u8], out: &mut String) -> Option<()> {
    match kind {
        OPTION_RECORD_ROUTE => print_route("rr", option, out),
        OPTION_LOOSE_ROUTE => print_route("lsrr", option, out),
        OPTION_STRICT_ROUTE => print_route("ssrr", option, out),
        OPTION_TIMESTAMP => print_timestamps(option, out),
        _ => print_unknown(kind, option.get(2..)?, out).ok(),
    }
}

/// Addresses before the pointer, and for a recorded route the room behind it.
fn print_route(name: &str, option: &[u8], out: &mut String) -> Option<()> {
    let pointer = usize::from(*option.get(2)?).checked_sub(1).filter(|&p| p >= 3)?;
    let record = name == "rr";
    let _ = write!(out, "{name}{{");
    let (mut at, mut separator) = (3, "");
    while let Some(address) = be32(option, at) {
        if at == pointer {
            if record {
                break;
            }
            separator = "^";
        }
        let _ = write!(out, "{separator}{}", Ipv4Addr::from(address));
        separator = ",";
        at += 4;
    }
    let left = (option.len() - at) / 4;
    if left == 0 && at == pointer && at == option.len() && !record {
        out.push('^');
    }
    out.push('}');
    if left > 0 && at == pointer && record {
        let _ = write!(out, "+{left}");
    }
    Some(())
}

fn print_timestamps(option: &[u8], out: &mut String) -> Option<()> {
    let pointer = usize::from(*option.get(2)?).checked_sub(1).filter(|&p| p >= 4)?;
    let (overflow, flag) = (option.get(3)? >> 4, option.get(3)? & 15);
    let size = if (1..=3).contains(&flag) { 8 } else { 4 };
    let _ = match flag {
        0 => write!(out, "ts{{"),
        WITH_ADDRESS => write!(out, "ts.ip{{"),
        AT_ADDRESS => write!(out, "ts.preip{{"),
        _ => write!(out, "ts.{flag}{{"),
    };
    let (mut at, mut separator) = (4, "");
    while let Some(entry) = option.get(at..at + size) {
        if at == pointer {
            if flag != AT_ADDRESS {
                break;
            }
            separator = "^";
        }
        out.push_str(separator);
        separator = ",";
        let filled = flag != AT_ADDRESS || at < pointer;
        if size == 8 {
            let _ = write!(out, "{}{}", Ipv4Addr::from(be32(entry, 0)?), if filled { "=" } else { "" });
        }
        if filled {
            let time = be32(entry, size - 4)?;
            let mark = if time & NONSTANDARD != 0 { "!" } else { "" };
            let _ = write!(out, "{mark}{}", time & !NONSTANDARD);
        }
        at += size;
    }
    let left = (option.len() - at) / size;
    if at == option.len() && at == pointer {
        out.push('^');
    }
    out.push('}');
    if left > 0 && at == pointer {
        let _ = write!(out, "+{left}");
    }
    if overflow != 0 {
        let _ = write!(out, "++{overflow}");
    }
    Some(())
}

/// Options from text; `None` when it says none, too many, or something else. `;` or `,` separates them.
pub(super) fn parse(text: &str) -> Option<Value<'static>> {
    let mut out = Vec::new();
    let mut t = Text(if text == "." { "" } else { text });
    while !t.0.is_empty() {
        parse_one(&mut t, &mut out)?;
        if !t.0.is_empty() && !t.eat(",") && !t.eat(";") {
            return None;
        }
    }
    fit(out)
}

fn parse_one(t: &mut Text<'_>, out: &mut Vec<u8>) -> Option<()> {
    let routes = [("rr{", OPTION_RECORD_ROUTE), ("ssrr{", OPTION_STRICT_ROUTE), ("lsrr{", OPTION_LOOSE_ROUTE)];
    if let Some((_, kind)) = routes.iter().find(|r| t.eat(r.0)) {
        parse_route(t, *kind, out)
    } else if t.eat("ts{") {
        parse_timestamps(t, None, out)
    } else if t.eat("ts.ip{") {
        parse_timestamps(t, Some(WITH_ADDRESS), out)
    } else if t.eat("ts.preip{") {
        parse_timestamps(t, Some(AT_ADDRESS), out)
    } else if t.eat("ts.") {
        let flag = t.number(15)? as u8;
        if t.eat("{") { parse_timestamps(t, Some(flag), out) } else { None }
    } else if t.at_digit() {
        t.unknown_option(out)
    } else if t.eat("nop") {
        out.push(NOP);
        Some(())
    } else {
        t.eat("eol").then(|| out.push(END))
    }
}

/// Fills in pointer and length of the option that begins at `at`.
fn close(out: &mut [u8], at: usize, pointer: usize) -> Option<()> {
    let len = u8::try_from(out.len() - at).ok()?;
    *out.get_mut(at + 1)? = len;
    *out.get_mut(at + 2)? = u8::try_from(pointer + 1).ok()?;
    Some(())
}

fn parse_route(t: &mut Text<'_>, kind: u8, out: &mut Vec<u8>) -> Option<()> {
    let at = out.len();
    out.extend([kind, 0, 0]);
    let mut pointer = None;
    loop {
        if pointer.is_none() && t.eat("^") {
            pointer = Some(out.len() - at);
        }
        if !t.at_digit() {
            break;
        }
        out.extend(t.address()?);
        t.eat(",");
    }
    if !t.eat("}") {
        return None;
    }
    let pointer = pointer.unwrap_or(out.len() - at);
    if t.eat("+") {
        let room = t.number(63)? as usize * 4;
        out.resize(out.len() + room, 0);
    }
    close(out, at, pointer)
}

/// With no `flag` given, the first entry tells whether there are addresses, and a pointer that they were given beforehand.
fn parse_timestamps(t: &mut Text<'_>, mut flag: Option<u8>, out: &mut Vec<u8>) -> Option<()> {
    let at = out.len();
    out.extend([OPTION_TIMESTAMP, 0, 0, 0]);
    let mut pointer = None;
    loop {
        if pointer.is_none() && t.eat("^") {
            pointer = Some(out.len() - at);
        }
        if !t.at_digit() && !t.0.starts_with('!') {
            break;
        }
        let guess =
            || if t.0.split([',', '}', '^']).next().is_some_and(|e| e.contains('.')) { WITH_ADDRESS } else { 0 };
        let kind = *flag.get_or_insert_with(guess);
        if matches!(kind, WITH_ADDRESS | AT_ADDRESS) {
            out.extend(t.address()?);
            if pointer.is_some() {
                flag = Some(AT_ADDRESS);
            }
            if pointer.is_some() && !t.0.starts_with('=') {
                out.extend([0; 4]);
                t.eat(",");
                continue;
            }
            if pointer.is_some() && t.eat("=?") {
                out.extend([0; 4]);
                t.eat(",");
                continue;
            }
            if !t.eat("=") {
                return None;
            }
        }
        let mark = if t.eat("!") { NONSTANDARD } else { 0 };
        out.extend((t.number(u32::MAX)? | mark).to_be_bytes());
        t.eat(",");
    }
    if !t.eat("}") {
        return None;
    }
    let flag = flag.unwrap_or(0);
    let pointer = pointer.unwrap_or(out.len() - at);
    let room = t.0.strip_prefix('+').is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit()));
    if room && t.eat("+") {
        let size = if matches!(flag, WITH_ADDRESS | AT_ADDRESS) { 8 } else { 4 };
        let room = t.number(63)? as usize * size;
        out.resize(out.len() + room, 0);
    }
    let overflow = if t.eat("++") { t.number(15)? as u8 } else { 0 };
    *out.get_mut(at + 3)? = overflow << 4 | flag;
    close(out, at, pointer)
}
