//! Patterns and rules over packets: Click's filter language (manual page of IPFilter), compiled.
//!
//! `words` and `parse` read the text, `primitive` gives it meaning, `expr` is that meaning as a
//! boolean expression over tests of 32-bit words. Few rules become a `graph`, `simplify`ed, of decisions
//! (`decide`), many become tables (`compile`, `program`); `keyed` adds what is found in SNMP messages (`datagram`,
//! `answers`). The classifying elements share [`Rules`]; [`Filter`] is one pattern alone, for traces and taps.
mod answers;
mod compare;
mod compile;
mod datagram;
mod decide;
mod directives;
mod expr;
mod graph;
mod keyed;
mod look;
mod map;
mod parse;
mod primitive;
mod program;
mod sets;
mod simplify;
mod steps;
#[cfg(test)]
mod tests;
mod words;

pub use expr::{Base, Expr, Test};
pub use look::{Start, View, Words};

use crate::snmp::keys::Keys;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use decide::Decisions;
use keyed::KeyedRules;
use primitive::Notes;
use program::Program;
use sluice_dataplane::args::{NameDb, unquote_text};
use sluice_dataplane::batch::MAX_BURST;
use sluice_dataplane::packet::Packet;

/// Most rules of one element.
pub const MAX_RULES: usize = 65_536;
/// Most words of one pattern.
pub const MAX_WORDS: usize = 65_536;
/// Most expressions inside each other.
pub const MAX_DEPTH: usize = 100;
/// Most different fields that the rules of one element look at.
pub const MAX_FIELDS: usize = 256;
/// Most steps that compiling the rules of one element may take, each of some nanoseconds.
pub const MAX_WORK: usize = 50_000_000;
/// Most memory that the compiled rules of one element take, bytes.
pub const MAX_MEMORY: usize = 64 << 20;

/// One pattern that packets match or do not.
#[derive(Debug)]
pub struct Filter {
    rules: Rules,
    start: Start,
}

/// Reads a pattern of the filter language, such as `src net 10/8 and tcp dst port 80`.
///
/// # Errors
/// All mistakes, in Click's words, separated by `; `; or the limit that the pattern exceeds.
pub fn parse_filter(text: &str, names: &NameDb) -> Result<Filter, String> {
    Ok(Filter { rules: Rules::new(alloc::vec![parse_expr(text, names)?])?, start: Start::Annotation })
}

/// Reads a pattern as an expression, to be one of several [`Rules`].
///
/// # Errors
/// All mistakes, in Click's words, separated by `; `.
pub fn parse_expr(text: &str, names: &NameDb) -> Result<Expr, String> {
    let mut notes = Notes::default();
    let expr = parse::parse_text(text, names, &mut notes);
    if notes.errors.is_empty() { Ok(expr) } else { Err(notes.errors.join("; ")) }
}

impl Filter {
    /// The same filter, looking for the network header where `start` says when a packet has no
    /// annotation that tells.
    pub fn starting(self, start: Start) -> Filter {
        Filter { start, ..self }
    }

    /// Whether the packet matches.
    #[inline]
    pub fn matches(&self, p: &Packet) -> bool {
        self.rules.classify(&View::new(p, self.start)) == 0
    }
}

/// Rules of which the first that matches a packet counts.
#[derive(Debug)]
pub struct Rules {
    exprs: Vec<Expr>,
    form: Form,
    /// The rules for SNMP messages, if there are tests of those; `form` is for all other packets then.
    keyed: Option<Box<KeyedRules>>,
    /// The rules that some packet may reach, ascending.
    reached: Vec<u32>,
}

/// How rules are compiled.
#[derive(Debug)]
enum Form {
    /// Few tests; `plain`: their bytes count from the packet's first, headers do not matter.
    Few { decisions: Decisions, plain: bool },
    /// Any number of rules.
    Tables(Program),
}

impl Default for Rules {
    /// No rule.
    fn default() -> Self {
        Rules { exprs: Vec::new(), form: Form::Tables(Program::default()), keyed: None, reached: Vec::new() }
    }
}

impl Form {
    /// Writes to `found` the first rule that matches each packet, of which there are at most [`MAX_BURST`].
    fn classify(&self, views: &[impl Words], found: &mut [u32]) {
        match self {
            Form::Few { decisions, .. } => views.iter().zip(found).for_each(|(v, found)| *found = decisions.find(v)),
            Form::Tables(program) => program.classify(views, found),
        }
    }

    /// The first rule that matches a packet.
    fn find(&self, view: &impl Words) -> u32 {
        let mut found = [0];
        self.classify(core::slice::from_ref(view), &mut found);
        found[0]
    }

    fn bytes(&self) -> usize {
        match self {
            Form::Few { decisions, .. } => decisions.bytes(),
            Form::Tables(program) => program.bytes(),
        }
    }
}

impl Rules {
    /// Compiles rules.
    ///
    /// # Errors
    /// They exceed a limit; the message names it.
    pub fn new(exprs: Vec<Expr>) -> Result<Rules, String> {
        let mut rules = Rules::as_tables(exprs)?;
        if let Some(decisions) = Decisions::new(&rules.exprs) {
            rules.form = Form::Few { plain: decisions.is_plain(), decisions };
        }
        Ok(rules)
    }

    /// As [`new`](Self::new), but as tables even if there are few rules: to compare the two forms.
    ///
    /// # Errors
    /// As of `new`.
    pub fn as_tables(exprs: Vec<Expr>) -> Result<Rules, String> {
        let program = compile::compile(&exprs)?;
        Ok(Rules { exprs, reached: program.reached(), form: Form::Tables(program), keyed: None })
    }

    /// As [`new`](Self::new), of rules that may test the keys of SNMP messages ([`Base::Snmp`]).
    ///
    /// # Errors
    /// As of `new`.
    pub fn with_keys(exprs: Vec<Expr>, keys: Keys) -> Result<Rules, String> {
        let mut keyed = false;
        exprs.iter().for_each(|e| e.tests(&mut |t| keyed |= t.base == Base::Snmp));
        if keyed { KeyedRules::compile(exprs, keys) } else { Rules::new(exprs) }
    }

    /// Number of rules.
    #[allow(clippy::len_without_is_empty)] // a number of rules, not a container
    pub fn len(&self) -> usize {
        self.exprs.len()
    }

    /// Writes to `out` what `each` makes of the first rule that matches a packet, or of [`len`](Self::len) when none
    /// does. Looks at the first [`MAX_BURST`] packets.
    #[inline]
    pub fn classify_packets<T>(&self, packets: &[Packet], start: Start, out: &mut [T], mut each: impl FnMut(u32) -> T) {
        let packets = packets.get(..MAX_BURST).unwrap_or(packets);
        if let Some(keyed) = &self.keyed {
            return keyed.classify_packets(&self.form, packets, start, out, each);
        }
        match &self.form {
            Form::Few { decisions, plain: true } => {
                packets.iter().zip(out).for_each(|(p, out)| *out = each(decisions.find_plainly(p.data())));
            }
            Form::Few { decisions, plain: false } => {
                packets.iter().zip(out).for_each(|(p, out)| *out = each(decisions.find(&View::new(p, start))));
            }
            Form::Tables(program) => {
                let mut found = [0; MAX_BURST];
                let found = &mut found[..packets.len()];
                let mut views = [View::of_data(&[]); MAX_BURST];
                views.iter_mut().zip(packets).for_each(|(view, p)| *view = View::new(p, start));
                program.classify(&views[..packets.len()], found);
                found.iter().zip(out).for_each(|(rule, out)| *out = each(*rule));
            }
        }
    }

    /// The first rule that matches bytes whose headers have been found, or [`len`](Self::len).
    pub fn classify(&self, view: &View<'_>) -> usize {
        match self.keyed.as_ref().and_then(|k| Some((k, k.look(view)?))) {
            Some((keyed, packet)) => keyed.classify(&packet) as usize,
            None => self.form.find(view) as usize,
        }
    }

    /// The same by the plain interpreter: slow, and right by definition.
    pub fn classify_plainly(&self, view: &View<'_>) -> usize {
        let found = match self.keyed.as_ref().and_then(|k| k.look(view)) {
            Some(packet) => self.exprs.iter().position(|e| e.eval(&packet)),
            None => self.exprs.iter().position(|e| e.eval(view)),
        };
        found.unwrap_or(self.exprs.len())
    }

    /// Whether some packet may reach the rule: false if its pattern contradicts itself or an
    /// earlier rule takes every packet that it matches. A rule that several earlier ones cover
    /// together may go unnoticed.
    pub fn reaches(&self, rule: usize) -> bool {
        self.reached.binary_search(&(rule as u32)).is_ok()
    }

    /// Memory of the compiled form, bytes.
    pub fn bytes(&self) -> usize {
        self.form.bytes() + self.keyed.as_ref().map_or(0, |k| k.bytes())
    }

    /// The rules as steps in Click's notation; `output` gives the output of a rule, `None` for a
    /// drop.
    pub fn steps(&self, output: impl Fn(usize) -> Option<usize>) -> String {
        steps::steps(&self.exprs, output)
    }
}

/// A rule of [`IPFilter`](super::ip_filter::IPFilter): what to do, and with which packets.
#[derive(Debug)]
pub struct Rule {
    /// The output; `None` drops.
    pub output: Option<usize>,
    /// The action as written.
    pub action: String,
    /// The pattern as written.
    pub pattern: String,
}

/// What was wrong, or only strange, with the rules of an element.
#[derive(Debug, Default)]
pub struct Report {
    /// Mistakes.
    pub errors: Vec<String>,
    /// What is allowed and yet suspicious.
    pub warnings: Vec<String>,
}

/// Reads the rules `ACTION PATTERN` of an element with so many outputs. Mistakes go to `report`.
pub fn parse_rules(texts: &[String], outputs: usize, names: &NameDb, report: &mut Report) -> (Vec<Rule>, Vec<Expr>) {
    let (mut rules, mut exprs) = (Vec::new(), Vec::new());
    for (i, text) in texts.iter().enumerate() {
        let text = unquote_text(text);
        let words = words::split(&text);
        let Some((&action, pattern)) = words.split_first() else {
            report.errors.push(alloc::format!("empty pattern {i}"));
            continue;
        };
        let mut notes = Notes::default();
        let output = output_of(action, outputs, &mut notes);
        let expr = parse::parse(pattern, names, &mut notes);
        let prefixed = |list: Vec<String>| list.into_iter().map(move |m| alloc::format!("pattern {i}: {m}"));
        report.errors.extend(prefixed(notes.errors));
        report.warnings.extend(prefixed(notes.warnings));
        let after = text.trim_start().strip_prefix(action).unwrap_or_default();
        rules.push(Rule { output, action: action.into(), pattern: after.trim().into() });
        exprs.push(expr);
    }
    (rules, exprs)
}

fn output_of(action: &str, outputs: usize, notes: &mut Notes) -> Option<usize> {
    match action {
        "allow" => {
            if outputs == 0 {
                notes.error("‘allow’ is meaningless, element has zero outputs");
            }
            Some(0)
        }
        "drop" => None,
        "deny" => {
            if outputs > 1 {
                notes.warnings.push("meaning of ‘deny’ has changed (now it means ‘drop’)".into());
            }
            None
        }
        _ => match sluice_dataplane::args::parse_int::<i32>(action) {
            Ok(n) => {
                let slot = usize::try_from(n).ok().filter(|n| *n < outputs);
                if slot.is_none() {
                    notes.error(alloc::format!("slot ‘{n}’ out of range"));
                }
                slot
            }
            Err(_) => {
                notes.error(alloc::format!("unknown slot ID ‘{action}’"));
                None
            }
        },
    }
}
