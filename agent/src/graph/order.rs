//! The order of each row, so that few lines cross: every vertex goes where its neighbours are on
//! average (barycentre), row by row, downwards and upwards in turn; the best order seen is kept.
use super::layout::Grid;

/// Passes over all rows.
const PASSES: usize = 24;

/// Orders the rows.
pub(super) fn arrange(g: &mut Grid) {
    let mut best = (usize::MAX, g.rows.clone());
    // For each vertex its links upwards and downwards.
    let mut links = vec![(Vec::new(), Vec::new()); g.vertices.len()];
    for (i, l) in g.links.iter().enumerate() {
        links[l.lower].0.push(i);
        links[l.upper].1.push(i);
    }
    let mut at = positions(g);
    for pass in 0..PASSES {
        let down = pass % 2 == 0;
        let count = g.rows.len();
        for r in 0..count {
            let row = if down { r } else { count - 1 - r };
            sort(g, row, &mut at, &links, down);
        }
        let crossings = crossings(g, &at);
        if crossings < best.0 {
            best = (crossings, g.rows.clone());
        }
        if crossings == 0 {
            break;
        }
    }
    g.rows = best.1;
}

/// Place of each vertex in its row.
fn positions(g: &Grid) -> Vec<f64> {
    let mut at = vec![0.0; g.vertices.len()];
    for row in &g.rows {
        row.iter().enumerate().for_each(|(i, &v)| at[v] = i as f64);
    }
    at
}

/// A port's place: that of the vertex, and a little more or less.
fn place(g: &Grid, at: &[f64], v: usize, offset: f64) -> f64 {
    at[v] + 0.9 * offset / g.vertices[v].width.max(1.0)
}

fn sort(g: &mut Grid, row: usize, at: &mut [f64], links: &[(Vec<usize>, Vec<usize>)], down: bool) {
    let mut keys: Vec<(f64, usize)> = Vec::with_capacity(g.rows[row].len());
    for &v in &g.rows[row] {
        let ends = if down { &links[v].0 } else { &links[v].1 };
        let (mut sum, mut count) = (0.0, 0.0);
        for &i in ends {
            let l = &g.links[i];
            sum += if down { place(g, at, l.upper, l.upper_at) } else { place(g, at, l.lower, l.lower_at) };
            count += 1.0;
        }
        g.beside[v].iter().for_each(|&b| {
            sum += at[b] + 0.5;
            count += 1.0;
        });
        keys.push((if count > 0.0 { sum / count } else { at[v] }, v));
    }
    // Groups move as one.
    let mut groups: std::collections::HashMap<usize, (f64, f64)> = std::collections::HashMap::new();
    for (key, v) in &keys {
        if let Some(group) = g.vertices[*v].group {
            let sum = groups.entry(group).or_insert((0.0, 0.0));
            *sum = (sum.0 + key, sum.1 + 1.0);
        }
    }
    let unit = |key: f64, v: usize| match g.vertices[v].group {
        Some(group) => groups.get(&group).map_or((key, 0), |s| (s.0 / s.1, group + 1)),
        None => (key, 0),
    };
    keys.sort_by(|a, b| {
        let (ua, ub) = (unit(a.0, a.1), unit(b.0, b.1));
        ua.0.total_cmp(&ub.0).then(ua.1.cmp(&ub.1)).then(a.0.total_cmp(&b.0))
    });
    g.rows[row] = keys.into_iter().map(|k| k.1).collect();
    g.rows[row].iter().enumerate().for_each(|(i, &v)| at[v] = i as f64);
}

/// How many pairs of links cross.
fn crossings(g: &Grid, at: &[f64]) -> usize {
    let mut between: Vec<Vec<(f64, f64)>> = vec![Vec::new(); g.rows.len()];
    for l in &g.links {
        let ends = (place(g, at, l.upper, l.upper_at), place(g, at, l.lower, l.lower_at));
        between[g.vertices[l.upper].row].push(ends);
    }
    between.into_iter().map(inversions).sum()
}

/// Pairs that are in one order above and in the other below.
fn inversions(mut ends: Vec<(f64, f64)>) -> usize {
    ends.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut lower: Vec<f64> = ends.iter().map(|e| e.1).collect();
    lower.sort_by(f64::total_cmp);
    lower.dedup();
    // A Fenwick tree counts those to the left.
    let mut tree = vec![0usize; lower.len() + 1];
    let mut count = 0;
    for (seen, (_, y)) in ends.iter().enumerate() {
        let rank = lower.partition_point(|l| l < y) + 1;
        let (mut i, mut not_right) = (rank, 0);
        while i > 0 {
            not_right += tree[i];
            i &= i - 1;
        }
        count += seen - not_right;
        let mut i = rank;
        while i < tree.len() {
            tree[i] += 1;
            i += i & i.wrapping_neg();
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::inversions;

    #[test]
    fn crossings_are_pairs_in_opposite_order() {
        assert_eq!(inversions(vec![(0.0, 0.0), (1.0, 1.0)]), 0);
        assert_eq!(inversions(vec![(0.0, 2.0), (1.0, 1.0), (2.0, 0.0)]), 3);
        assert_eq!(inversions(vec![(0.0, 1.0), (0.0, 1.0), (1.0, 1.0)]), 0);
        assert_eq!(inversions(vec![]), 0);
    }
}
