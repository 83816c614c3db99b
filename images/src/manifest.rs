//! What an image consists of: `manifest.json` beside its files.
use crate::digest;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The name of a manifest's file.
pub const NAME: &str = "manifest.json";

/// What an image consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The recipe's name.
    pub recipe: String,
    /// The version of Sluice.
    pub version: String,
    /// Cargo's features that the program was built with; not known of one that was given.
    pub features: Option<Vec<String>>,
    /// The kernel, as `uname -r` says it.
    pub kernel: String,
    /// The kernel's command line.
    pub command_line: String,
    /// The image's files by name.
    pub files: BTreeMap<String, Content>,
    /// What lies in the initramfs, and how long it is there, bytes.
    pub parts: BTreeMap<String, u64>,
}

/// A file of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// Bytes.
    pub size: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

impl Content {
    /// Of a file as it is now.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(path: &Path) -> Result<Self> {
        let size = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
        Ok(Self { size, sha256: digest::of_file(path)? })
    }
}

impl Manifest {
    /// Reads the manifest of an image, and where its files lie. `path` is the manifest or its folder.
    ///
    /// # Errors
    /// There is none, it cannot be read, or a file that it names is another one by now.
    pub fn read(path: &Path) -> Result<(Self, PathBuf)> {
        let file = if path.is_dir() { path.join(NAME) } else { path.to_path_buf() };
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let manifest: Self = serde_json::from_str(&text).with_context(|| format!("in {}", file.display()))?;
        let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
        for (name, content) in &manifest.files {
            anyhow::ensure!(
                !name.contains('/') && Content::of(&folder.join(name))? == *content,
                "{} is not the file that {} says: build the image again",
                folder.join(name).display(),
                file.display()
            );
        }
        Ok((manifest, folder))
    }

    /// Writes it into the image's folder.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        fs::write(folder.join(NAME), text).with_context(|| format!("cannot write to {}", folder.display()))
    }

    /// The table that `sluice-image size` prints.
    pub fn table(&self) -> String {
        let line = |name: &str, size: u64| format!("{name:<32} {:>9.3} MB\n", size as f64 / 1e6);
        let mut text = format!("image {}, Sluice {}, Linux {}\n", self.recipe, self.version, self.kernel);
        let whole: u64 = ["bzImage", "initramfs"].iter().filter_map(|n| self.files.get(*n)).map(|c| c.size).sum();
        for (name, content) in &self.files {
            text += &line(name, content.size);
        }
        text += &line("bzImage + initramfs", whole);
        text += "in the initramfs, unpacked:\n";
        for (name, size) in &self.parts {
            text += &line(&format!("  {name}"), *size);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn manifest(folder: &Path) -> Manifest {
        fs::write(folder.join("bzImage"), vec![1_u8; 2_000_000]).unwrap();
        fs::write(folder.join("initramfs"), vec![2_u8; 1_500_000]).unwrap();
        let content = |name: &str| (name.to_string(), Content::of(&folder.join(name)).unwrap());
        Manifest {
            recipe: "full".into(),
            version: "0.1.0".into(),
            features: Some(vec!["tls".into()]),
            kernel: "6.1.0-sluice".into(),
            command_line: "quiet".into(),
            files: [content("bzImage"), content("initramfs")].into(),
            parts: [("init".to_string(), 3_000_000)].into(),
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let scratch = Scratch::new("manifest-read");
        let manifest = manifest(&scratch.0);
        manifest.write(&scratch.0).unwrap();
        assert_eq!(Manifest::read(&scratch.0).unwrap(), (manifest.clone(), scratch.0.clone()));
        assert_eq!(Manifest::read(&scratch.0.join(NAME)).unwrap(), (manifest, scratch.0.clone()));
    }

    #[test]
    fn a_file_that_changed_since_is_named() {
        let scratch = Scratch::new("manifest-changed");
        manifest(&scratch.0).write(&scratch.0).unwrap();
        fs::write(scratch.0.join("bzImage"), vec![3_u8; 2_000_000]).unwrap();
        let refusal = Manifest::read(&scratch.0).unwrap_err().to_string();
        assert!(refusal.contains("bzImage"), "{refusal}");
    }

    #[test]
    fn the_table_adds_kernel_and_initramfs_up() {
        let scratch = Scratch::new("manifest-table");
        let table = manifest(&scratch.0).table();
        assert!(table.lines().any(|l| l.starts_with("bzImage + initramfs") && l.ends_with(" 3.500 MB")), "{table}");
    }
}
