//! The build itself: unpack, configure, compile, keep three files.
//!
//! It takes place in the source's own folder, so that no path of this machine gets into the kernel; time, user and host are
//! constants for the same reason.
use super::{Fragment, Source};
use crate::{cache, tool};
use anyhow::{Context as _, Result, bail, ensure};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// Objects that a kernel of our fragments consists of, roughly: for the progress.
const OBJECTS: usize = 1450;
/// What the build needs, by the program or header that shows whether it is there, and Debian's package.
const NEEDED: &[(&str, &str)] = &[
    ("make", "make"),
    ("gcc", "gcc"),
    ("ld", "binutils"),
    ("flex", "flex"),
    ("bison", "bison"),
    ("bc", "bc"),
    ("perl", "perl"),
    ("tar", "tar"),
    ("xz", "xz-utils"),
    ("zstd", "zstd"),
    ("/usr/include/libelf.h", "libelf-dev"),
];

/// Builds the kernel into the folder `to`: `bzImage`, `vmlinux`, `System.map`, `config`, `version`.
///
/// # Errors
/// A tool is missing, the fragment cannot be had, or the compiler fails.
pub(super) fn kernel(source: &Source, fragment: &Fragment, to: &Path, say: &dyn Fn(&str)) -> Result<()> {
    let missing = missing();
    ensure!(missing.is_empty(), "the kernel needs what is not installed (Debian: apt install {})", missing.join(" "));
    let jobs = std::thread::available_parallelism().map_or(1, |n| n.get());
    say(&format!(
        "building Linux {} for the image: once, then it lies in the cache; about {} minutes on {jobs} processors, 2 GB of disk meanwhile",
        source.version,
        (12 / jobs).max(1),
    ));
    let tree = to.join("source");
    fs::create_dir(&tree).with_context(|| format!("cannot write {}", tree.display()))?;
    say("unpacking the source");
    let unpack = ["--extract", "--strip-components=1", "--no-same-owner", "--file"];
    tool::run(Command::new("tar").args(unpack).arg(&source.archive).arg("--directory").arg(&tree), "tar xz-utils")?;

    configure(&tree, fragment)?;
    compile(&tree, jobs, say)?;
    keep(&tree, to)?;
    say("removing the source");
    cache::remove(&tree)
}

fn missing() -> Vec<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |what: &str| std::env::split_paths(&path).any(|f| f.join(what).is_file());
    NEEDED.iter().filter(|(what, _)| !there(what)).map(|(_, package)| *package).collect()
}

/// `make` in the source's folder, with nothing of this machine and this hour.
fn make(tree: &Path) -> Command {
    let mut make = Command::new("make");
    make.current_dir(tree).stdin(Stdio::null());
    for name in
        ["MAKEFLAGS", "MAKELEVEL", "MFLAGS", "ARCH", "CROSS_COMPILE", "KCONFIG_CONFIG", "KBUILD_OUTPUT", "KCFLAGS"]
    {
        make.env_remove(name);
    }
    make.env("KBUILD_BUILD_TIMESTAMP", "Thu Jan  1 00:00:00 UTC 1970")
        .env("KBUILD_BUILD_VERSION", "1")
        .env("KBUILD_BUILD_USER", "sluice")
        .env("KBUILD_BUILD_HOST", "sluice")
        .env("LOCALVERSION", "")
        .env("LC_ALL", "C")
        .env("TZ", "UTC");
    make
}

fn configure(tree: &Path, fragment: &Fragment) -> Result<()> {
    tool::run(make(tree).arg("tinyconfig"), "make flex bison")?;
    let config = tree.join(".config");
    let named = || format!("cannot write {}", config.display());
    OpenOptions::new()
        .append(true)
        .open(&config)
        .and_then(|mut f| f.write_all(fragment.text().as_bytes()))
        .with_context(named)?;
    tool::run(make(tree).arg("olddefconfig"), "make flex bison")?;
    fragment.check(&fs::read_to_string(&config).with_context(named)?)
}

fn compile(tree: &Path, jobs: usize, say: &dyn Fn(&str)) -> Result<()> {
    // What make says goes aside, to be shown if it fails.
    let log = tree.join("sluice-build.log");
    let errors = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut child = make(tree)
        .args([&format!("-j{jobs}"), "bzImage"])
        .stdout(Stdio::piped())
        .stderr(errors)
        .spawn()
        .context("cannot run make (Debian: apt install make)")?;
    let lines = child.stdout.take().into_iter().flat_map(|o| BufReader::new(o).lines());
    let mut objects = 0;
    for line in lines.map_while(Result::ok) {
        let step = line.trim_start();
        if step.starts_with("CC ") || step.starts_with("AS ") {
            objects += 1;
            if objects % 100 == 0 {
                say(&format!("{objects} of about {} objects", OBJECTS.max(objects)));
            }
        } else if step.starts_with("LD ") && step.ends_with("vmlinux") {
            say("linking");
        }
    }
    let status = child.wait().context("cannot wait for make")?;
    if !status.success() {
        let said = fs::read_to_string(&log).unwrap_or_default();
        let last: Vec<&str> = said.lines().rev().take(20).collect();
        bail!("the build of the kernel failed:\n{}", last.into_iter().rev().collect::<Vec<_>>().join("\n"));
    }
    Ok(())
}

fn keep(tree: &Path, to: &Path) -> Result<()> {
    tool::run(
        Command::new("strip").args(["--strip-all", "-o"]).arg(to.join("vmlinux")).arg(tree.join("vmlinux")),
        "binutils",
    )?;
    for (from, name) in [
        ("arch/x86/boot/bzImage", "bzImage"),
        ("System.map", "System.map"),
        (".config", "config"),
        ("include/config/kernel.release", "version"),
    ] {
        fs::rename(tree.join(from), to.join(name)).with_context(|| format!("the build left no {from}"))?;
    }
    Ok(())
}
