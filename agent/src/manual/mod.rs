//! The manual of the elements, made from what each says about itself ([`Info`]).
pub(crate) mod json;
pub(crate) mod markdown;
mod wrap;

use sluice_dataplane::element::Table;
use sluice_dataplane::info::{Access, Arg, Count, Flow, Given, Info, Task};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use wrap::{block, hanging};

/// Handlers that every element has.
const COMMON: &str = "class, config, drops, handlers, name and ports";

/// The classes of each family, both sorted by name.
fn families(table: &Table) -> BTreeMap<&'static str, Vec<&'static Info>> {
    let mut families: BTreeMap<_, Vec<_>> = BTreeMap::new();
    table.classes().for_each(|info| families.entry(info.family).or_default().push(info));
    families
}

/// All classes by family, each with its one line.
pub(crate) fn list(table: &Table, width: usize) -> String {
    let names = table.classes().map(|info| info.class.len()).max().unwrap_or(0);
    let mut out = String::new();
    for (family, infos) in families(table) {
        let _ = writeln!(out, "{family}");
        for info in infos {
            out += &hanging(&format!("  {:<names$}  ", info.class), info.synopsis, width);
        }
        out.push('\n');
    }
    let _ = writeln!(out, "{} classes; `sluice elements NAME` tells all about one", table.classes().count());
    out
}

/// The manual page of a class.
pub(crate) fn page(info: &Info, width: usize) -> String {
    let mut out = String::new();
    let mut section = |title: &str, body: String| {
        if !body.is_empty() {
            let _ = write!(out, "{}{title}\n{body}", if out.is_empty() { "" } else { "\n" });
        }
    };
    section("NAME", hanging("    ", &format!("{} - {}", info.class, info.synopsis), width));
    section("SYNOPSIS", hanging("    ", &synopsis(info), width));
    section("PORTS", ports(info, width));
    section("ARGUMENTS", info.args.iter().map(|a| argument(a, width)).collect());
    section("HANDLERS", handlers(info, width));
    section("DESCRIPTION", block(info.doc, 4, width));
    section("EXAMPLE", example(info.example, 4));
    section("SEE ALSO", block(&info.see.join(", "), 4, width));
    out
}

/// How it is written: `Queue([CAPACITY])`, `Classifier(PATTERN, ...)`.
fn synopsis(info: &Info) -> String {
    let of = |given: Given| info.args.iter().filter(move |a| a.given == given).map(|a| a.name);
    let mut must: Vec<String> = of(Given::Required).map(str::to_string).collect();
    must.extend(of(Given::Rest).map(|a| format!("{a}, ...")));
    let mut may: Vec<String> = of(Given::Optional).map(str::to_string).collect();
    let keywords: Vec<&str> = of(Given::Keyword).collect();
    if !keywords.is_empty() {
        may.push(format!("keywords {}", keywords.join(", ")));
    }
    let (must, may) = (must.join(", "), may.join(", "));
    match (must.is_empty(), may.is_empty()) {
        (true, true) => info.class.to_string(),
        (false, true) => format!("{}({must})", info.class),
        (true, false) => format!("{}([{may}])", info.class),
        (false, false) => format!("{}({must} [, {may}])", info.class),
    }
}

fn ports(info: &Info, width: usize) -> String {
    let (inputs, outputs) = sides(info);
    hanging("    ", &inputs, width) + &hanging("    ", &outputs, width)
}

/// Inputs and outputs in words.
fn sides(info: &Info) -> (String, String) {
    let (inputs, outputs) = info.port_counts();
    let (code_in, code_out) = info.flow.split_once('/').unwrap_or((info.flow, info.flow));
    let inputs = side(inputs, "input", code_in.len(), &|p| info.input_flow(p));
    let outputs = side(outputs, "output", code_out.len(), &|p| info.output_flow(p));
    (inputs, outputs)
}

/// One side's number of ports, and who moves the packets through each.
fn side(count: Count, kind: &str, codes: usize, flow: &dyn Fn(usize) -> Flow) -> String {
    let number = match count {
        Count { same: Some(0), .. } => "as many outputs as inputs".to_string(),
        Count { same: Some(more), .. } => format!("as many outputs as inputs and {more} more"),
        Count { max: 0, .. } => return format!("no {kind}s"),
        Count { min: 1, max: 1, .. } => format!("1 {kind}"),
        Count { min, max, .. } if min == max => format!("{min} {kind}s"),
        Count { min: 0, max: usize::MAX, .. } => format!("any number of {kind}s"),
        Count { min, max: usize::MAX, .. } => format!("{min} or more {kind}s"),
        Count { min, max, .. } => format!("{min} to {max} {kind}s"),
    };
    let shown = if count.same.is_some() { codes.max(1) } else { codes.clamp(1, count.max.max(1)) };
    if (1..shown).all(|p| flow(p) == flow(0)) {
        return format!("{number}, {}", flow(0).name());
    }
    let further = count.same.is_some() || count.max > shown;
    let each = (0..shown).map(|p| {
        let which = if further && p + 1 == shown { format!("from {p} on") } else { p.to_string() };
        format!("{which} {}", flow(p).name())
    });
    format!("{number}: {}", each.collect::<Vec<_>>().join(", "))
}

fn argument(a: &Arg, width: usize) -> String {
    hanging(&format!("    {}  ", a.name), &argument_facts(a).join(", "), width) + &block(a.doc, 8, width)
}

/// Type of an argument, how it is given, its default.
fn argument_facts(a: &Arg) -> Vec<String> {
    let mut facts = vec![a.kind.to_string()];
    facts.extend(match a.given {
        Given::Required => Some("required".to_string()),
        Given::Rest => Some("any number".to_string()),
        Given::Keyword => Some("keyword".to_string()),
        Given::Optional => None,
    });
    if !a.default.is_empty() {
        facts.push(format!("default {}", a.default));
    }
    facts.retain(|f| !f.is_empty());
    facts
}

fn handlers(info: &Info, width: usize) -> String {
    let mut out = String::new();
    for h in info.handlers {
        out += &format!("    {} ({})\n{}", h.name, access(h.access), block(h.doc, 8, width));
    }
    let mut more = format!("{} {COMMON}", if out.is_empty() { "Those of every element:" } else { "Also" });
    if info.task != Task::No {
        more += "; as a task home_thread, scheduled and tickets";
    }
    more += if info.live { ". Writing config gives it new arguments while it runs." } else { "." };
    out + &block(&more, 4, width)
}

/// What may be done with a handler, in the words of Click's manual.
pub(crate) fn access(a: Access) -> &'static str {
    match a {
        Access::Read => "read-only",
        Access::Write => "write-only",
        Access::ReadWrite => "read/write",
    }
}

/// A configuration as it is, indented; one that stands on one line is cut where statements end.
fn example(text: &str, indent: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut depth = 0i32;
        let mut rest = line;
        while !rest.trim().is_empty() {
            let end = rest.char_indices().find(|(_, c)| {
                depth += i32::from("({".contains(*c)) - i32::from(")}".contains(*c));
                *c == ';' && depth == 0
            });
            let (statement, more) = rest.split_at(end.map_or(rest.len(), |e| e.0 + 1));
            // Only what was cut off loses the space before it.
            let statement = if rest.len() < line.len() { statement.trim_start() } else { statement };
            out += &format!("{:indent$}{}\n", "", statement.trim_end());
            rest = more;
        }
        if line.trim().is_empty() {
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_dataplane::info::Handler;

    const INFO: Info = Info {
        ports: "1-/2",
        flow: "ahl/lh",
        task: Task::Yes,
        live: true,
        args: &[
            Arg::required("A", "packets", "first"),
            Arg::rest("PATTERN", "pattern", "what it looks for"),
            Arg::optional("B", "boolean", "true", "second"),
            Arg::keyword("C", "IP address", "", "third"),
        ],
        handlers: &[Handler::read("count", "packets"), Handler::both("active", "whether it runs")],
        doc: "First paragraph.\n\nSecond one.",
        example: "Idle -> X(a;b) -> Discard; x :: X;\n\n  y :: Y;",
        see: &["Y", "Z"],
        ..Info::new("X", "tests", "shows what a page looks like")
    };

    #[test]
    fn a_page_has_clicks_sections_in_order() {
        let page = page(&INFO, 80);
        let titles: Vec<&str> = page.lines().filter(|l| !l.is_empty() && !l.starts_with(' ')).collect();
        let all = ["NAME", "SYNOPSIS", "PORTS", "ARGUMENTS", "HANDLERS", "DESCRIPTION", "EXAMPLE", "SEE ALSO"];
        assert_eq!(titles, all);
        assert!(page.contains("    X(A, PATTERN, ... [, B, keywords C])\n"), "{page}");
        assert!(
            page.contains("    1 or more inputs: 0 agnostic, 1 push, from 2 on pull\n    2 outputs: 0 pull, 1 push\n")
        );
        assert!(
            page.contains("    B  boolean, default true\n        second\n    C  IP address, keyword\n        third\n")
        );
        assert!(page.contains("    active (read/write)\n        whether it runs\n"));
        assert!(page.contains("    First paragraph.\n\n    Second one.\n"));
        assert!(page.contains("EXAMPLE\n    Idle -> X(a;b) -> Discard;\n    x :: X;\n\n      y :: Y;\n"), "{page}");
    }

    #[test]
    fn ports_are_told_in_words() {
        let told = |ports, flow| ports_of(&Info { ports, flow, ..Info::new("X", "x", "") });
        assert_eq!(told("0/1", "/a"), "no inputs|1 output, agnostic");
        assert_eq!(told("1-2/-", "h/h"), "1 to 2 inputs, push|any number of outputs, push");
        assert_eq!(told("1/1-2", "a/ah"), "1 input, agnostic|1 to 2 outputs: 0 agnostic, 1 push");
        assert_eq!(told("-/=", "l/h"), "any number of inputs, pull|as many outputs as inputs, push");
        assert_eq!(told("1/=+", "h/h"), "1 input, push|as many outputs as inputs and 1 more, push");
    }

    fn ports_of(info: &Info) -> String {
        ports(info, 100).lines().map(str::trim).collect::<Vec<_>>().join("|")
    }
}
