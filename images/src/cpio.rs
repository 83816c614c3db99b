//! Archives of cpio's format `newc`, which Linux unpacks into its initramfs.
//!
//! A tree of files is held in memory and written sorted, with inode numbers that count up, times of zero and root as
//! owner: the same tree gives the same bytes. Source: `Documentation/driver-api/early-userspace/buffer-format.rst` of Linux.
use anyhow::{Result, bail, ensure};
use std::collections::BTreeMap;

/// Longest path of an entry, bytes: PATH_MAX of Linux.
const LONGEST_PATH: usize = 4096;

/// What a path of the tree names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A folder with these permissions.
    Folder(u32),
    /// A file with these permissions, and its contents.
    File(u32, Vec<u8>),
    /// A symbolic link, and where it leads.
    Link(String),
    /// A character device with these permissions, and its major and minor number.
    Device(u32, u32, u32),
}

/// The files of a guest, by path without the leading `/`. Invariant: what a path lies in is a folder of the tree.
#[derive(Clone, Debug, Default)]
pub struct Tree(BTreeMap<String, Node>);

impl Tree {
    /// Adds what `path` names; folders that it lies in are made. Symbolic links of the tree are followed on the way, as
    /// the guest would. A file replaces a file, a folder leaves a folder as it is.
    ///
    /// # Errors
    /// The path is no path inside the tree, or something else lies in its way.
    pub fn add(&mut self, path: &str, node: Node) -> Result<()> {
        // A folder over a link to one lies where the link leads.
        let path = self.resolve(path, matches!(node, Node::Folder(_)))?;
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.make(folder)?;
        }
        match (self.0.get(&path), &node) {
            (Some(Node::Folder(_)), Node::Folder(_)) => return Ok(()),
            (Some(Node::Folder(_)), _) => bail!("/{path} is a folder, it cannot become anything else"),
            (Some(_), Node::Folder(_)) => bail!("/{path} is no folder, it cannot become one"),
            _ => {}
        }
        self.0.insert(path, node);
        Ok(())
    }

    /// Its paths and what they name, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0.iter().map(|(path, node)| (path.as_str(), node))
    }

    fn make(&mut self, folder: &str) -> Result<()> {
        for (end, _) in folder.match_indices('/').chain([(folder.len(), "")]) {
            let part = &folder[..end];
            match self.0.get(part) {
                None => drop(self.0.insert(part.to_string(), Node::Folder(0o755))),
                Some(Node::Folder(_)) => {}
                Some(_) => bail!("/{part} is no folder, nothing can lie in it"),
            }
        }
        Ok(())
    }

    /// The path with links on the way followed, and its last part too if `last` says so.
    fn resolve(&self, path: &str, last: bool) -> Result<String> {
        let mut rest: Vec<String> = path.split('/').rev().map(str::to_string).collect();
        let mut at = String::new();
        let mut links = 0;
        while let Some(part) = rest.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    at.truncate(at.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            ensure!(!part.contains('\0'), "the path {path:?} has a NUL in it");
            let next = if at.is_empty() { part } else { format!("{at}/{part}") };
            match self.0.get(&next) {
                Some(Node::Link(target)) if last || !rest.is_empty() => {
                    links += 1;
                    ensure!(links <= 40, "too many symbolic links on the way to /{path}");
                    if target.starts_with('/') {
                        at.clear();
                    }
                    rest.extend(target.split('/').rev().map(str::to_string));
                }
                _ => at = next,
            }
        }
        ensure!(!at.is_empty(), "the path {path:?} names nothing");
        ensure!(at.len() < LONGEST_PATH, "a path is longer than {LONGEST_PATH} bytes");
        Ok(at)
    }

    /// The archive.
    ///
    /// # Errors
    /// A file is larger than 4 GiB.
    pub fn archive(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut inode = 0;
        for (path, node) in &self.0 {
            inode += 1;
            let (mode, data, device): (_, &[u8], _) = match node {
                Node::Folder(permissions) => (0o040_000 | permissions, &[], (0, 0)),
                Node::File(permissions, data) => (0o100_000 | permissions, data, (0, 0)),
                Node::Link(target) => (0o120_777, target.as_bytes(), (0, 0)),
                Node::Device(permissions, major, minor) => (0o020_000 | permissions, &[], (*major, *minor)),
            };
            entry(&mut out, path, inode, mode, data, device)?;
        }
        entry(&mut out, "TRAILER!!!", 0, 0, &[], (0, 0))?;
        // A multiple of 512 bytes, as cpio itself writes.
        out.resize(out.len().next_multiple_of(512), 0);
        Ok(out)
    }
}

fn entry(out: &mut Vec<u8>, path: &str, inode: u32, mode: u32, data: &[u8], device: (u32, u32)) -> Result<()> {
    let Ok(size) = u32::try_from(data.len()) else { bail!("/{path} is larger than an archive can hold") };
    let links = 1;
    // Inode, mode, user, group, links, time, size, device, device it stands for, length of the name, checksum (unused).
    let fields = [inode, mode, 0, 0, links, 0, size, 0, 0, device.0, device.1, path.len() as u32 + 1, 0];
    out.extend(b"070701");
    for field in fields {
        out.extend(format!("{field:08x}").bytes());
    }
    out.extend(path.bytes());
    out.push(0);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend(data);
    out.resize(out.len().next_multiple_of(4), 0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    fn file(text: &str) -> Node {
        Node::File(0o644, text.into())
    }

    fn paths(tree: &Tree) -> Vec<&str> {
        tree.iter().map(|(p, _)| p).collect()
    }

    #[test]
    fn cpio_lists_what_was_written() {
        let mut tree = Tree::default();
        tree.add("init", Node::File(0o755, vec![7; 5001])).unwrap();
        tree.add("/etc/sluice/vnf.toml", file("a = 1\n")).unwrap();
        tree.add("sbin/poweroff", Node::Link("/init".into())).unwrap();
        tree.add("dev/console", Node::Device(0o600, 5, 1)).unwrap();
        let archive = tree.archive().unwrap();
        let mut cpio = Command::new("cpio");
        cpio.args(["-t", "-v", "-n", "--quiet"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let Ok(mut cpio) = cpio.spawn() else { return eprintln!("skipped: cpio is not installed") };
        cpio.stdin.take().unwrap().write_all(&archive).unwrap();
        let out = cpio.wait_with_output().unwrap();
        assert!(out.status.success());
        let text = String::from_utf8(out.stdout).unwrap();
        let shown: Vec<(&str, &str)> = text.lines().map(|l| (&l[..10], l.split_once(" 1970 ").unwrap().1)).collect();
        assert_eq!(
            shown,
            [
                ("drwxr-xr-x", "dev"),
                ("crw-------", "dev/console"),
                ("drwxr-xr-x", "etc"),
                ("drwxr-xr-x", "etc/sluice"),
                ("-rw-r--r--", "etc/sluice/vnf.toml"),
                ("-rwxr-xr-x", "init"),
                ("drwxr-xr-x", "sbin"),
                ("lrwxrwxrwx", "sbin/poweroff -> /init"),
            ]
        );
    }

    #[test]
    fn the_order_in_which_files_come_does_not_show() {
        let (mut one, mut other) = (Tree::default(), Tree::default());
        for path in ["a/b", "c", "a-b"] {
            one.add(path, file(path)).unwrap();
        }
        for path in ["c", "a-b", "a/b"] {
            other.add(path, file(path)).unwrap();
        }
        assert_eq!(one.archive().unwrap(), other.archive().unwrap());
    }

    #[test]
    fn a_folder_comes_before_what_lies_in_it() {
        let mut tree = Tree::default();
        for path in ["a/b", "a-c", "a.d"] {
            tree.add(path, file("")).unwrap();
        }
        assert_eq!(paths(&tree), ["a", "a-c", "a.d", "a/b"]);
    }

    #[test]
    fn links_on_the_way_are_followed_as_the_guest_would() {
        let mut tree = Tree::default();
        tree.add("usr/sbin/halt", file("")).unwrap();
        tree.add("sbin", Node::Link("usr/sbin".into())).unwrap();
        tree.add("sbin/poweroff", Node::Link("/init".into())).unwrap();
        assert_eq!(paths(&tree), ["sbin", "usr", "usr/sbin", "usr/sbin/halt", "usr/sbin/poweroff"]);
    }

    #[test]
    fn links_in_a_circle_are_refused() {
        let mut tree = Tree::default();
        tree.add("a", Node::Link("b".into())).unwrap();
        tree.add("b", Node::Link("a".into())).unwrap();
        assert!(tree.add("a/c", file("")).is_err());
    }

    #[test]
    fn a_path_cannot_leave_the_tree() {
        let mut tree = Tree::default();
        tree.add("../../etc/passwd", file("")).unwrap();
        assert_eq!(paths(&tree), ["etc", "etc/passwd"]);
        assert!(tree.add("..", file("")).is_err());
    }

    #[test]
    fn a_file_and_a_folder_do_not_replace_each_other() {
        let mut tree = Tree::default();
        tree.add("etc", Node::Folder(0o755)).unwrap();
        assert!(tree.add("etc", file("")).is_err());
        tree.add("init", file("")).unwrap();
        assert!(tree.add("init/a", file("")).is_err());
    }

    #[test]
    fn the_later_of_two_files_is_kept() {
        let mut tree = Tree::default();
        tree.add("etc/motd", file("old")).unwrap();
        tree.add("etc/motd", file("new")).unwrap();
        assert_eq!(tree.iter().last(), Some(("etc/motd", &file("new"))));
    }
}
