//! The program `sluice` as a device.
use super::function::{Elements, Function};
use super::links::{self, Ends};
use super::process::{Process, Recipe, command};
use crate::dpdk::{Folder, sluice};
use crate::wire::stop::Stop;
use anyhow::bail;

/// Packet buffers.
const BUFFERS: &str = "16384";

/// Starts it and waits until its worker runs.
pub(super) fn start(function: Function, ends: Ends<'_>, core: usize, stop: &Stop) -> anyhow::Result<Process> {
    let path = sluice()?;
    let (mut command, elements, ports) = match ends {
        Ends::Memif(folder) => {
            let mut command = command(core, &path);
            command.env("RUNTIME_DIRECTORY", folder.path());
            (command, Elements::Dpdk, ["net_memif0", "net_memif1"])
        }
        Ends::Veth(net) => {
            let mut command = command(core, "ip");
            command.args(["netns", "exec", net.name()]).arg(&path);
            (command, Elements::Kernel, links::FAR)
        }
        Ends::Vhost(_) | Ends::Tap(_) => bail!("it cannot use such links"),
    };
    let (config, definitions) = function.config(elements, ports);
    // A file, which it reads again when it is told to.
    let files = Folder::new()?;
    let file = files.path().join("device.click");
    std::fs::write(&file, config)?;
    command.arg("run").arg(&file).args(["--buffers", BUFFERS]);
    if let Ends::Memif(folder) = ends {
        let arguments = format!("-l {core} -n1 --no-pci -m 128 {}", links::memif_client(folder).join(" "));
        command.args(["--dpdk", &arguments]);
    }
    command.args(definitions);
    Process::start(Recipe { command, quit: None, ready: |r| r.has_thread("worker"), files: Some(files) }, stop)
}
