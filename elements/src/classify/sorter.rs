//! What Classifier, IPClassifier, IPFilter and SNMPClassifier share: rules that send packets to outputs, with a
//! count for each.
use super::filter::{Expr, Report, Rule, Rules, Start};
use crate::snmp::keys::Keys;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use hashbrown::HashMap;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{Call, HandlerError, Op, Outcome};
use sluice_dataplane::info::Access;
use sluice_dataplane::reason::Reason;

/// Beyond all outputs: dropped by a rule, dropped because no rule matched.
const DENIED: u16 = u16::MAX;
const UNMATCHED: u16 = u16::MAX - 1;

/// Compiled rules with their outputs and counts.
pub(super) struct Sorter {
    rules: Rules,
    list: Vec<Rule>,
    /// The arguments as written.
    texts: Vec<String>,
    /// What follows them in a configuration: keywords, each after a comma.
    keywords: String,
    /// By rule; the last one is for packets that no rule matches.
    fates: Vec<Fate>,
}

/// What becomes of the packets of a rule, and how many there were.
struct Fate {
    output: u16,
    packets: u64,
}

impl Sorter {
    /// From rules, the arguments that they were read from, and the keys of messages that they ask for. Mistakes go to `args`.
    pub(super) fn new(
        list: Vec<Rule>,
        exprs: Vec<Expr>,
        texts: Vec<String>,
        report: Report,
        keys: Keys,
        args: &mut Args<'_>,
        env: &mut Env<'_>,
    ) -> Sorter {
        report.warnings.into_iter().for_each(|w| env.warn(w));
        let bad = !report.errors.is_empty();
        report.errors.into_iter().for_each(|e| args.error(e));
        let rules = Rules::with_keys(if bad { Vec::new() } else { exprs }, keys);
        let rules = rules.map_err(|e| args.error(e)).unwrap_or_default();
        let fate = |r: &Rule| r.output.map_or(DENIED, |o| u16::try_from(o).unwrap_or(DENIED).min(UNMATCHED - 1));
        let outputs = list.iter().map(fate).chain([UNMATCHED]);
        let fates = outputs.map(|output| Fate { output, packets: 0 }).collect();
        Sorter { rules, list, texts, keywords: String::new(), fates }
    }

    /// With keywords that stay when a pattern is replaced.
    pub(super) fn with_keywords(self, keywords: String) -> Sorter {
        Sorter { keywords, ..self }
    }

    /// Notes outputs that no packet can reach.
    pub(super) fn warn_unused(&self, env: &mut Env<'_>) {
        for i in (0..self.list.len()).filter(|i| !self.rules.reaches(*i)) {
            env.warn(format!("output {i} matches no packets"));
        }
    }

    /// Sends every packet where the first rule that matches says.
    #[inline]
    pub(super) fn sort(&mut self, cx: &mut Context<'_>, batch: &mut Batch) {
        let Sorter { rules, fates, .. } = self;
        cx.scatter_many(
            batch,
            |some, outs| {
                rules.classify_packets(some, Start::Annotation, outs, |rule| match fates.get_mut(rule as usize) {
                    Some(fate) => {
                        fate.packets += 1;
                        fate.output
                    }
                    None => UNMATCHED,
                });
            },
            |cx, p, fate| cx.drop(p, if fate == DENIED { Reason::Filtered } else { Reason::Unmatched }),
        );
    }

    /// Takes the counts of rules that are written as before.
    pub(super) fn take_counts(&mut self, old: &Sorter) {
        let mut known: HashMap<&str, Vec<u64>> = HashMap::new();
        for (text, fate) in old.texts.iter().zip(&old.fates).rev() {
            known.entry(text).or_default().push(fate.packets);
        }
        for (text, fate) in self.texts.iter().zip(&mut self.fates) {
            fate.packets = known.get_mut(text.as_str()).and_then(Vec::pop).unwrap_or(0);
        }
        if let (Some(fate), Some(was)) = (self.fates.last_mut(), old.fates.last()) {
            fate.packets = was.packets;
        }
    }

    /// The handlers `pattern0`, `pattern1` ...
    pub(super) fn pattern_handlers(&self) -> Vec<(String, Access)> {
        (0..self.texts.len()).map(|i| (format!("pattern{i}"), Access::ReadWrite)).collect()
    }

    /// Reads or writes the handlers of all these classes. A new pattern is a new configuration: the
    /// engine builds it aside, so that a wrong one changes nothing.
    pub(super) fn call(&mut self, cx: &Context<'_>, handler: &str, op: &Op) -> Outcome {
        let pattern =
            handler.strip_prefix("pattern").and_then(|n| n.parse::<usize>().ok()).filter(|n| *n < self.texts.len());
        Outcome::Done(match (handler, pattern, op) {
            ("program", _, Op::Read(_)) => Ok(self.rules.steps(|r| self.list.get(r).and_then(|r| r.output))),
            ("rules", _, Op::Read(_)) => Ok(self.report()),
            ("unmatched", _, Op::Read(_)) => Ok(format!("{}", self.fates.last().map_or(0, |f| f.packets))),
            ("reset_counts", _, Op::Write(_)) => {
                self.fates.iter_mut().for_each(|f| f.packets = 0);
                Ok(String::new())
            }
            (_, Some(i), Op::Read(_)) => Ok(self.texts[i].clone()),
            (_, Some(i), Op::Write(value)) => {
                let mut texts = self.texts.clone();
                texts[i] = value.trim().into();
                return Outcome::Yield(Call::write(format!("{}.config", cx.name()), texts.join(", ") + &self.keywords));
            }
            _ => Err(HandlerError::NoHandler(handler.into())),
        })
    }

    fn report(&self) -> String {
        let mut out = String::new();
        for (i, (rule, fate)) in self.list.iter().zip(&self.fates).enumerate() {
            let n = fate.packets;
            let _ = writeln!(out, "{i}\t{n}\t{}\t{}", rule.action, rule.pattern);
        }
        out
    }
}
