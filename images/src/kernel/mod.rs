//! The kernel, from the source package of Debian (`linux-source-6.1`) and fragments of a configuration.
//!
//! What is built depends on the source, the fragments and the compiler alone, and is kept in the cache under the hash of
//! these. Sources are unpacked for the build and removed after it.
//!
//! Reading order: `config` (wanted and unwanted symbols), `source` (which kernel), `make` (the build).
mod config;
mod make;
mod source;

pub use config::Fragment;
pub use source::Source;

use crate::{cache, digest, tool};
use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Changes when a kernel built by this code differs though its inputs do not.
const RECIPE: &str = "1";

/// The file beside a kernel that says how long its build took.
const SECONDS: &str = "seconds";

/// A kernel that is built.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Its folder in the cache.
    pub folder: PathBuf,
    /// Its version, as `uname -r` says it.
    pub version: String,
    /// It was in the cache.
    pub cached: bool,
}

impl Kernel {
    /// The compressed kernel, for boot loaders, QEMU, EFI and Xen.
    pub fn bzimage(&self) -> PathBuf {
        self.folder.join("bzImage")
    }

    /// The kernel as ELF with a PVH entry, without symbols.
    pub fn vmlinux(&self) -> PathBuf {
        self.folder.join("vmlinux")
    }

    /// Opens what was built into `folder`.
    fn open(folder: PathBuf, cached: bool) -> Result<Self> {
        let version = fs::read_to_string(folder.join("version")).context("the cache of kernels is damaged")?;
        Ok(Self { version: version.trim().to_string(), folder, cached })
    }
}

/// The kernel of these fragments: from the cache, or built now. `say` is told what goes on, a line at a time.
///
/// # Errors
/// No source package or a tool is missing, a fragment asks for what this kernel does not have, or the build fails.
pub fn build(fragments: &[PathBuf], say: &dyn Fn(&str)) -> Result<Kernel> {
    let fragment = Fragment::read(fragments)?;
    let source = Source::newest(Path::new("/usr/src"))?;
    let key = key(&source, &fragment)?;
    let cache = cache::folder()?.join("kernel");
    let mut cached = true;
    let waiting = || say("another build of a kernel is going on; waiting for it");
    let folder = cache::entry(&cache, &key, waiting, |aside| {
        cached = false;
        let begin = sluice_init::time::now();
        make::kernel(&source, &fragment, aside, say)?;
        Ok(fs::write(aside.join(SECONDS), format!("{}\n", (sluice_init::time::now() - begin).as_secs()))?)
    })?;
    Kernel::open(folder, cached)
}

/// How long the build of the kernel of an image took, if it is in the cache of this machine. The kernel is known by the
/// SHA-256 of its `bzImage`, hexadecimal.
pub fn took(sha256: &str) -> Option<Duration> {
    let kernels = fs::read_dir(cache::folder().ok()?.join("kernel")).ok()?.flatten();
    let is = |folder: &PathBuf| digest::of_file(&folder.join("bzImage")).is_ok_and(|d| d == sha256);
    let folder = kernels.map(|e| e.path()).find(is)?;
    fs::read_to_string(folder.join(SECONDS)).ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// What the kernel is cached under: the hash of all that it depends on.
fn key(source: &Source, fragment: &Fragment) -> Result<String> {
    let version = |program: &str, package| {
        tool::run(Command::new(program).arg("--version"), package).map(|out| String::from_utf8_lossy(&out).into_owned())
    };
    let (compiler, linker) = (version("gcc", "gcc")?, version("ld", "binutils")?);
    let archive = digest::of_file(&source.archive)?;
    Ok(digest::of_parts([RECIPE, &archive, &fragment.text(), &compiler, &linker])[..24].to_string())
}
