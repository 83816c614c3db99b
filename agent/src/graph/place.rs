//! Positions in the rows: every vertex as near as can be to the middle of its neighbours, in the
//! order that the row has. The best positions of one row, the others given, are a weighted
//! isotonic regression, computed exactly by pooling adjacent violators.
use super::layout::{Grid, Link};

/// Between two boxes, pixels.
const BOX_GAP: f64 = 22.0;
/// Around points where lines pass.
const LINE_GAP: f64 = 12.0;
/// More, where a group ends.
const GROUP_GAP: f64 = 16.0;
/// Passes that make chains straight; the last one goes down.
const STRAIGHTEN: usize = 9;

/// Passes over all rows: long straight lines need many, large graphs cannot have them.
fn passes(vertices: usize) -> usize {
    (1_000_000 / vertices.max(1)).clamp(20, 600)
}

/// From the positions so far: where a vertex should go, and how much that matters.
type Wish<'a> = &'a dyn Fn(&[f64], usize) -> (f64, f64);

/// The middle of each vertex, from left to right.
pub(super) fn columns(g: &Grid) -> Vec<f64> {
    let mut x = vec![0.0; g.vertices.len()];
    for row in &g.rows {
        let offsets = offsets(g, row);
        row.iter().zip(&offsets).for_each(|(&v, o)| x[v] = o - offsets.last().unwrap_or(&0.0) / 2.0);
    }
    let mut links: Vec<Vec<usize>> = vec![Vec::new(); g.vertices.len()];
    for (i, l) in g.links.iter().enumerate() {
        links[l.lower].push(i);
        links[l.upper].push(i);
    }
    let mut sweep = |down: bool, wish: Wish<'_>| {
        for r in 0..g.rows.len() {
            let row = &g.rows[if down { r } else { g.rows.len() - 1 - r }];
            let wanted: Vec<(f64, f64)> = row.iter().map(|&v| wish(&x, v)).collect();
            settle(&offsets(g, row), &wanted).into_iter().zip(row).for_each(|(at, &v)| x[v] = at);
        }
    };
    // First all near to each other, then chains straight, which means alone do not give.
    for pass in 0..passes(g.vertices.len()) {
        sweep(pass % 2 == 0, &|x, v| mean(g, &links[v], x, v));
    }
    for pass in 0..STRAIGHTEN {
        let down = pass % 2 == 0;
        sweep(down, &|x, v| median(g, &links[v], x, v, down));
    }
    gather(g, &links, &mut x);
    x
}

/// What is connected to nothing comes as near to its neighbours in the row as it may.
fn gather(g: &Grid, links: &[Vec<usize>], x: &mut [f64]) {
    for row in &g.rows {
        let at = offsets(g, row);
        for i in (0..row.len().saturating_sub(1)).rev().filter(|&i| links[row[i]].is_empty()) {
            x[row[i]] = x[row[i + 1]] - (at[i + 1] - at[i]);
        }
        for i in (1..row.len()).filter(|&i| links[row[i]].is_empty()) {
            x[row[i]] = x[row[i]].min(x[row[i - 1]] + at[i] - at[i - 1]);
        }
    }
}

/// Least position of each vertex of a row, from that of the first one.
fn offsets(g: &Grid, row: &[usize]) -> Vec<f64> {
    let mut at = 0.0;
    let mut out = Vec::with_capacity(row.len());
    for (i, &v) in row.iter().enumerate() {
        if let Some(&before) = i.checked_sub(1).and_then(|b| row.get(b)) {
            let (a, b) = (&g.vertices[before], &g.vertices[v]);
            let gap = if a.is_box && b.is_box { BOX_GAP } else { LINE_GAP };
            let apart = if a.group != b.group { GROUP_GAP } else { 0.0 };
            at += (a.width + b.width) / 2.0 + gap + apart;
        }
        out.push(at);
    }
    out
}

/// Where a link would have vertex `v`, and how much it matters: straight long lines most.
fn wish(g: &Grid, link: usize, x: &[f64], v: usize) -> (f64, f64) {
    let Link { upper, upper_at, lower, lower_at } = g.links[link];
    let passing = [upper, lower].iter().filter(|&&e| !g.vertices[e].is_box).count();
    let at = if lower == v { x[upper] + upper_at - lower_at } else { x[lower] + lower_at - upper_at };
    (at, [1.0, 2.0, 8.0][passing])
}

/// The mean of what all links want.
fn mean(g: &Grid, links: &[usize], x: &[f64], v: usize) -> (f64, f64) {
    let wishes = links.iter().map(|&l| wish(g, l, x, v));
    let beside = g.beside[v].iter().map(|&b| (x[b], 0.5));
    let (sum, weight) = wishes.chain(beside).fold((0.0, 0.0), |s, (at, w)| (s.0 + at * w, s.1 + w));
    if weight > 0.0 { (sum / weight, weight) } else { (x[v], 0.01) }
}

/// The median of what the links from the row before want.
fn median(g: &Grid, links: &[usize], x: &[f64], v: usize, down: bool) -> (f64, f64) {
    let from_before = |l: &&usize| (g.links[**l].lower == v) == down;
    let mut wishes: Vec<(f64, f64)> = links.iter().filter(from_before).map(|&l| wish(g, l, x, v)).collect();
    wishes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let weight = wishes.iter().map(|w| w.1).fold(0.0, f64::max);
    match wishes.len() {
        0 => (x[v], 1.0),
        n if n % 2 == 1 => (wishes[n / 2].0, weight),
        n => ((wishes[n / 2 - 1].0 + wishes[n / 2].0) / 2.0, weight),
    }
}

/// The positions nearest to the wishes that keep the distances.
fn settle(offsets: &[f64], wanted: &[(f64, f64)]) -> Vec<f64> {
    // Without the distances the positions must only not decrease. A block: mean, weight, size.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::with_capacity(wanted.len());
    for (o, (at, weight)) in offsets.iter().zip(wanted) {
        let mut block = (at - o, *weight, 1);
        while let Some(last) = blocks.last().filter(|last| last.0 > block.0) {
            let weight = last.1 + block.1;
            block = ((last.0 * last.1 + block.0 * block.1) / weight, weight, last.2 + block.2);
            blocks.pop();
        }
        blocks.push(block);
    }
    let levels = blocks.iter().flat_map(|b| std::iter::repeat_n(b.0, b.2));
    levels.zip(offsets).map(|(level, o)| level + o).collect()
}

#[cfg(test)]
mod tests {
    use super::settle;

    #[test]
    fn positions_keep_their_distance_and_are_otherwise_as_wanted() {
        assert_eq!(settle(&[0.0, 10.0], &[(0.0, 1.0), (50.0, 1.0)]), [0.0, 50.0]);
        assert_eq!(settle(&[0.0, 10.0], &[(20.0, 1.0), (20.0, 1.0)]), [15.0, 25.0]);
        assert_eq!(settle(&[0.0, 10.0], &[(20.0, 3.0), (10.0, 1.0)]), [15.0, 25.0]);
        assert_eq!(settle(&[], &[]), [0.0; 0]);
    }
}
