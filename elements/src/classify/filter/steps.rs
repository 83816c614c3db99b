//! Rules as a list of steps, in the notation of Click's `program` handlers: `offset/value%mask`
//! and where to go on. Offsets count from the link header less two (from 0), the network header
//! (from 256) and the transport header (from 512), or from the first byte.
//!
//! This shows what the rules mean; packets go through the compiled form instead.
use super::expr::{Base, Expr, Test};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

/// Steps that are shown, at most.
const MAX_STEPS: usize = 20_000;

/// Where a step leads.
#[derive(Clone, Copy)]
enum Goal {
    /// An output, or a drop.
    Out(Option<usize>),
    /// A step that is not known yet, by its label.
    Label(usize),
}

struct Step {
    test: Test,
    yes: Goal,
    no: Goal,
    short_yes: bool,
}

#[derive(Default)]
struct Steps {
    steps: Vec<Step>,
    /// Where labels turned out to be: a goal that the label stands for, or a step.
    labels: Vec<Option<Result<usize, Goal>>>,
}

/// All steps of some rules.
pub(super) fn steps(rules: &[Expr], output: impl Fn(usize) -> Option<usize>) -> String {
    let mut s = Steps::default();
    let mut start = None;
    for (i, rule) in rules.iter().enumerate().filter(|r| *r.1 != Expr::Const(false)) {
        let goal = Goal::Out(output(i));
        if let Some(label) = start.take() {
            s.place(label, rule, goal);
        }
        if *rule == Expr::Const(true) || s.steps.len() > MAX_STEPS {
            if s.steps.is_empty() {
                return s.show(goal);
            }
            break;
        }
        let next = s.label();
        s.emit(rule, goal, Goal::Label(next));
        start = Some(next);
    }
    if let Some(label) = start {
        s.labels[label] = Some(Err(Goal::Out(None)));
    }
    s.show(Goal::Out(None))
}

impl Steps {
    fn label(&mut self) -> usize {
        self.labels.push(None);
        self.labels.len() - 1
    }

    /// The label stands for the next step, or for `goal` when `rule` takes every packet.
    fn place(&mut self, label: usize, rule: &Expr, goal: Goal) {
        self.labels[label] = Some(if *rule == Expr::Const(true) { Err(goal) } else { Ok(self.steps.len()) });
    }

    fn here(&mut self, label: usize) {
        self.labels[label] = Some(Ok(self.steps.len()));
    }

    fn emit(&mut self, e: &Expr, yes: Goal, no: Goal) {
        if self.steps.len() > MAX_STEPS {
            return;
        }
        match e {
            Expr::Const(b) => {
                // Only inside `? :`; a test of no bits passes whenever there is a packet.
                let test =
                    Test { base: Base::Data, offset: 0, end: 1, mask: 0, value: 0, greater: false, negated: false };
                let goal = if *b { yes } else { no };
                self.steps.push(Step { test, yes: goal, no: goal, short_yes: false });
            }
            Expr::Test(t) if t.greater => self.emit(&greater(t), yes, no),
            Expr::Test(t) => {
                let (hit, miss) = if t.negated { (no, yes) } else { (yes, no) };
                self.steps.push(Step { test: *t, yes: hit, no: miss, short_yes: t.negated });
            }
            Expr::Not(e) => self.emit(e, no, yes),
            Expr::And(parts) => self.chain(parts, |s, e, next| s.emit(e, next, no), |s, e| s.emit(e, yes, no)),
            Expr::Or(parts) => self.chain(parts, |s, e, next| s.emit(e, yes, next), |s, e| s.emit(e, yes, no)),
            Expr::If(e) => {
                let (then, otherwise) = (self.label(), self.label());
                self.emit(&e[0], Goal::Label(then), Goal::Label(otherwise));
                self.here(then);
                self.emit(&e[1], yes, no);
                self.here(otherwise);
                self.emit(&e[2], yes, no);
            }
        }
    }

    fn chain(&mut self, parts: &[Expr], each: impl Fn(&mut Self, &Expr, Goal), last: impl Fn(&mut Self, &Expr)) {
        let Some((end, first)) = parts.split_last() else { return };
        for e in first {
            let next = self.label();
            each(self, e, Goal::Label(next));
            self.here(next);
        }
        last(self, end);
    }

    fn goal(&self, mut goal: Goal) -> String {
        loop {
            match goal {
                Goal::Out(Some(out)) => return format!("[{out}]"),
                Goal::Out(None) => return "[X]".into(),
                Goal::Label(l) => match self.labels.get(l).copied().flatten() {
                    Some(Ok(step)) if step < self.steps.len() => return format!("step {step}"),
                    Some(Err(g)) => goal = g,
                    _ => return "[...]".into(),
                },
            }
        }
    }

    fn show(&self, all: Goal) -> String {
        let mut out = String::new();
        let mut safe = 0;
        for (i, s) in self.steps.iter().enumerate() {
            let t = s.test;
            let base = match t.base {
                Base::Data | Base::Link => 0,
                Base::Network => 256,
                Base::Transport => 512,
            };
            let (offset, value, mask) = match t.base {
                // The first word begins two bytes before the header.
                Base::Link if t.offset == 0 => (0, t.value >> 16, t.mask >> 16),
                Base::Link => (usize::from(t.offset) + 2, t.value, t.mask),
                _ => (base + usize::from(t.offset), t.value, t.mask),
            };
            if mask != 0 {
                safe = safe.max(offset + 4 - mask.trailing_zeros() as usize / 8);
            }
            let (yes, no) = (self.goal(s.yes), self.goal(s.no));
            let short = if s.short_yes { "  short->yes" } else { "" };
            let _ = writeln!(out, "{i:2} {offset:3}/{value:08x}%{mask:08x}  yes->{yes}  no->{no}{short}");
        }
        if self.steps.is_empty() {
            let _ = writeln!(out, "all->{}", self.goal(all));
        }
        let _ = write!(out, "safe length {safe}\nalignment offset 0\n");
        out
    }
}

/// `word & mask > value` as tests for equality: at the first bit that differs, the word has 1.
fn greater(t: &Test) -> Expr {
    let extra = t.value & !t.mask;
    let below = if extra == 0 { 0 } else { u32::MAX >> extra.leading_zeros() };
    // The greatest number of the mask's bits that is not greater than the value.
    let value = ((t.value & !below) | below) & t.mask & if extra == 0 { t.value } else { u32::MAX };
    let bits = (0..32).rev().map(|b| 1u32 << b).filter(|b| t.mask & b != 0 && value & b == 0);
    let any = bits.map(|bit| {
        let mask = t.mask & !(bit - 1);
        Expr::Test(Test { mask, value: value & mask | bit, greater: false, negated: false, ..*t })
    });
    let any = Expr::Or(any.collect());
    if t.negated { any.not() } else { any }
}
