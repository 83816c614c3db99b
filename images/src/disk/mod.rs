//! Disk images that boot by BIOS and by UEFI, with two slots to upgrade between.
//!
//! One FAT file system holds everything, once: GRUB for UEFI, its configuration, the block of variables that GRUB and the
//! guest share, and a folder a slot. GRUB for BIOS lies in the gap before the partition. No loop device and no root are
//! needed; the same contents give the same bytes, because identifiers are hashes of them and times are constants.
//!
//! ```text
//! 0       boot record: code of GRUB, one partition of type EFh
//! 512     GRUB for BIOS, up to 1 MiB
//! 1 MiB   FAT: EFI/BOOT/BOOTX64.EFI, grub/{grub.cfg,grubenv}, slot-a/{vmlinuz,initrd,manifest.json}, slot-b/
//! ```
mod bundle;
mod fat;
mod grub;
mod table;

pub use bundle::bundle;

use crate::tool;
use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};
use sluice_init::machine::slots::{Content, Environment, Manifest};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes in a sector, as the partition table counts them.
const SECTOR: u64 = 512;
/// Where the partition begins, in bytes.
const START: u64 = 1 << 20;

/// What a disk is made of.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The image's name, for its manifest.
    pub name: String,
    /// The version of Sluice in it.
    pub version: String,
    /// The kernel, as bzImage.
    pub kernel: PathBuf,
    /// The initramfs.
    pub initramfs: PathBuf,
    /// The kernel's command line, in both slots. `panic=1` is added: a kernel that stands still is never given up.
    pub command_line: String,
}

/// The parts of a slot, read and hashed.
struct Parts {
    manifest: Manifest,
    json: Vec<u8>,
    kernel: Vec<u8>,
    initramfs: Vec<u8>,
}

impl Contents {
    fn read(&self) -> Result<Parts> {
        let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
        let (kernel, initramfs) = (read(&self.kernel)?, read(&self.initramfs)?);
        // Linux x86 boot protocol, section "The real-mode kernel header".
        ensure!(kernel.get(0x202..0x206) == Some(b"HdrS"), "{} is no bzImage", self.kernel.display());
        let content = |bytes: &[u8]| Content { size: bytes.len() as u64, sha256: hex(&Sha256::digest(bytes)) };
        let manifest = Manifest {
            name: self.name.clone(),
            version: self.version.clone(),
            vmlinuz: content(&kernel),
            initrd: content(&initramfs),
        };
        let mut json = serde_json::to_vec_pretty(&manifest)?;
        json.push(b'\n');
        Ok(Parts { manifest, json, kernel, initramfs })
    }
}

/// Makes a raw image with slot A filled and slot B empty; each has room for half as much again. Its holes take no room.
///
/// # Errors
/// A file cannot be read or written, the command line has characters that GRUB would take for its own, or a tool is
/// missing: GRUB's modules for both firmwares (packages `grub-common`, `grub-pc-bin`, `grub-efi-amd64-bin`) and `mtools`.
pub fn make(contents: &Contents, image: &Path) -> Result<Manifest> {
    let parts = contents.read()?;
    let config = grub::config(&contents.command_line)?;
    let mut variables = Environment::default();
    variables.set("slot", "a");
    let variables = variables.block().context("the variables do not fit")?;
    let scratch = Scratch::beside(image)?;
    let (bios, uefi) = (grub::bios(&scratch.0)?, grub::uefi(&scratch.0)?);

    let files: [(&str, &[u8]); 6] = [
        ("EFI/BOOT/BOOTX64.EFI", &uefi),
        ("grub/grub.cfg", config.as_bytes()),
        ("grub/grubenv", &variables),
        ("slot-a/manifest.json", &parts.json),
        ("slot-a/vmlinuz", &parts.kernel),
        ("slot-a/initrd", &parts.initramfs),
    ];
    let identity = identity(&bios.core, &files);
    let slot = (parts.kernel.len() + parts.initramfs.len()) as u64 * 3 / 2;
    let partition = (2 * slot + uefi.len() as u64 + (256 << 10)).next_multiple_of(1 << 20);

    let aside = scratch.0.join("disk.raw");
    let named = || format!("cannot write {}", aside.display());
    let disk = OpenOptions::new().create(true).truncate(true).write(true).open(&aside).with_context(named)?;
    disk.set_len(START + partition).with_context(named)?;
    disk.write_all_at(&table::boot_record(&bios.boot, partition / SECTOR, identity[0])?, 0).with_context(named)?;
    ensure!(bios.core.len() as u64 <= START - SECTOR, "GRUB for BIOS does not fit before the partition");
    disk.write_all_at(&bios.core, SECTOR).with_context(named)?;
    drop(disk);
    fat::fill(
        &aside,
        partition / SECTOR,
        identity[1],
        &["EFI", "EFI/BOOT", "grub", "slot-a", "slot-b"],
        &files,
        &scratch.0,
    )?;
    fs::rename(&aside, image).with_context(|| format!("cannot write {}", image.display()))?;
    Ok(parts.manifest)
}

/// Makes a compressed qcow2 of a raw image.
///
/// # Errors
/// It cannot be written, or `qemu-img` is missing (package `qemu-utils`).
pub fn qcow2(raw: &Path, image: &Path) -> Result<()> {
    let convert = ["convert", "-f", "raw", "-O", "qcow2", "-c", "-o", "compat=1.1,lazy_refcounts=off"];
    tool::run(Command::new("qemu-img").args(convert).args([raw, image]), "qemu-utils").map(drop)
}

/// Two numbers that name this disk: one for its partition table, one for its file system.
fn identity(core: &[u8], files: &[(&str, &[u8])]) -> [u32; 2] {
    let mut hash = Sha256::new_with_prefix(core);
    for (name, bytes) in files {
        hash.update(name);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
    let digest = hash.finalize();
    [0, 4].map(|at| u32::from_be_bytes([digest[at], digest[at + 1], digest[at + 2], digest[at + 3]]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A folder for what is in the making, on the file system where it will lie.
struct Scratch(PathBuf);

impl Scratch {
    fn beside(path: &Path) -> Result<Self> {
        let name = path.file_name().context("an image needs a file name")?.to_string_lossy();
        let folder = path.with_file_name(format!(".{name}.{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    File::create(path).and_then(|mut f| f.write_all(bytes)).with_context(|| format!("cannot write {}", path.display()))
}
