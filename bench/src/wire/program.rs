//! The two programs that take turns: what each is started with, when it is ready, and what it counted.
use super::net::Net;
use super::process::{Running, last_line};
use super::stop::Stop;
use anyhow::Context as _;
use std::path::PathBuf;

/// What a program is to do.
#[derive(Clone, Copy)]
pub(super) enum Work<'a> {
    /// Receive from an interface, and no more.
    Sink(&'a str),
    /// Receive from the first, send through the second.
    Forward(&'a str, &'a str),
    /// Be a router between the two, or what comes nearest.
    Router(&'a str, &'a str),
}

/// What programs receive and send through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sockets {
    /// Packet sockets.
    Packet,
    /// AF_XDP.
    Xdp,
}

/// A program that receives packets.
pub(super) trait Program {
    /// Its name in the table.
    fn name(&self) -> &'static str;
    /// Starts it on core `core`, and waits until it is ready.
    fn start(&self, net: &Net, work: Work<'_>, core: usize, stop: &Stop) -> anyhow::Result<Running>;
    /// Ends it; frames that it received.
    fn end(&self, running: Running, stop: &Stop) -> anyhow::Result<u64>;
}

/// `sluice run`, the program beside this one.
pub(super) struct Sluice {
    path: PathBuf,
    sockets: Sockets,
}

impl Sluice {
    /// The program in this program's folder.
    pub(super) fn find(sockets: Sockets) -> anyhow::Result<Sluice> {
        let path = std::env::current_exe()?.with_file_name("sluice");
        anyhow::ensure!(path.is_file(), "there is no {}: cargo build --release", path.display());
        Ok(Sluice { path, sockets })
    }
}

const ROUTER: &str = include_str!("../../../elements/functions/router.click");

impl Program for Sluice {
    fn name(&self) -> &'static str {
        "Sluice"
    }

    fn start(&self, net: &Net, work: Work<'_>, core: usize, stop: &Stop) -> anyhow::Result<Running> {
        let mut command = net.command(&self.path);
        // Ends by itself, should this program be killed.
        command.args(["run", "-", "--for", "60s", "--core", &core.to_string()]);
        let (from, to) = match self.sockets {
            Sockets::Packet => ("FromDevice", "ToDevice"),
            Sockets::Xdp => ("FromXDP", "ToXDP"),
        };
        let config = match work {
            Work::Sink(a) => format!("{from}({a}, PROMISC true) -> Discard;"),
            Work::Forward(a, b) => format!("{from}({a}, PROMISC true) -> {to}({b});"),
            Work::Router(a, b) => {
                command.args([format!("A={a}"), format!("B={b}")]);
                ROUTER.into()
            }
        };
        let mut running = Running::start(&mut command, &config)?;
        running.no_more_input();
        running.until(stop, |r| r.has_thread("worker"))?;
        Ok(running)
    }

    fn end(&self, running: Running, stop: &Stop) -> anyhow::Result<u64> {
        running.interrupt()?;
        let said = running.end(stop)?;
        received(&said).with_context(|| format!("no count in its report: {}", last_line(&said)))
    }
}

/// The first number of the balance at the end of the report.
fn received(report: &str) -> Option<u64> {
    let rest = report.lines().find_map(|l| l.strip_prefix("received "))?;
    rest.split(' ').next()?.replace(',', "").parse().ok()
}

/// DPDK's testpmd with its drivers for packet sockets and AF_XDP.
pub(super) struct TestPmd {
    /// Where DPDK makes folders for a run.
    folder: PathBuf,
    sockets: Sockets,
}

impl TestPmd {
    pub(super) fn new(sockets: Sockets) -> TestPmd {
        TestPmd { folder: std::env::temp_dir().join(format!("sluice-bench-{}", std::process::id())), sockets }
    }
}

impl Drop for TestPmd {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Program for TestPmd {
    fn name(&self) -> &'static str {
        "testpmd"
    }

    fn start(&self, net: &Net, work: Work<'_>, core: usize, stop: &Stop) -> anyhow::Result<Running> {
        std::fs::create_dir_all(&self.folder)?;
        let mut command = net.command("dpdk-testpmd");
        command.env("RUNTIME_DIRECTORY", &self.folder);
        command.arg(format!("--lcores=0@{core},1@{core}"));
        command.args("-n1 --no-pci -m 128 --no-shconf --no-telemetry --file-prefix=sluice-bench".split(' '));
        // Packet sockets on ordinary pages: huge ones would have to be reserved on the host. AF_XDP has the kernel write to
        // packets where they are, and gets huge ones if there are any.
        command.arg(if self.sockets == Sockets::Xdp && free_huge_pages() >= 64 { "--in-memory" } else { "--no-huge" });
        let (mode, interfaces) = match work {
            Work::Sink(a) => ("rxonly", vec![a]),
            Work::Forward(a, b) | Work::Router(a, b) => ("io", vec![a, b]),
        };
        for (i, interface) in interfaces.iter().enumerate() {
            command.arg(match self.sockets {
                Sockets::Packet => {
                    let shape = "blocksz=4096,framesz=2048,framecnt=512,qpairs=1";
                    format!("--vdev=net_af_packet{i},iface={interface},{shape}")
                }
                Sockets::Xdp => format!("--vdev=net_af_xdp{i},iface={interface}"),
            });
        }
        command.args(["--", "-i", "--auto-start", "--nb-cores=1", "--total-num-mbufs=16384"]);
        command.arg(format!("--forward-mode={mode}"));
        let mut running = Running::start(&mut command, "")?;
        running.until(stop, |r| r.said().contains("testpmd> "))?;
        Ok(running)
    }

    fn end(&self, mut running: Running, stop: &Stop) -> anyhow::Result<u64> {
        running.tell("quit\n")?;
        let said = running.end(stop)?;
        rx_packets(&said).with_context(|| format!("no RX-packets in its output: {}", last_line(&said)))
    }
}

/// Huge pages that nobody uses, proc(5).
fn free_huge_pages() -> u32 {
    let table = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let free = table.lines().find_map(|l| l.strip_prefix("HugePages_Free:"));
    free.and_then(|n| n.trim().parse().ok()).unwrap_or(0)
}

/// The count of port 0 that testpmd prints when it stops forwarding.
fn rx_packets(said: &str) -> Option<u64> {
    let (_, statistics) = said.rsplit_once("Forward statistics for port 0")?;
    let (_, rest) = statistics.split_once("RX-packets:")?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sluices_report_is_read() {
        let report = "port vb received 5 packets\n\nreceived 1,234,567 + created 0 = transmitted 0 + ...   (exact)\n";
        assert_eq!(received(report), Some(1_234_567));
        assert_eq!(received("sluice: vb: the interface is down\n"), None);
    }

    #[test]
    fn testpmds_statistics_are_read() {
        let said = "  ------ Forward statistics for port 0  ------\n  RX-packets: 1184         RX-dropped: 3      RX-total: 7\n\
                    \n  ++ Accumulated forward statistics for all ports++\n  RX-packets: 9 ";
        assert_eq!(rx_packets(said), Some(1184));
        assert_eq!(rx_packets("EAL: Error - exiting with code: 1"), None);
    }
}
