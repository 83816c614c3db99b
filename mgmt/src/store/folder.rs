//! The folder of revisions: `<folder>/<function>/<number>.revision`, and `<folder>/stopped.json`; one process at a time.
//!
//! A file that is damaged is never deleted: it is moved aside, as `<number>.damaged`.
use super::file::{self, Step, Steps};
use super::{KEPT, Kept, Revision, check_name, record};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Who may read a revision: parameters may be secret.
const MODE: u32 = 0o600;
/// The names of functions that were stopped on purpose, a list. No function is called so: names have no dot.
const STOPPED: &str = "stopped.json";
/// Longest such list that is read, bytes.
const LONGEST_LIST: usize = 64 * 1024;
/// Most digits of a number; so one more never overflows.
const DIGITS: usize = 18;

/// A folder of revisions that is ours alone.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// The folder itself, locked (flock). The lock ends with the process, however that ends.
    lock: File,
    steps: Arc<dyn Steps>,
}

impl Drop for Folder {
    /// A child process that is just being started has the file open as well; closing ours would not end the lock at once.
    fn drop(&mut self) {
        let _ = self.lock.unlock(); // then it ends with the process
    }
}

/// What a folder contains.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The revisions of each function.
    pub(super) all: BTreeMap<String, Kept>,
    /// Functions that were stopped on purpose.
    pub(super) stopped: BTreeSet<String>,
    /// What is damaged, for people.
    pub(super) damaged: Vec<String>,
}

impl Folder {
    /// Whether what is written there outlives the machine: a file system in memory does not.
    pub(super) fn is_durable(&self) -> bool {
        /// `TMPFS_MAGIC` and `RAMFS_MAGIC` (linux/magic.h).
        const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
        rustix::fs::fstatfs(&self.lock).is_ok_and(|fs| !IN_MEMORY.contains(&(fs.f_type as u64)))
    }

    /// Takes a folder, and makes it if there is none. What a process left that was killed is tidied up.
    pub(super) fn open(path: &Path, steps: Arc<dyn Steps>) -> io::Result<(Folder, Found)> {
        let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        file::make_folder(path, &*steps).map_err(named)?;
        let lock = File::open(path).map_err(named)?;
        lock.try_lock().map_err(|e| match e {
            TryLockError::WouldBlock => io::Error::new(
                io::ErrorKind::ResourceBusy,
                format!("{}: another process keeps its revisions there", path.display()),
            ),
            TryLockError::Error(e) => io::Error::new(e.kind(), format!("{} cannot be locked: {e}", path.display())),
        })?;
        let folder = Folder { path: path.into(), lock, steps };
        let mut found = Found::default();
        for (name, is_folder) in list(path)? {
            if is_folder && check_name(&name).is_ok() {
                let kept = folder.load(&name, &mut found.damaged)?;
                found.all.insert(name, kept);
            }
        }
        found.stopped = folder.read_stopped(&mut found.damaged);
        folder.settle(path, &mut found.damaged);
        Ok((folder, found))
    }

    /// Reads which functions were stopped; none, if that is damaged.
    fn read_stopped(&self, damaged: &mut Vec<String>) -> BTreeSet<String> {
        let read = file::read_at_most(&self.path.join(STOPPED), LONGEST_LIST);
        let list = read.and_then(|bytes| match bytes {
            Some(bytes) => Ok(serde_json::from_slice(&bytes)?),
            None => Ok(BTreeSet::new()),
        });
        list.unwrap_or_else(|e| {
            damaged.push(format!("which functions were stopped is not known ({STOPPED}: {e}): none is"));
            BTreeSet::new()
        })
    }

    /// Writes which functions are stopped. When this returns, it survives a power cut.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write_stopped(&self, functions: &BTreeSet<String>) -> io::Result<()> {
        let bytes = serde_json::to_vec(functions)?;
        file::write_watched(&self.path.join(STOPPED), &bytes, MODE, &*self.steps)
    }

    /// What a process renamed or made that was killed may still be in the page cache only.
    fn settle(&self, path: &Path, damaged: &mut Vec<String>) {
        if let Err(e) = file::sync_folder(path, &*self.steps) {
            damaged.push(format!("{}: its disk does not keep what is written: {e}", path.display()));
        }
    }

    /// Reads the revisions of a function, the newest first, until enough are good.
    ///
    /// # Errors
    /// The folder cannot be listed. Then its numbers are not known, and a new revision could replace an old one.
    fn load(&self, function: &str, damaged: &mut Vec<String>) -> io::Result<Kept> {
        let path = self.path.join(function);
        let (mut numbers, mut kept) = (Vec::new(), Kept::default());
        for (name, _) in list(&path)? {
            if file::is_left_over(&name) {
                let _ = file::remove(&path.join(&name), &*self.steps); // a read-only disk: it does no harm
            } else if let Some((number, is_revision)) = number(&name) {
                kept.highest = kept.highest.max(number);
                if is_revision {
                    numbers.push(number);
                }
            }
        }
        numbers.sort_unstable();
        while let Some(number) = numbers.pop() {
            if kept.revisions.len() == KEPT {
                self.remove(function, number);
                continue;
            }
            match self.read(function, number) {
                Ok(revision) => kept.revisions.push(Arc::new(revision)),
                Err(what) => damaged.push(format!("revision {number} of ‘{function}’: {what}")),
            }
        }
        kept.revisions.reverse();
        kept.prune().into_iter().for_each(|number| self.remove(function, number));
        self.settle(&path, damaged);
        Ok(kept)
    }

    /// Reads a revision. One that is damaged is moved aside; one that cannot be read at all stays where it is.
    fn read(&self, function: &str, number: u64) -> Result<Revision, String> {
        let path = self.file(function, number);
        let what = match file::read_at_most(&path, record::LONGEST) {
            Ok(Some(bytes)) => match record::decode(number, &bytes) {
                Ok(revision) => return Ok(revision),
                Err(what) => what,
            },
            Ok(None) => return Err("it is gone".into()),
            Err(e) if e.kind() == io::ErrorKind::FileTooLarge => e.to_string(),
            Err(e) => return Err(format!("it cannot be read: {e}")),
        };
        let to = (1..).map(|n| if n == 1 { "damaged".to_string() } else { format!("damaged-{n}") });
        let free = to.map(|ending| path.with_extension(ending)).find(|p| p.symlink_metadata().is_err());
        let aside = free.unwrap_or_default();
        let moved = self.steps.before(Step::Rename(&path, &aside)).and_then(|()| std::fs::rename(&path, &aside));
        Err(match moved {
            Ok(()) => format!("{what}; moved to {}", aside.display()),
            Err(e) => format!("{what}; it cannot be moved aside: {e}"),
        })
    }

    /// Writes a revision. When this returns, it survives a power cut.
    ///
    /// # Errors
    /// It cannot be written. There is nothing of it then, as far as the disk still does what it is told.
    pub(super) fn write(&self, function: &str, revision: &Revision) -> io::Result<()> {
        let bytes = record::encode(revision).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
        let steps = &*self.steps;
        let folder = self.path.join(function);
        file::make_folder(&folder, steps)?;
        file::write_watched(&self.file(function, revision.number), &bytes, MODE, steps).inspect_err(|_| {
            // Renamed, but not known to be kept: it must not be the last good one after the next start.
            self.remove(function, revision.number);
            let _ = file::sync_folder(&folder, steps); // the disk has failed already
        })
    }

    /// Removes a revision that is not needed any more. If that fails, it is tried again at the next start.
    pub(super) fn remove(&self, function: &str, number: u64) {
        let _ = file::remove(&self.file(function, number), &*self.steps);
    }

    fn file(&self, function: &str, number: u64) -> PathBuf {
        self.path.join(function).join(format!("{number}.revision"))
    }
}

/// The number of a file, and whether it is a revision (or a damaged one); nothing for a file that is not ours.
fn number(name: &str) -> Option<(u64, bool)> {
    let (digits, ending) = name.split_once('.')?;
    let number = digits.parse().ok().filter(|n: &u64| *n > 0 && digits.len() <= DIGITS && n.to_string() == digits)?;
    match ending {
        "revision" => Some((number, true)),
        _ if ending.starts_with("damaged") => Some((number, false)),
        _ => None,
    }
}

/// Names of what lies in a folder, and whether each is a folder. A name that is not text is not ours.
fn list(path: &Path) -> io::Result<Vec<(String, bool)>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string() {
            names.push((name, entry.file_type()?.is_dir()));
        }
    }
    Ok(names)
}
