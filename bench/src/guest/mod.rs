//! Guests: machines under QEMU that benchmarks start, joined to whatever the network interfaces are told. Each goes away with its
//! value, and with this process.
//!
//! Reading order: [`Guest`] (a machine that runs), [`vnf`] (an image that runs a function), [`bridge`] (a Linux bridge of
//! [`debian`]'s kernel), [`console`], [`settings`] (what a report keeps of a machine).
pub(crate) mod bridge;
mod console;
pub(crate) mod debian;
pub(crate) mod settings;
pub(crate) mod vnf;

use crate::dpdk::Folder;
use crate::wire::net::Net;
use crate::wire::process::{Running, last_line, pinned};
use crate::wire::stop::Stop;
use anyhow::{Context as _, Result, ensure};
use console::Console;
use settings::Settings;
use sluice_dataplane::time::now;
use sluice_images::qemu::accelerator::{Accelerator, Wanted, chosen};
use sluice_images::qemu::{Machine, Serial};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long anything in a guest may take: it may be emulated, on a machine that is busy otherwise.
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// What a machine is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Resources {
    /// MiB.
    pub(crate) memory: u32,
    /// Processors.
    pub(crate) cpus: u32,
    /// What runs its instructions.
    pub(crate) accelerator: Wanted,
}

impl Default for Resources {
    fn default() -> Self {
        Resources { memory: 192, cpus: 1, accelerator: Wanted::Auto }
    }
}

/// Where QEMU runs.
#[derive(Clone, Copy, Default)]
pub(crate) struct Host<'a> {
    /// In this namespace: the interfaces of `tap` are there. Ports of QEMU's own network are on its loopback.
    pub(crate) net: Option<&'a Net>,
    /// All of it on this core.
    pub(crate) core: Option<usize>,
}

/// A machine that runs.
pub(crate) struct Guest {
    process: Running,
    console: Console,
    settings: Settings,
    /// When QEMU was started.
    pub(crate) started: u64,
    /// Sockets and files of the machine.
    pub(crate) folder: Folder,
}

impl Guest {
    /// Starts a machine; its serial port and its QMP socket are made here. `system` says what runs in it. The folder may
    /// hold files of the machine already.
    ///
    /// # Errors
    /// QEMU is not there, or ends at once: what it said.
    pub(crate) fn start(
        mut machine: Machine,
        system: settings::System,
        folder: Folder,
        host: Host<'_>,
        stop: &Stop,
    ) -> Result<Guest> {
        let at = |name: &str| folder.path().join(name);
        machine.serial = Serial::Unix(at("console"));
        machine.qmp = Some(at("qmp"));
        machine.huge_pages = machine.shares_memory() && are_free(machine.memory);
        let settings = Settings::of(&machine, system, host.core)?;
        let qemu = machine.command()?;
        let mut command = match host.core {
            Some(core) => pinned(core),
            None => Command::new("setpriv"),
        };
        if host.core.is_none() {
            command.args(["--pdeathsig", "KILL"]);
        }
        if let Some(net) = host.net {
            command.args(["ip", "netns", "exec", net.name()]);
        }
        command.arg(qemu.get_program()).args(qemu.get_args());
        let started = now();
        let mut process = Running::start(&mut command, "")?;
        let console = Console::open(&at("console"), stop, || runs(&mut process, ""))?;
        Ok(Guest { process, console, settings, started, folder })
    }

    /// What a report keeps of it.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What its console said so far.
    pub(crate) fn said(&self) -> String {
        self.console.text()
    }

    /// Fails if it does not run any more: QEMU has ended, or its kernel panicked.
    pub(crate) fn check(&mut self) -> Result<()> {
        let said = self.console.text();
        runs(&mut self.process, &said)?;
        ensure!(!said.contains("Kernel panic"), "the guest's kernel panicked: {}", last_line(&said));
        Ok(())
    }

    /// Waits until its console said so, at most [`LONG`].
    pub(crate) fn until(&mut self, stop: &Stop, what: &str, done: impl Fn(&str) -> bool) -> Result<()> {
        let waited = stop.wait(LONG, what, || {
            self.check()?;
            Ok(done(&self.console.text()))
        });
        waited.with_context(|| format!("the guest's console said at last: {}", last_line(&self.console.text())))
    }

    /// Starts the machine again, as its reset button would.
    ///
    /// # Errors
    /// QEMU does not answer.
    pub(crate) fn reset(&self) -> Result<()> {
        self.qmp(r#"{"execute":"system_reset"}"#)
    }

    /// Has the guest's kernel kill all processes but the first (SysRq-i).
    ///
    /// # Errors
    /// QEMU does not answer.
    pub(crate) fn kill_processes(&self) -> Result<()> {
        self.qmp(r#"{"execute":"chardev-send-break","arguments":{"id":"serial"}}"#)?;
        self.console.say(b"i")
    }

    /// Says something to QEMU, and waits for its answer.
    fn qmp(&self, command: &str) -> Result<()> {
        let mut qmp = UnixStream::connect(self.folder.path().join("qmp")).context("QMP")?;
        qmp.set_read_timeout(Some(LONG))?;
        let mut answers = BufReader::new(qmp.try_clone()?);
        let mut line = String::new();
        answers.read_line(&mut line)?;
        for command in [r#"{"execute":"qmp_capabilities"}"#, command] {
            writeln!(qmp, "{command}")?;
            line.clear();
            while !line.contains("\"return\"") {
                line.clear();
                ensure!(answers.read_line(&mut line)? > 0 && !line.contains("\"error\""), "QMP: {line}");
            }
        }
        Ok(())
    }
}

/// Whether QEMU has not ended.
fn runs(process: &mut Running, console: &str) -> Result<()> {
    let Some(status) = process.status()? else { return Ok(()) };
    let said = process.said();
    let last = if said.trim().is_empty() { last_line(console) } else { last_line(&said) };
    anyhow::bail!("QEMU has ended ({status}): {last}")
}

/// What runs the guest's instructions, and why.
pub(crate) fn accelerator(wanted: Wanted) -> (Accelerator, &'static str) {
    chosen(wanted)
}

/// Whether so many MiB are free in huge pages of 2 MB.
fn are_free(memory: u32) -> bool {
    let free = Path::new("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
    let free = std::fs::read_to_string(free).ok().and_then(|n| n.trim().parse::<u32>().ok());
    memory.is_multiple_of(2) && free.is_some_and(|pages| pages >= memory / 2)
}

/// Cargo's folder: that of this program if it lies in one, else `target`.
pub(crate) fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let found = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    found.map_or_else(|| "target".into(), Path::to_path_buf)
}
