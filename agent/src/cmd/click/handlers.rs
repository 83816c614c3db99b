//! `-h` and `-x`: handlers that are read when the driver has stopped.
use sluice_dataplane::args::{FromArg as _, NameDb, uncomment};
use sluice_dataplane::engine::Engine;
use sluice_dataplane::handler::Call;

/// Reads handlers in Click's way: an element's name, a pattern, or a class before the dot. With
/// several readings each carries its name. `out` gets the readings, `err` what is wrong; false if
/// anything was.
pub(super) fn print(
    engine: &mut Engine,
    wanted: &[String],
    out: &mut dyn FnMut(&str),
    err: &mut dyn FnMut(&str),
) -> bool {
    let mut good = true;
    for text in wanted {
        let (elements, handler) = match text.split_once('.') {
            None => (vec![None], text.as_str()),
            Some((pattern, handler)) => match elements(engine, pattern, handler) {
                Ok(found) => (found.into_iter().map(Some).collect(), handler),
                Err(why) => {
                    err(&why);
                    good = false;
                    continue;
                }
            },
        };
        let by_name = text.split_once('.').is_none_or(|(name, _)| engine.topology().find(name).is_some());
        let named = wanted.len() > 1 || !by_name;
        for element in elements {
            let full = element.map_or(handler.to_string(), |e| format!("{e}.{handler}"));
            match reading(engine, &full) {
                Ok(mut text) => {
                    if !text.is_empty() && !text.ends_with('\n') {
                        text.push('\n');
                    }
                    out(&if named { format!("{full}:\n{text}\n") } else { text });
                }
                Err(why) => {
                    err(&why);
                    good = false;
                }
            }
        }
    }
    good
}

fn reading(engine: &mut Engine, full: &str) -> Result<String, String> {
    match engine.access(full) {
        Err(_) => return Err(format!("no ‘{full}’ handler")),
        Ok(access) if !access.reads() => return Err(format!("‘{full}’ is a write handler")),
        Ok(_) => {}
    }
    engine.call(Call::read(full, "")).map_err(|e| e.to_string())
}

/// The elements that `pattern` means: the one of that name, else those whose names match it, else
/// those of that class; of several only those that have the handler.
fn elements(engine: &Engine, pattern: &str, handler: &str) -> Result<Vec<String>, String> {
    let nodes = &engine.topology().nodes;
    if engine.topology().find(pattern).is_some() {
        return Ok(vec![pattern.to_string()]);
    }
    let is_pattern = pattern.contains(['?', '*', '[']);
    let meant = |name: &str, class: &str| if is_pattern { matches(name, pattern) } else { class == pattern };
    let found: Vec<&str> =
        nodes.iter().filter(|n| meant(&n.name, n.class.info.class)).map(|n| n.name.as_str()).collect();
    if found.is_empty() {
        return Err(format!("no element {}‘{pattern}’", if is_pattern { "matching " } else { "" }));
    }
    let readable = |n: &&str| engine.access(&format!("{n}.{handler}")).is_ok_and(|a| a.reads());
    Ok(found.into_iter().filter(readable).map(str::to_string).collect())
}

/// Whether a name matches a pattern of `*`, `?` and `[...]`; `\` takes the next letter as it is.
fn matches(name: &str, pattern: &str) -> bool {
    let (name, pattern): (Vec<char>, Vec<char>) = (name.chars().collect(), pattern.chars().collect());
    let (mut n, mut p) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&'*') {
            star = Some((p + 1, n));
            p += 1;
            continue;
        }
        if n == name.len() && p == pattern.len() {
            return true;
        }
        let one = name.get(n).and_then(|c| one_letter(*c, &pattern, p));
        match (one, star) {
            (Some(next), _) => (n, p) = (n + 1, next),
            // The last star takes one letter more.
            (None, Some((after, at))) if at < name.len() => {
                star = Some((after, at + 1));
                (n, p) = (at + 1, after);
            }
            _ => return false,
        }
    }
}

/// Where the pattern goes on if its part at `p` matches letter `c`.
fn one_letter(c: char, pattern: &[char], p: usize) -> Option<usize> {
    match *pattern.get(p)? {
        '?' => Some(p + 1),
        '\\' if p + 1 < pattern.len() => (pattern[p + 1] == c).then_some(p + 2),
        '[' => {
            let negated = matches!(pattern.get(p + 1), Some('^' | '!'));
            let start = p + 1 + usize::from(negated);
            // A `]` right after the bracket is a letter of the set.
            let end = (start + 1..pattern.len()).find(|&i| pattern[i] == ']')?;
            let set = &pattern[start..end];
            let mut i = 0;
            let mut inside = false;
            while i < set.len() {
                let range = i + 2 < set.len() && set[i + 1] == '-';
                let last = if range { set[i + 2] } else { set[i] };
                inside |= (set[i]..=last).contains(&c);
                i += if range { 3 } else { 1 };
            }
            (inside != negated).then_some(end + 1)
        }
        letter => (letter == c).then_some(p + 1),
    }
}

/// The exit status that a handler's reading means: an integer, or a boolean.
///
/// # Errors
/// It cannot be read, or is neither.
pub(super) fn exit_value(engine: &mut Engine, wanted: &str) -> Result<i32, String> {
    let (path, parameter) = wanted.trim().split_once(char::is_whitespace).unwrap_or((wanted.trim(), ""));
    let text = engine.call(Call::read(path, parameter.trim())).map_err(|e| e.to_string())?;
    let (text, names) = (uncomment(&text).trim().to_string(), NameDb::new());
    if let Ok(n) = i32::from_arg(&text, &names) {
        return Ok(n);
    }
    match bool::from_arg(&text, &names) {
        Ok(b) => Ok(i32::from(!b)),
        Err(_) => Err("exit handler value should be integer".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (name, pattern) in [
            ("c1", "c*"),
            ("c1", "*1"),
            ("a/b/c", "a*c"),
            ("c1", "c?"),
            ("c1", "c[0-9]"),
            ("c1", "[^ab]1"),
            ("c]", "c[]]"),
            ("a*", "a\\*"),
            ("", "*"),
            ("aab", "*ab"),
        ] {
            assert!(matches(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in [("c1", "c"), ("c1", "d*"), ("c", "c?"), ("cx", "c[0-9]"), ("c1", "c["), ("ab", "a\\*")]
        {
            assert!(!matches(name, pattern), "{name} {pattern}");
        }
    }
}
