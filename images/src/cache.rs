//! Where things lie that take minutes to make.
//!
//! An entry is a folder named after the hash of what it was made of. It is made aside and renamed when it is whole, so
//! whoever is interrupted leaves none behind, and whoever finds one can use it. A lock file makes the second of two wait.
use anyhow::{Context as _, Result, bail};
use rustix::fs::{FlockOperation, flock};
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The folder of the cache: `$SLUICE_CACHE`, or `sluice` in `$XDG_CACHE_HOME`, or `.cache/sluice` at home.
///
/// # Errors
/// None of these is set.
pub fn folder() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let folder = set("SLUICE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|f| f.join("sluice")))
        .or_else(|| set("HOME").map(|f| f.join(".cache/sluice")));
    match folder {
        Some(folder) => Ok(folder),
        None => bail!("there is no home folder to cache the kernel in: set SLUICE_CACHE to a folder"),
    }
}

/// The entry `name`: made by `make` in an empty folder if there is none. Others that want one of this cache wait
/// meanwhile, after `waiting` was called.
///
/// # Errors
/// The folder cannot be written, or `make` failed; nothing is left behind then.
pub fn entry(
    folder: &Path,
    name: &str,
    waiting: impl FnOnce(),
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let path = folder.join(name);
    if path.is_dir() {
        return Ok(path);
    }
    let named = || format!("cannot write to the cache {}", folder.display());
    fs::create_dir_all(folder).with_context(named)?;
    let lock = File::create(folder.join("lock")).with_context(named)?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        waiting();
        flock(&lock, FlockOperation::LockExclusive).with_context(named)?;
    }
    if path.is_dir() {
        return Ok(path);
    }
    // Whoever left this behind holds no lock, so is gone.
    let aside = folder.join("making");
    remove(&aside)?;
    fs::create_dir(&aside).with_context(named)?;
    let made = make(&aside).and_then(|()| fs::rename(&aside, &path).with_context(named));
    if made.is_err() {
        remove(&aside)?;
    }
    made.map(|()| path)
}

/// Removes a folder, if it is there.
///
/// # Errors
/// It is there and stays.
pub fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn an_entry_is_made_once() {
        let scratch = Scratch::new("cache-once");
        let make = |at: &Path| Ok(fs::write(at.join("file"), "made")?);
        let first = entry(&scratch.0, "kernel-1", || (), make).unwrap();
        let second = entry(&scratch.0, "kernel-1", || (), |_| bail!("made twice")).unwrap();
        assert_eq!(first, second);
        assert_eq!(fs::read_to_string(first.join("file")).unwrap(), "made");
    }

    #[test]
    fn what_failed_leaves_nothing_and_can_be_made_again() {
        let scratch = Scratch::new("cache-failed");
        let failed = entry(
            &scratch.0,
            "kernel-1",
            || (),
            |at| {
                fs::write(at.join("half"), "")?;
                bail!("no room");
            },
        );
        assert_eq!(failed.unwrap_err().to_string(), "no room");
        let made = entry(&scratch.0, "kernel-1", || (), |_| Ok(())).unwrap();
        assert_eq!(fs::read_dir(made).unwrap().count(), 0);
    }

    #[test]
    fn what_was_interrupted_is_made_again() {
        let scratch = Scratch::new("cache-interrupted");
        fs::create_dir_all(scratch.0.join("making")).unwrap();
        fs::write(scratch.0.join("making/half"), "").unwrap();
        let made = entry(&scratch.0, "kernel-1", || (), |_| Ok(())).unwrap();
        assert!(!made.join("half").exists());
    }

    #[test]
    fn of_two_at_once_one_makes_it_and_the_other_waits() {
        let scratch = Scratch::new("cache-two");
        let make = || {
            let mut mine = false;
            let made = entry(
                &scratch.0,
                "kernel-1",
                || (),
                |at| {
                    std::thread::sleep(std::time::Duration::from_millis(50));
                    fs::write(at.join("file"), "whole")?;
                    mine = true;
                    Ok(())
                },
            );
            assert_eq!(fs::read_to_string(made.unwrap().join("file")).unwrap(), "whole");
            mine
        };
        let makers = std::thread::scope(|s| {
            let all = [s.spawn(make), s.spawn(make)];
            all.map(|t| t.join().unwrap()).into_iter().filter(|m| *m).count()
        });
        assert_eq!(makers, 1);
    }
}
