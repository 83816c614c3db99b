//! The program and its user, looked up in the root file system that the program will have.
use crate::spec::Spec;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

/// Where programs are looked for unless `env` says so.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Symbolic links on the way to a program.
const LINKS: usize = 40;
/// Bytes of a file of users that are looked at.
const USERS: u64 = 1 << 20;

/// A user and a group, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The path of the program, from its root on.
///
/// # Errors
/// It is not there, or is none.
pub(crate) fn find(spec: &Spec) -> Result<PathBuf, String> {
    let name = spec.command.first().map_or("", String::as_str);
    let root = spec.root.as_deref().unwrap_or(Path::new("/"));
    if !fs::metadata(root).is_ok_and(|m| m.is_dir()) {
        return Err(format!("root: there is no folder {}", root.display()));
    }
    if name.contains('/') {
        let path = spec.folder.join(name);
        return if is_program(root, &path) { Ok(path) } else { Err(missing(spec, &path.display().to_string())) };
    }
    let folders = spec.env.get("PATH").map_or(PATH, String::as_str);
    let places = folders.split(':').filter(|folder| folder.starts_with('/'));
    let found = places.map(|folder| Path::new(folder).join(name)).find(|path| is_program(root, path));
    found.ok_or_else(|| missing(spec, &format!("{name} in {folders}")))
}

fn missing(spec: &Spec, what: &str) -> String {
    let place = match &spec.root {
        Some(root) => format!(" (beneath {})", root.display()),
        None => String::new(),
    };
    format!(
        "command: there is no program {what}{place}. A plain image of Sluice has no other programs: build one with a root file \
         system beside, or name such a folder as `root`"
    )
}

fn is_program(root: &Path, path: &Path) -> bool {
    let Some(path) = resolve(root, path) else { return false };
    fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// Where a path leads for somebody whose `/` is `root`: symbolic links do not lead out of it.
fn resolve(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut todo: Vec<PathBuf> = parts(path);
    let (mut at, mut links) = (PathBuf::new(), 0);
    while let Some(next) = todo.pop() {
        if next.as_os_str() == ".." {
            at.pop();
            continue;
        }
        let there = at.join(&next);
        match fs::read_link(root.join(&there)) {
            Ok(target) => {
                links += 1;
                if links > LINKS {
                    return None;
                }
                if target.is_absolute() {
                    at = PathBuf::new();
                }
                todo.extend(parts(&target));
            }
            Err(_) => at = there,
        }
    }
    Some(root.join(at))
}

/// What a path is made of, the first part last.
fn parts(path: &Path) -> Vec<PathBuf> {
    let part = |c: Component<'_>| match c {
        Component::Normal(name) => Some(PathBuf::from(name)),
        Component::ParentDir => Some(PathBuf::from("..")),
        _ => None,
    };
    path.components().rev().filter_map(part).collect()
}

/// The user of the program; None: root.
///
/// # Errors
/// There is none of that name.
pub(crate) fn user(spec: &Spec) -> Result<Option<User>, String> {
    let Some(text) = &spec.user else { return Ok(None) };
    let (first, second) = text.split_once(':').unwrap_or((text, text));
    if let (Ok(uid), Ok(gid)) = (first.parse(), second.parse()) {
        return Ok(Some(User { uid, gid }));
    }
    let file = resolve(spec.root.as_deref().unwrap_or(Path::new("/")), Path::new("/etc/passwd")).unwrap_or_default();
    let users = read(&file).unwrap_or_default();
    let found = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        (name == text).then_some(User { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
    });
    found.map(Some).ok_or_else(|| format!("user: there is no {text:?} in {}", file.display()))
}

fn read(file: &Path) -> Option<String> {
    use std::io::Read as _;
    let mut text = String::new();
    fs::File::open(file).ok()?.take(USERS).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> Spec {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_program_is_found_in_the_path_and_one_that_is_not_there_is_told() {
        let path = find(&spec("command = ['sh']")).unwrap();
        assert!(path.ends_with("sh") && path.is_absolute());
        let error = find(&spec("command = ['no-such-program']")).unwrap_err();
        assert!(error.contains("no program no-such-program in") && error.contains("A plain image"), "{error}");
        assert!(find(&spec("command = ['/etc/passwd']")).is_err(), "not executable");
        assert!(find(&spec("command = ['sh']\nroot = '/no/such/folder'")).unwrap_err().contains("root: "));
    }

    #[test]
    fn links_do_not_lead_out_of_the_root() {
        let root = std::env::temp_dir().join(format!("sluice-external-root-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("bin")).unwrap();
        std::os::unix::fs::symlink("/../../bin/sh", root.join("bin/out")).unwrap();
        std::os::unix::fs::symlink("loop", root.join("bin/loop")).unwrap();
        fs::write(root.join("bin/real"), "").unwrap();
        fs::set_permissions(root.join("bin/real"), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("/bin/real", root.join("bin/in")).unwrap();
        let find = |name: &str| find(&spec(&format!("command = ['{name}']\nroot = '{}'", root.display())));
        assert_eq!(find("in").unwrap(), Path::new("/bin/in"));
        assert!(find("out").is_err() && find("loop").is_err());
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn users_have_names_or_numbers() {
        let user = |text: &str| user(&spec(&format!("command = ['x']\nuser = '{text}'")));
        assert_eq!(user("root"), Ok(Some(User { uid: 0, gid: 0 })));
        assert_eq!(user("1000"), Ok(Some(User { uid: 1000, gid: 1000 })));
        assert_eq!(user("1000:5"), Ok(Some(User { uid: 1000, gid: 5 })));
        assert!(user("nobody-at-all").unwrap_err().contains("user: there is no"));
    }
}
