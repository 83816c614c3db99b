//! The program `sluice` as a device.
use super::function::{Elements, Function};
use super::links::{self, Ends};
use super::process::{Process, command};
use crate::dpdk::sluice;
use crate::wire::process::Running;
use crate::wire::stop::Stop;

/// Packet buffers.
const BUFFERS: &str = "16384";

/// Starts it and waits until its worker runs.
pub(super) fn start(function: Function, ends: Ends<'_>, core: usize, stop: &Stop) -> anyhow::Result<Process> {
    let path = sluice()?;
    let (mut command, elements, ports) = match ends {
        Ends::Memif(folder) => {
            let mut command = command(core, &path);
            command.env("RUNTIME_DIRECTORY", folder.path());
            command.args(["run", "-", "--buffers", BUFFERS]);
            let arguments = format!("-l {core} -n1 --no-pci -m 128 {}", links::memif_client(folder).join(" "));
            command.args(["--dpdk", &arguments]);
            (command, Elements::Dpdk, ["net_memif0", "net_memif1"])
        }
        Ends::Veth(net) => {
            let mut command = command(core, "ip");
            command.args(["netns", "exec", net.name()]).arg(&path);
            command.args(["run", "-", "--buffers", BUFFERS]);
            (command, Elements::Kernel, links::FAR)
        }
    };
    let (config, definitions) = function.config(elements, ports);
    command.args(definitions);
    let mut running = Running::start(&mut command, &config)?;
    running.no_more_input();
    running.until(stop, |r| r.has_thread("worker"))?;
    Ok(Process::new(running, &command, None))
}
