//! A seed drive: the files that configure a guest, as an ISO 9660 with the label that cloud-init's NoCloud looks for.
//!
//! Source: cloud-init's documentation, "NoCloud", section "Source 1: Drive with labeled filesystem".
use crate::tool;
use anyhow::{Context as _, Result, bail, ensure};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The label of a NoCloud drive.
pub const LABEL: &str = "cidata";
/// Most that a seed drive may hold, bytes: it is read into the guest's memory.
const LARGEST: u64 = 64 << 20;
/// A drive's file, if mtools make it: room for what it holds and for its tables.
const SPARE: u64 = 2 << 20;

/// Makes a drive of a folder's files: by xorriso or genisoimage, or as FAT by mtools, whatever is installed.
///
/// # Errors
/// None of them is installed, or the folder cannot be read or is too large.
pub fn make(folder: &Path, drive: &Path) -> Result<()> {
    let size = size(folder, 0)?;
    ensure!(size <= LARGEST, "{} holds more than {} MiB", folder.display(), LARGEST >> 20);
    // Joliet and Rock Ridge: long names, in whatever way the guest looks for them.
    let options = ["-quiet", "-volid", LABEL, "-joliet", "-rational-rock", "-o"];
    let (drive_word, folder_word) = (drive.as_os_str(), folder.as_os_str());
    if there("xorriso") {
        let mut words: Vec<&OsStr> = ["-as", "mkisofs"].map(OsStr::new).to_vec();
        words.extend(options.map(OsStr::new));
        words.extend([drive_word, folder_word]);
        tool::run(Command::new("xorriso").args(words), "xorriso")?;
    } else if there("genisoimage") {
        tool::run(Command::new("genisoimage").args(options).args([drive_word, folder_word]), "genisoimage")?;
    } else if there("mformat") && there("mcopy") {
        fat(folder, drive, size + SPARE)?;
    } else {
        bail!("a seed drive needs xorriso, genisoimage or mtools (Debian: apt install xorriso)");
    }
    Ok(())
}

fn fat(folder: &Path, drive: &Path, size: u64) -> Result<()> {
    let file = fs::File::create(drive).with_context(|| format!("cannot write {}", drive.display()))?;
    file.set_len(size.next_multiple_of(1 << 20)).with_context(|| format!("cannot write {}", drive.display()))?;
    tool::run(Command::new("mformat").arg("-i").arg(drive).args(["-v", LABEL, "::"]), "mtools")?;
    let mut files: Vec<_> = fs::read_dir(folder)?.map(|f| f.map(|f| f.path())).collect::<Result<_, _>>()?;
    files.sort();
    if !files.is_empty() {
        tool::run(Command::new("mcopy").arg("-i").arg(drive).args(["-s", "-m"]).args(files).arg("::"), "mtools")?;
    }
    Ok(())
}

fn size(folder: &Path, depth: u32) -> Result<u64> {
    ensure!(depth < 16, "{} is more than 16 folders deep", folder.display());
    let mut sum: u64 = 0;
    for file in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let file = file?;
        let found = file.metadata()?;
        // A block of its own for each name.
        sum += 4096 + if found.is_dir() { size(&file.path(), depth + 1)? } else { found.len().next_multiple_of(4096) };
    }
    Ok(sum)
}

fn there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|f| f.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn a_seed_drive_has_the_label_and_the_files_under_their_long_names() {
        if !there("xorriso") {
            return eprintln!("skipped: xorriso is not installed");
        }
        let scratch = Scratch::new("seed");
        fs::create_dir_all(scratch.0.join("seed/sluice")).unwrap();
        fs::write(scratch.0.join("seed/sluice/certificate.pem"), "PEM").unwrap();
        fs::write(scratch.0.join("seed/meta-data"), "instance-id: a\n").unwrap();
        let drive = scratch.0.join("seed.iso");
        make(&scratch.0.join("seed"), &drive).unwrap();
        let bytes = fs::read(&drive).unwrap();
        // ECMA-119 section 8.4: the primary volume descriptor, and its volume identifier.
        assert_eq!(&bytes[0x8001..0x8006], b"CD001");
        assert_eq!(&bytes[0x8028..0x802e], b"cidata");
        let list =
            Command::new("xorriso").args(["-indev"]).arg(&drive).args(["-find", "/", "-type", "f"]).output().unwrap();
        let list = String::from_utf8(list.stdout).unwrap();
        let mut files: Vec<&str> = list.lines().collect();
        files.sort_unstable();
        assert_eq!(files, ["'/meta-data'", "'/sluice/certificate.pem'"]);
    }

    #[test]
    fn mtools_make_a_drive_as_well() {
        if !there("mformat") {
            return eprintln!("skipped: mtools are not installed");
        }
        let scratch = Scratch::new("seed-fat");
        fs::create_dir_all(scratch.0.join("seed/sluice")).unwrap();
        fs::write(scratch.0.join("seed/sluice/function.click"), "Idle -> Discard;").unwrap();
        let drive = scratch.0.join("seed.img");
        fat(&scratch.0.join("seed"), &drive, 2 << 20).unwrap();
        let read = Command::new("mtype").arg("-i").arg(&drive).arg("::sluice/function.click").output().unwrap();
        assert_eq!(read.stdout, b"Idle -> Discard;");
        let label = Command::new("mlabel").arg("-s").arg("-i").arg(&drive).arg("::").output().unwrap();
        assert!(String::from_utf8_lossy(&label.stdout).to_lowercase().contains("cidata"));
    }

    #[test]
    fn what_would_fill_the_guests_memory_is_refused() {
        let scratch = Scratch::new("seed-large");
        fs::create_dir_all(scratch.0.join("seed")).unwrap();
        fs::File::create(scratch.0.join("seed/large")).unwrap().set_len(LARGEST + 1).unwrap();
        let refusal = make(&scratch.0.join("seed"), &scratch.0.join("seed.iso")).unwrap_err().to_string();
        assert!(refusal.contains("more than 64 MiB"), "{refusal}");
    }
}
