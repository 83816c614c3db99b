//! A machine that runs an image: its boot, packets through it, and the death of its VNF's process.
use super::cloud::Cloud;
use crate::dpdk::Folder;
use crate::guest::vnf::Image;
use crate::guest::{self, Host};
use crate::wire::stop::Stop;
use anyhow::{Context as _, Result, ensure};
use sluice_dataplane::time::now;
use sluice_images::qemu::nic::Backend;
use sluice_images::qemu::wire::{Wire, carry};
use sluice_images::qemu::{Accelerator, Boot, Kind, Machine, Nic};
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

/// How long a boot may take.
const LONG: Duration = Duration::from_secs(60);
/// A wire between the two data ports, for the kernel's command line: base64 of
/// `FromDevice($A, PROMISC true) -> Queue(256) -> ToDevice($B); FromDevice($B, PROMISC true) -> Queue(256) -> ToDevice($A);`.
const FUNCTION: &str = "RnJvbURldmljZSgkQSwgUFJPTUlTQyB0cnVlKSAtPiBRdWV1ZSgyNTYpIC0+IFRvRGV2aWNlKCRCKTsg\
                        RnJvbURldmljZSgkQiwgUFJPTUlTQyB0cnVlKSAtPiBRdWV1ZSgyNTYpIC0+IFRvRGV2aWNlKCRBKTs=";
/// For a machine without devices: `Script(print "the function runs");`, and what it prints.
const BARE_FUNCTION: &str = "U2NyaXB0KHByaW50ICJ0aGUgZnVuY3Rpb24gcnVucyIpOw==";
const BARE_WORDS: &str = "the function runs";
/// Frames that show whether it forwards, and how long one may take.
const FRAMES: u32 = 200;
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two frames while the VNF's process dies.
const EVERY: Duration = Duration::from_millis(1);
/// So many are lost then, at least.
const LOST: u32 = 3;

/// How an image is booted.
#[derive(Clone, Copy)]
pub(super) struct Plan<'a> {
    pub(super) image: &'a Image,
    pub(super) kind: Kind,
    /// MiB.
    pub(super) memory: u32,
    pub(super) accelerator: Accelerator,
    /// With this kernel instead of its own.
    pub(super) cloud: Option<&'a Cloud>,
    /// Without network interfaces.
    pub(super) bare: bool,
    /// More words for the kernel.
    pub(super) words: &'a str,
}

impl Plan<'_> {
    /// Starts the machine, and waits until its EMS listens; without devices, until its function runs.
    pub(super) fn boot(&self, stop: &Stop) -> Result<Guest> {
        let folder = Folder::new()?;
        let (kernel, initramfs) = match self.cloud {
            Some(cloud) => (cloud.kernel.clone(), cloud.initramfs.clone()),
            None => self.image.boot(self.kind),
        };
        let start = if self.cloud.is_some() { "rdinit=/start" } else { "" };
        let function = if self.bare { BARE_FUNCTION } else { FUNCTION };
        let words = &self.image.manifest.command_line;
        let command_line = format!("{words} {start} {} sluice.function=base64:{function}", self.words);
        let boot = Boot::Kernel { kernel, initramfs, command_line };
        let mut machine = Machine::new(self.kind, self.accelerator, self.memory, boot);
        machine.once = true;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut wires = Vec::new();
        if !self.bare {
            let guest = if self.image.has_tls() { 8443 } else { 8080 };
            machine.nics.push(Nic { backend: Backend::User { forward: vec![(port, guest)] }, mac: None });
            for end in ["a", "b"] {
                let (wire, backend) = Wire::new(folder.path(), end)?;
                machine.nics.push(Nic { backend, mac: None });
                wires.push(wire);
            }
        }
        let scheme = if self.image.has_tls() { "https" } else { "http" };
        let url = format!("{scheme}://127.0.0.1:{port}/readyz");
        let system = self.image.system("")?;
        let machine = guest::Guest::start(machine, system, folder, Host::default(), stop)?;
        let mut guest = Guest { machine, wires, url, up_at: 0 };
        let up = if self.bare { BARE_WORDS } else { "EMS: http" };
        guest.machine.until(stop, up, |said| said.contains(up))?;
        guest.up_at = now() - guest.machine.started;
        Ok(guest)
    }
}

/// A machine that runs.
pub(super) struct Guest {
    machine: guest::Guest,
    wires: Vec<Wire>,
    url: String,
    /// When its EMS listened, or without devices its function ran: nanoseconds after QEMU was started.
    pub(super) up_at: u64,
}

impl Guest {
    /// What its console said so far.
    pub(super) fn said(&self) -> String {
        self.machine.said()
    }

    /// Waits until it says that it is ready: nanoseconds since QEMU was started.
    pub(super) fn ready(&self, stop: &Stop) -> Result<u64> {
        stop.wait(LONG, "readiness", || {
            let status = ["-sk", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5", &self.url];
            Ok(Command::new("curl").args(status).output().context("curl")?.stdout == b"200")
        })?;
        Ok(now() - self.machine.started)
    }

    /// Whether every frame comes through it.
    pub(super) fn forwards(&self) -> bool {
        let [a, b] = self.wires.as_slice() else { return false };
        carry(a, b, 0, FRAMES, PATIENCE).is_ok_and(|came| came.len() == FRAMES as usize)
    }

    /// Has the guest's kernel kill the VNF's process (SysRq-i), while frames come all the time: nanoseconds from there to the
    /// first one that is forwarded again.
    pub(super) fn death(&self, stop: &Stop) -> Result<u64> {
        let [a, b] = self.wires.as_slice() else { anyhow::bail!("it has no data ports") };
        ensure!(self.forwards(), "it does not forward");
        let (mut next, mut last, mut died) = (FRAMES, None, None);
        let begin = now();
        loop {
            ensure!(!stop.asked(), "interrupted");
            ensure!(now() - begin < LONG.as_nanos() as u64, "nothing was forwarded any more");
            a.send(next)?;
            next += 1;
            let came = b.receive(EVERY);
            match (came, last, died) {
                // What was sent while there was no process is lost; nothing else is.
                (Some(n), Some(last), Some(at)) if n > last + LOST => return Ok(now() - at),
                (_, Some(_), None) if next > FRAMES + 100 => {
                    self.machine.kill_processes()?;
                    died = Some(now());
                }
                _ => {}
            }
            last = came.or(last);
        }
    }
}
