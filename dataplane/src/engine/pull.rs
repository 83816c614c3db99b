//! Pull: a task asks upstream, element by element, until a queue answers.
use super::{Core, Slot, enter};
use crate::batch::Batch;

/// Runs the element upstream of pull input `input` of `id`. Depth is bounded: a running element
/// has no slot, and is passed straight through at most once.
#[inline]
pub(crate) fn pull(core: &mut Core, slots: &mut [Slot], id: usize, input: usize, n: usize, batch: &mut Batch) {
    let Some(&Some(edge)) = core.topo.nodes[id].ins.get(input) else { return };
    if core.dirty {
        core.collect(id, 0); // the side batches are the next element's now
    }
    let e = &core.topo.edges[edge as usize];
    let (up, port) = (e.from as usize, e.from_port as usize);
    let had = batch.len();
    if core.armed {
        core.observe_begin(&[]);
    }
    if enter(core, slots, up, |el, cx, up| el.pull(cx, up, port, n, batch)).is_none() {
        pull_straight(core, slots, up, port, n, batch);
    }
    if core.armed {
        core.observe_pulled(up, port, edge, &batch.as_slice()[had..]);
    }
    if core.dirty {
        core.collect(up, 0);
    }
    core.topo.counts.edges[edge as usize].add((batch.len() - had) as u64);
}

/// A pull at output `port` of an element that is running: it pulls itself, and is upstream of what it
/// pulls from. Once only: a loop without a source gives nothing.
#[cold]
fn pull_straight(core: &mut Core, slots: &mut [Slot], id: usize, port: usize, n: usize, batch: &mut Batch) {
    let node = &mut core.topo.nodes[id];
    if let Some((output, input)) = node.class.info.straight
        && usize::from(output) == port
        && !core::mem::replace(&mut node.straight, true)
    {
        pull(core, slots, id, input.into(), n, batch);
        core.topo.nodes[id].straight = false;
    }
}
