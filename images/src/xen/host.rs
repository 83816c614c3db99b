//! A host with Xen 4.17 that is itself a machine of QEMU's: the hypervisor, and a dom0 of Debian's kernel, busybox and Xen's
//! tools. For tests and benchmarks.
//!
//! Debian's packages are downloaded once and unpacked in the cache; nothing is installed. [`Host::dom0`] makes an initramfs
//! whose `/init` the caller writes; `. /start` in it loads the modules and starts Xen's daemons.
use crate::cpio::{Node, Tree};
use crate::qemu::{Accelerator, Boot, Kind, Machine};
use crate::{cache, tool};
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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
/// Modules of Debian's kernel that dom0 loads, in this order: for Xen, for QEMU's network interfaces, for bridges.
const MODULES: &[&str] = &[
    "xen-evtchn",
    "xen-privcmd",
    "xenfs",
    "xen-gntdev",
    "xen-gntalloc",
    "xen-netback",
    "virtio_ring",
    "virtio",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "failover",
    "net_failover",
    "virtio_net",
    "llc",
    "stp",
    "bridge",
];
/// What a Linux guest of Xen's has for its network interfaces.
pub const NETFRONT: &str = "xen-netfront";
const PROGRAMS: &[&str] = &["xl", "xenstored", "xenconsoled", "xen-init-dom0"];
/// The entry of the cache. Another list of packages or modules needs another one.
const ENTRY: &str = "4.17-2";
/// Memory of dom0, MiB.
const DOM0: u32 = 640;
/// Memory of Xen itself, MiB.
const XEN: u32 = 160;

/// The packages of Xen and Debian's kernel, unpacked.
#[derive(Debug)]
pub struct Host {
    root: PathBuf,
}

impl Host {
    /// Downloads them (75 MB), if that was not done before; `note` is told when.
    ///
    /// # Errors
    /// They cannot be had, or the cache cannot be written.
    pub fn get(note: impl FnOnce()) -> Result<Host> {
        let make = |aside: &Path| {
            note();
            unpack(aside).context("Debian's packages of Xen 4.17 cannot be had")
        };
        Ok(Host { root: cache::entry(&cache::folder()?.join("xen"), ENTRY, || {}, make)? })
    }

    /// Debian's kernel, which dom0 runs; good for guests, too.
    ///
    /// # Errors
    /// It is not in its package.
    pub fn kernel(&self) -> Result<PathBuf> {
        let mut all = fs::read_dir(self.root.join("boot"))?.flatten().map(|e| e.path());
        all.find(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("vmlinuz"))).context("no kernel")
    }

    /// Its release, as `uname -r` says it.
    ///
    /// # Errors
    /// As [`Self::kernel`].
    pub fn release(&self) -> Result<String> {
        let name = self.kernel()?.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(name.trim_start_matches("vmlinuz-").to_owned())
    }

    /// A module of that kernel, by its name without ending.
    ///
    /// # Errors
    /// It was not unpacked.
    pub fn module(&self, name: &str) -> Result<Vec<u8>> {
        Ok(fs::read(find(&self.root.join("lib/modules"), &format!("{name}.ko"))?)?)
    }

    /// dom0's initramfs: what is needed to run guests, and `files`; one of them is `init`.
    ///
    /// # Errors
    /// A file is missing: busybox (Debian's package busybox-static), curl or a library.
    pub fn dom0(&self, files: Tree) -> Result<Vec<u8>> {
        let mut tree = files;
        for (name, path) in self.programs()? {
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            tree.add(&name, Node::File(0o755, bytes))?;
        }
        for module in MODULES {
            tree.add(&format!("modules/{module}.ko"), Node::File(0o644, self.module(module)?))?;
        }
        for folder in ["dev", "proc", "sys", "run", "tmp", "var"] {
            tree.add(folder, Node::Folder(0o755))?;
        }
        tree.add("dev/console", Node::Device(0o600, 5, 1))?;
        let start = include_str!("start").replace("{modules}", &MODULES.join(" "));
        tree.add("start", Node::File(0o644, start.into()))?;
        tree.add("etc/xen/xl.conf", Node::File(0o644, "autoballoon=\"off\"\n".into()))?;
        tree.archive()
    }

    /// The machine, with this initramfs as dom0's, and so much memory for guests, MiB. Its console is the first serial port.
    ///
    /// # Errors
    /// As [`Self::kernel`].
    pub fn machine(&self, accelerator: Accelerator, dom0: &Path, guests: u32) -> Result<Machine> {
        let xen = "console=com1 com1=115200 loglvl=error guest_loglvl=error noreboot sched=credit";
        let modules = format!("{} console=hvc0 rdinit=/init loglevel=5,{}", self.kernel()?.display(), dom0.display());
        let boot = Boot::Kernel {
            kernel: self.root.join("xen"),
            initramfs: modules.into(),
            command_line: format!("{xen} dom0_mem={DOM0}M"),
        };
        let mut machine = Machine::new(Kind::Q35, accelerator, DOM0 + XEN + guests, boot);
        if accelerator == Accelerator::Tcg {
            // Xen 4.17 does not start with what QEMU makes of these.
            machine.more = ["-cpu", "max,-smap,-rdtscp,-fsgsbase"].map(Into::into).to_vec();
        }
        machine.once = true;
        Ok(machine)
    }

    /// The programs of dom0 with the libraries they need, by their names in its initramfs.
    fn programs(&self) -> Result<BTreeMap<String, PathBuf>> {
        let mut files = BTreeMap::new();
        files.insert("bin/busybox".into(), "/bin/busybox".into());
        files.insert("bin/curl".into(), "/usr/bin/curl".into());
        let store = find(&self.root, "xenstored")?;
        let xen = store.parent().context("xenstored")?;
        PROGRAMS.iter().for_each(|p| _ = files.insert(format!("bin/{p}"), xen.join(p)));
        for program in ["xenstore-read", "xenstore-write"] {
            // They are names of one program.
            files.insert(format!("bin/{program}"), fs::canonicalize(self.root.join("usr/bin").join(program))?);
        }
        for helper in ["libxl-save-helper", "xenconsole"] {
            files.insert(format!("usr/lib/xen-4.17/bin/{helper}"), xen.join(helper));
        }
        let libraries = ["usr/lib/x86_64-linux-gnu", "usr/lib/xen-4.17/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
        let path = libraries.map(|l| self.root.join(l).display().to_string()).join(":");
        for program in files.values().filter(|p| !p.ends_with("busybox")).cloned().collect::<Vec<_>>() {
            let said = tool::run(Command::new("ldd").env("LD_LIBRARY_PATH", &path).arg(&program), "libc-bin")?;
            for line in String::from_utf8_lossy(&said).lines() {
                ensure!(!line.contains("not found"), "{}: {line}", program.display());
                let Some(library) = line.split_whitespace().find(|word| word.starts_with('/')) else { continue };
                let name = Path::new(library).file_name().unwrap_or_default().to_string_lossy();
                let folder = if name.starts_with("ld-linux") { "lib64" } else { "lib" };
                files.insert(format!("{folder}/{name}"), fs::canonicalize(library)?);
            }
        }
        // Loaded by pthread_cancel.
        files.insert("lib/libgcc_s.so.1".into(), fs::canonicalize("/lib/x86_64-linux-gnu/libgcc_s.so.1")?);
        Ok(files)
    }
}

fn unpack(aside: &Path) -> Result<()> {
    let depends = tool::run(Command::new("apt-cache").args(["depends", "linux-image-amd64"]), "apt")?;
    let depends = String::from_utf8_lossy(&depends).into_owned();
    let linux = depends.lines().find_map(|l| l.trim().strip_prefix("Depends: ")).context("Debian's kernel")?;
    let mut download = Command::new("apt-get");
    tool::run(download.args(["-qq", "download", linux]).args(PACKAGES).current_dir(aside), "apt")?;
    for entry in fs::read_dir(aside)? {
        let entry = entry?;
        if entry.path().extension().is_none_or(|e| e != "deb") {
            continue;
        }
        let wanted = if entry.file_name().to_string_lossy().starts_with("linux") {
            let modules = MODULES.iter().chain([&NETFRONT]).map(|m| format!("'*/{m}.ko'"));
            format!("--wildcards './boot/vmlinuz*' {}", modules.collect::<Vec<_>>().join(" "))
        } else {
            String::new()
        };
        let unpack = format!("dpkg-deb --fsys-tarfile \"$0\" | tar -x {wanted}");
        let mut bash = Command::new("bash");
        bash.args(["-o", "pipefail", "-c", &unpack]).arg(entry.path()).current_dir(aside);
        tool::run(&mut bash, "bash")?;
        fs::remove_file(entry.path())?;
    }
    let mut boot = fs::read_dir(aside.join("boot"))?.flatten().map(|e| e.path());
    let xen = boot.find(|p| p.extension().is_some_and(|e| e == "gz")).context("no hypervisor in its package")?;
    fs::write(aside.join("xen"), tool::run(Command::new("gunzip").arg("-c").arg(xen), "gzip")?)?;
    Ok(())
}

/// The first file of this name beneath a folder.
fn find(folder: &Path, name: &str) -> Result<PathBuf> {
    let mut todo = vec![folder.to_path_buf()];
    while let Some(at) = todo.pop() {
        for entry in fs::read_dir(&at).with_context(|| at.display().to_string())? {
            let entry = entry?;
            match entry.file_type()? {
                kind if kind.is_dir() => todo.push(entry.path()),
                kind if kind.is_file() && entry.file_name() == name => return Ok(entry.path()),
                _ => {}
            }
        }
    }
    anyhow::bail!("no {name} in {}", folder.display())
}
