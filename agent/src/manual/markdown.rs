//! The manual as one Markdown document: `elements/MANUAL.md`.
use super::{COMMON, access, argument_facts, example, families, sides, synopsis};
use sluice_dataplane::element::Table;
use sluice_dataplane::info::{Info, State, Task};
use std::fmt::Write as _;

const HEAD: &str = "\
# The elements of Sluice

All element classes by family: how each is written, its ports, arguments and handlers, what it does, and an example.
`sluice elements NAME` shows the same for one class, `sluice elements --json` for programs.

<!-- Made by `sluice elements --manual` from the elements themselves; `make manual` writes it anew. -->
";

/// Words that stand in the manual's headings where the name of a folder says too little.
const TITLES: &[(&str, &str)] = &[
    ("arp", "ARP"),
    ("bytes", "Bytes, lengths and timestamps"),
    ("classify", "Classifiers and filters"),
    ("control", "Scripts, control and information"),
    ("ethernet", "Ethernet"),
    ("icmp", "ICMP"),
    ("impairment", "Impairments"),
    ("io", "Devices and files"),
    ("ip", "IPv4"),
    ("lookup", "Route look-up"),
    ("monitoring", "Counters and measurements"),
    ("paint", "Paint annotations"),
    ("print", "Printing"),
    ("queues", "Queues, and tasks that empty them"),
    ("scheduling", "Schedulers"),
    ("shaping", "Rates and shaping"),
    ("sources", "Sources"),
    ("switching", "Switches, copies and ends"),
    ("vlan", "VLAN"),
];

/// The heading of a family.
fn title(family: &str) -> &str {
    TITLES.iter().find(|t| t.0 == family).map_or(family, |t| t.1)
}

/// The whole manual.
pub(crate) fn manual(table: &Table) -> String {
    let families = families(table);
    let mut out = format!("{HEAD}\n## Contents\n\n");
    for (family, infos) in &families {
        let classes: Vec<String> = infos.iter().map(|i| link(i.class)).collect();
        let _ = writeln!(out, "- [{}](#{}): {}", title(family), anchor(title(family)), classes.join(", "));
    }
    let _ = write!(
        out,
        "\n## What all elements have\n\nThe handlers {COMMON}; those with a task also home_thread, scheduled and tickets. Ports \
         are *push* (packets are handed over), *pull* (the next element asks for them) or *agnostic* (as the other end). An \
         argument without the word *keyword* may be given by position.\n"
    );
    for (family, infos) in &families {
        let _ = write!(out, "\n## {}\n", title(family));
        infos.iter().for_each(|info| class(&mut out, info));
    }
    out
}

/// The section of a class.
fn class(out: &mut String, info: &Info) {
    let _ = write!(out, "\n### {}\n\n{}.\n", info.class, capital(info.synopsis));
    let _ = write!(out, "\n```click\n{}\n```\n\n{}\n", synopsis(info), escape(info.doc));
    let (inputs, outputs) = sides(info);
    let _ = write!(out, "\n**Ports:** {inputs}; {outputs}.");
    let state = match info.state {
        State::None => "",
        State::Replicated => " **On several workers:** each has its own state, and readings add up.",
        State::ReplicatedTable => {
            " **On several workers:** each has its own table; what one learns the others are told."
        }
        State::Shared => " **On several workers:** one table that all read.",
        State::Single => " **On several workers:** one of them owns it.",
    };
    let _ = writeln!(out, "{state}");
    if !info.args.is_empty() {
        let _ = write!(out, "\n| Argument | Type | |\n|---|---|---|\n");
        for a in info.args {
            let _ = writeln!(out, "| `{}` | {} | {} |", a.name, cell(&argument_facts(a).join(", ")), cell(a.doc));
        }
    }
    if !info.handlers.is_empty() {
        let _ = write!(out, "\n| Handler | Access | |\n|---|---|---|\n");
        for h in info.handlers {
            let _ = writeln!(out, "| `{}` | {} | {} |", h.name, access(h.access), cell(h.doc));
        }
    }
    if info.live {
        let _ = write!(out, "\nWriting the handler `config` gives it new arguments while it runs.");
        let _ = writeln!(out, "{}", if info.task == Task::No { "" } else { " It has a task." });
    } else if info.task != Task::No {
        let _ = write!(out, "\nIt has a task.\n");
    }
    if !info.example.is_empty() {
        let _ = write!(out, "\n```click\n{}```\n", example(info.example, 0));
    }
    if !info.see.is_empty() {
        let see: Vec<String> = info.see.iter().map(|c| link(c)).collect();
        let _ = write!(out, "\nSee also {}.", see.join(", "));
    }
    let file = file(info);
    let _ = writeln!(out, "{}Source: [`{file}`]({file}).", if info.see.is_empty() { "\n" } else { " " });
}

/// Where the class is defined, as seen from the crate's folder. Classes that differ in a word share a file.
fn file(info: &Info) -> String {
    let name = match info.class {
        "KernelTap" => "kernel_tun".to_string(),
        "DriverManager" | "Script" => "script/mod".to_string(),
        _ if info.family == "lookup" => "ip_lookup".to_string(),
        class => snake(class),
    };
    format!("src/{}/{name}.rs", info.family)
}

/// `CheckIPHeader2` as `check_ip_header2`: a capital begins a word unless it stands within a row of capitals; IP is a word
/// even there.
fn snake(class: &str) -> String {
    let chars: Vec<char> = class.replace("IP", "Ip").chars().collect();
    let mut out = String::new();
    for (i, c) in chars.iter().enumerate() {
        let after_small = i > 0 && !chars[i - 1].is_ascii_uppercase();
        let before_small = chars.get(i + 1).is_some_and(char::is_ascii_lowercase);
        if c.is_ascii_uppercase() && i > 0 && (after_small || before_small) {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn link(class: &str) -> String {
    format!("[{class}](#{})", anchor(class))
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |c| c.to_uppercase().chain(chars).collect())
}

/// Text in which nothing but code marks is Markdown. Lines that begin with a space become code.
fn escape(text: &str) -> String {
    let mut out = String::new();
    let mut code = false;
    for line in text.trim_end().lines() {
        if line.starts_with(' ') != code && !line.is_empty() {
            code = !code;
            out += if code { "\n```text\n" } else { "```\n\n" };
        }
        out += &if code { line.strip_prefix("    ").unwrap_or(line).to_string() } else { plain(line) };
        out.push('\n');
    }
    if code {
        out += "```\n";
    }
    out.trim_end().to_string()
}

/// A line whose characters mean themselves, outside of code marks.
fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut code = false;
    for c in line.chars() {
        code ^= c == '`';
        if !code && matches!(c, '*' | '_' | '<' | '[' | '|' | '\\' | '#') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// As [`plain`], in a cell of a table, where a bar always ends the cell.
fn cell(text: &str) -> String {
    plain(text).replace("\\|", "|").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_after_classes() {
        for (class, file) in [
            ("CheckIPHeader2", "check_ip_header2"),
            ("ARPQuerier", "arp_querier"),
            ("SetCRC32", "set_crc32"),
            ("DecIPTTL", "dec_ip_ttl"),
            ("UDPIPEncap", "udp_ip_encap"),
        ] {
            assert_eq!(snake(class), file);
        }
    }

    #[test]
    fn text_means_itself() {
        assert_eq!(plain("a_b `c_d` <e> *f*"), "a\\_b `c_d` \\<e> \\*f\\*");
        assert_eq!(cell("a|b `c|d`"), "a\\|b `c\\|d`");
        assert_eq!(escape("one\n    code * \ntwo"), "one\n\n```text\ncode * \n```\n\ntwo");
        assert_eq!((anchor("Queues, and tasks"), capital("one two")), ("queues-and-tasks".into(), "One two".into()));
    }
}
