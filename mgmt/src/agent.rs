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
use std::collections::{BTreeMap, HashMap};
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

/// A hop: a function of this VNF; another one behind a port; or several of these, of which each flow meets one.
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
    /// The next hops that share the flows, 2 to 16 different ones; the hop names nothing else then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16)]
    pub share: Vec<NextHop>,
}

/// One of several next hops of a hop: a function of this VNF, or another one behind a port.
///
/// A flow (addresses, protocol and ports, the same in both directions) meets the same one while the next hops, their order and weights stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NextHop {
    /// The function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The port to the next service function forwarder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// Its Ethernet address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Its share of the flows, 1 to 65535, in proportion to the sum of all weights of the hop.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schema(minimum = 1, maximum = 65535)]
    pub weight: u16,
}

impl Default for NextHop {
    fn default() -> Self {
        NextHop { function: None, port: None, mac: None, weight: one() }
    }
}

fn one() -> u16 {
    1
}

fn is_one(weight: &u16) -> bool {
    *weight == one()
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
    pub counters: BTreeMap<String, u64>,
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
    /// For each hop the packets that went to each of its next hops, which add up to the hop's: none for one that is not shared.
    /// Absent where no hop is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<Vec<u64>>,
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
fn now(ems: &Ems) -> Result<(Agent, String), Problem> {
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

/// The lines of a handler of the agent's element: by the name behind the first tab, the number before it.
pub(crate) fn counts(ems: &Ems, handler: &str) -> HashMap<String, u64> {
    // It may be stopped.
    numbers(&ems.vnf.read_handler(AGENT, AGENT, handler, "").unwrap_or_default())
}

/// Of several lines with the same name the first counts.
fn numbers(text: &str) -> HashMap<String, u64> {
    let mut all = HashMap::new();
    for line in text.lines() {
        let mut words = line.split('\t');
        if let (Some(Ok(n)), Some(name)) = (words.next().map(str::parse), words.next()) {
            all.entry(name.to_string()).or_insert(n);
        }
    }
    all
}

/// The rules with their counts, and the entity tag of the agent's configuration.
pub(crate) fn rules(ems: &Ems) -> Result<(Vec<CountedRule>, String), Problem> {
    let (agent, etag) = now(ems)?;
    let counts = counts(ems, "rules");
    let counted = |rule: Rule| CountedRule { matched: counts.get(&rule.name).copied().unwrap_or(0), rule };
    Ok((agent.rules.into_iter().map(counted).collect(), etag))
}

/// The paths with their counts, and the entity tag of the agent's configuration.
pub(crate) fn paths(ems: &Ems) -> Result<(Vec<CountedPath>, String), Problem> {
    let (agent, etag) = now(ems)?;
    let counts = counts(ems, "paths");
    Ok((agent.paths.into_iter().map(|path| CountedPath::new(path, &counts)).collect(), etag))
}

impl CountedPath {
    /// `counts` has a number for each place, `SPI/SI`, and for each next hop of a shared one, `SPI/SI/K`.
    fn new(path: ServicePath, counts: &HashMap<String, u64>) -> CountedPath {
        let of = |place: String| counts.get(&place).copied().unwrap_or(0);
        let place = |n: usize| format!("{}/{}", path.id, usize::from(path.index).saturating_sub(n));
        let places = path.hops.len() + usize::from(path.to.is_some());
        let packets = (0..places).map(|n| of(place(n))).collect();
        let next = |(n, hop): (usize, &Hop)| (1..=hop.share.len()).map(|k| of(format!("{}/{k}", place(n)))).collect();
        let shared = match path.hops.iter().any(|hop| !hop.share.is_empty()) {
            true => path.hops.iter().enumerate().map(next).collect(),
            false => Vec::new(),
        };
        CountedPath { packets, shared, path }
    }
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
    let sum = |handler| counts(ems, handler).values().sum::<u64>();
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
    fn a_shared_hop_is_written_as_it_is_read_and_a_weight_of_1_left_out() {
        let text = "[[paths]]\nid = 10\nto = { port = 'B' }\nhops = [{ function = 'fw' }, \
                    { share = [{ function = 'dpi1', weight = 2 }, { port = 'B', mac = '02:00:00:00:00:01', weight = 1 }] }]\n";
        let agent = Agent::read(text).unwrap();
        let [plain, shared] = &agent.paths[0].hops[..] else { panic!("{agent:?}") };
        assert!(plain.share.is_empty());
        assert_eq!(shared.share[0], NextHop { function: Some("dpi1".into()), weight: 2, ..NextHop::default() });
        assert_eq!((shared.share[1].weight, shared.function.as_ref()), (1, None));
        let written = agent.text();
        assert_eq!(
            (written.matches("weight").count(), written.matches("paths.hops.share").count()),
            (1, 2),
            "{written}"
        );
        assert_eq!(Agent::read(&written), Ok(agent));
        for wrong in ["weight = 65536", "weight = -1", "weight = '1'", "share = []"] {
            let text = format!("[[paths]]\nid = 10\nhops = [{{ share = [{{ function = 'f', {wrong} }}] }}]\n");
            assert!(Agent::read(&text).unwrap_err().contains("line 3"), "{wrong}");
        }
    }

    #[test]
    fn a_shared_hop_has_the_counts_of_its_next_hops() {
        let text = "[[paths]]\nid = 10\nhops = [{ function = 'f' }, { share = [{ function = 'g' }, { function = 'h' }] }]\n\
                    to = { port = 'B' }\n[[paths]]\nid = 11\nhops = [{ function = 'f' }]\nto = { port = 'A' }\n";
        let counts = numbers(
            "9\t10/255\tf\n7\t10/254\tshared\n5\t10/254/1\tg\n2\t10/254/2\th\n7\t10/253\tend B\n1\t11/255\tf\n",
        );
        let mut all = Agent::read(text).unwrap().paths.into_iter().map(|path| CountedPath::new(path, &counts));
        let (first, second) = (all.next().unwrap(), all.next().unwrap());
        assert_eq!((&first.packets[..], &first.shared[..]), (&[9, 7, 7][..], &[vec![], vec![5, 2]][..]));
        assert_eq!((&second.packets[..], second.shared.len()), (&[1, 0][..], 0));
        assert!(!serde_json::to_string(&second).unwrap().contains("share"));
        let text = serde_json::to_string(&first).unwrap();
        assert_eq!(serde_json::from_str::<CountedPath>(&text).unwrap(), first);
    }

    #[test]
    fn the_first_of_several_lines_of_a_name_counts_and_what_is_no_number_does_not() {
        let all = numbers("1\ta\tx\n2\tb\n3\ta\ty\nmany\tc\n4\n");
        assert_eq!((all.len(), all["a"], all["b"]), (2, 1, 2));
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
