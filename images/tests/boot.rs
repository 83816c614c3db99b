//! The disk image boots by both firmwares, and an upgrade that fails is given up, in QEMU without KVM.
#![allow(clippy::unwrap_used)] // a test that cannot go on panics
mod common;

use common::{DISK_TOOLS, Qemu, Scratch, have, initramfs, kernel, mtools, read};
use sha2::{Digest as _, Sha256};
use sluice_images::disk::{Contents, bundle, make};
use sluice_init::machine::slots::{self, Bundle, Partition, Slot};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

const OVMF: [&str; 2] = ["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"];

struct Guest {
    qemu: Qemu,
    monitor: PathBuf,
}

impl Guest {
    fn start(disk: &Path, uefi: bool, scratch: &Scratch) -> Self {
        let monitor = scratch.path("monitor");
        let _ = fs::remove_file(&monitor);
        let mut arguments: Vec<String> = ["-machine", "q35", "-cpu", "max", "-m", "256"].map(String::from).into();
        arguments.extend(["-monitor".into(), format!("unix:{},server,nowait", monitor.display())]);
        arguments.extend(["-drive".into(), format!("file={},if=virtio,format=raw", disk.display())]);
        if uefi {
            let variables = scratch.path("vars.fd");
            fs::copy(OVMF[1], &variables).unwrap();
            arguments.extend(["-drive".into(), format!("if=pflash,format=raw,readonly=on,file={}", OVMF[0])]);
            arguments.extend(["-drive".into(), format!("if=pflash,format=raw,file={}", variables.display())]);
        }
        Self { qemu: Qemu::start(&arguments), monitor }
    }

    /// The next line in which the guest says that it is up.
    fn up(&self) -> String {
        self.qemu.wait_for("GUEST-UP", |_| ())
    }

    fn reset(&self) {
        let mut monitor = UnixStream::connect(&self.monitor).unwrap();
        monitor.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        monitor.write_all(b"system_reset\n").unwrap();
        // It forgets what it was told if nobody listens to the answer: a prompt before the command, and one after it.
        let (mut said, mut buffer) = (String::new(), [0; 256]);
        while said.matches("(qemu)").count() < 2 {
            let n = monitor.read(&mut buffer).unwrap();
            said += &String::from_utf8_lossy(&buffer[..n]);
        }
    }

    /// Waits until the guest has switched itself off.
    fn off(self) {
        self.qemu.wait_for_end();
    }
}

#[derive(Default)]
struct Hash(Sha256);

impl slots::Sha256 for Hash {
    fn update(&mut self, bytes: &[u8]) {
        sha2::Digest::update(&mut self.0, bytes);
    }
    fn hex(self) -> String {
        self.0.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// An image whose guest says who it is, and then does something.
fn contents(scratch: &Scratch, kernel: &Path, name: &str, then: &str) -> Contents {
    let initrd = scratch.path(&format!("{name}.cpio.gz"));
    initramfs(&format!("mount -t proc proc /proc\necho GUEST-UP {name} $(cat /proc/cmdline)\n{then}\n"), &initrd);
    Contents {
        name: name.into(),
        version: "1".into(),
        kernel: kernel.into(),
        initramfs: initrd,
        command_line: "console=ttyS0 quiet".into(),
    }
}

/// Works on the files of a disk as if it were mounted, and puts them back.
fn on(disk: &Path, scratch: &Scratch, work: impl FnOnce(&Partition)) {
    let folder = scratch.path("mounted");
    for sub in ["grub", "slot-a", "slot-b"] {
        fs::create_dir_all(folder.join(sub)).unwrap();
    }
    let names = ["grub/grubenv", "slot-a/manifest.json", "slot-b/manifest.json", "slot-b/vmlinuz", "slot-b/initrd"];
    for name in names {
        if let Some(bytes) = read(disk, name) {
            fs::write(folder.join(name), bytes).unwrap();
        }
    }
    work(&Partition::mounted(&folder));
    for name in names.iter().filter(|name| folder.join(name).exists()) {
        assert!(
            mtools("mcopy", disk).arg(folder.join(name)).arg(format!("::{name}")).output().unwrap().status.success()
        );
    }
    fs::remove_dir_all(folder).unwrap();
}

fn upgrade(disk: &Path, scratch: &Scratch, contents: &Contents) {
    let tar = scratch.path("upgrade.tar");
    let manifest = bundle(contents, &tar).unwrap();
    on(disk, scratch, |partition| {
        let mut bundle = Bundle::open(fs::File::open(&tar).unwrap()).unwrap();
        slots::install::<Hash>(partition, Slot::A, &manifest, &mut bundle).unwrap();
    });
}

fn boots_and_upgrades(uefi: bool) {
    let Some(kernel) = kernel() else { return };
    if !have(DISK_TOOLS) || !have(&["qemu-system-x86_64", "/bin/busybox"]) || uefi && !have(&OVMF) {
        return;
    }
    let scratch = Scratch::new(if uefi { "boot-uefi" } else { "boot-bios" });
    let disk = scratch.path("disk.raw");
    make(&contents(&scratch, &kernel, "first", "poweroff -f"), &disk).unwrap();

    // A new disk.
    let guest = Guest::start(&disk, uefi, &scratch);
    let up = guest.up();
    assert!(up.contains("first") && up.contains("sluice.slot=a") && !up.contains("trial"), "{up}");
    guest.off();

    // A trial that panics goes back by itself.
    upgrade(&disk, &scratch, &contents(&scratch, &kernel, "panics", "exit 1"));
    let guest = Guest::start(&disk, uefi, &scratch);
    let up = guest.up();
    assert!(up.contains("panics") && up.contains("sluice.slot=b sluice.trial=1"), "{up}");
    let up = guest.up();
    assert!(up.contains("first") && up.contains("sluice.slot=a") && !up.contains("trial"), "{up}");
    guest.off();
    on(&disk, &scratch, |partition| {
        assert_eq!(slots::state(partition).unwrap().given_up(Slot::A), Some(Slot::B));
    });

    // A trial that hangs goes back when somebody resets the machine.
    upgrade(&disk, &scratch, &contents(&scratch, &kernel, "hangs", "while :; do sleep 1000; done"));
    let guest = Guest::start(&disk, uefi, &scratch);
    assert!(guest.up().contains("hangs"));
    guest.reset();
    assert!(guest.up().contains("first"));
    guest.off();

    // A kernel that GRUB cannot load costs no reset.
    let broken = scratch.path("broken");
    let mut bytes = vec![0; 4096];
    bytes[0x202..0x206].copy_from_slice(b"HdrS");
    fs::write(&broken, bytes).unwrap();
    upgrade(&disk, &scratch, &contents(&scratch, &broken, "broken", ""));
    let guest = Guest::start(&disk, uefi, &scratch);
    assert!(guest.up().contains("first"));
    guest.off();

    // A trial that is kept is booted from then on.
    upgrade(&disk, &scratch, &contents(&scratch, &kernel, "second", "poweroff -f"));
    let guest = Guest::start(&disk, uefi, &scratch);
    assert!(guest.up().contains("second"));
    guest.off();
    on(&disk, &scratch, |partition| assert!(slots::keep(partition, Slot::B).unwrap()));
    let guest = Guest::start(&disk, uefi, &scratch);
    let up = guest.up();
    assert!(up.contains("second") && up.contains("sluice.slot=b") && !up.contains("trial"), "{up}");
    guest.off();
}

#[test]
fn a_disk_boots_by_bios_and_gives_up_upgrades_that_fail() {
    boots_and_upgrades(false);
}

#[test]
fn a_disk_boots_by_uefi_and_gives_up_upgrades_that_fail() {
    boots_and_upgrades(true);
}
