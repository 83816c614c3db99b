//! Sorts IP packets by patterns.
use super::filter::{Report, parse_rules};
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

/// Sorts IP packets by patterns.
pub struct IPClassifier(Sorter);

impl Configure for IPClassifier {
    const INFO: &'static Info = &Info {
        ports: "1/-",
        flow: "h/h",
        live: true,
        state: State::Replicated,
        args: &[Arg::rest("PATTERN", "pattern", "the packets that go to this output; as many as outputs")],
        handlers: &[
            Handler::read("program", "the patterns as steps: offset/value%mask, and where to go on")
                .merged(Merge::First),
            Handler::read("rules", "a line for each pattern: number, packets, output, pattern, separated by tabs")
                .merged(Merge::Column(1, '\t')),
            Handler::read("unmatched", "packets that no pattern matched"),
            Handler::write("reset_counts", "sets all counts to 0"),
        ],
        doc: "Sends each IP packet to the output of the first pattern that it matches; a packet that matches none is \
              dropped as `unmatched`.\n\nPatterns are made of these primitives: `ip proto PROTO`; `[src | dst | src or dst | \
              src and dst] host ADDRESS`, `... net ADDRESS/BITS` or `ADDRESS mask MASK`, `... [tcp | udp] port PORT`; `ip vers`, \
              `ip hl`, `ip len`, `ip id`, `ip tos`, `ip dscp`, `ip ecn`, `ip ttl` with a number; `ip ect`, `ip ce`; `ip frag`, `ip \
              unfrag`; `tcp opt FLAG` (syn, fin, ack, rst, psh, urg); `tcp win NUMBER`; `icmp type TYPE`; `ether host \
              ADDRESS`; `ip[POS:LEN] NUMBER`, `transp[POS:LEN] NUMBER`, `tcp[POS:LEN] NUMBER`; `true`, `false`.\n\nBefore a \
              value may stand `=`, `==`, `!=`, before a number also `<`, `>`, `<=`, `>=`; before that `& MASK`. A number may be \
              a range, `1000-1999`. Primitives are combined with `and`, `or`, `not` (`&&`, `||`, `!`), `? :` with spaces \
              around the colon, and parentheses; two in a row mean `and`. What can be told from the value or from the \
              primitive before may be left out: `tcp`, `www`, `syn`, `10.0.0.0/8`, `src port 80 or 81`. A pattern `-`, `any` \
              or `all` matches everything.\n\nTests of transport headers are true of first fragments only. A test of bytes \
              that the packet does not have is false, and so is its `!=`; `not` around it is true.",
        example: "InfiniteSource(LIMIT 5) -> c :: IPClassifier(dst tcp port 8000 or 8080, icmp type echo, -); c[0] -> Discard; c[1] -> Discard; \
                  c[2] -> Discard;",
        see: &["IPFilter", "Classifier", "SNMPClassifier"],
        ..Info::new("IPClassifier", "classify", "sorts IP packets by patterns")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let texts = args.rest_strings();
        let mut report = Report::default();
        if texts.len() != env.outputs() {
            report.errors.push(format!("need {} arguments, one per output port", env.outputs()));
        }
        let rules: Vec<String> = texts.iter().enumerate().map(|(i, t)| format!("{i} {t}")).collect();
        let (list, exprs) = parse_rules(&rules, rules.len(), args.names(), &mut report);
        let sorter = Sorter::new(list, exprs, texts, report, Keys::default(), args, env);
        sorter.warn_unused(env);
        IPClassifier(sorter)
    }
}

impl Element for IPClassifier {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        self.0.sort(cx, batch);
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<IPClassifier>() {
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
