//! The file that subscriptions outlive the process in. It holds secrets: only its owner reads it (mode 0600).
use super::subscription::Subscription;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

/// Its name.
const NAME: &str = "subscriptions.json";
/// Longest file that is read, bytes.
const LONGEST: u64 = 4 << 20;

/// Where subscriptions are kept; nowhere without a folder.
#[derive(Debug, Default)]
pub struct Shelf(Option<PathBuf>);

impl Shelf {
    /// A shelf in a folder.
    pub fn new(folder: Option<PathBuf>) -> Shelf {
        Shelf(folder)
    }

    /// What was kept. A file that cannot be read is put aside as `subscriptions.json.bad`.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn load(&self) -> io::Result<Vec<Subscription>> {
        let Some(folder) = &self.0 else { return Ok(Vec::new()) };
        let path = folder.join(NAME);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e),
        };
        let mut text = Vec::new();
        file.take(LONGEST).read_to_end(&mut text)?;
        serde_json::from_slice(&text).map_err(|e| {
            let _ = fs::rename(&path, folder.join(format!("{NAME}.bad"))); // it is in nobody's way
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {e}", path.display()))
        })
    }

    /// Keeps all of them. When this returns they survive a power cut; if it fails, what was kept is what it was.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self, all: &[Subscription]) -> io::Result<()> {
        let Some(folder) = &self.0 else { return Ok(()) };
        fs::create_dir_all(folder)?;
        let aside = folder.join(format!("{NAME}.new"));
        let _ = fs::remove_file(&aside); // of a process that was killed
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
        file.write_all(&serde_json::to_vec(all)?)?;
        file.sync_all()?;
        fs::rename(&aside, folder.join(NAME))?;
        File::open(folder)?.sync_all()
    }
}
