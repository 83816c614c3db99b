#![allow(clippy::unwrap_used)] // helpers of tests, too
use super::*;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// A folder to be confined to, and a file with a secret beside it.
struct Scene(PathBuf);

impl Scene {
    fn new(name: &str) -> (Scene, Files) {
        let path = std::env::temp_dir().join(format!("sluice-files-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("in/sub")).unwrap();
        std::fs::write(path.join("secret"), "secret").unwrap();
        std::fs::write(path.join("in/sub/own"), "own").unwrap();
        let files = Files::beneath(&path.join("in")).unwrap();
        (Scene(path), files)
    }
    fn inside(&self, name: &str) -> PathBuf {
        self.0.join("in").join(name)
    }
    fn secret(&self) -> String {
        std::fs::read_to_string(self.0.join("secret")).unwrap()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

type Opens = fn(&Files, &str) -> std::io::Result<std::fs::File>;
const WAYS: [Opens; 5] = [Files::open, Files::create, Files::create_new, Files::keep, Files::append];

fn link(to: impl AsRef<Path>, at: PathBuf) {
    std::os::unix::fs::symlink(to, at).unwrap();
}

#[test]
fn names_that_lead_out_are_refused_before_they_are_opened() {
    let (scene, files) = Scene::new("names");
    let absolute = scene.0.join("secret").to_string_lossy().into_owned();
    let inside = scene.inside("sub/own").to_string_lossy().into_owned();
    for name in [&absolute, &inside, "..", "../secret", "sub/../../secret", "./../secret", "sub/own/../../../secret"] {
        let folder = scene.inside("").to_string_lossy().trim_end_matches('/').to_string();
        let why = format!("a function from the API opens files beneath {folder} only");
        assert_eq!(files.check(name), Err(format!("‘{name}’: {why}")));
        for open in WAYS {
            assert_eq!(open(&files, name).unwrap_err().to_string(), why, "{name}");
        }
        assert!(files.remove(name).is_err());
    }
    assert_eq!(scene.secret(), "secret");
    for name in ["sub/own", "./sub//own", "sub/../sub/own"] {
        assert_eq!((files.check(name), files.read(name).unwrap()), (Ok(()), b"own".to_vec()), "{name}");
    }
}

#[test]
fn links_are_followed_beneath_the_folder_only() {
    let (scene, files) = Scene::new("links");
    link("../secret", scene.inside("relative"));
    link(scene.0.join("secret"), scene.inside("absolute"));
    link("..", scene.inside("up"));
    link("/proc/self/fd/0", scene.inside("magic"));
    link("sub/own", scene.inside("good"));
    link("../sub/own", scene.inside("sub/back"));
    link("../new", scene.inside("new"));
    for name in ["relative", "absolute", "up/secret", "magic", "new"] {
        for open in [Files::open, Files::create, Files::keep, Files::append] {
            let e = open(&files, name).unwrap_err().to_string();
            assert!(e.starts_with("a function from the API opens files beneath "), "{name}: {e}");
        }
        assert!(files.exists(name), "{name} is there");
    }
    assert!(files.remove("up/secret").is_err());
    assert!(!scene.0.join("new").exists());
    assert_eq!(scene.secret(), "secret");
    assert_eq!(files.read("good").unwrap(), b"own");
    assert_eq!(files.read("sub/back").unwrap(), b"own");
}

#[test]
fn only_regular_files_are_opened_and_nothing_waits_for_a_fifo() {
    let (scene, files) = Scene::new("fifo");
    let made = rustix::fs::mknodat(
        rustix::fs::CWD,
        scene.inside("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    );
    made.unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(scene.inside("socket")).unwrap();
    for name in ["fifo", "socket", "sub"] {
        for open in [Files::open, Files::create, Files::append] {
            let e = open(&files, name).unwrap_err().to_string();
            let fits = e == "a function from the API opens regular files only" || e.starts_with("Is a directory");
            assert!(fits, "{name}: {e}");
        }
    }
}

#[test]
fn a_file_is_created_emptied_continued_and_removed_beneath_the_folder() {
    let (scene, files) = Scene::new("write");
    assert_eq!(files.open("sub/none").unwrap_err().kind(), std::io::ErrorKind::NotFound);
    assert!(!files.exists("sub/none"));
    files.create_new("sub/f").unwrap().write_all(b"one").unwrap();
    assert_eq!(files.create_new("sub/f").unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    files.append("sub/f").unwrap().write_all(b"two").unwrap();
    files.keep("sub/f").unwrap().write_all(b"O").unwrap();
    assert_eq!(std::fs::read(scene.inside("sub/f")).unwrap(), b"Onetwo");
    files.create("sub/f").unwrap().write_all(b"x").unwrap();
    assert_eq!(files.read("sub/f").unwrap(), b"x");
    files.remove("sub/f").unwrap();
    assert!(!scene.inside("sub/f").exists());
}

#[test]
fn the_folder_stays_the_same_one_whatever_its_name_means_later() {
    let (scene, files) = Scene::new("moved");
    std::fs::rename(scene.inside(""), scene.0.join("old")).unwrap();
    std::fs::create_dir(scene.inside("")).unwrap();
    link(scene.0.join("secret"), scene.inside("own"));
    assert!(!files.exists("own"));
    assert_eq!(files.read("sub/own").unwrap(), b"own");
    assert!(files == files.clone());
    assert!(files != Files::beneath(&scene.inside("")).unwrap());
    assert!(files != Files::anywhere());
}

#[test]
fn without_a_folder_every_file_is_opened() {
    let (scene, files) = Scene::new("anywhere");
    let name = scene.0.join("secret").to_string_lossy().into_owned();
    let mut text = String::new();
    assert_eq!(Files::anywhere().check(&name), Ok(()));
    assert_eq!(Files::anywhere().check_stream(), Ok(()));
    assert!(files.check_stream().is_err());
    Files::anywhere().open(&name).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "secret");
    assert!(Files::beneath(&scene.0.join("none")).unwrap_err().ends_with("none: No such file or directory"));
    assert!(Files::beneath(&scene.0.join("secret")).unwrap_err().ends_with("secret: Not a directory"));
}

#[test]
fn libraries_are_found_beneath_the_folder_only() {
    use crate::lang::Loader;
    let (scene, files) = Scene::new("libraries");
    std::fs::write(scene.inside("sub/a.click"), "// a").unwrap();
    std::fs::write(scene.inside("b"), "// b").unwrap();
    std::fs::write(scene.0.join("c.click"), "// c").unwrap();
    link("../c.click", scene.inside("c.click"));
    let find = |name: &str, from: &str| Libraries(&files).load(name, from).map(|l| l.map(|l| (l.path, l.text)));
    let found = |path: &str, text: &str| Ok(Some((path.into(), text.into())));
    assert_eq!(find("sub/a", "main"), found("sub/a.click", "// a"));
    assert_eq!(find("a", "sub/x.click"), found("sub/a.click", "// a"));
    assert_eq!(find("b", "/etc/main.click"), found("b", "// b"));
    assert_eq!(find("b", "../../main.click"), found("b", "// b"));
    assert_eq!(find("nothing", "main"), Ok(None));
    assert!(find("c", "main").unwrap_err().starts_with("c.click: a function from the API opens files beneath"));
    for name in ["../c", "/etc/passwd"] {
        assert!(find(name, "main").unwrap_err().starts_with(&format!("‘{name}’: a function from the API")));
    }
}
