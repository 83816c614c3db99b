//! A graph in Graphviz's language: boxes with ports, compounds as clusters, pull dashed.
use super::{flow, headline};
use sluice_dataplane::graph::Topology;
use sluice_dataplane::info::Flow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Elements of a compound, and the compounds in it.
#[derive(Default)]
struct Scope<'a> {
    elements: Vec<usize>,
    inner: BTreeMap<&'a str, Scope<'a>>,
}

/// The whole graph.
pub(crate) fn draw(graph: &Topology) -> String {
    let mut top = Scope::default();
    for (i, n) in graph.nodes.iter().enumerate() {
        let mut scope = &mut top;
        let mut parts: Vec<&str> = n.name.split('/').collect();
        parts.pop();
        for part in parts {
            scope = scope.inner.entry(part).or_default();
        }
        scope.elements.push(i);
    }
    let mut out = String::from(
        "digraph sluice {\n  node [shape=record, fontname=\"monospace\", fontsize=10, height=0.3];\n  edge [arrowsize=0.6];\n",
    );
    scope(graph, &top, "", &mut out);
    for (i, e) in graph.edges.iter().enumerate() {
        let style = if flow(graph, i) == Flow::Pull { " [style=dashed]" } else { "" };
        let _ = writeln!(out, "  e{}:o{} -> e{}:i{}{style};", e.from, e.from_port, e.to, e.port);
    }
    out + "}\n"
}

fn scope(graph: &Topology, of: &Scope<'_>, path: &str, out: &mut String) {
    let indent = "  ".repeat(1 + path.matches('/').count());
    for &i in &of.elements {
        let n = &graph.nodes[i];
        let (_, name) = n.name.rsplit_once('/').unwrap_or(("", &n.name));
        let middle = format!("{}\\n{}", escaped(name), escaped(&headline(n)));
        let ports = |letter: char, count: usize| {
            let cells: Vec<String> = (0..count).map(|p| format!("<{letter}{p}> {p}")).collect();
            format!("{{{}}}", cells.join("|"))
        };
        let mut parts = vec![ports('i', n.in_flow.len()), middle, ports('o', n.out_flow.len())];
        parts.retain(|p| p != "{}");
        let _ = writeln!(out, "{indent}e{i} [label=\"{{{}}}\", tooltip=\"{}\"];", parts.join("|"), quoted(&n.name));
    }
    for (name, inner) in &of.inner {
        let path = format!("{path}{name}/");
        let _ =
            writeln!(out, "{indent}subgraph \"cluster_{}\" {{\n{indent}  label=\"{}\";", quoted(&path), quoted(name));
        scope(graph, inner, &path, out);
        let _ = writeln!(out, "{indent}}}");
    }
}

/// Text inside a record: what draws the record loses its meaning.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if "{}|<>\\\" ".contains(c) {
            out.push('\\');
        }
        out.push(if c.is_control() { '\u{fffd}' } else { c });
    }
    out
}

/// Text between quotation marks.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
