//! DPDK's testpmd as a device: frames go from one port to the other.
use super::links;
use super::process::{Process, Recipe, command};
use crate::dpdk::Folder;
use crate::wire::process::Running;
use crate::wire::stop::Stop;

/// Packet buffers.
const BUFFERS: u32 = 16_384;

/// Starts it and waits until it forwards.
pub(super) fn start(folder: &Folder, size: usize, core: usize, stop: &Stop) -> anyhow::Result<Process> {
    // It would keep what it says to itself until a buffer is full.
    let mut command = command(core, "stdbuf");
    command.args(["-oL", "dpdk-testpmd"]).env("RUNTIME_DIRECTORY", folder.path());
    command.arg(format!("--lcores=0@{core},1@{core}"));
    command.args("-n1 --no-pci --in-memory --single-file-segments --no-telemetry --file-prefix=device".split(' '));
    command.args(["-m", &links::memory(BUFFERS, size).to_string()]).args(links::memif_client(folder));
    command.args(["--", "-i", "--auto-start", "--nb-cores=1", "--forward-mode=io"]);
    command.arg(format!("--total-num-mbufs={BUFFERS}"));
    if size > links::USUAL {
        // What its buffers have before a frame is 128 bytes.
        command.arg(format!("--mbuf-size={}", (128 + size).next_multiple_of(64)));
    }
    let ready = |r: &Running| r.said().contains("testpmd> ");
    Process::start(Recipe { command, quit: Some("quit\n"), ready, files: None }, stop)
}
