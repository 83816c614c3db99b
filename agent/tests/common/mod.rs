//! Two hosts and a middle, each in a network namespace of its own, joined by veth pairs.
#![allow(dead_code, unreachable_pub, missing_docs)] // each test file uses its part
use sluice_dataplane::time::now;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The program under test.
pub const SLUICE: &str = env!("CARGO_BIN_EXE_sluice");

/// A function of `elements/functions`.
pub fn function(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../elements/functions").join(name)
}

/// False, and a line that says so, when the test cannot be done here.
pub fn can_make_namespaces(test: &str) -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout == b"0\n");
    if !root {
        println!("skipped: {test} needs root");
    }
    root
}

pub fn run(command: &str) -> Output {
    Command::new("sh").args(["-c", command]).output().expect("sh")
}

/// Runs a shell command and wants it to succeed.
pub fn must(command: &str) -> String {
    let o = run(command);
    let text = String::from_utf8_lossy(&o.stdout).into_owned();
    assert!(o.status.success(), "{command}: {text}{}", String::from_utf8_lossy(&o.stderr));
    text
}

/// `a` (10.0.1.2, or 10.0.1.2/24 and 10.0.1.3/24 on one network) -- `r` -- `b`.
pub struct Net {
    pub a: String,
    pub b: String,
    pub r: String,
}

/// How the hosts are addressed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// 10.0.1.2 and 10.0.1.3 on one link.
    OneNetwork,
    /// 10.0.1.2 and 10.0.2.2, with default routes by 10.0.1.1 and 10.0.2.1.
    TwoNetworks,
}

impl Net {
    pub fn new(layout: Layout, offloads: bool) -> Net {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let id = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let net = Net { a: format!("slt-a-{id}"), b: format!("slt-b-{id}"), r: format!("slt-r-{id}") };
        let Net { a, b, r } = &net;
        for n in [a, b, r] {
            must(&format!("ip netns add {n} && ip netns exec {n} sysctl -qw net.ipv6.conf.all.disable_ipv6=1"));
        }
        must(&format!("ip -n {r} link add left type veth peer name eth0 netns {a}"));
        must(&format!("ip -n {r} link add right type veth peer name eth0 netns {b}"));
        let (b_ip, gateways) = match layout {
            Layout::OneNetwork => ("10.0.1.3/24", false),
            Layout::TwoNetworks => ("10.0.2.2/24", true),
        };
        must(&format!("ip -n {a} addr add 10.0.1.2/24 dev eth0; ip -n {b} addr add {b_ip} dev eth0"));
        for n in [a, b] {
            must(&format!("ip -n {n} link set lo up; ip -n {n} link set eth0 up"));
            if !offloads {
                let off = "tx off rx off tso off gso off gro off";
                must(&format!("ip netns exec {n} ethtool -K eth0 {off} >/dev/null 2>&1"));
            }
        }
        must(&format!("ip -n {r} link set left up; ip -n {r} link set right up"));
        if gateways {
            must(&format!("ip -n {a} route add default via 10.0.1.1; ip -n {b} route add default via 10.0.2.1"));
        }
        // A link that has just come up loses frames for up to a second.
        let up = |n: &str, i: &str| must(&format!("ip -n {n} -o link show {i}")).contains("state UP");
        wait(Duration::from_secs(5), "links", || up(a, "eth0") && up(b, "eth0") && up(r, "left") && up(r, "right"));
        net
    }

    pub fn in_a(&self, command: &str) -> Output {
        run(&format!("ip netns exec {} {command}", self.a))
    }

    /// Starts a command in a namespace.
    pub fn spawn(&self, namespace: &str, program: &str, args: &[&str]) -> Running {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace, program]).args(args);
        Running::start(command, Stdio::null())
    }

    /// Waits until host a reaches `address` through the middle.
    pub fn settle(&self, address: &str) {
        wait(Duration::from_secs(20), "a ping", || self.in_a(&format!("ping -c 1 -W 1 {address}")).status.success());
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for n in [&self.a, &self.b, &self.r] {
            run(&format!("ip netns del {n}"));
        }
    }
}

/// A folder that goes away with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("sluice-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("folder");
        Folder(path)
    }
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A process that ends with the test.
pub struct Running {
    child: Child,
    said: [PathBuf; 2],
}

impl Running {
    /// Starts a command. What it says goes to files, so it never waits for a reader.
    pub fn start(mut command: Command, input: Stdio) -> Running {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("sluice-test-{}-said-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let said = ["out", "err"].map(|end| std::env::temp_dir().join(format!("{name}.{end}")));
        let [out, err] = said.each_ref().map(|path| std::fs::File::create(path).expect("file"));
        let child = command.stdin(input).stdout(out).stderr(err).spawn().expect("start");
        Running { child, said }
    }
    /// Writes a line to its standard input, if that is a pipe.
    pub fn say(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("a pipe");
        let _ = writeln!(input, "{line}"); // it may have ended
    }
    /// What it has written to standard output so far.
    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.said[0]).expect("file")).into_owned()
    }
    /// Whether it has ended.
    pub fn ended(&mut self) -> bool {
        self.child.try_wait().expect("status").is_some()
    }
    pub fn signal(&self, name: &str) {
        must(&format!("kill -{name} {}", self.child.id()));
    }
    /// Its process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
    /// What it has written to standard error so far.
    pub fn told(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.said[1]).expect("file")).into_owned()
    }
    /// Waits for its end; the status that it ended with, if no signal ended it.
    pub fn code(mut self) -> Option<i32> {
        self.child.wait().expect("status").code()
    }
    /// Waits for its end; status, standard output and standard error.
    pub fn wait(mut self) -> (bool, String, String) {
        let status = self.child.wait().expect("status");
        (status.success(), self.printed(), self.told())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let told = self.told();
            let tail = told.char_indices().rev().nth(4000).map_or(0, |c| c.0);
            eprintln!("--- what the process said last:\n{}", &told[tail..]);
            let printed = self.printed();
            let tail = printed.char_indices().rev().nth(1500).map_or(0, |c| c.0);
            eprintln!("--- and printed last:\n{}", &printed[tail..]);
        }
        self.said.iter().for_each(|f| drop(std::fs::remove_file(f)));
    }
}

pub fn wait(limit: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let end = now().saturating_add(u64::try_from(limit.as_nanos()).expect("limit"));
    while !done() {
        assert!(now() < end, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// One transfer from host a to an iperf3 on host b; the client's JSON.
pub fn iperf(net: &Net, to: &str, seconds: &str, extra: &str) -> String {
    let server = net.spawn(&net.b, "iperf3", &["-s", "-1"]);
    let listening = || run(&format!("ip netns exec {} ss -ltn", net.b));
    wait(Duration::from_secs(5), "iperf3", || String::from_utf8_lossy(&listening().stdout).contains(":5201"));
    let o = net.in_a(&format!("iperf3 -J -c {to} -t {seconds} {extra}"));
    let json = String::from_utf8_lossy(&o.stdout).into_owned();
    assert!(o.status.success(), "iperf3 {extra}: {json}");
    drop(server);
    json
}

/// The numbers of a report's last line: received, created, transmitted, consumed, dropped, held.
pub fn balance(report: &str) -> [u64; 6] {
    let line = report.lines().find(|l| l.starts_with("received ")).unwrap_or_else(|| panic!("no balance:\n{report}"));
    assert!(line.ends_with("(exact)"), "{line}");
    let numbers: Vec<u64> = line.split_whitespace().filter_map(|w| w.replace(',', "").parse().ok()).collect();
    numbers.try_into().unwrap_or_else(|_| panic!("{line}"))
}

/// A number of iperf3's JSON, by the path of names to it.
pub fn number(json: &str, path: &[&str]) -> f64 {
    let mut v: serde_json::Value = serde_json::from_str(json).unwrap_or_else(|e| panic!("{e}: {json}"));
    for p in path {
        v = v[*p].take();
    }
    v.as_f64().unwrap_or_else(|| panic!("{path:?} in {json}"))
}

/// UDP datagrams that a namespace dropped because a socket's buffer was full.
pub fn udp_overruns(namespace: &str) -> f64 {
    let o = run(&format!("ip netns exec {namespace} cat /proc/net/snmp"));
    let text = String::from_utf8_lossy(&o.stdout).into_owned();
    let mut udp = text.lines().filter_map(|l| l.strip_prefix("Udp: ")).map(|l| l.split(' ').collect::<Vec<_>>());
    let (Some(names), Some(values)) = (udp.next(), udp.next()) else { panic!("{text}") };
    let at = names.iter().position(|n| *n == "RcvbufErrors").unwrap_or_else(|| panic!("{text}"));
    values[at].parse().expect("a number")
}
