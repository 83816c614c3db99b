//! Sorts SNMP messages by version, community, user, context and PDU type.
use super::filter::{Expr, Report, Rule};
use super::sorter::Sorter;
use crate::snmp::keys::{Keys, PORTS};
use crate::snmp::pattern;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use sluice_dataplane::args::{Args, FromArg, Raw, UdpPort, split_words};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{Op, Outcome};
use sluice_dataplane::info::{Access, Arg, Handler, Info, State};
use sluice_dataplane::merge::Merge;

/// Sorts SNMP messages.
pub struct SNMPClassifier(Sorter);

impl Configure for SNMPClassifier {
    const INFO: &'static Info = &Info {
        ports: "1/-",
        flow: "h/h",
        live: true,
        state: State::Replicated,
        args: &[
            Arg::rest("PATTERN", "terms", "the packets that go to this output; as many as outputs"),
            Arg::keyword(
                "PORTS",
                "UDP ports",
                "161 162",
                "where messages are looked for: one end must have such a port",
            ),
        ],
        handlers: &[
            Handler::read("rules", "a line for each pattern: number, packets, output, pattern, separated by tabs")
                .merged(Merge::Column(1, '\t')),
            Handler::read("unmatched", "packets that no pattern matched"),
            Handler::write("reset_counts", "sets all counts to 0"),
        ],
        doc: "Sends each SNMP message to the output of the first pattern that it matches; a packet that matches none is \
              dropped as `unmatched`.\n\nA pattern is a list of terms, all of which must hold; `not` before a term turns it \
              round, `-` alone matches every packet, SNMP or not. Terms are: `version 1`, `version 2c`, `version 3`; `pdu TYPE`, one of \
              get, getnext, getbulk, set, response, trap, inform, report, or `encrypted` for what cannot be seen; `community NAME`, of \
              version 1 and 2c; `user NAME`, of version 3 with USM; `context NAME` and `engine HEX`, the context of \
              version 3 and its engine. Versions and types may be several: `pdu get|getnext|getbulk`. A name with spaces, or an empty \
              one, is quoted (`\"\"`), other octets are written as Click writes them (`\\<00ff>`).\n\nMessages are looked for in UDP over \
              IPv4, in packets with a marked IP header that are no fragments. Of an encrypted message version and user are known, and \
              that it is encrypted. What is not one whole message and nothing else (RFC 1157, 1901, 3412, 3414; definite lengths, \
              RFC 3417) is not SNMP: only `-` matches it. What is in a PDU is not looked at. The handlers `pattern0`, `pattern1` and \
              so on read and replace patterns.",
        example: "InfiniteSource(LIMIT 5) -> c :: SNMPClassifier(version 2c community public pdu get|getnext|getbulk, user admin, \
                  version 1|2c|3, -); c[0] -> Discard; c[1] -> Discard; c[2] -> Discard; c[3] -> Discard;",
        see: &["IPClassifier", "StructuralAgent"],
        ..Info::new(
            "SNMPClassifier",
            "classify",
            "sorts SNMP messages by version, community, user, context and PDU type",
        )
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let mut report = Report::default();
        let mut keys = Keys::default();
        let ports: Option<Raw> = args.keyword_some("PORTS");
        let keywords = ports.iter().map(|Raw(text)| format!(", PORTS {text}")).collect();
        if let Some(Raw(text)) = &ports {
            let read = |word: &&str| UdpPort::from_arg(word, args.names()).map(|p| p.0);
            match split_words(text).iter().map(read).collect::<Result<Vec<u16>, _>>() {
                Ok(list) if (1..=PORTS_AT_MOST).contains(&list.len()) => keys = Keys::on_ports(list),
                Ok(_) => report.errors.push(format!("PORTS: 1 to {PORTS_AT_MOST} ports")),
                Err(why) => report.errors.push(format!("PORTS: {why}")),
            }
        }
        let texts = args.rest_strings();
        if texts.len() != env.outputs() {
            report.errors.push(format!("need {} arguments, one per output port", env.outputs()));
        }
        let mut exprs = Vec::new();
        for (i, text) in texts.iter().enumerate() {
            let read = if text.trim() == "-" { Ok(Expr::Const(true)) } else { pattern::parse(text, &mut keys) };
            exprs.push(read.unwrap_or_else(|why| {
                report.errors.push(format!("pattern {i}: {why}"));
                Expr::Const(false)
            }));
        }
        let rule = |(i, t): (usize, &String)| Rule { output: Some(i), action: format!("{i}"), pattern: t.clone() };
        let list = texts.iter().enumerate().map(rule).collect();
        let sorter = Sorter::new(list, exprs, texts, report, keys, args, env).with_keywords(keywords);
        sorter.warn_unused(env);
        SNMPClassifier(sorter)
    }
}

/// Ports that messages are looked for on, at most: each takes time of every packet.
const PORTS_AT_MOST: usize = 2 * PORTS.len();

impl Element for SNMPClassifier {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        self.0.sort(cx, batch);
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<SNMPClassifier>() {
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
