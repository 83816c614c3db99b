//! The functions that scripts compute with: read handlers such as `add 1 2`.
use super::files;
use super::format::{Arguments, real, sprintf};
use alloc::format;
use alloc::string::{String, ToString};
use sluice_dataplane::args::{FromArg, NameDb, parse_int, quote, shift_word, unquote, unquote_text};
use sluice_dataplane::confine::Confinement;
use sluice_dataplane::context::Context;
use sluice_dataplane::info::Handler;
use sluice_dataplane::signal;

/// Functions that anybody may call.
pub(super) const FUNCTIONS: &[Handler] = &[
    Handler::read("add", "sum of its parameters"),
    Handler::read("sub", "the first parameter less the others"),
    Handler::read("min", "the least of its parameters"),
    Handler::read("max", "the greatest of its parameters"),
    Handler::read("mul", "product of its parameters"),
    Handler::read("div", "the first parameter divided by the others"),
    Handler::read("idiv", "as div, without what is after the point"),
    Handler::read("mod", "remainder of two whole numbers"),
    Handler::read("rem", "remainder of two numbers"),
    Handler::read("neg", "its parameter with the other sign"),
    Handler::read("abs", "its parameter without sign"),
    Handler::read("eq", "whether two parameters are equal, as numbers, else as strings"),
    Handler::read("ne", "whether they are not equal"),
    Handler::read("gt", "whether the first is greater"),
    Handler::read("ge", "whether the first is not less"),
    Handler::read("lt", "whether the first is less"),
    Handler::read("le", "whether the first is not greater"),
    Handler::read("not", "true for false, false for true"),
    Handler::read("and", "whether all parameters are true"),
    Handler::read("or", "whether any parameter is true"),
    Handler::read("nand", "whether not all parameters are true"),
    Handler::read("nor", "whether no parameter is true"),
    Handler::read("if", "the second parameter if the first is true, else the third"),
    Handler::read("in", "whether the first parameter equals one of the others, as strings"),
    Handler::read("sprintf", "a format and what to put into it, as in C: d i o u x X s %"),
    Handler::read("first", "the first of its parameters"),
    Handler::read("random", "a random number; below N; from N1 to N2"),
    Handler::read("now", "seconds since the epoch, with nine digits after the point"),
    Handler::read("readable", "whether all handlers named can be read"),
    Handler::read("writable", "whether all handlers named can be written"),
    Handler::read("length", "length of its parameter, bytes"),
    Handler::read("unquote", "its parameter without a layer of quotes"),
    Handler::read("htons", "16-bit number in network byte order"),
    Handler::read("htonl", "32-bit number in network byte order"),
    Handler::read("ntohs", "16-bit number from network byte order"),
    Handler::read("ntohl", "32-bit number from network byte order"),
];

/// Functions that only the script itself may call, because they reach outside the graph.
pub(super) const PRIVATE: [&str; 3] = ["cat", "catq", "kill"];

/// Whether there is a function of that name; private ones only for the script itself.
pub(super) fn exists(name: &str, itself: bool) -> bool {
    FUNCTIONS.iter().any(|f| f.name == name) || (itself && PRIVATE.contains(&name))
}

fn parse<T: FromArg>(text: &str) -> Option<T> {
    T::from_arg(text.trim(), &NameDb::default()).ok()
}

fn integer(text: &str) -> Option<i64> {
    parse_int(text.trim()).ok()
}

/// Takes the first word off.
fn shift<'t>(text: &mut &'t str) -> &'t str {
    let (word, rest) = shift_word(text);
    *text = rest;
    word
}

/// Computes a function of its parameters, separated by spaces.
///
/// # Errors
/// What is wrong with the parameters, in Click's words.
pub(super) fn compute(
    cx: &mut Context<'_>,
    confinement: &Confinement,
    name: &str,
    parameters: &str,
) -> Result<String, String> {
    let mut rest = parameters;
    let bad = || "syntax error".to_string();
    let boolean = |word: &str| parse::<bool>(word).ok_or_else(bad);
    Ok(match name {
        "add" | "sub" | "min" | "max" | "mul" | "div" | "idiv" => return arithmetic(name, parameters),
        "mod" | "rem" => return remainder(name, parameters),
        "neg" | "abs" => return sign(name, parameters),
        "eq" | "ne" | "gt" | "ge" | "lt" | "le" => return compare(name, parameters),
        "not" => (!boolean(parameters)?).to_string(),
        "and" | "or" | "nand" | "nor" => {
            let all = name.ends_with("and");
            let mut value = all;
            while value == all && !rest.is_empty() {
                value = boolean(shift(&mut rest))?;
            }
            (value != name.starts_with('n')).to_string()
        }
        "if" => {
            if !boolean(shift(&mut rest))? {
                shift(&mut rest);
            }
            shift(&mut rest).to_string()
        }
        "in" => {
            let wanted = unquote(shift(&mut rest));
            let mut found = false;
            while !wanted.is_empty() && !rest.is_empty() && !found {
                found = unquote(shift(&mut rest)) == wanted;
            }
            found.to_string()
        }
        "sprintf" => {
            let text = unquote_text(shift(&mut rest));
            let mut words = Words(rest);
            let printed = sprintf(&text, &mut words).ok_or_else(bad)?;
            if !words.0.is_empty() {
                return Err(bad());
            }
            printed
        }
        "first" => shift(&mut rest).to_string(),
        "random" => return random(cx, parameters),
        "now" => {
            let now = cx.now();
            format!("{}.{:09}", now / 1_000_000_000, now % 1_000_000_000)
        }
        "readable" | "writable" => {
            let mut all = true;
            while all && !rest.is_empty() {
                let path = unquote_text(shift(&mut rest));
                let may = |a: sluice_dataplane::info::Access| if name == "readable" { a.reads() } else { a.writes() };
                all = find(cx, &path).is_some_and(|h| may(h.1));
            }
            all.to_string()
        }
        "length" => parameters.len().to_string(),
        "unquote" => unquote_text(parameters),
        "htons" | "ntohs" => (integer(parameters).ok_or_else(bad)? as u16).to_be().to_string(),
        "htonl" | "ntohl" => (integer(parameters).ok_or_else(bad)? as u32).to_be().to_string(),
        "cat" => files::read(confinement.files(), &unquote_text(parameters))?,
        "catq" => quote(files::read(confinement.files(), &unquote_text(parameters))?.as_bytes()),
        "kill" => {
            let number = signal::number(shift(&mut rest)).ok_or("bad SIGNO")?;
            while !rest.is_empty() {
                files::kill(confinement, parse_int(shift(&mut rest)).map_err(|_| "bad PID")?, number)?;
            }
            String::new()
        }
        _ => return Err(format!("no ‘{name}’ function")),
    })
}

/// The full name of a handler, as a script names it: without a dot the script's own comes first.
pub(super) fn find(cx: &Context<'_>, path: &str) -> Option<(String, sluice_dataplane::info::Access)> {
    if !path.contains('.') {
        let own = cx.name().rsplit('/').next().unwrap_or_default();
        if let Ok(found) = cx.find_handler(&format!("{own}.{path}")) {
            return Some(found);
        }
    }
    cx.find_handler(path).ok()
}

struct Words<'t>(&'t str);
impl Arguments for Words<'_> {
    fn signed(&mut self) -> Option<i64> {
        parse_int(shift(&mut self.0)).ok()
    }
    fn unsigned(&mut self) -> Option<u64> {
        let word = shift(&mut self.0);
        parse_int(word).ok().or_else(|| integer(word).map(|n| n as u64))
    }
    fn string(&mut self) -> Option<String> {
        let word = shift(&mut self.0);
        (!word.is_empty()).then(|| unquote_text(word))
    }
}

/// Whole numbers as long as all are whole, real ones from the first that is not.
fn arithmetic(name: &str, mut rest: &str) -> Result<String, String> {
    let mut whole = i64::from(matches!(name, "mul" | "div" | "idiv"));
    let mut number = None;
    if name.ends_with("div") {
        number = Some(1.0);
    }
    let mut first = true;
    while !rest.trim().is_empty() {
        let word = shift(&mut rest);
        match integer(word) {
            Some(n) if number.is_none() => {
                whole = match name {
                    _ if first => n,
                    "add" => whole.wrapping_add(n),
                    "sub" => whole.wrapping_sub(n),
                    "min" => whole.min(n),
                    "max" => whole.max(n),
                    _ => whole.wrapping_mul(n),
                };
            }
            n => {
                let x = match n {
                    Some(n) => n as f64,
                    None => parse::<f64>(word).ok_or("expected list of numbers")?,
                };
                let y = number.unwrap_or(whole as f64);
                number = Some(match name {
                    _ if first => x,
                    "add" => y + x,
                    "sub" => y - x,
                    "min" => y.min(x),
                    "max" => y.max(x),
                    "mul" => y * x,
                    _ => y / x,
                });
            }
        }
        first = false;
    }
    Ok(match number {
        Some(x) if name == "idiv" => (x as i64).to_string(),
        Some(x) => real(x),
        None => whole.to_string(),
    })
}

fn two(mut rest: &str) -> Option<(&str, &str)> {
    let (a, b) = (shift(&mut rest), shift(&mut rest));
    (!a.is_empty() && !b.is_empty() && rest.is_empty()).then_some((a, b))
}

fn remainder(name: &str, parameters: &str) -> Result<String, String> {
    const TWO: &str = "expected two numbers";
    let (a, b) = two(parameters).ok_or(TWO)?;
    match (integer(a), integer(b)) {
        (Some(_), Some(0)) => Err("division by zero".into()),
        (Some(a), Some(b)) => Ok(a.wrapping_rem(b).to_string()),
        _ if name == "mod" => Err(TWO.into()),
        _ => Ok(real(parse::<f64>(a).ok_or(TWO)? % parse::<f64>(b).ok_or(TWO)?)),
    }
}

fn sign(name: &str, parameters: &str) -> Result<String, String> {
    if let Some(n) = integer(parameters) {
        return Ok(if name == "neg" || n < 0 { n.wrapping_neg() } else { n }.to_string());
    }
    let x = parse::<f64>(parameters).ok_or("expected one number")?;
    Ok(real(if name == "neg" || x < 0.0 { -x } else { x }))
}

/// As numbers if both are numbers, else as strings, byte by byte.
fn compare(name: &str, parameters: &str) -> Result<String, String> {
    let (a, b) = two(parameters).ok_or("expected two numbers")?;
    let order = match (integer(a), integer(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => match (parse::<f64>(a), parse::<f64>(b)) {
            (Some(a), Some(b)) => a.partial_cmp(&b),
            _ => Some(unquote(a).cmp(&unquote(b))),
        },
    };
    let Some(order) = order else { return Ok("false".into()) };
    Ok(match name {
        "eq" => order.is_eq(),
        "ne" => order.is_ne(),
        "gt" => order.is_gt(),
        "ge" => order.is_ge(),
        "lt" => order.is_lt(),
        _ => order.is_le(),
    }
    .to_string())
}

fn random(cx: &mut Context<'_>, mut rest: &str) -> Result<String, String> {
    if rest.trim().is_empty() {
        return Ok((cx.random() >> 1).to_string());
    }
    let mut number = |name: &str| match shift(&mut rest) {
        "" => Ok(None),
        word => parse_int::<u32>(word).map(Some).map_err(|e| format!("{name}: {}", e.message())),
    };
    let (a, b) = (number("N1")?, number("N2")?);
    if !rest.is_empty() {
        return Err("too many arguments".into());
    }
    let (low, high) = match (a, b) {
        (Some(n), None) if n > 0 => (0, n - 1),
        (Some(a), Some(b)) if a <= b => (a, b),
        _ => return Err("bad N".into()),
    };
    let span = u64::from(high - low) + 1;
    Ok((u64::from(low) + ((u64::from(cx.random()) * span) >> 32)).to_string())
}
