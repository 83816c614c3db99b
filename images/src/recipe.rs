//! What an image is made of: a TOML file.
//!
//! ```toml
//! name = "full"
//! kernel = ["../kernel/vnf.config"]
//! functions = ["../../elements/functions"]
//! overlay = ["../overlay"]
//! command_line = "quiet"
//! formats = ["qcow2"]
//!
//! [program]
//! features = ["dpdk-static", "tls"]
//! ```
//!
//! Paths are relative to the recipe's folder. Keys that are not known are errors.
use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// What may be made beside kernel and initramfs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A disk image that boots by BIOS and UEFI.
    Raw,
    /// The same as qcow2.
    Qcow2,
    /// What a disk is upgraded with.
    Bundle,
    /// A domain of libvirt.
    Libvirt,
    /// Configurations of Xen's `xl`, PV and PVH.
    Xl,
}

/// A recipe, with paths that can be opened.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The image's name: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The program `sluice` of the image.
    #[serde(default)]
    pub program: Program,
    /// Fragments of the kernel's configuration; the later ones win.
    pub kernel: Vec<PathBuf>,
    /// Functions that are carried to `/functions`: files, or folders of which all `*.click` are taken.
    #[serde(default)]
    pub functions: Vec<PathBuf>,
    /// Folders whose files lie in the guest as they lie there; the later ones win.
    #[serde(default)]
    pub overlay: Vec<PathBuf>,
    /// A root file system below all of that, for programs beside Sluice.
    #[serde(default)]
    pub root: Option<PathBuf>,
    /// The kernel's command line. Consoles come by themselves.
    #[serde(default)]
    pub command_line: String,
    /// What is made beside kernel and initramfs.
    #[serde(default)]
    pub formats: Vec<Format>,
}

/// How `sluice` is built.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Program {
    /// Cargo's features; its default ones are off.
    pub features: Vec<String>,
    /// Cargo's profile.
    pub profile: String,
}

impl Default for Program {
    fn default() -> Self {
        Self { features: Vec::new(), profile: "release".into() }
    }
}

impl Recipe {
    /// Reads a recipe.
    ///
    /// # Errors
    /// The file cannot be read or is no recipe, or a path in it does not exist.
    pub fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read the recipe {}", file.display()))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        Self::parse(&text, folder).with_context(|| format!("in the recipe {}", file.display()))
    }

    /// What a recipe's text says; its paths are relative to `folder`.
    ///
    /// # Errors
    /// It is no recipe, or a path in it does not exist.
    pub fn parse(text: &str, folder: &Path) -> Result<Self> {
        let mut recipe: Self = toml::from_str(text)?;
        let name = &recipe.name;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        ensure!(
            name.chars().all(plain) && !name.is_empty() && !name.starts_with('.') && name.len() <= 64,
            "name {name:?}: want 1 to 64 letters, digits, '-', '_' and '.', not '.' first"
        );
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        for word in recipe.program.features.iter().chain([&recipe.program.profile]) {
            ensure!(!word.is_empty() && word.chars().all(plain), "{word:?} is no feature or profile of cargo");
        }
        ensure!(!recipe.kernel.is_empty(), "kernel: want at least one fragment of a configuration");
        ensure!(
            !recipe.command_line.contains(|c: char| c.is_control()),
            "command_line: control characters have no place there"
        );
        for (key, paths) in [
            ("kernel", recipe.kernel.iter_mut().collect::<Vec<_>>()),
            ("functions", recipe.functions.iter_mut().collect()),
            ("overlay", recipe.overlay.iter_mut().collect()),
            ("root", recipe.root.iter_mut().collect()),
        ] {
            for path in paths {
                *path = folder.join(&*path);
                let folder = key == "overlay" || key == "root";
                match fs::metadata(&path) {
                    Err(e) => bail!("{key}: {}: {e}", path.display()),
                    Ok(found) if folder && !found.is_dir() => bail!("{key}: {} is no folder", path.display()),
                    Ok(found) if key == "kernel" && !found.is_file() => bail!("{key}: {} is no file", path.display()),
                    Ok(_) => {}
                }
            }
        }
        recipe.formats.sort();
        recipe.formats.dedup();
        Ok(recipe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipes() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes")
    }

    fn refusal(text: &str) -> String {
        format!("{:#}", Recipe::parse(text, &recipes()).unwrap_err())
    }

    #[test]
    fn every_recipe_here_can_be_read() {
        let mut names = Vec::new();
        for file in fs::read_dir(recipes()).unwrap() {
            let file = file.unwrap().path();
            if file.extension().is_some_and(|e| e == "toml") {
                let recipe = Recipe::read(&file).unwrap();
                assert_eq!(file.file_stem().unwrap().to_str(), Some(recipe.name.as_str()));
                names.push(recipe.name);
            }
        }
        names.sort();
        assert_eq!(names, ["firewall", "foreign", "full", "socket"]);
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        assert!(refusal("name = 'a'\nkernel = []\nkernal = []").contains("kernal"));
        assert!(refusal("name = 'a'\nkernel = []\n[program]\nfeature = []").contains("feature"));
    }

    #[test]
    fn an_unknown_format_is_an_error_that_lists_those_there_are() {
        let refusal = refusal("name = 'a'\nkernel = ['../kernel/vnf.config']\nformats = ['vmdk']");
        assert!(refusal.contains("vmdk") && refusal.contains("qcow2"), "{refusal}");
    }

    #[test]
    fn a_path_that_does_not_exist_is_named_with_its_key() {
        let refusal = refusal("name = 'a'\nkernel = ['../kernel/vnf.config']\noverlay = ['nowhere']");
        assert!(refusal.starts_with("overlay: ") && refusal.contains("nowhere"), "{refusal}");
    }

    #[test]
    fn an_overlay_that_is_a_file_is_refused() {
        let refusal = refusal("name = 'a'\nkernel = ['../kernel/vnf.config']\noverlay = ['full.toml']");
        assert!(refusal.ends_with("is no folder"), "{refusal}");
    }

    #[test]
    fn a_name_that_leaves_the_folder_of_images_is_refused() {
        for name in ["", "../a", "a/b", ".a", "a b"] {
            let refusal = refusal(&format!("name = '{name}'\nkernel = ['../kernel/vnf.config']"));
            assert!(refusal.starts_with("name "), "{refusal}");
        }
    }

    #[test]
    fn a_feature_cannot_become_an_option_of_cargo() {
        let refusal = refusal("name = 'a'\nkernel = ['../kernel/vnf.config']\n[program]\nfeatures = ['a b']");
        assert!(refusal.contains("\"a b\""), "{refusal}");
    }
}
