//! The files that elements open: anywhere, or beneath one folder only.
//!
//! Elements open every file through the [`Files`] of their graph, which [`Env::files`](crate::env::Env::files) gives them.
//! Confined ones name files relative to a folder that was opened before, and the kernel itself refuses what leads out of
//! it (`openat2` with RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS, Linux 5.6): no name is looked at first and opened later.
//! They are regular files: a FIFO could stop a worker, a device do anything.
#[cfg(feature = "std")]
mod library;
#[cfg(feature = "std")]
mod open;
#[cfg(all(test, feature = "std"))]
mod tests;

#[cfg(feature = "std")]
pub use library::Libraries;

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

/// Where files may be opened.
#[derive(Clone, Debug, Default)]
pub struct Files(Option<Arc<Folder>>);

/// A folder that files are confined to. It stays the same one if its name later means another.
#[derive(Debug)]
#[cfg_attr(not(feature = "std"), allow(dead_code))] // there are no files
struct Folder {
    /// As it was named.
    path: String,
    /// Device and inode.
    id: (u64, u64),
    #[cfg(feature = "std")]
    fd: std::os::fd::OwnedFd,
}

impl Files {
    /// Files are opened wherever the process may.
    pub const fn anywhere() -> Files {
        Files(None)
    }

    /// Whether files are opened beneath a folder only.
    pub fn is_confined(&self) -> bool {
        self.0.is_some()
    }

    /// Refuses a name that cannot lead to a file here: an absolute one, or one that climbs out with `..`. Whether links do
    /// is found out when it is opened.
    ///
    /// # Errors
    /// `‘name’: why`.
    pub fn check(&self, name: &str) -> Result<(), String> {
        match &self.0 {
            Some(folder) if !stays_beneath(name) => Err(format!("‘{name}’: {}", folder.refusal())),
            _ => Ok(()),
        }
    }

    /// Refuses standard input and output, which are no files beneath a folder.
    ///
    /// # Errors
    /// `‘-’: why`.
    pub fn check_stream(&self) -> Result<(), String> {
        self.0.as_ref().map_or(Ok(()), |folder| Err(format!("‘-’: {}", folder.refusal())))
    }
}

/// Whether the same name means the same file.
impl PartialEq for Files {
    fn eq(&self, other: &Files) -> bool {
        self.0.as_ref().map(|f| f.id) == other.0.as_ref().map(|f| f.id)
    }
}

impl Folder {
    fn refusal(&self) -> String {
        format!("a function from the API opens files beneath {} only", self.path)
    }
}

/// Whether a name is relative and never above where it starts.
fn stays_beneath(name: &str) -> bool {
    let step = |depth: usize, part: &str| match part {
        "" | "." => Some(depth),
        ".." => depth.checked_sub(1),
        _ => Some(depth + 1),
    };
    !name.starts_with('/') && name.split('/').try_fold(0, step).is_some()
}
