//! Debian's kernel for clouds, with the program of an image. Its packages are fetched and unpacked, not installed.
use super::guest::Image;
use anyhow::{Context as _, Result, ensure};
use sluice_images::cpio::{Node, Tree};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FOLDER: &str = "target/cloud-kernel";
/// What the machines of a benchmark need, in the order in which they can be loaded.
const MODULES: [&str; 9] = [
    "virtio_ring",
    "virtio",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "virtio_mmio",
    "failover",
    "net_failover",
    "virtio_net",
];

/// The kernel, and an initramfs that loads its modules and then starts the image's program.
pub(super) struct Cloud {
    pub(super) kernel: PathBuf,
    pub(super) initramfs: PathBuf,
    /// Bytes of the kernel alone.
    pub(super) size: u64,
}

impl Cloud {
    /// Fetches what is not there, and puts the initramfs together.
    pub(super) fn get(image: &Image) -> Result<Cloud> {
        let root = Path::new(FOLDER).join("root");
        if find(&root.join("boot"), "vmlinuz-").is_err() {
            fetch().context("its packages linux-image-cloud-amd64 and busybox-static cannot be fetched")?;
        }
        let kernel = find(&root.join("boot"), "vmlinuz-")?;
        let modules = find(&root.join("lib/modules"), "")?;
        let mut tree = Tree::default();
        tree.add("busybox", Node::File(0o755, fs::read(root.join("bin/busybox"))?))?;
        tree.add("dev/console", Node::Device(0o600, 5, 1))?;
        for module in MODULES {
            let bytes = fs::read(within(&modules, &format!("{module}.ko")).with_context(|| module.to_string())?)?;
            tree.add(&format!("modules/{module}.ko"), Node::File(0o644, bytes))?;
        }
        let load = MODULES.map(|m| format!("/busybox insmod /modules/{m}.ko\n")).concat();
        tree.add("start", Node::File(0o755, format!("#!/busybox sh\n{load}exec /init\n").into()))?;
        // Linux unpacks one archive after the other.
        let mut all = tree.archive()?;
        all.resize(all.len().next_multiple_of(512), 0);
        all.extend(fs::read(image.folder.join("initramfs"))?);
        let initramfs = Path::new(FOLDER).join("initramfs");
        fs::write(&initramfs, all)?;
        Ok(Cloud { size: fs::metadata(&kernel)?.len(), kernel, initramfs })
    }
}

fn fetch() -> Result<()> {
    let run = |command: &mut Command| {
        let out = command.current_dir(FOLDER).output().with_context(|| format!("{command:?}"))?;
        ensure!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr).trim());
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    };
    fs::create_dir_all(FOLDER)?;
    let depends = run(Command::new("apt-cache").args(["depends", "linux-image-cloud-amd64"]))?;
    let package = depends.lines().find_map(|l| l.trim().strip_prefix("Depends: linux-image-"));
    let package = format!("linux-image-{}", package.context("it is not known")?);
    run(Command::new("apt-get").args(["download", "-qq", &package, "busybox-static"]))?;
    for file in fs::read_dir(FOLDER)? {
        let file = file?.file_name();
        if Path::new(&file).extension().is_some_and(|e| e == "deb") {
            run(Command::new("dpkg").arg("-x").arg(&file).arg("root"))?;
        }
    }
    Ok(())
}

/// The entry of a folder whose name starts so.
fn find(folder: &Path, start: &str) -> Result<PathBuf> {
    let all = fs::read_dir(folder).with_context(|| folder.display().to_string())?.flatten();
    let mut found = all.filter(|e| e.file_name().to_string_lossy().starts_with(start)).map(|e| e.path());
    found.next().with_context(|| format!("{}: no {start}", folder.display()))
}

/// The file of this name somewhere in a folder.
fn within(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut todo = vec![folder.to_path_buf()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(folder).ok()?.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => todo.push(entry.path()),
                _ if entry.file_name() == name => return Some(entry.path()),
                _ => {}
            }
        }
    }
    None
}
