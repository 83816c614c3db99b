//! A network namespace with pairs of joined interfaces; it goes away with its value.
use super::stop::Stop;
use anyhow::{Context as _, bail, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A namespace of our own, without IPv6: its kernel sends nothing by itself.
pub(crate) struct Net {
    name: String,
}

impl Net {
    /// Makes a namespace whose name has the process's number in it, and one of its own.
    pub(crate) fn new() -> anyhow::Result<Net> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let net = Net { name: format!("sluice-bench-{}-{number}", std::process::id()) };
        run(Command::new("ip").args(["netns", "add", &net.name]))?;
        run(net.command("sh").args(["-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6 || true"]))?;
        Ok(net)
    }

    /// Joins two new interfaces and waits until both have a link.
    pub(crate) fn pair(&self, stop: &Stop, a: &str, b: &str) -> anyhow::Result<()> {
        self.ip(&format!("link add {a} type veth peer name {b}"))?;
        for name in [a, b] {
            self.ip(&format!("link set {name} up"))?;
        }
        for name in [a, b] {
            let up = || Ok(self.ip(&format!("-o link show {name}"))?.contains("state UP"));
            stop.wait(Duration::from_secs(5), &format!("a link on {name}"), up)?;
        }
        Ok(())
    }

    /// What goes out through `from` leaves through `to` instead, `copies` times.
    pub(crate) fn multiply(&self, from: &str, to: &str, copies: usize) -> anyhow::Result<()> {
        self.tc(&format!("qdisc add dev {from} clsact"))?;
        let copy = format!(" action mirred egress mirror dev {to} pipe").repeat(copies - 1);
        let all = format!("protocol all prio 1 u32 match u32 0 0{copy} action mirred egress redirect dev {to}");
        self.tc(&format!("filter add dev {from} egress {all}"))
    }

    /// The kernel's part of receiving on an interface is done by `core` (RPS), not where the sender runs.
    pub(crate) fn receive_on(&self, interface: &str, core: Option<usize>) -> anyhow::Result<()> {
        let mask = core.map_or("0".into(), |c| format!("{:x}{}", 1u32 << (c % 32), ",00000000".repeat(c / 32)));
        let file = format!("/sys/class/net/{interface}/queues/rx-0/rps_cpus");
        run(self.command("sh").args(["-c", &format!("echo {mask} > {file}")])).map(drop)
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A command that will run inside, as a process of its own number.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program).stdin(Stdio::null());
        command
    }

    /// Moves the calling thread inside, with what it opens from now on.
    pub(crate) fn enter(&self) -> anyhow::Result<()> {
        let file = File::open(format!("/run/netns/{}", self.name)).context("the namespace")?;
        Ok(move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?)
    }

    /// Does something inside, and comes back. Threads that it starts stay.
    pub(crate) fn within<R>(&self, work: impl FnOnce() -> R) -> anyhow::Result<R> {
        let before = File::open("/proc/thread-self/ns/net").context("the namespace")?;
        self.enter()?;
        let result = work();
        move_into_link_name_space(before.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok(result)
    }

    pub(crate) fn ip(&self, arguments: &str) -> anyhow::Result<String> {
        run(Command::new("ip").args(["-n", &self.name]).args(arguments.split(' ')))
    }

    fn tc(&self, arguments: &str) -> anyhow::Result<()> {
        run(Command::new("tc").args(["-n", &self.name]).args(arguments.split(' '))).map(drop)
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // The interfaces go with it. Where it was never made, there is nothing to say.
        let _ = Command::new("ip").args(["netns", "del", &self.name]).stderr(Stdio::null()).status();
    }
}

/// Runs a short command and gives what it prints.
fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = match command.output() {
        Ok(output) => output,
        Err(e) => bail!("{} cannot be run ({e})", command.get_program().display()),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}", said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Frames that an interface has received, in the namespace of a process.
pub(crate) fn received(pid: u32, interface: &str) -> anyhow::Result<u64> {
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/dev"))?;
    frames(&table, interface).with_context(|| format!("no interface {interface} in /proc/{pid}/net/dev"))
}

/// The column of received frames of `/proc/net/dev`, proc(5).
fn frames(table: &str, interface: &str) -> Option<u64> {
    let numbers = table.lines().find_map(|l| l.trim_start().strip_prefix(interface)?.strip_prefix(':'))?;
    numbers.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_found_by_its_whole_name() {
        let table = "Inter-|   Receive\n face |bytes    packets errs\n   vab:  1  2 0\n    va: 384     6    0 0\n";
        assert_eq!(frames(table, "va"), Some(6));
        assert_eq!(frames(table, "v"), None);
    }
}
