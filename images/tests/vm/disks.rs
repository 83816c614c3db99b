//! Disks: the image on one, upgrades beside what runs, and a data disk that outlives the machine.
use crate::common::{DISK_TOOLS, have};
use crate::rig::{Plan, Vm, WIRE, image, problem, tokens};
use sluice_images::disk::{self, Contents};
use sluice_images::qemu::{Boot, Bus, Drive, Kind};
use std::path::{Path, PathBuf};
use std::process::Command;

const OVMF: &str = "/usr/share/OVMF/OVMF_CODE.fd";

fn contents(version: &str, initramfs: PathBuf) -> Option<Contents> {
    let image = image("socket")?;
    Some(Contents {
        name: "socket".into(),
        version: version.into(),
        kernel: image.folder.join("bzImage"),
        initramfs,
        command_line: image.command_line,
    })
}

fn boot(test: &str, disk: &Path, uefi: Option<&str>) -> Vm {
    let disk = Drive { file: disk.into(), read_only: false, bus: Bus::Virtio };
    let kind = if uefi.is_some() { Kind::Q35 } else { Kind::Pc };
    let mut plan = Plan::boot(test, Boot::Disk { disk, uefi: uefi.map(PathBuf::from) }, kind, false);
    let _wires = [plan.wire(), plan.wire()];
    plan.file("tokens.toml", &tokens()).file("function.click", WIRE).start()
}

#[test]
fn the_disk_boots_by_uefi() {
    if !have(DISK_TOOLS) || !have(&[OVMF]) {
        return;
    }
    let Some(socket) = image("socket") else { return };
    let Some(contents) = contents("1", socket.folder.join("initramfs")) else { return };
    let scratch = crate::common::Scratch::new("uefi-disk");
    disk::make(&contents, &scratch.path("disk.raw")).expect("a disk");
    let vm = boot("uefi", &scratch.path("disk.raw"), Some(OVMF)).ready();
    assert_eq!(vm.get("/v1/functions/main").is(200).body, WIRE);
}

#[test]
fn an_upgrade_is_kept_if_it_becomes_ready_and_given_up_if_not() {
    if !have(DISK_TOOLS) {
        return;
    }
    let Some(socket) = image("socket") else { return };
    let scratch = crate::common::Scratch::new("upgrade");
    let initramfs = socket.folder.join("initramfs");
    let good = contents("2", initramfs.clone()).expect("an image");
    // An initramfs that is none: the kernel panics and starts again.
    std::fs::write(scratch.path("broken"), b"no initramfs").expect("write");
    let bad = contents("3", scratch.path("broken")).expect("an image");
    disk::make(&contents("1", initramfs).expect("an image"), &scratch.path("disk.raw")).expect("a disk");
    for (contents, name) in [(&good, "good.tar"), (&bad, "bad.tar")] {
        disk::bundle(contents, &scratch.path(name)).expect("a bundle");
    }
    let vm = boot("slots", &scratch.path("disk.raw"), None).ready();
    let install = |vm: &Vm, name: &str| {
        let file = format!("@{}", scratch.path(name).display());
        vm.put("/v1/system/image", &file)
    };
    let slot = |vm: &Vm| {
        let system = vm.get("/v1/system").is(200).json();
        let all = system["settings"].as_array().expect("settings").clone();
        all.iter().find(|s| s["name"] == "slot").map_or("-".into(), |s| s["value"].as_str().expect("value").to_string())
    };
    assert_eq!(slot(&vm), "a");
    std::fs::write(scratch.path("damaged.tar"), &std::fs::read(scratch.path("good.tar")).expect("bundle")[..100_000])
        .expect("write");
    install(&vm, "damaged.tar").is(422);
    let installed = install(&vm, "good.tar").is(200).json();
    assert_eq!((&installed["slot"], &installed["version"]), (&"b".into(), &"2".into()));
    let boots = |vm: &Vm| vm.console().matches("EMS: http://10.").count();
    let before = boots(&vm);
    vm.post("/v1/system/reboot").is(202);
    vm.until("the new image", || boots(&vm) > before);
    let vm = vm.ready();
    assert_eq!(slot(&vm), "b");
    vm.until("the new image to be kept", || install(&vm, "bad.tar").status == 200);
    let before = boots(&vm);
    vm.post("/v1/system/reboot").is(202);
    vm.until("the one before again", || boots(&vm) > before);
    let vm = vm.ready();
    assert_eq!(slot(&vm), "b", "{}", vm.console());
}

#[test]
fn revisions_on_a_data_disk_outlive_the_machine_and_are_used_when_it_is_full() {
    let Some(socket) = image("socket") else { return };
    if !have(&["mkfs.ext4", "dumpe2fs", "debugfs"]) {
        return;
    }
    let scratch = crate::common::Scratch::new("data-disk");
    let disk = scratch.path("data.raw");
    std::fs::File::create(&disk).and_then(|f| f.set_len(8 << 20)).expect("a disk");
    let made =
        Command::new("mkfs.ext4").args(["-q", "-m", "0", "-L", "sluice-data"]).arg(&disk).status().expect("mkfs.ext4");
    assert!(made.success());
    let start = |test: &str| {
        let mut plan = Plan::new(test, &socket, Kind::Pc, "");
        plan.machine.drives.push(Drive { file: disk.clone(), read_only: false, bus: Bus::Virtio });
        let _wires = [plan.wire(), plan.wire()];
        plan.file("tokens.toml", &tokens()).file("function.click", WIRE).start().ready()
    };
    let changed = WIRE.replace("a :: Queue", "Counter -> a :: Queue");
    let vm = start("data-first");
    assert_eq!(vm.get("/v1/vnf").is(200).json()["durable"], true);
    vm.put("/v1/functions/main", &changed).is(200);
    vm.post("/v1/system/shutdown").is(202);
    vm.off();
    let vm = start("data-second");
    assert_eq!(vm.get("/v1/functions/main").is(200).body, changed);
    let system = vm.get("/v1/system").is(200).json();
    assert_eq!(system["data"], "/dev/vda (ext4)", "{system}");
    vm.post("/v1/system/shutdown").is(202);
    vm.off();
    fill(&disk, &scratch.path("filler"));
    let vm = start("data-full");
    let why = problem(&vm, "data-disk");
    assert!(why.contains("full") && why.contains("what is saved there is used"), "{why}");
    assert!(vm.get("/v1/alarms").is(200).body.contains("system/data-disk"));
    assert_eq!(vm.get("/v1/vnf").is(200).json()["durable"], false);
    assert_eq!(vm.get("/v1/functions/main").is(200).body, changed);
    vm.put("/v1/functions/main", WIRE).is(200);
}

/// Leaves no room on a disk.
fn fill(disk: &Path, filler: &Path) {
    let about = Command::new("dumpe2fs").arg("-h").arg(disk).output().expect("dumpe2fs");
    let about = String::from_utf8_lossy(&about.stdout).into_owned();
    let number = |name: &str| -> usize {
        let line = about.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {about}"));
        line.trim().parse().expect("a number")
    };
    // What is left is for the blocks that list the file's.
    let bytes = number("Free blocks:") * number("Block size:") - (48 << 10);
    std::fs::write(filler, vec![7; bytes]).expect("write");
    let request = format!("write {} filler", filler.display());
    let filled = Command::new("debugfs").args(["-w", "-R", &request]).arg(disk).output().expect("debugfs");
    let told = String::from_utf8_lossy(&filled.stderr).into_owned();
    assert!(filled.status.success() && !told.contains("no space"), "{told}");
}
