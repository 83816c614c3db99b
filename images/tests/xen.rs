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

use common::{Qemu, Scratch, cpio_entry, have, initramfs, kernel};
use sluice_images::xen::{Guest, Kind, Vif, config};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PACKAGES: &[&str] = &[
    "xen-hypervisor-4.17-amd64",
    "xen-utils-4.17",
    "xenstore-utils",
    "libxencall1",
    "libxendevicemodel1",
    "libxenevtchn1",
    "libxenforeignmemory1",
    "libxengnttab1",
    "libxenhypfs1",
    "libxenmisc4.17",
    "libxenstore4",
    "libxentoolcore1",
    "libxentoollog1",
    "libyajl2",
];
const MODULES: &[&str] = &["xen-evtchn", "xen-privcmd", "xenfs", "xen-gntdev", "xen-gntalloc", "xen-netback"];
const PROGRAMS: &[&str] = &["xl", "xenstored", "xenconsoled", "xen-init-dom0"];

/// A bridge between the data ports, and a web server.
const STAND_IN: &str = "mount -t proc proc /proc; mount -t sysfs sys /sys
ip addr add 10.0.2.15/24 dev eth0; brctl addbr br0; brctl addif br0 eth1; brctl addif br0 eth2
for i in eth0 eth1 eth2 br0; do ip link set $i up; done
echo ready > /www/readyz; exec httpd -f -p 8080 -h /www";

fn run(command: &mut Command) -> String {
    let out = command.output().unwrap();
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// Where the packages are unpacked.
fn packages() -> PathBuf {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = variable("SLUICE_CACHE")
        .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("sluice")))
        .unwrap_or_else(|| variable("HOME").unwrap().join(".cache/sluice"));
    let (root, aside) = (cache.join("xen-4.17"), cache.join(format!("xen-4.17.{}", std::process::id())));
    if root.exists() {
        return root;
    }
    println!("downloading Xen 4.17 and Debian's kernel (75 MB) to {}", root.display());
    fs::create_dir_all(&aside).unwrap();
    let depends = run(Command::new("apt-cache").args(["depends", "linux-image-amd64"]));
    let linux = depends.lines().find_map(|l| l.trim().strip_prefix("Depends: ")).expect("Debian's kernel").to_owned();
    run(Command::new("apt-get").args(["-qq", "download", &linux]).args(PACKAGES).current_dir(&aside));
    for entry in
        fs::read_dir(&aside).unwrap().map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "deb"))
    {
        let wanted = if entry.file_name().unwrap().to_str().unwrap().starts_with("linux") {
            let modules = MODULES.iter().map(|m| format!("'*/{m}.ko'"));
            format!("--wildcards './boot/vmlinuz*' {}", modules.collect::<Vec<_>>().join(" "))
        } else {
            String::new()
        };
        let unpack = format!("dpkg-deb --fsys-tarfile \"$0\" | tar -x {wanted}");
        run(Command::new("bash").args(["-o", "pipefail", "-c", &unpack]).arg(&entry).current_dir(&aside));
        fs::remove_file(entry).unwrap();
    }
    let xen = run(Command::new("find").arg(aside.join("boot")).args(["-name", "xen-*.gz"]));
    run(Command::new("bash").args(["-c", "gunzip -c \"$0\" > \"$1\""]).arg(xen.trim()).arg(aside.join("xen")));
    fs::rename(&aside, &root).unwrap();
    root
}

fn find(root: &Path, name: &str) -> PathBuf {
    let found = run(Command::new("find").arg(root).args(["-name", name, "-type", "f"]));
    found.lines().next().unwrap_or_else(|| panic!("no {name} in {}", root.display())).into()
}

/// The programs of dom0 with the libraries they need, by their names in its initramfs.
fn programs(root: &Path) -> BTreeMap<String, PathBuf> {
    let mut files = BTreeMap::new();
    files.insert("bin/busybox".into(), "/bin/busybox".into());
    files.insert("bin/curl".into(), "/usr/bin/curl".into());
    let xen = find(root, "xenstored").parent().unwrap().to_owned();
    PROGRAMS.iter().for_each(|p| _ = files.insert(format!("bin/{p}"), xen.join(p)));
    for program in ["xenstore-read", "xenstore-write"] {
        // They are names of one program.
        files.insert(format!("bin/{program}"), fs::canonicalize(root.join("usr/bin").join(program)).unwrap());
    }
    for helper in ["libxl-save-helper", "xenconsole"] {
        files.insert(format!("usr/lib/xen-4.17/bin/{helper}"), xen.join(helper));
    }
    let libraries = ["usr/lib/x86_64-linux-gnu", "usr/lib/xen-4.17/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
    let path = libraries.map(|l| root.join(l).display().to_string()).join(":");
    for program in files.values().filter(|p| !p.ends_with("busybox")).cloned().collect::<Vec<_>>() {
        for line in run(Command::new("ldd").env("LD_LIBRARY_PATH", &path).arg(&program)).lines() {
            assert!(!line.contains("not found"), "{}: {line}", program.display());
            if let Some(library) = line.split_whitespace().find(|word| word.starts_with('/')) {
                let name = Path::new(library).file_name().unwrap().to_str().unwrap();
                let folder = if name.starts_with("ld-linux") { "lib64" } else { "lib" };
                files.insert(format!("{folder}/{name}"), fs::canonicalize(library).unwrap());
            }
        }
    }
    let gcc = "/lib/x86_64-linux-gnu/libgcc_s.so.1"; // loaded by pthread_cancel
    files.insert("lib/libgcc_s.so.1".into(), fs::canonicalize(gcc).unwrap());
    files
}

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

fn dom0(root: &Path, kernel: &Path, image: &Path, readyz: &str, out: &Path) {
    let mut contents: BTreeMap<String, (u32, Vec<u8>)> =
        programs(root).into_iter().map(|(name, path)| (name, (0o755, fs::read(path).unwrap()))).collect();
    for module in MODULES {
        contents
            .insert(format!("modules/{module}.ko"), (0o644, fs::read(find(root, &format!("{module}.ko"))).unwrap()));
    }
    let texts = [
        ("init", include_str!("xen/init").to_owned()),
        ("etc/xen/vif", include_str!("xen/vif").to_owned()),
        ("etc/xen/xl.conf", "autoballoon=\"off\"\n".to_owned()),
        ("guest/pv.cfg", guest(Kind::Pv)),
        ("guest/pvh.cfg", guest(Kind::Pvh)),
        ("guest/url", format!("{readyz}\n")),
    ];
    texts.into_iter().for_each(|(name, text)| _ = contents.insert(name.into(), (0o755, text.into_bytes())));
    contents.insert("guest/vmlinuz".into(), (0o644, fs::read(kernel).unwrap()));
    contents.insert("guest/initrd".into(), (0o644, fs::read(image).unwrap()));

    let mut cpio = Vec::new();
    let mut folders: Vec<String> = ["dev", "proc", "sys", "run", "tmp", "var"].map(String::from).into();
    for name in contents.keys() {
        let ancestors = Path::new(name).ancestors().skip(1).map(|p| p.to_str().unwrap().to_owned());
        folders.extend(ancestors.filter(|p| !p.is_empty()));
    }
    folders.sort();
    folders.dedup();
    folders.iter().for_each(|name| cpio_entry(&mut cpio, name, 0o40755, (0, 0), b""));
    cpio_entry(&mut cpio, "dev/console", 0o20600, (5, 1), b"");
    contents.iter().for_each(|(name, (mode, bytes))| cpio_entry(&mut cpio, name, 0o100_000 | mode, (0, 0), bytes));
    cpio_entry(&mut cpio, "TRAILER!!!", 0, (0, 0), b"");
    let mut gzip =
        Command::new("gzip").arg("-1").stdin(Stdio::piped()).stdout(fs::File::create(out).unwrap()).spawn().unwrap();
    gzip.stdin.take().unwrap().write_all(&cpio).unwrap();
    assert!(gzip.wait().unwrap().success());
    fs::set_permissions(out, fs::Permissions::from_mode(0o644)).unwrap();
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
    let (root, initrd) = (packages(), scratch.path("dom0"));
    dom0(&root, &kernel, &image, &readyz, &initrd);

    let linux = run(Command::new("find").arg(root.join("boot")).args(["-name", "vmlinuz*"]));
    let mut arguments: Vec<String> = [
        "-machine",
        "q35",
        "-cpu",
        "max,-smap,-rdtscp,-fsgsbase",
        "-m",
        "1024",
        "-no-reboot",
        "-monitor",
        "none",
        "-append",
    ]
    .map(String::from)
    .into();
    arguments
        .push("console=com1 com1=115200 dom0_mem=640M loglvl=error guest_loglvl=error noreboot sched=credit".into());
    arguments.extend(["-kernel".into(), root.join("xen").display().to_string(), "-initrd".into()]);
    arguments.push(format!("{} console=hvc0 rdinit=/init loglevel=5,{}", linux.trim(), initrd.display()));
    let mut said = Vec::new();
    Qemu::start(&arguments).wait_for("XEN-TEST done", |line| {
        println!("{line}");
        said.push(line.to_owned());
    });
    for kind in ["pv", "pvh"] {
        let wanted = format!("XEN-TEST {kind} readyz=ok forwarded=ok");
        assert!(said.iter().any(|line| line.contains(&wanted)), "{kind} failed: see above");
    }
}
