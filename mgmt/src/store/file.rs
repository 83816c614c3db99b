//! Small files that are whole at any moment: after a power cut there is the old content or the new one, never a part.
//!
//! The order is what makes it so: write aside, fsync the file, rename, fsync the folder. Without the first fsync, a name
//! could point to data that was never written; without the second one, the name could be gone.
use std::fmt::Debug;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// One system call that changes a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    MakeFolder(&'a Path),
    Create(&'a Path),
    Write(&'a Path, &'a [u8]),
    Sync(&'a Path),
    Rename(&'a Path, &'a Path),
    SyncFolder(&'a Path),
    Remove(&'a Path),
}

/// Hears of each step before it is done. A step that it refuses is not done: so tests stop at any of them.
pub(super) trait Steps: Debug + Send + Sync {
    fn before(&self, step: Step<'_>) -> io::Result<()>;
}

/// Lets everything happen.
#[derive(Debug)]
pub(super) struct Unwatched;

impl Steps for Unwatched {
    fn before(&self, _: Step<'_>) -> io::Result<()> {
        Ok(())
    }
}

/// Replaces a small file, or makes it. When this returns, it survives a power cut. Its permissions are `mode` less the
/// umask of the process. Two writers of one path have to be kept apart by the caller.
///
/// # Errors
/// It cannot be written. The path has its old content then, or if the very last step failed, the new one; always a whole
/// one.
pub fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    write_watched(path, bytes, mode, &Unwatched)
}

/// Reads a small file. Nothing if there is none.
///
/// # Errors
/// It cannot be read, or is longer than `most` bytes ([`io::ErrorKind::FileTooLarge`]).
pub fn read_at_most(path: &Path, most: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut bytes = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes")));
    }
    Ok(Some(bytes))
}

pub(super) fn write_watched(path: &Path, bytes: &[u8], mode: u32, steps: &dyn Steps) -> io::Result<()> {
    let aside = aside(path)?;
    let done = write_and_rename(path, &aside, bytes, mode, steps);
    if done.is_err() {
        let _ = remove(&aside, steps); // a full disk needs the room; if it stays, the next write replaces it
    }
    done
}

fn write_and_rename(path: &Path, aside: &Path, bytes: &[u8], mode: u32, steps: &dyn Steps) -> io::Result<()> {
    remove(aside, steps)?; // of a process that was killed
    steps.before(Step::Create(aside))?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(aside)?;
    steps.before(Step::Write(aside, bytes))?;
    file.write_all(bytes)?;
    steps.before(Step::Sync(aside))?;
    file.sync_all()?;
    drop(file);
    steps.before(Step::Rename(aside, path))?;
    std::fs::rename(aside, path)?;
    sync_folder(folder_of(path), steps)
}

/// The path under which a file is written before it gets its name: hidden, in the same folder.
fn aside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().and_then(|n| n.to_str());
    let name = name.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it has no name that is text"))?;
    Ok(path.with_file_name(format!(".{name}.tmp")))
}

/// Whether a file of this name is a left-over of a write.
pub(super) fn is_left_over(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".tmp")
}

/// Removes a file, if there is one. It may come back after a power cut.
pub(super) fn remove(path: &Path, steps: &dyn Steps) -> io::Result<()> {
    if std::fs::symlink_metadata(path).is_err_and(|e| e.kind() == io::ErrorKind::NotFound) {
        return Ok(());
    }
    steps.before(Step::Remove(path))?;
    std::fs::remove_file(path)
}

/// Makes what was created, renamed and removed in a folder survive a power cut.
pub(super) fn sync_folder(path: &Path, steps: &dyn Steps) -> io::Result<()> {
    steps.before(Step::SyncFolder(path))?;
    File::open(path)?.sync_all()
}

/// Makes a folder (0700), and those that it lies in.
pub(super) fn make_folder(path: &Path, steps: &dyn Steps) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = folder_of(path);
    make_folder(parent, steps)?;
    steps.before(Step::MakeFolder(path))?;
    DirBuilder::new().mode(0o700).create(path)?;
    sync_folder(parent, steps)
}

/// The folder that something lies in; the current one for a bare name.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
