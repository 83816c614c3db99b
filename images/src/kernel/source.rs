//! Where the kernel's source comes from: the newest `linux-source-*.tar.*` that Debian's packages have put into `/usr/src`.
use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// An archive of the kernel's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The archive; all in it lies in one folder.
    pub archive: PathBuf,
    /// The version that its name says: `6.1`.
    pub version: String,
}

impl Source {
    /// The newest archive in a folder.
    ///
    /// # Errors
    /// There is none; the message says which package to install.
    pub fn newest(folder: &Path) -> Result<Self> {
        let files = fs::read_dir(folder).into_iter().flatten().flatten();
        files
            .filter_map(|f| Self::of(f.path()))
            .max_by_key(|s| numbers(&s.version))
            .with_context(|| format!("no kernel source in {} (Debian: apt install linux-source-6.1)", folder.display()))
    }

    fn of(archive: PathBuf) -> Option<Self> {
        let name = archive.file_name()?.to_str()?.strip_prefix("linux-source-")?;
        let version =
            [".tar.xz", ".tar.gz", ".tar.bz2", ".tar.zst"].iter().find_map(|e| name.strip_suffix(e))?.to_string();
        Some(Self { version, archive })
    }
}

/// `6.10` is newer than `6.9`.
fn numbers(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn the_newest_source_is_taken_by_number_not_by_letter() {
        let scratch = Scratch::new("source");
        for name in ["linux-source-6.9.tar.xz", "linux-source-6.10.tar.xz", "linux-source-6.1.tar.xz", "other-7.tar.xz"]
        {
            fs::write(scratch.0.join(name), "").unwrap();
        }
        assert_eq!(Source::newest(&scratch.0).unwrap().version, "6.10");
    }

    #[test]
    fn without_a_source_the_package_to_install_is_named() {
        let refusal = Source::newest(Path::new("/nonexistent")).unwrap_err().to_string();
        assert!(refusal.contains("apt install linux-source-6.1"), "{refusal}");
    }
}
