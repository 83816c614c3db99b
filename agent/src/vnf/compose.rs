//! Several functions and the structural agent, as one Click configuration.
//!
//! All that moves packets is one graph, so a change of any part is a swap like every other: nothing is lost, counters and
//! tables of what stays go on, traces and taps see everything. A function of Click is a compound element with its name; one of
//! another framework is an element of its own inside such a compound. Each has an input and an output 0, along service paths.
use super::description::{Access, Framework, Member, Port};
use crate::driver::{Driver, Source, classes};
use crate::programs::Programs;
use sluice_dataplane::args::quote;
use sluice_dataplane::lang::{Diagnostic, Reader};
use sluice_mgmt::agent::{AGENT, Agent, Foreign, Hop, NextHop, ServicePath};
use sluice_mgmt::vnf::Configuration;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What does not change while the VNF runs: which functions and ports there are.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) members: Vec<Member>,
    pub(crate) ports: Vec<Port>,
}

/// The configurations of the agent and of the functions, by name.
pub(crate) type All = BTreeMap<String, Configuration>;

/// The element of the agent in the graph.
pub(crate) const ELEMENT: &str = "agent";

/// The element of a WebAssembly function in its compound.
pub(crate) const GUEST: &str = "guest";

/// The configuration of all of it; the driver learns the parameters of each function. What is meant for functions that are
/// `stopped`, or whose program could not be made, passes by or is dropped. Click graphs and modules are not in it then; the
/// ends of a program are, so that what is on its way back from it still arrives.
///
/// # Errors
/// What does not fit together.
pub(crate) fn compose(
    driver: &mut Driver,
    shape: &Shape,
    all: &All,
    stopped: &BTreeSet<String>,
    programs: &Programs,
) -> Result<Source, Vec<Diagnostic>> {
    let mut wrong = Vec::new();
    let text = all.get(AGENT).map_or("", |c| c.text.as_str());
    let agent = Agent::read(text).unwrap_or_else(|why| {
        wrong.push(error(AGENT, why));
        Agent::default()
    });
    let mut lines: Vec<String> = Vec::new();
    ports(shape, &mut lines);
    let compounds: BTreeMap<&str, String> =
        shape.members.iter().filter_map(|m| Some((m.name.as_str(), programs.compound(&m.name)?))).collect();
    let is_there = |m: &Member| match m.framework {
        Framework::External => compounds.contains_key(m.name.as_str()),
        Framework::Click | Framework::Wasm => !stopped.contains(&m.name),
    };
    for m in &shape.members {
        let down = if stopped.contains(&m.name) || !is_there(m) { " down" } else { "" };
        let aware = if m.aware { " aware" } else { "" };
        let open = if m.fails_open() { " open" } else { "" };
        let detached = if m.framework == Framework::External { " detached" } else { "" };
        lines.push(format!("FUNCTION {}{aware}{open}{down}{detached}", m.name));
    }
    tables(&agent, &mut lines, &mut wrong);
    let lines: Vec<String> = lines.iter().map(|l| quote(l.as_bytes())).collect();
    let mut text = format!("#line 1 \"{AGENT}\"\n{ELEMENT} :: StructuralAgent({});\n", lines.join(", "));
    for (n, p) in shape.ports.iter().enumerate() {
        let device = quote(p.device.as_bytes());
        let (from, to) = match p.access {
            Some(Access::Accelerated) => ("FromDPDKDevice", "ToDPDKDevice"),
            _ => ("FromDevice", "ToDevice"),
        };
        text += &format!("from_{0} :: {from}({device}, PROMISC true) -> [{n}] {ELEMENT};\n", p.name);
        text += &format!("to_{0} :: {to}({device}); {ELEMENT}[{n}] -> to_{0};\n", p.name);
    }
    driver.inside.clear();
    for (n, m) in shape.members.iter().enumerate() {
        let at = shape.ports.len() + n;
        if !is_there(m) {
            text += &format!("{ELEMENT}[{at}] -> Discard; Idle -> [{at}] {ELEMENT};\n");
            continue;
        }
        let empty = Configuration::default();
        let of = all.get(&m.name).unwrap_or(&empty);
        text += &function(m, of, compounds.get(m.name.as_str()), &mut wrong);
        text += &format!("{ELEMENT}[{at}] -> {0}; {0}[0] -> [{at}] {ELEMENT};\n", m.name);
        for (output, port) in m.outputs.iter().enumerate() {
            if shape.ports.iter().any(|p| p.name == *port) {
                text += &format!("{}[{}] -> to_{port};\n", m.name, output + 1);
            } else {
                wrong.push(error(&m.name, format!("outputs: there is no port ‘{port}’")));
            }
        }
        let own = of.parameters.iter().map(|(name, value)| (m.name.clone(), name.clone(), value.clone()));
        driver.inside.extend(own);
    }
    if wrong.is_empty() { Ok(Source { text, file: AGENT.into() }) } else { Err(wrong) }
}

fn error(place: &str, message: String) -> Diagnostic {
    Diagnostic::error(None, format!("{place}: {message}"))
}

/// The compound of a function; `program`: what stands for its program.
fn function(m: &Member, of: &Configuration, program: Option<&String>, wrong: &mut Vec<Diagnostic>) -> String {
    let name = &m.name;
    match m.framework {
        Framework::Click => {
            let text = format!("{name} :: {{\n#line 1 \"{name}\"\n{}\n#line 1 \"{AGENT}\"\n}};\n", of.text);
            // A text that closes the brace before it could reach beyond it.
            let table = classes();
            let alone = Reader::new(&table).read(&text, name);
            let inside = format!("{name}/");
            if let Some(out) = alone.flat.elements.iter().find(|e| !e.name.starts_with(&inside)) {
                let why = format!("braces do not fit: ‘{}’ is outside of the function", out.name);
                wrong.push(error(&out.at.to_string(), why));
            }
            text
        }
        // It is the same whatever its text: its program stands in the description.
        Framework::External => program.map_or(String::new(), |click| format!("{name} :: {click};\n")),
        Framework::Wasm => {
            let mut limits = String::new();
            for limit in ["FUEL", "EPOCH", "MEMORY"] {
                match of.parameters.get(limit) {
                    // A word: there is nothing in it that would end the argument.
                    Some(v) if v.chars().all(|c| c.is_ascii_alphanumeric() || c == '.') => {
                        limits += &format!(", {limit} {v}");
                    }
                    Some(v) => wrong.push(error(name, format!("{limit}: ‘{v}’ is no number"))),
                    None => {}
                }
            }
            let Some(module) = of.parameters.get("MODULE") else {
                wrong.push(error(name, "the parameter MODULE, the module's file, is missing".into()));
                return String::new();
            };
            let fail = if m.fails_open() { "open" } else { "closed" };
            let (module, config) = (quote(module.as_bytes()), quote(of.text.as_bytes()));
            format!(
                "{name} :: {{ input -> {GUEST} :: WasmFunction({module}, CONFIG {config}, FAIL {fail}{limits}) -> output }};\n"
            )
        }
    }
}

fn ports(shape: &Shape, lines: &mut Vec<String>) {
    for p in &shape.ports {
        // Elements read the name of a device as its address.
        let address = p.mac.as_ref().unwrap_or(&p.device);
        lines.push(format!("PORT {} {address}", p.name));
    }
}

/// Rules, paths and switches.
fn tables(agent: &Agent, lines: &mut Vec<String>, wrong: &mut Vec<Diagnostic>) {
    let mut switches = String::new();
    for (on, word) in
        [(agent.forward_oam, "forward_oam"), (agent.experimental, "experimental"), (agent.short_headers, "short")]
    {
        if on {
            switches += &format!(" {word}");
        }
    }
    lines.push(format!("NSH{switches}"));
    lines.push(format!("FOREIGN {}", if agent.foreign == Foreign::Pass { "pass" } else { "drop" }));
    for path in &agent.paths {
        match steps(path) {
            Ok(steps) => lines.extend(steps),
            Err(why) => wrong.push(error(AGENT, format!("path {}: {why}", path.id))),
        }
    }
    let mut known: HashMap<u32, &ServicePath> = HashMap::new();
    agent.paths.iter().for_each(|path| _ = known.entry(path.id).or_insert(path));
    for rule in &agent.rules {
        if rule.name.is_empty() || !rule.name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)) {
            wrong.push(error(AGENT, format!("a rule cannot be called ‘{}’: letters, digits, _ - .", rule.name)));
        }
        let Some(path) = known.get(&rule.path) else {
            wrong.push(error(AGENT, format!("rule {}: there is no path {}", rule.name, rule.path)));
            continue;
        };
        let to = format!("{}/{}", path.id, rule.index.unwrap_or(path.index));
        if let Some(place) = rule.nsh {
            lines.push(format!("RECLASSIFY {}/{} TO {to}", place.path, place.index));
            continue;
        }
        let word = |name: &str, value: Option<String>| value.map(|v| format!(" {name} {v}")).unwrap_or_default();
        let from = word("FROM", rule.from.clone());
        let vlan = word("VLAN", rule.vlan.map(|v| v.to_string()));
        let kind = word("TYPE", rule.ether_type.map(|t| t.to_string()));
        let pattern = word("MATCH", rule.packets.clone());
        let messages = word("SNMP", rule.snmp.clone());
        lines.push(format!("RULE {}{from}{vlan}{kind} TO {to}{pattern}{messages}", rule.name));
    }
}

fn steps(path: &ServicePath) -> Result<Vec<String>, String> {
    let places = path.hops.len() + usize::from(path.to.is_some());
    if path.id == 0 || path.id > 0xff_ffff {
        return Err("the identifier is 1 to 16777215".into());
    }
    if places == 0 || places > usize::from(path.index) {
        return Err(format!("{places} hops, with an index that begins at {} and must not come to 0", path.index));
    }
    let at = |n: usize| format!("PATH {}/{}", path.id, usize::from(path.index) - n);
    let mut lines = Vec::new();
    for (n, hop) in path.hops.iter().enumerate() {
        let steps = next(hop).map_err(|why| format!("hop {}: {why}", n + 1))?;
        lines.extend(steps.iter().map(|step| format!("{} {step}", at(n))));
    }
    if let Some(end) = &path.to {
        let mac = end.mac.as_ref().map(|m| format!(" {m}")).unwrap_or_default();
        lines.push(format!("{} END {}{mac}", at(path.hops.len()), end.port));
    } else if path.hops.last().is_some_and(|h| h.function.is_some() || h.share.iter().any(|n| n.function.is_some())) {
        return Err("it ends in a function: say where packets leave after it (to)".into());
    }
    Ok(lines)
}

/// Most next hops of a shared hop.
const MOST: usize = 16;

/// What comes next at a hop, in the words of the agent's element: a line, or one for each next hop.
fn next(hop: &Hop) -> Result<Vec<String>, String> {
    let Hop { function, port, mac, share } = hop;
    if share.is_empty() {
        return Ok(vec![step(function, port, mac)?]);
    }
    if function.is_some() || port.is_some() || mac.is_some() {
        return Err("what is shared names no function, port or address beside its next hops".into());
    }
    if !(2..=MOST).contains(&share.len()) {
        return Err(format!("2 to {MOST} next hops share it, not {}", share.len()));
    }
    let one = |(k, next): (usize, &NextHop)| {
        let place = |why| format!("next hop {}: {why}", k + 1);
        let NextHop { function, port, mac, weight } = next;
        let step = step(function, port, mac).map_err(place)?;
        if *weight == 0 {
            return Err(place("a weight is 1 to 65535".into()));
        }
        if share.iter().take(k).any(|o| (&o.function, &o.port, &o.mac) == (function, port, mac)) {
            return Err(place("it is there twice".into()));
        }
        Ok(format!("SHARE {weight} {step}"))
    };
    share.iter().enumerate().map(one).collect()
}

fn step(function: &Option<String>, port: &Option<String>, mac: &Option<String>) -> Result<String, String> {
    match (function, port, mac) {
        (Some(f), None, None) => Ok(format!("FUNCTION {f}")),
        (None, Some(port), Some(mac)) => Ok(format!("REMOTE {port} {mac}")),
        _ => Err("it is a function, or a port and the Ethernet address of what is behind it".into()),
    }
}
