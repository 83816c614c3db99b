//! Sorts packets by bytes at given offsets.
use super::filter::{Base, Expr, Report, Rule, Test};
use super::sorter::Sorter;
use crate::snmp::keys::Keys;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{Op, Outcome};
use sluice_dataplane::info::{Access, Arg, Handler, Info, State};
use sluice_dataplane::merge::Merge;

/// Last byte that a clause may look at: no buffer is longer.
const MAX_OFFSET: usize = 65_535;

/// Sorts packets by bytes at given offsets.
pub struct Classifier(Sorter);

impl Configure for Classifier {
    const INFO: &'static Info = &Info {
        ports: "1/-",
        flow: "h/h",
        live: true,
        state: State::Replicated,
        args: &[Arg::rest("PATTERN", "clauses", "the packets that go to this output; as many as outputs")],
        handlers: &[
            Handler::read("program", "the patterns as steps: offset/value%mask, and where to go on")
                .merged(Merge::First),
            Handler::read("rules", "a line for each pattern: number, packets, output, pattern, separated by tabs")
                .merged(Merge::Column(1, '\t')),
            Handler::read("unmatched", "packets that no pattern matched"),
            Handler::write("reset_counts", "sets all counts to 0"),
        ],
        doc: "Sends each packet to the output of the first pattern that it matches; a packet that matches none is dropped \
              as `unmatched`.\n\nA pattern is one or more clauses `OFFSET/VALUE` or `OFFSET/VALUE%MASK`, separated by spaces, \
              all of which must hold. The offset is decimal and counts from the first byte; value and mask are \
              hexadecimal, an even number of digits, and `?` stands for any digit. A clause after `!` must not hold. A \
              pattern `-` matches every packet. The handlers `pattern0`, `pattern1` and so on read and replace patterns.",
        example: "InfiniteSource(LIMIT 5) -> c :: Classifier(12/0806 20/0001, 12/0800, -); c[0] -> Discard; c[1] -> Discard; c[2] -> Discard;",
        see: &["IPClassifier", "IPFilter"],
        ..Info::new("Classifier", "classify", "sorts packets by bytes at given offsets")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let texts = args.rest_strings();
        let mut report = Report::default();
        if texts.len() != env.outputs() {
            report.errors.push(format!("need {} arguments, one per output port", env.outputs()));
        }
        let mut exprs = Vec::new();
        for (i, text) in texts.iter().enumerate() {
            exprs.push(pattern(text).unwrap_or_else(|why| {
                report.errors.push(format!("pattern {i}: {why}"));
                Expr::Const(false)
            }));
        }
        let rule = |(i, t): (usize, &String)| Rule { output: Some(i), action: format!("{i}"), pattern: t.clone() };
        let list = texts.iter().enumerate().map(rule).collect();
        let sorter = Sorter::new(list, exprs, texts, report, Keys::default(), args, env);
        sorter.warn_unused(env);
        Classifier(sorter)
    }
}

/// Reads a pattern.
fn pattern(text: &str) -> Result<Expr, String> {
    let mut rest = text.trim();
    if rest == "-" {
        return Ok(Expr::Const(true));
    }
    let mut clauses = Vec::new();
    while !rest.is_empty() {
        let (negated, body) = rest.strip_prefix('!').map_or((false, rest), |r| (true, r.trim_start()));
        let (clause, after) = clause(body)?;
        clauses.push(if negated { clause.not() } else { clause });
        rest = after.trim_start();
    }
    Ok(Expr::all(clauses))
}

/// Reads one clause; returns what follows it.
fn clause(text: &str) -> Result<(Expr, &str), String> {
    let split = |t: &'_ str, f: fn(u8) -> bool| t.bytes().take_while(|c| f(*c)).count();
    let hex: fn(u8) -> bool = |c| c.is_ascii_hexdigit() || c == b'?';
    let (offset, rest) = text.split_at(split(text, |c| c.is_ascii_digit()));
    if offset.is_empty() {
        return Err("expected a digit".into());
    }
    let rest = rest.strip_prefix('/').ok_or("expected ‘/’")?;
    let (value, mut rest) = rest.split_at(split(rest, hex));
    let mut mask = None;
    if let Some(r) = rest.strip_prefix('%') {
        let (m, r) = r.split_at(split(r, hex));
        (mask, rest) = (Some(m), r);
    }
    if value.len() < 2 {
        return Err("value has less than 2 hex digits".into());
    }
    if value.len() % 2 != 0 {
        return Err("value has odd number of hex digits".into());
    }
    if let Some(m) = mask.filter(|m| m.len() != value.len()) {
        let how = if m.len() > value.len() { "many" } else { "few" };
        return Err(format!("mask has too {how} hex digits"));
    }
    let offset = offset.parse::<usize>().ok().filter(|o| o.saturating_add(value.len() / 2) <= MAX_OFFSET);
    let offset = offset.ok_or_else(|| format!("offset out of range, bound {MAX_OFFSET}"))?;
    // (value, mask) of each byte; a `?` takes its digit out of the mask.
    let digit = |c: u8| (c as char).to_digit(16).map_or((0u8, 0u8), |d| (d as u8, 15));
    let byte = |pair: &[u8]| match pair {
        [high, low] => {
            let (h, l) = (digit(*high), digit(*low));
            (h.0 << 4 | l.0, h.1 << 4 | l.1)
        }
        _ => (0, 0),
    };
    let values = value.as_bytes().chunks(2).map(byte);
    let masks: Vec<u8> = match mask {
        Some(m) => m.as_bytes().chunks(2).map(byte).map(|(v, m)| v & m).collect(),
        None => alloc::vec![0xff; value.len() / 2],
    };
    let mut words: Vec<(usize, u32, u32)> = Vec::new();
    for (at, ((v, m), extra)) in (offset..).zip(values.zip(masks)) {
        if words.last().is_none_or(|w| w.0 != at / 4 * 4) {
            words.push((at / 4 * 4, 0, 0));
        }
        if let Some((_, value, mask)) = words.last_mut() {
            let shift = 24 - at % 4 * 8;
            *mask |= u32::from(m & extra) << shift;
            *value |= u32::from(v & m & extra) << shift;
        }
    }
    Ok((Expr::all(words.into_iter().map(test).collect()), rest))
}

/// A word of which no bit counts matches even where there is none.
fn test((offset, value, mask): (usize, u32, u32)) -> Expr {
    if mask == 0 {
        return Expr::Const(true);
    }
    let end = 4 - (mask.trailing_zeros() / 8) as u8;
    let offset = offset as u16; // at most MAX_OFFSET
    Expr::Test(Test { base: Base::Data, offset, end, mask, value, greater: false, negated: false })
}

impl Element for Classifier {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        self.0.sort(cx, batch);
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Classifier>() {
            self.0.take_counts(&old.0);
        }
    }
    fn more_handlers(&self) -> Vec<(String, Access)> {
        self.0.pattern_handlers()
    }
    fn call(&mut self, cx: &mut Context<'_>, handler: &str, op: &Op) -> Outcome {
        self.0.call(cx, handler, op)
    }
}

#[cfg(test)]
mod tests {
    use super::super::filter::{Rules, View};
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    /// One clause: whether it must fail, the offset, and of each byte value, wildcard digits and mask.
    type Clause = (bool, usize, Vec<(u8, u8, u8)>, bool);

    fn clause() -> impl Strategy<Value = Clause> {
        let byte = (0u8..3, 0u8..4, prop::sample::select(vec![0xffu8, 0x0f, 0xf0, 3, 1, 0]));
        (any::<bool>(), 0usize..12, prop::collection::vec(byte, 1..7), any::<bool>())
    }

    fn text(c: &Clause) -> String {
        let (negated, offset, bytes, masked) = c;
        let digit = |wild: bool, v: u8| if wild { "?".into() } else { format!("{v:x}") };
        let value: String =
            bytes.iter().map(|(v, w, _)| digit(w & 2 != 0, v >> 4) + &digit(w & 1 != 0, v & 15)).collect();
        let mask: String = bytes.iter().map(|b| format!("{:02x}", b.2)).collect();
        let (sign, mask) = (if *negated { "!" } else { "" }, if *masked { format!("%{mask}") } else { String::new() });
        format!("{sign}{offset}/{value}{mask}")
    }

    /// Byte by byte; a byte of which no bit counts may be missing.
    fn holds(c: &Clause, packet: &[u8]) -> bool {
        let (negated, offset, bytes, masked) = c;
        let all = bytes.iter().enumerate().all(|(i, (value, wild, mask))| {
            let known = (if wild & 2 != 0 { 0 } else { 0xf0 }) | (if wild & 1 != 0 { 0 } else { 0x0f });
            let mask = if *masked { mask & known } else { known };
            mask == 0 || packet.get(offset + i).is_some_and(|b| b & mask == value & mask)
        });
        all != *negated
    }

    proptest! {
        #[test]
        fn patterns_match_as_byte_by_byte(
            patterns in prop::collection::vec(prop::collection::vec(clause(), 1..4), 1..12),
            packets in prop::collection::vec(prop::collection::vec(0u8..3, 0..20), 1..60),
        ) {
            let texts: Vec<String> =
                patterns.iter().map(|p| p.iter().map(text).collect::<Vec<_>>().join(" ")).collect();
            let exprs: Vec<Expr> = texts.iter().map(|t| pattern(t).expect("well-formed")).collect();
            let rules = Rules::new(exprs).expect("within the limits");
            for packet in &packets {
                let expected = patterns.iter().position(|p| p.iter().all(|c| holds(c, packet)));
                let first = rules.classify(&View::of_bytes(packet, None, None));
                prop_assert_eq!(first, expected.unwrap_or(patterns.len()), "{:?} {:?}", &texts, packet);
            }
        }
    }
}
