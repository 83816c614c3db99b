//! The file that subscriptions outlive the process in. It holds secrets: only its owner reads it (mode 0600).
use super::subscription::Subscription;
use crate::store::{read_at_most, write_atomically};
use std::fs;
use std::io;
use std::path::PathBuf;

/// Its name.
const NAME: &str = "subscriptions.json";
/// Longest file that is read, bytes.
const LONGEST: usize = 4 << 20;

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
        let Some(text) = read_at_most(&path, LONGEST)? else { return Ok(Vec::new()) };
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
        write_atomically(&folder.join(NAME), &serde_json::to_vec(all)?, 0o600)
    }
}
