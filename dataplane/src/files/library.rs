//! Libraries of configurations that are confined.
use super::Files;
use crate::lang::{Library, Loader};
use crate::os::strerror;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use std::io::{ErrorKind, Read};

/// Longest library, bytes.
const LONGEST: u64 = 4 << 20;

/// Finds the files of `require(library NAME)` where a graph may open files: beside the library that asks, then in the
/// folder itself; as `NAME`, then as `NAME.click`.
pub struct Libraries<'a>(pub &'a Files);

impl Loader for Libraries<'_> {
    fn load(&mut self, name: &str, from: &str) -> Result<Option<Library>, String> {
        self.0.check(name)?;
        let beside = from.rsplit_once('/').map(|(folder, _)| format!("{folder}/{name}"));
        // The text itself may have come from elsewhere: only libraries lie beneath the folder.
        let beside = beside.filter(|path| self.0.check(path).is_ok());
        for path in beside.into_iter().chain([name.into()]).flat_map(|p| [p.clone(), format!("{p}.click")]) {
            let why = |e: std::io::Error| format!("{path}: {}", strerror(&e));
            let file = match self.0.open(&path) {
                Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
                other => other.map_err(why)?,
            };
            let mut bytes = Vec::new();
            file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(why)?;
            if bytes.len() as u64 > LONGEST {
                return Err(format!("{path}: a library has {LONGEST} bytes at most"));
            }
            let text = String::from_utf8_lossy(&bytes).into_owned();
            return Ok(Some(Library { path, text }));
        }
        Ok(None)
    }
}
