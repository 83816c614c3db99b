//! The programs: what each is started with, when it is ready, what it has forwarded and what that took.
use super::scenario::Scenario;
use crate::wire::process::{Running as Process, last_line};
use crate::wire::stop::Stop;
use anyhow::{Context as _, bail, ensure};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Longest time that a program gets to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// What takes turns.
pub(super) enum Program {
    /// testpmd, which forwards what comes (`--forward-mode=io`).
    TestPmd,
    /// The program at this path, with this configuration.
    Sluice(PathBuf, String),
}

/// A folder for sockets, which goes away with its value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> anyhow::Result<Folder> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sluice-bench-dpdk-{}-{number}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Arguments with this folder in them.
    pub(super) fn arguments(&self, text: &str) -> Vec<String> {
        text.replace("{folder}", &self.0.display().to_string()).split(' ').map(String::from).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program beside this one.
pub(crate) fn sluice() -> anyhow::Result<PathBuf> {
    let mut path = std::env::current_exe()?.with_file_name("sluice");
    // Tests are in a folder of their own.
    if !path.is_file()
        && let Some(folder) = path.parent().filter(|f| f.ends_with("deps")).and_then(Path::parent)
    {
        path = folder.join("sluice");
    }
    ensure!(path.is_file(), "there is no {}: make bench builds it", path.display());
    Ok(path)
}

/// Makes sure that so many huge pages of 2 MB are free.
pub(crate) fn reserve(pages: u64) -> anyhow::Result<()> {
    let folder = Path::new("/sys/kernel/mm/hugepages/hugepages-2048kB");
    let read = |name: &str| -> anyhow::Result<u64> {
        Ok(fs::read_to_string(folder.join(name)).context("huge pages of 2 MB")?.trim().parse()?)
    };
    let (all, free) = (read("nr_hugepages")?, read("free_hugepages")?);
    if free < pages {
        fs::write(folder.join("nr_hugepages"), (all + pages - free).to_string()).context("huge pages of 2 MB")?;
        ensure!(read("free_hugepages")? >= pages, "{pages} huge pages of 2 MB cannot be had");
    }
    Ok(())
}

/// A program under way.
pub(super) struct Running {
    process: Process,
    control: Option<BufReader<UnixStream>>,
    /// The names of the threads that do the work; several may have the same.
    workers: &'static [&'static str],
}

const WORKERS_OF_SLUICE: &[&str] = &["worker"];
const WORKERS_OF_TESTPMD: &[&str] = &["rte-worker-1", "rte-worker-2"];

impl Running {
    /// testpmd as the source of flows, on core `core`.
    pub(super) fn start_peer(devices: &str, folder: &Folder, core: usize, stop: &Stop) -> anyhow::Result<Running> {
        Running::testpmd(folder, devices, "peer", "flowgen", &[core], stop)
    }

    /// testpmd as a generator of frames of 64 bytes, frame check sequence included, all of one flow.
    pub(super) fn generator(devices: &str, folder: &Folder, core: usize, stop: &Stop) -> anyhow::Result<Running> {
        Running::testpmd(folder, devices, "generator", "txonly --txpkts=60", &[core], stop)
    }

    /// testpmd as one that takes what comes.
    pub(super) fn sink(devices: &str, folder: &Folder, core: usize, stop: &Stop) -> anyhow::Result<Running> {
        Running::testpmd(folder, devices, "sink", "rxonly", &[core], stop)
    }

    /// A program that forwards, with a worker on each of `cores`.
    pub(super) fn start(
        program: &Program,
        scenario: &Scenario,
        folder: &Folder,
        cores: &[usize],
        stop: &Stop,
    ) -> anyhow::Result<Running> {
        match program {
            Program::TestPmd => Running::testpmd(folder, scenario.devices, "device", "io", cores, stop),
            Program::Sluice(path, config) => {
                let devices = scenario.devices;
                Running::sluice(path, Path::new("-"), Some(config), folder, devices, cores, stop)
            }
        }
    }

    fn testpmd(
        folder: &Folder,
        devices: &str,
        name: &str,
        mode: &str,
        cores: &[usize],
        stop: &Stop,
    ) -> anyhow::Result<Running> {
        // It would keep its answers to itself until a buffer is full.
        let mut command = Command::new("stdbuf");
        command.args(["-oL", "dpdk-testpmd"]);
        command.env("RUNTIME_DIRECTORY", &folder.0);
        // The first gives commands only.
        let lcores: Vec<String> = cores.iter().enumerate().map(|(n, core)| format!("{}@{core}", n + 1)).collect();
        command.arg(format!("--lcores=0@{},{}", cores[0], lcores.join(","))).arg(format!("--file-prefix={name}"));
        command.args("-n1 --no-pci -m 128 --in-memory --single-file-segments --no-telemetry".split(' '));
        command.args(folder.arguments(devices));
        command.args(["--", "-i", "--auto-start", "--total-num-mbufs=16384"]);
        let n = cores.len();
        command.args([format!("--nb-cores={n}"), format!("--rxq={n}"), format!("--txq={n}")]);
        command.args(format!("--forward-mode={mode}").split(' '));
        let mut process = Process::start(&mut command, "")?;
        process.until(stop, |r| r.said().contains("testpmd> "))?;
        Ok(Running { process, control: None, workers: &WORKERS_OF_TESTPMD[..cores.len()] })
    }

    /// Sluice with the configuration in `file`, or in `config` if that is `-`.
    pub(super) fn sluice(
        path: &Path,
        file: &Path,
        config: Option<&str>,
        folder: &Folder,
        devices: &str,
        cores: &[usize],
        stop: &Stop,
    ) -> anyhow::Result<Running> {
        let socket = folder.0.join("control.sock");
        let cores: Vec<String> = cores.iter().map(usize::to_string).collect();
        let mut command = Command::new(path);
        command.env("RUNTIME_DIRECTORY", &folder.0);
        // Ends by itself, should this program be killed.
        command.arg("run").arg(file).args(["--for", "150s", "--buffers", "16384", "-u"]).arg(&socket);
        let devices = folder.arguments(devices).join(" ");
        command.args([
            "--dpdk",
            &format!("-l {} -n1 --no-pci -m 128 --in-memory --single-file-segments {devices}", cores.join(",")),
        ]);
        let mut process = Process::start(&mut command, config.unwrap_or_default())?;
        process.no_more_input();
        process.until(stop, |_| UnixStream::connect(&socket).is_ok())?; // it is there before it listens
        Ok(Running { process, control: Some(open(&socket)?), workers: WORKERS_OF_SLUICE })
    }

    /// Sluice as `command` with an idle policy, answering what comes.
    pub(super) fn responder(
        mut command: Command,
        config: &str,
        devices: &str,
        policy: &str,
        folder: &Folder,
        core: usize,
        stop: &Stop,
    ) -> anyhow::Result<Running> {
        let socket = folder.0.join("control.sock");
        command.env("RUNTIME_DIRECTORY", &folder.0);
        command.args(["run", "-", "--for", "60s", "--buffers", "8192", "--idle", policy, "-u"]).arg(&socket);
        command.args(["--dpdk", &format!("-l {core} --no-pci --no-huge -m 128 {devices}")]);
        let mut process = Process::start(&mut command, config)?;
        process.no_more_input();
        process.until(stop, |_| UnixStream::connect(&socket).is_ok())?; // it is there before it listens
        Ok(Running { process, control: Some(open(&socket)?), workers: WORKERS_OF_SLUICE })
    }

    /// Packets that it has received so far, on all ports.
    pub(super) fn forwarded(&mut self, stop: &Stop) -> anyhow::Result<u64> {
        match &mut self.control {
            Some(control) => Ok(read(control, "in0.count")? + read(control, "in1.count").unwrap_or(0)),
            None => sum(&self.statistics(stop)?, "RX-packets:").context("testpmd gave no counts"),
        }
    }

    /// Packets that testpmd has sent so far.
    pub(super) fn sent(&mut self, stop: &Stop) -> anyhow::Result<u64> {
        sum(&self.statistics(stop)?, "TX-packets:").context("testpmd gave no counts")
    }

    fn statistics(&mut self, stop: &Stop) -> anyhow::Result<String> {
        let had = self.process.said().len();
        self.process.tell("show port stats all\nshow config cores\n")?;
        self.process.until(stop, |r| r.said()[had..].contains("List of forwarding lcores"))?;
        Ok(self.process.said()[had..].to_string())
    }

    /// Processor time of its workers so far, nanoseconds.
    pub(super) fn worker_time(&self) -> anyhow::Result<u64> {
        self.workers.iter().map(|w| self.process.cpu_time_of(w)).sum()
    }

    /// Has it read its configuration again, for the `n`-th time; how long its worker stopped for that, microseconds.
    pub(super) fn swap(&mut self, n: usize, stop: &Stop) -> anyhow::Result<f64> {
        let pauses = |said: &str| -> Vec<f64> {
            let pause = |l: &str| l.split_once("(paused ")?.1.split(' ').next()?.parse().ok();
            said.lines().filter_map(pause).collect()
        };
        self.process.hang_up()?;
        self.process.until(stop, |r| pauses(&r.said()).len() > n)?;
        pauses(&self.process.said()).get(n).copied().context("no pause")
    }

    /// Ends it, as a user would, and gives what it said.
    pub(super) fn end(mut self, stop: &Stop) -> anyhow::Result<String> {
        match self.control.take() {
            Some(_) => self.process.interrupt()?,
            None => self.process.tell("quit\n")?,
        }
        let said = self.process.end(stop)?;
        if said.contains("DO NOT ADD UP") {
            bail!("{}", last_line(&said));
        }
        Ok(said)
    }
}

/// Connects to a control socket.
fn open(socket: &Path) -> anyhow::Result<BufReader<UnixStream>> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut control = BufReader::new(stream);
    control.read_line(&mut String::new())?; // Click::ControlSocket/1.3
    Ok(control)
}

/// Reads a handler that gives a number.
fn read(control: &mut BufReader<UnixStream>, handler: &str) -> anyhow::Result<u64> {
    control.get_mut().write_all(format!("READ {handler}\n").as_bytes())?;
    let (mut answer, mut length) = (String::new(), String::new());
    control.read_line(&mut answer)?;
    ensure!(answer.starts_with("200"), "{handler}: {}", answer.trim());
    control.read_line(&mut length)?;
    let length = length.trim().strip_prefix("DATA ").context("DATA")?.parse()?;
    let mut data = vec![0; length];
    control.read_exact(&mut data)?;
    Ok(String::from_utf8_lossy(&data).trim().parse()?)
}

/// The sum of a count of testpmd's ports.
fn sum(said: &str, count: &str) -> Option<u64> {
    let counts = said.lines().filter_map(|l| l.trim().strip_prefix(count)?.split_whitespace().next()?.parse().ok());
    counts.reduce(|a: u64, b| a + b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_all_ports_are_added() {
        let said = "  #### NIC statistics for port 0  ####\n  RX-packets: 12   RX-missed: 0 RX-bytes:  0\n  RX-errors: 0\n\
                    \n  RX-packets: 30         RX-missed: 0\n";
        assert_eq!(sum(said, "RX-packets:"), Some(42));
        assert_eq!(sum("testpmd> ", "RX-packets:"), None);
    }
}
