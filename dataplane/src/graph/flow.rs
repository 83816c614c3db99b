//! Ports: how many each element has, and who moves the packets through each. Pure; reports all
//! errors, in Click's words.
use crate::info::{Count, Flow, Info, Paths};
use crate::lang::{Diagnostic, Flat};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// The resolved ports of one element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// Flow of each input.
    pub inputs: Vec<Flow>,
    /// Flow of each output.
    pub outputs: Vec<Flow>,
}

/// Numbers of inputs and outputs of each element, from its class and its connections. Connections
/// to ports that do not exist are errors.
pub fn count_ports(flat: &Flat, infos: &[&Info], errors: &mut Vec<Diagnostic>) -> Vec<(usize, usize)> {
    let mut used = vec![(0, 0); flat.elements.len()];
    for c in &flat.connections {
        let (from, to) = (&mut used[c.from].1, c.from_port + 1);
        *from = to.max(*from);
        let (into, to) = (&mut used[c.to].0, c.to_port + 1);
        *into = to.max(*into);
    }
    let fit = |n: usize, c: Count, inputs: usize| match c.same {
        Some(more) => inputs + more,
        None => n.clamp(c.min, c.max.max(c.min)),
    };
    let counts: Vec<(usize, usize)> = used
        .iter()
        .zip(infos)
        .map(|(&(i, o), info)| {
            let (ci, co) = info.port_counts();
            // `-/=`: as many outputs as inputs; either side may be the one that says how many.
            let inputs = fit(co.same.map_or(i, |more| i.max(o.saturating_sub(more))), ci, 0);
            (inputs, fit(o, co, inputs))
        })
        .collect();
    let mut said = hashbrown::HashSet::new();
    for c in &flat.connections {
        for (element, port, have, kind) in
            [(c.from, c.from_port, counts[c.from].1, "output"), (c.to, c.to_port, counts[c.to].0, "input")]
        {
            if port >= have && said.insert((element, port, kind)) {
                let e = &flat.elements[element];
                let message = format!("‘{e}’ has no {kind} {port}");
                let limit = match have {
                    0 => format!("{} has no {kind}s", e.class),
                    1 => format!("{} has one {kind}: 0", e.class),
                    n => format!("{} has {n} {kind}s: 0 to {}", e.class, n - 1),
                };
                errors.push(Diagnostic::error(Some(c.at.clone()), message).landmark(e.at.clone()).hint(Some(limit)));
            }
        }
    }
    counts
}

/// Resolves the flow of every port, and checks that each connection can work. Unless the graph is
/// `whole`, ports without a connection are no error: it may be among what is missing.
pub fn resolve(
    flat: &Flat,
    infos: &[&Info],
    counts: &[(usize, usize)],
    whole: bool,
    errors: &mut Vec<Diagnostic>,
) -> Vec<Ports> {
    let mut ports: Vec<Ports> = infos
        .iter()
        .zip(counts)
        .map(|(info, &(i, o))| Ports {
            inputs: (0..i).map(|p| info.input_flow(p)).collect(),
            outputs: (0..o).map(|p| info.output_flow(p)).collect(),
        })
        .collect();
    let valid: Vec<_> =
        flat.connections.iter().filter(|c| c.from_port < counts[c.from].1 && c.to_port < counts[c.to].0).collect();
    spread(&mut ports, infos, &valid);
    for c in &valid {
        let (f, t) = (ports[c.from].outputs[c.from_port], ports[c.to].inputs[c.to_port]);
        if f != t && f != Flow::Agnostic && t != Flow::Agnostic {
            let message = format!(
                "‘{}’ {} output {} connected to ‘{}’ {} input {}",
                flat.elements[c.from],
                f.name(),
                c.from_port,
                flat.elements[c.to],
                t.name(),
                c.to_port
            );
            let hint = match (f, t) {
                (Flow::Push, _) => "put a Queue between them",
                _ => "put an Unqueue between them",
            };
            errors.push(Diagnostic::error(Some(c.at.clone()), message).hint(Some(hint.into())));
        }
    }
    for (id, (p, info)) in ports.iter_mut().zip(infos).enumerate() {
        mixed(flat, id, p, info, errors);
        for flow in p.inputs.iter_mut().chain(&mut p.outputs) {
            if *flow == Flow::Agnostic {
                *flow = Flow::Push; // as in Click: what nothing decides pushes
            }
        }
    }
    reused(flat, &ports, &valid, errors);
    if whole {
        unused(flat, &ports, &valid, errors);
    }
    ports
}

/// Agnostic ports take the flow of the other end, and pass it on through their element.
fn spread(ports: &mut [Ports], infos: &[&Info], connections: &[&crate::lang::Connection]) {
    let agnostic: Vec<(Vec<usize>, Vec<usize>)> = ports
        .iter()
        .map(|p| {
            let list = |f: &[Flow]| (0..f.len()).filter(|&i| f[i] == Flow::Agnostic).collect();
            (list(&p.inputs), list(&p.outputs))
        })
        .collect();
    // A work list, so that long chains take linear time.
    let mut touching: Vec<Vec<usize>> = vec![Vec::new(); ports.len()];
    for (i, c) in connections.iter().enumerate() {
        touching[c.from].push(i);
        touching[c.to].push(i);
    }
    let mut todo: Vec<usize> = (0..connections.len()).rev().collect();
    while let Some(i) = todo.pop() {
        let c = connections[i];
        let (f, t) = (ports[c.from].outputs[c.from_port], ports[c.to].inputs[c.to_port]);
        let (id, flow, output, port) = match (f, t) {
            (Flow::Agnostic, Flow::Agnostic) => continue,
            (Flow::Agnostic, known) => (c.from, known, true, c.from_port),
            (known, Flow::Agnostic) => (c.to, known, false, c.to_port),
            _ => continue,
        };
        let joined = |side: bool, p: usize| match infos[id].paths {
            Paths::All => true,
            Paths::Same => p == port,
            Paths::None => side == output && p == port,
        };
        for &p in &agnostic[id].0 {
            if ports[id].inputs[p] == Flow::Agnostic && joined(false, p) {
                ports[id].inputs[p] = flow;
            }
        }
        for &p in &agnostic[id].1 {
            if ports[id].outputs[p] == Flow::Agnostic && joined(true, p) {
                ports[id].outputs[p] = flow;
            }
        }
        todo.extend(&touching[id]);
    }
}

/// An element whose agnostic ports ended up with different flows.
fn mixed(flat: &Flat, id: usize, p: &Ports, info: &Info, errors: &mut Vec<Diagnostic>) {
    if info.paths == Paths::None {
        return;
    }
    let first = |flows: &[Flow], declared: &dyn Fn(usize) -> Flow, flow| {
        (0..flows.len()).find(|&i| declared(i) == Flow::Agnostic && flows[i] == flow)
    };
    for (a, b) in [(Flow::Push, Flow::Pull), (Flow::Pull, Flow::Push)] {
        let input = first(&p.inputs, &|i| info.input_flow(i), a);
        let output = first(&p.outputs, &|i| info.output_flow(i), b);
        if let (Some(i), Some(o)) = (input, output)
            && (info.paths == Paths::All || i == o)
        {
            let e = &flat.elements[id];
            let message = format!("agnostic ‘{e}’ in mixed context: {} input {i}, {} output {o}", a.name(), b.name());
            errors.push(Diagnostic::error(Some(e.at.clone()), message));
        }
    }
}

/// Push outputs and pull inputs take one connection.
fn reused(flat: &Flat, ports: &[Ports], connections: &[&crate::lang::Connection], errors: &mut Vec<Diagnostic>) {
    // Inputs before outputs, each by element and port, as Click has them.
    let mut seen: BTreeMap<(bool, usize, usize), Vec<&crate::lang::Connection>> = BTreeMap::new();
    for &c in connections {
        seen.entry((true, c.from, c.from_port)).or_default().push(c);
        seen.entry((false, c.to, c.to_port)).or_default().push(c);
    }
    for ((side, element, port), uses) in seen {
        let [_, second, ..] = uses[..] else { continue };
        let (kind, hint) = match (side, if side { ports[element].outputs[port] } else { ports[element].inputs[port] }) {
            (true, Flow::Push) => ("push output", "use Tee to copy packets to several places"),
            (false, Flow::Pull) => ("pull input", "use a scheduler"),
            // Several may push into an input, and several pull from an output.
            _ => continue,
        };
        let e = &flat.elements[element];
        let d = Diagnostic::error(Some(second.at.clone()), format!("illegal reuse of ‘{e}’ {kind} {port}"));
        errors.push(d.landmark(e.at.clone()).hint(Some(hint.into())));
    }
}

fn unused(flat: &Flat, ports: &[Ports], connections: &[&crate::lang::Connection], errors: &mut Vec<Diagnostic>) {
    let mut used = hashbrown::HashSet::new();
    for c in connections {
        used.insert((true, c.from, c.from_port));
        used.insert((false, c.to, c.to_port));
    }
    for (side, kind) in [(false, "input"), (true, "output")] {
        for (id, e) in flat.elements.iter().enumerate() {
            let n = if side { ports[id].outputs.len() } else { ports[id].inputs.len() };
            for port in (0..n).filter(|&p| !used.contains(&(side, id, p))) {
                errors.push(Diagnostic::error(Some(e.at.clone()), format!("‘{e}’ {kind} {port} unused")));
            }
        }
    }
}
