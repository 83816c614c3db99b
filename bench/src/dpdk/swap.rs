//! Hot swap under load: how long a worker stops for it, with DPDK running.
use super::program::{Folder, Running};
use crate::harness::{Bench, Cost, Goal, Line, Table};
use crate::wire::stop::Stop;
use anyhow::{Context as _, ensure};
use std::path::Path;

/// Elements of the graph, and how often it is swapped.
const ELEMENTS: usize = 100;
const SWAPS: usize = 1000;
const PORT: &str = "--vdev=net_memif0,role=client,id=0,socket={folder}/memif.sock,socket-abstract=no,rsize=11";
const PEER: &str = "--vdev=net_memif0,role=server,id=0,socket={folder}/memif.sock,socket-abstract=no,rsize=11";

/// Swaps a graph for itself, over memif with a testpmd that sends as fast as it can.
pub(super) fn run(bench: &mut Bench, stop: &Stop, sluice: &Path, (other, core): (usize, usize)) -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let file = folder.path().join("graph.click");
    let through = "-> Counter ".repeat(ELEMENTS - 2);
    std::fs::write(
        &file,
        format!(
            "in0 :: FromDPDKDevice(net_memif0, PROMISC true) {through} -> ToDPDKDevice(net_memif0); in1 :: Idle -> Discard;"
        ),
    )?;
    let peer = Running::start_peer(PEER, &folder, other, stop)?;
    let mut device = Running::sluice(sluice, &file, None, &folder, PORT, &[core], stop)?;
    device.forwarded(stop)?;
    let mut pauses = Vec::new();
    for n in 0..SWAPS {
        pauses.push(device.swap(n, stop)?);
    }
    ensure!(device.forwarded(stop)? > 0, "nothing was forwarded");
    let said = device.end(stop)?;
    peer.end(stop)?;
    ensure!(said.contains("no packet was dropped") && said.contains("(exact)"), "packets were lost in {SWAPS} swaps");
    pauses.sort_by(f64::total_cmp);
    let p99 = pauses.get(SWAPS * 99 / 100).copied().context("no pauses")?;
    let all = Cost::of(pauses);
    let title = format!("Hot swap over memif under load, {ELEMENTS} elements, {SWAPS} times, no packet lost");
    let of = |name: &str, median| Line::new(name, Cost { median, ..all }, "itself", Cost { median, ..all });
    let lines = vec![
        of("a worker's pause, median", all.median),
        of("a worker's pause, 99th percentile", p99).goal(Goal::AtMost(50.0)),
    ];
    bench.tables.push(Table { title, unit: "us".into(), lines });
    Ok(())
}
