//! A running image, and how to talk to it.
use crate::common::Scratch;
use serde_json::Value;
use sluice_images::manifest::Manifest;
use sluice_images::qemu::nic::{Backend, Mac};
use sluice_images::qemu::wire::{self, Wire};
use sluice_images::qemu::{Accelerator, Boot, Bus, Drive, Kind, Machine, Nic, Serial, seed};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long anything in a guest may take: the machine may be emulated, and busy otherwise.
pub(crate) const LONG: Duration = Duration::from_secs(120);
/// The administrator's token, and the file that knows it.
pub(crate) const TOKEN: &str = "sluice_of-the-tests-of-the-image";
/// SHA-256 of it.
const HASH: &str = "edaf498c5a25969d152c90094b1401c9e580db0e003e5faa987da0256481e3bc";

/// The file of tokens.
pub(crate) fn tokens() -> String {
    format!("[[token]]\nname = 'test'\nrole = 'admin'\nsha256 = '{HASH}'\n")
}

/// A function that is a wire between its two ports.
pub(crate) const WIRE: &str = "FromDevice($A, PROMISC true) -> a :: Queue(4096) -> ToDevice($B);\n\
                               FromDevice($B, PROMISC true) -> b :: Queue(4096) -> ToDevice($A);\n";

/// Carries numbered frames through a machine, and gives up when none comes for a minute.
pub(crate) fn carry(into: &Wire, out: &Wire, from: u32, to: u32) -> Vec<u32> {
    wire::carry(into, out, from, to, Duration::from_secs(60)).expect("a machine that takes frames")
}

/// The image of a recipe, if it and QEMU are there.
pub(crate) struct Image {
    pub(crate) folder: PathBuf,
    pub(crate) command_line: String,
    /// Whether its EMS has TLS.
    pub(crate) tls: bool,
}

pub(crate) fn image(name: &str) -> Option<Image> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| Path::new("../target").into(), PathBuf::from);
    let folder = target.join("images").join(name);
    let there = Command::new("qemu-system-x86_64").arg("--version").output().is_ok();
    match Manifest::read(&folder) {
        Ok((manifest, folder)) if there => {
            let tls = manifest.features.iter().flatten().any(|f| f == "tls");
            Some(Image { folder, command_line: manifest.command_line, tls })
        }
        _ => {
            println!("skipped: needs qemu-system-x86_64 and the image ‘{name}’ (make image IMAGES={name})");
            None
        }
    }
}

/// Emulated machines share two cores: one at a time is fastest.
static ONE: Mutex<()> = Mutex::new(());

/// A machine that is about to start.
pub(crate) struct Plan {
    pub(crate) machine: Machine,
    pub(crate) scratch: Scratch,
    port: u16,
    /// Whether its EMS has TLS.
    tls: bool,
    data: usize,
}

impl Plan {
    /// An image on a machine with a management interface. Its kernel has these words more.
    pub(crate) fn new(test: &str, image: &Image, kind: Kind, words: &str) -> Plan {
        // Both kernels are booted: `sluice-image run` takes the one, libvirt and Xen the other.
        let kernel = if kind == Kind::Q35 { "bzImage" } else { "vmlinux" };
        let boot = Boot::Kernel {
            kernel: image.folder.join(kernel),
            initramfs: image.folder.join("initramfs"),
            command_line: format!("{} {words}", image.command_line),
        };
        Plan::boot(test, boot, kind, image.tls)
    }

    pub(crate) fn boot(test: &str, boot: Boot, kind: Kind, tls: bool) -> Plan {
        let scratch = Scratch::new(test);
        let mut machine = Machine::new(kind, Accelerator::Tcg, 128, boot);
        // A port that is free now.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let guest = if tls { 8443 } else { 8080 };
        machine.nics.push(Nic { backend: Backend::User { forward: vec![(port, guest)] }, mac: None });
        machine.serial = Serial::File(scratch.path("console"));
        machine.qmp = Some(scratch.path("qmp"));
        Plan { machine, scratch, port, tls, data: 0 }
    }

    /// Another data port, and its other end.
    pub(crate) fn wire(&mut self) -> Wire {
        self.data += 1;
        let (wire, backend) = Wire::new(&self.scratch.0, &format!("wire{}", self.data)).expect("a wire");
        self.machine.nics.push(Nic { backend, mac: Some(Mac([0x52, 0x54, 0, 0, 1, self.data as u8])) });
        wire
    }

    /// A file that fw_cfg hands over; on a microvm, a seed drive.
    pub(crate) fn file(mut self, name: &str, text: &str) -> Plan {
        if self.machine.kind == Kind::Microvm {
            let folder = self.scratch.path("seed");
            std::fs::create_dir_all(folder.join("sluice")).expect("folder");
            std::fs::write(folder.join("sluice").join(name), text).expect("write");
            return self;
        }
        let path = self.scratch.path(&name.replace('/', "-"));
        std::fs::write(&path, text).expect("write");
        let value = sluice_images::qemu::FwCfg::File(path);
        self.machine.fw_cfg.push((format!("opt/org.sluice/{name}"), value));
        self
    }

    /// Starts it when no other one runs.
    pub(crate) fn start(self) -> Vm {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner); // guards nothing that could be half done
        let mut vm = self.start_beside();
        vm.one = Some(one);
        vm
    }

    /// Starts it whatever else runs.
    pub(crate) fn start_beside(mut self) -> Vm {
        let (seed, drive) = (self.scratch.path("seed"), self.scratch.path("seed.iso"));
        if self.machine.kind == Kind::Microvm && seed.exists() {
            seed::make(&seed, &drive).expect("a seed drive");
            self.machine.drives.push(Drive { file: drive, read_only: true, bus: Bus::Virtio });
        }
        let qemu = self.machine.command().expect("a machine");
        // It ends with this process, too, should that be killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(qemu.get_program()).args(qemu.get_args());
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("QEMU");
        Vm { process, scratch: self.scratch, port: self.port, tls: self.tls, one: None }
    }
}

/// A running machine.
pub(crate) struct Vm {
    process: Child,
    pub(crate) scratch: Scratch,
    port: u16,
    tls: bool,
    /// Held while it runs, if it is to be alone.
    one: Option<MutexGuard<'static, ()>>,
}

/// An answer of the EMS.
#[derive(Debug)]
pub(crate) struct Said {
    /// 0: there was none.
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
    pub(crate) fn is(self, status: u16) -> Said {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

impl Vm {
    /// Asks the EMS with curl; `arguments` are curl's.
    pub(crate) fn ask(&self, arguments: &[&str], path: &str) -> Said {
        let scheme = if self.tls { "https" } else { "http" };
        let url = format!("{scheme}://127.0.0.1:{}{path}", self.port);
        let mut curl = Command::new("curl");
        curl.args(["-sk", "--max-time", "30", "-w", "\n%{http_code}", "-H", "Expect:"]).args(arguments).arg(url);
        let out = String::from_utf8_lossy(&curl.output().expect("curl").stdout).into_owned();
        let (body, status) = out.rsplit_once('\n').unwrap_or(("", "0"));
        Said { status: status.parse().unwrap_or(0), body: body.into() }
    }

    pub(crate) fn get(&self, path: &str) -> Said {
        self.ask(&["-H", &format!("Authorization: Bearer {TOKEN}")], path)
    }

    pub(crate) fn put(&self, path: &str, body: &str) -> Said {
        self.ask(&["-H", &format!("Authorization: Bearer {TOKEN}"), "-X", "PUT", "--data-binary", body], path)
    }

    pub(crate) fn post(&self, path: &str) -> Said {
        self.ask(&["-H", &format!("Authorization: Bearer {TOKEN}"), "-X", "POST"], path)
    }

    /// Waits until the VNF is ready.
    pub(crate) fn ready(self) -> Vm {
        self.until("readiness", || {
            let said = self.get("/readyz");
            assert!(!said.body.contains("failed"), "{said:?}");
            said.status == 200
        });
        self
    }

    /// Waits for something; what the console said is shown if it does not come.
    pub(crate) fn until(&self, what: &str, mut done: impl FnMut() -> bool) {
        for _ in 0..LONG.as_millis() / 50 {
            if done() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("waited too long for {what}; the console said\n{}", self.console());
    }

    /// What the console said so far.
    pub(crate) fn console(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.scratch.path("console")).unwrap_or_default()).into_owned()
    }

    /// Says something to QEMU (QMP).
    pub(crate) fn qmp(&self, commands: &[&str]) {
        let mut stream = UnixStream::connect(self.scratch.path("qmp")).expect("QMP");
        stream.set_read_timeout(Some(LONG)).expect("time-out");
        let mut answers = BufReader::new(stream.try_clone().expect("QMP"));
        let mut line = String::new();
        answers.read_line(&mut line).expect("a greeting");
        for command in [r#"{"execute":"qmp_capabilities"}"#].iter().chain(commands) {
            writeln!(stream, "{command}").expect("QMP");
            line.clear();
            while !(line.contains("\"return\"") || line.contains("\"error\"")) {
                line.clear();
                assert_ne!(answers.read_line(&mut line).expect("an answer"), 0, "QMP ended after {command}");
            }
            assert!(line.contains("\"return\""), "{command}: {line}");
        }
    }

    /// Waits until the machine is off.
    pub(crate) fn off(mut self) -> String {
        for _ in 0..LONG.as_millis() / 50 {
            if let Some(status) = self.process.try_wait().expect("QEMU") {
                assert!(status.success(), "{status}; {}", self.console());
                return self.console();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it does not end; the console said\n{}", self.console());
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("--- the console:\n{}", self.console());
        }
    }
}

/// What the machine says of a problem with this object.
pub(crate) fn problem(vm: &Vm, object: &str) -> String {
    let system = vm.get("/v1/system").is(200).json();
    let all = system["problems"].as_array().expect("problems");
    let found = all.iter().find(|p| p["object"] == object);
    found.unwrap_or_else(|| panic!("no problem of {object}: {system}"))["detail"].as_str().expect("detail").to_string()
}
