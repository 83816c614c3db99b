//! Files with secrets: nobody else reads them, and a change of them is noticed.
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Longest file that is read, bytes.
const LONGEST: u64 = 1 << 20;

/// Makes a folder that only its owner may enter (mode 0700).
///
/// # Errors
/// It cannot be made, or others may write into the one that is there.
pub fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let mode = fs::metadata(path)?.mode() & 0o777;
    if mode & 0o022 != 0 {
        let text = format!("{}: others may write there (mode {mode:04o}): chmod 700", path.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    Ok(())
}

/// Reads a text file, at most 1 MiB. `private`: nobody but its owner may be able to.
pub fn read(path: &Path, private: bool) -> Result<String, String> {
    let wrong = |e: io::Error| format!("{}: {e}", path.display());
    let file = File::open(path).map_err(wrong)?;
    let mode = file.metadata().map_err(wrong)?.mode() & 0o777;
    if private && mode & 0o077 != 0 {
        return Err(format!("{}: others may read it (mode {mode:04o}): chmod 600", path.display()));
    }
    let mut text = String::new();
    let length = file.take(LONGEST + 1).read_to_string(&mut text).map_err(wrong)?;
    if length as u64 > LONGEST {
        return Err(format!("{}: longer than {LONGEST} bytes", path.display()));
    }
    Ok(text)
}

/// What shows that a file is another one: its number, its length, and when it or its mode changed last.
type Stamp = Option<(u64, u64, i64, i64)>;

/// Makes the content from the files. It is told what there was before.
type Load<T> = Box<dyn Fn(Option<&T>) -> Result<T, String> + Send + Sync>;

/// Something that is read from files, and again when they change. What cannot be read leaves the old content.
pub struct Watched<T> {
    files: Vec<PathBuf>,
    load: Load<T>,
    now: RwLock<Arc<T>>,
    stamps: Mutex<Vec<Stamp>>,
}

impl<T> Watched<T> {
    /// Reads it for the first time.
    ///
    /// # Errors
    /// What is wrong with the files.
    pub fn new(files: Vec<PathBuf>, load: Load<T>) -> Result<Watched<T>, String> {
        let stamps = Mutex::new(stamps(&files)); // before it is read: a change in between is seen later
        let now = RwLock::new(Arc::new(load(None)?));
        Ok(Watched { files, load, now, stamps })
    }

    /// Reads it for the first time. If the files are wrong, it begins with the default; then this is told, too.
    pub fn or_default(files: Vec<PathBuf>, load: Load<T>) -> (Watched<T>, Option<String>)
    where
        T: Default,
    {
        let stamps = Mutex::new(stamps(&files));
        let (first, wrong) = match load(None) {
            Ok(first) => (first, None),
            Err(why) => (T::default(), Some(why)),
        };
        (Watched { files, load, now: RwLock::new(Arc::new(first)), stamps }, wrong)
    }

    /// What it is now.
    pub fn get(&self) -> Arc<T> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks whether the files changed, and reads them again if so. Nothing if they did not; else what is wrong with them.
    pub fn look(&self) -> Option<Result<(), String>> {
        let mut known = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let found = stamps(&self.files);
        if *known == found {
            return None;
        }
        *known = found;
        let loaded = (self.load)(Some(&self.get()));
        Some(loaded.map(|new| *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new)))
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |m: fs::Metadata| (m.ino(), m.len(), m.ctime(), m.ctime_nsec());
    files.iter().map(|f| fs::metadata(f).ok().map(stamp)).collect()
}
