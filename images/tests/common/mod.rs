//! What the tests of this crate share: scratch folders, and an initramfs of busybox.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]
use sluice_images::qemu::Machine;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// How long a line of a guest's is waited for: a machine that is busy otherwise is slow.
const PATIENCE: Duration = Duration::from_secs(240);

pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("sluice-images-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether all of these programs and files are there. Says which is not.
pub fn have(needs: &[&str]) -> bool {
    let there = |need: &str| {
        Path::new(need).is_absolute() && Path::new(need).exists()
            || std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|p| p.join(need).exists())
    };
    let missing: Vec<_> = needs.iter().filter(|n| !there(n)).collect();
    if !missing.is_empty() {
        println!("skipped: needs {missing:?}");
    }
    missing.is_empty()
}

pub const DISK_TOOLS: &[&str] =
    &["mformat", "mcopy", "grub-mkimage", "/usr/lib/grub/i386-pc/boot.img", "/usr/lib/grub/x86_64-efi/moddep.lst"];

/// The kernel to boot, if one was named: bzImage of the image, with VFAT and a serial console.
pub fn kernel() -> Option<PathBuf> {
    let kernel = std::env::var_os("SLUICE_TEST_KERNEL").map(PathBuf::from);
    if kernel.is_none() {
        println!("skipped: needs a kernel (SLUICE_TEST_KERNEL=bzImage)");
    }
    kernel
}

/// Reads a file of the partition of an image.
pub fn read(image: &Path, name: &str) -> Option<Vec<u8>> {
    let out = mtools("mcopy", image).arg(format!("::{name}")).arg("-").output().unwrap();
    out.status.success().then_some(out.stdout)
}

/// One of mtools, on the partition of an image. `mcopy` overwrites.
pub fn mtools(tool: &str, image: &Path) -> Command {
    let mut command = Command::new(tool);
    command.env("MTOOLSRC", "/dev/null").env("MTOOLS_SKIP_CHECK", "1").args((tool == "mcopy").then_some("-o"));
    command.arg("-i").arg(format!("{}@@1M", image.display()));
    command
}

/// An initramfs (cpio, "newc") of busybox and a script that is `/init`, compressed by gzip.
pub fn initramfs(script: &str, path: &Path) {
    let busybox = fs::read("/bin/busybox").unwrap();
    let script = format!("#!/bin/busybox sh\nexport PATH=/bin\n/bin/busybox --install -s /bin\n{script}");
    let mut cpio = Vec::new();
    for name in ["bin", "dev", "proc", "sys", "tmp", "mnt", "www"] {
        cpio_entry(&mut cpio, name, 0o40755, (0, 0), b"");
    }
    cpio_entry(&mut cpio, "dev/console", 0o20600, (5, 1), b"");
    cpio_entry(&mut cpio, "bin/busybox", 0o100755, (0, 0), &busybox);
    cpio_entry(&mut cpio, "init", 0o100755, (0, 0), script.as_bytes());
    cpio_entry(&mut cpio, "TRAILER!!!", 0, (0, 0), b"");
    let plain = path.with_extension("cpio");
    fs::write(&plain, cpio).unwrap();
    let out = Command::new("gzip").args(["-9nc"]).arg(&plain).output().unwrap();
    fs::write(path, out.stdout).unwrap();
    fs::remove_file(plain).unwrap();
}

/// Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
pub fn cpio_entry(cpio: &mut Vec<u8>, name: &str, mode: u32, device: (u32, u32), data: &[u8]) {
    let inode = cpio.len() as u32 + 1;
    let fields = [inode, mode, 0, 0, 1, 0, data.len() as u32, 0, 0, device.0, device.1, name.len() as u32 + 1, 0];
    cpio.extend(b"070701");
    cpio.extend(fields.iter().flat_map(|f| format!("{f:08X}").into_bytes()));
    cpio.extend(name.as_bytes());
    cpio.push(0);
    cpio.resize(cpio.len().next_multiple_of(4), 0);
    cpio.extend(data);
    cpio.resize(cpio.len().next_multiple_of(4), 0);
}

/// A running QEMU, which ends with the test that started it.
pub struct Qemu {
    child: Child,
    lines: Receiver<String>,
}

impl Qemu {
    /// Starts it without KVM and without anything but a serial console, and what is in `arguments`.
    pub fn start(arguments: &[String]) -> Self {
        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.args(["-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio"]);
        Self::run(qemu.args(arguments))
    }

    /// Starts this machine, whose serial port is its standard output.
    pub fn machine(machine: &Machine) -> Self {
        Self::run(&machine.command().unwrap())
    }

    fn run(qemu: &Command) -> Self {
        // It ends with this process, too, should that be killed.
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(qemu.get_program())
            .args(qemu.get_args())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.split(b'\n').map_while(Result::ok) {
                let _ = send.send(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
        });
        Self { child, lines }
    }

    /// The next line on the console that has this in it. What came before it is passed to `other`.
    pub fn wait_for(&self, what: &str, mut other: impl FnMut(&str)) -> String {
        let mut before = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(what) => return line,
                Ok(line) => {
                    other(&line);
                    before.push(line);
                }
                Err(e) => panic!("{what:?} did not come ({e}):\n{}", before.join("\n")),
            }
        }
    }

    /// Waits until the machine has switched itself off: its console ends then.
    pub fn wait_for_end(mut self) {
        while !matches!(self.lines.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected)) {}
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
