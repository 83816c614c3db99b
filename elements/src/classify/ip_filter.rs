//! Filters IP packets by rules.
use super::filter::{Report, parse_rules};
use super::sorter::Sorter;
use crate::snmp::keys::Keys;
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

/// Filters IP packets by rules.
pub struct IPFilter(Sorter);

impl Configure for IPFilter {
    const INFO: &'static Info = &Info {
        ports: "1/-",
        flow: "h/h",
        live: true,
        state: State::Replicated,
        args: &[Arg::rest("RULE", "action and pattern", "what to do with packets that match")],
        handlers: &[
            Handler::read("program", "the rules as steps: offset/value%mask, and where to go on").merged(Merge::First),
            Handler::read("rules", "a line for each rule: number, packets, action, pattern, separated by tabs")
                .merged(Merge::Column(1, '\t')),
            Handler::read("unmatched", "packets that no rule matched"),
            Handler::write("reset_counts", "sets all counts to 0"),
        ],
        doc: "Sends each IP packet where the first rule that matches it says. A rule is an action and a pattern. Actions \
              are `allow` (the same as 0), `drop` or `deny`, and the number of an output. Patterns are those of \
              IPClassifier; `-`, `any`, `all` or nothing match every packet.\n\nA packet that a rule drops is counted as \
              `filtered`, one that no rule matches as `unmatched`. Every rule counts its packets. The handlers \
              `pattern0`, `pattern1` and so on read and replace single rules; rules that stay keep their counts.\n\nThe \
              network header annotation must be set (CheckIPHeader or MarkIPHeader do that); tests of a packet \
              without one are false. The time that a packet takes hardly depends on the number of rules. At most 65,536 rules over 256 different \
              fields are taken, and 64 MiB when compiled.",
        example: "InfiniteSource(LIMIT 5) -> f :: IPFilter(allow src net 10.0.0.0/8 and tcp dst port 80, 1 icmp type echo, deny all) -> Discard; \
                  f[1] -> Discard;",
        see: &["IPClassifier", "Classifier"],
        ..Info::new("IPFilter", "classify", "filters IP packets by rules")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let texts = args.rest_strings();
        let mut report = Report::default();
        let (list, exprs) = parse_rules(&texts, env.outputs(), args.names(), &mut report);
        IPFilter(Sorter::new(list, exprs, texts, report, Keys::default(), args, env))
    }
}

impl Element for IPFilter {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        self.0.sort(cx, batch);
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<IPFilter>() {
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
