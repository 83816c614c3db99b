//! The program of the image: `sluice` without shared libraries, without symbols.
use crate::recipe::Program;
use crate::tool;
use anyhow::{Context as _, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The ordinary target; named, so that the flags below do not reach build scripts and macros.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// No shared libraries; relocations in a form that takes a twentieth of the room; functions of the same code once.
const FLAGS: [&str; 3] =
    ["-C target-feature=+crt-static", "-C link-arg=-Wl,-z,pack-relative-relocs", "-C link-arg=-Wl,--icf=all"];

/// Builds the program as a recipe wants it, into `to`. Cargo says on the terminal how it goes.
///
/// # Errors
/// Cargo is missing or fails, or what it made needs shared libraries.
pub fn build(program: &Program, to: &Path) -> Result<()> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| project.join("target"), PathBuf::from);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(&project)
        .env("RUSTFLAGS", FLAGS.join(" "))
        .args(["build", "--quiet", "--target", TARGET, "--profile", &program.profile, "-p", "sluice-agent"])
        .args(["--bin", "sluice", "--no-default-features", "--features", &program.features.join(",")])
        .arg("--target-dir")
        .arg(&target)
        .status()
        .context("cannot run cargo (https://rustup.rs)")?;
    ensure!(status.success(), "cargo could not build the program");
    // Cargo's folder for the profile `dev` is `debug`.
    let profile = if program.profile == "dev" { "debug" } else { &program.profile };
    take(&target.join(TARGET).join(profile).join("sluice"), to)
}

/// Takes a program that is ready, into `to`, without its symbols.
///
/// # Errors
/// It cannot be read or written, or needs shared libraries: there are none in the image.
pub fn take(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read the program {}", from.display()))?;
    match interpreter(&bytes) {
        None => bail!("{} is no program for x86-64", from.display()),
        Some(true) => bail!(
            "{} needs shared libraries, and the image has none: build it with RUSTFLAGS=\"-C target-feature=+crt-static\" \
             and --target {TARGET}",
            from.display()
        ),
        Some(false) => {}
    }
    tool::run(Command::new("strip").args(["--strip-all", "-o"]).args([to, from]), "binutils").map(drop)
}

/// Whether a program (ELF, x86-64) asks for a dynamic linker; nothing if it is none.
fn interpreter(elf: &[u8]) -> Option<bool> {
    const X86_64: u16 = 62;
    const PT_INTERP: u32 = 3;
    let u16_at = |at: usize| Some(u16::from_le_bytes(elf.get(at..at.checked_add(2)?)?.try_into().ok()?));
    let u64_at = |at: usize| Some(u64::from_le_bytes(elf.get(at..at.checked_add(8)?)?.try_into().ok()?));
    // ELF-64 object file format, sections 3 and 8: class 2 is 64 bits, data 1 is little endian.
    if elf.get(..6)? != b"\x7fELF\x02\x01" || u16_at(18)? != X86_64 {
        return None;
    }
    let (table, size, count) = (usize::try_from(u64_at(32)?).ok()?, usize::from(u16_at(54)?), usize::from(u16_at(56)?));
    for n in 0..count {
        let at = table.checked_add(n * size)?;
        if elf.get(at..at.checked_add(4)?)? == PT_INTERP.to_le_bytes() {
            return Some(true);
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn a_program_with_shared_libraries_is_refused_with_what_to_do() {
        let scratch = Scratch::new("program-shared");
        let refusal = take(&std::env::current_exe().unwrap(), &scratch.0.join("sluice")).unwrap_err().to_string();
        assert!(refusal.contains("crt-static"), "{refusal}");
    }

    #[test]
    fn what_is_no_program_is_refused() {
        let scratch = Scratch::new("program-none");
        let elf = fs::read(std::env::current_exe().unwrap()).unwrap();
        for bytes in [&b""[..], b"#!/bin/sh\n", b"\x7fELF\x02\x01", &elf[..60]] {
            fs::write(scratch.0.join("file"), bytes).unwrap();
            assert!(take(&scratch.0.join("file"), &scratch.0.join("sluice")).is_err());
        }
    }
}
