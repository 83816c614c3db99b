//! The structural agent as it is managed: which packets go on which service path, and what comes next on it.
//!
//! It is a configuration like that of a function, of the name [`AGENT`]: a text (TOML) with revisions, entity tags and changes
//! that must be confirmed. Routes for rules and paths change their part of it.
use crate::ems::Ems;
use crate::functions::{Change, Changed, Terms};
use crate::problem::Problem;
use crate::store::Origin;
use crate::vnf::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The name of the agent among the functions of a VNF.
pub const AGENT: &str = "agent";

/// What becomes of frames that no rule matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Foreign {
    /// They are dropped as `unmatched`.
    #[default]
    Drop,
    /// They leave by the other port, of two.
    Pass,
}

/// The agent's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Agent {
    /// What becomes of frames that no rule matches.
    pub foreign: Foreign,
    /// OAM packets (RFC 8300 section 2.2, the O bit) are forwarded as they are, not dropped.
    pub forward_oam: bool,
    /// MD type 15 and next protocols 254 and 255 are let through.
    pub experimental: bool,
    /// New headers have MD type 2 and no metadata, instead of type 1.
    pub short_headers: bool,
    /// Which frames without NSH go on which path: the first rule that matches.
    pub rules: Vec<Rule>,
    /// Service paths.
    pub paths: Vec<ServicePath>,
}

/// Which frames go on a path. What is absent matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name: a word.
    pub name: String,
    /// The port that they come from; or the function, for packets that it made itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The identifier of their first VLAN tag, 0 to 4095.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 4095)]
    pub vlan: Option<u16>,
    /// Their Ethernet type, behind a VLAN tag if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ether_type: Option<u16>,
    /// A pattern of IPFilter: `tcp dst port 80 and src net 10.0.0.0/8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets: Option<String>,
    /// A pattern of SNMPClassifier, of the SNMP messages that they hold: `version 2c community public`, `user admin pdu get|getnext`.
    /// They come from or go to UDP port 161 or 162.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snmp: Option<String>,
    /// Frames with NSH that are at this place on another path (a reclassifier); nothing else of the rule counts then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsh: Option<Place>,
    /// The path that they go on, its identifier (SPI).
    #[schema(minimum = 1, maximum = 16_777_215)]
    pub path: u32,
    /// The index at which they come on it; absent: where it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u8>,
}

/// A place on a service path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Service path identifier.
    #[schema(minimum = 1, maximum = 16_777_215)]
    pub path: u32,
    /// Service index.
    pub index: u8,
}

/// A service path. The index goes down by one with each hop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServicePath {
    /// Service path identifier.
    #[schema(minimum = 1, maximum = 16_777_215)]
    pub id: u32,
    /// The index that it begins with here: 255, or less where it comes from elsewhere.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    #[schema(minimum = 1)]
    pub index: u8,
    /// What comes one after the other.
    pub hops: Vec<Hop>,
    /// Where frames leave after the last hop, without NSH.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<End>,
}

fn first() -> u8 {
    255
}

fn is_first(index: &u8) -> bool {
    *index == first()
}

/// A hop: a function of this VNF, or another one behind a port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hop {
    /// The function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The port to the next service function forwarder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// Its Ethernet address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
}

/// Where frames leave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// The port.
    pub port: String,
    /// The Ethernet address that they are sent to then; absent: it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
}

/// A connection point of the Click-on-OSv model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionPoint {
    /// `CE01` to `CE03` (to the outside), `CI01` to `CI03` (inside).
    pub id: String,
    /// What it connects.
    pub name: String,
    /// It is in use.
    pub active: bool,
    /// What passed so far, by name.
    pub counters: std::collections::BTreeMap<String, u64>,
}

/// A rule and how many packets it matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CountedRule {
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
    /// Packets that it matched; `packets` is the rule's own pattern.
    pub matched: u64,
}

/// A path and how many packets came to each of its hops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CountedPath {
    /// The path.
    #[serde(flatten)]
    pub path: ServicePath,
    /// Packets that came to each hop, and to the end if there is one.
    pub packets: Vec<u64>,
}

impl Agent {
    /// Reads the text.
    ///
    /// # Errors
    /// What is wrong, with its line.
    pub fn read(text: &str) -> Result<Agent, String> {
        toml::from_str(text).map_err(|e| e.to_string())
    }

    /// The text.
    pub fn text(&self) -> String {
        toml::to_string(self).unwrap_or_default() // it has no type that TOML does not
    }
}

/// The agent's configuration as it is now, and its entity tag.
pub(crate) fn now(ems: &Ems) -> Result<(Agent, String), Problem> {
    let none = |_| Problem::not_found("this VNF has no structural agent: its description names no [[functions]]");
    let function = ems.functions.get(AGENT).map_err(none)?;
    let agent = Agent::read(&function.configuration.text).map_err(Problem::internal)?;
    Ok((agent, function.etag))
}

/// Changes a part of the configuration, as a function is changed.
pub(crate) fn change(ems: &Ems, author: &str, terms: Terms, part: impl FnOnce(&mut Agent)) -> Result<Changed, Problem> {
    let (mut agent, etag) = now(ems)?;
    part(&mut agent);
    // It was merged with what was read: if somebody else was faster, that is not what it would change.
    let terms = Terms { if_match: Some(terms.if_match.filter(|tag| tag.trim() != "*").unwrap_or(etag)), ..terms };
    let change = Change { text: Some(agent.text()), ..Change::default() };
    ems.functions.change(AGENT, change, &terms, author, Origin::Api)
}

/// The lines of a handler of the agent's element: a number, and a name behind a tab.
fn counts(ems: &Ems, handler: &str) -> Vec<(u64, String)> {
    let text = ems.vnf.read_handler(AGENT, AGENT, handler, "").unwrap_or_default(); // it may be stopped
    let line = |l: &str| {
        let mut words = l.split('\t');
        Some((words.next()?.parse().ok()?, words.next()?.to_string()))
    };
    text.lines().filter_map(line).collect()
}

/// The rules with their counts, and the entity tag of the agent's configuration.
pub(crate) fn rules(ems: &Ems) -> Result<(Vec<CountedRule>, String), Problem> {
    let (agent, etag) = now(ems)?;
    let counts = counts(ems, "rules");
    let matched = |rule: &Rule| counts.iter().find(|c| c.1 == rule.name).map_or(0, |c| c.0);
    Ok((agent.rules.into_iter().map(|rule| CountedRule { matched: matched(&rule), rule }).collect(), etag))
}

/// The paths with their counts, and the entity tag of the agent's configuration.
pub(crate) fn paths(ems: &Ems) -> Result<(Vec<CountedPath>, String), Problem> {
    let (agent, etag) = now(ems)?;
    let counts = counts(ems, "paths");
    let counted = |path: ServicePath| {
        let places = path.hops.len() + usize::from(path.to.is_some());
        let place = |n: usize| format!("{}/{}", path.id, usize::from(path.index).saturating_sub(n));
        let packets = |n| counts.iter().find(|c| c.1 == place(n)).map_or(0, |c| c.0);
        CountedPath { packets: (0..places).map(packets).collect(), path }
    };
    Ok((agent.paths.into_iter().map(counted).collect(), etag))
}

/// The six connection points of the Click-on-OSv model.
pub(crate) fn interfaces(ems: &Ems) -> Vec<ConnectionPoint> {
    let snapshot = ems.vnf.snapshot();
    let ports = |accelerated: bool| {
        let mine = snapshot.ports.iter().filter(|p| (p.driver == "dpdk") == accelerated);
        let (mut received, mut sent, mut dropped, mut some) = (0, 0, 0, false);
        for p in mine {
            some = true;
            received += p.received.as_ref().map_or(0, |s| s.packets);
            sent += p.sent.as_ref().map_or(0, |s| s.packets);
            let lost = p.received.iter().chain(&p.sent).flat_map(|s| s.dropped.values());
            dropped += lost.sum::<u64>();
        }
        (some, [("received", received), ("sent", sent), ("dropped", dropped)])
    };
    let requests: u64 = ems.requests.all().iter().map(|r| r.count).sum();
    let revisions = ems.functions.list().iter().map(|f| f.revision).sum();
    let sum = |handler| counts(ems, handler).iter().map(|c| c.0).sum::<u64>();
    let functions = ems.vnf.functions();
    let one = |id: &str, name: &str, active: bool, counters: &[(&str, u64)]| ConnectionPoint {
        id: id.into(),
        name: name.into(),
        active,
        counters: counters.iter().map(|(name, n)| (name.to_string(), *n)).collect(),
    };
    let (accelerated, fast) = ports(true);
    let (direct, plain) = ports(false);
    vec![
        one("CE01", "management: REST", true, &[("requests", requests)]),
        one("CE02", "accelerated network: DPDK", accelerated, &fast),
        one("CE03", "direct network: the kernel's sockets", direct, &plain),
        one("CI01", "agent to accelerator", accelerated, &fast),
        one("CI02", "EMS to agent", true, &[("revisions", revisions)]),
        one(
            "CI03",
            "agent to frameworks",
            functions.iter().any(|f| f.framework != AGENT && f.state == State::Running),
            &[("given", sum("given")), ("returned", sum("returned")), ("bypassed", sum("bypassed"))],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_written_as_it_is_read() {
        let text = "foreign = 'pass'\n[[rules]]\nname = 'web'\nfrom = 'A'\npackets = 'tcp dst port 80'\npath = 10\n\
                    [[rules]]\nname = 'managed'\nsnmp = 'user \"the admin\" pdu set'\npath = 10\n\
                    [[paths]]\nid = 10\nhops = [{ function = 'fw' }, { port = 'B', mac = '02:00:00:00:00:01' }]\nto = { port = 'B' }\n";
        let agent = Agent::read(text).unwrap();
        assert_eq!((agent.paths[0].index, agent.foreign), (255, Foreign::Pass));
        assert_eq!(Agent::read(&agent.text()), Ok(agent));
        assert!(Agent::read("[[rules]]\nname = 'x'\nway = 1\n").unwrap_err().contains("line 3"));
    }

    #[test]
    fn a_rule_with_a_count_has_its_pattern_beside_it() {
        let rule = Agent::read("[[rules]]\nname = 'web'\npackets = 'tcp'\npath = 10\n").unwrap().rules.remove(0);
        let counted = CountedRule { matched: 7, rule };
        let text = serde_json::to_string(&counted).unwrap();
        assert_eq!(text.matches("\"packets\"").count(), 1, "{text}");
        assert_eq!(serde_json::from_str::<CountedRule>(&text).unwrap(), counted);
    }
}
