//! All together: an image's folder with `bzImage`, `vmlinux`, `initramfs` and `manifest.json`.
//!
//! It is made aside and renamed when it is whole.
use crate::cpio::Node;
use crate::kernel::{self, Kernel};
use crate::manifest::{Content, Manifest};
use crate::recipe::Recipe;
use crate::{cache, formats, initramfs, program};
use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The consoles: Xen's or virtio's if there is one, and the serial port, which is the guest's `/dev/console` if it is there.
const CONSOLES: &str = "console=hvc0 console=ttyS0";

/// An image in the making: what disks and descriptions of machines are made of.
#[derive(Debug)]
pub struct Built<'a> {
    /// What was wanted.
    pub recipe: &'a Recipe,
    /// The version of Sluice.
    pub version: &'static str,
    /// The kernel for boot loaders.
    pub bzimage: PathBuf,
    /// The kernel with a PVH entry.
    pub vmlinux: PathBuf,
    /// The initramfs.
    pub initramfs: PathBuf,
    /// The kernel's command line, whole.
    pub command_line: String,
    /// Where files of the image belong. It is renamed later, so nothing may remember it.
    pub folder: PathBuf,
    /// Where they will be, for what names them.
    pub place: PathBuf,
}

/// Builds the image of a recipe in the folder `to`; an older one there is replaced. `ready` is a program to take instead of
/// building it. `say` is told what goes on, a line at a time.
///
/// # Errors
/// A part cannot be built or written. An older image stays as it was then.
pub fn image(recipe: &Recipe, ready: Option<&Path>, to: &Path, say: &dyn Fn(&str)) -> Result<Manifest> {
    let kernel = kernel::build(&recipe.kernel, say)?;
    say(&format!("kernel {} ({})", kernel.version, if kernel.cached { "from the cache" } else { "built" }));
    let name = to.file_name().context("an image's folder needs a name")?.to_string_lossy();
    let aside = to.with_file_name(format!(".{name}.{}", std::process::id()));
    cache::remove(&aside)?;
    fs::create_dir_all(&aside).with_context(|| format!("cannot write {}", aside.display()))?;
    let made = fill(recipe, ready, &kernel, &aside, to, say).and_then(|manifest| {
        cache::remove(to)?;
        fs::rename(&aside, to).with_context(|| format!("cannot write {}", to.display()))?;
        Ok(manifest)
    });
    if made.is_err() {
        cache::remove(&aside)?;
    }
    made
}

fn fill(
    recipe: &Recipe,
    ready: Option<&Path>,
    kernel: &Kernel,
    folder: &Path,
    place: &Path,
    say: &dyn Fn(&str),
) -> Result<Manifest> {
    let sluice = folder.join("sluice");
    match ready {
        Some(ready) => program::take(ready, &sluice)?,
        None => {
            say("building the program (minutes the first time)");
            program::build(&recipe.program, &sluice)?;
        }
    }
    let tree = initramfs::tree(recipe, &sluice)?;
    say("packing the initramfs");
    let built = Built {
        recipe,
        version: env!("CARGO_PKG_VERSION"),
        bzimage: folder.join("bzImage"),
        vmlinux: folder.join("vmlinux"),
        initramfs: folder.join("initramfs"),
        command_line: format!("{CONSOLES} {}", recipe.command_line).trim().to_string(),
        folder: folder.to_path_buf(),
        place: std::path::absolute(place).with_context(|| format!("no place for {}", place.display()))?,
    };
    let written = |path: &Path| format!("cannot write {}", path.display());
    fs::write(&built.initramfs, initramfs::compress(&tree.archive()?)?).with_context(|| written(&built.initramfs))?;
    fs::copy(kernel.bzimage(), &built.bzimage).with_context(|| written(&built.bzimage))?;
    fs::copy(kernel.vmlinux(), &built.vmlinux).with_context(|| written(&built.vmlinux))?;
    fs::remove_file(&sluice)?;

    let mut names = vec!["bzImage".to_string(), "vmlinux".into(), "initramfs".into()];
    for format in &recipe.formats {
        names.extend(formats::make(*format, &built)?);
    }
    let files = names.into_iter().map(|n| Ok((n.clone(), Content::of(&folder.join(n))?))).collect::<Result<_>>()?;
    let manifest = Manifest {
        recipe: recipe.name.clone(),
        version: built.version.into(),
        features: ready.is_none().then(|| recipe.program.features.clone()),
        kernel: kernel.version.clone(),
        command_line: built.command_line,
        files,
        parts: tree
            .iter()
            .filter_map(|(path, node)| match node {
                Node::File(_, bytes) => Some((path.to_string(), bytes.len() as u64)),
                _ => None,
            })
            .collect(),
    };
    manifest.write(folder)?;
    Ok(manifest)
}
