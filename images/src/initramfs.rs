//! What lies in the guest: the root file system of the recipe, its overlays, its functions, and the program.
//!
//! The guest unpacks it into its memory. Whose file it is and when it was written here does not matter there: everything is
//! root's and of 1970, and of an overlay's permissions only the right to execute counts.
use crate::cpio::{Node, Tree};
use crate::recipe::Recipe;
use anyhow::{Context as _, Result, bail, ensure};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Deepest folder that is looked into.
const DEEPEST: usize = 64;
/// The level of zstd: the highest that does not cost the guest more memory than the window below.
const LEVEL: i32 = 22;
/// log2 of zstd's window. The guest needs as many bytes while it unpacks.
const WINDOW: u32 = 22;

/// Permissions of what is taken from a folder.
#[derive(Clone, Copy)]
enum Permissions {
    /// As they are, for programs of others.
    Kept,
    /// 0755 or 0644: git keeps no more.
    Plain,
}

/// All files of the guest.
///
/// # Errors
/// A file cannot be read or has no place there.
pub fn tree(recipe: &Recipe, program: &Path) -> Result<Tree> {
    let mut tree = Tree::default();
    if let Some(root) = &recipe.root {
        take(&mut tree, root, "", Permissions::Kept, 0)?;
    }
    for folder in ["dev", "etc", "functions", "proc", "run", "sbin", "sys", "tmp"] {
        tree.add(folder, Node::Folder(if folder == "tmp" { 0o1777 } else { 0o755 }))?;
    }
    for overlay in &recipe.overlay {
        take(&mut tree, overlay, "", Permissions::Plain, 0)?;
    }
    for function in functions(recipe)? {
        let name = function.file_name().and_then(|n| n.to_str()).context("a function's file has no name")?;
        tree.add(&format!("functions/{name}"), Node::File(0o644, read(&function)?))?;
    }
    // The first messages of the first process go there, before it has mounted anything.
    tree.add("dev/console", Node::Device(0o600, 5, 1))?;
    tree.add("dev/null", Node::Device(0o666, 1, 3))?;
    tree.add("init", Node::File(0o755, read(program)?))?;
    for name in ["poweroff", "reboot"] {
        tree.add(&format!("sbin/{name}"), Node::Link("/init".into()))?;
    }
    Ok(tree)
}

/// Compresses as the kernel can unpack it (`lib/decompress_unzstd.c`).
///
/// # Errors
/// There is no memory for it.
pub fn compress(archive: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
    encoder.window_log(WINDOW)?;
    encoder.include_checksum(true)?;
    encoder.set_pledged_src_size(Some(archive.len() as u64))?;
    encoder.write_all(archive)?;
    Ok(encoder.finish()?)
}

/// The files of functions that a recipe names, sorted.
fn functions(recipe: &Recipe) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in &recipe.functions {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let named = || format!("cannot read {}", path.display());
        for file in fs::read_dir(path).with_context(named)? {
            let file = file.with_context(named)?.path();
            if file.extension().is_some_and(|e| e == "click") {
                files.push(file);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Takes all that lies in a folder into the tree, below `at`.
fn take(tree: &mut Tree, folder: &Path, at: &str, permissions: Permissions, depth: usize) -> Result<()> {
    ensure!(depth < DEEPEST, "{} is more than {DEEPEST} folders deep", folder.display());
    let named = || format!("cannot read {}", folder.display());
    let mut files: Vec<_> = fs::read_dir(folder).with_context(named)?.collect::<Result<_, _>>().with_context(named)?;
    // Links first: what follows may lie behind them.
    files.sort_by_key(|f| (!f.file_type().is_ok_and(|t| t.is_symlink()), f.file_name()));
    for file in files {
        let path = file.path();
        let name = file.file_name();
        let Some(name) = name.to_str() else { bail!("the name of {} is not UTF-8", path.display()) };
        let to = if at.is_empty() { name.to_string() } else { format!("{at}/{name}") };
        let found = fs::symlink_metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mode = match permissions {
            Permissions::Kept => found.permissions().mode() & 0o7777,
            Permissions::Plain if found.is_dir() || found.permissions().mode() & 0o100 != 0 => 0o755,
            Permissions::Plain => 0o644,
        };
        if found.is_symlink() {
            let target = fs::read_link(&path)?;
            let Some(target) = target.to_str() else { bail!("{} leads to what is not UTF-8", path.display()) };
            tree.add(&to, Node::Link(target.to_string()))?;
        } else if found.is_dir() {
            tree.add(&to, Node::Folder(mode))?;
            take(tree, &path, &to, permissions, depth + 1)?;
        } else if found.is_file() {
            tree.add(&to, Node::File(mode, read(&path)?))?;
        } else {
            bail!("{} is neither file, folder nor symbolic link; the guest makes its devices itself", path.display());
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use std::os::unix::fs::symlink;

    fn recipe(more: &str, folder: &Path) -> Recipe {
        fs::write(folder.join("k.config"), "CONFIG_A=y\n").unwrap();
        Recipe::parse(&format!("name = 'test'\nkernel = ['k.config']\n{more}"), folder).unwrap()
    }

    fn write(path: PathBuf, text: &str, mode: u32) -> PathBuf {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn the_program_is_the_first_process_and_what_switches_off() {
        let scratch = Scratch::new("initramfs-program");
        let program = write(scratch.0.join("sluice"), "ELF", 0o755);
        let tree = tree(&recipe("", &scratch.0), &program).unwrap();
        let node = |path: &str| tree.iter().find(|(p, _)| *p == path).map(|(_, n)| n.clone());
        assert_eq!(node("init"), Some(Node::File(0o755, b"ELF".into())));
        assert_eq!(node("sbin/poweroff"), Some(Node::Link("/init".into())));
        assert_eq!(node("sbin/reboot"), Some(Node::Link("/init".into())));
        assert_eq!(node("dev/console"), Some(Node::Device(0o600, 5, 1)));
    }

    #[test]
    fn of_a_folder_of_functions_only_click_files_are_carried() {
        let scratch = Scratch::new("initramfs-functions");
        let program = write(scratch.0.join("sluice"), "ELF", 0o755);
        for name in ["f/a.click", "f/b.click", "f/notes.txt", "g/c.click"] {
            write(scratch.0.join(name), "Idle -> Discard;", 0o644);
        }
        let tree = tree(&recipe("functions = ['f', 'g/c.click']", &scratch.0), &program).unwrap();
        let carried: Vec<&str> = tree.iter().filter_map(|(p, _)| p.strip_prefix("functions/")).collect();
        assert_eq!(carried, ["a.click", "b.click", "c.click"]);
    }

    #[test]
    fn an_overlay_lies_over_the_root_and_the_program_over_both() {
        let scratch = Scratch::new("initramfs-overlay");
        let program = write(scratch.0.join("sluice"), "ELF", 0o755);
        write(scratch.0.join("root/init"), "systemd", 0o755);
        write(scratch.0.join("root/etc/motd"), "root", 0o600);
        write(scratch.0.join("root/usr/bin/su"), "su", 0o4755);
        symlink("usr/bin", scratch.0.join("root/bin")).unwrap();
        write(scratch.0.join("over/etc/motd"), "overlay", 0o664);
        write(scratch.0.join("over/bin/tool"), "tool", 0o775);
        let tree = tree(&recipe("root = 'root'\noverlay = ['over']", &scratch.0), &program).unwrap();
        let node = |path: &str| tree.iter().find(|(p, _)| *p == path).map(|(_, n)| n.clone());
        assert_eq!(node("init"), Some(Node::File(0o755, b"ELF".into())));
        assert_eq!(node("etc/motd"), Some(Node::File(0o644, b"overlay".into())));
        assert_eq!(node("usr/bin/su"), Some(Node::File(0o4755, b"su".into())));
        assert_eq!(node("usr/bin/tool"), Some(Node::File(0o755, b"tool".into())));
    }

    #[test]
    fn two_builds_are_byte_identical_though_files_are_newer_and_of_others() {
        let scratch = Scratch::new("initramfs-same");
        let program = write(scratch.0.join("sluice"), &"ELF".repeat(50_000), 0o755);
        let build = |umask: u32| {
            for n in [3, 1, 2] {
                let _ = fs::remove_file(scratch.0.join(format!("over/etc/{n}")));
                write(scratch.0.join(format!("over/etc/{n}")), "text", 0o666 & !umask);
            }
            compress(&tree(&recipe("overlay = ['over']", &scratch.0), &program).unwrap().archive().unwrap()).unwrap()
        };
        let first = build(0o022);
        std::thread::sleep(std::time::Duration::from_millis(1100)); // Another second on the clock of files.
        assert_eq!(first, build(0o077));
    }

    #[test]
    fn what_was_compressed_is_unpacked_to_the_same() {
        let archive: Vec<u8> = (0..300_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let packed = compress(&archive).unwrap();
        assert!(packed.len() < archive.len() / 2);
        assert_eq!(zstd::decode_all(packed.as_slice()).unwrap(), archive);
    }

    #[test]
    fn a_device_in_a_root_file_system_is_refused_by_name() {
        let scratch = Scratch::new("initramfs-device");
        let program = write(scratch.0.join("sluice"), "ELF", 0o755);
        fs::create_dir_all(scratch.0.join("root/run")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(scratch.0.join("root/run/socket")).unwrap();
        let refusal = tree(&recipe("root = 'root'", &scratch.0), &program).unwrap_err().to_string();
        assert!(refusal.contains("run/socket"), "{refusal}");
    }
}
