//! Disk images and bundles, read back with the tools of others.
#![allow(clippy::unwrap_used)] // a test that cannot go on panics
mod common;

use common::{DISK_TOOLS, Scratch, have, mtools, read};
use sluice_images::disk::{Contents, bundle, make, qcow2};
use sluice_init::machine::slots::{Bundle, Environment, Manifest};
use std::fs;
use std::io::Write as _;
use std::process::Command;

/// A file that says it is a bzImage, and an initramfs; neither compresses.
fn contents(scratch: &Scratch) -> Contents {
    let noise = |seed: u64, n: usize| -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state ^= state << 13; // xorshift64 (Marsaglia 2003)
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        (0..n / 8).flat_map(|_| next()).collect()
    };
    let mut kernel = noise(1, 3 << 20);
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    fs::write(scratch.path("bzImage"), kernel).unwrap();
    fs::write(scratch.path("initramfs"), noise(2, 2 << 20)).unwrap();
    Contents {
        name: "full".into(),
        version: "1.2.3".into(),
        kernel: scratch.path("bzImage"),
        initramfs: scratch.path("initramfs"),
        command_line: "console=ttyS0 quiet sluice.param.RULES=a;b$c".into(),
    }
}

#[test]
fn the_same_contents_give_the_same_bytes() {
    if !have(DISK_TOOLS) {
        return;
    }
    let scratch = Scratch::new("same");
    let contents = contents(&scratch);
    let (one, two) = (scratch.path("one.raw"), scratch.path("two.raw"));
    make(&contents, &one).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2100)); // FAT counts time by two seconds
    make(&contents, &two).unwrap();
    assert!(fs::read(&one).unwrap() == fs::read(&two).unwrap());

    fs::write(&contents.initramfs, "another").unwrap();
    make(&contents, &two).unwrap();
    let [one, two] = [one, two].map(|path| fs::read(path).unwrap());
    assert_ne!(one[440..444], two[440..444], "another disk has another signature");
}

#[test]
fn a_qcow2_has_the_same_bytes_each_time_and_holds_the_raw_image() {
    if !have(DISK_TOOLS) || !have(&["qemu-img"]) {
        return;
    }
    let scratch = Scratch::new("qcow2");
    let (raw, one, two) = (scratch.path("raw"), scratch.path("one"), scratch.path("two"));
    make(&contents(&scratch), &raw).unwrap();
    qcow2(&raw, &one).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    qcow2(&raw, &two).unwrap();
    assert!(fs::read(&one).unwrap() == fs::read(&two).unwrap());
    assert!(fs::metadata(&one).unwrap().len() < fs::metadata(&raw).unwrap().len() / 2);
    let compared =
        Command::new("qemu-img").args(["compare", "-f", "raw", "-F", "qcow2"]).args([&raw, &one]).output().unwrap();
    assert!(compared.status.success(), "{compared:?}");
}

#[test]
fn a_disk_has_slot_a_filled_and_room_for_larger_ones_in_both() {
    if !have(DISK_TOOLS) {
        return;
    }
    let scratch = Scratch::new("room");
    let (contents, disk) = (contents(&scratch), scratch.path("raw"));
    let manifest = make(&contents, &disk).unwrap();
    let kernel = fs::read(&contents.kernel).unwrap();
    assert!(read(&disk, "slot-a/vmlinuz").unwrap() == kernel);
    assert!(read(&disk, "slot-a/initrd").unwrap() == fs::read(&contents.initramfs).unwrap());
    assert_eq!(read(&disk, "slot-b/vmlinuz"), None);
    assert_eq!(serde_json::from_slice::<Manifest>(&read(&disk, "slot-a/manifest.json").unwrap()).unwrap(), manifest);
    assert_eq!(Environment::parse(&read(&disk, "grub/grubenv").unwrap()).unwrap().get("slot"), Some("a"));

    let larger = scratch.path("larger");
    fs::write(&larger, [kernel.clone(), kernel[..kernel.len() * 2 / 5].to_vec()].concat()).unwrap();
    for name in ["slot-b/vmlinuz", "slot-a/vmlinuz"] {
        let out = mtools("mcopy", &disk).arg(&larger).arg(format!("::{name}")).output().unwrap();
        assert!(out.status.success(), "{name}: {out:?}");
    }
}

#[test]
fn the_configuration_is_one_that_grub_understands() {
    if !have(DISK_TOOLS) || !have(&["grub-script-check"]) {
        return;
    }
    let scratch = Scratch::new("script");
    let (contents, disk) = (contents(&scratch), scratch.path("raw"));
    make(&contents, &disk).unwrap();
    let config = read(&disk, "grub/grub.cfg").unwrap();
    fs::write(scratch.path("grub.cfg"), &config).unwrap();
    let checked = Command::new("grub-script-check").arg(scratch.path("grub.cfg")).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    assert!(String::from_utf8(config).unwrap().contains("'sluice.param.RULES=a;b$c' 'panic=1'"));
}

#[test]
fn a_command_line_that_grub_would_read_otherwise_is_refused() {
    let scratch = Scratch::new("refused");
    for line in ["a='b'", "a=\"b\"", "a\\b", "a\nb", "a\tb", "é"] {
        let contents = Contents { command_line: line.into(), ..contents(&scratch) };
        let refused = make(&contents, &scratch.path("raw")).unwrap_err();
        assert!(refused.to_string().contains("command line"), "{refused:#}");
    }
    let nothing_left =
        fs::read_dir(&scratch.0).unwrap().all(|e| !e.unwrap().file_name().to_string_lossy().contains("raw"));
    assert!(nothing_left);
}

#[test]
fn what_is_no_kernel_is_refused() {
    let scratch = Scratch::new("kernel");
    let contents = contents(&scratch);
    fs::write(&contents.kernel, "short").unwrap();
    assert!(make(&contents, &scratch.path("raw")).unwrap_err().to_string().contains("no bzImage"));
}

#[test]
fn a_bundle_is_a_tar_and_has_the_same_bytes_each_time() {
    let scratch = Scratch::new("bundle");
    let (contents, one, two) = (contents(&scratch), scratch.path("one.tar"), scratch.path("two.tar"));
    let manifest = bundle(&contents, &one).unwrap();
    bundle(&contents, &two).unwrap();
    assert!(fs::read(&one).unwrap() == fs::read(&two).unwrap());
    let list = Command::new("tar").arg("-tf").arg(&one).output().unwrap();
    assert_eq!(String::from_utf8(list.stdout).unwrap(), "manifest.json\nvmlinuz\ninitrd\n");
    let kernel = Command::new("tar").arg("-xOf").arg(&one).arg("vmlinuz").output().unwrap();
    assert!(kernel.stdout == fs::read(&contents.kernel).unwrap());

    let mut read = Bundle::open(fs::File::open(&one).unwrap()).unwrap();
    assert_eq!(serde_json::from_slice::<Manifest>(read.manifest()).unwrap(), manifest);
    let mut bytes = Vec::new();
    read.next("vmlinuz", manifest.vmlinuz.size, |piece| bytes.write_all(piece)).unwrap();
    read.next("initrd", manifest.initrd.size, |piece| bytes.write_all(piece)).unwrap();
    assert!(bytes == [fs::read(&contents.kernel).unwrap(), fs::read(&contents.initramfs).unwrap()].concat());
}
