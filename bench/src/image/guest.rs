//! A machine that runs an image: its boot, packets through it, and the death of its VNF's process.
use super::cloud::Cloud;
use crate::wire::process::Running;
use crate::wire::stop::Stop;
use anyhow::{Context as _, Result, ensure};
use sluice_dataplane::time::now;
use sluice_images::manifest::Manifest;
use sluice_images::qemu::nic::Backend;
use sluice_images::qemu::wire::{Wire, carry};
use sluice_images::qemu::{Accelerator, Boot, Kind, Machine, Nic, Serial};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
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

/// An image that was built.
pub(super) struct Image {
    pub(super) folder: PathBuf,
    pub(super) manifest: Manifest,
}

impl Image {
    pub(super) fn open(recipe: &str) -> Result<Image> {
        let (manifest, folder) = Manifest::read(&Path::new("target/images").join(recipe))?;
        Ok(Image { folder, manifest })
    }

    /// Bytes of one of its files.
    pub(super) fn size(&self, file: &str) -> Result<f64> {
        Ok(self.manifest.files.get(file).with_context(|| format!("it has no {file}"))?.size as f64)
    }

    fn has_tls(&self) -> bool {
        self.manifest.features.iter().flatten().any(|f| f == "tls")
    }
}

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
        let folder = std::env::temp_dir().join(format!("sluice-bench-image-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder); // of the guest before
        fs::create_dir_all(&folder)?;
        let own = |kernel: &str| (self.image.folder.join(kernel), self.image.folder.join("initramfs"));
        let (kernel, initramfs) = match (self.cloud, self.kind) {
            (Some(cloud), _) => (cloud.kernel.clone(), cloud.initramfs.clone()),
            (None, Kind::Microvm) => own("vmlinux"),
            (None, _) => own("bzImage"),
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
                let (wire, backend) = Wire::new(&folder, end)?;
                machine.nics.push(Nic { backend, mac: None });
                wires.push(wire);
            }
        }
        let console = folder.join("console");
        machine.serial = Serial::Unix(console.clone());
        machine.qmp = Some(folder.join("qmp"));
        let mut command = machine.command()?;
        let started = now();
        let process = Running::start(&mut command, "")?;
        let scheme = if self.image.has_tls() { "https" } else { "http" };
        let url = format!("{scheme}://127.0.0.1:{port}/readyz");
        let console = Console::open(&console, stop)?;
        let mut guest = Guest { process, folder, wires, url, console, started, up_at: 0 };
        let up = if self.bare { BARE_WORDS } else { "EMS: http" };
        guest.until(stop, up, |said| said.contains(up))?;
        guest.up_at = now() - started;
        Ok(guest)
    }
}

/// A machine's serial port.
struct Console {
    stream: UnixStream,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Console {
    fn open(path: &Path, stop: &Stop) -> Result<Console> {
        let mut stream = None;
        stop.wait(LONG, "QEMU", || {
            stream = UnixStream::connect(path).ok();
            Ok(stream.is_some())
        })?;
        let stream = stream.context("no console")?;
        let said = Arc::<Mutex<Vec<u8>>>::default();
        let (input, to) = (stream.try_clone()?, said.clone());
        std::thread::spawn(move || crate::wire::process::listen(input, &to));
        Ok(Console { stream, said })
    }

    fn text(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&said).into_owned()
    }
}

/// A machine that runs. It is killed with its value.
pub(super) struct Guest {
    process: Running,
    folder: PathBuf,
    wires: Vec<Wire>,
    url: String,
    console: Console,
    started: u64,
    /// When its EMS listened, or without devices its function ran: nanoseconds after QEMU was started.
    pub(super) up_at: u64,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Guest {
    /// What its console said so far.
    pub(super) fn said(&self) -> String {
        self.console.text()
    }

    fn until(&mut self, stop: &Stop, what: &str, done: impl Fn(&str) -> bool) -> Result<()> {
        let (console, process) = (&self.console, &mut self.process);
        stop.wait(LONG, what, || {
            let said = console.text();
            ensure!(process.runs()?, "QEMU has ended: {}", crate::wire::process::last_line(&said));
            ensure!(!said.contains("Kernel panic"), "the kernel panicked");
            Ok(done(&said))
        })
    }

    /// Waits until it says that it is ready: nanoseconds since QEMU was started.
    pub(super) fn ready(&self, stop: &Stop) -> Result<u64> {
        stop.wait(LONG, "readiness", || {
            let status = ["-sk", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5", &self.url];
            Ok(Command::new("curl").args(status).output().context("curl")?.stdout == b"200")
        })?;
        Ok(now() - self.started)
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
                    self.kill()?;
                    died = Some(now());
                }
                _ => {}
            }
            last = came.or(last);
        }
    }

    fn kill(&self) -> Result<()> {
        let mut qmp = UnixStream::connect(self.folder.join("qmp")).context("QMP")?;
        qmp.set_read_timeout(Some(LONG))?;
        let mut answers = BufReader::new(qmp.try_clone()?);
        let mut line = String::new();
        answers.read_line(&mut line)?;
        for command in
            [r#"{"execute":"qmp_capabilities"}"#, r#"{"execute":"chardev-send-break","arguments":{"id":"serial"}}"#]
        {
            writeln!(qmp, "{command}")?;
            line.clear();
            while !line.contains("\"return\"") {
                line.clear();
                ensure!(answers.read_line(&mut line)? > 0 && !line.contains("\"error\""), "QMP: {line}");
            }
        }
        Ok((&self.console.stream).write_all(b"i")?)
    }
}
