//! What a test of DPDK's drivers needs: memory, the program with its control socket, and `dpdk-testpmd` as its peer.
use crate::common::{Folder, Running, SLUICE, balance, run, wait};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Longest wait for anything here: machines are shared.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// Buffers of a run, so that several fit beside each other.
pub(crate) const BUFFERS: &str = "8192";
/// Without huge pages; for drivers that share no memory with another process.
pub(crate) const NO_HUGE: &str = "--no-huge -m 128";

/// Huge pages that all tests that run at the same time need.
const PAGES: u64 = 160;
const HUGE: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB";

/// Longest life of a run, should its test never end it.
fn life() -> String {
    let soak = std::env::var("SOAK_SECONDS").ok().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    format!("{}s", 1200 + soak)
}

/// A number that no other test has.
pub(crate) fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// False, and a line that says so, where huge pages cannot be had: they are reserved if need be.
pub(crate) fn huge_pages(test: &str) -> bool {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner); // guards nothing that could be half done
    let number = |name: &str| {
        let text = std::fs::read_to_string(format!("{HUGE}/{name}")).unwrap_or_default();
        text.trim().parse::<u64>().unwrap_or(0)
    };
    let free = || number("free_hugepages").saturating_sub(number("resv_hugepages"));
    for _ in 0..20 {
        let missing = PAGES.saturating_sub(free());
        if missing == 0 {
            return true;
        }
        if std::fs::write(format!("{HUGE}/nr_hugepages"), (number("nr_hugepages") + missing).to_string()).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("skipped: {test} needs {PAGES} free huge pages of 2 MB (there are {}), or root to reserve them", free());
    false
}

/// False, and a line that says so, where there is no `dpdk-testpmd`.
pub(crate) fn testpmd(test: &str) -> bool {
    let there = run("command -v dpdk-testpmd").status.success();
    if !there {
        println!("skipped: {test} needs dpdk-testpmd (Debian: dpdk-dev)");
    }
    there && huge_pages(test)
}

/// Cores that this process may use.
pub(crate) fn cores() -> Vec<usize> {
    sluice_dataplane::io::affinity::allowed_cores().expect("cores")
}

/// A running `sluice run`.
pub(crate) struct Sluice {
    pub(crate) running: Running,
    socket: PathBuf,
    folder: RunFolder,
}

/// The folder that DPDK makes for a process, which a process that is killed leaves.
struct RunFolder(u32);

impl Drop for RunFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(format!("/var/run/dpdk/sluice-{}", self.0));
    }
}

/// How a run ended.
pub(crate) struct Report {
    pub(crate) text: String,
    /// Received, created, transmitted, consumed, dropped, held.
    pub(crate) balance: [u64; 6],
}

impl Sluice {
    /// Runs a configuration with DPDK.
    pub(crate) fn start(folder: &Folder, text: &str, dpdk: &str) -> Sluice {
        Sluice::start_at(folder, text, dpdk, None, &[])
    }

    /// The same in the namespace of a network's middle, if one is given, with more arguments.
    pub(crate) fn start_at(folder: &Folder, text: &str, dpdk: &str, namespace: Option<&str>, more: &[&str]) -> Sluice {
        static TURN: AtomicU32 = AtomicU32::new(0);
        let (file, socket) = (folder.file("config.click"), folder.file("control"));
        std::fs::write(&file, text).expect("write");
        let cores = cores();
        let core = cores[TURN.fetch_add(1, Ordering::Relaxed) as usize % cores.len()].to_string();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        if let Some(namespace) = namespace {
            command.args(["ip", "netns", "exec", namespace]);
        }
        command.args([SLUICE, "run"]).arg(&file).arg("--unix-socket").arg(&socket);
        command.args(["--for", &life(), "--core", &core, "--dpdk", dpdk]);
        if !more.contains(&"--buffers") {
            command.args(["--buffers", BUFFERS]);
        }
        command.args(more);
        let running = Running::start(command, Stdio::null());
        Sluice { folder: RunFolder(running.id()), running, socket }
    }

    /// Waits until it runs.
    pub(crate) fn ready(mut self) -> Sluice {
        wait(LONG, "the control socket", || {
            assert!(!self.running.ended(), "it has ended: {}", self.running.told());
            UnixStream::connect(&self.socket).is_ok()
        });
        self
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = UnixStream::connect(&self.socket).expect("control socket");
        stream.set_read_timeout(Some(LONG)).expect("time-out");
        stream.write_all(format!("{request}\r\nQUIT\r\n").as_bytes()).expect("write");
        let (mut reader, mut line, mut data) = (BufReader::new(stream), String::new(), String::new());
        reader.read_line(&mut line).expect("greeting");
        line.clear();
        reader.read_line(&mut line).expect("answer");
        assert!(line.starts_with("200"), "{request}: {line}");
        if request.starts_with("READ") {
            line.clear();
            reader.read_line(&mut line).expect("length");
            let length: usize = line.trim().strip_prefix("DATA ").and_then(|n| n.parse().ok()).expect("a length");
            let mut bytes = vec![0; length];
            reader.read_exact(&mut bytes).expect("data");
            data = String::from_utf8_lossy(&bytes).into_owned();
        }
        data
    }

    pub(crate) fn read(&self, handler: &str) -> String {
        self.ask(&format!("READ {handler}"))
    }

    pub(crate) fn number(&self, handler: &str) -> u64 {
        let text = self.read(handler);
        text.trim().parse().unwrap_or_else(|_| panic!("{handler}: {text}"))
    }

    pub(crate) fn write(&self, handler: &str, value: &str) {
        self.ask(&format!("WRITE {handler} {value}"));
    }

    /// Waits until a handler that counts gives at least `n`.
    pub(crate) fn until(&self, handler: &str, n: u64) {
        let mut last = (0, sluice_dataplane::time::now());
        loop {
            let (there, now) = (self.number(handler), sluice_dataplane::time::now());
            if there >= n {
                return;
            }
            if there != last.0 {
                last = (there, now);
            }
            assert!(
                now - last.1 < LONG.as_nanos() as u64,
                "{handler} stays at {there}, short of {n}; sent {}, it says {}",
                self.read("to.count"),
                self.running.told()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the port of an element has a link.
    pub(crate) fn linked(&self, element: &str) {
        wait(LONG, "the link", || self.read(&format!("{element}.carrier")).trim() == "true");
    }

    /// Ends it. Its numbers add up, and every buffer is back.
    pub(crate) fn stop(self) -> Report {
        let (ok, report) = self.end();
        let line =
            report.text.lines().find(|l| l.starts_with("buffers: ")).unwrap_or_else(|| panic!("{}", report.text));
        // The one driver that forgets what it has says so; of what else goes through it nothing may be missing.
        let back = match line.contains("net_af_xdp") {
            true => {
                let used: u64 = line.split(' ').nth(1).and_then(|n| n.replace(',', "").parse().ok()).expect("a number");
                (2 * 2048..=2 * 4096).contains(&used)
            }
            false => line.starts_with("buffers: 0 of "),
        };
        assert!(ok && back, "{}", report.text);
        report
    }

    /// Ends it; whether it was content.
    pub(crate) fn end(self) -> (bool, Report) {
        self.running.signal("INT");
        let (ok, _, text) = self.running.wait();
        drop(self.folder);
        assert!(!text.contains("panicked"), "{text}");
        let balance = balance(&text);
        let [received, created, transmitted, consumed, dropped, held] = balance;
        assert_eq!(received + created, transmitted + consumed + dropped + held, "{text}");
        (ok, Report { text, balance })
    }
}

impl Report {
    fn port(&self, name: &str, verb: &str) -> u64 {
        let lines = self.text.lines().filter(|l| l.starts_with("port "));
        let words = lines.map(|l| l.split_whitespace().collect::<Vec<_>>()).filter(|w| w[1] == name && w[2] == verb);
        words.map(|w| w[3].replace(',', "").parse::<u64>().expect("a number")).sum()
    }
    /// Packets that a port received.
    pub(crate) fn received(&self, port: &str) -> u64 {
        self.port(port, "received")
    }
    /// Packets that a port sent.
    pub(crate) fn sent(&self, port: &str) -> u64 {
        self.port(port, "sent")
    }
}

/// A `dpdk-testpmd` that sends back what it receives.
pub(crate) struct Peer {
    running: Running,
    prefix: String,
}

/// What it counted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Echoed {
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

impl Peer {
    pub(crate) fn start(dpdk: &str, options: &str) -> Peer {
        let prefix = format!("slt-{}", unique());
        let all = cores().iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "stdbuf", "-oL", "dpdk-testpmd"]);
        command.args([&format!("--lcores=0@({all}),1@({all})"), &format!("--file-prefix={prefix}")]);
        command.args(["-n1", "--no-pci", "--in-memory", "--no-telemetry", "--single-file-segments", "-m", "64"]);
        command.args(dpdk.split_whitespace());
        // It says that it forwards before it throws away what has come until then: it shall not.
        command.args(["--", "-i", "--nb-cores=1", "--total-num-mbufs=6144", "--disable-link-check", "--no-flush-rx"]);
        command.args(options.split_whitespace());
        let mut running = Running::start(command, Stdio::piped());
        // What there is no room for is sent later: it loses nothing.
        running.say("set fwd io retry");
        running.say("set burst tx delay 10 retry 1000000");
        running.say("start");
        Peer { running, prefix }
    }

    /// The first peer of a run. One that connects needs the run's socket; a run that serves virtio waits for its peer
    /// before anything else.
    pub(crate) fn first(sluice: Sluice, port: &str, dpdk: &str) -> (Sluice, Peer) {
        if port == "net_virtio_user0" {
            let peer = Peer::start(dpdk, "");
            return (sluice.ready(), peer);
        }
        let sluice = sluice.ready();
        (sluice, Peer::start(dpdk, ""))
    }

    /// Waits until it forwards.
    pub(crate) fn ready(mut self) -> Peer {
        wait(LONG, "testpmd", || {
            assert!(!self.running.ended(), "testpmd has ended: {}", self.running.printed());
            self.running.printed().contains(" - ports=")
        });
        self
    }

    /// Waits until it has forwarded all, and stops it.
    pub(crate) fn stop(mut self) -> Echoed {
        self.running.say("stop");
        let end = "Accumulated forward statistics";
        wait(LONG, "testpmd's numbers", || {
            self.running.printed().split_once(end).is_some_and(|p| p.1.contains("TX-total"))
        });
        let printed = self.running.printed();
        let all = printed.split_once(end).map_or("", |p| p.1);
        let number = |name: &str| {
            let at = all.split_once(name).unwrap_or_else(|| panic!("{name}: {printed}")).1;
            at.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{name}: {printed}"))
        };
        let echoed = Echoed { received: number("RX-packets:"), sent: number("TX-packets:") };
        assert_eq!(number("TX-dropped:"), 0, "testpmd dropped: {printed}");
        self.running.say("quit");
        wait(LONG, "testpmd's end", || self.running.ended());
        echoed
    }

    /// Kills it, as if its host had failed.
    pub(crate) fn kill(self) {
        self.running.signal("KILL");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if !self.running.ended() {
            if std::thread::panicking() {
                self.running.say("show port xstats all");
                self.running.say("show fwd stats all");
                std::thread::sleep(Duration::from_millis(500));
            }
            self.running.signal("KILL");
        }
        let _ = std::fs::remove_dir_all(format!("/var/run/dpdk/{}", self.prefix));
    }
}

/// Text of a sample function with its ports made DPDK's, and nothing else changed.
pub(crate) fn over_dpdk(net_function: &str) -> String {
    let text = std::fs::read_to_string(crate::common::function(net_function)).expect("function");
    let changed = text.replace("FromDevice(", "FromDPDKDevice(").replace("ToDevice(", "ToDPDKDevice(");
    assert_ne!(text, changed);
    changed
}
