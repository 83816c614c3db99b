//! The header of a Click-on-OSv function: comment lines at its top that say what it is.
//!
//! Nine lines in this order, `//VNF_HEADER` first, then `//VNF_FRAMEWORK:` and `//VNF_NETWORK:` if they are there. Dates
//! are checked for their shape only, as Click-on-OSv does.

/// What a header says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Version of the function: numbers with dots between them.
    pub version: String,
    /// Its UUID.
    pub id: String,
    /// Who made it.
    pub provider: String,
    /// Its name.
    pub name: String,
    /// When it was released: `YYYY-MM-DD`, then perhaps `HH-MM` or `HH-MM-SS`.
    pub release_date: String,
    /// Version of the release.
    pub release_version: String,
    /// Until when it is to be used; written as the other date.
    pub release_lifespan: String,
    /// What it does.
    pub description: String,
    /// What runs it: `Click`, if it is said.
    pub framework: Option<String>,
    /// `DPDK` or `VirtIO`, if it is said. The ports are the VNF's; this changes nothing.
    pub network: Option<String>,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Wrong {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

/// Longest value of a line that a message repeats, characters.
const SHOWN: usize = 40;

type Fits = fn(&str) -> bool;

/// The lines behind the first one: name, what its value must look like, in words and as a check.
const LINES: [(&str, &str, Fits); 8] = [
    ("VNF_VERSION", "numbers with dots between them", is_version),
    ("VNF_ID", "a UUID", is_uuid),
    ("VNF_PROVIDER", "printable text", is_text),
    ("VNF_NAME", "printable text", is_text),
    ("VNF_RELEASE_DATE", "YYYY-MM-DD, YYYY-MM-DD HH-MM or YYYY-MM-DD HH-MM-SS", is_date),
    ("VNF_RELEASE_VERSION", "numbers with dots between them", is_version),
    ("VNF_RELEASE_LIFESPAN", "YYYY-MM-DD, YYYY-MM-DD HH-MM or YYYY-MM-DD HH-MM-SS", is_date),
    ("VNF_DESCRIPTION", "printable text", is_text),
];

/// The lines that may follow.
const OPTIONAL: [(&str, &str, Fits); 2] =
    [("VNF_FRAMEWORK", "Click", |v| v == "Click"), ("VNF_NETWORK", "DPDK or VirtIO", |v| v == "DPDK" || v == "VirtIO")];

/// Reads the header of a function's text.
///
/// # Errors
/// All lines that are wrong, in order. If the first line does not begin a header, that one only.
pub fn parse(text: &str) -> Result<Header, Vec<Wrong>> {
    let mut lines = text.lines().map(str::trim_end).zip(1..).peekable();
    match lines.next() {
        Some(("//VNF_HEADER", _)) => {}
        first => {
            let what = format!("expected ‘//VNF_HEADER’, found ‘{}’", shown(first.map_or("", |l| l.0)));
            return Err(vec![Wrong { line: 1, what }]);
        }
    }
    let mut wrong = Vec::new();
    let mut values: [String; 8] = Default::default();
    for (n, ((name, must_be, fits), value)) in LINES.iter().zip(&mut values).enumerate() {
        let (text, line) = lines.next().unwrap_or(("", n + 2));
        match value_of(text, name) {
            None => wrong.push(Wrong { line, what: format!("expected ‘//{name}:’, found ‘{}’", shown(text)) }),
            Some(v) if !fits(v) => wrong.push(not(line, name, must_be, v)),
            Some(v) => *value = v.into(),
        }
    }
    let mut optional: [Option<String>; 2] = Default::default();
    for ((name, must_be, fits), value) in OPTIONAL.iter().zip(&mut optional) {
        let Some(&(text, line)) = lines.peek() else { break };
        let Some(v) = value_of(text, name) else { continue };
        lines.next();
        if fits(v) { *value = Some(v.into()) } else { wrong.push(not(line, name, must_be, v)) }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let [version, id, provider, name, release_date, release_version, release_lifespan, description] = values;
    let [framework, network] = optional;
    Ok(Header {
        version,
        id,
        provider,
        name,
        release_date,
        release_version,
        release_lifespan,
        description,
        framework,
        network,
    })
}

fn not(line: usize, name: &str, must_be: &str, value: &str) -> Wrong {
    Wrong { line, what: format!("{name} must be {must_be}, not ‘{}’", shown(value)) }
}

fn value_of<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    Some(line.strip_prefix("//")?.strip_prefix(name)?.strip_prefix(':')?.trim())
}

fn shown(text: &str) -> String {
    let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().take(SHOWN).map(visible).collect()
}

fn is_text(v: &str) -> bool {
    !v.chars().any(char::is_control)
}

fn is_digits(v: &str) -> bool {
    !v.is_empty() && v.bytes().all(|b| b.is_ascii_digit())
}

fn is_version(v: &str) -> bool {
    v.split('.').all(is_digits)
}

fn is_uuid(v: &str) -> bool {
    let hex = |part: &str, long: usize| part.len() == long && part.bytes().all(|b| b.is_ascii_hexdigit());
    let parts: Vec<_> = v.split('-').collect();
    parts.len() == 5 && parts.iter().zip([8, 4, 4, 4, 12]).all(|(part, long)| hex(part, long))
}

fn is_date(v: &str) -> bool {
    let numbers = |v: &str, long: &[usize]| {
        let parts: Vec<_> = v.split('-').collect();
        parts.len() == long.len() && parts.iter().zip(long).all(|(p, long)| p.len() == *long && is_digits(p))
    };
    let (day, time) = v.split_once(' ').map_or((v, None), |(day, time)| (day, Some(time)));
    numbers(day, &[4, 2, 2]) && time.is_none_or(|t| numbers(t, &[2, 2]) || numbers(t, &[2, 2, 2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "//VNF_HEADER \r\n//VNF_VERSION: 1.0\r\n//VNF_ID:b69c308a-9bde-459a-b171-fed5621ce46d\n\
        //VNF_PROVIDER:A/B\n//VNF_NAME: Stateless Firewall\n//VNF_RELEASE_DATE:2017-04-08 21-45-45\n\
        //VNF_RELEASE_VERSION:1.0.12\n//VNF_RELEASE_LIFESPAN: 2017-06-08 21-45\n//VNF_DESCRIPTION: Drops: all\n";

    fn changed(from: &str, to: &str) -> Result<Header, Vec<Wrong>> {
        assert!(GOOD.contains(from), "{from}");
        parse(&GOOD.replace(from, to))
    }

    #[test]
    fn nine_lines_in_order_are_a_header() {
        let header = parse(&format!("{GOOD}Idle -> Discard;")).unwrap();
        assert_eq!((header.version.as_str(), header.name.as_str()), ("1.0", "Stateless Firewall"));
        assert_eq!((header.description.as_str(), header.framework), ("Drops: all", None));
    }

    #[test]
    fn two_more_lines_may_follow() {
        let header = parse(&format!("{GOOD}//VNF_FRAMEWORK: Click\n//VNF_NETWORK:VirtIO")).unwrap();
        assert_eq!((header.framework.as_deref(), header.network.as_deref()), (Some("Click"), Some("VirtIO")));
        assert_eq!(parse(&format!("{GOOD}//VNF_NETWORK: DPDK\n")).unwrap().network.as_deref(), Some("DPDK"));
        let wrong = parse(&format!("{GOOD}//VNF_FRAMEWORK: Python2\n//VNF_NETWORK: x\n")).unwrap_err();
        assert_eq!(wrong.iter().map(|w| w.line).collect::<Vec<_>>(), [10, 11]);
    }

    #[test]
    fn every_wrong_line_is_named() {
        let wrong = parse("Idle -> Discard;\n").unwrap_err();
        assert_eq!(wrong[0].to_string(), "line 1: expected ‘//VNF_HEADER’, found ‘Idle -> Discard;’");
        assert_eq!(parse("").unwrap_err().len(), 1);
        let all: Vec<_> = parse("//VNF_HEADER\n").unwrap_err().iter().map(|w| w.line).collect();
        assert_eq!(all, (2..=9).collect::<Vec<_>>());
        let wrong = parse(&GOOD.replace("1.0\r", "1.\r").replace("//VNF_NAME", "//NAME")).unwrap_err();
        assert_eq!(wrong.iter().map(|w| w.line).collect::<Vec<_>>(), [2, 5]);
        assert_eq!(wrong[0].what, "VNF_VERSION must be numbers with dots between them, not ‘1.’");
    }

    #[test]
    fn values_have_their_shape() {
        for date in ["2017-04-08", "2017-04-08 21-45"] {
            assert!(changed("2017-04-08 21-45-45", date).is_ok(), "{date}");
        }
        for date in ["", "2017-4-08", "2017-04-08 ", "2017-04-08 21", "2017-04-08 21-45-45-1", "2017-04-08T21-45"] {
            let fits = changed("2017-04-08 21-45-45", date).is_ok();
            assert_eq!(fits, date == "2017-04-08 ", "{date}"); // a space at the end is no difference
        }
        for id in ["b69c308a-9bde-459a-b171-fed5621ce46", "g69c308a-9bde-459a-b171-fed5621ce46d", "é"] {
            assert!(changed("b69c308a-9bde-459a-b171-fed5621ce46d", id).is_err(), "{id}");
        }
        assert!(changed("Stateless Firewall", "a\u{7}b").is_err());
    }
}
