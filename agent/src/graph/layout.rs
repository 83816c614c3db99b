//! Where elements and connections go: rows from top to bottom, in the direction of the packets.
//!
//! The usual four steps (Sugiyama, Tagawa, Toda, "Methods for Visual Understanding of Hierarchical
//! System Structures", 1981): turn around what closes a cycle, give each box the row below all
//! that it comes after (longest path), order the rows so that few lines cross (`order`), and
//! choose positions (`place`). A line that passes a row does so at a point of that row, a vertex
//! without a box.
use super::order;
use super::place;

/// Height of a box, pixels.
pub(super) const HEIGHT: f64 = 40.0;
/// Least space between two rows.
const GAP: f64 = 44.0;
/// Around the picture.
const MARGIN: f64 = 28.0;

/// A box to be placed.
pub(super) struct Shape {
    pub(super) width: f64,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Boxes of one group stay together.
    pub(super) group: Option<usize>,
}

/// A line from an output to an input.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub(super) from: usize,
    pub(super) output: usize,
    pub(super) to: usize,
    pub(super) input: usize,
}

pub(super) type Point = (f64, f64);

/// The picture's geometry.
pub(super) struct Picture {
    /// Upper left corner of each box.
    pub(super) boxes: Vec<Point>,
    /// Each line as cubic Bézier curves, one after the other.
    pub(super) curves: Vec<Vec<[Point; 4]>>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A box, or the point where a line passes a row.
pub(super) struct Vertex {
    pub(super) row: usize,
    pub(super) width: f64,
    pub(super) group: Option<usize>,
    pub(super) is_box: bool,
}

/// A piece of a line between a row and the next one; the offsets are from the vertices' middles.
pub(super) struct Link {
    pub(super) upper: usize,
    pub(super) upper_at: f64,
    pub(super) lower: usize,
    pub(super) lower_at: f64,
}

/// What is ordered and placed.
pub(super) struct Grid {
    pub(super) vertices: Vec<Vertex>,
    pub(super) links: Vec<Link>,
    /// For each vertex the boxes of its row that it should be next to.
    pub(super) beside: Vec<Vec<usize>>,
    /// The vertices of each row, from left to right.
    pub(super) rows: Vec<Vec<usize>>,
}

/// Middle of port `port` of `count`, from the middle of a box.
pub(super) fn port_at(width: f64, port: usize, count: usize) -> f64 {
    let step = width / count.max(1) as f64;
    step * (port as f64 + 0.5) - width / 2.0
}

/// Places boxes and lines.
pub(super) fn layout(shapes: &[Shape], lines: &[Line]) -> Picture {
    let back = backward(shapes.len(), lines);
    let rows = rows(shapes.len(), lines, &back);
    let (mut grid, chains) = grid(shapes, lines, &back, &rows);
    order::arrange(&mut grid);
    let middles = place::columns(&grid);
    let left = grid.vertices.iter().zip(&middles).map(|(v, x)| x - v.width / 2.0).fold(f64::MAX, f64::min);
    let right = grid.vertices.iter().zip(&middles).map(|(v, x)| x + v.width / 2.0).fold(f64::MIN, f64::max);
    let x: Vec<f64> = middles.iter().map(|x| x - left + MARGIN).collect();
    let mut top = vec![MARGIN; grid.rows.len() + 1];
    for row in 0..grid.rows.len() {
        let busy = grid.links.iter().filter(|l| grid.vertices[l.upper].row == row).count();
        top[row + 1] = top[row] + HEIGHT + GAP + (2.0 * busy as f64).min(GAP);
    }
    let y = |v: usize| top[grid.vertices[v].row];
    let curves = lines.iter().enumerate().map(|(i, l)| {
        let start = (x[l.from] + port_at(shapes[l.from].width, l.output, shapes[l.from].outputs), y(l.from) + HEIGHT);
        let end = (x[l.to] + port_at(shapes[l.to].width, l.input, shapes[l.to].inputs), y(l.to));
        curve(start, end, chains[i].iter().map(|&v| (x[v], y(v))), back[i])
    });
    let last = grid.rows.len().checked_sub(1).map_or(0.0, |r| top[r]);
    let height = last + HEIGHT + MARGIN + if back.contains(&true) { GAP / 2.0 } else { 0.0 };
    Picture {
        curves: curves.collect(),
        boxes: shapes.iter().enumerate().map(|(i, s)| (x[i] - s.width / 2.0, y(i))).collect(),
        width: (right - left).max(0.0) + 2.0 * MARGIN,
        height,
    }
}

/// The lines that must be turned around so that no cycle is left: those that lead to a box from
/// which the search came.
fn backward(boxes: usize, lines: &[Line]) -> Vec<bool> {
    let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); boxes];
    let mut entered = vec![false; boxes];
    for (i, l) in lines.iter().enumerate() {
        leaving[l.from].push(i);
        entered[l.to] = true;
    }
    leaving.iter_mut().for_each(|l| l.sort_by_key(|&i| lines[i].output));
    let mut back = vec![false; lines.len()];
    let (mut seen, mut open) = (vec![false; boxes], vec![false; boxes]);
    let sources = (0..boxes).filter(|&b| !entered[b]);
    for start in sources.chain(0..boxes).collect::<Vec<_>>() {
        if seen[start] {
            continue;
        }
        let mut stack = vec![(start, 0)];
        (seen[start], open[start]) = (true, true);
        while let Some((b, next)) = stack.last_mut() {
            let Some(&line) = leaving[*b].get(*next) else {
                open[*b] = false;
                stack.pop();
                continue;
            };
            *next += 1;
            let to = lines[line].to;
            back[line] = open[to];
            if !seen[to] {
                (seen[to], open[to]) = (true, true);
                stack.push((to, 0));
            }
        }
    }
    back
}

/// The row of each box. What nothing leads to stands right above what it leads to.
fn rows(boxes: usize, lines: &[Line], back: &[bool]) -> Vec<usize> {
    // Lines that were turned around count too: they are drawn upwards.
    let ends = |i: usize| if back[i] { (lines[i].to, lines[i].from) } else { (lines[i].from, lines[i].to) };
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); boxes];
    let mut waiting = vec![0; boxes];
    for (upper, lower) in (0..lines.len()).map(ends).filter(|(u, l)| u != l) {
        below[upper].push(lower);
        waiting[lower] += 1;
    }
    let mut row = vec![0; boxes];
    let sources: Vec<usize> = (0..boxes).filter(|&b| waiting[b] == 0).collect();
    let mut todo = sources.clone();
    while let Some(b) = todo.pop() {
        for &lower in &below[b] {
            row[lower] = row[lower].max(row[b] + 1);
            waiting[lower] -= 1;
            if waiting[lower] == 0 {
                todo.push(lower);
            }
        }
    }
    for b in sources {
        let next = below[b].iter().map(|&l| row[l]).min();
        row[b] = next.map_or(0, |n: usize| n.saturating_sub(1));
    }
    row
}

/// The grid, and the vertices that each line passes, in the line's direction.
fn grid(shapes: &[Shape], lines: &[Line], back: &[bool], rows: &[usize]) -> (Grid, Vec<Vec<usize>>) {
    let count = rows.iter().map(|r| r + 1).max().unwrap_or(0);
    let boxes = shapes.iter().zip(rows);
    let vertices = boxes.map(|(s, &row)| Vertex { row, width: s.width, group: s.group, is_box: true }).collect();
    let mut g = Grid { vertices, links: Vec::new(), beside: Vec::new(), rows: vec![Vec::new(); count] };
    let mut chains = Vec::with_capacity(lines.len());
    for (l, back) in lines.iter().zip(back) {
        let (first, last) = if *back { (rows[l.to], rows[l.from] + 1) } else { (rows[l.from] + 1, rows[l.to]) };
        let group = shapes[l.from].group.filter(|_| shapes[l.from].group == shapes[l.to].group);
        let start = g.vertices.len();
        g.vertices.extend((first..last).map(|row| Vertex { row, width: 2.0, group, is_box: false }));
        let mut chain: Vec<usize> = (start..g.vertices.len()).collect();
        g.links.extend(chain.windows(2).map(|w| Link { upper: w[0], upper_at: 0.0, lower: w[1], lower_at: 0.0 }));
        let out = port_at(shapes[l.from].width, l.output, shapes[l.from].outputs);
        let into = port_at(shapes[l.to].width, l.input, shapes[l.to].inputs);
        if *back {
            // It leaves below its box, goes up beside it, and comes down on the other one.
            g.beside.resize_with(g.vertices.len(), Vec::new);
            chain.first().into_iter().for_each(|&v| g.beside[v].push(l.to));
            chain.last().into_iter().for_each(|&v| g.beside[v].push(l.from));
            chain.reverse();
        } else {
            let upper = *chain.last().unwrap_or(&l.from);
            let lower = *chain.first().unwrap_or(&l.to);
            let lower_at = if lower == l.to { into } else { 0.0 };
            g.links.push(Link { upper: l.from, upper_at: out, lower, lower_at });
            if upper != l.from {
                g.links.push(Link { upper, upper_at: 0.0, lower: l.to, lower_at: into });
            }
        }
        chains.push(chain);
    }
    g.beside.resize_with(g.vertices.len(), Vec::new);
    for (v, vertex) in g.vertices.iter().enumerate() {
        g.rows[vertex.row].push(v);
    }
    (g, chains)
}

/// A line through the points where it passes rows (given by their upper ends).
fn curve(start: Point, end: Point, passes: impl Iterator<Item = Point>, back: bool) -> Vec<[Point; 4]> {
    let mut out = Vec::new();
    let mut at = start;
    // How far a turn reaches above or below the row.
    let turn = GAP * 0.7;
    let mut go = |to: Point, leave: f64, arrive: f64| {
        out.push([at, (at.0, at.1 + leave), (to.0, to.1 - arrive), to]);
        at = to;
    };
    let mut y = start.1;
    let mut first = true;
    for (x, top) in passes {
        let (near, far) = if back { (top + HEIGHT, top) } else { (top, top + HEIGHT) };
        let half = (near - y) / 2.0;
        if back && first {
            go((x, near), turn, -turn)
        } else {
            go((x, near), half, half)
        }
        go((x, far), (far - near) / 2.0, (far - near) / 2.0);
        (y, first) = (far, false);
    }
    let half = (end.1 - y) / 2.0;
    if back {
        go(end, -turn, turn)
    } else {
        go(end, half, half)
    }
    out
}
