//! Network namespaces for tests. Needs root.
#![allow(dead_code, unreachable_pub, missing_docs)] // each test file uses its part
use rustix::thread::LinkNameSpaceType;
use std::fs::File;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A network namespace that is deleted with this value.
pub struct Namespace {
    pub name: String,
}

impl Namespace {
    /// `None`, with a line that says so, where the test cannot run.
    pub fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !rustix::process::geteuid().is_root() {
            println!("skipped: needs root");
            return None;
        }
        let name = format!("sluice-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let made = Command::new("ip").args(["netns", "add", &name]).output().expect("needs iproute2");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let this = Self { name };
        // Without IPv6 the kernel sends nothing by itself.
        this.shell("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
        this.ip("link set lo up");
        Some(this)
    }

    /// Runs `ip` inside.
    pub fn ip(&self, arguments: &str) {
        let output = Command::new("ip").args(["-n", &self.name]).args(arguments.split(' ')).output().unwrap();
        assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs a line of shell inside.
    pub fn shell(&self, line: &str) {
        let status = Command::new("ip").args(["netns", "exec", &self.name, "sh", "-c", line]).status().unwrap();
        assert!(status.success(), "{line}");
    }

    /// What `ip link` says of an interface.
    pub fn show(&self, name: &str) -> String {
        let output = Command::new("ip").args(["-n", &self.name, "-d", "link", "show", name]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Moves the calling thread inside, with what it opens from now on.
    pub fn enter(&self) {
        let file = File::open(format!("/run/netns/{}", self.name)).unwrap();
        rustix::thread::move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    }

    /// A pair of joined interfaces `va` and `vb`, up.
    pub fn add_veth(&self) {
        self.ip("link add va type veth peer name vb");
        for name in ["va", "vb"] {
            self.ip(&format!("link set {name} up"));
        }
        self.settle("va");
        self.settle("vb");
    }

    /// Waits until the kernel has noticed that an interface has a link. Until then it drops what is sent, without a word.
    pub fn settle(&self, name: &str) {
        for _ in 0..500 {
            let output = Command::new("ip").args(["-n", &self.name, "link", "show", name]).output().unwrap();
            if String::from_utf8_lossy(&output.stdout).contains("state UP") {
                // Queues are attached under the lock that this needs too.
                self.ip(&format!("link set {name} mtu 1500"));
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("no link on {name}");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

/// A frame of an EtherType for experiments, for another host.
pub fn frame(len: usize, number: u8) -> Vec<u8> {
    let mut frame = vec![number; len];
    frame[..14].copy_from_slice(&[0x02, 0, 0, 0, 0, 9, 0x02, 0, 0, 0, 0, 1, 0x88, 0xb5]);
    frame
}
