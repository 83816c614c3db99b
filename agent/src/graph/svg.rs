//! A graph as a picture: boxes in rows, packets from top to bottom. Full ports and lines push,
//! hollow ports and dashed lines pull. Compounds whose elements stand by themselves get a frame.
use super::layout::{HEIGHT, Line, Picture, Point, Shape, layout, port_at};
use super::{Port, flow, headline, inputs, outer, outputs, shortened};
use sluice_dataplane::graph::Topology;
use sluice_dataplane::info::Flow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Width of a letter, pixels: 11 px monospace is 0.6 of that wide.
const LETTER: f64 = 6.65;
/// Longest name in a box, characters.
const NAME: usize = 34;
/// Around the elements of a compound.
const FRAME: f64 = 11.0;
/// For the compound's name.
const TITLE: f64 = 13.0;

const STYLE: &str = "\
text{font:11px 'DejaVu Sans Mono',monospace;text-anchor:middle;fill:#1b1f24}
.name{font-weight:bold}.class{fill:#57606a}.title{text-anchor:start;fill:#0550ae}
.box{fill:#ffffff;stroke:#424a53}.frame{fill:#ddf4ff;fill-opacity:.45;stroke:#54aeff;stroke-dasharray:2 3}
.line{fill:none;stroke:#424a53;stroke-width:1.2;marker-end:url(#tip)}.pull{stroke-dasharray:5 3}
.port{fill:#424a53;stroke:#424a53}.hollow{fill:#ffffff}";

/// A compound that gets a frame.
struct Frame<'a> {
    name: &'a str,
    from: Point,
    to: Point,
}

/// The whole graph.
pub(crate) fn draw(graph: &Topology) -> String {
    let mut compounds: BTreeMap<&str, usize> = BTreeMap::new();
    for n in &graph.nodes {
        let next = compounds.len();
        outer(&n.name).0.iter().for_each(|c| {
            compounds.entry(c).or_insert(next);
        });
    }
    let shapes: Vec<Shape> = graph
        .nodes
        .iter()
        .map(|n| {
            let letters = shortened(&n.name, NAME).chars().count().max(headline(n).chars().count());
            let ports = n.in_flow.len().max(n.out_flow.len());
            Shape {
                width: (letters as f64 * LETTER + 18.0).max(ports as f64 * 14.0 + 6.0),
                inputs: n.in_flow.len(),
                outputs: n.out_flow.len(),
                group: outer(&n.name).0.and_then(|c| compounds.get(c).copied()),
            }
        })
        .collect();
    let lines = graph.edges.iter().map(|e| Line {
        from: e.from as usize,
        output: e.from_port as usize,
        to: e.to as usize,
        input: e.port as usize,
    });
    let picture = layout(&shapes, &lines.collect::<Vec<_>>());
    let frames: Vec<Frame<'_>> = compounds.iter().filter_map(|(c, g)| frame(c, *g, &shapes, &picture)).collect();
    let (w, h) = (picture.width, picture.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w:.0}\" height=\"{h:.0}\" viewBox=\"0 0 {w:.0} {h:.0}\">\n\
         <style>{STYLE}</style>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#424a53\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#f6f8fa\"/>\n"
    );
    for f in &frames {
        let _ = writeln!(
            out,
            "<rect class=\"frame\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"8\"/>\
             <text class=\"title\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            f.from.0,
            f.from.1,
            f.to.0 - f.from.0,
            f.to.1 - f.from.1,
            f.from.0 + 8.0,
            f.from.1 + TITLE,
            escaped(f.name)
        );
    }
    for (i, curves) in picture.curves.iter().enumerate() {
        let class = if flow(graph, i) == Flow::Pull { "line pull" } else { "line" };
        let name = escaped(&graph.edge_name(i));
        let _ = writeln!(out, "<path class=\"{class}\" d=\"{}\"><title>{name}</title></path>", path(curves));
    }
    for (i, n) in graph.nodes.iter().enumerate() {
        let (x, y) = picture.boxes[i];
        let width = shapes[i].width;
        let framed = frames.iter().any(|f| outer(&n.name).0 == Some(f.name));
        let name = if framed { outer(&n.name).1 } else { &n.name };
        let all = format!("{} :: {}({})", n.name, n.class.info.class, n.config);
        let _ = writeln!(
            out,
            "<g><title>{}</title><rect class=\"box\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\" rx=\"4\"/>\
             <text class=\"name\" x=\"{:.1}\" y=\"{:.1}\">{}</text><text class=\"class\" x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
            escaped(&all),
            x + width / 2.0,
            y + 17.0,
            escaped(&shortened(name, NAME)),
            x + width / 2.0,
            y + 31.0,
            escaped(&headline(n))
        );
        let (ins, outs) = (inputs(n), outputs(n));
        for (p, port) in ins.iter().enumerate() {
            let at = x + width / 2.0 + port_at(width, p, ins.len());
            let _ = writeln!(out, "<path class=\"{}\" d=\"M{:.1} {y:.1}h8l-4 6z\"/>", hollow(port), at - 4.0);
        }
        for (p, port) in outs.iter().enumerate() {
            let at = x + width / 2.0 + port_at(width, p, outs.len());
            let _ = writeln!(
                out,
                "<path class=\"{}\" d=\"M{:.1} {:.1}h7v5h-7z\"/>",
                hollow(port),
                at - 3.5,
                y + HEIGHT - 5.0
            );
        }
    }
    out + "</svg>\n"
}

fn hollow(port: &Port) -> &'static str {
    if port.flow == Flow::Pull { "port hollow" } else { "port" }
}

/// The frame of a compound, if nothing else would be in it.
fn frame<'a>(name: &'a str, group: usize, shapes: &[Shape], p: &Picture) -> Option<Frame<'a>> {
    let ends = |i: usize| (p.boxes[i], (p.boxes[i].0 + shapes[i].width, p.boxes[i].1 + HEIGHT));
    let members = (0..shapes.len()).filter(|&i| shapes[i].group == Some(group));
    let (from, to) =
        members.map(ends).reduce(|(a, b), (c, d)| ((a.0.min(c.0), a.1.min(c.1)), (b.0.max(d.0), b.1.max(d.1))))?;
    let (from, to) = ((from.0 - FRAME, from.1 - FRAME - TITLE), (to.0 + FRAME, to.1 + FRAME));
    let alone = (0..shapes.len()).filter(|&i| shapes[i].group != Some(group)).all(|i| {
        let (a, b) = ends(i);
        b.0 < from.0 || a.0 > to.0 || b.1 < from.1 || a.1 > to.1
    });
    alone.then_some(Frame { name, from, to })
}

fn path(curves: &[[Point; 4]]) -> String {
    let mut d = String::new();
    for (i, [start, a, b, end]) in curves.iter().enumerate() {
        if i == 0 {
            let _ = write!(d, "M{:.1} {:.1}", start.0, start.1);
        }
        let _ = write!(d, "C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}", a.0, a.1, b.0, b.1, end.0, end.1);
    }
    d
}

/// Text as XML has it. Letters that XML 1.0 does not have (section 2.2) become a question mark.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\t' | '\n' | '\r' => out.push(' '),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('?'),
            c => out.push(c),
        }
    }
    out
}
