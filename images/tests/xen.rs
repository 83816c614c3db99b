//! The image as a guest of Xen's, as PV and as PVH: it forwards frames through xen-netfront, and its EMS answers.
//!
//! Xen 4.17 and a dom0 run in QEMU without KVM. Opt-in (`make test-xen`), because it downloads 75 MB of Debian's packages,
//! once: they are unpacked in the cache, and nothing is installed.
//!
//! | variable | meaning |
//! |---|---|
//! | `SLUICE_TEST_XEN` | set: run |
//! | `SLUICE_TEST_KERNEL` | the kernel, as bzImage |
//! | `SLUICE_TEST_INITRAMFS` | the initramfs; without it a bridge of busybox shows that the test itself works |
//! | `SLUICE_TEST_READYZ` | where the EMS answers: `https://10.0.2.15:8443/readyz` |
#![allow(clippy::unwrap_used)] // a test that cannot go on panics
mod common;

use common::{Qemu, Scratch, have, initramfs, kernel};
use sluice_images::cpio::{Node, Tree};
use sluice_images::qemu::Accelerator;
use sluice_images::xen::host::Host;
use sluice_images::xen::{Guest, Kind, Vif, config};
use std::fs;
use std::path::Path;

/// A bridge between the data ports, and a web server.
const STAND_IN: &str = "mount -t proc proc /proc; mount -t sysfs sys /sys
ip addr add 10.0.2.15/24 dev eth0; brctl addbr br0; brctl addif br0 eth1; brctl addif br0 eth2
for i in eth0 eth1 eth2 br0; do ip link set $i up; done
echo ready > /www/readyz; exec httpd -f -p 8080 -h /www";

fn guest(kind: Kind) -> String {
    let vif = |n| Vif { mac: Some(format!("00:16:3e:00:00:0{n}")), bridge: None, script: Some("/etc/xen/vif".into()) };
    let guest = Guest {
        name: if kind == Kind::Pv { "pv" } else { "pvh" }.into(),
        kind,
        kernel: "/guest/vmlinuz".into(),
        initramfs: "/guest/initrd".into(),
        command_line: "console=hvc0 panic=-1 sluice.function=bridge sluice.ip=10.0.2.15/24".into(),
        memory: 96,
        cpus: 1,
        interfaces: vec![vif(1), vif(2), vif(3)],
        disks: vec![],
    };
    // An emulated processor cannot scale its time stamp counter.
    config(&guest).unwrap() + "tsc_mode = \"native\"\n"
}

fn dom0(host: &Host, kernel: &Path, image: &Path, readyz: &str) -> Vec<u8> {
    let files: [(&str, Vec<u8>); 7] = [
        ("init", include_bytes!("xen/init").into()),
        ("etc/xen/vif", include_bytes!("xen/vif").into()),
        ("guest/pv.cfg", guest(Kind::Pv).into()),
        ("guest/pvh.cfg", guest(Kind::Pvh).into()),
        ("guest/url", format!("{readyz}\n").into()),
        ("guest/vmlinuz", fs::read(kernel).unwrap()),
        ("guest/initrd", fs::read(image).unwrap()),
    ];
    let mut tree = Tree::default();
    files.into_iter().for_each(|(name, bytes)| tree.add(name, Node::File(0o755, bytes)).unwrap());
    host.dom0(tree).unwrap()
}

#[test]
fn the_image_forwards_and_answers_as_pv_and_as_pvh_guest() {
    if std::env::var_os("SLUICE_TEST_XEN").is_none() {
        return println!("skipped: Xen is opt-in (make test-xen)");
    }
    let Some(kernel) = kernel() else { return };
    if !have(&["qemu-system-x86_64", "/bin/busybox", "apt-get", "dpkg-deb", "/usr/bin/curl"]) {
        return;
    }
    let scratch = Scratch::new("xen");
    let variable = |name, default: &str| std::env::var(name).unwrap_or(default.into());
    let (image, readyz) = match std::env::var_os("SLUICE_TEST_INITRAMFS") {
        Some(image) => (image.into(), variable("SLUICE_TEST_READYZ", "https://10.0.2.15:8443/readyz")),
        None => {
            println!("no SLUICE_TEST_INITRAMFS: a stand-in of busybox");
            initramfs(STAND_IN, &scratch.path("image"));
            (scratch.path("image"), "http://10.0.2.15:8080/readyz".into())
        }
    };
    let host = Host::get(|| println!("downloading Xen 4.17 and Debian's kernel (75 MB)")).unwrap();
    let initrd = scratch.path("dom0");
    fs::write(&initrd, dom0(&host, &kernel, &image, &readyz)).unwrap();
    let machine = host.machine(Accelerator::Tcg, &initrd, 224).unwrap();
    let mut said = Vec::new();
    Qemu::machine(&machine).wait_for("XEN-TEST done", |line| {
        println!("{line}");
        said.push(line.to_owned());
    });
    for kind in ["pv", "pvh"] {
        let wanted = format!("XEN-TEST {kind} readyz=ok forwarded=ok");
        assert!(said.iter().any(|line| line.contains(&wanted)), "{kind} failed: see above");
    }
}
