//! Debian's kernel for clouds and its busybox. Their packages are fetched and unpacked, not installed.
use anyhow::{Context as _, Result, ensure};
use sluice_images::cpio::{Node, Tree};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FOLDER: &str = "cloud-kernel";
/// What a machine with interfaces of virtio needs, in the order in which they can be loaded.
const VIRTIO: [&str; 9] = [
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

/// The packages, unpacked.
pub(crate) struct Debian {
    /// The kernel.
    pub(crate) kernel: PathBuf,
    /// Its release, as `uname -r` says it.
    pub(crate) release: String,
    modules: PathBuf,
    busybox: PathBuf,
}

impl Debian {
    /// Fetches what is not there.
    ///
    /// # Errors
    /// The packages cannot be fetched.
    pub(crate) fn get() -> Result<Debian> {
        let folder = super::target().join(FOLDER);
        let root = folder.join("root");
        if find(&root.join("boot"), "vmlinuz-").is_err() {
            fetch(&folder).context("its packages linux-image-cloud-amd64 and busybox-static cannot be fetched")?;
        }
        let kernel = find(&root.join("boot"), "vmlinuz-")?;
        let name = kernel.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let release = name.trim_start_matches("vmlinuz-").to_string();
        Ok(Debian { kernel, release, modules: find(&root.join("lib/modules"), "")?, busybox: root.join("bin/busybox") })
    }

    /// The files of a guest whose `/NAME` is a script of busybox's shell. Before that it loads the modules of virtio, then
    /// `more`.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) fn tree(&self, name: &str, more: &[&str], script: &str) -> Result<Tree> {
        let mut tree = Tree::default();
        tree.add("busybox", Node::File(0o755, fs::read(&self.busybox)?))?;
        tree.add("dev/console", Node::Device(0o600, 5, 1))?;
        let mut load = String::new();
        for module in VIRTIO.iter().chain(more) {
            let file = within(&self.modules, &format!("{module}.ko")).with_context(|| module.to_string())?;
            tree.add(&format!("modules/{module}.ko"), Node::File(0o644, fs::read(file)?))?;
            load += &format!("/busybox insmod /modules/{module}.ko\n");
        }
        tree.add(name, Node::File(0o755, format!("#!/busybox sh\n{load}{script}").into()))?;
        Ok(tree)
    }
}

fn fetch(folder: &Path) -> Result<()> {
    let run = |command: &mut Command| {
        let out = command.current_dir(folder).output().with_context(|| format!("{command:?}"))?;
        ensure!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr).trim());
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    };
    fs::create_dir_all(folder)?;
    let depends = run(Command::new("apt-cache").args(["depends", "linux-image-cloud-amd64"]))?;
    let package = depends.lines().find_map(|l| l.trim().strip_prefix("Depends: linux-image-"));
    let package = format!("linux-image-{}", package.context("it is not known")?);
    run(Command::new("apt-get").args(["download", "-qq", &package, "busybox-static"]))?;
    for file in fs::read_dir(folder)? {
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
